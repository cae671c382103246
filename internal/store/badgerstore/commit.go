package badgerstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/onesgate/onesgate/internal/store"
)

// ErrTooLarge: a commit is larger than the engine can write at once. Nothing
// was written.
var ErrTooLarge = errors.New("commit is too large")

// Bounds of one commit, in bytes. Badger holds the length of a key in 16 bits.
const (
	maxCommit = 1 << 20 // keys, values and entryReserve for each
	maxKey    = 32 << 10
)

// A commit is what one caller of Commit asks for. The caller makes it, the
// writer answers it.
type commit struct {
	writes []write
	size   int  // bytes, as maxCommit counts
	puts   bool // there is something to put

	// The answer, valid when answered is closed.
	version  store.Version
	err      error
	answered chan struct{}
}

// A write is a store.Write that shares nothing with the caller, who may have
// gone when it is done.
type write struct {
	op        store.Op
	key       string
	entry     *badger.Entry // of a put; its version is still missing. Of an announcement; its key is
	condition bool
	version   store.Version // what the condition demands
}

// Commit implements store.Store. A commit of more than 1 MiB, or about ten
// thousand writes, is ErrTooLarge. After ErrUnknownOutcome reads go on, but every later commit gets
// that error too, with the first cause: the store has to be opened anew.
func (s *Store) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	v, err := s.commit(ctx, writes)
	if err != nil {
		return 0, fmt.Errorf("commit: %w", err)
	}
	return v, nil
}

func (s *Store) commit(ctx context.Context, writes []store.Write) (store.Version, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	c, err := s.newCommit(writes)
	if err != nil {
		return 0, err
	}
	select {
	case s.queue <- c:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case <-c.answered:
		return c.version, c.err
	case <-ctx.Done():
		return 0, fmt.Errorf("not waited for, it may still happen: %w", ctx.Err())
	}
}

// newCommit checks and copies what a caller asks for.
func (s *Store) newCommit(writes []store.Write) (*commit, error) {
	c := &commit{answered: make(chan struct{})}
	now := s.now()
	seen := make(map[string]bool, len(writes))
	for _, w := range writes {
		switch {
		case w.Key == "" || len(w.Key) > maxKey:
			return nil, fmt.Errorf("key of %d bytes: it must have 1 to %d", len(w.Key), maxKey)
		case w.Op > store.Announce:
			return nil, fmt.Errorf("key %q: unknown operation %d", w.Key, w.Op)
		case w.Op == store.Announce: // as often as one likes
		case seen[w.Key]:
			return nil, fmt.Errorf("key %q is given twice", w.Key)
		default:
			seen[w.Key] = true
		}
		if c.size += len(w.Key) + len(w.Value) + entryReserve; c.size > maxCommit {
			return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, maxCommit)
		}

		own := write{op: w.Op, key: w.Key}
		if w.If != nil && w.Op != store.Announce {
			own.condition, own.version = true, *w.If
		}
		switch w.Op {
		case store.Put:
			c.puts = true
			own.entry = badger.NewEntry(recordKey(w.Key), encode(w.Value, w.Expires))
			if !w.Expires.IsZero() {
				own.entry.ExpiresAt = collectAt(w.Expires, now)
			}
		case store.Announce: // small, and what ends something often goes with it
			own.entry = badger.NewEntry(nil, encodeAnnouncement(w.Key, w.Value))
			own.entry.ExpiresAt = collectAt(now.Add(store.AnnouncementLife), now)
		}
		c.writes = append(c.writes, own)
	}
	return c, nil
}
