package caddymodule

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"

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
	if errors.Is(err, seal.ErrWrongKey) {
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
