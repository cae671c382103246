package session

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/store"
)

const (
	// maxCached bounds how many sessions are held in memory; further ones are
	// read from the store at each request.
	maxCached = 200_000
	// sweepEvery is how often ended and unused sessions leave the memory.
	sweepEvery = time.Minute
	// unusedLife is how long a session that nobody uses stays in memory.
	unusedLife = 20 * time.Minute
	// tombstoneLife is far longer than any read of the store takes.
	tombstoneLife = 10 * time.Minute
	// closeTimeout bounds what is still written when the registry is closed.
	closeTimeout = 10 * time.Second
	// maxLag is how old the knowledge of sessions ended elsewhere may be for
	// the memory to be trusted.
	maxLag = time.Second
	// staleGrace is how long the memory is trusted all the same while the store
	// can't be asked.
	staleGrace = 60 * time.Second
	// askAgain is how long a store that didn't answer is left alone.
	askAgain = time.Second
	// askTimeout bounds a question to the store about a session in memory.
	askTimeout = 2 * time.Second
)

// Topic of announcements that a session has ended; the value is its ID.
const Topic = "session"

// A Registry keeps sessions in a store and those in use in memory. It may be
// used concurrently. Close it.
type Registry struct {
	store store.Store
	now   func() time.Time
	log   *slog.Logger
	lag   func() time.Duration // of what Heard has been told

	failed atomic.Int64 // when the store last didn't answer, in Unix nanoseconds
	asking atomic.Bool  // somebody finds out whether it does again

	live   sync.Map // digest -> *Session
	cached atomic.Int64
	missed atomic.Int64 // how often something may have been missed
	ended  sync.Map     // digest -> time.Time of the end: what a slow reader must not revive

	used chan *Session // sessions whose idle end the store should hear of
	stop chan struct{}
	done sync.WaitGroup
}

// New returns a registry of the sessions in s and starts its housekeeping. lag is
// how old the knowledge is that Heard gets of s.
func New(s store.Store, now func() time.Time, log *slog.Logger, lag func() time.Duration) *Registry {
	r := &Registry{store: s, now: now, log: log, lag: lag, used: make(chan *Session, 1024), stop: make(chan struct{})}
	r.done.Go(r.keep)
	return r
}

// Close ends the housekeeping, after what is due has been written.
func (r *Registry) Close() {
	close(r.stop)
	r.done.Wait()
}

// Start begins a session of p, durably, and returns the value for its cookie.
func (r *Registry) Start(ctx context.Context, p *identity.Person, life Life, logoutHint string) (cookie string, s *Session, err error) {
	now := r.now()
	cookie, key := newCookie()
	rec := record{Person: p, Created: now, Expires: now.Add(life.Max), Idle: life.Idle, LogoutHint: logoutHint}
	value, err := json.Marshal(rec)
	if err != nil {
		return "", nil, err
	}
	s = newSession(key, rec, now)
	if _, err = r.store.Commit(ctx, store.Write{
		Key: key.storeKey(), Value: value, Expires: s.kept(), If: store.If(store.Absent),
	}); err != nil {
		return "", nil, fmt.Errorf("starting a session: %w", err)
	}
	r.remember(s)
	return cookie, s, nil
}

// Lookup returns the live session of a cookie's value, and counts as a use of
// it. ErrNone: there is none. Another error: the store could not be asked.
func (r *Registry) Lookup(ctx context.Context, cookie string) (*Session, error) {
	key, ok := parseCookie(cookie)
	if !ok {
		return nil, ErrNone
	}
	s, err := r.find(ctx, key)
	if err != nil {
		return nil, err
	}
	alive, tell := s.use(r.now())
	if !alive { // unless it was used elsewhere
		r.forget(key)
		if s, err = r.load(ctx, key); err != nil {
			return nil, err
		}
		if alive, tell = s.use(r.now()); !alive {
			r.forget(key)
			return nil, ErrNone
		}
	}
	if tell {
		select {
		case r.used <- s:
		default: // the next use tells
			s.saved.Store(0)
		}
	}
	return s, nil
}

// find returns a session from memory, as long as the registry hears at once of
// sessions that end elsewhere; else from the store.
func (r *Registry) find(ctx context.Context, key digest) (*Session, error) {
	v, cached := r.live.Load(key)
	if !cached {
		return r.load(ctx, key)
	}
	lag := r.lag()
	if lag <= maxLag {
		return v.(*Session), nil
	}
	graceful := lag <= staleGrace
	if since := r.now().Sub(time.Unix(0, r.failed.Load())); graceful && since < staleGrace {
		// It has not answered lately: one at a time finds out whether it does.
		if since < askAgain || !r.asking.CompareAndSwap(false, true) {
			return v.(*Session), nil
		}
		defer r.asking.Store(false)
	}
	bounded, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	s, err := r.load(bounded, key)
	if ctx.Err() != nil { // a client that has gone says nothing about the store
		return s, err
	}
	if err == nil || errors.Is(err, ErrNone) {
		r.failed.Store(0)
		return s, err
	}
	r.failed.Store(r.now().UnixNano())
	if graceful {
		return v.(*Session), nil
	}
	return nil, err
}

