package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/onesgate/onesgate/internal/store"
)

// testCounters: increments through store.Update are never lost and never seen
// twice, however many callers there are.
func testCounters(t *testing.T, f fixture) {
	const callers, each, counters = 8, 20, 2
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		seen = map[string]bool{} // "counter=value" that somebody has written
	)
	for caller := range callers {
		wg.Go(func() {
			for range each {
				key := fmt.Sprintf("counter/%d", caller%counters)
				n := 0
				err := store.Update(t.Context(), f, key, func(old store.Record) (store.Write, error) {
					n = 1
					if old.Version != store.Absent {
						before, err := strconv.Atoi(string(old.Value))
						if err != nil {
							return store.Write{}, err
						}
						n = before + 1
					}
					return store.Write{Value: []byte(strconv.Itoa(n))}, nil
				})
				if err != nil {
					t.Errorf("Update = %v", err)
					return
				}
				mu.Lock()
				if id := fmt.Sprintf("%s=%d", key, n); seen[id] {
					t.Errorf("%s was written twice", id)
				} else {
					seen[id] = true
				}
				mu.Unlock()
				// What was acknowledged is what everybody sees from then on.
				r, err := f.Get(t.Context(), key)
				if err != nil {
					t.Errorf("Get = %v", err)
					return
				}
				if now, err := strconv.Atoi(string(r.Value)); err != nil || now < n {
					t.Errorf("%s is %q after %d was acknowledged", key, r.Value, n)
				}
			}
		})
	}
	wg.Wait()
	for i := range counters {
		f.holds(t, fmt.Sprintf("counter/%d", i), strconv.Itoa(callers*each/counters))
	}
}

// testOneWinner: of those who create the same record, one succeeds, and the
// others get ErrConflict.
func testOneWinner(t *testing.T, f fixture) {
	const callers, rounds = 16, 10
	for round := range rounds {
		key := fmt.Sprintf("lease/%d", round)
		var (
			wg      sync.WaitGroup
			winners atomic.Int64
			winner  atomic.Value
		)
		for caller := range callers {
			wg.Go(func() {
				name := strconv.Itoa(caller)
				_, err := f.Commit(t.Context(), store.Write{Key: key, Value: []byte(name), If: store.If(store.Absent)})
				switch {
				case err == nil:
					winners.Add(1)
					winner.Store(name)
				case !errors.Is(err, store.ErrConflict):
					t.Errorf("Commit = %v, want ErrConflict", err)
				}
			})
		}
		wg.Wait()
		if got := winners.Load(); got != 1 {
			t.Fatalf("%d callers created %s, want 1", got, key)
		}
		f.holds(t, key, winner.Load().(string))
	}
}

// testWholeCommits: a scan sees each commit whole or not at all, and commits
// never go backwards.
func testWholeCommits(t *testing.T, f fixture) {
	const records, commits = 5, 40
	write := func(ctx context.Context, n int) error {
		var writes []store.Write
		for i := range records {
			writes = append(writes, store.Write{Key: fmt.Sprintf("row/%d", i), Value: []byte(strconv.Itoa(n))})
		}
		_, err := f.Commit(ctx, writes...)
		return err
	}
	if err := write(t.Context(), 0); err != nil {
		t.Fatal(err)
	}

	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		wg.Go(func() {
			last := 0
			for running := true; running; {
				select {
				case <-done:
					running = false // one more scan, of the last state
				default:
				}
				rows, err := f.Scan(t.Context(), "row/", "", records+1)
				if err != nil || len(rows) != records {
					t.Errorf("Scan = %d records, %v, want %d", len(rows), err, records)
					return
				}
				for _, r := range rows {
					if string(r.Value) != string(rows[0].Value) || r.Version != rows[0].Version {
						t.Errorf("half a commit: %s is %q (%d), %s is %q (%d)",
							rows[0].Key, rows[0].Value, rows[0].Version, r.Key, r.Value, r.Version)
						return
					}
				}
				n, err := strconv.Atoi(string(rows[0].Value))
				if err != nil || n < last || !running && n != commits {
					t.Errorf("saw %q after %d", rows[0].Value, last)
					return
				}
				last = n
			}
		})
	}
	for n := range commits {
		if err := write(t.Context(), n+1); err != nil {
			t.Errorf("Commit = %v", err)
			break
		}
	}
	close(done)
	wg.Wait()
}

// testCloseWhileBusy: calls under way when the store is closed finish or get
// ErrClosed.
func testCloseWhileBusy(t *testing.T, f fixture) {
	var wg sync.WaitGroup
	busy := make(chan struct{}, 8)
	for caller := range 8 {
		wg.Go(func() {
			for n := 0; ; n++ {
				var err error
				switch key := fmt.Sprintf("%d/%d", caller, n); caller % 3 {
				case 0:
					_, err = f.Commit(t.Context(), store.Write{Key: key})
				case 1:
					_, err = f.Scan(t.Context(), "", "", 10)
				default:
					if _, err = f.Get(t.Context(), key); errors.Is(err, store.ErrNotFound) {
						err = nil
					}
				}
				if n == 0 {
					busy <- struct{}{}
				}
				if err != nil {
					if !errors.Is(err, store.ErrClosed) {
						t.Errorf("call = %v, want ErrClosed", err)
					}
					return
				}
			}
		})
	}
	for range 8 {
		<-busy
	}
	if err := f.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	wg.Wait()
}
