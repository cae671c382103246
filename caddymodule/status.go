package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/peers"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/signin"
	"github.com/onesgate/onesgate/internal/status"
	"github.com/onesgate/onesgate/internal/store"
)

// measured is an engine that knows what it takes on its disk, in bytes.
type measured interface {
	Usage() (used, free uint64, err error)
}

// A census counts the records of a store. It reads all of them, so one that took
// long stands for a while: whoever asks often has a sixtieth of the time spent on
// counting. It may be used concurrently.
type census struct {
	mu     sync.Mutex // held while one is taken
	last   atomic.Pointer[headcount]
	stands time.Duration
}

// A headcount is what a census has found. It doesn't change.
type headcount struct {
	at      time.Time
	records map[string]int // by kind
	grants  map[grantsOf]int
	persons map[string]int // by integration
	waiting map[string]int // bookings, by integration
}

// grantsOf are the grants of people, or those of rooms, in one state.
type grantsOf struct {
	integration string
	rooms       bool
	state       grant.State
}

func (c *census) take(ctx context.Context, s store.Store) (*headcount, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if last := c.last.Load(); last != nil && time.Since(last.at) < c.stands {
		return last, nil
	}
	found := &headcount{at: time.Now(), records: map[string]int{}, grants: map[grantsOf]int{}, persons: map[string]int{}, waiting: map[string]int{}}
	err := s.Snapshot(ctx, func(r store.Record) error {
		found.records[kindOf(r.Key)]++
		if g, ok := grant.StateOf(r); ok {
			_, _, room := rooms.OfGrant(g.Owner)
			found.grants[grantsOf{g.Integration, room, g.State}]++
		}
		if integration, ok := people.IntegrationOf(r); ok {
			found.persons[integration]++
		}
		if integration, waiting := booking.Waiting(r); waiting {
			found.waiting[integration]++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.last.Store(found)
	c.stands = 60 * time.Since(found.at)
	return found, nil
}

// latest is what the last census has found; nil: there was none.
func (c *census) latest() *headcount { return c.last.Load() }

// people are the people of an integration, by the state of their connections.
func (h *headcount) people(integration string) status.People {
	in := func(s grant.State) int { return h.grants[grantsOf{integration, false, s}] }
	n := status.People{
		Connected: in(grant.Connected), NeedsSignIn: in(grant.NeedsSignIn),
		NeedsAdminConsent: in(grant.NeedsAdminConsent), NoMailbox: in(grant.NoMailbox),
	}
	// A grant may be there already, or still, without its person's record.
	n.Disconnected = max(0, h.persons[integration]-n.Connected-n.NeedsSignIn-n.NeedsAdminConsent-n.NoMailbox)
	n.NeedsSignIn += n.Disconnected
	return n
}

func serveStatus(w http.ResponseWriter, r *http.Request, e *engine) error {
	s := status.Picture{
		Version: version(), KeysetProblem: e.keysetProblem(),
		Store:        status.Store{Engine: e.kind, FeedLag: e.feed.Lag().Milliseconds()},
		Integrations: []status.Integration{}, Rooms: []status.Room{},
	}
	found, err := e.census.take(r.Context(), e.store)
	if err == nil {
		s.Store.Records, s.Store.Counted = found.records, found.at
		s.Store.LastBackup, err = readLastBackup(r.Context(), e.store)
	}
	if err == nil {
		s.Gateways, err = peers.List(r.Context(), e.store)
	}
	if err == nil {
		s.SharedCards, err = e.people.SharedCards(r.Context())
	}
	if m, ok := e.store.(measured); ok && err == nil {
		s.Store.Disk = new(status.Disk)
		s.Store.Disk.Used, s.Store.Disk.Free, err = m.Usage()
	}
	if err != nil {
		return storeUnavailable(err)
	}
	now := e.now.Load()
	standing := e.standing()
	for _, i := range now.integrations {
		s.Integrations = append(s.Integrations, integrationStands(i, standing[i.Name], found, now.world.PublicURL, time.Now()))
	}
	for _, room := range now.rooms() {
		one, err := e.roomStands(r.Context(), room, now.world.PublicURL)
		if err != nil {
			return storeUnavailable(err)
		}
		s.Rooms = append(s.Rooms, one)
	}
	return answer(w, s)
}

// standing is how each integration stands that was of use so far.
func (e *engine) standing() map[string]grant.Standing {
	all := map[string]grant.Standing{}
	for _, s := range e.grants.Standing() {
		all[s.Integration] = s
	}
	return all
}

func integrationStands(i signin.Integration, standing grant.Standing, found *headcount, publicURL string, now time.Time) status.Integration {
	all := i.Entra.Credentials()
	since, cause := status.Trouble(standing, all, i.Entra.Silence())
	told := status.Integration{
		Name: i.Name, Works: status.Works(cause, all), Ailing: standing.Ailing,
		People: found.people(i.Name), Waiting: found.waiting[i.Name],
		Credentials: []status.Credential{}, Problems: []status.Problem{},
	}
	suffers := func(p *status.Problem) {
		if p != nil {
			told.Problems = append(told.Problems, *p)
		}
	}
	if cause != nil {
		told.Since = &since
		suffers(new(status.OfIntegration(cause)))
	}
	for _, c := range all {
		one := status.Credential{Name: c.Name, About: c.About}
		if !c.Expires.IsZero() {
			one.Expires, one.DaysLeft = new(c.Expires.UTC()), new(c.DaysLeft(now))
		}
		if !c.Refused.IsZero() {
			one.Refused = &c.Refused
		}
		if !c.Worked.IsZero() {
			one.Worked = &c.Worked
		}
		told.Credentials = append(told.Credentials, one)
		suffers(status.OfCredential(c, all, cause == nil, now))
	}
	suffers(status.OfPeople(i.Name, publicURL, told.People))
	return told
}

func (e *engine) roomStands(ctx context.Context, room signin.Room, publicURL string) (status.Room, error) {
	told := status.Room{Name: room.Name, Title: room.Title, Integration: room.Integration, Connection: status.NotConnected}
	_, state, err := e.rooms.Get(ctx, room.Integration, room.Name)
	switch {
	case errors.Is(err, rooms.ErrNotConnected):
		return told, nil
	case err != nil:
		return told, err
	}
	told.Connection = string(state)
	told.Problem = status.OfRoom(room.Name, room.Integration, publicURL, state)
	return told, nil
}
