package booking

import (
	"context"
	"errors"
	"time"
)

// Cancel wants a booking cancelled, with a comment to its attendees. Only its
// organizer may. match, if not nil, has to hold for its version. The booking
// that it returns is cancelled already, or will be: then Cancel has had Run
// begin, and pending is true.
func (s *Service) Cancel(ctx context.Context, c Caller, id, comment string, match func(version int) bool) (b Booking, pending bool, err error) {
	ctx, cancel := durable(ctx)
	defer cancel()
	now := s.now().UTC()
	r, err := s.journal.change(ctx, id, func(r *record) error {
		switch {
		case c.Person == nil:
			return refusal{codeForbidden, "Say for whom you cancel: send Ones-Act-As with the organizer."}
		case !c.owns(r) && c.Service == "":
			return errNotFound
		case !c.owns(r):
			return errNotOrganizer
		case match != nil && !match(r.Revision):
			return errVersion
		case r.Status == Cancelled:
			return errClosed
		case !r.Status.holdsRoom():
			return refusal{codeInvalidState, "A booking that is " + string(r.Status) + " can't be cancelled any more."}
		case !now.Before(r.End):
			return refusal{codeInvalidState, "The booking is over."}
		}
		if r.EventID == "" && !r.MaybeSent {
			r.Status, r.Reason, r.NextAt = Cancelled, "", time.Time{}
			return nil
		}
		r.Withdraw, r.Comment, r.Tries = true, comment, 0
		if !r.taken(s.journal.instance, now) { // else whoever has the turn withdraws it, or who has it next
			r.NextAt, r.Turn = now.Add(claimLife), s.journal.instance
		}
		return nil
	})
	if errors.Is(err, errClosed) {
		r, err := s.journal.get(ctx, id)
		return c.view(&r), false, err
	}
	if err != nil {
		return Booking{}, false, err
	}
	outcome := string(r.Status)
	if r.open() {
		outcome = "pending"
	}
	s.auditLine(ctx, "cancel", c, &r, outcome)
	s.waiters.tell(id)
	s.queue.wake(id)
	return c.view(&r), r.open(), nil
}
