package people

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/store"
)

// Struck is somebody who is struck off: nobody finds them any more, and what is left
// of them here is their id, so that an erasure that broke off is found again.
type Struck struct {
	ID string
	// By is who has them erased.
	By string

	version store.Version
}

func (s stored) struckOff() Struck { return Struck{ID: s.ID, By: s.Struck, version: s.version} }

// Stands is a part of a commit that holds only if they are still struck off by then:
// they may sign in again, and are back then.
func (s Struck) Stands() store.Write {
	return store.Write{Op: store.Check, Key: personKey(s.ID), If: store.If(s.version)}
}

// Strike begins the erasure of somebody; Remove ends it. store.ErrConflict: they were
// seen, or have signed in, since e was read.
func (d *Directory) Strike(ctx context.Context, e Entry, by string) (Struck, error) {
	value, err := json.Marshal(stored{Entry: Entry{Person: identity.Person{ID: e.ID}}, Struck: by})
	if err != nil {
		return Struck{}, err
	}
	writes := []store.Write{{Key: personKey(e.ID), Value: value, If: store.If(e.version)}, changed(e.ID)}
	for _, k := range indexKeys(e.Person) {
		writes = append(writes, store.Write{Key: k, Op: store.Delete})
	}
	version, err := d.store.Commit(ctx, writes...)
	if err != nil {
		return Struck{}, fmt.Errorf("striking somebody off: %w", err)
	}
	return Struck{ID: e.ID, By: by, version: version}, nil
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
	return store.Write{Op: store.Check, Key: personKey(id), If: store.If(e.version)}, nil
}
