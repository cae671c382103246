package caddymodule

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/status"
)

const (
	// credentialsLook is how often the ends of credentials are looked at.
	credentialsLook = time.Hour
	// countEvery is how often all grants are counted, if that doesn't take long: a
	// two-hundredth of the time is spent on it at most.
	countEvery = 10 * time.Minute
)

// begun is told that all of the configuration s has begun.
func (e *engine) begun(s *settings) {
	s.begun.Store(true)
	for _, waiting := range []chan struct{}{e.events.began, e.look} {
		select {
		case waiting <- struct{}{}:
		default: // told already
		}
	}
}

// newestBegun is the newest configuration that has begun, as a whole, and holds the
// engine; nil: none.
func (e *engine) newestBegun() *settings {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := len(e.holders) - 1; i >= 0; i-- {
		if e.holders[i].begun.Load() {
			return e.holders[i]
		}
	}
	return nil
}

// watch warns of credentials that end soon and of rooms that can't be seen, and counts
// grants and bookings for the metrics, until ctx ends. It begins with the first configuration that has begun.
func (e *engine) watch(ctx context.Context) {
	clock, count, glance := time.NewTicker(credentialsLook), time.NewTimer(0), time.NewTimer(0)
	defer clock.Stop()
	count.Stop()
	defer count.Stop()
	glance.Stop()
	defer glance.Stop()
	var told entra.Warnings
	unseen := map[string]bool{} // rooms
	for {
		select {
		case <-ctx.Done():
			return
		case <-count.C:
			count.Reset(e.count(ctx))
		case <-glance.C:
			glance.Reset(e.lookAround(ctx, unseen))
		case <-clock.C:
			e.lookAtCredentials(&told, time.Now())
		case <-e.look:
			e.lookAtCredentials(&told, time.Now())
			count.Reset(0)
			glance.Reset(0)
		}
	}
}

// count takes a census, and says when to take the next one.
func (e *engine) count(ctx context.Context) (wait time.Duration) {
	begun := time.Now()
	if _, err := e.census.take(ctx, e.source()); err != nil {
		return countEvery // the store tells of itself; what was counted before stands
	}
	return max(countEvery, 200*time.Since(begun))
}

// lookAtCredentials warns of the credentials whose end is due to be told. One that
// another has taken the place of may be among them: it can leave the configuration
// then.
func (e *engine) lookAtCredentials(told *entra.Warnings, now time.Time) {
	s := e.newestBegun()
	if s == nil {
		return
	}
	for _, i := range s.integrations {
		all := i.Entra.Credentials()
		for _, c := range all {
			if !told.Due(now, i.Name, c) {
				continue
			}
			left, expires := c.DaysLeft(now), c.Expires.UTC().Format(time.DateOnly)
			what := "a credential of the app registration expires soon: when none is left, nobody can sign in or book"
			switch {
			case left < 0:
				what = "a credential of the app registration has expired: when none is left, nobody can sign in or book"
			case expires == now.UTC().Format(time.DateOnly):
				what = "a credential of the app registration expires today: when none is left, nobody can sign in or book"
			}
			s.log.Warn(what, zap.String("integration", i.Name), zap.String("credential", c.Name), zap.String("about", c.About),
				zap.String("expires", expires), zap.Int("days_left", left), zap.String("to_do", status.AtEnd(c, all, now)))
			e.events.emit(eventSecretExpiring, map[string]any{
				"integration": i.Name, "credential": c.Name, "expires": expires, "days_left": left,
			})
		}
	}
}

// credentialRefused is told of a credential that Microsoft refuses, which the log
// tells too.
func (e *engine) credentialRefused(integration string, c entra.CredentialState) {
	e.events.emit(eventCredentialRefused, map[string]any{
		"integration": integration, "credential": c.Name, "reason": status.Reason(c.Refusal),
	})
}

// grantEvent is told what happens to grants and integrations, which the log tells too.
func (e *engine) grantEvent(happened grant.Event) {
	switch happened.Kind {
	case grant.Lost:
		e.meters.grantsLost.WithLabelValues(happened.Integration, string(happened.State)).Inc()
		user, room := happened.Owner, ""
		if _, name, is := rooms.OfGrant(happened.Owner); is {
			user, room = "", name
		}
		e.events.emit(eventGrantLost, map[string]any{
			"integration": happened.Integration, "user": user, "room": room,
			"connection": string(happened.State), "reason": status.Reason(happened.Err),
		})
	case grant.Refused:
		e.events.emit(eventIntegrationRefused, map[string]any{"integration": happened.Integration, "reason": status.Reason(happened.Err)})
	case grant.Mended:
		e.events.emit(eventIntegrationMended, map[string]any{"integration": happened.Integration})
		e.bookings.ResumeAll()
	}
}
