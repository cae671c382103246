package booking

import (
	"context"
	"errors"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
)

// A block is a busy time of a room, from the journal (then with its record) or
// as Graph tells it.
type block struct {
	period
	status  string
	subject string
	record  *record
	// uid is the meeting's iCalUId, and organizer who has called it, where the room's
	// own calendar shows them.
	uid       string
	organizer graph.EmailAddress
}

// Words for how busy a block is, as Graph has them.
const (
	busy      = "busy"
	tentative = "tentative"
)

// ownBlocks are the bookings of ours that hold the room within a window, but for one.
func (s *Service) ownBlocks(ctx context.Context, room, but string, from, to time.Time) ([]block, error) {
	var blocks []block
	_, err := s.journal.walk(ctx, roomPrefix(room), "", from, to, noLimit, func(e entry) bool {
		if e.record.Status.holdsRoom() && e.record.ID != but {
			blocks = append(blocks, e.record.block(e.period))
		}
		return true
	})
	return blocks, err
}

// block is how the booking holds its room at one of its times.
func (r *record) block(p period) block {
	b := block{period: p, status: tentative, record: r.at(p)}
	if r.Status == Confirmed {
		b.status = busy
	}
	return b
}

// blocks are how it holds its room at all of them.
func (r *record) blocks() (all []block) {
	for _, p := range r.slots() {
		all = append(all, r.block(p))
	}
	return all
}

// noLimit reads a window whole; windows are bounded in time.
const noLimit = 1 << 30

// graphBlocks asks Graph about rooms, with somebody's grant. What it returns may reach a
// day beyond the window. A room that could not be seen is not in the answer.
func (s *Service) graphBlocks(ctx context.Context, owner string, rooms []Room, from, to time.Time) (map[string][]block, error) {
	found := map[string][]block{}
	if len(rooms) == 0 {
		return found, nil
	}
	integration, ok := s.world().Integrations[rooms[0].Integration]
	if !ok {
		return nil, grant.ErrIntegrationDown
	}
	addresses := make([]string, len(rooms))
	for i, room := range rooms {
		addresses[i] = room.Address
	}
	from, to = withDates(from, to, rooms)
	schedules, err := integration.Graph.Schedules(ctx, s.mailbox(ctx, owner, false), addresses, from, to)
	if err != nil {
		return nil, err
	}
	for _, room := range rooms {
		schedule := schedules[room.Address]
		if schedule.Err != nil {
			s.log.WarnContext(ctx, "a room's calendar could not be seen; only our own bookings are known there",
				"room", room.Name, "integration", room.Integration, "error", schedule.Err)
			continue
		}
		blocks := []block{}
		for _, item := range schedule.Items {
			if item.Status == "free" || item.Status == "workingElsewhere" {
				continue
			}
			b := block{period: itemPeriod(item, room.TimeZone), status: item.Status}
			if !item.IsPrivate {
				b.subject = item.Subject
			}
			blocks = append(blocks, b)
		}
		found[room.Name] = blocks
	}
	return found, nil
}

// withDates widens a period by what of the dates in it, where the rooms are, is outside of it in
// UTC: all-day items stand at midnights of UTC, and are found by these.
func withDates(from, to time.Time, rooms []Room) (first, last time.Time) {
	first, last = from, to
	for _, room := range rooms {
		y, m, d := from.In(room.TimeZone).Date()
		first = earlier(first, time.Date(y, m, d, 0, 0, 0, 0, time.UTC))
		y, m, d = to.Add(-1).In(room.TimeZone).Date()
		last = later(last, time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC))
	}
	return first, last
}

// itemPeriod is the time that an item takes in a room's zone. All-day events
// float: they come as midnights of the zone that was asked for, which is UTC,
// and mean those dates where the room is.
func itemPeriod(item graph.ScheduleItem, zone *time.Location) period {
	start, end := item.Start.Time, item.End.Time
	if start.Equal(start.Truncate(24*time.Hour)) && end.Equal(end.Truncate(24*time.Hour)) {
		start, end = atMidnight(start, zone), atMidnight(end, zone)
	}
	return period{start, end}
}

// atMidnight is the first instant in zone of the date that t has in UTC.
func atMidnight(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.UTC().Date()
	return dayStart(time.Date(y, m, d, 12, 0, 0, 0, zone), zone)
}

// roomFree refuses slots in which the room is known to be taken. Graph being
// down, or not showing the room, refuses nothing: the journal is looked at again
// before the acceptance, and the room has the last word. owner is whose grant looks, and
// but is the booking that it is for, if that has been accepted.
func (s *Service) roomFree(ctx context.Context, c Caller, owner string, room Room, slots []period, but string) error {
	own, err := s.heldByOthers(ctx, room.Name, but, slots)
	if err != nil {
		return err
	}
	if len(own) > 0 {
		if own, err = s.stillHeld(ctx, question{caller: c, owner: owner, live: true}, room, but, slots, own); err != nil {
			return err
		}
	}
	if len(own) > 0 {
		return s.conflict(ctx, c, room, slots, own)
	}
	s.views.Wake(room.Name) // something is going on there
	clashes, err := s.clashes(ctx, question{caller: c, owner: owner}, room, slots)
	switch {
	case err == nil:
	case errors.Is(err, grant.ErrNeedsSignIn), errors.Is(err, grant.ErrNeedsAdminConsent), errors.Is(err, grant.ErrIntegrationDown):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		s.log.WarnContext(ctx, "the room's schedule could not be asked for; the booking goes on without it",
			"room", room.Name, "integration", room.Integration, "error", err)
		return nil
	}
	if len(clashes) > 0 {
		return s.conflict(ctx, c, room, slots, clashes)
	}
	return nil
}

// clashes are what the room's calendar shows within slots. Where nobody may look into that, it is
// asked once for all of them whether the room is free.
func (s *Service) clashes(ctx context.Context, q question, room Room, slots []period) (all []block, err error) {
	var unseen []period
	for _, q.period = range windows(slots) {
		looking, cancel := context.WithTimeout(ctx, lookTimeout)
		found, looked, err := s.clashing(looking, q, room, slots)
		cancel()
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
		for _, p := range slots {
			if !looked && p.overlaps(q.period) {
				unseen = append(unseen, p)
			}
		}
	}
	looking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	taken, _, err := s.suggestions(looking, q, room, unseen)
	return append(all, taken...), err
}

// clashing are the clashes of one window; looked is false if nobody may look. A picture may show
// what is gone by now, a booking that has just been cancelled, say: nobody is refused for it before
// the calendar itself has been looked into.
func (s *Service) clashing(ctx context.Context, q question, room Room, slots []period) (clashes []block, looked bool, err error) {
	seen, err := s.sightings(ctx, q, room)
	if err != nil {
		return nil, false, err
	}
	found, looked := seen[room.Name]
	clashes = overlapping(found.blocks, slots)
	if len(clashes) == 0 || !found.picture {
		return clashes, looked, nil
	}
	q.live = true
	if seen, err = s.sightings(ctx, q, room); err != nil {
		return clashes, true, nil // the picture is all there is
	}
	if now, looked := seen[room.Name]; looked {
		clashes = overlapping(now.blocks, slots)
	}
	return clashes, true, nil
}