func (r *Registry) load(ctx context.Context, key digest) (*Session, error) {
	for {
		missed := r.missed.Load()
		rec, err := r.store.Get(ctx, key.storeKey())
		if errors.Is(err, store.ErrNotFound) {
			r.forget(key)
			return nil, ErrNone
		}
		if err != nil {
			return nil, fmt.Errorf("looking up a session: %w", err)
		}
		s, err := decode(key, rec.Value, rec.Expires)
		if err != nil {
			return nil, err
		}
		s = r.remember(s)
		// The record may have been read just before the session was ended; End
		// leaves its mark before it clears the memory, so one of us sees the other.
		if _, ended := r.ended.Load(key); ended {
			r.forget(key)
			return nil, ErrNone
		}
		if r.missed.Load() == missed {
			return s, nil
		}
		r.forget(key) // its end may be among what was missed: look again
	}
}

// End ends a session at once and for good, here and, within a second, in every
// instance. Ending one that is over is no error.
func (r *Registry) End(ctx context.Context, s *Session) error {
	_, err := r.store.Commit(ctx,
		store.Write{Op: store.Delete, Key: s.key.storeKey()},
		store.Write{Op: store.Announce, Key: Topic, Value: []byte(s.key.String())})
	if err != nil {
		return fmt.Errorf("ending a session: %w", err)
	}
	r.bury(s.key)
	return nil
}

// bury takes a session that has ended out of the memory, and out of reach of
// those who are reading it right now.
func (r *Registry) bury(key digest) {
	r.ended.Store(key, r.now())
	r.forget(key)
}

// Heard is told what is announced with Topic.
func (r *Registry) Heard(value []byte) {
	var key digest
	if b, err := hex.DecodeString(string(value)); err != nil || copy(key[:], b) != len(b) || len(b) != len(key) {
		r.log.Warn("an announcement of the end of a session can't be read", "value", string(value))
		return
	}
	r.bury(key)
}

// Missed is told that Heard may have missed something: nothing in memory is
// trusted any more.
func (r *Registry) Missed() {
	r.missed.Add(1)
	r.live.Range(func(k, _ any) bool {
		r.forget(k.(digest))
		return true
	})
}

// remember keeps s in memory, unless that is full, and returns the one that
// stands there: two requests may have read the same session at once.
func (r *Registry) remember(s *Session) *Session {
	if r.cached.Load() >= maxCached {
		return s
	}
	v, there := r.live.LoadOrStore(s.key, s)
	if !there {
		r.cached.Add(1)
	}
	return v.(*Session)
}

func (r *Registry) forget(key digest) {
	if _, there := r.live.LoadAndDelete(key); there {
		r.cached.Add(-1)
	}
}

// keep writes idle ends to the store and sweeps the memory until Close.
func (r *Registry) keep() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	save := func(ctx context.Context, s *Session) {
		ctx, cancel := context.WithTimeout(ctx, closeTimeout)
		defer cancel()
		r.save(ctx, s)
	}
	for {
		select {
		case s := <-r.used:
			save(context.Background(), s)
		case <-tick.C:
			r.sweep()
		case <-r.stop:
			ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
			defer cancel()
			for {
				select {
				case s := <-r.used:
					save(ctx, s)
				default:
					return
				}
			}
		}
	}
}

// save tells the store until when s lives now. A session that was ended
// meanwhile stays ended.
func (r *Registry) save(ctx context.Context, s *Session) {
	err := store.Update(ctx, r.store, s.key.storeKey(), func(old store.Record) (store.Write, error) {
		if old.Version == store.Absent {
			return store.Write{}, ErrNone
		}
		kept := s.kept()
		if !old.Expires.Before(kept) { // it was used later, elsewhere
			return store.Write{Op: store.Check}, nil
		}
		return store.Write{Value: old.Value, Expires: kept}, nil
	})
	switch {
	case errors.Is(err, ErrNone):
		r.forget(s.key)
	case err != nil:
		s.saved.Store(0)
		r.log.Warn("the use of a session could not be recorded; it may end early", "session", s.ID, "error", err)
	}
}

// sweep drops from memory what has ended, and what has not been used for a
// while: the store has that.
func (r *Registry) sweep() {
	now := r.now()
	r.live.Range(func(k, v any) bool {
		s := v.(*Session)
		if now.UnixNano()-s.seen.Load() > int64(unusedLife) || !now.Before(s.until()) {
			r.forget(k.(digest))
		}
		return true
	})
	r.ended.Range(func(k, at any) bool {
		if now.Sub(at.(time.Time)) > tombstoneLife {
			r.ended.Delete(k)
		}
		return true
	})
}
