package session

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// An instance is one of several gateways on a store.
type instance struct {
	*Registry
	lag atomic.Int64 // of its feed, in nanoseconds
}

// newInstance is a gateway that hears what is announced as soon as hear is called.
func newInstance(t *testing.T, s store.Store, now func() time.Time) *instance {
	t.Helper()
	i := &instance{}
	i.Registry = New(s, now, slog.New(slog.DiscardHandler), func() time.Duration { return time.Duration(i.lag.Load()) })
	t.Cleanup(i.Close)
	return i
}

// hear tells an instance all that was announced.
func (i *instance) hear(t *testing.T) {
	t.Helper()
	heard, err := i.store.Follow(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range heard {
		if a.Topic == Topic {
			i.Heard(a.Value)
		}
	}
}

func (i *instance) wants(t *testing.T, cookie string, want error) *Session {
	t.Helper()
	s, err := i.Lookup(t.Context(), cookie)
	if !errors.Is(err, want) {
		t.Errorf("Lookup = %v, want %v", err, want)
	}
	return s
}

// A session is valid in all instances, and so is its end.
func TestEndElsewhere(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	a, b := newInstance(t, s, c.now), newInstance(t, s, c.now)
	cookie := mustStart(t, a.Registry)
	b.wants(t, cookie, nil)
	if err := a.End(t.Context(), a.wants(t, cookie, nil)); err != nil {
		t.Fatal(err)
	}
	b.hear(t)
	b.wants(t, cookie, ErrNone)
}

// An instance that doesn't hear any more asks the store about each request.
func TestDeafInstanceAsksTheStore(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	a, b := newInstance(t, s, c.now), newInstance(t, s, c.now)
	cookie := mustStart(t, a.Registry)
	known := b.wants(t, cookie, nil)
	b.lag.Store(int64(maxLag + 1))
	before := s.gets.Load()
	if b.wants(t, cookie, nil) != known {
		t.Error("asking the store made another session of it: its headers would be made anew each time")
	}
	if got := s.gets.Load() - before; got != 1 {
		t.Errorf("%d reads, want 1", got)
	}
	if err := a.End(t.Context(), a.wants(t, cookie, nil)); err != nil {
		t.Fatal(err)
	}
	b.wants(t, cookie, ErrNone)
}

// broken is a store that can't be asked.
type broken struct {
	store.Store
	asked atomic.Int64
}

var errBroken = errors.New("no connection")

func (b *broken) Get(context.Context, string) (store.Record, error) {
	b.asked.Add(1)
	return store.Record{}, errBroken
}

// While the store is away, pages go on for a while for those who are in memory,
// and the store is not asked for each of them.
func TestStoreAway(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	i := newInstance(t, s, c.now)
	cookie, other := mustStart(t, i.Registry), mustStart(t, newRegistry(t, s, c.now))
	away := &broken{Store: s}
	i.store = away
	i.lag.Store(int64(10 * time.Second))
	for range 3 {
		i.wants(t, cookie, nil)
	}
	if got := away.asked.Load(); got != 1 {
		t.Errorf("asked %d times within a second, want once", got)
	}
	i.wants(t, other, errBroken) // nobody knows
	c.advance(askAgain)
	i.wants(t, cookie, nil)
	if got := away.asked.Load(); got != 3 {
		t.Errorf("asked %d times, want 3", got)
	}
	i.lag.Store(int64(staleGrace + 1))
	i.wants(t, cookie, errBroken)
	i.store = s
	i.wants(t, cookie, nil)
}

// What may have been missed is looked up again.
func TestMissed(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	a, b := newInstance(t, s, c.now), newInstance(t, s, c.now)
	cookie := mustStart(t, a.Registry)
	b.wants(t, cookie, nil)
	if err := a.End(t.Context(), a.wants(t, cookie, nil)); err != nil {
		t.Fatal(err)
	}
	b.Heard([]byte("what a newer version says"))
	b.Missed()
	b.wants(t, cookie, ErrNone)
}

// A session that is used in one instance doesn't end by idleness in another.
func TestUseElsewhere(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	a, b := newInstance(t, s, c.now), newInstance(t, s, c.now)
	cookie := mustStart(t, a.Registry)
	b.wants(t, cookie, nil)
	c.advance(50 * time.Minute)
	a.save(t.Context(), a.wants(t, cookie, nil))
	c.advance(50 * time.Minute)
	b.wants(t, cookie, nil)
}

// A session that was read before its end, which another instance then missed,
// isn't revived by the slow reader.
func TestMissedWhileReading(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	a, b := newInstance(t, s.Store, c.now), newInstance(t, s, c.now)
	cookie := mustStart(t, a.Registry)
	held := make(chan struct{})
	s.held.Store(&held)
	looked := make(chan error, 1)
	go func() {
		_, err := b.Lookup(context.Background(), cookie)
		looked <- err
	}()
	<-s.read // b has read the record
	s.held.Store(nil)
	if err := a.End(t.Context(), a.wants(t, cookie, nil)); err != nil {
		t.Fatal(err)
	}
	b.Missed() // its feed goes on behind that end
	close(held)
	if err := <-looked; !errors.Is(err, ErrNone) {
		t.Errorf("the slow reader got %v, want ErrNone", err)
	}
	b.wants(t, cookie, ErrNone)
}

// What one instance has to tell of a use doesn't undo a later use at another one.
func TestIdleEndNeverMovesBack(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	a := newInstance(t, s, c.now)
	early := a.wants(t, mustStart(t, a.Registry), nil)
	later := early.kept().Add(30 * time.Minute)
	err := store.Update(t.Context(), s, early.key.storeKey(), func(old store.Record) (store.Write, error) {
		return store.Write{Value: old.Value, Expires: later}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	a.save(t.Context(), early)
	if rec, err := s.Get(t.Context(), early.key.storeKey()); err != nil || !rec.Expires.Equal(later) {
		t.Errorf("the record is kept until %s, %v, want still %s", rec.Expires, err, later)
	}
}

// A client that hangs up while the store is asked doesn't open the door for a
// session that has ended elsewhere.
func TestHungUpWhileDeaf(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	a, b := newInstance(t, s, c.now), newInstance(t, obedient{s}, c.now)
	cookie := mustStart(t, a.Registry)
	b.wants(t, cookie, nil)
	if err := a.End(t.Context(), a.wants(t, cookie, nil)); err != nil {
		t.Fatal(err)
	}
	b.lag.Store(int64(10 * time.Second))
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	if _, err := b.Lookup(gone, cookie); !errors.Is(err, context.Canceled) {
		t.Errorf("Lookup for who has gone = %v, want context.Canceled", err)
	}
	b.wants(t, cookie, ErrNone)
}

// obedient ends calls with their contexts, as a database does.
type obedient struct{ store.Store }

func (s obedient) Get(ctx context.Context, key string) (store.Record, error) {
	if err := ctx.Err(); err != nil {
		return store.Record{}, err
	}
	return s.Store.Get(ctx, key)
}

// A use counts from when it happened, also if it was too soon after another one
// to be told to the store.
func TestUsedAgainRightBeforeTheEnd(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	a := newInstance(t, s, c.now)
	cookie := mustStart(t, a.Registry)
	c.advance(2 * time.Minute)
	a.wants(t, cookie, nil) // the store doesn't hear of it
	c.advance(59 * time.Minute)
	a.save(t.Context(), a.wants(t, cookie, nil)) // of this it does
	c.advance(time.Second)
	a.wants(t, cookie, nil)
	newInstance(t, s, c.now).wants(t, cookie, nil)
	c.advance(time.Hour)
	a.wants(t, cookie, ErrNone)
	newInstance(t, s, c.now).wants(t, cookie, ErrNone)
}

// stuck is a store that stands still: Get waits for its context.
type stuck struct {
	store.Store
	still atomic.Bool
	at    chan struct{}
}

func (s *stuck) Get(ctx context.Context, key string) (store.Record, error) {
	if s.still.Load() {
		s.at <- struct{}{}
		<-ctx.Done()
		return store.Record{}, ctx.Err()
	}
	return s.Store.Get(ctx, key)
}

// While the store stands still, one at a time waits to find out whether it answers
// again, and all others go on.
func TestOneAsksAStoreThatStandsStill(t *testing.T) {
	c := newClock()
	s := newStore(t, c.now)
	still := &stuck{Store: s, at: make(chan struct{})}
	b := newInstance(t, still, c.now)
	cookie := mustStart(t, b.Registry)
	b.wants(t, cookie, nil)
	b.lag.Store(int64(10 * time.Second))
	b.failed.Store(c.now().Add(-askAgain).UnixNano())
	still.still.Store(true)
	asked := make(chan error, 1)
	go func() {
		_, err := b.Lookup(context.Background(), cookie)
		asked <- err
	}()
	<-still.at
	for range 10 {
		b.wants(t, cookie, nil) // or it would hang at still.at
	}
	if err := <-asked; err != nil {
		t.Errorf("who has asked: %v", err)
	}
}
