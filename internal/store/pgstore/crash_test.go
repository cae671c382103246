package pgstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/storetest"
)

// A ledger is what writers were told of their commits. Each commit has a key of
// its own and puts KEY/a, and often KEY/b, and sometimes announces KEY.
type ledger struct {
	mu      sync.Mutex
	acked   map[string]store.Version
	unknown map[string]bool
	failed  map[string]bool
	next    atomic.Int64
}

func newLedger() *ledger {
	return &ledger{acked: map[string]store.Version{}, unknown: map[string]bool{}, failed: map[string]bool{}}
}

// write does one commit and notes what became of it.
func (l *ledger) write(ctx context.Context, s *Store) error {
	n := l.next.Add(1)
	key := fmt.Sprintf("%06d", n)
	writes := []store.Write{{Key: key + "/a", Value: []byte(key)}}
	if n%2 == 0 {
		writes = append(writes, store.Write{Key: key + "/b", Value: []byte(key)})
	}
	if n%3 == 0 {
		writes = append(writes, store.Write{Op: store.Announce, Key: key})
	}
	v, err := s.Commit(ctx, writes...)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.acked[key] = v
	case errors.Is(err, store.ErrUnknownOutcome):
		l.unknown[key] = true
	default:
		l.failed[key] = true
	}
	return err
}

// verify demands that all that was acknowledged is there, with what it has
// announced, and nothing of what has failed for sure; and that commits are whole.
func (l *ledger) verify(t *testing.T, s *Store) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	stored, told := map[string]store.Version{}, map[string]int{}
	if err := s.Snapshot(t.Context(), func(r store.Record) error {
		stored[r.Key] = r.Version
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	last, err := s.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range hear(t, s, 0, int(last)) {
		told[a.Topic]++
	}
	for n := range l.next.Load() {
		n++
		key := fmt.Sprintf("%06d", n)
		a, b := stored[key+"/a"], stored[key+"/b"]
		want, acked := l.acked[key]
		happened := a != store.Absent
		switch {
		case acked && a != want:
			t.Errorf("%s was acknowledged with version %d, stored is %d", key, want, a)
		case l.failed[key] && happened:
			t.Errorf("%s has failed, and is there", key)
		case n%2 == 0 && a != b:
			t.Errorf("half a commit: %s has versions %d and %d", key, a, b)
		case n%3 == 0 && happened != (told[key] == 1):
			t.Errorf("%s: stored is %d, announced %d times", key, a, told[key])
		}
	}
	t.Logf("%d acknowledged, %d unknown, %d failed; %d records, %d announcements",
		len(l.acked), len(l.unknown), len(l.failed), len(stored), last)
}

// crashRounds is the variable for how often the server crashes, in a soak.
const crashRounds = "ONESGATE_PG_CRASH_ROUNDS"

// TestTerminated: connections that the server ends in the middle of commits never
// make it say what isn't so, and the store goes on.
func TestTerminated(t *testing.T) {
	address := server.Database(t)
	s := openTest(t, Options{URL: address})
	l := newLedger()
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					_ = l.write(t.Context(), s) // the ledger has it
				}
			}
		})
	}
	for range 5 * storetest.Rounds(t, crashRounds, 10) {
		server.Exec(t, "postgres", fmt.Sprintf(
			`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'`, name(t, address)))
	}
	close(done)
	wg.Wait()
	l.verify(t, s)
}

// TestCrash crashes the server under load, again and again, and looks for every
// commit that was acknowledged. The same store goes on after each crash.
func TestCrash(t *testing.T) {
	s := openTest(t, Options{URL: server.Database(t)})
	l := newLedger()
	for round := range storetest.Rounds(t, crashRounds, 10) {
		var wg sync.WaitGroup
		enough := make(chan struct{}, 8)
		for range 8 {
			wg.Go(func() {
				for n := 0; ; n++ {
					if n == 5*(round%20) {
						enough <- struct{}{}
					}
					if l.write(t.Context(), s) != nil {
						return
					}
				}
			})
		}
		<-enough
		server.Crash()
		wg.Wait()
		if err := server.Run(); err != nil {
			t.Fatal(err)
		}
		l.verify(t, s)
	}
	if len(l.acked) == 0 || len(l.unknown) == 0 {
		t.Errorf("%d commits acknowledged, %d unknown: nothing was tested", len(l.acked), len(l.unknown))
	}
}

