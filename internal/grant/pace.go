package grant

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// How often Microsoft is asked for tokens of one app registration, per second.
// After an outage or a restart everybody needs one.
const (
	// askedRate is for those whom somebody waits for.
	askedRate = 100
	// backgroundRate is for what nobody waits for.
	backgroundRate = 10
)

// A pace bounds how often Microsoft is asked, and lets those go first whom
// somebody waits for. It may be used concurrently.
type pace struct {
	asked, background *rate.Limiter
}

func newPace() *pace {
	return &pace{asked: rate.NewLimiter(askedRate, askedRate), background: rate.NewLimiter(backgroundRate, backgroundRate)}
}

// enter waits for its turn, in the background until urgent is closed. waited is
// false where it was its turn at once. The error is ctx's.
func (p *pace) enter(ctx context.Context, urgent <-chan struct{}) (waited bool, err error) {
	select {
	case <-urgent:
	default:
		if waited, err = p.idle(ctx, urgent); err != nil {
			return waited, err
		}
	}
	select {
	case <-urgent:
		if p.asked.Allow() {
			return waited, nil
		}
		return true, p.asked.Wait(ctx)
	default:
		return waited, nil
	}
}

// idle waits in the background's queue, and leaves it when urgent is closed.
func (p *pace) idle(ctx context.Context, urgent <-chan struct{}) (waited bool, err error) {
	place := p.background.Reserve()
	d := place.Delay()
	if d == 0 {
		return false, nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true, nil
	case <-urgent:
		place.Cancel()
		return true, nil
	case <-ctx.Done():
		place.Cancel()
		return true, ctx.Err()
	}
}
