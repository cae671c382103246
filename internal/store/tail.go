package store

import (
	"context"
	"sync"
	"time"
)

// A Tail is what an engine knows of its last announcement, and what those who
// follow wait at. It may be used concurrently.
type Tail struct {
	mu   sync.Mutex
	last Position
	more chan struct{} // closed when there is more, or the store is closed
	over bool
}

// NewTail returns a tail at a position.
func NewTail(last Position) *Tail { return &Tail{last: last, more: make(chan struct{})} }

// Last returns the last position, and what is closed when there is more or the
// tail is closed.
func (t *Tail) Last() (Position, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last, t.more
}

// Learn is told the last position. It may be lower than the one before, where
// that is hearsay and a database may lose what it had; nobody is woken then.
func (t *Tail) Learn(last Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	grown := last > t.last
	t.last = last
	if grown && !t.over {
		close(t.more)
		t.more = make(chan struct{})
	}
}

// Await waits while nothing is known after a position: for FollowWait at most,
// and no longer than ctx.
func (t *Tail) Await(ctx context.Context, after Position) {
	last, more := t.Last()
	if last > after {
		return
	}
	timer := time.NewTimer(FollowWait)
	defer timer.Stop()
	select {
	case <-more:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Close wakes everybody for good.
func (t *Tail) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.over {
		t.over = true
		close(t.more)
	}
}
