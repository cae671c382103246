package caddymodule

import (
	"context"
	"maps"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/grant"
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
	rooms   map[string]roomGlance
}

// roomGlance is a configured room.
type roomGlance struct {
	integration string
	connected   bool      // with an account whose connection is good
	seen        time.Time // when its calendar last was, or could first have been
}

// of returns what was seen of a room; false: nothing.
func (g *glance) of(integration, room string) (seen roomGlance, ok bool) {
	if g == nil {
		return seen, false
	}
	seen, ok = g.rooms[room]
	if seen.integration != integration {
		return roomGlance{}, false
	}
	return seen, ok
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
	g.rooms, err = e.glanceAtRooms(ctx, g.at)
	return g, err
}

// glanceAtRooms reads all accounts in one go: one by one, a thousand rooms are a
// thousand reads.
func (e *engine) glanceAtRooms(ctx context.Context, now time.Time) (map[string]roomGlance, error) {
	connected, err := e.rooms.All(ctx)
	if err != nil {
		return nil, err
	}
	configured := e.now.Load().world.Rooms
	seen := make(map[string]roomGlance, len(configured))
	for name, room := range configured {
		one := roomGlance{integration: room.Integration, seen: now}
		// A picture may be dropped, and its room was seen all the same.
		if before, ok := e.glance.Load().of(room.Integration, name); ok && before.connected {
			one.seen = before.seen
		}
		if at, ok := e.views.AsOf(name); ok && at.After(one.seen) {
			one.seen = at
		}
		seen[name] = one
	}
	for _, c := range connected {
		one, ok := seen[c.Room]
		if !ok || one.integration != c.Integration {
			continue
		}
		state, err := e.rooms.State(ctx, c.Integration, c.Room)
		if err != nil {
			return nil, err
		}
		one.connected = state == grant.Connected
		if c.ConnectedAt.After(one.seen) {
			one.seen = c.ConnectedAt
		}
		seen[c.Room] = one
	}
	return seen, nil
}

// lookForUnseen tells of connected rooms whose calendars have not been seen for long, and
// of those that are seen again; unseen are those that were told of.
func (e *engine) lookForUnseen(g *glance, unseen map[string]bool) {
	maps.DeleteFunc(unseen, func(name string, _ bool) bool {
		_, there := g.rooms[name]
		return !there
	})
	for name, room := range g.rooms {
		about := map[string]any{"integration": room.integration, "room": name}
		switch late := g.at.Sub(room.seen) > notSeenFor; {
		case !room.connected: // another event has told why, or nobody wants it to be
			delete(unseen, name)
		case late && !unseen[name]:
			unseen[name] = true
			about["seen"] = room.seen.UTC().Format(time.RFC3339)
			e.log.Warn("the calendar of a connected room can't be seen; its times are known from bookings made here only", "integration", room.integration, "room", name, "since", room.seen)
			e.events.emit(eventRoomNotSeen, about)
		case !late && unseen[name]:
			delete(unseen, name)
			e.log.Info("the calendar of a room is seen again", "integration", room.integration, "room", name)
			e.events.emit(eventRoomSeenAgain, about)
		}
	}
}
