package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/onesgate/onesgate/internal/store"
)

// TestFull: below the least free space puts are refused, deletes make room, and
// the disk is looked at once per second.
func TestFull(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := openTest(t, t.TempDir(), func() time.Time { return now })
	defer closeTest(t, s)
	var free uint64 = 1 << 20
	looks := 0
	s.space.least = 1000
	s.space.free = func(string) (uint64, error) { looks++; return free, nil }

	put := func() error {
		_, err := s.Commit(t.Context(), store.Write{Key: "a"})
		return err
	}
	if err := put(); err != nil {
		t.Fatalf("put with enough space = %v", err)
	}
	free = 999
	if err := put(); err != nil {
		t.Errorf("put within the second = %v", err)
	}
	now = now.Add(time.Second)
	for range 2 {
		if err := put(); !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), s.space.dir) {
			t.Errorf("put on a full disk = %v, want ErrFull with the folder", err)
		}
	}
	if looks != 2 {
		t.Errorf("looked %d times at the disk, want 2", looks)
	}
	if _, err := s.Get(t.Context(), "a"); err != nil {
		t.Errorf("Get on a full disk = %v", err)
	}
	if _, err := s.Commit(t.Context(), store.Write{Key: "a", Op: store.Delete}); err != nil {
		t.Errorf("delete on a full disk = %v", err)
	}
	if _, err := s.Get(t.Context(), "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of what was deleted = %v, want ErrNotFound", err)
	}
	free = 249
	now = now.Add(time.Second)
	if _, err := s.Commit(t.Context(), store.Write{Key: "b", Op: store.Delete}); !errors.Is(err, store.ErrFull) {
		t.Errorf("delete on a disk without reserve = %v, want ErrFull", err)
	}
	if _, err := s.Commit(t.Context(), store.Write{Key: "b", Op: store.Check, If: store.If(store.Absent)}); err != nil {
		t.Errorf("check on a disk without reserve = %v", err)
	}
	free = 1000
	now = now.Add(-time.Hour) // the clock was set back
	if err := put(); err != nil {
		t.Errorf("put with space again = %v", err)
	}
	broken := errors.New("input/output error")
	s.space.free = func(string) (uint64, error) { return 0, broken }
	now = now.Add(time.Second)
	if err := put(); !errors.Is(err, broken) {
		t.Errorf("put with unknown space = %v, want the reason", err)
	}
}

// TestNearlyFull: who writes fast is not trusted for a whole second.
func TestNearlyFull(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := openTest(t, t.TempDir(), func() time.Time { return now })
	defer closeTest(t, s)
	const size = 100 << 10
	free, put := uint64(20*size), 0
	s.space.least = 10 * size
	s.space.free = func(string) (uint64, error) { return free, nil }
	for ; put < 20; put++ {
		_, err := s.Commit(t.Context(), store.Write{Key: "a", Value: make([]byte, size)})
		if errors.Is(err, store.ErrFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		free -= size
	}
	if put != 10 && put != 11 {
		t.Errorf("refused after %d puts, want 10 or 11", put)
	}
}

func TestStatfs(t *testing.T) {
	if free, err := statfs(t.TempDir()); err != nil || free == 0 {
		t.Errorf("statfs = %d, %v", free, err)
	}
	if _, err := statfs("/does/not/exist"); err == nil {
		t.Error("statfs of a missing folder succeeded")
	}
}

// TestFence: after a commit that may or may not be durable nothing more is
// written, and what there is can be read.
func TestFence(t *testing.T) {
	s := openTest(t, t.TempDir(), nil)
	defer closeTest(t, s)
	if _, err := s.Commit(t.Context(), store.Write{Key: "a", Value: []byte("kept")}); err != nil {
		t.Fatal(err)
	}
	cause := errors.New("sync failed")
	persist := s.persist
	s.persist = func(*badger.Txn) error { return cause }
	write := func(key string) error {
		_, err := s.Commit(t.Context(), store.Write{Key: key})
		return err
	}
	if err := write("b"); !errors.Is(err, store.ErrUnknownOutcome) || !errors.Is(err, cause) {
		t.Errorf("Commit = %v, want ErrUnknownOutcome and the cause", err)
	}
	s.persist = persist
	if err := write("c"); !errors.Is(err, store.ErrUnknownOutcome) || !errors.Is(err, cause) {
		t.Errorf("Commit after that = %v, want ErrUnknownOutcome and the first cause", err)
	}
	if r, err := s.Get(t.Context(), "a"); err != nil || string(r.Value) != "kept" {
		t.Errorf("Get = %q, %v", r.Value, err)
	}
	if records, err := s.Scan(t.Context(), "", "", 10); err != nil || len(records) != 1 {
		t.Errorf("Scan = %d records, %v, want 1", len(records), err)
	}
}

// holdWriter lets the writer stop in its next transaction, until the function
// returned is called. Commits made meanwhile become one group.
func holdWriter(t *testing.T, s *Store) (release func()) {
	t.Helper()
	persist := s.persist
	held, free := make(chan struct{}), make(chan struct{})
	first := true
	s.persist = func(txn *badger.Txn) error {
		if first {
			first = false
			close(held)
			<-free
		}
		return persist(txn)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := s.Commit(t.Context(), store.Write{Key: "hold"}); err != nil {
			t.Errorf("Commit = %v", err)
		}
	})
	<-held
	return sync.OnceFunc(func() { close(free); wg.Wait() })
}

// enqueue puts a commit into the queue, in order, without waiting for it.
func enqueue(t *testing.T, s *Store, writes ...store.Write) *commit {
	t.Helper()
	c, err := s.newCommit(writes)
	if err != nil {
		t.Fatal(err)
	}
	s.queue <- c
	return c
}

