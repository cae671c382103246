package booking

import "context"

// Cancel wants a booking cancelled, with a comment to its attendees. Only its
// organizer may. match, if not nil, has to hold for its version. The booking
// that it returns is cancelled already, or will be: then Cancel has had Run
// begin, and pending is true.
func (s *Service) Cancel(ctx context.Context, c Caller, id, comment string, match func(version int) bool) (b Booking, pending bool, err error) {
	r, err := s.cancel(ctx, c, id, comment, alteration{"cancel", Caller.owns, match})
	return c.view(&r), r.Withdraw, done(err)
}

func (s *Service) cancel(ctx context.Context, c Caller, id, comment string, what alteration) (record, error) {
	return s.alter(ctx, c, id, what, func(r *record) error {
		switch now := s.now(); {
		case r.Status == Cancelled, r.Withdraw && r.Status.holdsRoom():
			return errUnchanged
		case !r.Status.holdsRoom():
			return invalidState(r, "cancelled")
		case !now.Before(r.lastEnd()):
			return errOver
		}
		if r.EventID == "" && !r.MaybeSent {
			r.end(Cancelled, "", s.now().UTC())
			return nil
		}
		r.Withdraw, r.Comment, r.Tries = true, comment, 0
		return nil
	})
}
