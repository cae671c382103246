package people

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// seenEvery is how often it is noted at most that somebody was seen.
const seenEvery = 24 * time.Hour

// Seen notes that somebody acts, or that somebody acts for them: once a day. e is
// what was found of them just before; whoever has gone since stays so. A last time
// that lies in the future, as a clock was wrong then, is put right. A clock that says it is
// before they were first seen is wrong itself, and not believed.
func (d *Directory) Seen(ctx context.Context, e Entry) error { return d.SeenAt(ctx, e, d.now()) }

// SeenAt is Seen, of which it is noted only now.
func (d *Directory) SeenAt(ctx context.Context, e Entry, at time.Time) error {
	at = at.UTC().Truncate(time.Second)
	if at.Before(e.FirstSeen) || at.Sub(e.LastSeen).Abs() < seenEvery {
		return nil
	}
	e.LastSeen = at
	value, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = d.store.Commit(ctx, store.Write{Key: personKey(e.ID), Value: value, If: store.If(e.version)})
	if errors.Is(err, store.ErrConflict) { // whoever was faster knows as much
		return nil
	}
	return err
}
