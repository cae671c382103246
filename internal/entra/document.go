package entra

import (
	"context"
	"sync/atomic"
	"time"
)

// retryAfterFailure is how long a failed fetch is not repeated, so that an
// outage is not hammered.
const retryAfterFailure = 5 * time.Second

// A document is fetched when it is first needed, one fetch at a time, and kept.
// It may be used concurrently.
type document[T any] struct {
	op    string // what fetching it is called in an Error
	now   func() time.Time
	fetch func(context.Context) (*T, error)
	// turn holds a token while somebody fetches. The fetch runs in that
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

func newDocument[T any](op string, now func() time.Time, fetch func(context.Context) (*T, error)) *document[T] {
	d := &document[T]{op: op, now: now, fetch: fetch, turn: make(chan struct{}, 1)}
	d.last.Store(&fetched[T]{})
	return d
}

// get returns a value whose fetch began at notBefore or later. When that can't
// be had, it returns the error together with the last good value, nil if there
// is none.
func (d *document[T]) get(ctx context.Context, notBefore time.Time) (*T, error) {
	if last := d.last.Load(); d.stands(last, notBefore) {
		return last.value, last.err
	}
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return d.last.Load().value, noAnswer(d.op, ctx.Err())
	}
	last := d.last.Load()
	if d.stands(last, notBefore) { // somebody else has fetched meanwhile
		return last.value, last.err
	}
	began := d.now()
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

// stands says whether an outcome is the answer, without another fetch.
func (d *document[T]) stands(last *fetched[T], notBefore time.Time) bool {
	if last.err != nil {
		return d.now().Sub(last.failed) < retryAfterFailure
	}
	return last.value != nil && !last.at.Before(notBefore)
}
