package booking

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
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
			var waits bool
			if r, waits, err = s.lineUp(ctx, r, fresh); !waits && err == nil {
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

// updateIf is update, unless f has an error.
func (s *Service) updateIf(ctx context.Context, id string, f func(*record) error) (record, error) {
	ctx, cancel := durable(ctx)
	defer cancel()
	var before Status
	var held bool
	var changing *change
	var room string
	r, err := s.journal.change(ctx, id, func(r *record) error {
		if !r.open() {
			return errClosed
		}
		before, held, changing, room = r.Status, r.holdsUp(), r.Change, r.Request.Room
		next := r.NextAt
		if err := f(r); err != nil {
			return err
		}
		if !r.NextAt.Equal(next) {
			r.Turn = ""
		}
		r.GraphRequest = cmp.Or(trail.LastAnswered(ctx), r.GraphRequest)
		return nil
	})
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
	reasonLost         = "The room declined the change, and the time before was taken by somebody else meanwhile."
	reasonUninvited    = "The room was taken out of the meeting in the organizer's calendar."
	reasonNotBack      = "The room declined the change, and Microsoft 365 refused to put the booking back."
	reasonMeetingBody  = "The text could not be changed without ending the online meeting: change it in Outlook."
	reasonReleased     = "Nobody checked in."
	reasonGivenBack    = "The room was given back at its door."
	reasonSilent       = "The room has not answered before the end."
)

// stale is how old an acceptance gets before the room is looked at again.
const stale = time.Minute

// send brings the event into the person's calendar. Unless it has surely never
// been sent, it is looked for first.
func (s *Service) send(ctx context.Context, r record, fresh bool) (record, error) {
	integration, ok := s.world().Integrations[r.Integration]
	if !ok {
		return s.stumble(ctx, r, errUnconfigured)
	}
	if r.After != nil && !r.Withdraw {
		if r, waits, err := s.afterSeries(ctx, r, fresh); err != nil || waits {
			return r, err
		}
	}
	mailbox := s.mailbox(ctx, r.PersonID, !fresh && !s.waiters.waiting(r.ID))
	unsent := fresh || !r.MaybeSent
	if !unsent {
		event, found, err := findEvent(ctx, integration.Graph, mailbox, &r)
		if err != nil {
			return s.stumble(ctx, r, err)
		}
		if found {
			return s.made(ctx, r, event)
		}
	}
	if unsent && r.folds() {
		var err error
		if r, err = s.fold(ctx, r); err != nil {
			return r, err
		}
	}
	// What can't fold, as it may have been sent, is made as its change has it, too. If the
	// event is there all the same, as it was to be before, it is changed then.
	wanted := &r
	if r.folds() {
		wanted = r.changed()
	}
	switch now := s.now(); {
	case r.Withdraw:
		return s.close(ctx, r.ID, Cancelled, "")
	case !now.Before(wanted.sendBy()):
		return s.close(ctx, r.ID, Expired, reasonExpired)
	case !fresh && now.Sub(r.CreatedAt) > stale && r.After == nil && s.takenMeanwhile(ctx, *wanted):
		return s.close(ctx, r.ID, Declined, reasonGone)
	}
	event := wanted.event()
	if !r.MaybeSent { // durable before anything leaves the house
		var err error
		r, err = s.update(ctx, r.ID, func(r *record) { r.MaybeSent = true })
		if err != nil {
			return r, err
		}
	}
	made, err := integration.Graph.CreateEvent(ctx, mailbox, event)
	if err == nil {
		s.heard(ctx, r.Integration)
		return s.made(ctx, r, s.lookAtOnce(ctx, integration.Graph, mailbox, &r, made))
	}
	if unsent && !graph.MaybeDone(err) && !duplicate(err) {
		if r, err := s.update(ctx, r.ID, func(r *record) { r.MaybeSent = false }); err != nil {
			return r, err
		}
	}
	if reason, final := finally(err); final {
		s.log.WarnContext(ctx, "Microsoft Graph refuses a booking for good", "booking", r.ID, "room", r.Request.Room, "error", err)
		return s.update(ctx, r.ID, func(r *record) {
			r.trouble = troubleOf(err)
			r.end(Failed, reason, s.now().UTC())
		})
	}
	return s.stumble(ctx, r, err)
}

// fold makes its change a part of a booking that was never sent. That is only sure while
// its turn is this instance's: one that has stood still ends with errClosed.
func (s *Service) fold(ctx context.Context, of record) (record, error) {
	return s.updateIf(ctx, of.ID, func(r *record) error {
		if r.Turn != s.journal.instance {
			return errClosed
		}
		r.fold(s.now().UTC())
		return nil
	})
}

// afterSeries has the rest of a series wait until that has ended before it in the
// calendar, too. If it can't be ended there, the rest is still a part of it, and fails.
func (s *Service) afterSeries(ctx context.Context, r record, fresh bool) (after record, waits bool, err error) {
	before, err := s.journal.get(ctx, r.After.Booking)
	if errors.Is(err, errNotFound) {
		return r, false, nil
	}
	if err != nil {
		return r, false, err
	}
	if c := before.Change; c != nil && c.ID == r.After.Change {
		r, err = s.update(ctx, r.ID, func(r *record) {
			r.MaybeSent = r.MaybeSent && !fresh
			r.NextAt = s.now().UTC().Add(claimLife) // it is called before
		})
		return r, true, err
	}
	if l := before.Last; l != nil && l.ID == r.After.Change && l.Status == changeFailed && l.Reason != "" { // else the person has cancelled it
		r, err = s.close(ctx, r.ID, Failed, "The series could not be ended before it: "+l.Reason)
		return r, true, err
	}
	return r, false, nil
}

// errUnconfigured: the booking's integration is not in the configuration now.
var errUnconfigured = errors.New("the integration is no longer configured")

func duplicate(err error) bool {
	var refused *graph.Error
	return errors.As(err, &refused) && refused.Code == graph.CodeDuplicateTransaction
}

// finally says whether a refusal of the creation will stay one, and why in
// plain words.
func finally(err error) (reason string, final bool) {
	var refused *graph.Error
	if !errors.As(err, &refused) || graph.Transient(err) || duplicate(err) || refused.Status == http.StatusUnauthorized {
		return "", false
	}
	switch refused.Code {
	case graph.CodeAccessDenied:
		return "Microsoft 365 does not allow this app to write into the person's calendar: a permission is missing.", true
	case graph.CodeNoMailbox, graph.CodeNonExistentMailbox:
		return "The person has no mailbox in Microsoft 365 that bookings could be made from.", true
	case graph.CodeQuotaExceeded:
		return "The person's mailbox is full.", true
	}
	return "Microsoft 365 refused the booking (" + refused.Code + ").", true
}

// made records the event; it may hold the room's answer already.
func (s *Service) made(ctx context.Context, r record, event graph.Event) (record, error) {
	now := s.now().UTC()
	made, err := s.update(ctx, r.ID, func(r *record) {
		r.EventID, r.ICalUID, r.WebLink, r.Moved = event.ID, event.ICalUID, event.WebLink, false
		r.Status, r.Reason, r.Tries = AwaitingRoom, "", 0
		if r.folds() { // it may be as the change has it: that asks for the answer
			r.NextAt = now
			return
		}
		r.hear(event, reasonDeclined, now)
		if r.Change != nil && r.open() {
			r.NextAt = now
		}
	})
	if errors.Is(err, errClosed) {
		return s.unwanted(ctx, r, event)
	}
	return made, err
}

// unwanted has an event withdrawn that came to be after its booking was closed: this
// instance stood still while it sent it, and another one, which found no event, closed the
// booking meanwhile. The event is written down before anything else is done about it.
func (s *Service) unwanted(ctx context.Context, r record, event graph.Event) (record, error) {
	ctx, cancel := durable(ctx)
	defer cancel()
	return s.journal.change(ctx, r.ID, func(r *record) error {
		if r.open() || r.EventID != "" || r.Status.holdsRoom() {
			return errClosed // somebody knows of it
		}
		r.EventID, r.ICalUID, r.WebLink = event.ID, event.ICalUID, event.WebLink
		r.Withdraw, r.Refusal, r.Tries = true, r.Reason, 0
		r.NextAt, r.Turn = s.now().UTC(), ""
		return nil
	})
}

// stumble records that a step could not be taken and when it is tried again.
func (s *Service) stumble(ctx context.Context, r record, err error) (record, error) {
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return r, nil // stopping; whoever takes the booking up next starts from what is written
	}
	now := s.now().UTC()
	s.log.WarnContext(ctx, "a booking could not be carried on; it is tried again",
		"booking", r.ID, "room", r.Request.Room, "status", r.Status, "error", err)
	aside := s.aside(r, err)
	probe := !aside && s.reach.probe(r.Integration, now)
	return s.update(ctx, r.ID, func(r *record) {
		r.Aside = aside
		r.postpone(err, now)
		if probe && r.open() && r.NextAt.After(now.Add(probeEvery)) {
			r.NextAt = now.Add(probeEvery)
		}
	})
}

