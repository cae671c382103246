package booking

import (
	"context"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/graph"
)

// backoff is how long to wait after n tries in vain: 1, 2, 4, 8, 15, 30, 60 s,
// then twice as long each time up to 15 minutes.
func backoff(n int) time.Duration {
	first := []time.Duration{1, 2, 4, 8, 15, 30, 60}
	if n <= len(first) {
		return first[max(n, 1)-1] * time.Second
	}
	return min(time.Minute<<min(n-len(first), 4), 15*time.Minute)
}

// lookAtOnce returns an event that has just been made as it is when the room has accepted
// at once; what it takes to know that costs no commit of its own. Any other answer is for
// follow, which has the time to find out about it.
func (s *Service) lookAtOnce(ctx context.Context, client *graph.Client, mailbox graph.Mailbox, r *record, made graph.Event) graph.Event {
	if r.roomAnswer(made).Response == graph.Accepted {
		return made
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if event, err := client.Event(ctx, mailbox, made.ID); err == nil && r.roomAnswer(event).Response == graph.Accepted {
		return event
	}
	return made
}

// follow asks the person's event what the room has answered.
func (s *Service) follow(ctx context.Context, r record) (record, error) {
	integration, ok := s.world().Integrations[r.Integration]
	if !ok {
		return s.stumble(ctx, r, errUnconfigured)
	}
	event, err := integration.Graph.Event(ctx, s.mailbox(ctx, r.PersonID, !s.waiters.waiting(r.ID)), r.EventID)
	if graph.IsGone(err) {
		return s.close(ctx, r.ID, Cancelled, r.whyGone())
	}
	if err != nil {
		return s.stumble(ctx, r, err)
	}
	if r.missed() { // else it was only read, as before
		s.heard(ctx, &r)
	}
	now, declined := s.now().UTC(), ""
	if r.roomAnswer(event).Response == graph.Declined {
		declined = s.whyDeclined(ctx, &r)
	}
	return s.update(ctx, r.ID, func(r *record) {
		r.Reason = ""
		r.hear(event, declined, now)
	})
}

// hear takes in the state of the event and decides what comes next. declined is why, if
// the room has declined.
func (r *record) hear(e graph.Event, declined string, now time.Time) {
	if r.Withdraw {
		r.NextAt = now
		return
	}
	if e.IsCancelled {
		r.end(Cancelled, reasonDeleted, now)
		return
	}
	answer := r.roomAnswer(e)
	switch answer.Response {
	case graph.Accepted:
		r.hearYes(answer, now)
		return
	case graph.Declined:
		r.hearNo(answer, declined, now)
		return
	case graph.TentativelyAccepted:
		r.Response = "tentative"
		r.answeredAt(answer)
	}
	if !now.Before(r.lastEnd()) {
		r.Reason, r.NextAt = reasonSilent, time.Time{}
		return
	}
	r.Tries++
	r.NextAt = now.Add(backoff(r.Tries))
	if last := r.lastEnd(); r.NextAt.After(last) {
		r.NextAt = last
	}
}

// hearYes takes in that the room has accepted.
func (r *record) hearYes(answer graph.Response, now time.Time) {
	r.Status, r.Response = Confirmed, "accepted"
	r.answeredAt(answer)
	r.rest(now)
}

// hearNo takes in that the room has declined, and why: the event goes then, unless it is
// to be kept.
func (r *record) hearNo(answer graph.Response, reason string, now time.Time) {
	r.end(Declined, reason, now)
	r.Response, r.Refusal = "declined", reason
	r.answeredAt(answer)
	if !r.KeepDeclined {
		r.Withdraw, r.Comment, r.NextAt, r.Tries = true, reason, now, 0
	}
}

func (r *record) answeredAt(answer graph.Response) {
	if answer.Time.Year() > 1 {
		r.ResponseAt = answer.Time.UTC().Truncate(time.Second)
	}
}

// roomAnswer finds the room among the attendees.
func (r *record) roomAnswer(e graph.Event) graph.Response {
	for _, a := range e.Attendees {
		if a.Status != nil && strings.EqualFold(a.EmailAddress.Address, r.RoomAddress) {
			return *a.Status
		}
	}
	return graph.Response{}
}

// withdraw cancels the event in the person's calendar.
func (s *Service) withdraw(ctx context.Context, r record) (record, error) {
	integration, ok := s.world().Integrations[r.Integration]
	if !ok {
		return s.stumble(ctx, r, errUnconfigured)
	}
	mailbox := s.mailbox(ctx, r.PersonID, !s.waiters.waiting(r.ID))
	if r.Moved { // to cancel what is not there is no error
		if _, err := integration.Graph.Event(ctx, mailbox, r.EventID); graph.IsGone(err) {
			return s.close(ctx, r.ID, Cancelled, reasonLeft)
		}
	}
	err := integration.Graph.CancelEvent(ctx, mailbox, r.EventID, r.Comment)
	if err != nil && !graph.Transient(err) {
		// It may have been cancelled before, by us or in Outlook.
		event, lookErr := integration.Graph.Event(ctx, mailbox, r.EventID)
		if graph.IsGone(lookErr) || lookErr == nil && event.IsCancelled {
			err = nil
		}
	}
	if err != nil {
		return s.stumble(ctx, r, err)
	}
	if !r.Status.holdsRoom() { // declined, or closed before its event was known
		return s.close(ctx, r.ID, r.Status, r.Refusal)
	}
	return s.close(ctx, r.ID, Cancelled, "")
}
