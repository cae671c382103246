package booking

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
)

// stumble records that a step could not be taken and when it is tried again.
func (s *Service) stumble(ctx context.Context, r record, err error) (record, error) {
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return r, nil // stopping; whoever takes the booking up next starts from what is written
	}
	now := s.now().UTC()
	s.log.WarnContext(ctx, "a booking could not be carried on; it is tried again",
		"booking", r.ID, "room", r.Request.Room, "status", r.Status, "error", err)
	aside := s.aside(r, err)
	return s.update(ctx, r.ID, func(r *record) {
		r.Aside = aside
		r.postpone(err, now)
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
	if r.EventID == "" && (status == NeedsSignIn || refused != nil || graph.Transient(err)) {
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