// signInPoll is how often a dead grant is tried, should a sign-in have been missed.
const signInPoll = 5 * time.Minute

// giveUp is how long after its end it is still tried to find out about a booking.
const giveUp = 24 * time.Hour

// postpone decides when a step that failed with err is tried again.
func (r *record) postpone(err error, now time.Time) {
	r.Tries++
	r.trouble = troubleOf(err)
	wait := backoff(r.Tries)
	var refused *graph.Error
	errors.As(err, &refused)
	unauthorized := refused != nil && refused.Status == http.StatusUnauthorized
	status := Accepted
	switch {
	case errors.Is(err, grant.ErrNeedsSignIn), unauthorized:
		status, r.Reason, wait = NeedsSignIn, reasonSignIn, signInPoll
	case errors.Is(err, grant.ErrNeedsAdminConsent):
		status, r.Reason, wait = NeedsSignIn, reasonConsent, signInPoll
	case errors.Is(err, grant.ErrIntegrationDown):
		r.Reason = reasonDown
	case errors.Is(err, errUnconfigured):
		r.Reason, wait = reasonUnconfigured, signInPoll
	default:
		r.Reason = reasonRetry
		wait = max(wait, graph.RetryAfter(err))
	}
	if r.EventID == "" && (status == NeedsSignIn || refused != nil) {
		r.Status = status
	}
	r.NextAt = now.Add(wait)
	if r.EventID == "" && now.Before(r.sendBy()) && r.NextAt.After(r.sendBy()) {
		r.NextAt = r.sendBy()
	}
	if now.After(r.lastEnd().Add(giveUp)) {
		r.NextAt = time.Time{}
		switch {
		case r.EventID == "":
			r.end(Expired, reasonUnknown, now)
		case r.Change != nil:
			r.conclude(changeFailed, r.Reason, now)
			r.NextAt = time.Time{}
		}
	}
}
