package memstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// A Store is a store in memory. It may be used concurrently.
type Store struct {
	now  func() time.Time
	tail *store.Tail

	mu        sync.Mutex
	closed    bool
	records   table // also those that have expired
	version   store.Version
	news      []announcement // the last ones, without a gap
	snapshots sync.WaitGroup // those that are being read
}

var _ store.Store = (*Store)(nil)

// New returns an empty store that goes by now.
func New(now func() time.Time) *Store {
	return &Store{now: now, tail: store.NewTail(0), records: newTable()}
}

// enter begins a call, which ends with the unlocking of mu.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrClosed
	}
	return nil
}

// live returns a record that has not expired, or the zero Record.
func (s *Store) live(key string) store.Record {
	if r := s.records.get(key); !expired(r, s.now()) {
		return r
	}
	return store.Record{}
}

func expired(r store.Record, now time.Time) bool {
	return !r.Expires.IsZero() && !now.Before(r.Expires)
}

// copied returns a record of the caller's own.
func copied(r store.Record) store.Record {
	r.Value = slices.Clone(r.Value)
	return r
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string) (store.Record, error) {
	if err := s.enter(ctx); err != nil {
		return store.Record{}, fmt.Errorf("get %q: %w", key, err)
	}
	defer s.mu.Unlock()
	r := s.live(key)
	if r.Version == store.Absent {
		return store.Record{}, fmt.Errorf("get %q: %w", key, store.ErrNotFound)
	}
	return copied(r), nil
}

// Scan implements store.Store. What it returns is of one moment.
func (s *Store) Scan(ctx context.Context, prefix, after string, limit int) ([]store.Record, error) {
	if err := s.enter(ctx); err != nil {
		return nil, fmt.Errorf("scan %q: %w", prefix, err)
	}
	defer s.mu.Unlock()
	start := prefix
	if after >= prefix {
		start = after + "\x00" // the next key there can be
	}
	var found []store.Record
	now := s.now()
	for r := range s.records.from(start) {
		if len(found) >= limit || !strings.HasPrefix(r.Key, prefix) {
			break
		}
		if !expired(r, now) {
			found = append(found, copied(r))
		}
	}
	return found, nil
}

// Snapshot implements store.Store.
func (s *Store) Snapshot(ctx context.Context, yield func(store.Record) error) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	s.snapshots.Add(1)
	defer s.snapshots.Done()
	var all []store.Record
	now := s.now()
	for r := range s.records.from("") {
		if !expired(r, now) {
			all = append(all, r)
		}
	}
	s.mu.Unlock()
	for _, r := range all {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
		if err := yield(copied(r)); err != nil {
			return err
		}
	}
	return nil
}

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	if err := s.enter(ctx); err != nil {
		return 0, fmt.Errorf("commit: %w", err)
	}
	defer s.mu.Unlock()
	if err := s.admit(writes); err != nil {
		return 0, fmt.Errorf("commit: %w", err)
	}
	s.version++
	for _, w := range writes {
		switch w.Op {
		case store.Put:
			s.records.put(store.Record{Key: w.Key, Value: slices.Clone(w.Value), Version: s.version, Expires: w.Expires})
		case store.Delete:
			s.records.remove(w.Key)
		case store.Announce:
			s.announce(w)
		}
	}
	return s.version, nil
}

// Bounds of a commit, in bytes: the least that an engine takes.
const (
	maxCommit    = 1 << 20 // keys and values, and writeReserve for each
	maxKey       = 2600
	writeReserve = 100
)

// admit says why writes can't be done.
func (s *Store) admit(writes []store.Write) error {
	seen, size := make(map[string]bool, len(writes)), 0
	for _, w := range writes {
		size += len(w.Key) + len(w.Value) + writeReserve
		switch {
		case len(w.Key) > maxKey || size > maxCommit:
			return fmt.Errorf("a key of %d bytes, or a commit of %d, is too large", len(w.Key), size)
		case w.Key == "":
			return fmt.Errorf("a write of operation %d has no key", w.Op)
		case w.Op > store.Announce:
			return fmt.Errorf("key %q: unknown operation %d", w.Key, w.Op)
		case w.Op == store.Announce: // as often as one likes
		case seen[w.Key]:
			return fmt.Errorf("key %q is given twice", w.Key)
		default:
			seen[w.Key] = true
		}
	}
	for _, w := range writes {
		if w.If != nil && w.Op != store.Announce && *w.If != s.live(w.Key).Version {
			return fmt.Errorf("%q: %w", w.Key, store.ErrConflict)
		}
	}
	return nil
}

// Close waits for the snapshots that are being read. Closing again does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.tail.Close()
	s.snapshots.Wait()
	return nil
}
