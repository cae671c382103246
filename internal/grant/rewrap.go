package grant

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
)

// chunk is how many records are read at once: some hundred KB.
const chunk = 200

// Rewrapped is what a Rewrap has seen and done.
type Rewrapped struct {
	// Resealed counts the grants that it has sealed with the primary key.
	Resealed int
	// Sealed counts the grants by the id of the key that they are sealed with now.
	Sealed map[uint32]int
	// Unopened are those of Sealed whose key is not in the keyset, or not
	// enabled. They need an operator, and stay as they are.
	Unopened map[uint32]int
	// Damaged counts the records that can't be read, or were changed by somebody
	// else: no key opens them, and their owners have to sign in again. They stay as
	// they are.
	Damaged int
}

// Rewrap seals every grant with the primary key that isn't sealed with it, after
// a new one was promoted. What else is done to a grant meanwhile stands. It never
// removes a grant. With an error, of the store or ctx, it returns how far it has
// come; called again it does the rest.
func (k *Keeper) Rewrap(ctx context.Context) (Rewrapped, error) {
	r := Rewrapped{Sealed: map[uint32]int{}, Unopened: map[uint32]int{}}
	err := k.rewrap(ctx, &r)
	for id, grants := range r.Unopened {
		k.cfg.Log.Error("grants are sealed with a key that the keyset doesn't have; put it back", "key", id, "grants", grants)
	}
	return r, err
}

func (k *Keeper) rewrap(ctx context.Context, r *Rewrapped) error {
	for records, err := range k.chunks(ctx) {
		if err != nil {
			return err
		}
		for _, stored := range records {
			if err := k.rewrapOne(ctx, stored, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// rewrapOne does what Rewrap does to one grant.
func (k *Keeper) rewrapOne(ctx context.Context, stored store.Record, r *Rewrapped) error {
	rec, err := decode(stored)
	if err != nil {
		r.Damaged++
		k.cfg.Log.Error("a grant was damaged in the store", "error", err)
		return nil
	}
	owner, resealed := ownerOf(stored), false
	if k.needsRewrap(rec) && !k.lacksKey(rec) {
		if rec, resealed, err = k.reseal(ctx, owner); errors.Is(err, store.ErrNotFound) {
			return nil
		}
	}
	switch {
	case errors.Is(err, seal.ErrTampered):
		r.Damaged++
		k.cfg.Log.Error("a grant was damaged in the store", "owner", owner, "error", err)
		return nil
	case err != nil && !errors.Is(err, seal.ErrWrongKey):
		return err
	}
	if resealed {
		r.Resealed++
	}
	if id, ok := seal.KeyOf(rec.Sealed); ok {
		r.Sealed[id]++
		if k.lacksKey(rec) {
			r.Unopened[id]++
		}
	}
	return nil
}

// reseal seals owner's grant with the primary key, if it isn't, and returns what
// is in the store then.
func (k *Keeper) reseal(ctx context.Context, owner string) (rec record, resealed bool, err error) {
	for {
		rec, version, err := k.read(ctx, owner)
		if err != nil || !k.needsRewrap(rec) {
			return rec, false, err
		}
		refreshToken, err := rec.open(k.cfg.Seal, owner)
		if err != nil {
			return rec, false, err
		}
		if err := rec.seal(k.cfg.Seal, owner, refreshToken); err != nil {
			return rec, false, err
		}
		if _, err = k.replace(ctx, owner, rec, version); !errors.Is(err, store.ErrConflict) {
			return rec, err == nil, err
		}
	}
}

func (k *Keeper) needsRewrap(rec record) bool {
	id, _ := seal.KeyOf(rec.Sealed)
	return len(rec.Sealed) > 0 && id != k.cfg.Seal.Primary()
}

// CountKeys counts the grants by the id of the key that they are sealed with now.
// What can't be read is left out: no key opens it.
func (k *Keeper) CountKeys(ctx context.Context) (map[uint32]int, error) {
	sealed := map[uint32]int{}
	for records, err := range k.chunks(ctx) {
		if err != nil {
			return nil, err
		}
		for _, stored := range records {
			if rec, err := decode(stored); err == nil {
				if id, ok := seal.KeyOf(rec.Sealed); ok {
					sealed[id]++
				}
			}
		}
	}
	return sealed, nil
}

// chunks reads the records of all grants.
func (k *Keeper) chunks(ctx context.Context) iter.Seq2[[]store.Record, error] {
	return func(yield func([]store.Record, error) bool) {
		last := key("")
		for {
			records, err := k.cfg.Store.Scan(ctx, key(""), last, chunk)
			if err != nil {
				yield(nil, err)
				return
			}
			if len(records) > 0 && !yield(records, nil) || len(records) < chunk {
				return
			}
			last = records[len(records)-1].Key
		}
	}
}

func ownerOf(stored store.Record) string { return strings.TrimPrefix(stored.Key, key("")) }
