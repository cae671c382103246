package booking

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/onesgate/onesgate/internal/graph"
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
	wanted := r.wanted()
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
		s.heard(ctx, &r)
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
	if before.endsFor(&r) {
		r, err = s.update(ctx, r.ID, func(r *record) {
			r.MaybeSent = r.MaybeSent && !fresh
			r.Turn, r.Reason = "", ""               // it stands in no line any more
			r.NextAt = s.now().UTC().Add(claimLife) // it is called before
		})
		return r, true, err
	}
	for _, o := range before.Uncut {
		if o.ID == r.After.Change {
			r, err = s.close(ctx, r.ID, Failed, "The series could not be ended before it: "+o.Reason)
			return r, true, err
		}
	}
	return r, false, nil
}

// endsFor says whether the series is still to end before another booking, its rest.
func (r *record) endsFor(rest *record) bool {
	return rest.After != nil && r.Change != nil && r.Change.ID == rest.After.Change
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

// made records the event; it may hold the room's answer already. Who waits for that has it
// before it is written down: should it be lost, the event is found again. Only where other
// gateways may be asked of the booking next, they wait.
func (s *Service) made(ctx context.Context, r record, event graph.Event) (record, error) {
	now := s.now().UTC()
	var early func(*record)
	if s.sole {
		early = func(r *record) { s.waiters.tell(r.ID, r) }
	}
	made, err := s.updateTelling(ctx, r.ID, func(r *record) error {
		r.EventID, r.ICalUID, r.WebLink, r.Moved = event.ID, event.ICalUID, event.WebLink, false
		r.Status, r.Reason, r.Tries = AwaitingRoom, "", 0
		if r.folds() { // it may be as the change has it: that asks for the answer
			r.NextAt = now
			return nil
		}
		r.hear(event, reasonDeclined, now)
		if r.Change != nil && r.open() {
			r.NextAt = now
		}
		return nil
	}, early)
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
