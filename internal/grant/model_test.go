package grant_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
	"pgregory.net/rapid"
)

// An act is one thing that happens in the story of TestModel.
type act struct {
	Kind     string
	At       int // which instance
	Owner    int
	N        int
	Stale    bool
	Claims   bool
	Unwaited bool
}

var kinds = []string{
	"token", "token", "token", "token", "token everywhere", "token everywhere", "sign in", "sign in", "forget", "look", "look", "deliver", "deliver",
	"revoke", "pass", "pass", "pass", "pass", "pass", "restart", "jump", "fault", "fault", "mood", "mood", "calm", "calm",
}

// passes are how long it takes until the next thing happens.
var passes = []time.Duration{
	30 * time.Millisecond, time.Second, 6 * time.Second, 25 * time.Second, 2 * time.Minute, 11 * time.Minute, 50 * time.Minute, 2 * time.Hour, 31 * day, 61 * day,
}

// moods of Microsoft's.
var moods = []string{"down", "silent", "lost", "slow", refusedOperator, refusedPerson, refusedChallenge, refusedAdmin, refusedLoop}

const (
	refusedChallenge = `{"error":"interaction_required","suberror":"basic_action","error_codes":[50076],"claims":"{\"access_token\":{\"x\":1}}"}`
	challenge        = `{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}`
)

// TestModel has people sign in, ask for tokens and be forgotten, on several
// instances, with faults of everybody's at any moment. Whatever happens, in
// whatever order, no refresh token that is alive is thrown away, a dead one is not
// tried again, no token is given out that should not be, a loss is told once, and
// in the end all agree.
//
// Where Microsoft ended a refresh token at its use, which it doesn't, an answer that
// never arrives would cost the grant: then what is promised is only that what has
// been received is not thrown away.
func TestModel(t *testing.T) {
	for name, c := range map[string]struct {
		instances int
		rotates   bool
	}{"shared": {3, false}, "shared, each token once": {3, true}, "alone": {1, false}, "alone, each token once": {1, true}} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				n := rapid.SampledFrom([]int{3, 10, 30, 60}).Draw(rt, "how many")
				acts := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) act {
					return act{
						Kind: rapid.SampledFrom(kinds).Draw(rt, "kind"), At: rapid.IntRange(0, c.instances-1).Draw(rt, "at"),
						Owner: rapid.IntRange(0, 1).Draw(rt, "owner"), N: rapid.IntRange(0, 99).Draw(rt, "n"),
						Stale: rapid.Bool().Draw(rt, "stale"), Claims: rapid.Bool().Draw(rt, "claims"), Unwaited: rapid.Bool().Draw(rt, "unwaited"),
					}
				}), n, n).Draw(rt, "acts")
				var wrong []string
				synctest.Test(t, func(t *testing.T) {
					m := newModel(t, c.instances, c.rotates)
					for i, a := range acts {
						m.do(a)
						synctest.Wait()
						m.buryTheDead()
						m.check(fmt.Sprintf("after act %d (%s): ", i, a.Kind))
					}
					m.recover()
					wrong = m.wrong
				})
				if len(wrong) > 0 {
					rt.Fatalf("%s", strings.Join(wrong, "\n"))
				}
			})
		})
	}
}

// A model is what is true, whatever the instances believe.
type model struct {
	*bubble
	t         *testing.T
	watched   *watched // the store
	rotates   bool
	instances []*patient
	buried    []*patient
	asking    sync.WaitGroup

	mu    sync.Mutex
	wrong []string
	mood  string
	// calls to Microsoft and commits have all done as they should so far.
	orderly bool
	tokens  map[string]*truth // by refresh token
	losses  map[string]int    // by owner, as the store shows
	signIns map[string]int    // by owner
	// newest is the last sign-in of an owner that the store has seen; forgotten is the
	// announcement after which nobody may book for the owner.
	newest    map[string]int
	forgotten map[string]store.Position
}

func newModel(t *testing.T, instances int, rotates bool) *model {
	m := &model{
		bubble: newBubble(t), t: t, rotates: rotates, orderly: true, tokens: map[string]*truth{}, losses: map[string]int{},
		signIns: map[string]int{}, newest: map[string]int{}, forgotten: map[string]store.Position{},
	}
	m.microsoft.quiet = true
	m.watched = &watched{Store: m.store, seen: m.seen}
	for range instances {
		m.instances = append(m.instances, m.start(instances > 1))
	}
	return m
}

func (m *model) fail(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wrong = append(m.wrong, fmt.Sprintf(format, args...))
}

// disorder notes that something has failed that the promises about calls and
// events presuppose.
func (m *model) disorder() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.orderly = false
}

