package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// ErrHeld: somebody else holds the lease.
var ErrHeld = errors.New("lease is held by somebody else")

// A Lease is the right of one instance to do a piece of work. It ends by itself,
// so that work goes on elsewhere when an instance dies. It may not be used
// concurrently.
//
// A clock that stood still can let an instance believe in a lease that has ended.
// What must not happen twice has to carry [Lease.Fence] in its commits.
type Lease struct {
	store Store
	now   func() time.Time
	key   string
	value []byte // whose it is: no other lease has the same
	life  time.Duration

	// Epoch counts upwards: whoever holds the lease later has a higher one.
	Epoch   Version
	version Version
	until   time.Time
}

// Acquire takes a lease for life, or returns ErrHeld. owner names the instance,
// for people who look.
func Acquire(ctx context.Context, s Store, now func() time.Time, name, owner string, life time.Duration) (*Lease, error) {
	l := &Lease{store: s, now: now, key: "lease/" + name, value: []byte(owner + " (" + rand.Text() + ")"), life: life}
	if err := l.write(ctx, Absent); err != nil {
		return nil, err
	}
	l.Epoch = l.version
	return l, nil
}

func (l *Lease) write(ctx context.Context, before Version) error {
	until := l.now().Add(l.life)
	v, err := l.store.Commit(ctx, Write{Key: l.key, Value: l.value, Expires: until, If: If(before)})
	switch {
	case err == nil:
		l.version, l.until = v, until
		return nil
	case errors.Is(err, ErrUnknownOutcome) && l.look(ctx, before):
		return nil
	case errors.Is(err, ErrConflict) && l.look(ctx, before):
		return l.write(ctx, l.version)
	case errors.Is(err, ErrConflict):
		return fmt.Errorf("%s: %w", l.key, ErrHeld)
	}
	return err
}

// look says whether the record is this lease's own, and by a write whose outcome
// was not known: it has another version than the one from before.
func (l *Lease) look(ctx context.Context, before Version) bool {
	r, err := l.store.Get(ctx, l.key)
	if err != nil || !bytes.Equal(r.Value, l.value) || r.Version == before {
		return false
	}
	l.version, l.until = r.Version, r.Expires
	return true
}

// Renew keeps the lease for another life. ErrHeld: it has ended.
func (l *Lease) Renew(ctx context.Context) error { return l.write(ctx, l.version) }

// Left is how long the lease lasts if it isn't renewed.
func (l *Lease) Left() time.Duration { return l.until.Sub(l.now()) }

// Fence is a part of a commit that fails with ErrConflict once the lease has
// ended or been renewed.
func (l *Lease) Fence() Write { return Write{Op: Check, Key: l.key, If: If(l.version)} }

// Release ends the lease. It is no error if it has ended before.
func (l *Lease) Release(ctx context.Context) error {
	for {
		_, err := l.store.Commit(ctx, Write{Op: Delete, Key: l.key, If: If(l.version)})
		if !errors.Is(err, ErrConflict) {
			return err
		}
		if !l.look(ctx, l.version) {
			return nil
		}
	}
}

// WithLease runs work as long as this instance holds the lease, again and again
// until ctx ends: it waits for the lease, renews it, and ends the work's context
// when it can't. work has to return when its context ends. Errors of the store
// are told to failed and tried again.
func WithLease(ctx context.Context, s Store, now func() time.Time, name, owner string, life time.Duration, failed func(error), work func(context.Context)) {
	for ctx.Err() == nil {
		l, err := Acquire(ctx, s, now, name, owner, life)
		switch {
		case err == nil && l.Left() > life/2: // its answer may have come late
			l.keep(ctx, failed, work)
		case err == nil:
			l.end(ctx, failed)
		case errors.Is(err, ErrHeld), ctx.Err() != nil:
		default:
			failed(err)
		}
		sleep(ctx, life/4)
	}
}

// keep runs work under the lease.
func (l *Lease) keep(ctx context.Context, failed func(error), work func(context.Context)) {
	inner, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		work(inner)
	}()
	tick := time.NewTicker(l.life / 4)
	defer tick.Stop()
	for holding := true; holding; {
		select {
		case <-ended:
			holding = false
		case <-tick.C:
			// The work ends a quarter of the life before the lease does,
			// however long a renewal takes.
			bounded, cancel := context.WithTimeout(inner, l.Left()-l.life/4)
			err := l.Renew(bounded)
			cancel()
			if err != nil && inner.Err() == nil {
				failed(err)
			}
			holding = err == nil || !errors.Is(err, ErrHeld) && l.Left() > l.life/2
		}
	}
	stop()
	<-ended
	l.end(ctx, failed)
}

// end releases the lease, also where ctx has ended.
func (l *Lease) end(ctx context.Context, failed func(error)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.life/4)
	defer cancel()
	if err := l.Release(ctx); err != nil {
		failed(err)
	}
}
