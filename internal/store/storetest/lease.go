package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// testLease: one holds it at a time, the later ones have higher epochs, and who
// has lost it can't commit under it.
func testLease(t *testing.T, f fixture) {
	acquire := func(owner string) (*store.Lease, error) {
		return store.Acquire(t.Context(), f, f.clock.now, "work", owner, time.Minute)
	}
	first, err := acquire("first")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := acquire("second"); !errors.Is(err, store.ErrHeld) {
		t.Errorf("a second Acquire = %v, want ErrHeld", err)
	}
	f.clock.advance(59 * time.Second)
	if err := first.Renew(t.Context()); err != nil || first.Left() != time.Minute {
		t.Fatalf("Renew = %v, %s left", err, first.Left())
	}
	f.commit(t, first.Fence(), store.Write{Key: "done", Value: []byte("1")})
	f.clock.advance(time.Minute)
	second, err := acquire("second")
	if err != nil || second.Epoch <= first.Epoch {
		t.Fatalf("Acquire after its end = %+v, %v", second, err)
	}
	if err := first.Renew(t.Context()); !errors.Is(err, store.ErrHeld) {
		t.Errorf("Renew of a lost lease = %v, want ErrHeld", err)
	}
	f.conflict(t, first.Fence(), store.Write{Key: "done", Value: []byte("2")})
	if err := first.Release(t.Context()); err != nil {
		t.Errorf("Release of a lost lease = %v", err)
	}
	f.commit(t, second.Fence(), store.Write{Key: "done", Value: []byte("3")})
	if err := second.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if third, err := acquire("third"); err != nil || third.Epoch <= second.Epoch {
		t.Errorf("Acquire after Release = %+v, %v", third, err)
	}
}

// lossy is a store that loses the answers of commits, and while it is deaf nobody
// can look at what became of them.
type lossy struct {
	store.Store
	lose, deaf bool
}

func (l *lossy) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	v, err := l.Store.Commit(ctx, writes...)
	if err == nil && l.lose {
		return 0, store.ErrUnknownOutcome
	}
	return v, err
}

func (l *lossy) Get(ctx context.Context, key string) (store.Record, error) {
	if l.deaf {
		return store.Record{}, errors.New("no answer")
	}
	return l.Store.Get(ctx, key)
}

// testLeaseInDoubt: what became of a write is found out, not guessed.
func testLeaseInDoubt(t *testing.T, f fixture) {
	s := &lossy{Store: f}
	acquire := func(owner string) (*store.Lease, error) {
		return store.Acquire(t.Context(), s, f.clock.now, "work", owner, time.Minute)
	}
	s.lose = true
	first, err := acquire("same name")
	if err != nil {
		t.Fatalf("Acquire of unknown outcome that happened = %v", err)
	}
	if _, err := acquire("same name"); !errors.Is(err, store.ErrHeld) {
		t.Errorf("a second Acquire = %v, want ErrHeld", err)
	}
	f.clock.advance(50 * time.Second)
	if err := first.Renew(t.Context()); err != nil || first.Left() != time.Minute {
		t.Errorf("Renew of unknown outcome that happened = %v, %s left", err, first.Left())
	}
	// Nobody could look right then: the next Renew does.
	s.deaf = true
	if err := first.Renew(t.Context()); !errors.Is(err, store.ErrUnknownOutcome) {
		t.Errorf("Renew of unknown outcome = %v, want ErrUnknownOutcome", err)
	}
	s.lose, s.deaf = false, false
	if err := first.Renew(t.Context()); err != nil {
		t.Errorf("Renew after that = %v", err)
	}
	f.commit(t, first.Fence(), store.Write{Key: "done"})
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := acquire("another"); err != nil {
		t.Errorf("Acquire after Release = %v", err)
	}
}

// testLeased: of two that want to work, one does at a time; when it ends, the
// other one does.
func testLeased(t *testing.T, f fixture) {
	const life = 200 * time.Millisecond
	working := make(chan string)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var mu sync.Mutex
	busy := 0
	start := func(name string) context.CancelFunc {
		own, stop := context.WithCancel(ctx)
		all.Go(func() {
			store.WithLease(own, f, time.Now, "work", name, life, func(err error) { t.Errorf("%s: %v", name, err) }, func(ctx context.Context) {
				mu.Lock()
				if busy++; busy > 1 {
					t.Errorf("%d work at once", busy)
				}
				mu.Unlock()
				select {
				case working <- name:
				case <-ctx.Done():
				}
				<-ctx.Done()
				mu.Lock()
				busy--
				mu.Unlock()
			})
		})
		return stop
	}
	stop := map[string]context.CancelFunc{"a": start("a"), "b": start("b")}
	first := <-working
	stop[first]()
	if second := <-working; second == first {
		t.Errorf("%s works after it was stopped", first)
	}
	cancel()
	all.Wait()
}
