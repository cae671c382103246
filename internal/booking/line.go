package booking

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
)

// The bookings of a room go to Microsoft in the order in which they were accepted, those of
// different rooms side by side. What isn't there yet stands in the room's line, an index
// that all instances see. Only the first in it is sent; whoever sends it has the next
// one carried on. So in an outage the first ones alone are tried, and not all that wait.

const lines = "booking-line/"

func linePrefix(room string) string { return lines + url.PathEscape(room) + "/" }

func (r *record) lineKey() string {
	return linePrefix(r.Request.Room) + fmt.Sprintf("%020d/", r.Place) + r.ID
}

// inLine says whether the booking's event is still to be made.
func (r *record) inLine() bool { return r.open() && r.EventID == "" }

// holdsUp says whether those behind the booking in its room's line wait for it. They don't
// if it waits for its person, for another booking, or for nothing that concerns others.
func (r *record) holdsUp() bool {
	return r.inLine() && r.Status != NeedsSignIn && !r.Withdraw && r.After == nil && !r.Aside
}

// ahead returns how many are before a booking in its room's line, from the first that
// holds it up; 0: none does.
func (j journal) ahead(ctx context.Context, r *record) (int, error) {
	line, err := j.store.Scan(ctx, linePrefix(r.Request.Room), "", scanChunk)
	if err != nil {
		return 0, err
	}
	held, n := false, 0
	for _, e := range line {
		if e.Key >= r.lineKey() {
			return n, nil
		}
		if !held {
			other, err := j.get(ctx, path.Base(e.Key))
			if err != nil && !errors.Is(err, errNotFound) {
				return 0, err
			}
			held = err == nil && other.holdsUp()
		}
		if held {
			n++
		}
	}
	return n, nil
}

// lineRest bounds how long a booking rests in a line unless it is called.
const lineRest = 15 * time.Minute

// lineUp has a booking wait until those before it in its room's line are gone. Should
// nobody call it then, it looks for itself, the sooner the further in front it is.
func (s *Service) lineUp(ctx context.Context, r record, fresh bool) (after record, waits bool, err error) {
	n, err := s.journal.ahead(ctx, &r)
	if err != nil || n == 0 {
		return r, false, err
	}
	now := s.now().UTC()
	r, err = s.update(ctx, r.ID, func(r *record) {
		r.MaybeSent = r.MaybeSent && !fresh
		r.Turn = ""                             // for whoever calls it
		r.Reason, r.Aside = reasonInLine, false // it stands in line again, and is called
		r.NextAt = now.Add(min(time.Duration(n)*claimLife, lineRest))
		if now.Before(r.sendBy()) && r.NextAt.After(r.sendBy()) {
			r.NextAt = r.sendBy()
		}
	})
	if err != nil {
		return r, true, err
	}
	// It may have been called just before it could hear that.
	if n, err = s.journal.ahead(ctx, &r); err == nil && n == 0 {
		s.queue.wake(r.ID)
	}
	return r, true, err
}

// call has the first of a room's line carried on, and before it whoever holds up nobody but has
// stood in line. What can't be read is called later.
func (s *Service) call(ctx context.Context, room string) {
	for _, r := range s.front(ctx, linePrefix(room)) {
		if r.holdsUp() || r.Reason == reasonInLine {
			s.queue.wake(r.ID)
		}
	}
}

// front are those in a room's line, as far as they can be read, up to the first whom those
// behind wait for.
func (s *Service) front(ctx context.Context, line string) (front []record) {
	all, err := s.journal.store.Scan(ctx, line, "", scanChunk)
	if err != nil {
		return nil
	}
	for _, e := range all {
		r, err := s.journal.get(ctx, path.Base(e.Key))
		if err != nil {
			continue
		}
		if front = append(front, r); r.holdsUp() {
			break
		}
	}
	return front
}

// tendEvery is how often rooms' lines are looked at.
const tendEvery = 15 * time.Second

// asideRest is how long at least one rests whose trouble is its person's alone, as far as is known.
const asideRest = 2 * time.Minute

// missed says whether what was tried last for a booking was in vain as Microsoft didn't answer, or
// refused the gateway itself.
func (r *record) missed() bool { return r.Reason == reasonRetry || r.Reason == reasonDown }

// rested is for how long a booking that could not be carried on has rested since.
func (r *record) rested(now time.Time) time.Duration { return backoff(r.Tries) - r.NextAt.Sub(now) }

// tendLines calls who is first in a line and waits to be called, though nobody has: a gateway may
// die right after it has sent the one before. Of those that Microsoft did not answer, or for
// which it refused the gateway, it has one of each integration tried, however long it would rest:
// so the end of that is noticed, also by a gateway that knows nothing of it.
func (s *Service) tendLines(ctx context.Context) error {
	tried := map[string]record{} // by integration
	for after := ""; ; {
		next, err := s.journal.store.Scan(ctx, lines, after, 1)
		if err != nil {
			return err
		}
		if len(next) == 0 {
			break
		}
		room, _, _ := strings.Cut(strings.TrimPrefix(next[0].Key, lines), "/")
		line := lines + room + "/"
		after = line + "~" // all of that line come before
		for _, r := range s.front(ctx, line) {
			switch other, ok := tried[r.Integration]; {
			case r.Turn != "", r.Aside && r.rested(s.now()) < asideRest: // somebody is at it, or was just now
			case r.Reason == reasonInLine:
				s.queue.wake(r.ID)
			case r.missed() && (!ok || r.Tries < other.Tries): // so that they take turns; who begins soon rests least each time
				tried[r.Integration] = r
			}
		}
	}
	for _, r := range tried {
		s.queue.wake(r.ID)
	}
	return nil
}

// reach remembers whom Microsoft has not answered, by integration, since it last answered
// a booking: more than one person is an outage, one alone may be ill by themselves.
type reach struct {
	mu    sync.Mutex
	since map[string]map[string]struct{}
	over  map[string]time.Time // when that was last told
}

// failed notes that Microsoft didn't answer, and says whether it is that person alone.
func (c *reach) failed(integration, person string) (alone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since[integration] == nil {
		c.since[integration] = map[string]struct{}{}
	}
	c.since[integration][person] = struct{}{}
	return len(c.since[integration]) == 1
}

// answered notes that Microsoft has answered a booking, perhaps one that it had not answered
// before, and says whether that ends an outage, which it does once in tendEvery at most.
func (c *reach) answered(integration string, again bool, now time.Time) (over bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	over = len(c.since[integration]) > 1 || again && now.Sub(c.over[integration]) >= tendEvery
	if over {
		c.over[integration] = now
	}
	delete(c.since, integration)
	return over
}

// heard takes in that Microsoft has answered a booking: what waited for that goes on at once.
// That it answers who reads is no sign, as it may take nothing all the same.
func (s *Service) heard(ctx context.Context, r *record) {
	if !s.reach.answered(r.Integration, r.missed(), s.now()) {
		return
	}
	for name, room := range s.world().Rooms {
		if room.Integration == r.Integration {
			s.call(ctx, name)
		}
	}
}

// aside says whether a booking that could not be carried on for err lets others of its room
// go before: what is wrong is with its person's mailbox.
func (s *Service) aside(r record, err error) bool {
	var busy *graph.BusyError
	var refused *graph.Error
	switch {
	case errors.Is(err, grant.ErrIntegrationDown), errors.Is(err, errUnconfigured):
		return false
	case errors.As(err, &busy), errors.As(err, &refused) && (refused.Status == http.StatusTooManyRequests || !graph.Transient(err)):
		return true
	}
	return s.reach.failed(r.Integration, r.PersonID)
}
