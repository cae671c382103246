package badgerstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/onesgate/onesgate/internal/store"
)

// A Store is an open store. It may be used concurrently.
type Store struct {
	db   *badger.DB
	lock *os.File
	now  func() time.Time

	// mu is held for reading by every call, so that closing waits for them.
	mu     sync.RWMutex
	closed bool

	queue   chan *commit
	written chan struct{} // closed when the writer has ended
	tail    *store.Tail

	// The rest belongs to the writer.
	version store.Version // last one given
	fenced  error         // why nothing is written any more
	space   freeSpace
	persist func(*badger.Txn) error
}

var _ store.Store = (*Store)(nil)

// enter begins a call; leave ends it.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return store.ErrClosed
	}
	return nil
}

func (s *Store) leave() { s.mu.RUnlock() }

// Get implements store.Store. It waits for a commit that is being written.
func (s *Store) Get(ctx context.Context, key string) (store.Record, error) {
	if err := s.enter(ctx); err != nil {
		return store.Record{}, fmt.Errorf("get %q: %w", key, err)
	}
	defer s.leave()
	var r store.Record
	err := s.db.View(func(txn *badger.Txn) (err error) {
		r, err = s.get(txn, key)
		return err
	})
	if err != nil {
		return store.Record{}, fmt.Errorf("get %q: %w", key, err)
	}
	return r, nil
}

// get returns a copy of a live record as txn sees it, or ErrNotFound.
func (s *Store) get(txn *badger.Txn, key string) (store.Record, error) {
	item, err := txn.Get(recordKey(key))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return store.Record{}, store.ErrNotFound
	}
	if err != nil {
		return store.Record{}, err
	}
	return s.live(key, item)
}

// live returns a copy of what item holds, or ErrNotFound if it has expired.
func (s *Store) live(key string, item *badger.Item) (store.Record, error) {
	b, err := item.ValueCopy(nil)
	if err != nil {
		return store.Record{}, err
	}
	r, err := decode(key, b)
	if err != nil {
		return store.Record{}, err
	}
	if expired(r, s.now()) {
		return store.Record{}, store.ErrNotFound
	}
	return r, nil
}

// Snapshot implements store.Store.
func (s *Store) Snapshot(ctx context.Context, yield func(store.Record) error) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	defer s.leave()
	return s.db.View(func(txn *badger.Txn) error {
		return s.each(ctx, txn, "", "", yield)
	})
}

// each calls yield for the live records with a prefix from a key on.
func (s *Store) each(ctx context.Context, txn *badger.Txn, prefix, start string, yield func(store.Record) error) error {
	opts := badger.DefaultIteratorOptions
	opts.Prefix = recordKey(prefix)
	opts.PrefetchValues = false // they lie beside the keys
	it := txn.NewIterator(opts)
	defer it.Close()
	for it.Seek(recordKey(start)); it.Valid(); it.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		item := it.Item()
		r, err := s.live(string(item.Key()[len(recordPrefix):]), item)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := yield(r); err != nil {
			return err
		}
	}
	return nil
}

// errEnough ends a scan.
var errEnough = errors.New("enough")

// Scan implements store.Store. What it returns is one snapshot.
func (s *Store) Scan(ctx context.Context, prefix, after string, limit int) ([]store.Record, error) {
	if err := s.enter(ctx); err != nil {
		return nil, fmt.Errorf("scan %q: %w", prefix, err)
	}
	defer s.leave()
	start := prefix
	if after >= prefix {
		start = after + "\x00" // the next key there can be
	}
	var records []store.Record
	if limit < 1 {
		return nil, nil
	}
	err := s.db.View(func(txn *badger.Txn) error {
		return s.each(ctx, txn, prefix, start, func(r store.Record) error {
			if records = append(records, r); len(records) == limit {
				return errEnough
			}
			return nil
		})
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("scan %q: %w", prefix, err)
	}
	return records, nil
}

// counter returns a counter that a durable commit has set, or 0.
func counter(db *badger.DB, key string) (n uint64, err error) {
	err = db.View(func(txn *badger.Txn) error {
		item, err := txn.Get([]byte(key))
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return item.Value(func(b []byte) error {
			if len(b) != 8 {
				return errFormat
			}
			n = binary.BigEndian.Uint64(b)
			return nil
		})
	})
	if err != nil {
		return 0, fmt.Errorf("read the last %s: %w", key, err)
	}
	return n, nil
}

func setCounter(txn *badger.Txn, key string, n uint64) error {
	return txn.Set([]byte(key), binary.BigEndian.AppendUint64(nil, n))
}

// Close waits for the calls under way, ends the writer and releases the folder.
// Closing again does nothing.
func (s *Store) Close() error {
	s.tail.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.queue)
	<-s.written
	if err := errors.Join(s.db.Close(), s.lock.Close()); err != nil {
		return fmt.Errorf("close the store: %w", err)
	}
	return nil
}
