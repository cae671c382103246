package entra

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// renewAfter is how old a document gets before it is fetched anew behind
	// the back of those who use it.
	renewAfter = time.Hour
	// maxAge is how old it may get before whoever needs it waits for a new one.
	// Both are what Microsoft recommends for keys
	// (https://learn.microsoft.com/entra/identity-platform/signing-key-rollover).
	maxAge = 24 * time.Hour
	// retryAfterFailure is how long a failed fetch is not repeated, so that an
	// outage is not hammered.
	retryAfterFailure = 5 * time.Second
)

// A document is fetched when it is first needed, one fetch at a time, kept, and
// renewed while it is used. It may be used concurrently.
type document[T any] struct {
	op    string // what fetching it is called in an Error
	now   func() time.Time
	fetch func(context.Context) (*T, error)
	// background has something done later; it says false if it won't be.
	// nil: what has been fetched once stands for ever.
	background func(func(context.Context)) bool
	// turn holds a token while somebody fetches. The first fetch runs in its
	// caller's goroutine and with their context: when they leave, the next one
	// who waits takes over.
	turn chan struct{}
	last atomic.Pointer[fetched[T]]
}

// fetched is the outcome of the fetches so far; it never changes.
type fetched[T any] struct {
	value  *T        // the last good one
	at     time.Time // when its fetch began
	err    error     // why the latest fetch failed; nil: it did not
	failed time.Time
}

func newDocument[T any](op string, now func() time.Time, fetch func(context.Context) (*T, error), background func(func(context.Context)) bool) *document[T] {
	d := &document[T]{op: op, now: now, fetch: fetch, background: background, turn: make(chan struct{}, 1)}
	d.last.Store(&fetched[T]{})
	return d
}

// get returns a value whose fetch began at notBefore or later. When that can't
// be had, it returns the error together with the last good value, nil if there
// is none.
func (d *document[T]) get(ctx context.Context, notBefore time.Time) (*T, error) {
	last := d.last.Load()
	if last.good(notBefore) {
		d.renew(last)
		return last.value, nil
	}
	if d.justFailed(last) {
		return last.value, last.err
	}
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return d.last.Load().value, noAnswer(d.op, ctx.Err())
	}
	last = d.last.Load()
	if !last.good(notBefore) && !d.justFailed(last) { // else somebody has fetched meanwhile
		return d.fetchInTurn(ctx)
	}
	if last.good(notBefore) {
		return last.value, nil
	}
	return last.value, last.err
}

// fetchInTurn is for who holds the turn.
func (d *document[T]) fetchInTurn(ctx context.Context) (*T, error) {
	last, began := d.last.Load(), d.now()
	value, err := d.fetch(ctx)
	switch {
	case err == nil:
		d.last.Store(&fetched[T]{value: value, at: began})
		return value, nil
	case ctx.Err() == nil: // else the caller has left, which says nothing about the service
		d.last.Store(&fetched[T]{value: last.value, at: last.at, err: err, failed: d.now()})
	}
	return last.value, err
}

// renew has a value that gets old fetched anew, unless somebody is at it. What
// is known stays good meanwhile, and also if it fails.
func (d *document[T]) renew(last *fetched[T]) {
	if d.background == nil || d.now().Sub(last.at) < renewAfter || d.justFailed(last) {
		return
	}
	select {
	case d.turn <- struct{}{}:
	default:
		return
	}
	begun := d.background(func(ctx context.Context) {
		defer func() { <-d.turn }()
		_, _ = d.fetchInTurn(ctx) // it is kept with the document why it failed
	})
	if !begun {
		<-d.turn
	}
}

func (f *fetched[T]) good(notBefore time.Time) bool {
	return f.value != nil && !f.at.Before(notBefore)
}

func (d *document[T]) justFailed(last *fetched[T]) bool {
	return last.err != nil && d.now().Sub(last.failed) < retryAfterFailure
}
