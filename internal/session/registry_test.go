package session

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/badgerstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var alice = &identity.Person{ID: "tid.alice", Name: "Alice"}

// clock is a clock that tests set.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// watched is a store that counts reads, and can hold one up.
type watched struct {
	store.Store
	gets atomic.Int64
	held atomic.Pointer[chan struct{}] // a Get that has read waits for it to close
	read chan struct{}                 // told when it waits
}

func (w *watched) Get(ctx context.Context, key string) (store.Record, error) {
	w.gets.Add(1)
	rec, err := w.Store.Get(ctx, key)
	if held := w.held.Load(); held != nil && strings.HasPrefix(key, "session/") {
		w.read <- struct{}{}
		<-*held
	}
	return rec, err
}

func newStore(t testing.TB, now func() time.Time) *watched {
	t.Helper()
	s, err := badgerstore.Open(badgerstore.Options{Dir: t.TempDir(), MinFree: 1, Log: slog.New(slog.DiscardHandler), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &watched{Store: s, read: make(chan struct{}, 1)}
}

func newRegistry(t testing.TB, s store.Store, now func() time.Time) *Registry {
	t.Helper()
	r := New(s, now, slog.New(slog.DiscardHandler), func() time.Duration { return 0 })
	t.Cleanup(r.Close)
	return r
}

var life = Life{Idle: time.Hour, Max: 10 * time.Hour}

func mustStart(t testing.TB, r *Registry) string {
	t.Helper()
	cookie, _, err := r.Start(t.Context(), Opening{Person: alice, Life: life})
	if err != nil {
		t.Fatal(err)
	}
	return cookie
}

func TestStoreHoldsOnlyTheHash(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	cookie := mustStart(t, newRegistry(t, s, c.now))
	recs, err := s.Scan(t.Context(), "", "", 100)
	if err != nil || len(recs) == 0 {
		t.Fatal(recs, err)
	}
	for _, rec := range recs {
		if strings.Contains(rec.Key+string(rec.Value), cookie) {
			t.Errorf("whoever reads %s could use the session", rec.Key)
		}
	}
	if len(cookie) != 43 {
		t.Errorf("a cookie of %d characters, want 43: 256 bits", len(cookie))
	}
}

func TestLookupCostsNoStoreAccess(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	cookie := mustStart(t, newRegistry(t, s, c.now))

	restarted := newRegistry(t, s, c.now)
	for range 100 {
		got, err := restarted.Lookup(t.Context(), cookie)
		if err != nil || got.Person.ID != alice.ID {
			t.Fatal(got, err)
		}
	}
	if n := s.gets.Load(); n != 1 {
		t.Errorf("100 look-ups read the store %d times, want once", n)
	}
	before := s.gets.Load()
	for _, bad := range []string{"", "x", strings.Repeat("A", 42), strings.Repeat("A", 44), strings.Repeat("!", 43), cookie + "=", cookie[:42] + "/"} {
		if _, err := restarted.Lookup(t.Context(), bad); !errors.Is(err, ErrNone) {
			t.Errorf("Lookup(%q): %v", bad, err)
		}
	}
	if s.gets.Load() != before {
		t.Error("values that can't be ours reached the store")
	}
}

func TestSessionsEnd(t *testing.T) {
	tests := []struct {
		name string
		wait []time.Duration // between two uses
		want bool
	}{
		{"used within the idle time", []time.Duration{59 * time.Minute, 59 * time.Minute, 59 * time.Minute}, true},
		{"idle for too long", []time.Duration{time.Hour}, false},
		{"used, then idle for too long", []time.Duration{30 * time.Minute, time.Hour}, false},
		{"in use for too long", []time.Duration{50 * time.Minute, 50 * time.Minute, 50 * time.Minute, 50 * time.Minute, 50 * time.Minute, 50 * time.Minute, 50 * time.Minute, 50 * time.Minute, 50 * time.Minute, 50 * time.Minute, 50 * time.Minute, 50 * time.Minute}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClock()
			r := newRegistry(t, newStore(t, c.now), c.now)
			cookie := mustStart(t, r)
			var err error
			for _, d := range tt.wait {
				c.advance(d)
				_, err = r.Lookup(t.Context(), cookie)
			}
			if tt.want != (err == nil) || err != nil && !errors.Is(err, ErrNone) {
				t.Errorf("last look-up: %v, want alive %v", err, tt.want)
			}
		})
	}
}

func TestUseSurvivesARestart(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	r := New(s, c.now, slog.New(slog.DiscardHandler), func() time.Duration { return 0 })
	cookie := mustStart(t, r)
	c.advance(50 * time.Minute)
	if _, err := r.Lookup(t.Context(), cookie); err != nil {
		t.Fatal(err)
	}
	r.Close() // writes what it was told
	c.advance(50 * time.Minute)
	if _, err := newRegistry(t, s, c.now).Lookup(t.Context(), cookie); err != nil {
		t.Errorf("used 50 minutes ago, of an hour: %v", err)
	}
}

func TestEnd(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	r := newRegistry(t, s, c.now)
	cookie := mustStart(t, r)
	got, err := r.Lookup(t.Context(), cookie)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time is no error
		if err := r.End(t.Context(), got); err != nil {
			t.Fatal(err)
		}
	}
	for name, reg := range map[string]*Registry{"this process": r, "after a restart": newRegistry(t, s, c.now)} {
		if _, err := reg.Lookup(t.Context(), cookie); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A reader that has read the record just before the session was ended must not
// bring it back to memory.
func TestSlowReaderDoesNotReviveAnEndedSession(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	cookie := mustStart(t, newRegistry(t, s, c.now))
	r := newRegistry(t, s, c.now)
	key, _ := parseCookie(cookie)

	gate := make(chan struct{})
	s.held.Store(&gate)
	var late error
	var wg sync.WaitGroup
	wg.Go(func() { _, late = r.Lookup(t.Context(), cookie) })
	<-s.read
	s.held.Store(nil)
	if err := r.End(t.Context(), &Session{key: key, ID: key.String(), Person: alice}); err != nil {
		t.Fatal(err)
	}
	close(gate)
	wg.Wait()
	if !errors.Is(late, ErrNone) {
		t.Errorf("the slow reader got %v", late)
	}
	if _, err := r.Lookup(t.Context(), cookie); !errors.Is(err, ErrNone) {
		t.Errorf("the session lives again: %v", err)
	}
}

func TestSweepForgetsWhatIsUnused(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	r := newRegistry(t, s, c.now)
	cookie := mustStart(t, r)
	c.advance(40 * time.Minute)
	r.sweep()
	if n := r.cached.Load(); n != 0 {
		t.Errorf("%d sessions in memory after 40 idle minutes", n)
	}
	if _, err := r.Lookup(t.Context(), cookie); err != nil || s.gets.Load() == 0 {
		t.Errorf("the store still has it: %v", err)
	}
}

// What tells slow readers of an end is not kept for ever.
func TestSweepForgetsEnds(t *testing.T) {
	c := newClock()
	r := newRegistry(t, newStore(t, c.now), c.now)
	s, err := r.Lookup(t.Context(), mustStart(t, r))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.End(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for after, want := range []bool{true, false} {
		c.advance(time.Duration(after) * (tombstoneLife + time.Second))
		r.sweep()
		if _, there := r.ended.Load(s.key); there != want {
			t.Errorf("after %d lives of it, the mark of an end is there: %v", after, there)
		}
	}
}

// A use that could not be told to the store is told with the next one.
func TestUseIsToldAgain(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	r := newRegistry(t, s, c.now)
	cookie := mustStart(t, r)
	known, err := r.Lookup(t.Context(), cookie)
	if err != nil {
		t.Fatal(err)
	}
	r.store = &broken{Store: s}
	c.advance(10 * time.Minute)
	known.use(c.now())
	r.save(t.Context(), known)
	r.store = s
	c.advance(time.Minute)
	if _, tell := known.use(c.now()); !tell {
		t.Error("the store doesn't hear of the use after one that it has missed")
	}
}

// Also in the last hours of its life, a session in use stays in memory.
func TestSweepKeepsWhatIsUsed(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	r := newRegistry(t, s, c.now)
	cookie, _, err := r.Start(t.Context(), Opening{Person: alice, Life: Life{Idle: 12 * time.Hour, Max: 12 * time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	before := s.gets.Load()
	for range 11 * 60 {
		c.advance(time.Minute)
		if _, err := r.Lookup(t.Context(), cookie); err != nil {
			t.Fatal(err)
		}
		r.sweep()
		if r.cached.Load() != 1 {
			t.Fatalf("swept while in use, at %s", c.now())
		}
	}
	// The writes of its use read the record; nothing else does.
	if n := s.gets.Load() - before; n > 30 {
		t.Errorf("the store was read %d times", n)
	}
}

func BenchmarkLookup(b *testing.B) {
	s := newStore(b, time.Now)
	r := newRegistry(b, s, time.Now)
	cookie, _, err := r.Start(b.Context(), Opening{Person: alice, Life: life})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := r.Lookup(b.Context(), cookie); err != nil {
				b.Error(err)
			}
		}
	})
}
