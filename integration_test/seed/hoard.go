package seed

import (
	"context"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// A hoard gathers commits to a store, and does many of them as one. What it reads is what
// the store has; nobody hears what it announces, and what has expired is left out.
type hoard struct {
	store.Store
	writes []store.Write
}

// enough is how many writes go to the store at once.
const enough = 500

// Commit implements store.Store, but for the version and for being durable at once.
func (h *hoard) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	for _, w := range writes {
		if w.Op == store.Announce || !w.Expires.IsZero() && w.Expires.Before(time.Now()) {
			continue
		}
		h.writes = append(h.writes, w)
	}
	if len(h.writes) < enough {
		return store.Absent, nil
	}
	return store.Absent, h.flush(ctx)
}

func (h *hoard) flush(ctx context.Context) error {
	if len(h.writes) == 0 {
		return nil
	}
	_, err := h.Store.Commit(ctx, h.writes...)
	h.writes = nil
	return err
}
