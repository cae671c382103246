package badgerstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/onesgate/onesgate/internal/store"
)

// A feed wakes those who wait for announcements.
type feed struct {
	mu   sync.Mutex
	last store.Position
	more chan struct{} // closed when there is more, or the store is closed
	over bool
}

func newFeed(last store.Position) *feed { return &feed{last: last, more: make(chan struct{})} }

func (f *feed) position() store.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// wait returns the last position, and what is closed when it is not that any more.
func (f *feed) wait() (store.Position, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last, f.more
}

func (f *feed) advance(to store.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last == to {
		return
	}
	f.last = to
	if !f.over {
		close(f.more)
		f.more = make(chan struct{})
	}
}

// close wakes everybody for good.
func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.over {
		f.over = true
		close(f.more)
	}
}

// Last implements store.Store.
func (s *Store) Last(ctx context.Context) (store.Position, error) {
	if err := s.enter(ctx); err != nil {
		return 0, fmt.Errorf("last announcement: %w", err)
	}
	defer s.leave()
	return s.feed.position(), nil
}

// Follow implements store.Store.
func (s *Store) Follow(ctx context.Context, after store.Position, limit int) ([]store.Announcement, error) {
	last, more := s.feed.wait()
	if after == last {
		timer := time.NewTimer(store.FollowWait)
		defer timer.Stop()
		select {
		case <-more:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	if err := s.enter(ctx); err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	defer s.leave()
	announced, err := s.announced(after, limit)
	if err != nil {
		return nil, fmt.Errorf("follow from %d: %w", after, err)
	}
	return announced, nil
}

// announced reads what came after a position. Positions have no gaps, so what is
// missing at the beginning is forgotten.
func (s *Store) announced(after store.Position, limit int) ([]store.Announcement, error) {
	last := s.feed.position()
	if after > last {
		return nil, store.ErrForgotten
	}
	var announced []store.Announcement
	err := s.db.View(func(txn *badger.Txn) error {
		opts := badger.DefaultIteratorOptions
		opts.Prefix = []byte(announcementPrefix)
		opts.PrefetchValues = false
		it := txn.NewIterator(opts)
		defer it.Close()
		for it.Seek(announcementKey(after + 1)); it.Valid() && len(announced) < limit; it.Next() {
			b, err := it.Item().ValueCopy(nil)
			if err != nil {
				return err
			}
			a, err := decodeAnnouncement(it.Item().Key(), b)
			switch {
			case err != nil:
				return err
			case a.Position > last: // not yet acknowledged
				return nil
			}
			announced = append(announced, a)
		}
		return nil
	})
	if err == nil && limit > 0 && after < last && (len(announced) == 0 || announced[0].Position != after+1) {
		err = store.ErrForgotten
	}
	return announced, err
}
