package booking

import (
	"context"
	"time"
)

// checkInOpens is how long before its start a booking can be checked in to.
const checkInOpens = 10 * time.Minute

// atDoor says whether the caller may say what happens at the room's door: the organizer,
// or the room itself.
func (c Caller) atDoor(r *record) bool { return c.owns(r) || c.Room != "" && c.sees(r) }

// CheckIn notes that somebody is at the door of the room: the booking is not released
// then. It is open from ten minutes before the start until the end, and answers alike if
// it was done before.
func (s *Service) CheckIn(ctx context.Context, c Caller, id string, match func(version int) bool) (Booking, error) {
	r, err := s.alter(ctx, c, id, alteration{"check-in", Caller.atDoor, match}, func(r *record) error {
		now := s.now().UTC()
		switch {
		case r.Status != Confirmed:
			return invalidState(r, "checked in to")
		}
		o, ok := r.current(now)
		if !ok {
			return r.notAtDoor(now)
		}
		switch c := r.Change; {
		case !o.CheckedInAt.IsZero():
			return errUnchanged
		case c == nil || c.Kind != releasing || !c.Original.Equal(o.original):
		case c.Sent:
			return refusal{codeInvalidState, "It is too late: nobody had checked in, and the room is being released."}
		default:
			r.Change = nil // just in time
		}
		at := now.Truncate(time.Second)
		if r.isSeries() {
			r.except(o.original, func(e *exception) { e.CheckedInAt = at })
		} else {
			r.CheckedInAt = at
		}
		if r.rests() && !r.working(now) { // else it is looked at when the turn has ended
			r.rest(now)
		}
		return nil
	})
	return c.view(&r), done(err)
}

// notAtDoor says why there is nothing to do at the door.
func (r *record) notAtDoor(now time.Time) error {
	if !now.Before(r.lastEnd()) {
		return errOver
	}
	return refusal{codeInvalidState, "It is too early: check-in opens 10 minutes before the start."}
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
		}
		o, ok := r.current(now)
		switch {
		case !now.Before(r.lastEnd()) && r.Last != nil && r.Last.Kind == ending:
			return errUnchanged // by a call whose answer got lost
		case !now.Before(r.lastEnd()):
			return errOver
		case !ok, now.Before(o.start):
			return refusal{codeInvalidState, "The booking has not begun; cancel it instead."}
		case r.part(o.original).Request.AllDay:
			return refusal{codeInvalidState, "An all-day booking has no time of its end; cancel it, or change it to one with times."}
		}
		end := later(now.Truncate(time.Minute), o.start.Add(time.Minute))
		if !end.Before(o.end) {
			return errUnchanged
		}
		r.endAt(o, end)
		r.Change = r.newChange(ending, o.original)
		return nil
	})
	if r.Change != nil {
		changing = r.Change.ID
	}
	return c.view(&r), changing, done(err)
}

// endAt ends an occurrence earlier.
func (r *record) endAt(o occurrence, end time.Time) {
	part := r.part(o.original)
	req := part.Request
	req.End = part.wall(end)
	if !r.isSeries() {
		r.Request, r.End = req, end
		return
	}
	r.except(o.original, func(e *exception) { e.Request, e.Start, e.End = &req, o.start, end })
}

// wall writes a time as the booking's request has it: of one that lasts all day the date.
func (r *record) wall(t time.Time) string {
	if r.Request.AllDay {
		return t.In(r.location()).Format(time.DateOnly)
	}
	return t.In(r.location()).Format(time.RFC3339)
}

// clock is wall without the offset: the same time of day in whatever zone it is read.
func (r *record) clock(t time.Time) string {
	if r.Request.AllDay {
		return r.wall(t)
	}
	return t.In(r.location()).Format("2006-01-02T15:04:05")
}
