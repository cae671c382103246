package caddymodule

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/roomview"
	"github.com/onesgate/onesgate/internal/status"
	"github.com/onesgate/onesgate/internal/store"
)

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
	ahead   map[roomOf]int // bookings that are not over

	sharedCards [][]string // user ids

	bookings bookingsFound
	observed map[string]status.Observed // by room
}

// grantsOf are the grants of people, or those of rooms, in one state.
type grantsOf struct {
	integration string
	rooms       bool
	state       grant.State
}

// roomOf is a room, configured or not.
type roomOf struct{ integration, room string }

// A source is what a census is taken of.
type source struct {
	store store.Store
	// meetings are those that a room's calendar shows.
	meetings func(room string) map[string]roomview.Block
	// cards are those that more than one person has.
	cards func(context.Context) ([][]string, error)
}

func (e *engine) source() source { return source{e.store, e.views.Meetings, e.people.SharedCards} }

// take counts, or returns what the last census has found.
func (c *census) take(ctx context.Context, of source) (*headcount, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if last := c.last.Load(); last != nil && time.Since(last.at) < c.stands {
		return last, nil
	}
	found := &headcount{
		at: time.Now(), records: map[string]int{}, grants: map[grantsOf]int{}, persons: map[string]int{}, waiting: map[string]int{},
		ahead: map[roomOf]int{}, observed: map[string]status.Observed{},
	}
	shown := map[string]map[string]roomview.Block{}
	err := of.store.Snapshot(ctx, func(r store.Record) error {
		found.records[kindOf(r.Key)]++
		if g, ok := grant.StateOf(r); ok {
			_, _, room := rooms.OfGrant(g.Owner)
			found.grants[grantsOf{g.Integration, room, g.State}]++
		}
		if integration, ok := people.IntegrationOf(r); ok {
			found.persons[integration]++
		}
		if b, ok := booking.BriefOf(r); ok {
			if _, read := shown[b.Room]; !read {
				shown[b.Room] = of.meetings(b.Room)
			}
			found.count(b, shown[b.Room])
		}
		return nil
	})
	if err == nil {
		found.sharedCards, err = of.cards(ctx)
	}
	if err != nil {
		return nil, err
	}
	c.last.Store(found)
	c.stands = 60 * time.Since(found.at)
	return found, nil
}

// bookingsFound are all bookings, as far as they are on their way or have failed lately.
type bookingsFound struct {
	status map[booking.Status]int
	oldest time.Time // of those that wait for no person
	failed int
}

// count takes in a booking; shown are the meetings of its room's calendar.
func (h *headcount) count(b booking.Brief, shown map[string]roomview.Block) {
	lately := h.at.Sub(b.Updated) < status.Lately
	if b.Waiting() {
		h.waiting[b.Integration]++
		h.bookings.waits(b)
	}
	if b.Holds(h.at) {
		h.ahead[roomOf{b.Integration, b.Room}]++
	}
	if b.Status == booking.Failed && lately {
		h.bookings.failed++
	}
	seen := h.observed[b.Room]
	if b.Status == booking.Declined && lately {
		if seen.Declined == nil {
			seen.Declined = map[string]int{}
		}
		seen.Declined[b.Refusal]++
	}
	if block, there := shown[b.Meeting]; there && b.Meeting != "" {
		seen.Meetings++
		replaced, exposed := b.In(block)
		if replaced {
			seen.Replaced++
		}
		if exposed {
			seen.Exposed++
		}
	}
	h.observed[b.Room] = seen
}

func (f *bookingsFound) waits(b booking.Brief) {
	if f.status == nil {
		f.status = map[booking.Status]int{}
	}
	f.status[b.Status]++
	if b.Status != booking.NeedsSignIn && (f.oldest.IsZero() || b.Created.Before(f.oldest)) {
		f.oldest = b.Created
	}
}

// told is that for the picture.
func (f *bookingsFound) told() status.Bookings {
	told := status.Bookings{
		Accepted: f.status[booking.Accepted], AwaitingRoom: f.status[booking.AwaitingRoom], NeedsSignIn: f.status[booking.NeedsSignIn], Failed: f.failed,
	}
	told.Waiting = told.Accepted + told.AwaitingRoom + told.NeedsSignIn
	if !f.oldest.IsZero() {
		told.Oldest = &f.oldest
	}
	return told
}

// latest is what the last census has found; nil: there was none.
func (c *census) latest() *headcount { return c.last.Load() }

// gone are the integrations of which something is left and that are not configured, by name.
func (h *headcount) gone(configured func(integration string) bool) []status.Gone {
	left := map[string]*status.Gone{}
	of := func(integration string) *status.Gone {
		if left[integration] == nil {
			left[integration] = &status.Gone{Name: integration}
		}
		return left[integration]
	}
	for integration, n := range h.persons {
		of(integration).People += n
	}
	for g, n := range h.grants {
		if g.rooms {
			of(g.integration).Rooms += n
		}
	}
	for integration, n := range h.waiting {
		of(integration).Waiting += n
	}
	var all []status.Gone
	for _, integration := range slices.Sorted(maps.Keys(left)) {
		if integration != "" && !configured(integration) {
			all = append(all, *left[integration])
		}
	}
	return all
}

// goneRooms are the rooms that are not configured, though their integration is, and have
// bookings that are not over, by name.
func (h *headcount) goneRooms(in *settings) []status.GoneRoom {
	var all []status.GoneRoom
	for of, n := range h.ahead {
		if room, there := in.world.Rooms[of.room]; in.configured(of.integration) && (!there || room.Integration != of.integration) {
			all = append(all, status.GoneRoom{Name: of.room, Integration: of.integration, Bookings: n})
		}
	}
	slices.SortFunc(all, func(a, b status.GoneRoom) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Integration, b.Integration))
	})
	return all
}

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
