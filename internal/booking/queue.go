package booking

import (
	"sync"
	"time"
)

// How many bookings are carried on at once: those somebody has just asked for,
// and the others.
const (
	maxUrgent     = 64
	maxBackground = 16
)

// A queue says which bookings this process carries on, and has to, besides what
// the journal tells.
type queue struct {
	mu sync.Mutex
	// urgent bookings are carried on at once.
	urgent map[string]struct{}
	// fresh ones were accepted by this process and never sent; with them, once they are
	// durable, what they are.
	fresh map[string]*record
	// people have signed in again.
	people map[string]struct{}
	// all says that every open booking is to be carried on, due or not.
	all bool
	// running bookings are with a goroutine; the value says if it is urgent.
	running map[string]bool
	// held bookings rest until then.
	held map[string]time.Time
	// asked tells Run, and freed FollowUp, that something above has changed.
	asked, freed chan struct{}
}

func newQueue() queue {
	return queue{
		urgent: map[string]struct{}{}, fresh: map[string]*record{}, people: map[string]struct{}{},
		running: map[string]bool{}, held: map[string]time.Time{},
		asked: make(chan struct{}, 1), freed: make(chan struct{}, 1),
	}
}

func notify(signal chan<- struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

// markFresh notes that a booking is about to be accepted, which nobody has ever sent.
func (q *queue) markFresh(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fresh[id] = nil
}

// handOver has a fresh booking, which is durable now as it is here, carried on at once.
func (q *queue) handOver(r record) {
	q.mu.Lock()
	if _, fresh := q.fresh[r.ID]; fresh {
		q.fresh[r.ID] = &r
	}
	q.urgent[r.ID] = struct{}{}
	q.mu.Unlock()
	notify(q.asked)
}

// takeAll says whether every open booking is to be carried on now.
func (q *queue) takeAll() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.all
	q.all = false
	return all
}

func (q *queue) unmark(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.fresh, id)
}

// wake has a booking carried on at once, or right after what runs for it now, as the
// journal has it: it may have been changed.
func (q *queue) wake(id string) {
	q.mu.Lock()
	if q.fresh[id] != nil {
		q.fresh[id] = nil
	}
	q.urgent[id] = struct{}{}
	q.mu.Unlock()
	notify(q.asked)
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

// unbegun returns the urgent bookings that nobody is at.
func (q *queue) unbegun() (ids []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id := range q.urgent {
		if _, busy := q.running[id]; !busy {
			ids = append(ids, id)
		}
	}
	return ids
}

// wanted says whether somebody has asked for a booking, and it has not begun since.
func (q *queue) wanted(id string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, urgent := q.urgent[id]
	return urgent
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

// begin says whether the booking has never been sent, and what it was when it was handed
// over; nil: it has to be read. Only the first to ask is told so.
func (q *queue) begin(id string) (r *record, fresh bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r, fresh = q.fresh[id]
	delete(q.fresh, id)
	return r, fresh
}

// finish ends what begin began. due says that a step of the booking is due later:
// FollowUp, which is not told of each booking that somebody waited for, plans anew then.
func (q *queue) finish(id string, hold time.Time, due bool) {
	q.mu.Lock()
	urgent := q.running[id]
	delete(q.running, id)
	delete(q.held, id)
	if !hold.IsZero() {
		q.held[id] = hold
	}
	q.mu.Unlock()
	notify(q.asked)
	if due || !urgent {
		notify(q.freed)
	}
}
