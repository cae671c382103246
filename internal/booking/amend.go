package booking

import (
	"context"
	"errors"
	"time"

	"github.com/onesgate/onesgate/internal/graph"
)

// amend takes the next step of a booking's change: it brings it into the event, or asks
// what the room has answered to it.
func (s *Service) amend(ctx context.Context, r record) (record, error) {
	integration, ok := s.world().Integrations[r.Integration]
	if !ok {
		return s.stumble(ctx, r, errUnconfigured)
	}
	mailbox := s.mailbox(ctx, r.PersonID, !s.waiters.waiting(r.ID))
	event, err := eventOf(ctx, integration.Graph, mailbox, &r, r.Change.Original)
	switch {
	case graph.IsGone(err), errors.Is(err, errNoOccurrence), err == nil && event.IsCancelled:
		return s.amendGone(ctx, r, graph.IsGone(err) || r.Change.Original.IsZero())
	case r.Change.Kind == releasing && needsThem(err):
		return s.releaseAsRoom(ctx, r, integration.Graph, err)
	case err != nil:
		return s.stumble(ctx, r, err)
	case r.movedOn(event, s.now()):
		return s.keep(ctx, r, event)
	case r.Change.Made:
		return s.answered(ctx, r, event)
	case r.Change.Kind == cancelling:
		return s.cancelOccurrence(ctx, r, integration.Graph, mailbox, event)
	}
	if r.changesText() {
		if event, err = integration.Graph.EventWithBody(ctx, mailbox, event.ID); err != nil {
			return s.stumble(ctx, r, err)
		}
	}
	changes, err := r.amendment(event)
	if err != nil {
		return s.amendRefused(ctx, r, reasonMeetingBody, nil)
	}
	if changes.Empty() { // sent before, or there is nothing to send
		return s.amended(ctx, r, event)
	}
	if late, err := s.restIsLate(ctx, &r); err != nil {
		return r, err
	} else if late {
		return s.amendRefused(ctx, r, reasonRestLate, nil)
	}
	if r, err = s.sending(ctx, r, event); err != nil {
		return r, err
	}
	made, err := integration.Graph.UpdateEvent(ctx, mailbox, event.ID, changes, event.ETag)
	if err != nil {
		return s.amendFailed(ctx, r, err)
	}
	return s.amended(ctx, r, made)
}

// restIsLate says whether it is too late to make what is to be the rest of a series, which
// has not been ended for it yet, as its event shows: then neither is done, and nothing is lost.
func (s *Service) restIsLate(ctx context.Context, r *record) (bool, error) {
	if r.Change.Then == "" {
		return false, nil
	}
	rest, err := s.journal.get(ctx, r.Change.Then)
	if errors.Is(err, errNotFound) {
		return false, nil
	}
	return err == nil && rest.inLine() && !rest.Withdraw && !s.now().Before(rest.wanted().sendBy()), err
}

// sending makes durable that the change may have reached Graph, before anything leaves the
// house, and what the room had answered to event until then.
func (s *Service) sending(ctx context.Context, r record, event graph.Event) (record, error) {
	if r.Change.Sent {
		return r, nil
	}
	return s.updateChange(ctx, r, func(r *record) {
		r.Change.Sent, r.Change.Answered = true, r.aim().roomAnswer(event).Time
	})
}

// amendGone is taken when what the change is about is not in the calendar any more, or with
// all the booking as a whole is not.
func (s *Service) amendGone(ctx context.Context, r record, all bool) (record, error) {
	if all {
		return s.close(ctx, r.ID, Cancelled, r.whyGone())
	}
	now := s.now().UTC()
	return s.updateChange(ctx, r, func(r *record) {
		c := r.Change
		if c.Kind == cancelling {
			r.conclude(changeMade, "", now)
			return
		}
		r.conclude(changeFailed, r.whyGone(), now)
		r.leave(c.Original, Cancelled, r.whyGone(), false)
	})
}

// amendFailed is taken when Graph did not take a change.
func (s *Service) amendFailed(ctx context.Context, r record, err error) (record, error) {
	if reason, final := finally(err); final && !graph.IsGone(err) && !graph.IsConflict(err) {
		s.log.WarnContext(ctx, "Microsoft Graph refuses a change of a booking", "booking", r.ID, "room", r.Request.Room, "error", err)
		return s.amendRefused(ctx, r, reason, err)
	}
	return s.stumble(ctx, r, err)
}

