package caddymodule

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
)

// signingKey is the record of the key that assertions are signed with. It is
// sealed, and shared by all gateways on one store.
const signingKey = "assertion-key"

// assertionKey returns the key that assertions are signed with, made at first use.
func assertionKey(ctx context.Context, s store.Store, keys *seal.Keyset) (*ecdsa.PrivateKey, error) {
	for {
		rec, err := s.Get(ctx, signingKey)
		if err == nil {
			return openAssertionKey(keys, rec.Value)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		key, err := identity.NewSigningKey()
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		sealed, err := keys.Seal(der, signingKey, signingKey)
		if err != nil {
			return nil, err
		}
		_, err = s.Commit(ctx, store.Write{Key: signingKey, Value: sealed, If: store.If(store.Absent)})
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return nil, err
		}
	}
}

func openAssertionKey(keys *seal.Keyset, sealed []byte) (*ecdsa.PrivateKey, error) {
	der, err := keys.Open(sealed, signingKey, signingKey)
	if errors.Is(err, seal.ErrWrongKey) && !errors.Is(err, seal.ErrRetired) {
		return nil, fmt.Errorf("this is not the keyset that the store was sealed with; put the right file back: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the key that signs assertions: %w", err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("reading the key that signs assertions: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("the key that signs assertions is of another kind")
	}
	return key, nil
}

// rewrapAssertionKey seals the key that signs assertions with the primary key,
// if it isn't: part of a rotation, with grant.Keeper.Rewrap. The key itself stays
// the same. Its errors are those of seal and store; it changes nothing then.
func rewrapAssertionKey(ctx context.Context, s store.Store, keys *seal.Keyset) (resealed bool, err error) {
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
	return records, countAssertionKey(ctx, s, records)
}

// countAssertionKey adds the key that signs assertions to a count.
func countAssertionKey(ctx context.Context, s store.Store, records map[uint32]int) error {
	rec, err := s.Get(ctx, signingKey)
	if err != nil {
		return err
	}
	if id, ok := seal.KeyOf(rec.Value); ok {
		records[id]++
	}
	return nil
}
