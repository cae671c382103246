package booking

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/store"
)

// Erase deletes all bookings of somebody who is struck off, and what leads to them, and
// returns how many there were, also when it fails. What of them is under way ends with
// that; events that have been made stay where they are, at Microsoft. store.ErrConflict:
// they have signed in meanwhile, and what they have booked since stays.
func (s *Service) Erase(ctx context.Context, who people.Struck) (erased int, err error) {
	prefix := personPrefix(who.ID)
	for {
		entries, err := s.journal.store.Scan(ctx, prefix, "", scanChunk)
		if err != nil {
			return erased, fmt.Errorf("erase bookings: %w", err)
		}
		for _, e := range entries {
			_, id, _ := strings.Cut(strings.TrimPrefix(e.Key, prefix), "/")
			was, err := s.journal.erase(ctx, e.Key, id, who.Stands())
			if err != nil {
				return erased, fmt.Errorf("erase booking %s: %w", id, err)
			}
			if was {
				erased++
				s.waiters.tell(id, nil)
			}
		}
		if len(entries) < scanChunk {
			return erased, nil
		}
	}
}

// erase deletes a booking that an index leads to, in one commit with all that does, as
// long as stands holds; was says that it was there. Whoever has its turn finds it gone,
// and leaves it so. A series has an index entry for each date; all go with the first.
func (j journal) erase(ctx context.Context, index, id string, stands store.Write) (was bool, err error) {
	for {
		if _, err := j.store.Get(ctx, index); errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		r, version, err := j.read(ctx, id)
		if err != nil && !errors.Is(err, errNotFound) {
			return false, err
		}
		was = err == nil
		writes := []store.Write{stands, {Op: store.Delete, Key: index}, news(id)}
		if was {
			writes = append(writes, store.Write{Op: store.Delete, Key: recordKey(id), If: store.If(version)})
			for _, w := range moved(r.shown().keys, nil) {
				switch {
				case w.Key == index:
				case r.ICalUID != "" && w.Key == privateKey(r.ICalUID):
					// The meeting stays in the room's calendar, and private. The key tells nobody whose it was.
					w = store.Write{Key: w.Key, Value: []byte(digits(r.lastEnd())), Expires: r.lastEnd().Add(maxSpan)}
					fallthrough
				default:
					writes = append(writes, w)
				}
			}
			claims, err := j.claimsOf(ctx, r)
			if err != nil {
				return false, err
			}
			writes = append(writes, claims...)
		}
		_, err = j.store.Commit(ctx, writes...)
		if !errors.Is(err, store.ErrConflict) {
			return was && err == nil, err
		}
		now, lookErr := j.store.Get(ctx, stands.Key)
		switch {
		case lookErr != nil && !errors.Is(lookErr, store.ErrNotFound):
			return false, lookErr
		case now.Version != *stands.If:
			return false, err
		}
	}
}

// claimsOf are the parts of a commit that delete the caller's keys of a booking; one
// that has ended may be another booking's by now.
func (j journal) claimsOf(ctx context.Context, r record) (writes []store.Write, err error) {
	for _, key := range r.Claims {
		rec, err := j.store.Get(ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var made claim
		if err := json.Unmarshal(rec.Value, &made); err != nil {
			return nil, fmt.Errorf("reading %s: %w", key, err)
		}
		if made.ID == r.ID {
			writes = append(writes, store.Write{Op: store.Delete, Key: key, If: store.If(rec.Version)})
		}
	}
	return writes, nil
}
