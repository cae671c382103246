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
