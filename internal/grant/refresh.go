package grant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
)

const (
	// refusedFor is how long Microsoft is not asked again for a grant that it
	// has refused but not ended: only a change over there helps.
	refusedFor = 10 * time.Minute
	// brokenFor is how long Microsoft is not asked for anybody after it has
	// refused the integration itself.
	brokenFor = 30 * time.Second
)

// A breaker keeps an integration that was refused from being tried for each of
// its people.
type breaker struct {
	client *entra.Client // another one is another configuration, and tried at once
	until  time.Time
	cause  error
}

var errNone = fmt.Errorf("%w: there is no connection", ErrNeedsSignIn)

// refresh makes new tokens from owner's grant, and says in which state it is
// then. The state means nothing with an error other than ErrNeedsSignIn and
// ErrNeedsAdminConsent.
func (k *Keeper) refresh(ctx context.Context, owner string) (entra.Tokens, State, error) {
	// Twice: whoever finds the record changed underneath goes by what is there now.
	fresh, state, err := k.refreshOnce(ctx, owner)
	if errors.Is(err, store.ErrConflict) {
		fresh, state, err = k.refreshOnce(ctx, owner)
	}
	if errors.Is(err, store.ErrConflict) {
		err = fmt.Errorf("%w: the grant keeps changing: %w", ErrUnavailable, err)
	}
	return fresh, state, err
}

// refreshOnce is refresh, but returns store.ErrConflict if the grant was
// refused while somebody else was changing it.
func (k *Keeper) refreshOnce(ctx context.Context, owner string) (entra.Tokens, State, error) {
	rec, version, err := k.read(ctx, owner)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return entra.Tokens{}, NeedsSignIn, errNone
	case err != nil:
		return entra.Tokens{}, "", err
	}
	if state, err := rec.refused(k.cfg.Now()); err != nil {
		return entra.Tokens{}, state, err
	}
	client, ok := k.cfg.Client(rec.Integration)
	if !ok {
		return entra.Tokens{}, "", fmt.Errorf("%w: integration %q is not configured", ErrIntegrationDown, rec.Integration)
	}
	if err := k.broken(rec.Integration, client); err != nil {
		return entra.Tokens{}, "", err
	}
	refreshToken, err := rec.open(k.cfg.Seal, owner)
	switch {
	case errors.Is(err, seal.ErrWrongKey):
		// The record stays: with the right keyset it is perfectly good.
		return entra.Tokens{}, "", fmt.Errorf("%w: %w", ErrIntegrationDown, err)
	case err != nil:
		k.cfg.Log.Error("a grant was damaged in the store", "owner", owner, "error", err)
		return entra.Tokens{}, NeedsSignIn, fmt.Errorf("%w: %w", ErrNeedsSignIn, err)
	}
	fresh, err := client.Refresh(ctx, refreshToken, "")
	if err != nil {
		return k.refusal(ctx, owner, rec, version, client, err)
	}
	return k.keep(ctx, owner, rec, version, refreshToken, fresh)
}

// refused says whether, by what the record says, Microsoft need not be asked.
func (r record) refused(now time.Time) (State, error) {
	asked := r.Updated.Add(refusedFor)
	if asked.Sub(now) > refusedFor { // by a clock that was ahead
		asked = now
	}
	switch {
	case len(r.Sealed) == 0:
		return NeedsSignIn, fmt.Errorf("%w: the connection has ended", ErrNeedsSignIn)
	case r.State == NeedsSignIn && now.Before(asked):
		return r.State, fmt.Errorf("%w: Microsoft has refused the connection", ErrNeedsSignIn)
	case r.State == NeedsAdminConsent && now.Before(asked):
		return r.State, fmt.Errorf("%w: Microsoft has refused the connection", ErrNeedsAdminConsent)
	}
	return r.State, nil
}

