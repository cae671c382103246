package booking

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/store"
)

// maxRechecks bounds how many bookings are looked at anew for one caller.
const maxRechecks = 5

// stillHeld are those of some blocks of our own that still hold slots of a room. What was
// confirmed once may have been cancelled, moved or taken out of the room in Outlook since:
// where the room's calendar shows nothing, the events of those bookings are asked.
func (s *Service) stillHeld(ctx context.Context, q question, room Room, but string, slots []period, own []block) ([]block, error) {
	for _, b := range own {
		if !b.record.rests() || len(own) > maxRechecks {
			return own, nil
		}
	}
	seen, looked, err := s.seenWithin(ctx, q, room, slots)
	if err != nil || !looked || len(seen) > 0 {
		return own, nil // not our business here: what is held is held
	}
	looking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	for _, b := range own {
		if err := s.recheck(looking, b.record.ID, b.period); err != nil {
			return nil, err
		}
	}
	return s.heldByOthers(ctx, room.Name, but, slots)
}

// recheckEvery is how often a booking is looked at anew that a room's calendar doesn't show.
const recheckEvery = time.Minute

// recheckMissing looks anew at those of our confirmed bookings that a room's calendar, as it
// was just seen, does not show: they may have been declined, cancelled or moved since. It
// returns what holds the room then.
func (s *Service) recheckMissing(ctx context.Context, room Room, own, seen []block, within period) ([]block, error) {
	looking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	looked := 0
	for _, b := range own {
		shown := slices.ContainsFunc(seen, func(o block) bool { return o.period == b.period || o.uid != "" && o.uid == b.record.ICalUID })
		switch now := s.now(); {
		case shown, looked == maxRechecks, !b.record.rests(), now.Sub(b.record.UpdatedAt) < recheckEvery, !s.rechecks.due(b.record.ID, now):
			continue
		}
		looked++
		if err := s.recheck(looking, b.record.ID, b.period); err != nil {
			return nil, err
		}
	}
	if looked == 0 {
		return own, nil
	}
	return s.ownBlocks(ctx, room.Name, "", within.start, within.end)
}

// rechecks remembers which bookings were looked at anew lately.
type rechecks struct {
	mu sync.Mutex
	at map[string]time.Time
}

// due says whether a booking has not been looked at anew lately, and remembers that it is
// now.
func (c *rechecks) due(id string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.at, func(_ string, at time.Time) bool { return now.Sub(at) >= recheckEvery })
	if _, lately := c.at[id]; lately {
		return false
	}
	c.at[id] = now
	return true
}

