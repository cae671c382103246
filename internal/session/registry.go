package session

import (
	"context"
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

	used  chan *Session // sessions whose idle end the store should hear of
	doubt chan struct{} // sessions may have ended unheard
	stop  chan struct{}
	done  sync.WaitGroup
}

// New returns a registry of the sessions in s and starts its housekeeping. lag is
// how old the knowledge is that Heard gets of s.
func New(s store.Store, now func() time.Time, log *slog.Logger, lag func() time.Duration) *Registry {
	r := &Registry{store: s, now: now, log: log, lag: lag, used: make(chan *Session, 1024), doubt: make(chan struct{}, 1), stop: make(chan struct{})}
	r.done.Go(r.keep)
	return r
}

// Close ends the housekeeping, after what is due has been written.
func (r *Registry) Close() {
	close(r.stop)
	r.done.Wait()
}

// InUse is how many sessions are in memory: those that were used here in the last 20
// minutes or so.
func (r *Registry) InUse() int { return int(r.cached.Load()) }

// An Opening is how a session begins.
type Opening struct {
	Person *identity.Person
	Life   Life
	// LogoutHint tells Microsoft at sign-out whose session to end there.
	LogoutHint string
	// SID is what Microsoft calls its own session: the claim "sid" (OpenID
	// Connect Front-Channel Logout 1.0, section 3). "" if it doesn't tell.
	SID string
	// Browser is what somebody signs in with, in words.
	Browser string
}

// Start begins a session, durably, and returns the value for its cookie.
func (r *Registry) Start(ctx context.Context, o Opening) (cookie string, s *Session, err error) {
	now := r.now()
	cookie, key := newCookie()
	rec := record{
		Person: o.Person, Created: now, Expires: now.Add(o.Life.Max), Idle: o.Life.Idle,
		LogoutHint: o.LogoutHint, SID: o.SID, Browser: o.Browser,
	}
	value, err := json.Marshal(rec)
	if err != nil {
		return "", nil, err
	}
	s = newSession(key, rec, now)
	writes := []store.Write{{Key: key.storeKey(), Value: value, Expires: s.kept(), If: store.If(store.Absent)}}
	for _, index := range s.indexes() {
		writes = append(writes, store.Write{Key: index, Value: []byte(s.sidIndex()), Expires: s.Expires})
	}
	if _, err = r.store.Commit(ctx, writes...); err != nil {
		return "", nil, fmt.Errorf("starting a session: %w", err)
	}
	s.checked.Store(r.missed.Load())
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
		if s, err = r.load(ctx, key); err != nil {
			return nil, err
		}
		if alive, tell = s.use(r.now()); !alive {
			r.drop(key)
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
	if !cached || v.(*Session).checked.Load() != r.missed.Load() {
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
			r.drop(key)
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
			r.drop(key)
			return nil, ErrNone
		}
		if r.missed.Load() == missed {
			s.checked.Store(missed)
			return s, nil
		} // its end may be among what was missed: look again
	}
}

// bury takes a session that has ended out of the memory, and out of reach of
// those who are reading it right now.
func (r *Registry) bury(key digest) {
	r.ended.Store(key, r.now())
	r.drop(key)
}

// Heard is told what is announced with Topic.
func (r *Registry) Heard(value []byte) {
	key, ok := parseID(string(value))
	if !ok {
		r.log.Warn("an announcement of the end of a session can't be read", "value", string(value))
		return
	}
	r.bury(key)
}

// Missed is told that Heard may have missed something: what is in memory is
// looked up in the store again before it is trusted.
func (r *Registry) Missed() {
	r.missed.Add(1)
	select {
	case r.doubt <- struct{}{}:
	default: // it is in doubt already
	}
}

// remember keeps s in memory, unless that is full, and returns the one that
// stands there: two requests may have read the same session at once.
func (r *Registry) remember(s *Session) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, there := r.live.Load(s.key)
	if !there {
		if r.cached.Load() >= maxCached {
			return s
		}
		if v, there = r.live.LoadOrStore(s.key, s); !there {
			r.cached.Add(1)
			s.away = false
		}
	}
	known := v.(*Session)
	known.usedBy(s)
	return known
}

// forget takes a session out of memory, unless requests are attached to it: they
// have to be reached when it ends.
func (r *Registry) forget(s *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.release(s)
}

// release is forget for who holds s.mu.
func (r *Registry) release(s *Session) {
	if len(s.open) == 0 && r.live.CompareAndDelete(s.key, s) {
		r.cached.Add(-1)
		s.away = true
	}
}

// drop takes a session that is over out of memory, and what is open of it ends.
func (r *Registry) drop(key digest) {
	if v, there := r.live.LoadAndDelete(key); there {
		r.cached.Add(-1)
		v.(*Session).close()
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
		case <-r.doubt:
			r.sweep()
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
		r.drop(s.key)
	case err != nil:
		s.saved.Store(0)
		r.log.Warn("the use of a session could not be recorded; it may end early", "session", s.ID, "error", err)
	}
}

// sweep drops from memory what has ended, and what has not been used for a
// while: the store has that. What is in doubt and has requests attached is looked
// up: they would not ask by themselves.
func (r *Registry) sweep() {
	now, deaf, away := r.now(), r.lag() > staleGrace, false
	r.live.Range(func(_, v any) bool {
		s := v.(*Session)
		over := !now.Before(s.until()) // by what is known here
		switch {
		case !s.attached():
			if over || now.Sub(s.Used()) > unusedLife {
				r.forget(s)
			}
		case deaf: // its end could not be heard of
			s.endOpen()
		case !away && (over || s.checked.Load() != r.missed.Load()):
			away = !r.check(s)
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

// check finds out whether a session with requests attached lives, and reports
// whether the store could be asked. If not, the next sweep asks again.
func (r *Registry) check(s *Session) bool {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	known, err := r.load(ctx, s.key)
	if err == nil && !r.now().Before(known.until()) {
		r.drop(s.key)
	}
	return err == nil || errors.Is(err, ErrNone)
}