func owner(n int) string { return []string{alice, "room:contoso/boardroom"}[n] }

func (m *model) do(a act) {
	who, p := owner(a.Owner), m.instances[a.At]
	switch a.Kind {
	case "token":
		m.ask(p, who, a)
	case "token everywhere":
		for _, p := range m.instances {
			m.ask(p, who, a)
		}
	case "sign in":
		m.signIn(p, who, []grant.State{grant.Connected, grant.Connected, grant.NoMailbox}[a.N%3])
	case "forget":
		m.forget(p, who)
	case "look":
		stop := p.run(p.Run, p.KeepAlive)
		time.Sleep(20 * time.Second)
		stop()
	case "deliver":
		p.deliver()
	case "revoke":
		m.mu.Lock()
		for _, t := range m.tokens {
			t.ended = t.ended || t.owner == who
		}
		m.mu.Unlock()
	case "pass":
		time.Sleep(passes[a.N%len(passes)])
	case "restart":
		p.close()
		m.bury(a.At)
	case "jump":
		m.disorder()
		p.ahead.Store(int64([]time.Duration{2 * time.Hour, -2 * time.Hour, 0}[a.N%3]))
	case "fault":
		m.disorder()
		p.store.next(faults[a.N%len(faults)], 1+a.N%2, passes[a.N%5])
	case "mood":
		m.setMood(moods[a.N%len(moods)])
	case "calm":
		m.setMood("")
		p.store.heal()
	}
}

func (m *model) setMood(mood string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mood = mood
}

func (m *model) buryTheDead() {
	for i, p := range m.instances {
		if p.store.isKilled() {
			m.bury(i)
		}
	}
}

// bury starts another instance in the place of one that is no more.
func (m *model) bury(i int) {
	m.buried = append(m.buried, m.instances[i])
	m.instances[i].store.kill()
	m.instances[i] = m.start(len(m.instances) > 1)
}

func (m *model) signIn(p *patient, who string, s grant.State) {
	access, refresh := m.issue(who, nil, nil)
	m.mu.Lock()
	delete(m.forgotten, who)
	m.mu.Unlock()
	tokens := entra.Tokens{Access: access, Refresh: refresh, Expires: p.now().Add(accessLife)}
	if err := p.Save(m.t.Context(), who, "contoso", tokens, s); err != nil && !p.store.excuses(err) {
		m.fail("Save = %v", err)
	}
}

func (m *model) forget(p *patient, who string) {
	err := p.Forget(m.t.Context(), who)
	if err != nil && !p.store.excuses(err) {
		m.fail("Forget = %v", err)
	}
	if _, _, there := m.kept(who); there {
		if err == nil {
			m.fail("%s is there after Forget", who)
		}
		return
	}
	at := m.announced()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.newest[who] = m.signIns[who] + 1 // what comes of an earlier sign-in must not come back
	m.forgotten[who] = at
	if err == nil {
		p.forgot[who] = at
	}
}

// ask asks for a token, and doesn't wait for it.
func (m *model) ask(p *patient, who string, a act) {
	ask := grant.Ask{Background: a.Unwaited}
	m.mu.Lock()
	if a.Stale {
		ask.Stale = p.last[who]
	}
	signIns := m.signIns[who]
	m.mu.Unlock()
	if a.Claims && ask.Stale != "" {
		ask.Claims = challenge
	}
	gone := m.gone(p, who)
	m.asking.Go(func() {
		token, err := p.Token(m.t.Context(), who, ask)
		if p.store.isKilled() {
			return
		}
		if err != nil {
			if !slices.ContainsFunc([]error{grant.ErrNeedsSignIn, grant.ErrNeedsAdminConsent, grant.ErrIntegrationDown, grant.ErrUnavailable}, func(is error) bool {
				return errors.Is(err, is)
			}) && !p.store.excuses(err) {
				m.fail("Token = %v", err)
			}
			return
		}
		to, at := issuedTo(token)
		age := time.Since(at)
		m.mu.Lock()
		p.last[who] = token
		gone = gone && m.signIns[who] == signIns
		orderly := m.orderly
		m.mu.Unlock()
		switch {
		case to != who:
			m.fail("Token(%s) = %q", who, token)
		case orderly && age > accessLife+time.Second, age >= accessLife+4*time.Hour+time.Minute: // clocks may differ
			m.fail("Token(%s) = %q, which has expired: %s", who, token, age)
		case token == ask.Stale:
			m.fail("Token(%s) = %q, which has just been refused", who, token)
		case gone:
			m.fail("Token(%s) = %q, though the grant is forgotten", who, token)
		}
	})
}
