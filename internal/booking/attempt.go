package booking

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/trail"
)

// errClosed ends a change of a booking that nothing is left to do for.
var errClosed = errors.New("the booking is closed")

// advance takes as many steps for a booking, whose turn is claimed, as can be taken now,
// and says if one is due later. fresh says that it has never been sent. Its errors are
// those of the store; what Graph says is part of the booking's state.
func (s *Service) advance(ctx context.Context, r record, fresh bool) (due bool, err error) {
	id := r.ID
	ctx, span := trail.Start(trail.Resume(ctx, r.Trail, &s.tracers), "booking turn", about(&r)...)
	defer func() {
		span.Note("ones.booking.status", string(r.Status))
		span.End(inVain(err))
	}()
	for err == nil && r.open() && ctx.Err() == nil {
		switch {
		case r.EventID == "":
			waits := false
			if !r.Withdraw { // else nothing is made of it that others were to be before
				r, waits, err = s.lineUp(ctx, r, fresh)
			}
			if !waits && err == nil {
				r, err = s.send(ctx, r, fresh)
			}
			fresh = false
		case r.Withdraw:
			r, err = s.withdraw(ctx, r)
		case r.Change != nil:
			r, err = s.amend(ctx, r)
		case r.Status == Confirmed:
			r, err = s.tend(ctx, r)
		default:
			r, err = s.follow(ctx, r)
		}
		if err != nil || !r.open() || r.NextAt.After(s.now()) {
			break
		}
		// It goes on at once, unless another instance has found it due meanwhile.
		var mine bool
		if r, mine, _, err = s.journal.claim(ctx, id, nil, s.now().UTC().Add(claimLife)); !mine {
			break
		}
	}
	if errors.Is(err, errClosed) || errors.Is(err, errNotFound) {
		return false, nil
	}
	return r.open() && !r.rests(), err
}

// tend takes the next step for a confirmed booking.
func (s *Service) tend(ctx context.Context, r record) (record, error) {
	if r.isSeries() && !r.Surveyed {
		return s.survey(ctx, r)
	}
	switch o, left := r.left(); {
	case left && o.Withdraw:
		return s.withdrawOccurrence(ctx, r, o)
	case left:
		return s.redo(ctx, r, o)
	}
	return s.look(ctx, r)
}

// update changes an open booking durably and tells those who wait for it.
func (s *Service) update(ctx context.Context, id string, f func(*record)) (record, error) {
	return s.updateIf(ctx, id, func(r *record) error {
		f(r)
		return nil
	})
}

// updateIf is update, unless f has an error, or another instance has the turn by now: what is
// written late ends with errClosed.
func (s *Service) updateIf(ctx context.Context, id string, f func(*record) error) (record, error) {
	return s.updateTelling(ctx, id, func(r *record) error {
		if r.taken(s.journal.instance, s.now()) {
			return errClosed
		}
		return f(r)
	}, nil)
}

// updateTelling is updateIf; early, if it is not nil, is told of the new state before that is
// durable: see changeAhead.
func (s *Service) updateTelling(ctx context.Context, id string, f func(*record) error, early func(*record)) (record, error) {
	ctx, cancel := durable(ctx)
	defer cancel()
	var before Status
	var held bool
	var changing *change
	var room string
	r, err := s.journal.changeAhead(ctx, id, func(r *record) ([]store.Write, error) {
		if !r.open() {
			return nil, errClosed
		}
		before, held, changing, room = r.Status, r.holdsUp(), r.Change, r.Request.Room
		next, turn, late := r.NextAt, r.Turn, r.taken(s.journal.instance, s.now())
		if err := f(r); err != nil {
			return nil, err
		}
		switch {
		case late && r.open(): // whoever has the turn goes on from there
			r.NextAt, r.Turn = next, turn
		case !r.NextAt.Equal(next):
			r.Turn = ""
		}
		r.GraphRequest = cmp.Or(trail.LastAnswered(ctx), r.GraphRequest)
		return nil, nil
	}, early)
	if err != nil {
		return r, err
	}
	s.waiters.tell(id, &r) // first: somebody waits
	if r.Status != before && !r.Status.onItsWay() {
		s.auditLine(ctx, "outcome", Caller{Service: r.Service}, &r, string(r.Status))
	}
	s.became(before, &r)
	if held && (!r.holdsUp() || r.Request.Room != room) {
		s.call(ctx, room)
	}
	changed := changing != nil && r.Change == nil
	if changed && r.Last != nil && r.Last.ID == changing.ID {
		s.auditLine(ctx, "change", Caller{Service: r.Service}, &r, r.Last.Status)
	}
	if changed && changing.Then != "" {
		s.queue.wake(changing.Then) // which waited for it
	}
	if changed || r.Status != before { // the calendars of the rooms show something else
		s.views.Wake(room)
		s.views.Wake(r.Request.Room)
	}
	return r, nil
}

// close ends a booking's way with a status.
func (s *Service) close(ctx context.Context, id string, status Status, reason string) (record, error) {
	return s.update(ctx, id, func(r *record) {
		r.end(status, reason, s.now().UTC())
	})
}

// end ends the booking's way, and with it that of its change.
func (r *record) end(status Status, reason string, now time.Time) {
	if r.Change != nil {
		r.conclude(changeFailed, reason, now)
	}
	r.Status, r.Reason, r.NextAt, r.Withdraw = status, reason, time.Time{}, false
}

// Reasons, for the people who read them.
const (
	reasonExpired      = "The start came before the booking could be brought to Microsoft 365."
	reasonRestLate     = "The first date of the rest came before the series could be changed in Microsoft 365."
	reasonUnknown      = "Whether the event was made could not be found out before its end."
	reasonSignIn       = "The person has to sign in with Microsoft again; the booking goes on by itself then."
	reasonConsent      = "An administrator of Microsoft 365 has to consent again; the booking goes on by itself then."
	reasonUnconfigured = "The integration is no longer configured."
	reasonDown         = "Microsoft 365 refuses the gateway itself; its operator has to look at it, and the booking goes on by itself then."
	reasonInLine       = "It waits for bookings of this room that were made before it."
	reasonRetry        = "Microsoft 365 can't be reached right now; this is tried again by itself."
	reasonDeleted      = "The event was cancelled or deleted in the organizer's calendar."
	reasonLeft         = "The event stayed in the calendar of an account that the organizer has no more."
	reasonDeclined     = "The room declined: it is not free at that time, or its policy doesn't allow this booking."
	reasonTaken        = "The room declined: somebody else has it at that time."
	reasonPolicy       = "The room declined though it is free at that time: its policy doesn't allow this booking."
	reasonGone         = "The room was taken by somebody else before the booking could be brought to Microsoft 365."
	reasonLost         = "The room declined the change, and then the time before, too: somebody else has it by now, or the room's policy doesn't allow it any more."
	reasonUninvited    = "The room was taken out of the meeting in the organizer's calendar."
	reasonNotBack      = "The room declined the change, and Microsoft 365 refused to put the booking back."
	reasonMeetingBody  = "The text could not be changed without ending the online meeting: change it in Outlook."
	reasonReleased     = "Nobody checked in."
	reasonGivenBack    = "The room was given back at its door."
	reasonSilent       = "The room has not answered before the end."
)
