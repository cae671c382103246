package session

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/identity"
)

// opened is a request attached to a session.
type opened struct {
	*Attachment
	ctx context.Context
}

func attach(t *testing.T, r *Registry, cookie string) opened {
	t.Helper()
	s, err := r.Lookup(t.Context(), cookie)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return opened{r.Attach(s, cancel), ctx}
}

func (o opened) wants(t *testing.T, open bool) {
	t.Helper()
	if (o.ctx.Err() == nil) != open {
		t.Errorf("open: %v, want %v", o.ctx.Err() == nil, open)
	}
}

func TestWhatIsOpenEndsWithItsSession(t *testing.T) {
	c := newClock()
	r := newRegistry(t, newStore(t, c.now), c.now)
	mine, others := mustStart(t, r), mustStart(t, r)
	a, b, done, other := attach(t, r, mine), attach(t, r, mine), attach(t, r, mine), attach(t, r, others)
	done.Detach()
	s, err := r.Lookup(t.Context(), mine)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.End(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	a.wants(t, false)
	b.wants(t, false)
	done.wants(t, true)
	other.wants(t, true)
	a.Detach() // harmless
	late, cancel := context.WithCancel(t.Context())
	r.Attach(s, cancel) // it was looked up just before
	if late.Err() == nil {
		t.Error("a request of an ended session stays open")
	}
}

func TestDetachKeepsTheOthers(t *testing.T) {
	c := newClock()
	r := newRegistry(t, newStore(t, c.now), c.now)
	cookie := mustStart(t, r)
	a, b, d := attach(t, r, cookie), attach(t, r, cookie), attach(t, r, cookie)
	a.Detach()
	a.Detach() // twice is once
	s, err := r.Lookup(t.Context(), cookie)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.open); n != 2 {
		t.Fatalf("%d attached, want 2", n)
	}
	if err := r.End(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	a.wants(t, true)
	b.wants(t, false)
	d.wants(t, false)
}

// The memory may forget a session only while nothing is attached to it.
func TestSweepKeepsWhatIsOpen(t *testing.T) {
	c := newClock()
	r := newRegistry(t, newStore(t, c.now), c.now)
	cookie := mustStart(t, r)
	a := attach(t, r, cookie)
	c.advance(40 * time.Minute)
	r.sweep()
	a.wants(t, true)
	if n := r.cached.Load(); n != 1 {
		t.Errorf("%d in memory, want the one with an open request", n)
	}
	c.advance(40 * time.Minute) // over: an open connection is no use of it
	r.sweep()
	a.wants(t, false)
	if n := r.cached.Load(); n != 0 {
		t.Errorf("%d in memory, want none", n)
	}
}

func TestWhatIsOpenEndsElsewhere(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	here, there := newInstance(t, s, c.now), newInstance(t, s, c.now)
	cookie := mustStart(t, here.Registry)
	open := attach(t, there.Registry, cookie)
	end := func(cookie string) {
		t.Helper()
		if err := here.End(t.Context(), here.wants(t, cookie, nil)); err != nil {
			t.Fatal(err)
		}
	}
	end(cookie)
	there.hear(t)
	open.wants(t, false)

	t.Run("unheard", func(t *testing.T) {
		cookie, kept := mustStart(t, here.Registry), mustStart(t, here.Registry)
		ends, lives := attach(t, there.Registry, cookie), attach(t, there.Registry, kept)
		end(cookie)
		there.Missed()
		<-ends.ctx.Done() // the registry finds out by itself
		lives.wants(t, true)
		there.wants(t, cookie, ErrNone)
		there.wants(t, kept, nil)
	})

	t.Run("used elsewhere", func(t *testing.T) {
		cookie := mustStart(t, here.Registry)
		open := attach(t, there.Registry, cookie)
		for range 3 {
			c.advance(50 * time.Minute)
			here.save(t.Context(), here.wants(t, cookie, nil))
		}
		there.sweep()
		open.wants(t, true)
	})
}

// Whoever can't hear of ends can't keep connections open.
func TestDeafInstanceClosesWhatIsOpen(t *testing.T) {
	c := newClock()
	var lag atomic.Int64
	r := New(newStore(t, c.now), c.now, slog.New(slog.DiscardHandler), func() time.Duration { return time.Duration(lag.Load()) })
	t.Cleanup(r.Close)
	open := attach(t, r, mustStart(t, r))
	lag.Store(int64(staleGrace))
	r.sweep()
	open.wants(t, true)
	lag.Add(1)
	r.sweep()
	open.wants(t, false)
}

// A session that did not fit into memory is reached all the same.
func TestAttachWithoutRoomInMemory(t *testing.T) {
	c := newClock()
	r := newRegistry(t, newStore(t, c.now), c.now)
	cookie := mustStart(t, r)
	s, err := r.Lookup(t.Context(), cookie)
	if err != nil {
		t.Fatal(err)
	}
	r.forget(s)
	r.cached.Store(maxCached)
	a, b := attach(t, r, cookie), attach(t, r, cookie)
	if err := r.End(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	a.wants(t, false)
	b.wants(t, false)
	if n := r.cached.Load(); n != maxCached {
		t.Errorf("%d counted, want as many as before", n-maxCached)
	}

	late, cancel := context.WithCancel(t.Context())
	r.Attach(newSession(s.key, record{Person: alice, Expires: s.Expires, Idle: s.idle}, c.now()), cancel)
	if late.Err() == nil {
		t.Error("a slow reader's session is attached to after its end")
	}
}

// What did not fit into memory leaves it with the request that is answered: every
// page is attached for a moment, and no bound would hold.
func TestMemoryIsBounded(t *testing.T) {
	c := newClock()
	r := newRegistry(t, newStore(t, c.now), c.now)
	full := mustStart(t, r)
	r.cached.Store(maxCached)
	for range 3 {
		cookie := mustStart(t, r)
		s, err := r.Lookup(t.Context(), cookie)
		if err != nil {
			t.Fatal(err)
		}
		first, second := r.Attach(s, func() {}), r.Attach(s, func() {})
		first.Detach()
		if _, there := r.live.Load(s.key); !there {
			t.Error("a session is out of reach while a request is open")
		}
		second.Detach()
		if _, there := r.live.Load(s.key); there {
			t.Error("a session too many stays in memory")
		}
	}
	s, err := r.Lookup(t.Context(), full)
	if err != nil {
		t.Fatal(err)
	}
	r.Attach(s, func() {}).Detach()
	if _, there := r.live.Load(s.key); !there || r.cached.Load() != maxCached {
		t.Errorf("one that fits is in memory: %v; %d counted too many", there, r.cached.Load()-maxCached)
	}
}

// However requests and the end of their session meet, nothing stays open.
func TestAttachWhileEnding(t *testing.T) {
	c := newClock()
	r := newRegistry(t, newStore(t, c.now), c.now)
	for range 50 {
		cookie := mustStart(t, r)
		s, err := r.Lookup(t.Context(), cookie)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for {
					s, err := r.Lookup(t.Context(), cookie)
					if errors.Is(err, ErrNone) {
						return
					}
					ctx, cancel := context.WithCancel(t.Context())
					a := r.Attach(s, cancel)
					r.forget(s)
					if ctx.Err() == nil {
						<-ctx.Done()
					}
					a.Detach()
					cancel()
				}
			})
		}
		if err := r.End(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		all.Wait()
	}
}

// What is open of some people can be ended without ending their sessions.
func TestEndOpen(t *testing.T) {
	c := newClock()
	r := newRegistry(t, newStore(t, c.now), c.now)
	cookie := mustStart(t, r)
	a := attach(t, r, cookie)
	r.EndOpen(func(p *identity.Person) bool { return p.ID != alice.ID })
	a.wants(t, true)
	r.EndOpen(func(p *identity.Person) bool { return p.ID == alice.ID })
	a.wants(t, false)
	attach(t, r, cookie).wants(t, true)
}