// keep makes a new refresh token durable before the access token that came with
// it is used (RFC 9700, section 4.14.2). used is the one it was made from.
func (k *Keeper) keep(ctx context.Context, owner string, rec record, version store.Version, used string, fresh entra.Tokens) (entra.Tokens, State, error) {
	for {
		if rec.State != NoMailbox { // a token doesn't say that there is one now
			rec.State = Connected
		}
		rec.Scopes, rec.Updated, rec.Claims = fresh.Scopes, k.cfg.Now(), ""
		err := rec.seal(k.cfg.Seal, owner, fresh.Refresh)
		if err == nil {
			err = k.replace(ctx, owner, rec, version)
		}
		if err != nil && !errors.Is(err, store.ErrConflict) {
			// Microsoft doesn't end the old refresh token when it gives a new one:
			// the access token is good, and the next refresh starts from the old.
			k.cfg.Log.Error("a renewed grant could not be kept; the one before stays", "owner", owner, "error", err)
		}
		if !errors.Is(err, store.ErrConflict) {
			return fresh, rec.State, nil
		}
		now, newer, err := k.read(ctx, owner)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return entra.Tokens{}, NeedsSignIn, errNone
		case err != nil || !now.holds(k.cfg.Seal, owner, used):
			// Another instance or a new sign-in was faster: its refresh token
			// stays, and our access token is as good as theirs.
			return fresh, rec.State, nil
		}
		rec, version = now, newer // only sealed anew, or marked
	}
}

// refusal does what a failed refresh calls for, by whose it is.
func (k *Keeper) refusal(ctx context.Context, owner string, rec record, version store.Version, client *entra.Client, cause error) (entra.Tokens, State, error) {
	class := entra.Transient
	var refused *entra.Error
	if errors.As(cause, &refused) {
		class = refused.Class
	}
	sentinel := ErrNeedsSignIn
	switch class {
	case entra.Transient:
		return entra.Tokens{}, "", fmt.Errorf("%w: %w", ErrUnavailable, cause)
	case entra.Operator:
		return entra.Tokens{}, "", k.breakOff(rec.Integration, client, cause)
	case entra.Admin:
		rec.State, sentinel = NeedsAdminConsent, ErrNeedsAdminConsent
	case entra.Person:
		rec.State = NeedsSignIn
	case entra.Dead:
		rec.State, rec.Sealed = NeedsSignIn, nil
	}
	rec.Updated = k.cfg.Now()
	rec.Claims = refused.Claims
	switch err := k.replace(ctx, owner, rec, version); {
	case errors.Is(err, store.ErrConflict):
		// It was an old token that is refused: the winner's must not be harmed.
		return entra.Tokens{}, "", err
	case err != nil:
		k.cfg.Log.Error("a refused grant could not be marked; it will be tried again", "owner", owner, "error", err)
	default:
		k.cfg.Log.Warn("a connection was refused by Microsoft", "owner", owner, "integration", rec.Integration,
			"connection", rec.State, "error", cause)
		if rec.before == Connected || rec.before == NoMailbox {
			k.cfg.Tell(Event{Kind: Lost, Integration: rec.Integration, Owner: owner, State: rec.State, Err: cause})
		}
	}
	return entra.Tokens{}, rec.State, fmt.Errorf("%w: %w", sentinel, cause)
}

// broken returns why an integration is not to be tried now; nil: it may be.
func (k *Keeper) broken(integration string, client *entra.Client) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	b := k.breakers[integration]
	if b == nil || b.client != client || !k.cfg.Now().Before(b.until) {
		return nil
	}
	return b.cause
}

// breakOff opens the breaker and returns the error that it then stands for.
func (k *Keeper) breakOff(integration string, client *entra.Client, cause error) error {
	err := fmt.Errorf("%w: %w", ErrIntegrationDown, cause)
	if k.broken(integration, client) == nil { // else it has been said
		k.cfg.Log.Error("Microsoft refuses the integration; nobody's connection is at fault", "integration", integration, "error", cause)
		k.cfg.Tell(Event{Kind: Refused, Integration: integration, Err: cause})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.breakers[integration] = &breaker{client: client, until: k.cfg.Now().Add(brokenFor), cause: err}
	return err
}
