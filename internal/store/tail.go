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

// Unbroken is for engines: it returns what was read after a position, at most limit
// of what there is up to last, as far as nothing is missing in it. Positions have no
// gaps, so what is missing is forgotten: then the first that is asked for is
// ErrForgotten. A gap in the middle, which clocks that differ can make, shows when it
// is asked for.
func Unbroken(read []Announcement, after, last Position, limit int) ([]Announcement, error) {
	for i, a := range read {
		if a.Position != after+1+Position(i) {
			read = read[:i]
			break
		}
	}
	if after > last || after < last && limit > 0 && len(read) == 0 {
		return nil, ErrForgotten
	}
	return read, nil
}
