package grant

import (
	"bytes"
	"context"
	"crypto/sha256"
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
	// Begun is when its owner signed in for it.
	Begun time.Time `json:"begun,omitzero"`
	// Since is when it came into its State, Renewed when Microsoft last gave a token
	// for it, and Reason why it was refused, in Microsoft's codes.
	Since   time.Time `json:"since,omitzero"`
	Renewed time.Time `json:"renewed,omitzero"`
	Reason  string    `json:"reason,omitempty"`
	// Updated is when Microsoft last gave or refused a token for it; zero: never.
	Updated time.Time `json:"updated"`
	// Refusals counts those in a row.
	Refusals int `json:"refusals,omitempty"`
	// Claims is what Microsoft demands of the next sign-in, if anything.
	Claims string `json:"claims,omitempty"`
	// Unmet says that Graph has demanded them: a token that doesn't meet them is of
	// no use, so a refresh has to, too.
	Unmet bool `json:"unmet,omitempty"`
	// Held is who asks Microsoft for a token now, of several instances.
	Held *hold `json:"held,omitempty"`
	// Due is when the grant is looked at if nobody uses it (due.go); zero: never.
	Due time.Time `json:"due,omitzero"`
	// Sealed is the refresh token; empty: there is none, or it is dead. Ended is
	// the SHA-256 of a dead one.
	Sealed []byte `json:"sealed,omitempty"`
	Ended  []byte `json:"ended,omitempty"`

	before    State     // as it was read
	dueBefore time.Time // likewise
}

// A hold is the right of one instance to refresh a grant. Whoever writes the
// record afterwards has to find it as the hold has left it: the record's version
// is the epoch of the lease.
type hold struct {
	By    string    `json:"by"`
	Until time.Time `json:"until"`
}

// holdLife is after how long another instance takes up what one that died was at:
// longer than a request and its outcome's commit take.
const holdLife = callTimeout + 2*storeTimeout

// heldByAnother says whether another instance is at it. What a clock that is far ahead of
// ours has written doesn't hold; instances' clocks are always somewhat apart.
func (r *record) heldByAnother(me string, now time.Time) bool {
	if r.Held == nil || r.Held.By == me {
		return false
	}
	left := r.Held.Until.Sub(now)
	return left > 0 && left <= 2*holdLife
}

func (r *record) seal(keys *seal.Keyset, owner, refreshToken string) (err error) {
	r.Ended = nil
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

// end notes that Microsoft never honours the refresh token again.
func (r *record) end(refreshToken string) {
	sum := sha256.Sum256([]byte(refreshToken))
	r.Sealed, r.Ended, r.Due = nil, sum[:], time.Time{}
}

// holds says whether the record is still one of that refresh token, maybe a dead
// one: what another instance has made of it before, while it was used, is alive.
// The error is seal.ErrWrongKey: with the keyset as it is now nobody can tell.
func (r *record) holds(keys *seal.Keyset, owner, refreshToken string) (bool, error) {
	if len(r.Sealed) == 0 {
		sum := sha256.Sum256([]byte(refreshToken))
		return bytes.Equal(r.Ended, sum[:]), nil
	}
	token, err := r.open(keys, owner)
	if errors.Is(err, seal.ErrWrongKey) {
		return false, err
	}
	return err == nil && token == refreshToken, nil
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

// readOrNone is read for what replaces the record: that there is none is no error,
// nor is that it is damaged.
func (k *Keeper) readOrNone(ctx context.Context, owner string) (record, store.Version, error) {
	rec, version, err := k.read(ctx, owner)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, errDamaged) {
		err = nil
	}
	return rec, version, err
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
		return record{}, fmt.Errorf("the record %s is %w: %w", stored.Key, errDamaged, err)
	}
	rec.before, rec.dueBefore = rec.State, rec.Due
	return rec, nil
}

// replace writes a record over the version it was made from, tells everybody if
// its state is another one, and has it looked at when it is due. It returns the
// version that it has then, or store.ErrConflict if it has changed: a new sign-in,
// or another instance's refresh, stays. What is to be written also is written in
// the same commit.
func (k *Keeper) replace(ctx context.Context, owner string, rec record, version store.Version, also ...store.Write) (store.Version, error) {
	if rec.State != rec.before {
		rec.Since = k.cfg.Now().UTC()
	}
	value, err := rec.encode()
	if err != nil {
		return store.Absent, err
	}
	writes := append(also, store.Write{Key: key(owner), Value: value, If: store.If(version)})
	writes = append(writes, reschedule(owner, rec.dueBefore, rec.Due)...)
	if rec.State != rec.before {
		writes = append(writes, changed(owner))
	}
	return k.cfg.Store.Commit(ctx, writes...)
}
