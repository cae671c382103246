package booking

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/store"
)

// Move makes all bookings of somebody who is struck off those of whom they are made one
// with, and returns how many there were, also when it fails. The events stay in the
// calendar where they are; what has none yet is made in the other's. A booking that a
// gateway is at is waited for: it may be making its event with the old connection, which
// is to be gone by then. store.ErrConflict: they have signed in meanwhile, and what they have
// booked since stays theirs. people.ErrUnknown: the other one is gone.
func (s *Service) Move(ctx context.Context, who people.Struck) (moved int, err error) {
	prefix := personPrefix(who.ID)
	for {
		entries, err := s.journal.store.Scan(ctx, prefix, "", scanChunk)
		if err != nil {
			return moved, fmt.Errorf("move bookings: %w", err)
		}
		for _, e := range entries {
			_, id, _ := strings.Cut(strings.TrimPrefix(e.Key, prefix), "/")
			was, err := s.move(ctx, id, who)
			if errors.Is(err, errNotFound) { // only the index has it
				_, err = s.journal.erase(ctx, e.Key, id, who.Stands())
			}
			if err != nil {
				return moved, fmt.Errorf("move booking %s: %w", id, err)
			}
			if was {
				moved++
			}
		}
		if len(entries) < scanChunk {
			return moved, nil
		}
	}
}

// move moves one booking, once nobody is at it; was says that it was theirs still.
func (s *Service) move(ctx context.Context, id string, who people.Struck) (was bool, err error) {
	for {
		r, err := s.journal.changeWith(ctx, id, func(r *record) ([]store.Write, error) {
			now := s.now().UTC()
			switch {
			case r.PersonID != who.ID:
				return nil, errUnchanged // by its first entry, of a series
			case r.working(now):
				return nil, errTaken
			}
			if is, err := s.people.StruckOff(ctx, who.ID); err != nil || is != who {
				return nil, errors.Join(store.ErrConflict, err)
			}
			into, err := s.people.Get(ctx, who.Into)
			if err != nil {
				return nil, err
			}
			r.PersonID, r.PersonName, r.PersonEmail, r.Moved, r.by = into.ID, into.Name, into.Email, r.MaybeSent, who.By
			if r.open() && !r.rests() {
				r.NextAt, r.Turn, r.Tries, r.Aside = now, "", 0, false
			}
			return []store.Write{who.Stands(), into.Stands()}, nil
		})
		switch {
		case errors.Is(err, errUnchanged):
			return false, nil
		case err == nil:
			s.waiters.tell(id, &r)
			if r.open() && !r.rests() {
				s.queue.wake(id)
			}
			return true, nil
		case !errors.Is(err, errTaken):
			return false, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(look):
		}
	}
}

// whyGone tells why the event is not in the organizer's calendar.
func (r *record) whyGone() string {
	if r.Moved {
		return reasonLeft
	}
	return reasonDeleted
}
