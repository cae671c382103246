package people

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/store"
)

// Struck is somebody who is struck off: nobody finds them any more, and what is left
// of them here is their id, so that an erasure that broke off is found again.
type Struck struct {
	ID string
	// By is who has them erased.
	By string
	// Into is whose their bookings become; empty: nobody's, and they are erased, too.
	Into string

	version store.Version
}

func (s stored) struckOff() Struck {
	return Struck{ID: s.ID, By: s.Struck, Into: s.Into, version: s.version}
}

// Stands is a part of a commit that holds only if they are still struck off by then:
// they may sign in again, and are back then.
func (s Struck) Stands() store.Write {
	return store.Write{Op: store.Check, Key: personKey(s.ID), If: store.If(s.version)}
}

// Strike begins the erasure of somebody; Remove ends it. store.ErrConflict: they were
// seen, or have signed in, since e was read.
func (d *Directory) Strike(ctx context.Context, e Entry, by string) (Struck, error) {
	return d.strike(ctx, e, Struck{ID: e.ID, By: by})
}

// strike strikes somebody off, with more in the same commit.
func (d *Directory) strike(ctx context.Context, e Entry, s Struck, more ...store.Write) (Struck, error) {
	value, err := json.Marshal(stored{Entry: Entry{Person: identity.Person{ID: e.ID}}, Struck: s.By, Into: s.Into})
	if err != nil {
		return Struck{}, err
	}
	writes := append(more, store.Write{Key: personKey(e.ID), Value: value, If: store.If(e.version)}, changed(e.ID))
	for _, k := range indexKeys(e.Person) {
		writes = append(writes, store.Write{Key: k, Op: store.Delete})
	}
	if s.version, err = d.store.Commit(ctx, writes...); err != nil {
		return Struck{}, fmt.Errorf("striking somebody off: %w", err)
	}
	return s, nil
}

// Merge begins to make one of two people, as somebody has come back with another user id:
// old is struck off, and into is known for as long as old was; Remove ends it.
// store.ErrConflict: one of them was seen, or has signed in, since they were read.
func (d *Directory) Merge(ctx context.Context, old, into Entry, by string) (Struck, error) {
	if old.FirstSeen.Before(into.FirstSeen) {
		into.FirstSeen, into.ChangedAt = old.FirstSeen, d.now().UTC().Truncate(time.Second)
	}
	value, err := json.Marshal(into)
	if err != nil {
		return Struck{}, err
	}
	return d.strike(ctx, old, Struck{ID: old.ID, By: by, Into: into.ID},
		store.Write{Key: personKey(into.ID), Value: value, If: store.If(into.version)}, changed(into.ID))
}

// Alike says whether two people may be one, by what their directory says of them.
func (e Entry) Alike(other Entry) bool {
	same := func(a, b string) bool { return a != "" && fold(a) == fold(b) }
	return same(e.Mailbox, other.Mailbox) || same(e.CardNumber, other.CardNumber)
}

// StruckOff returns who was struck off and not removed yet, or ErrUnknown.
func (d *Directory) StruckOff(ctx context.Context, id string) (Struck, error) {
	s, err := d.read(ctx, id)
	if err == nil && s.Struck == "" {
		err = unknown(id)
	}
	if err != nil {
		return Struck{}, err
	}
	return s.struckOff(), nil
}

// Remove forgets the id of somebody who was struck off. store.ErrConflict: they have
// signed in again.
func (d *Directory) Remove(ctx context.Context, s Struck) error {
	_, err := d.store.Commit(ctx, store.Write{Op: store.Delete, Key: personKey(s.ID), If: store.If(s.version)})
	return err
}

// Stands returns a part of a commit that holds only if somebody is in the directory
// by then, unchanged, or ErrUnknown.
func (d *Directory) Stands(ctx context.Context, id string) (store.Write, error) {
	e, err := d.Get(ctx, id)
	if err != nil {
		return store.Write{}, err
	}
	return e.Stands(), nil
}

// Stands is a part of a commit that holds only if they are unchanged by then.
func (e Entry) Stands() store.Write {
	return store.Write{Op: store.Check, Key: personKey(e.ID), If: store.If(e.version)}
}
