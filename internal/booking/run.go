package booking

import (
	"context"
	"sync"
	"time"
)

// How many bookings are carried on at once: those somebody has just asked for,
// and the others.
const (
	maxUrgent     = 64
	maxBackground = 16
)

// holdOff is how long a booking rests whose state could not be written.
const holdOff = 30 * time.Second

// idle is how long Run sleeps at most without looking at the journal.
const idle = time.Minute

// queue says what Run has to do besides what the journal tells it.
type queue struct {
	mu sync.Mutex
	// urgent bookings are carried on at once.
	urgent map[string]struct{}
	// fresh ones were accepted by this process and never sent.
	fresh map[string]struct{}
	// people have signed in again.
	people map[string]struct{}
	// running bookings are with a goroutine; the value says if it is urgent.
	running map[string]bool
	// held bookings rest until then.
	held map[string]time.Time
	// signal tells Run that something above has changed.
	signal chan struct{}
}

func newQueue() queue {
	return queue{
		urgent: map[string]struct{}{}, fresh: map[string]struct{}{}, people: map[string]struct{}{},
		running: map[string]bool{}, held: map[string]time.Time{}, signal: make(chan struct{}, 1),
	}
}

func (q *queue) notify() {
	select {
	case q.signal <- struct{}{}:
	default:
	}
}

func (q *queue) markFresh(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fresh[id] = struct{}{}
}

func (q *queue) unmark(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.fresh, id)
}

// wake has a booking carried on at once, or right after what runs for it now.
func (q *queue) wake(id string) {
	q.mu.Lock()
	q.urgent[id] = struct{}{}
	q.mu.Unlock()
	q.notify()
}

// takeUrgent reserves the urgent bookings that may start now.
func (q *queue) takeUrgent() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var ids []string
	for id := range q.urgent {
		if _, busy := q.running[id]; busy || q.count(true) >= maxUrgent {
			continue
		}
		delete(q.urgent, id)
		delete(q.held, id)
		q.running[id] = true
		ids = append(ids, id)
	}
	return ids
}

// takeBackground reserves a booking unless it is with somebody or rests. full
// says that there is no place for it now.
func (q *queue) takeBackground(id string, now time.Time) (taken, full bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, busy := q.running[id]; busy {
		return false, false
	}
	if until, ok := q.held[id]; ok {
		if now.Before(until) {
			return false, false
		}
		delete(q.held, id)
	}
	if q.count(false) >= maxBackground {
		return false, true
	}
	q.running[id] = false
	return true, false
}

func (q *queue) count(urgent bool) int {
	n := 0
	for _, u := range q.running {
		if u == urgent {
			n++
		}
	}
	return n
}

// begin says whether the booking has never been sent; only the first to ask is
// told so.
func (q *queue) begin(id string) (fresh bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, fresh = q.fresh[id]
	delete(q.fresh, id)
	return fresh
}

func (q *queue) finish(id string, hold time.Time) {
	q.mu.Lock()
	delete(q.running, id)
	delete(q.held, id)
	if !hold.IsZero() {
		q.held[id] = hold
	}
	q.mu.Unlock()
	q.notify()
}

// Resume carries on what has been waiting for the person to sign in. It returns
// at once; Run does the work.
func (s *Service) Resume(personID string) {
	s.queue.mu.Lock()
	s.queue.people[personID] = struct{}{}
	s.queue.mu.Unlock()
	s.queue.notify()
}

// Run carries on all open bookings until ctx ends, and returns when nothing
// that it started runs any more. It is to be called once. What was open before
// is taken up first, whenever it would have been due: the process that knew of
// it has gone.
func (s *Service) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	start := func(id string) {
		running.Go(func() { s.carryOn(ctx, id) })
	}
	backlog, err := s.allOpen(ctx)
	for ctx.Err() == nil {
		wait := idle
		if err == nil {
			backlog, wait, err = s.dispatch(ctx, backlog, start)
		}
		if err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "the journal of bookings cannot be read; trying again", "error", err)
			wait, err = holdOff, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-s.queue.signal:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// allOpen returns the ids of all open bookings.
func (s *Service) allOpen(ctx context.Context) (ids []string, err error) {
	for position := ""; ; {
		found, next, err := s.journal.openAfter(ctx, position)
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			ids = append(ids, d.id)
		}
		if next == "" {
			return ids, nil
		}
		position = next
	}
}

// dispatch starts what can start now: the urgent, the backlog, the due. It
// returns what is left of the backlog and how long nothing will be due.
func (s *Service) dispatch(ctx context.Context, backlog []string, start func(string)) (left []string, wait time.Duration, err error) {
	if err := s.wakeSignedIn(ctx); err != nil {
		return backlog, 0, err
	}
	for _, id := range s.queue.takeUrgent() {
		start(id)
	}
	now := s.now()
	for i, id := range backlog {
		taken, full := s.queue.takeBackground(id, now)
		if full {
			return backlog[i:], idle, nil // whoever finishes gives a signal
		}
		if taken {
			start(id)
		}
	}
	for position := ""; ; {
		found, next, err := s.journal.openAfter(ctx, position)
		if err != nil {
			return nil, 0, err
		}
		for _, d := range found {
			if wait := d.at.Sub(now); wait > 0 {
				return nil, min(wait, idle), nil
			}
			taken, full := s.queue.takeBackground(d.id, now)
			if full {
				return nil, idle, nil
			}
			if taken {
				start(d.id)
			}
		}
		if next == "" {
			return nil, idle, nil
		}
		position = next
	}
}

// wakeSignedIn makes the waiting bookings of people who have signed in urgent.
func (s *Service) wakeSignedIn(ctx context.Context) error {
	s.queue.mu.Lock()
	people := s.queue.people
	s.queue.people = map[string]struct{}{}
	s.queue.mu.Unlock()
	for id := range people {
		_, err := s.journal.walk(ctx, personPrefix(id), "", s.now().Add(-maxSpan), time.Time{}, noLimit, func(_ string, r *record) bool {
			if r.open() && (r.Status == NeedsSignIn || r.Tries > 0) {
				s.queue.wake(r.ID)
			}
			return true
		})
		if err != nil {
			s.Resume(id)
			return err
		}
	}
	return nil
}

// jobTimeout bounds one turn of a booking.
const jobTimeout = time.Minute

// carryOn gives a booking its turn.
func (s *Service) carryOn(ctx context.Context, id string) {
	fresh := s.queue.begin(id)
	turn, cancel := context.WithTimeout(ctx, jobTimeout)
	defer cancel()
	var hold time.Time
	if err := s.advance(turn, id, fresh); err != nil && ctx.Err() == nil {
		s.log.ErrorContext(ctx, "a booking's state could not be read or written; trying again", "booking", id, "error", err)
		hold = s.now().Add(holdOff)
	}
	s.queue.finish(id, hold)
}
