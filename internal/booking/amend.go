package booking

import (
	"context"
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
	mailbox := s.mailbox(r.PersonID, !s.waiters.waiting(r.ID))
	event, err := integration.Graph.Event(ctx, mailbox, r.EventID)
	switch {
	case graph.IsGone(err), err == nil && event.IsCancelled:
		return s.close(ctx, r.ID, Cancelled, reasonDeleted)
	case err != nil:
		return s.stumble(ctx, r, err)
	case r.Change.Made:
		return s.answered(ctx, r, event)
	}
	changes := r.amendment(event)
	if changes == (graph.EventChanges{}) { // sent before, or there is nothing to send
		return s.amended(ctx, r, event)
	}
	if !r.Change.Sent { // durable before anything leaves the house
		r, err = s.updateChange(ctx, r, func(r *record) {
			r.Change.Sent, r.Change.Answered = true, r.roomAnswer(event).Time
		})
		if err != nil {
			return r, err
		}
	}
	made, err := integration.Graph.UpdateEvent(ctx, mailbox, r.EventID, changes, event.ETag)
	if err == nil {
		return s.amended(ctx, r, made)
	}
	if reason, final := finally(err); final && !graph.IsGone(err) && !graph.IsConflict(err) {
		s.log.WarnContext(ctx, "Microsoft Graph refuses a change of a booking", "booking", r.ID, "room", r.Request.Room, "error", err)
		return s.updateChange(ctx, r, func(r *record) { r.conclude(changeFailed, reason, s.now().UTC()) })
	}
	return s.stumble(ctx, r, err)
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
		if !r.Change.Asks {
			r.conclude(changeMade, "", now)
			return
		}
		r.Change.Made, r.NextAt = true, now
		if answer := r.roomAnswer(event); answer.Response != graph.Accepted && answer.Response != graph.Declined {
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
	answer, yes, no := r.roomAnswer(event), false, ""
	switch answer.Response {
	case graph.Accepted:
		yes = !answer.Time.Equal(r.Change.Answered) || r.Tries >= unmoved && s.roomShows(ctx, r.aim())
	case graph.Declined:
		no = s.whyDeclined(ctx, r.aim())
	}
	return s.updateChange(ctx, r, func(r *record) {
		c := r.Change
		r.Reason = ""
		switch {
		case yes && c.Back:
			r.conclude(changeDeclined, c.Reason, now)
			r.hearYes(answer)
		case yes:
			r.conclude(changeMade, "", now)
			r.hearYes(answer)
		case no != "" && c.Back: // its old time has gone to somebody else meanwhile
			r.conclude(changeDeclined, c.Reason, now)
			r.hearNo(answer, reasonLost, now)
		case no != "":
			c.Back, c.Sent, c.Made, c.Reason = true, false, false, no
			r.NextAt, r.Tries = now, 0
		case !now.Before(r.changed().End):
			r.conclude(changeFailed, reasonSilent, now)
		default:
			r.Tries++
			r.NextAt = now.Add(backoff(r.Tries))
		}
	})
}