// amendRefused ends a change that can't be made, as Graph says with err if it isn't nil.
// What can't be put back where the room had accepted it holds the room no more.
func (s *Service) amendRefused(ctx context.Context, r record, reason string, err error) (record, error) {
	now := s.now().UTC()
	return s.updateChange(ctx, r, func(r *record) {
		c := r.Change
		if err != nil {
			r.trouble = troubleOf(err)
		}
		if !c.Back {
			r.conclude(changeFailed, reason, now)
			return
		}
		r.conclude(changeDeclined, c.Reason, now)
		r.lose(c.Original, graph.Response{}, reasonNotBack, now)
	})
}

// updateChange is update for a step of the booking's change, which ends with errClosed if
// the booking has another one by now, or none.
func (s *Service) updateChange(ctx context.Context, of record, f func(*record)) (record, error) {
	return s.updateIf(ctx, of.ID, func(r *record) error {
		if r.Change == nil || r.Change.ID != of.Change.ID {
			return errClosed
		}
		c := *r.Change
		r.Change = &c
		f(r)
		return nil
	})
}

// amended records that the event is as the change has it.
func (s *Service) amended(ctx context.Context, r record, event graph.Event) (record, error) {
	now := s.now().UTC()
	return s.updateChange(ctx, r, func(r *record) {
		r.Reason, r.Tries = "", 0
		if c := r.Change; !c.Asks {
			r.conclude(changeMade, "", now)
			if answer := r.part(c.Original).roomAnswer(event); answer.Response == graph.Declined && c.Kind == updating {
				r.lose(c.Original, answer, reasonDeclined, now) // since it was confirmed, by a delegate say
			}
			return
		}
		r.Change.Made, r.NextAt = true, now
		if answer := r.aim().roomAnswer(event); answer.Response != graph.Accepted && answer.Response != graph.Declined {
			r.Change.Answered = time.Time{} // the next answer is one to the change, whenever it is given
		}
	})
}

// unmoved is after how many looks at an answer that is still the one from before the
// change the room's calendar is looked into: a room may follow a change without answering anew.
const unmoved = 4

// answered takes in what the room says of the change.
func (s *Service) answered(ctx context.Context, r record, event graph.Event) (record, error) {
	now := s.now().UTC()
	answer, yes, no := r.aim().roomAnswer(event), false, ""
	anew := !answer.Time.Equal(r.Change.Answered)
	if answer.Response == graph.Accepted || answer.Response == graph.Declined {
		yes = anew && answer.Response == graph.Accepted || !anew && r.Tries >= unmoved && s.roomShows(ctx, r.aim())
	}
	if answer.Response == graph.Declined && !yes && (anew || r.Tries >= unmoved) {
		no = s.whyDeclined(ctx, r.aim())
	}
	return s.updateChange(ctx, r, func(r *record) {
		c := r.Change
		r.Reason = ""
		switch {
		case yes && c.Back:
			r.conclude(changeDeclined, c.Reason, now)
			r.hold(c.Original, answer, now)
		case yes:
			r.conclude(changeMade, "", now)
			r.hold(c.Original, answer, now)
		case no != "" && c.Back: // its old time has gone to somebody else meanwhile
			r.conclude(changeDeclined, c.Reason, now)
			r.lose(c.Original, answer, reasonLost, now)
		case r.Withdraw:
			r.NextAt = now
		case no != "":
			c.Back, c.Sent, c.Made, c.Reason = true, false, false, no
			r.NextAt, r.Tries = now, 0
		case !now.Before(r.aim().lastEnd()):
			r.conclude(changeFailed, reasonSilent, now)
		default:
			r.Tries++
			r.NextAt = now.Add(backoff(r.Tries))
		}
	})
}

// hold takes in that the room has accepted what the change was about.
func (r *record) hold(original time.Time, answer graph.Response, now time.Time) {
	if original.IsZero() {
		r.hearYes(answer, now)
	}
}

// lose takes in that what the change was about holds its room no more, as it was before.
func (r *record) lose(original time.Time, answer graph.Response, reason string, now time.Time) {
	if original.IsZero() {
		r.hearNo(answer, reason, now)
		return
	}
	r.leave(original, Declined, reason, !r.KeepDeclined)
	r.rest(now)
}
