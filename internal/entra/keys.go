package entra

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// missInterval is how often at most a token that no known key verifies makes the
// keys be asked for again, lest forged tokens drive requests. It is what
// Microsoft recommends
// (https://learn.microsoft.com/entra/identity-platform/signing-key-rollover).
const missInterval = 5 * time.Minute

// maxKeys bounds how many published keys are looked at.
const maxKeys = 100

// A keySet holds the issuer's signing keys. It may be used concurrently.
//
// go-oidc's RemoteKeySet would do most of this, but it limits no refetches,
// never drops a withdrawn key, and hides a failed fetch among bad signatures.
type keySet struct {
	now       func() time.Time
	published *document[[]signingKey]

	mu     sync.Mutex
	missed time.Time // when such a token last made us ask again
}

type signingKey struct {
	id  string
	key *rsa.PublicKey
}

// signerOf returns the published key that a token is signed with; nil: with
// none of them. The error, an *Error, says that the keys could not be had.
func (s *keySet) signerOf(ctx context.Context, token *jose.JSONWebSignature) (*rsa.PublicKey, error) {
	keys, err := s.published.get(ctx, s.now().Add(-maxAge))
	if key := verifying(keys, token); key != nil {
		return key, nil // even if it is old: an outage must lock nobody out
	}
	if err != nil {
		return nil, err
	}
	keys, err = s.published.get(ctx, s.miss())
	if key := verifying(keys, token); key != nil {
		return key, nil
	}
	return nil, err
}

// miss returns since when keys must have been fetched to have the last word on
// a token that no known key verifies: now, unless that was asked less than
// missInterval ago.
func (s *keySet) miss() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.now(); now.Sub(s.missed) >= missInterval {
		s.missed = now
	}
	return s.missed
}

// verifying returns the key that a token is signed with. A token that names no
// key may be signed with any.
func verifying(keys *[]signingKey, token *jose.JSONWebSignature) *rsa.PublicKey {
	if keys == nil {
		return nil
	}
	id := token.Signatures[0].Header.KeyID
	for _, k := range *keys {
		if id != "" && k.id != id {
			continue
		}
		if _, err := token.Verify(k.key); err == nil {
			return k.key
		}
	}
	return nil
}

func (p *Provider) fetchKeys(ctx context.Context) (*[]signingKey, error) {
	ep, err := p.discovered(ctx)
	if err != nil {
		return nil, err
	}
	body, err := p.get(ctx, opKeys, ep.Keys)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(body)
	if err != nil {
		return nil, noAnswer(opKeys, fmt.Errorf("%s sent no key set: %w", p.issuer, err))
	}
	return &keys, nil
}

// parseKeys reads a JWK set (RFC 7517, section 5). Keys of kinds we don't use
// are passed over, as the RFC demands.
func parseKeys(body []byte) ([]signingKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, err
	}
	var keys []signingKey
	for _, raw := range set.Keys[:min(len(set.Keys), maxKeys)] {
		var jwk jose.JSONWebKey
		if json.Unmarshal(raw, &jwk) != nil || jwk.Use != "" && jwk.Use != "sig" {
			continue
		}
		if key, ok := jwk.Key.(*rsa.PublicKey); ok {
			keys = append(keys, signingKey{id: jwk.KeyID, key: key})
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("there is no RSA signing key among %d", len(set.Keys))
	}
	return keys, nil
}
