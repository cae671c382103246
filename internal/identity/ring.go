package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// KeyLife is how long a key signs assertions before the next one does.
	KeyLife = 30 * 24 * time.Hour
	// keyLead is how long a key is published before it signs: longer than
	// anybody may keep the published keys, and than gateways on one store take to
	// hear of each other's.
	keyLead = time.Hour
	// keyRest is how long a key stays published after it has signed last, for
	// verifiers whose clocks or queues are slow.
	keyRest = AssertionLife + 24*time.Hour
)

// A Ring holds the keys of assertions: the one that signs, the next one, which is
// published already, and earlier ones, which still are. It is never changed, so it
// may be used concurrently.
type Ring struct {
	keys []ringKey // by from; never empty
}

type ringKey struct {
	private *ecdsa.PrivateKey
	from    time.Time // when it begins to sign; zero: nobody has noted it
	public  jose.JSONWebKey
	signer  jose.Signer
}

// NewRing returns a ring with a new key, which signs at once.
func NewRing(now time.Time) (*Ring, error) {
	k, err := generateKey(now)
	if err != nil {
		return nil, err
	}
	return &Ring{keys: []ringKey{k}}, nil
}

func generateKey(from time.Time) (ringKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return ringKey{}, fmt.Errorf("making a key for assertions: %w", err)
	}
	return newRingKey(private, from)
}

func newRingKey(private *ecdsa.PrivateKey, from time.Time) (ringKey, error) {
	public := jose.JSONWebKey{Key: private.Public(), Algorithm: string(jose.ES256), Use: "sig"}
	print, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return ringKey{}, fmt.Errorf("naming the assertion key: %w", err)
	}
	public.KeyID = base64.RawURLEncoding.EncodeToString(print)
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: private, KeyID: public.KeyID}},
		(&jose.SignerOptions{}).WithType("ones-assertion+jwt"))
	if err != nil {
		return ringKey{}, fmt.Errorf("preparing the assertion key: %w", err)
	}
	return ringKey{private: private, from: from.UTC().Truncate(time.Second), public: public, signer: signer}, nil
}

// Advance returns the ring as it has to be now: with the next key if it is time to
// publish one, and without those that nobody needs any more. It is r itself if
// nothing was due. Called less often than needed it takes longer, but no key signs
// before it was published for long enough.
func (r *Ring) Advance(now time.Time) (*Ring, error) {
	keys, due := slices.Clone(r.keys), false
	newest := &keys[len(keys)-1]
	if newest.from.IsZero() {
		newest.from, due = now.UTC().Truncate(time.Second), true
	}
	if ends := newest.from.Add(KeyLife); !now.Before(ends.Add(-keyLead)) {
		if soonest := now.Add(keyLead); ends.Before(soonest) {
			ends = soonest
		}
		next, err := generateKey(ends)
		if err != nil {
			return nil, err
		}
		keys, due = append(keys, next), true
	}
	for len(keys) > 1 && !now.Before(keys[1].from.Add(keyRest)) {
		keys, due = keys[1:], true
	}
	if !due {
		return r, nil
	}
	return &Ring{keys: keys}, nil
}

// at returns the key that signs at a time: the newest one that has begun to.
func (r *Ring) at(now time.Time) ringKey {
	for _, k := range slices.Backward(r.keys) {
		if !k.from.After(now) {
			return k
		}
	}
	return r.keys[0]
}

// Keys returns the public keys as a JSON Web Key Set (RFC 7517).
func (r *Ring) Keys() jose.JSONWebKeySet {
	set := jose.JSONWebKeySet{Keys: make([]jose.JSONWebKey, len(r.keys))}
	for i, k := range r.keys {
		set.Keys[i] = k.public
	}
	return set
}

// ringRecord is a Ring as JSON.
type ringRecord struct {
	Keys []keyRecord `json:"keys"`
}

type keyRecord struct {
	Key  []byte    `json:"key"` // PKCS #8
	From time.Time `json:"from,omitzero"`
}

// Encode returns the ring with its keys in the clear, for ParseRing.
func (r *Ring) Encode() ([]byte, error) {
	var rec ringRecord
	for _, k := range r.keys {
		der, err := x509.MarshalPKCS8PrivateKey(k.private)
		if err != nil {
			return nil, fmt.Errorf("encoding the assertion keys: %w", err)
		}
		rec.Keys = append(rec.Keys, keyRecord{der, k.from})
	}
	return json.Marshal(rec)
}

// ParseRing reads what Encode has made, or a single key in PKCS #8, as it was kept
// before there were rings. Its errors don't show what stands there.
func ParseRing(content []byte) (*Ring, error) {
	rec := ringRecord{Keys: []keyRecord{{Key: content}}}
	if len(content) > 0 && content[0] == '{' { // which begins no PKCS #8
		if json.Unmarshal(content, &rec) != nil || len(rec.Keys) == 0 {
			return nil, errRing
		}
	}
	r := new(Ring)
	for _, k := range rec.Keys {
		parsed, err := x509.ParsePKCS8PrivateKey(k.Key)
		private, ok := parsed.(*ecdsa.PrivateKey)
		if err != nil || !ok || private.Curve != elliptic.P256() {
			return nil, errRing
		}
		key, err := newRingKey(private, k.From)
		if err != nil {
			return nil, err
		}
		r.keys = append(r.keys, key)
	}
	slices.SortStableFunc(r.keys, func(a, b ringKey) int { return a.from.Compare(b.from) })
	return r, nil
}

var errRing = errors.New("the keys that sign assertions can't be read; restore the store from a backup")
