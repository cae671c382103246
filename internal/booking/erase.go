package booking

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/onesgate/onesgate/internal/store"
)

// Erase deletes all bookings of a person, and what leads to them, and returns how many
// there were, also when it fails. What of them is under way ends with that; events that
// have been made stay where they are, at Microsoft. The person has to be struck off
// before ([people.Directory.Strike]), lest they book meanwhile.
func (s *Service) Erase(ctx context.Context, personID string) (erased int, err error) {
	for {
		entries, err := s.journal.store.Scan(ctx, personPrefix(personID), "", scanChunk)
		if err != nil {
			return erased, fmt.Errorf("erase bookings: %w", err)
		}
		for _, e := range entries {
			_, id, _ := strings.Cut(strings.TrimPrefix(e.Key, personPrefix(personID)), "/")
			if err := s.journal.erase(ctx, e.Key, id); err != nil {
				return erased, fmt.Errorf("erase booking %s: %w", id, err)
			}
			erased++
			s.waiters.tell(id)
		}
		if len(entries) < scanChunk {
			return erased, nil
		}
	}
}

// erase deletes a booking that an index leads to, in one commit with all that does.
// Whoever has its turn finds it gone, and leaves it so.
func (j journal) erase(ctx context.Context, index, id string) error {
	for {
		r, version, err := j.read(ctx, id)
		if err != nil && !errors.Is(err, errNotFound) {
			return err
		}
		writes := []store.Write{{Op: store.Delete, Key: index}}
		if err == nil {
			suffix := digits(r.Start) + "/" + r.ID
			writes = append(writes,
				store.Write{Op: store.Delete, Key: recordKey(id), If: store.If(version)},
				store.Write{Op: store.Delete, Key: roomPrefix(r.Request.Room) + suffix},
				store.Write{Op: store.Delete, Key: startPrefix + suffix})
			if r.open() {
				writes = append(writes, store.Write{Op: store.Delete, Key: openKey(r.NextAt, id)})
			}
			claims, err := j.claimsOf(ctx, r)
			if err != nil {
				return err
			}
			writes = append(writes, claims...)
		}
		if _, err := j.store.Commit(ctx, writes...); !errors.Is(err, store.ErrConflict) {
			return err
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
