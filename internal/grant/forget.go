package grant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// GoneTopic of announcements that a grant has been forgotten, or is now one of
// another account; the value is its owner.
const GoneTopic = "grant-gone"

// Forget deletes owner's grant for good. No instance books with it from then on,
// but for calls that are on their way; what Microsoft itself knows of it stays, as
// it has no call to revoke a refresh token. Forgetting what is not there is no
// error. What is to be written also is written in the same commit.
func (k *Keeper) Forget(ctx context.Context, owner string, also ...store.Write) error {
	for {
		rec, version, err := k.readOrNone(ctx, owner)
		if err != nil {
			return fmt.Errorf("forget a grant: %w", err)
		}
		writes := append(slices.Clone(also),
			store.Write{Op: store.Delete, Key: key(owner), If: store.If(version)}, dropAccess(owner),
			store.Write{Op: store.Announce, Key: GoneTopic, Value: []byte(owner)})
		_, err = k.cfg.Store.Commit(ctx, append(writes, reschedule(owner, rec.Due, time.Time{})...)...)
		if err == nil {
			break
		}
		_, now, lookErr := k.readOrNone(ctx, owner)
		if !errors.Is(err, store.ErrConflict) || lookErr != nil || now == version { // it was what is written also
			return fmt.Errorf("forget a grant: %w", err)
		}
	}
	k.gone(owner)
	return nil
}

// HeardGone is told what is announced with GoneTopic.
func (k *Keeper) HeardGone(value []byte) { k.gone(string(value)) }

// gone drops what is in memory of a grant. Somebody may have signed in again
// meanwhile: the store has the last word, so what is announced late costs one look
// and one refresh.
func (k *Keeper) gone(owner string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tokens.drop(owner)
	k.unlist(owner)
	v, known := k.connections.Load(owner)
	if !known {
		return
	}
	c := v.(*Connection)
	c.forgotten()
	c.forgive()
}
