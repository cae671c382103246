package grant

import (
	"context"
	"errors"
	"iter"
	"maps"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
)

// chunk is how many records are read at once: some hundred KB.
const chunk = 200

// RewrapOptions say how Rewrap goes about it; the zero value does all at once.
type RewrapOptions struct {
	// After is Rewrapped.After of one that was broken off, to go on from there.
	After string
	// Every is the least time from one write to the next; 0: none.
	Every time.Duration
	// Progress, unless nil, is told how far it has come after each chunk. Rewrap
	// waits for it.
	Progress func(Rewrapped)
}

// Rewrapped is what a Rewrap has seen and done so far.
type Rewrapped struct {
	// Resealed counts the grants that it has sealed with the primary key.
	Resealed int
	// Sealed counts the grants by the id of the key that they are sealed with now.
	Sealed map[uint32]int
	// Unopened are those of Sealed whose key is not in the keyset, or not
	// enabled. They need an operator, and stay as they are.
	Unopened map[uint32]int
	// Damaged counts the records that can't be read, or were changed by somebody
	// else: their owners have to sign in again. They stay as they are.
	Damaged int
	// After is the owner of the last grant looked at.
	After string
}

func (r *Rewrapped) copy() Rewrapped {
	c := *r
	c.Sealed, c.Unopened = maps.Clone(r.Sealed), maps.Clone(r.Unopened)
	return c
}

// Rewrap seals every grant with the primary key that isn't sealed with it, after
// a new one was promoted. What else is done to a grant meanwhile stands. It never
// removes a grant. With an error, of the store or ctx, it returns how far it has
// come.
func (k *Keeper) Rewrap(ctx context.Context, o RewrapOptions) (Rewrapped, error) {
	r := Rewrapped{Sealed: map[uint32]int{}, Unopened: map[uint32]int{}, After: o.After}
	err := k.rewrap(ctx, o, &r)
	for id, grants := range r.Unopened {
		k.cfg.Log.Error("grants are sealed with a key that the keyset doesn't have; put it back", "key", id, "grants", grants)
	}
	return r, err
}

func (k *Keeper) rewrap(ctx context.Context, o RewrapOptions, r *Rewrapped) error {
	pace := newPace(o.Every)
	defer pace.stop()
	for records, err := range k.chunks(ctx, o.After) {
		if err != nil {
			return err
		}
		for _, stored := range records {
			if err := k.rewrapOne(ctx, stored, pace, r); err != nil {
				return err
			}
			r.After = ownerOf(stored)
		}
		if o.Progress != nil {
			o.Progress(r.copy())
		}
	}
	return nil
}

// rewrapOne does what Rewrap does to one grant.
func (k *Keeper) rewrapOne(ctx context.Context, stored store.Record, pace pace, r *Rewrapped) error {
	rec, err := decode(stored)
	if err != nil {
		r.Damaged++
		k.cfg.Log.Error("a grant was damaged in the store", "error", err)
		return nil
	}
	owner, resealed := ownerOf(stored), false
	if k.needsRewrap(rec) && !k.lacksKey(rec) {
		if err := pace.wait(ctx); err != nil {
			return err
		}
		if rec, resealed, err = k.reseal(ctx, owner); errors.Is(err, store.ErrNotFound) {
			return nil
		}
	}
	switch {
	case errors.Is(err, seal.ErrTampered):
		r.Damaged++
		k.cfg.Log.Error("a grant was damaged in the store", "owner", owner, "error", err)
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
		if err = k.replace(ctx, owner, rec, version); !errors.Is(err, store.ErrConflict) {
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
	for records, err := range k.chunks(ctx, "") {
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

// chunks reads the records of all grants after that of an owner, in order.
func (k *Keeper) chunks(ctx context.Context, after string) iter.Seq2[[]store.Record, error] {
	return func(yield func([]store.Record, error) bool) {
		last := key(after)
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

// A pace keeps writes apart from each other. The zero one doesn't.
type pace struct{ ticker *time.Ticker }

func newPace(every time.Duration) pace {
	if every <= 0 {
		return pace{}
	}
	return pace{ticker: time.NewTicker(every)}
}

func (p pace) stop() {
	if p.ticker != nil {
		p.ticker.Stop()
	}
}

// wait returns when the next write may be made, or with ctx's error.
func (p pace) wait(ctx context.Context) error {
	if p.ticker == nil {
		return ctx.Err()
	}
	select {
	case <-p.ticker.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
