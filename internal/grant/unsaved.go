package grant

import (
	"context"
	"errors"
	"fmt"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/store"
)

// unsaved are tokens that Microsoft has just given, until they are in the store.
type unsaved struct {
	used   string // the refresh token that they were made from
	before State  // of the grant, as it was then
	fresh  entra.Tokens
	token  token
}

// renewed is the state of a grant for which Microsoft has given tokens. They don't
// say that there is a mailbox now.
func (s State) renewed() State {
	if s == NoMailbox {
		return s
	}
	return Connected
}

// keep makes a new refresh token durable before the access token that came with
// it is used (RFC 9700, section 4.14.2), and returns the grant's state. Where the
// store fails, the tokens stay in memory and good, and are saved as soon as it works
// again.
func (k *Keeper) keep(owner string, u unsaved) (State, error) {
	state, err := k.save(owner, u)
	if err == nil || errors.Is(err, ErrNeedsSignIn) {
		return state, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.unsaved) == 0 { // else the first one has told
		k.cfg.Log.Error("a renewed grant could not be kept yet; trying again, as with those that follow", "owner", owner, "error", err)
	}
	k.unsaved[owner] = u
	k.work.Go(func() { k.saveLater(owner) })
	return u.before.renewed(), nil
}

// saveLater tries to save what isn't until it is. When the keeper is closed it
// tries once more: Microsoft doesn't end the old refresh token when it gives a new
// one, so little is lost with it.
func (k *Keeper) saveLater(owner string) {
	for wait := firstBackoff; ; wait = min(2*wait, maxBackoff) {
		closed := sleep(k.closing, wait) != nil
		err := k.saveUnsaved(owner)
		if err == nil {
			return
		}
		if closed {
			k.cfg.Log.Error("a renewed grant could not be kept; the one before stays", "owner", owner, "error", err)
			return
		}
	}
}

// saveUnsaved saves owner's tokens that aren't in the store, if there are any.
func (k *Keeper) saveUnsaved(owner string) error {
	k.mu.Lock()
	u, there := k.unsaved[owner]
	k.mu.Unlock()
	if !there {
		return nil
	}
	if _, err := k.save(owner, u); err != nil && !errors.Is(err, ErrNeedsSignIn) {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.unsaved[owner].token == u.token {
		delete(k.unsaved, owner)
	}
	return nil
}

// save writes tokens into owner's record, as long as that holds the refresh token
// that they were made from. Else another instance or a new sign-in was faster, and
// what that has brought stays. It returns errNone if the grant is no more.
func (k *Keeper) save(owner string, u unsaved) (State, error) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	for {
		rec, version, err := k.read(ctx, owner)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return NeedsSignIn, errNone
		case err != nil:
			return "", err
		}
		switch mine, err := rec.holds(k.cfg.Seal, owner, u.used); {
		case err != nil:
			return "", fmt.Errorf("%w: %w", ErrIntegrationDown, err)
		case !mine:
			return rec.State, nil
		}
		rec.State = rec.State.renewed()
		rec.Scopes, rec.Updated, rec.Claims, rec.Held = u.fresh.Scopes, u.token.Issued, "", nil
		rec.Refusals, rec.Unmet, rec.Reason, rec.Renewed = 0, false, "", u.token.Issued
		if rec.Due.IsZero() {
			rec.Due = rec.nextLook(owner)
		}
		if err := rec.seal(k.cfg.Seal, owner, u.fresh.Refresh); err != nil {
			return "", err
		}
		access, err := u.token.put(k.cfg.Seal, owner)
		if err != nil {
			return "", err
		}
		_, err = k.replace(ctx, owner, rec, version, access)
		if !errors.Is(err, store.ErrConflict) {
			return rec.State, err
		}
	}
}
