package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

// EpochKey is the record with a store's epoch; it goes into no backup.
const EpochKey = "announcements/epoch"

// Epoch names the row of announcements that positions of s count, and is made where
// there is none yet. A store that is filled from a backup begins at the first position
// anew and has another epoch: who keeps a position outside of the store has to keep
// the epoch with it, or would take it for one of the new row once that is as long.
func Epoch(ctx context.Context, s Store) (string, error) {
	for {
		rec, err := s.Get(ctx, EpochKey)
		if err == nil {
			return string(rec.Value), nil
		}
		if errors.Is(err, ErrNotFound) {
			_, err = s.Commit(ctx, Write{Key: EpochKey, Value: []byte(rand.Text()), If: If(Absent)})
		}
		if err != nil && !errors.Is(err, ErrConflict) {
			return "", fmt.Errorf("epoch of the announcements: %w", err)
		}
	}
}
