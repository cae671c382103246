package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
)

// signingKey is the record of the keys that assertions are signed with. It is
// sealed, and shared by all gateways on one store.
const signingKey = "assertion-key"

// signingLook is how often a gateway looks at the keys that sign: what another one
// has put there is published here so much later.
const signingLook = time.Minute

// keepAssertionKeys returns the keys that sign assertions, after what is due has
// been done: they are made at first use, and change with time. Several gateways
// may do so at once and get the same.
func keepAssertionKeys(ctx context.Context, s store.Store, keys *seal.Keyset, now time.Time) (*identity.Ring, error) {
	for {
		rec, err := s.Get(ctx, signingKey)
		var before, ring *identity.Ring
		switch {
		case errors.Is(err, store.ErrNotFound):
			ring, err = identity.NewRing(now)
		case err == nil:
			if before, err = openAssertionKeys(keys, rec.Value); err == nil {
				ring, err = before.Advance(now)
			}
		}
		if err != nil || ring == before {
			return ring, err
		}
		content, err := ring.Encode()
		if err != nil {
			return nil, err
		}
		sealed, err := keys.Seal(content, signingKey, signingKey)
		if err != nil {
			return nil, err
		}
		_, err = s.Commit(ctx, store.Write{Key: signingKey, Value: sealed, If: store.If(rec.Version)})
		if err == nil {
			return ring, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return nil, err
		}
	}
}

func openAssertionKeys(keys *seal.Keyset, sealed []byte) (*identity.Ring, error) {
	content, err := keys.Open(sealed, signingKey, signingKey)
	if errors.Is(err, seal.ErrWrongKey) && !errors.Is(err, seal.ErrRetired) {
		return nil, fmt.Errorf("this is not the keyset that the store was sealed with; put the right file back: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the keys that sign assertions: %w", err)
	}
	return identity.ParseRing(content)
}

// followAssertionKeys keeps the keys that sign assertions as they have to be, until
// ctx ends. While the store can't be asked, those from before stay in use.
func (e *engine) followAssertionKeys(ctx context.Context, every time.Duration, log *slog.Logger) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for failed := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ring, err := keepAssertionKeys(ctx, e.store, e.keys, time.Now())
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failed:
			log.Warn("the keys that sign assertions can't be looked at; those from before stay in use", "error", err)
		case err == nil:
			e.signing.Store(ring)
		}
		failed = err != nil
	}
}

// rewrapAssertionKeys seals the keys that sign assertions with the primary key,
// if they aren't: part of a rotation, with grant.Keeper.Rewrap. They themselves stay
// the same. Its errors are those of seal and store; it changes nothing then.
func rewrapAssertionKeys(ctx context.Context, s store.Store, keys *seal.Keyset) (resealed bool, err error) {
	for {
		rec, err := s.Get(ctx, signingKey)
		if err != nil {
			return false, err
		}
		if id, ok := seal.KeyOf(rec.Value); ok && id == keys.Primary() {
			return false, nil
		}
		der, err := keys.Open(rec.Value, signingKey, signingKey)
		if err != nil {
			return false, err
		}
		sealed, err := keys.Seal(der, signingKey, signingKey)
		if err != nil {
			return false, err
		}
		_, err = s.Commit(ctx, store.Write{Key: signingKey, Value: sealed, If: store.If(rec.Version)})
		if !errors.Is(err, store.ErrConflict) {
			return err == nil, err
		}
	}
}

// countKeys counts all records in the store by the id of the key that they are
// sealed with, also those that were damaged since.
func countKeys(ctx context.Context, s store.Store, grants *grant.Keeper) (map[uint32]int, error) {
	records, err := grants.CountKeys(ctx)
	if err != nil {
		return nil, err
	}
	return records, countAssertionKeys(ctx, s, records)
}

// countAssertionKeys adds the keys that sign assertions to a count, as one record.
func countAssertionKeys(ctx context.Context, s store.Store, records map[uint32]int) error {
	rec, err := s.Get(ctx, signingKey)
	if err != nil {
		return err
	}
	if id, ok := seal.KeyOf(rec.Value); ok {
		records[id]++
	}
	return nil
}
