package booking

import (
	"context"
	"sync"
)

// roomLocks hold one lock per room. A lock exists only while somebody is at it.
type roomLocks struct {
	mu   sync.Mutex
	open map[string]*roomLock
}

// A roomLock's channel holds one token and queues in order of arrival.
type roomLock struct {
	held  chan struct{}
	users int
}

// acquire waits for the room's lock, or for the context's end, whose error it returns.
func (l *roomLocks) acquire(ctx context.Context, room string) (release func(), err error) {
	l.mu.Lock()
	lock := l.open[room]
	if lock == nil {
		lock = &roomLock{held: make(chan struct{}, 1)}
		l.open[room] = lock
	}
	lock.users++
	l.mu.Unlock()

	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if lock.users--; lock.users == 0 {
			delete(l.open, room)
		}
	}
	select {
	case lock.held <- struct{}{}:
		return func() { <-lock.held; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// behind are the bookings whose present state has been told, and is being written.
type behind struct {
	mu sync.Mutex
	of map[string]chan struct{}
}

// begin has those who read the booking wait until done is called. Only who has its turn may
// call it.
func (b *behind) begin(id string) (done func()) {
	written := make(chan struct{})
	b.mu.Lock()
	b.of[id] = written
	b.mu.Unlock()
	return func() {
		b.mu.Lock()
		delete(b.of, id)
		b.mu.Unlock()
		close(written)
	}
}

// wait returns when the booking may be read, or with the context's error.
func (b *behind) wait(ctx context.Context, id string) error {
	b.mu.Lock()
	written := b.of[id]
	b.mu.Unlock()
	if written == nil {
		return nil
	}
	select {
	case <-written:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// waiters are told when a booking has changed.
type waiters struct {
	mu   sync.Mutex
	byID map[string]map[chan *record]struct{}
}

// join returns a channel that gets the booking after each change (of several perhaps the
// last alone), nil once it is erased, until leave. Who gets it only reads it.
func (w *waiters) join(id string) (changed <-chan *record, leave func()) {
	ch := make(chan *record, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byID[id] == nil {
		w.byID[id] = map[chan *record]struct{}{}
	}
	w.byID[id][ch] = struct{}{}
	return ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.byID[id], ch)
		if len(w.byID[id]) == 0 {
			delete(w.byID, id)
		}
	}
}

// tell tells what a booking has become; nil: it is erased.
func (w *waiters) tell(id string, now *record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ch := range w.byID[id] {
		select {
		case <-ch: // what nobody has taken is of before
		default:
		}
		ch <- now
	}
}

// waiting says whether somebody waits for the booking right now.
func (w *waiters) waiting(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.byID[id]) > 0
}
