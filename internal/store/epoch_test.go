package store_test

import (
	"sync"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/memstore"
)

// All who ask at once are told the same epoch, and another store has another one.
func TestEpoch(t *testing.T) {
	epochs := func(s store.Store) map[string]bool {
		var mu sync.Mutex
		var asked sync.WaitGroup
		found := map[string]bool{}
		for range 8 {
			asked.Go(func() {
				epoch, err := store.Epoch(t.Context(), s)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				found[epoch] = true
			})
		}
		asked.Wait()
		return found
	}
	one, other := epochs(memstore.New(time.Now)), epochs(memstore.New(time.Now))
	if len(one) != 1 || len(other) != 1 || one[""] {
		t.Fatalf("epochs %v and %v, want one each", one, other)
	}
	for epoch := range one {
		if other[epoch] {
			t.Error("two stores have one epoch")
		}
	}
}
