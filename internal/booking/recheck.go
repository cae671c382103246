package booking

import (
	"context"
	"errors"
	"time"

	"github.com/onesgate/onesgate/internal/graph"
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
		if err := s.recheck(looking, *b.record, b.period); err != nil {
			return nil, err
		}
	}
	return s.heldByOthers(ctx, room.Name, but, slots)
}

// recheck takes in what has become of the event of a confirmed booking, at one of the times
// that it holds. That Graph can't tell is no error.
func (s *Service) recheck(ctx context.Context, r record, at period) error {
	integration, ok := s.world().Integrations[r.Integration]
	if !ok {
		return nil
	}
	original := time.Time{}
	for _, o := range r.occurrences() {
		if o.period == at {
			original = o.original
		}
	}
	event, err := eventOf(ctx, integration.Graph, s.mailbox(ctx, r.PersonID, false), &r, original)
	gone := graph.IsGone(err) || errors.Is(err, errNoOccurrence)
	if err != nil && !gone {
		s.log.DebugContext(ctx, "a booking could not be looked at anew", "booking", r.ID, "room", r.Request.Room, "error", err)
		return nil
	}
	_, err = s.journal.change(ctx, r.ID, func(now *record) error {
		if !now.rests() || now.Revision != r.Revision {
			return errClosed // it is looked at, or has been changed
		}
		now.seeAnew(event, gone, original, s.now().UTC())
		return nil
	})
	if errors.Is(err, errClosed) || errors.Is(err, errNotFound) {
		return nil
	}
	if err == nil {
		s.waiters.tell(r.ID)
	}
	return err
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
	case gone || event.IsCancelled:
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
	}
}

// follows takes over the times that a confirmed booking's event has been given in Outlook,
// and what the room has said to that.
func (r *record) follows(event graph.Event, now time.Time) {
	moved := !event.Start.Equal(r.Start) || !event.End.Equal(r.End)
	if moved && !r.isSeries() && !r.Request.AllDay && !event.IsAllDay {
		r.Start, r.End = event.Start.UTC(), event.End.UTC()
		r.Request.Start, r.Request.End = r.wall(r.Start), r.wall(r.End)
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