// recheck takes in what has become of the event of a confirmed booking, at one of the times
// that it holds. That Graph can't tell, or not before looking ends, is no error.
func (s *Service) recheck(looking context.Context, id string, at period) error {
	ctx, cancel := durable(looking)
	defer cancel()
	r, err := s.journal.get(ctx, id)
	if errors.Is(err, errNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	integration, ok := s.world().Integrations[r.Integration]
	i := slices.IndexFunc(r.occurrences(), func(o occurrence) bool { return !o.gone() && o.period == at })
	if !ok || i < 0 || !r.rests() {
		return nil // it has been changed meanwhile
	}
	original := r.occurrences()[i].original
	event, err := eventOf(looking, integration.Graph, s.mailbox(looking, r.PersonID, false), &r, original)
	gone := graph.IsGone(err) || errors.Is(err, errNoOccurrence)
	if err != nil && !gone {
		s.log.DebugContext(ctx, "a booking could not be looked at anew", "booking", r.ID, "room", r.Request.Room, "error", err)
		return nil
	}
	ctx, cancel = durable(looking)
	defer cancel()
	now, err := s.journal.changeWith(ctx, r.ID, func(now *record) ([]store.Write, error) {
		if !now.rests() || now.Revision != r.Revision || now.working(s.now()) {
			return nil, errClosed // it is looked at, or has been changed
		}
		// It may take another time now: who accepts one there meanwhile has to look again.
		took, err := s.journal.take(ctx, r.Request.Room, r.ID)
		now.seeAnew(event, gone, original, s.now().UTC())
		return []store.Write{took}, err
	})
	if errors.Is(err, errClosed) || errors.Is(err, errNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if now.Status != r.Status {
		s.auditLine(ctx, "outcome", Caller{Service: r.Service}, &now, string(now.Status))
	}
	s.became(r.Status, &now)
	s.waiters.tell(r.ID, &now)
	return nil
}

// seeAnew takes in the event of an occurrence, or with zero of the booking as a whole, as
// it is by now.
func (r *record) seeAnew(event graph.Event, gone bool, original, now time.Time) {
	invited := false
	for _, a := range event.Attendees {
		invited = invited || sameAddress(a.EmailAddress.Address, r.RoomAddress)
	}
	reason := ""
	switch {
	case gone:
		reason = r.whyGone()
	case event.IsCancelled:
		reason = reasonDeleted
	case !invited:
		reason = reasonUninvited
	}
	switch {
	case reason != "" && original.IsZero():
		r.end(Cancelled, reason, now)
	case reason != "":
		r.leave(original, Cancelled, reason, false)
		r.rest(now)
	case original.IsZero():
		r.follows(event, now)
	default:
		r.followsOne(original, event, now)
	}
}

// followsOne is follows for an occurrence of a series.
func (r *record) followsOne(original time.Time, event graph.Event, now time.Time) {
	answer := r.roomAnswer(event)
	if answer.Response == graph.Declined {
		r.lose(original, answer, reasonDeclined, now)
		return
	}
	part := r.part(original)
	if !part.takesTimesOf(event) {
		return
	}
	r.except(original, func(e *exception) { e.Request, e.Start, e.End = &part.Request, part.Start, part.End })
	r.Surveyed = answer.Response == graph.Accepted // else the room has still to answer to that
	r.rest(now)
}

// movedOn says whether what is to be released has been moved in Outlook, and has not begun
// there or, if that is for want of a check-in, has time left for one.
func (r *record) movedOn(event graph.Event, now time.Time) bool {
	c, part := r.Change, r.part(r.Change.Original)
	at := part.timesOf(event).start
	if c.Kind != releasing || c.Sent || at.Equal(part.Start) {
		return false
	}
	if c.Comment == reasonReleased {
		at = at.Add(r.CheckIn)
	}
	return now.Before(at)
}

// keep drops the release of what has been moved in Outlook, which the booking follows, if
// its organizer's grant can tell; else it is looked at when it begins there.
func (s *Service) keep(ctx context.Context, of record, event graph.Event) (record, error) {
	part := of.part(of.Change.Original)
	r, err := s.updateChange(ctx, of, func(r *record) {
		r.Change, r.Reason, r.Tries = nil, "", 0
		r.NextAt = later(part.timesOf(event).start, s.now().UTC().Add(claimLife))
	})
	if err != nil {
		return r, err
	}
	if err := s.recheck(ctx, r.ID, period{part.Start, part.End}); err != nil {
		return r, err
	}
	return s.journal.get(ctx, r.ID)
}

// follows takes over the times that a confirmed booking's event has been given in Outlook,
// and what the room has said to that.
func (r *record) follows(event graph.Event, now time.Time) {
	if !r.isSeries() {
		r.takesTimesOf(event)
	}
	switch answer := r.roomAnswer(event); answer.Response {
	case graph.Accepted:
		r.hearYes(answer, now)
	case graph.Declined:
		r.hearNo(answer, reasonDeclined, now)
	default:
		r.Status, r.Response, r.NextAt = AwaitingRoom, "", now
	}
}

// takesTimesOf takes over when an event is, and says whether that is another time.
func (r *record) takesTimesOf(event graph.Event) bool {
	at := r.timesOf(event)
	if at.start.Equal(r.Start) && at.end.Equal(r.End) && event.IsAllDay == r.Request.AllDay {
		return false
	}
	r.Start, r.End, r.Request.AllDay = at.start, at.end, event.IsAllDay
	r.Request.Start, r.Request.End = r.wall(r.Start), r.wall(r.End)
	return true
}

// timesOf is when an event of the booking's is. One that lasts all day comes as midnights
// of UTC, and means those dates where the room is.
func (r *record) timesOf(event graph.Event) period {
	if event.IsAllDay {
		return period{atMidnight(event.Start.Time, r.location()), atMidnight(event.End.Time, r.location())}
	}
	return period{event.Start.UTC(), event.End.UTC()}
}