// pause makes the server stand still. It goes on by the function returned, at the
// latest when the test ends.
func pause(t *testing.T) (resume func()) {
	t.Helper()
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	resume = sync.OnceFunc(func() {
		if err := server.Resume(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(resume)
	return resume
}

// TestStandstill: while the server stands still, calls end with their contexts;
// then it goes on, with all of its connections.
func TestStandstill(t *testing.T) {
	s := openTest(t, Options{URL: server.Database(t), MaxConns: 3})
	l := newLedger()
	if err := l.write(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for range storetest.Rounds(t, crashRounds, 1) {
		standstill(t, s, l)
	}
	settled(t, s)
	l.verify(t, s)
}

func standstill(t *testing.T, s *Store, l *ledger) {
	t.Helper()
	resume := pause(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if err := l.write(ctx, s); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Commit = %v, want context.DeadlineExceeded", err)
			}
			if _, err := s.Get(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Get = %v, want context.DeadlineExceeded", err)
			}
			if _, err := s.Last(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Last = %v, want context.DeadlineExceeded", err)
			}
		})
	}
	wg.Wait()
	resume()
	for range 10 {
		if err := l.write(t.Context(), s); err != nil {
			t.Errorf("Commit after that = %v", err)
		}
	}
}

// settled waits until the database does nothing more for this store: what was
// broken off has ended.
func settled(t *testing.T, s *Store) {
	t.Helper()
	for running := 1; running > 0; {
		if err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()`).Scan(&running); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoAnswer: a call without an end of its own doesn't wait for ever.
func TestNoAnswer(t *testing.T) {
	s := openTest(t, Options{URL: server.Database(t), Timeout: 500 * time.Millisecond})
	if _, err := s.Commit(t.Context(), store.Write{Key: "a"}); err != nil {
		t.Fatal(err)
	}
	resume := pause(t)
	if _, err := s.Get(t.Context(), "a"); !errors.Is(err, errNoAnswer) {
		t.Errorf("Get = %v, want errNoAnswer", err)
	}
	if _, err := s.Commit(t.Context(), store.Write{Key: "a"}); !errors.Is(err, errNoAnswer) {
		t.Errorf("Commit = %v, want errNoAnswer", err)
	}
	resume()
	for {
		_, err := s.Get(t.Context(), "a")
		if err == nil {
			break
		}
		if !errors.Is(err, errNoAnswer) { // connecting may still take long
			t.Fatalf("Get = %v", err)
		}
	}
}

// TestShutOut: a database that lets nobody in is not available, whatever it gives for
// the reason.
func TestShutOut(t *testing.T) {
	address := server.Database(t)
	s := openTest(t, Options{URL: address})
	database := name(t, address)
	server.Exec(t, "postgres", "ALTER DATABASE "+database+" ALLOW_CONNECTIONS false")
	server.Exec(t, "postgres", fmt.Sprintf(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'`, database))
	if _, err := s.Get(t.Context(), "a"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Get = %v, want ErrUnavailable", err)
	}
	if _, err := s.Commit(t.Context(), put("a", "")); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Commit = %v, want ErrUnavailable", err)
	}
}

// TestCancelled: callers who go leave no connection behind.
func TestCancelled(t *testing.T) {
	s := openTest(t, Options{URL: server.Database(t), MaxConns: 2})
	l := newLedger()
	for n := range 100 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*20*time.Microsecond)
		_ = l.write(ctx, s) // the ledger has it
		cancel()
	}
	for range 4 {
		if err := l.write(t.Context(), s); err != nil {
			t.Errorf("Commit = %v", err)
		}
	}
	settled(t, s)
	l.verify(t, s)
}

// TestSnapshotStandsStill: a snapshot of a server that stands still ends with an
// error, and closing doesn't wait for it.
func TestSnapshotStandsStill(t *testing.T) {
	s := openTest(t, Options{URL: server.Database(t), Timeout: 500 * time.Millisecond})
	var writes []store.Write
	for n := range snapshotPage + 1 {
		writes = append(writes, put(fmt.Sprintf("%04d", n), ""))
	}
	mustCommit(t, s, writes...)
	var resume func()
	err := s.Snapshot(context.Background(), func(store.Record) error {
		if resume == nil {
			resume = pause(t)
		}
		return nil
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Snapshot = %v, want context.DeadlineExceeded", err)
	}
	resume()
}
