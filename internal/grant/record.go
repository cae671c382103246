package grant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
)

// sealKind binds a sealed refresh token to being one.
const sealKind = "grant"

func key(owner string) string { return "grant/" + owner }

// A record is a grant as it lies in the store.
type record struct {
	Integration string `json:"integration"`
	// State is never Unavailable.
	State  State    `json:"state"`
	Scopes []string `json:"scopes,omitempty"`
	// Updated is when Microsoft last gave or refused a token for it.
	Updated time.Time `json:"updated"`
	// Claims is what Microsoft demands of the next sign-in, if anything.
	Claims string `json:"claims,omitempty"`
	// Sealed is the refresh token; empty: there is none, or it is dead.
	Sealed []byte `json:"sealed,omitempty"`

	before State // as it was read
}

func (r *record) seal(keys *seal.Keyset, owner, refreshToken string) (err error) {
	if refreshToken == "" {
		r.Sealed = nil
		return nil
	}
	r.Sealed, err = keys.Seal([]byte(refreshToken), sealKind, owner)
	return err
}

func (r *record) open(keys *seal.Keyset, owner string) (refreshToken string, err error) {
	plain, err := keys.Open(r.Sealed, sealKind, owner)
	return string(plain), err
}

// holds says whether the record is still one of that refresh token.
func (r *record) holds(keys *seal.Keyset, owner, refreshToken string) bool {
	token, err := r.open(keys, owner)
	return err == nil && token == refreshToken
}

func (r *record) encode() ([]byte, error) {
	value, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode a grant: %w", err)
	}
	return value, nil
}

// read returns owner's record, or store.ErrNotFound.
func (k *Keeper) read(ctx context.Context, owner string) (record, store.Version, error) {
	stored, err := k.cfg.Store.Get(ctx, key(owner))
	if err != nil {
		return record{}, store.Absent, fmt.Errorf("read a grant: %w", err)
	}
	rec, err := decode(stored)
	return rec, stored.Version, err
}

// Challenge returns what Microsoft demands of the next sign-in for owner's grant
// (entra.AuthRequest.Claims); "": nothing.
func (k *Keeper) Challenge(ctx context.Context, owner string) (claims string, err error) {
	rec, _, err := k.read(ctx, owner)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return rec.Claims, err
}

func decode(stored store.Record) (record, error) {
	var rec record
	if err := json.Unmarshal(stored.Value, &rec); err != nil {
		return record{}, fmt.Errorf("the record %s is damaged: %w", stored.Key, err)
	}
	rec.before = rec.State
	return rec, nil
}

// replace writes a record over the version it was made from, and tells everybody
// if its state is another one. It returns
// store.ErrConflict if that has changed: a new sign-in, or another instance's
// refresh, stays.
func (k *Keeper) replace(ctx context.Context, owner string, rec record, version store.Version) error {
	value, err := rec.encode()
	if err != nil {
		return err
	}
	writes := []store.Write{{Key: key(owner), Value: value, If: store.If(version)}}
	if rec.State != rec.before {
		writes = append(writes, changed(owner))
	}
	_, err = k.cfg.Store.Commit(ctx, writes...)
	return err
}
