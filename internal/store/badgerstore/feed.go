package badgerstore

import (
	"context"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/onesgate/onesgate/internal/store"
)

// Last implements store.Store.
func (s *Store) Last(ctx context.Context) (store.Position, error) {
	if err := s.enter(ctx); err != nil {
		return 0, fmt.Errorf("last announcement: %w", err)
	}
	defer s.leave()
	last, _ := s.tail.Last()
	return last, nil
}

// Follow implements store.Store.
func (s *Store) Follow(ctx context.Context, after store.Position, limit int) ([]store.Announcement, error) {
	s.tail.Await(ctx, after)
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

// announced reads what came after a position.
func (s *Store) announced(after store.Position, limit int) ([]store.Announcement, error) {
	last, _ := s.tail.Last()
	if after == last { // Badger would wait for a disk that stands still
		return nil, nil
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
	if err != nil {
		return nil, err
	}
	return store.Unbroken(announced, after, last, limit)
}
