package grant

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
)

// accessKind binds a sealed access token to being one.
const accessKind = "access token"

// accessKey is where the access token of owner's grant lies, sealed, for the other
// instances and the next process; the record ends with the token.
func accessKey(owner string) string { return AccessPrefix + owner }

// AccessPrefix is what the keys of access tokens begin with. They are a cache:
// nothing is lost with them.
const AccessPrefix = "grant-access/"

// A token is an access token of one owner.
type token struct {
	Access  string    `json:"access"`
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`

	renew time.Time // when to renew it in the background
}

// newToken is a token as Microsoft has just issued it to owner.
func newToken(owner string, t entra.Tokens, now time.Time) token {
	issued := token{Access: t.Access, Issued: now.UTC(), Expires: t.Expires.UTC()}
	return issued.scheduled(owner)
}

// scheduled says when to renew the token: before the last tenth to three tenths
// of its life. Tokens that were issued at one time are not renewed at one time.
func (t token) scheduled(owner string) token {
	life := t.Expires.Sub(t.Issued)
	early := life/10 + time.Duration(float64(life)*0.2*fraction(owner, t.Expires))
	t.renew = t.Expires.Add(-early)
	return t
}

// good says whether the token lasts long enough to be given out.
func (t token) good(now time.Time) bool { return t.Expires.Sub(now) > minLeft }

// fresh says whether the token is good and need not be renewed yet.
func (t token) fresh(now time.Time) bool { return t.good(now) && now.Before(t.renew) }

// fraction spreads what is to be done for many owners: evenly from 0 up to 1, the
// same for the same owner and time.
func fraction(owner string, at time.Time) float64 {
	b := binary.BigEndian.AppendUint64([]byte(owner), uint64(at.Unix()))
	sum := sha256.Sum256(b)
	return float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
}

// put is a part of a commit that lets the other instances use the token.
func (t token) put(keys *seal.Keyset, owner string) (store.Write, error) {
	plain, err := json.Marshal(t)
	if err != nil {
		return store.Write{}, fmt.Errorf("encode an access token: %w", err)
	}
	sealed, err := keys.Seal(plain, accessKind, owner)
	return store.Write{Key: accessKey(owner), Value: sealed, Expires: t.Expires}, err
}

// dropAccess is a part of a commit after which no instance uses the stored token.
func dropAccess(owner string) store.Write {
	return store.Write{Op: store.Delete, Key: accessKey(owner)}
}

// stored returns the access token that the store has for owner; the zero token:
// none that can be used. It is only a cache, so why doesn't matter.
func (k *Keeper) stored(ctx context.Context, owner string) token {
	rec, err := k.cfg.Store.Get(ctx, accessKey(owner))
	if err != nil {
		return token{}
	}
	plain, err := k.cfg.Seal.Open(rec.Value, accessKind, owner)
	if err != nil {
		return token{}
	}
	var t token
	if json.Unmarshal(plain, &t) != nil {
		return token{}
	}
	return t.scheduled(owner)
}
