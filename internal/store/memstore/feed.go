package memstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// An announcement is one that is kept, until it ends.
type announcement struct {
	store.Announcement
	ends time.Time
}

// announce makes an announcement, for which mu is held.
func (s *Store) announce(w store.Write) {
	s.forget()
	last, _ := s.tail.Last()
	s.news = append(s.news, announcement{
		store.Announcement{Position: last + 1, Topic: w.Key, Value: slices.Clone(w.Value)}, s.now().Add(store.AnnouncementLife),
	})
	s.tail.Learn(last + 1)
}

// forget drops the announcements that have ended.
func (s *Store) forget() {
	now := s.now()
	for len(s.news) > 0 && !now.Before(s.news[0].ends) {
		s.news = s.news[1:]
	}
}

// Last implements store.Store.
func (s *Store) Last(ctx context.Context) (store.Position, error) {
	if err := s.enter(ctx); err != nil {
		return 0, fmt.Errorf("last announcement: %w", err)
	}
	defer s.mu.Unlock()
	last, _ := s.tail.Last()
	return last, nil
}

// Follow implements store.Store.
func (s *Store) Follow(ctx context.Context, after store.Position, limit int) ([]store.Announcement, error) {
	s.tail.Await(ctx, after)
	if err := s.enter(ctx); err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	defer s.mu.Unlock()
	s.forget()
	last, _ := s.tail.Last()
	var heard []store.Announcement
	if forgotten := last - store.Position(len(s.news)); forgotten <= after && after < last {
		for _, a := range s.news[after-forgotten:] {
			if len(heard) >= limit {
				break
			}
			a.Value = slices.Clone(a.Value)
			heard = append(heard, a.Announcement)
		}
	}
	heard, err := store.Unbroken(heard, after, last, limit)
	if err != nil {
		return nil, fmt.Errorf("follow from %d: %w", after, err)
	}
	return heard, nil
}
