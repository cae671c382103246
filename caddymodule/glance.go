package caddymodule

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/status"
)

const (
	// glanceEvery is how often the store is glanced at, if that doesn't take long: a
	// two-hundredth of the time is spent on it at most.
	glanceEvery = 15 * time.Second
	// notSeenFor is after how long without a look at a connected room's calendar somebody
	// is told. A room is looked at every 5 minutes at least.
	notSeenFor = 15 * time.Minute
)

// A glance is what is seen in the store without reading all of it. It doesn't change.
type glance struct {
	at      time.Time
	pending []booking.Pending
	backup  *status.Backup // nil: there was none
	rooms   []roomGlance
}

// roomGlance is a configured room.
type roomGlance struct {
	integration, name string
	connected         bool      // with an account whose connection is good
	seen              time.Time // when its calendar last was, or could first have been
}

// of returns what was seen of a room; false: nothing.
func (g *glance) of(integration, room string) (seen roomGlance, ok bool) {
	if g == nil {
		return seen, false
	}
	i := slices.IndexFunc(g.rooms, func(r roomGlance) bool { return r.integration == integration && r.name == room })
	if i < 0 {
		return seen, false
	}
	return g.rooms[i], true
}

// lookAround glances at the store, and says when to do so again.
func (e *engine) lookAround(ctx context.Context, unseen map[string]bool) (wait time.Duration) {
	begun := time.Now()
	seen, err := e.takeGlance(ctx)
	if err != nil {
		return glanceEvery // the store tells of itself; what was seen before stands
	}
	e.glance.Store(seen)
	e.lookForUnseen(seen, unseen)
	return max(glanceEvery, 200*time.Since(begun))
}

func (e *engine) takeGlance(ctx context.Context) (*glance, error) {
	g := &glance{at: time.Now()}
	var err error
	if g.pending, err = e.bookings.Pending(ctx); err != nil {
		return nil, err
	}
	if g.backup, err = readLastBackup(ctx, e.store); err != nil {
		return nil, err
	}
	for _, room := range e.now.Load().rooms() {
		account, state, err := e.rooms.Get(ctx, room.Integration, room.Name)
		if err != nil && !errors.Is(err, rooms.ErrNotConnected) {
			return nil, err
		}
		one := roomGlance{room.Integration, room.Name, err == nil && state == grant.Connected, g.at}
		// A picture may be dropped, and its room was seen all the same.
		if before, ok := e.glance.Load().of(room.Integration, room.Name); ok && before.connected {
			one.seen = before.seen
		}
		seen, _ := e.views.AsOf(room.Name)
		for _, at := range []time.Time{seen, account.ConnectedAt} {
			if at.After(one.seen) {
				one.seen = at
			}
		}
		g.rooms = append(g.rooms, one)
	}
	return g, nil
}

// lookForUnseen tells of connected rooms whose calendars have not been seen for long, and
// of those that are seen again; unseen are those that were told of.
func (e *engine) lookForUnseen(g *glance, unseen map[string]bool) {
	maps.DeleteFunc(unseen, func(name string, _ bool) bool {
		return !slices.ContainsFunc(g.rooms, func(r roomGlance) bool { return r.name == name })
	})
	for _, room := range g.rooms {
		about := map[string]any{"integration": room.integration, "room": room.name}
		switch late := g.at.Sub(room.seen) > notSeenFor; {
		case !room.connected: // another event has told why, or nobody wants it to be
			delete(unseen, room.name)
		case late && !unseen[room.name]:
			unseen[room.name] = true
			about["seen"] = room.seen.UTC().Format(time.RFC3339)
			e.log.Warn("the calendar of a connected room can't be seen; its times are known from bookings made here only", "integration", room.integration, "room", room.name, "since", room.seen)
			e.events.emit(eventRoomNotSeen, about)
		case !late && unseen[room.name]:
			delete(unseen, room.name)
			e.log.Info("the calendar of a room is seen again", "integration", room.integration, "room", room.name)
			e.events.emit(eventRoomSeenAgain, about)
		}
	}
}
