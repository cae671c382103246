package booking

import (
	"context"
	"time"
)

// checkInOpens is how long before its start a booking can be checked in to.
const checkInOpens = 10 * time.Minute

// releaseAt is when the booking is released unless somebody checks in; zero: never. A
// booking that was made late has its time from then on.
func (r *record) releaseAt() time.Time {
	if r.CheckIn == 0 || !r.CheckedInAt.IsZero() {
		return time.Time{}
	}
	from := r.Start
	if r.CreatedAt.After(from) {
		from = r.CreatedAt
	}
	if at := from.Add(r.CheckIn); at.Before(r.End) {
		return at
	}
	return time.Time{}
}

// look is taken when the time of a booking that rests has come: nobody has checked in.
func (s *Service) look(ctx context.Context, r record) (record, error) {
	room, ok := s.world().Rooms[r.Request.Room]
	return s.update(ctx, r.ID, func(r *record) {
		switch now := s.now().UTC(); {
		case !r.rests():
		case !ok || room.CheckIn == 0: // not asked for any more
			r.NextAt = time.Time{}
		case !r.releaseDue(now):
			r.rest()
		default:
			r.Change = r.newChange(releasing)
			r.NextAt = now
		}
	})
}

// releaseDue says whether nobody has checked in to the booking in time.
func (r *record) releaseDue(now time.Time) bool {
	at := r.releaseAt()
	return !at.IsZero() && !now.Before(at) && now.Before(r.End)
}

// atDoor says whether the caller may say what happens at the room's door.
func (c Caller) atDoor(r *record) bool { return c.owns(r) }

// CheckIn notes that somebody is at the door of the room: the booking is not released
// then. It is open from ten minutes before the start until the end, and answers alike if
// it was done before.
func (s *Service) CheckIn(ctx context.Context, c Caller, id string, match func(version int) bool) (Booking, error) {
	r, err := s.alter(ctx, c, id, alteration{"check-in", Caller.atDoor, match}, func(r *record) error {
		now := s.now().UTC()
		switch {
		case !r.CheckedInAt.IsZero():
			return errUnchanged
		case r.Status != Confirmed:
			return invalidState(r, "checked in to")
		case now.Before(r.Start.Add(-checkInOpens)):
			return refusal{codeInvalidState, "It is too early: check-in opens 10 minutes before the start."}
		case !now.Before(r.End):
			return errOver
		case r.Change != nil && r.Change.Kind == releasing && !r.Change.Sent:
			r.Change = nil // just in time
		case r.Change != nil && r.Change.Kind == releasing:
			return refusal{codeInvalidState, "It is too late: nobody had checked in, and the room is being released."}
		}
		r.CheckedInAt = now.Truncate(time.Second)
		if r.rests() {
			r.rest()
		}
		return nil
	})
	return c.view(&r), done(err)
}

// End ends a booking that has begun, now: the rest of its time is free for others. changing
// is the id of what still has to be told Microsoft.
func (s *Service) End(ctx context.Context, c Caller, id string, match func(version int) bool) (b Booking, changing string, err error) {
	r, err := s.alter(ctx, c, id, alteration{"end", Caller.atDoor, match}, func(r *record) error {
		now := s.now().UTC()
		switch {
		case r.Status != Confirmed:
			return invalidState(r, "ended")
		case r.Change != nil && r.Change.Kind == ending:
			return errUnchanged
		case r.Change != nil:
			return errChanging
		case r.Request.AllDay:
			return refusal{codeInvalidState, "An all-day booking has no time of its end; cancel it, or change it to one with times."}
		case now.Before(r.Start):
			return refusal{codeInvalidState, "The booking has not begun; cancel it instead."}
		case !now.Before(r.End):
			return errOver
		}
		end := now.Truncate(time.Minute)
		if !end.After(r.Start) {
			end = r.Start.Add(time.Minute)
		}
		if !end.Before(r.End) {
			return errUnchanged
		}
		r.endAt(end)
		r.Change = r.newChange(ending)
		return nil
	})
	if r.Change != nil {
		changing = r.Change.ID
	}
	return c.view(&r), changing, done(err)
}

// endAt is the booking with another end.
func (r *record) endAt(end time.Time) {
	r.End = end
	r.Request.End = r.wall(end)
}

// wall writes a time as a request has it.
func (r *record) wall(t time.Time) string { return t.In(r.location()).Format(time.RFC3339) }
