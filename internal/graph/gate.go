package graph

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Exchange Online serves at most four requests at once per app and mailbox
// (https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits).
const (
	mailboxLimit    = 4
	backgroundLimit = mailboxLimit - 1
)

const (
	// maxQueue bounds how many calls of either kind wait at one mailbox, and
	// maxOfCaller how many of those are one person's, where it is not their own.
	maxQueue    = 128
	maxOfCaller = 32
	// busyHint is when to come back to a mailbox that too many wait at.
	busyHint = 2 * time.Second
	// maxClosed bounds how long a mailbox is left alone: the window that Exchange
	// counts requests in.
	maxClosed = 10 * time.Minute
)

// A BusyError says that a call was not sent: too many others wait for the same
// mailbox, or Graph wants that to be left alone for longer than the call can wait.
type BusyError struct {
	// RetryAfter is when to try again.
	RetryAfter time.Duration
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("too many calls to this mailbox of Microsoft 365, which serves %d at once; try again in %v",
		mailboxLimit, e.RetryAfter.Round(time.Second/10))
}

// gates hold the calls per mailbox. A gate exists while somebody is at it, and
// while Graph wants its mailbox to be left alone.
type gates struct {
	now  func() time.Time
	mu   sync.Mutex
	open map[string]*gate
}

// A gate lets calls to one mailbox through. Its fields are guarded by gates.mu.
type gate struct {
	places, background int            // taken, in all and by background calls
	callers            map[string]int // places taken by each person
	queues             [2][]*waiter   // interactive, background
	until              time.Time      // closed until then
	changed            chan struct{}  // is closed when until changes
}

// A waiter is a call that has no place yet, or the place that it has got.
type waiter struct {
	gates   *gates
	key     string
	at      *gate
	caller  string
	queue   int
	turn    chan struct{} // is closed when it has got its place
	left    bool
	entered bool
}

// enter waits for a place for caller at a mailbox's gate: for maxWait, and not if it is
// known that the wait takes longer than the context lasts. again: the call has
// been through and was throttled, so that it comes before all others. leave must
// be called on the place. err is *BusyError or that of the context.
func (g *gates) enter(ctx context.Context, mailbox, caller string, background, again bool) (*waiter, error) {
	w := &waiter{gates: g, key: mailbox, caller: caller, turn: make(chan struct{})}
	if background {
		w.queue = 1
	}
	if !w.join(again) {
		return nil, &BusyError{RetryAfter: busyHint}
	}
	for giveUp := g.now().Add(maxWait); ; {
		select {
		case <-w.turn:
			return w, nil
		default:
		}
		closed, changed := w.closed()
		left := giveUp.Sub(g.now())
		if deadline, ok := ctx.Deadline(); ok && closed > 0 && closed >= time.Until(deadline) || closed > left {
			w.leave()
			return nil, &BusyError{RetryAfter: closed}
		}
		timer := time.NewTimer(left)
		if closed > 0 {
			timer.Reset(closed)
		}
		select {
		case <-w.turn:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			w.leave()
			return nil, ctx.Err()
		case <-changed:
			timer.Stop()
		case <-timer.C:
			if closed <= 0 {
				w.leave()
				return nil, &BusyError{RetryAfter: busyHint}
			}
			w.open()
		}
	}
}

// join takes a place or queues. false: too many wait already.
func (w *waiter) join(again bool) bool {
	g := w.gates
	g.mu.Lock()
	defer g.mu.Unlock()
	w.at = g.open[w.key]
	if w.at == nil {
		w.at = &gate{callers: map[string]int{}, changed: make(chan struct{})}
		g.open[w.key] = w.at
	}
	queue := w.at.queues[w.queue]
	if again {
		w.at.queues[w.queue] = slices.Insert(queue, 0, w)
	} else {
		own := 0
		for _, other := range queue {
			if other.caller == w.caller {
				own++
			}
		}
		if len(queue) >= maxQueue || own >= maxOfCaller && w.caller != w.key {
			return false
		}
		w.at.queues[w.queue] = append(queue, w)
	}
	g.admit(w.at)
	return true
}

// closed returns how long the gate stays closed, not positive: it is open; and
// what tells that this has changed.
func (w *waiter) closed() (time.Duration, <-chan struct{}) {
	w.gates.mu.Lock()
	defer w.gates.mu.Unlock()
	return w.at.until.Sub(w.gates.now()), w.at.changed
}

// open lets those in who wait at a gate that was closed.
func (w *waiter) open() {
	w.gates.mu.Lock()
	defer w.gates.mu.Unlock()
	w.gates.admit(w.at)
}

// leave gives the place up, or the wait for one. Only the first call counts.
func (w *waiter) leave() {
	g := w.gates
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.left {
		return
	}
	w.left = true
	if w.entered {
		w.at.places--
		w.at.background -= w.queue
		if w.at.callers[w.caller]--; w.at.callers[w.caller] == 0 {
			delete(w.at.callers, w.caller)
		}
	} else {
		w.at.queues[w.queue] = slices.DeleteFunc(w.at.queues[w.queue], func(other *waiter) bool { return other == w })
	}
	g.admit(w.at)
	g.tidy(w.key, w.at)
}

// close leaves the mailbox alone for d: nobody gets a place at it before.
func (w *waiter) close(d time.Duration) {
	g := w.gates
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := g.now().Add(min(d, maxClosed)); until.After(w.at.until) {
		w.at.until = until
		close(w.at.changed)
		w.at.changed = make(chan struct{})
	}
	for key, at := range g.open {
		g.tidy(key, at)
	}
}

// full says whether all places at the mailbox are taken.
func (w *waiter) full() bool {
	w.gates.mu.Lock()
	defer w.gates.mu.Unlock()
	return w.at.places >= mailboxLimit
}

// admit gives the free places to those who wait: to interactive calls first.
func (g *gates) admit(at *gate) {
	for at.places < mailboxLimit && !g.now().Before(at.until) {
		w := at.next()
		if w == nil {
			return
		}
		at.places++
		at.background += w.queue
		at.callers[w.caller]++
		w.entered = true
		close(w.turn)
	}
}

// next takes the one out of the queues whose turn it is: of those whose person
// has the fewest places, the first to come.
func (at *gate) next() *waiter {
	for i, queue := range at.queues {
		if len(queue) == 0 || i == 1 && at.background >= backgroundLimit {
			continue
		}
		first := 0
		for n, w := range queue {
			if at.callers[w.caller] < at.callers[queue[first].caller] {
				first = n
			}
		}
		w := queue[first]
		at.queues[i] = slices.Delete(queue, first, first+1)
		return w
	}
	return nil
}

// tidy forgets a gate that nobody is at and that is open.
func (g *gates) tidy(key string, at *gate) {
	if at.places == 0 && len(at.queues[0])+len(at.queues[1]) == 0 && !g.now().Before(at.until) {
		delete(g.open, key)
	}
}
