package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/peers"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/signin"
	"github.com/onesgate/onesgate/internal/store"
)

// status is how a gateway stands. It holds no secret.
type status struct {
	Version string `json:"version"`
	// Gateways are all that stand on the store, this one too.
	Gateways []peers.Gateway `json:"gateways"`
	// KeysetProblem is why the keyset can't be taken as it is now.
	KeysetProblem string              `json:"keyset_problem,omitempty"`
	Store         storeStatus         `json:"store"`
	Integrations  []integrationStatus `json:"integrations"`
	Rooms         []roomStatus        `json:"rooms"`
	// SharedCards are the user ids, at most ten each, of people with one card
	// number: nobody is found by it.
	SharedCards [][]string `json:"shared_cards,omitempty"`
}

type storeStatus struct {
	Engine string `json:"engine"`
	// Records by their kind, as counted at a time.
	Records map[string]int `json:"records"`
	Counted time.Time      `json:"counted_at"`
	// Disk is missing where the engine can't tell.
	Disk *diskStatus `json:"disk,omitempty"`
	// FeedLag is how old the knowledge of what other instances have done is, in
	// milliseconds.
	FeedLag int64 `json:"feed_lag_ms"`
	// LastBackup is null if there was none.
	LastBackup *lastBackup `json:"last_backup"`
}

// diskStatus is in bytes.
type diskStatus struct {
	Used uint64 `json:"used"`
	Free uint64 `json:"free"`
}

type integrationStatus struct {
	Name string `json:"name"`
	// Works says whether Microsoft's token endpoint gave tokens the last time it was
	// asked, as this gateway knows. It is false while Microsoft refuses the integration
	// or gives no answer, since Since; missing: there was no token yet since the
	// configuration was loaded, and no such trouble.
	Works *bool      `json:"works,omitempty"`
	Since *time.Time `json:"since,omitempty"`
	// Ailing is how many connections wait for that to pass.
	Ailing      int                `json:"ailing"`
	Credentials []credentialStatus `json:"credentials"`
	// People who came through it, at the time of Store.Counted.
	People peopleStatus `json:"people"`
	// Waiting are the bookings that are neither confirmed nor at their end, by then.
	Waiting  int       `json:"bookings_waiting"`
	Problems []problem `json:"problems"`
}

// credentialStatus is one credential of the app registration.
type credentialStatus struct {
	Name  string `json:"name"`
	About string `json:"about"`
	// Expires and DaysLeft are missing where nothing here can tell.
	Expires  *time.Time `json:"expires,omitempty"`
	DaysLeft *int       `json:"days_left,omitempty"`
	// Refused is since when Microsoft has refused it; missing where it works, as far
	// as is known.
	Refused *time.Time `json:"refused_since,omitempty"`
	// Worked is when Microsoft last took it; missing if it has not since the
	// configuration was loaded.
	Worked *time.Time `json:"worked_at,omitempty"`
}

// peopleStatus is how many people are in each state of a connection.
type peopleStatus struct {
	Connected   int `json:"connected"`
	NeedsSignIn int `json:"needs_sign_in"`
	// Disconnected are those of NeedsSignIn who have no connection at all: they, or
	// the operator, have ended it.
	Disconnected      int `json:"disconnected"`
	NeedsAdminConsent int `json:"needs_admin_consent"`
	NoMailbox         int `json:"no_mailbox"`
}

type roomStatus struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Integration string `json:"integration"`
	// Connection of the room's account: "not_connected" where it has none.
	Connection string   `json:"connection"`
	Problem    *problem `json:"problem,omitempty"`
}

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
func (h *headcount) people(integration string) peopleStatus {
	in := func(s grant.State) int { return h.grants[grantsOf{integration, false, s}] }
	n := peopleStatus{
		Connected: in(grant.Connected), NeedsSignIn: in(grant.NeedsSignIn),
		NeedsAdminConsent: in(grant.NeedsAdminConsent), NoMailbox: in(grant.NoMailbox),
	}
	// A grant may be there already, or still, without its person's record.
	n.Disconnected = max(0, h.persons[integration]-n.Connected-n.NeedsSignIn-n.NeedsAdminConsent-n.NoMailbox)
	n.NeedsSignIn += n.Disconnected
	return n
}

func serveStatus(w http.ResponseWriter, r *http.Request, e *engine) error {
	s := status{
		Version: version(), KeysetProblem: e.keysetProblem(),
		Store:        storeStatus{Engine: e.kind, FeedLag: e.feed.Lag().Milliseconds()},
		Integrations: []integrationStatus{}, Rooms: []roomStatus{},
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
		s.Store.Disk = new(diskStatus)
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

// troubleOf tells since when an integration does not work, as this gateway knows, and
// why: Microsoft gives no tokens for grants, or has refused each credential, or does
// not answer, which may have been at a sign-in. nil: it works, or was not asked.
func troubleOf(standing grant.Standing, credentials []entra.CredentialState, silence entra.Silence) (since time.Time, cause error) {
	if standing.Problem != nil {
		return standing.Since, standing.Problem
	}
	for _, c := range credentials {
		if c.Refused.IsZero() {
			return silence.Since, silence.Cause
		}
		if cause = c.Refusal; c.Refused.After(since) {
			since = c.Refused
		}
	}
	return since, cause
}

// worksOf says whether an integration with that trouble works; nil: it isn't known.
func worksOf(cause error, credentials []entra.CredentialState) *bool {
	worked := func(c entra.CredentialState) bool { return !c.Worked.IsZero() }
	if cause == nil && !slices.ContainsFunc(credentials, worked) {
		return nil
	}
	return new(cause == nil)
}

func integrationStands(i signin.Integration, standing grant.Standing, found *headcount, publicURL string, now time.Time) integrationStatus {
	all := i.Entra.Credentials()
	since, cause := troubleOf(standing, all, i.Entra.Silence())
	told := integrationStatus{
		Name: i.Name, Works: worksOf(cause, all), Ailing: standing.Ailing,
		People: found.people(i.Name), Waiting: found.waiting[i.Name],
		Credentials: []credentialStatus{}, Problems: []problem{},
	}
	suffers := func(p *problem) {
		if p != nil {
			told.Problems = append(told.Problems, *p)
		}
	}
	if cause != nil {
		told.Since = &since
		suffers(new(ofIntegration(cause)))
	}
	for _, c := range all {
		one := credentialStatus{Name: c.Name, About: c.About}
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
		suffers(ofCredential(c, all, cause == nil, now))
	}
	suffers(ofPeople(i.Name, publicURL, told.People))
	return told
}

func (e *engine) roomStands(ctx context.Context, room signin.Room, publicURL string) (roomStatus, error) {
	told := roomStatus{Name: room.Name, Title: room.Title, Integration: room.Integration, Connection: notConnected}
	_, state, err := e.rooms.Get(ctx, room.Integration, room.Name)
	switch {
	case errors.Is(err, rooms.ErrNotConnected):
		return told, nil
	case err != nil:
		return told, err
	}
	told.Connection = string(state)
	told.Problem = ofRoom(room.Name, room.Integration, publicURL, state)
	return told, nil
}

// stamp is a time for people, in their zone.
func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }
