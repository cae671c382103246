package grant_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/memstore"
)

// A truth is what Microsoft and the model know of a refresh token.
type truth struct {
	owner  string
	signIn int
	issued time.Time
	ended  bool
	by     *patient // who has received it
	stored bool
	buried int // how often it was refused as dead
}

func (t *truth) alive() bool { return !t.ended && time.Since(t.issued) <= refreshLife }

// watched is a store that tells seen of each record that is put, and of the one
// before, in the order in which they are.
type watched struct {
	*memstore.Store
	mu   sync.Mutex
	seen func(before, after store.Record)
}

func (s *watched) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := make([]store.Record, len(writes))
	for i, w := range writes {
		before[i], _ = s.Get(ctx, w.Key)
	}
	v, err := s.Store.Commit(ctx, writes...)
	for i, w := range writes {
		if err == nil && w.Op == store.Put {
			s.seen(before[i], store.Record{Key: w.Key, Value: w.Value, Version: v, Expires: w.Expires})
		}
	}
	return v, err
}

// announced is the last announcement so far.
func (m *model) announced() store.Position {
	last, err := m.store.Last(m.t.Context())
	if err != nil {
		m.fail("Last = %v", err)
	}
	return last
}

// seen notes what the store says of a grant. No other commit is made meanwhile.
func (m *model) seen(before, after store.Record) {
	who, isGrant := strings.CutPrefix(after.Key, "grant/")
	if !isGrant {
		return
	}
	was, _ := m.open(who, before)
	is, refresh := m.open(who, after)
	booked := was.State == grant.Connected || was.State == grant.NoMailbox
	m.mu.Lock()
	defer m.mu.Unlock()
	if booked && (is.State == grant.NeedsSignIn || is.State == grant.NeedsAdminConsent) {
		m.losses[who]++
	}
	if t := m.tokens[refresh]; t != nil {
		t.stored = true
		if t.signIn < m.newest[who] {
			m.wrong = append(m.wrong, fmt.Sprintf("what came of an earlier sign-in has replaced a later one of %s, or a forgotten grant", who))
		}
		m.newest[who] = max(m.newest[who], t.signIn)
	}
}

// gone says whether p has to know that who's grant is forgotten.
func (m *model) gone(p *patient, who string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, forgotten := m.forgotten[who]
	return forgotten && (p.heard >= at || p.forgot[who] == at)
}

// check holds at any time.
func (m *model) check(when string) {
	m.mu.Lock()
	orderly := m.orderly
	m.mu.Unlock()
	told := map[string]int{}
	for _, who := range m.bubble.losses() {
		told[who]++
	}
	for _, wrong := range m.unscheduled() {
		m.fail("%s%s", when, wrong)
	}
	for n := range 2 {
		who := owner(n)
		if told[who] > m.losses[who] || orderly && told[who] != m.losses[who] {
			m.fail("%s%s was lost %d times, and that was told %d times", when, who, m.losses[who], told[who])
		}
		_, refresh, _ := m.kept(who)
		busy := slices.ContainsFunc(m.instances, func(p *patient) bool { return p.Busy(who) })
		m.mu.Lock()
		for token, t := range m.tokens {
			if t.owner == who && orderly && t.buried > 1 {
				m.wrong = append(m.wrong, fmt.Sprintf("%s%s is dead, and was used %d times more", when, token, t.buried-1))
			}
			ours := t.stored || slices.Contains(m.instances, t.by)
			if t.owner != who || t.signIn != m.newest[who] || !t.alive() || !ours || busy {
				continue
			}
			if kept := m.tokens[refresh]; kept == nil || !kept.alive() {
				m.wrong = append(m.wrong, fmt.Sprintf("%s%s was thrown away: the store has %q", when, token, refresh))
			}
		}
		m.mu.Unlock()
	}
}

// recover ends all faults; after a while all is well, and everybody agrees.
func (m *model) recover() {
	m.setMood("")
	for _, p := range m.instances {
		p.store.heal()
		p.ahead.Store(0)
	}
	time.Sleep(9 * time.Hour) // what was refused, and by a clock that was ahead, is tried again
	for range 2 {
		var stops []func()
		for _, p := range m.instances {
			p.deliver()
			stops = append(stops, p.run(p.Run))
		}
		time.Sleep(3 * time.Minute)
		for _, stop := range stops {
			stop()
		}
		m.asking.Wait()
		m.check("in the end: ")
		for _, p := range m.instances {
			p.deliver()
			for n := range 2 {
				if !p.store.isFaulty() { // else a refusal may not be marked until somebody asks
					m.agree(p, owner(n))
				}
			}
		}
		for _, p := range m.instances {
			for n := range 2 {
				m.ask(p, owner(n), act{})
				m.asking.Wait()
				m.works(p, owner(n))
			}
		}
		for _, p := range m.instances {
			p.deliver()
			for n := range 2 {
				m.agree(p, owner(n))
			}
		}
	}
	for _, p := range slices.Concat(m.instances, m.buried) {
		p.close()
	}
	m.check("after the end: ")
}

// agree checks that an instance knows what the store does.
func (m *model) agree(p *patient, who string) {
	rec, _, there := m.kept(who)
	if !there {
		rec.State = grant.NeedsSignIn
	}
	c, err := p.Connection(m.t.Context(), who)
	if err != nil {
		m.fail("Connection = %v", err)
	} else if got := c.State(); got != rec.State {
		m.fail("the connection of %s is %s, in the store it is %s", who, got, rec.State)
	}
}

// works checks that there are tokens of a grant that is alive.
func (m *model) works(p *patient, who string) {
	_, refresh, _ := m.kept(who)
	m.mu.Lock()
	t := m.tokens[refresh]
	alive := t != nil && t.alive()
	m.mu.Unlock()
	_, err := p.Token(m.t.Context(), who, grant.Ask{})
	if alive && err != nil {
		m.fail("in the end, with refresh token %q, Token(%s) = %v", refresh, who, err)
	}
}