// TestGroup: commits of one transaction are judged one after the other, and one
// that fails doesn't touch the others.
func TestGroup(t *testing.T) {
	s := openTest(t, t.TempDir(), nil)
	defer closeTest(t, s)
	release := holdWriter(t, s)
	defer release()
	transactions := 0
	persist := s.persist
	s.persist = func(txn *badger.Txn) error { transactions++; return persist(txn) }

	create := store.Write{Key: "a", Value: []byte("first"), If: store.If(store.Absent)}
	winner := enqueue(t, s, create)
	loser := enqueue(t, s, create, store.Write{Key: "b"})
	remover := enqueue(t, s, store.Write{Key: "a", Op: store.Delete})
	checker := enqueue(t, s, store.Write{Key: "a", Op: store.Check, If: store.If(store.Absent)})
	again := enqueue(t, s, store.Write{Key: "a", Value: []byte("again"), If: store.If(store.Absent)})
	release()

	for name, c := range map[string]*commit{"winner": winner, "remover": remover, "checker": checker, "again": again} {
		if <-c.answered; c.err != nil {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	if <-loser.answered; !errors.Is(loser.err, store.ErrConflict) {
		t.Errorf("loser: %v, want ErrConflict", loser.err)
	}
	if transactions != 1 {
		t.Errorf("%d transactions for one group, want 1", transactions)
	}
	if r, err := s.Get(t.Context(), "a"); err != nil || string(r.Value) != "again" || r.Version != again.version || again.version <= winner.version {
		t.Errorf("Get = %q of version %d, %v, want %q of version %d, after %d", r.Value, r.Version, err, "again", again.version, winner.version)
	}
	if _, err := s.Get(t.Context(), "b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of what the loser wanted = %v, want ErrNotFound", err)
	}
}

// TestLargestGroup: the largest commits go through, together too; larger ones
// are refused.
func TestLargestGroup(t *testing.T) {
	s := openTest(t, t.TempDir(), nil)
	defer closeTest(t, s)
	large := store.Write{Key: "large", Value: make([]byte, maxCommit-entryReserve-len("large"))}
	many := make([]store.Write, maxCommit/(entryReserve+4))
	for i := range many {
		many[i] = store.Write{Key: fmt.Sprintf("%04x", i)}
	}

	release := holdWriter(t, s)
	defer release()
	// Just below the bound of a group, and then as much as there can be.
	below := large
	below.Key, below.Value = "below", large.Value[1:]
	commits := []*commit{enqueue(t, s, below), enqueue(t, s, large)}
	for range 3 { // more than Badger takes at once
		commits = append(commits, enqueue(t, s, many...))
	}
	for range 3 {
		commits = append(commits, enqueue(t, s, large))
	}
	release()
	for i, c := range commits {
		if <-c.answered; c.err != nil {
			t.Errorf("commit %d: %v", i, c.err)
		}
	}
	if r, err := s.Get(t.Context(), "large"); err != nil || len(r.Value) != len(large.Value) {
		t.Errorf("Get = %d bytes, %v, want %d", len(r.Value), err, len(large.Value))
	}

	large.Value = append(large.Value, 0)
	many = append(many, store.Write{Key: strings.Repeat("k", 100)})
	for name, writes := range map[string][]store.Write{"bytes": {large}, "writes": many} {
		if _, err := s.Commit(t.Context(), writes...); !errors.Is(err, ErrTooLarge) {
			t.Errorf("Commit of too many %s = %v, want ErrTooLarge", name, err)
		}
	}
	if _, err := s.Commit(t.Context(), store.Write{Key: strings.Repeat("k", maxKey)}); err != nil {
		t.Errorf("Commit with the longest key = %v", err)
	}
	if _, err := s.Commit(t.Context(), store.Write{Key: strings.Repeat("k", maxKey+1)}); err == nil {
		t.Error("Commit with a longer key succeeded")
	}
}

// TestCancelQueued: a caller who goes leaves a commit that may still happen, and
// whose bytes are its own.
func TestCancelQueued(t *testing.T) {
	s := openTest(t, t.TempDir(), nil)
	release := holdWriter(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	value := []byte("value")
	gone := make(chan error)
	go func() {
		_, err := s.Commit(ctx, store.Write{Key: "a", Value: value})
		gone <- err
	}()
	for len(s.queue) == 0 {
		select {
		case err := <-gone:
			t.Fatalf("Commit = %v before it was queued", err)
		default:
			runtime.Gosched()
		}
	}
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("Commit = %v, want context.Canceled", err)
	}
	clear(value)

	// Fill the queue: the next one can't even get in.
	for len(s.queue) < cap(s.queue) {
		enqueue(t, s, store.Write{Key: "filler"})
	}
	ctx, cancel = context.WithCancel(t.Context())
	go func() {
		_, err := s.Commit(ctx, store.Write{Key: "b"})
		gone <- err
	}()
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("Commit with a full queue = %v, want context.Canceled", err)
	}
	persist := s.persist
	s.persist = func(txn *badger.Txn) error {
		for s.mu.TryRLock() { // until Close has begun
			s.mu.RUnlock()
			runtime.Gosched()
		}
		return persist(txn)
	}
	release()
	dir := s.space.dir
	closeTest(t, s) // drains the queue
	select {
	case <-s.written:
	default:
		t.Error("Close has not waited for the writer")
	}

	s = openTest(t, dir, nil)
	defer closeTest(t, s)
	if r, err := s.Get(t.Context(), "a"); err != nil || string(r.Value) != "value" {
		t.Errorf("Get of the commit that was left = %q, %v", r.Value, err)
	}
	if _, err := s.Get(t.Context(), "b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of the commit that got no place = %v, want ErrNotFound", err)
	}
}
