package store

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync/atomic"
	"time"
)

// feedChunk is how many announcements are handed on at once.
const feedChunk = 256

// How long a feed that fails waits before it tries again, from the first time on.
const (
	firstFeedRetry = 50 * time.Millisecond
	maxFeedRetry   = FollowWait
)

// A Feed hands on what is announced in a store, from the time it begins, and
// knows whether it is up to date. It may be used concurrently.
type Feed struct {
	store Store
	log   *slog.Logger
	now   func() time.Time

	tell   func(Announcement)
	missed func()

	fresh atomic.Pointer[time.Time] // up to when all is known; nil: nothing is
}

// NewFeed returns a feed that hands each announcement to tell, in their order.
// missed is called where some can't be had any more: whoever lives on them has
// to look at the records themselves. Neither is called before Run.
func NewFeed(s Store, now func() time.Time, log *slog.Logger, tell func(Announcement), missed func()) *Feed {
	return &Feed{store: s, log: log, now: now, tell: tell, missed: missed}
}

// Lag is how old the feed's knowledge is. It goes by the monotonic clock, as far as
// now has one; where a clock was set back nobody knows, so it is as long as can be.
func (f *Feed) Lag() time.Duration {
	if fresh := f.fresh.Load(); fresh != nil {
		if lag := f.now().Sub(*fresh); lag >= 0 {
			return lag
		}
	}
	return math.MaxInt64
}

// Run follows the store until ctx ends. While the store can't be asked it goes on
// trying, and Lag grows.
func (f *Feed) Run(ctx context.Context) {
	position, known := Position(0), false
	for retry := time.Duration(0); ctx.Err() == nil; {
		begun := f.now()
		var err error
		if !known {
			if position, err = f.store.Last(ctx); err == nil {
				known = true
				f.missed()
				f.fresh.Store(&begun)
			}
		}
		var heard []Announcement
		if err == nil {
			heard, err = f.store.Follow(ctx, position, feedChunk)
		}
		switch {
		case err == nil:
			for _, a := range heard {
				f.tell(a)
				position = a.Position
			}
			if len(heard) < feedChunk {
				f.fresh.Store(&begun)
			}
			if retry > 0 {
				f.log.Info("the store can be followed again")
			}
			retry = 0
			continue
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrForgotten):
			known = false
			continue
		case retry == 0:
			f.log.Warn("the store can't be followed; changes made elsewhere are not seen until it can", "error", err)
		}
		retry = min(max(2*retry, firstFeedRetry), maxFeedRetry)
		sleep(ctx, retry)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
