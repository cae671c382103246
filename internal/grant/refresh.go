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
	// callTimeout bounds one request for a token, and storeTimeout what the store
	// may take for one step.
	callTimeout  = 10 * time.Second
	storeTimeout = 5 * time.Second
	// refusedFor is how long Microsoft is not asked again for a grant that it
	// has refused but not ended: only a change over there helps.
	refusedFor = 10 * time.Minute
	// maxTries bounds how often a refresh begins anew because the grant changed
	// underneath.
	maxTries = 5
)

// Waits for another instance that is at the same grant.
const (
	firstHeldWait = 50 * time.Millisecond
	maxHeldWait   = 400 * time.Millisecond
)

var errNone = fmt.Errorf("%w: there is no connection", ErrNeedsSignIn)

// An outcome is what has come of a refresh.
type outcome struct {
	token token
	// state of the grant then; it means nothing with an error other than
	// ErrNeedsSignIn and ErrNeedsAdminConsent.
	state       State
	integration string // "": not known
	err         error
}

// errAgain: the grant has changed underneath, or may have: look again.
var errAgain = errors.New("the grant has changed")

// refresh makes a new access token from owner's grant, or finds one that another
// instance has made.
func (k *Keeper) refresh(owner string, f *flight) outcome {
	paced, wait := false, firstHeldWait
	for tries := 0; tries < maxTries; {
		o, err := k.refreshOnce(owner, f, &paced)
		switch {
		case errors.Is(err, errAgain):
		case errors.Is(err, store.ErrConflict):
			tries++
		case errors.Is(err, store.ErrHeld):
			if k.rest(wait) != nil {
				return outcome{integration: o.integration, err: errClosed}
			}
			wait = min(2*wait, maxHeldWait)
		default:
			o.err = err
			return o
		}
	}
	return outcome{err: fmt.Errorf("%w: the grant keeps changing", ErrUnavailable)}
}

// rest waits for d, or returns an error because the keeper is closed.
func (k *Keeper) rest(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-k.closing.Done():
		return errClosed
	}
}

// refreshOnce is refresh, but returns errAgain or store.ErrConflict if it has to be
// begun anew, and store.ErrHeld if another instance is at it. paced is set once it
// was this refresh's turn.
func (k *Keeper) refreshOnce(owner string, f *flight, paced *bool) (o outcome, err error) {
	if err := k.saveUnsaved(owner); err != nil {
		return o, err // what is in the store may be used up
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	rec, version, err := k.read(ctx, owner)
	o.integration, o.state = rec.Integration, rec.State
	switch {
	case errors.Is(err, store.ErrNotFound):
		o.state = NeedsSignIn
		return o, errNone
	case err != nil:
		return o, err
	}
	now := k.cfg.Now()
	if state, err := rec.refused(now); err != nil {
		o.state = state
		return o, err
	}
	if t := k.stored(ctx, owner); !f.idle && t.Access != f.stale && t.fresh(now) {
		o.token = t
		return o, nil
	}
	client, ok := k.cfg.Client(rec.Integration)
	if !ok {
		return o, fmt.Errorf("%w: integration %q is not configured", ErrIntegrationDown, rec.Integration)
	}
	refreshToken, err := rec.open(k.cfg.Seal, owner)
	switch {
	case errors.Is(err, seal.ErrWrongKey):
		// The record stays: with the right keyset it is perfectly good.
		return o, fmt.Errorf("%w: %w", ErrIntegrationDown, err)
	case err != nil:
		k.cfg.Log.Error("a grant was damaged in the store", "owner", owner, "error", err)
		o.state = NeedsSignIn
		return o, fmt.Errorf("%w: %w", ErrNeedsSignIn, err)
	}
	if rec.heldByAnother(k.name, now) {
		return o, store.ErrHeld
	}
	if err := k.admit(rec.Integration, client); err != nil {
		return o, err
	}
	asked := false
	defer func() {
		if !asked {
			k.unasked(rec.Integration, client)
		}
	}()
	if !*paced {
		*paced = true
		waited, err := k.paceOf(rec.Integration).enter(k.closing, f.urgent)
		switch {
		case err != nil:
			return o, errClosed
		case waited:
			return o, errAgain
		}
	}
	if k.cfg.Shared {
		rec.Held = &hold{By: k.name, Until: now.Add(holdLife).UTC()}
		if version, err = k.replace(ctx, owner, rec, version); err != nil {
			return o, err
		}
	}
	asked = true
	fresh, err := k.redeem(owner, rec.Integration, client, refreshToken, f.claims)
	if err != nil {
		o.state, err = k.markRefused(owner, rec, version, refreshToken, err)
		return o, err
	}
	o.token = newToken(owner, fresh, k.cfg.Now())
	o.state, err = k.keep(owner, unsaved{used: refreshToken, fresh: fresh, token: o.token})
	return o, err
}

// redeem asks Microsoft, and draws from the answer what it says of the integration.
func (k *Keeper) redeem(owner, integration string, client *entra.Client, refreshToken, claims string) (entra.Tokens, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	fresh, err := client.Refresh(ctx, refreshToken, claims)
	return fresh, k.settle(owner, integration, client, err)
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

// markRefused does what a failed refresh calls for, by whose it is. It returns the
// state and the error that stand then; store.ErrConflict if what was refused is no
// longer in the store: the winner's must not be harmed.
func (k *Keeper) markRefused(owner string, rec record, version store.Version, used string, cause error) (State, error) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	held := rec.Held != nil
	rec.Held = nil
	var refusal *entra.Error
	switch {
	case errors.Is(cause, ErrNeedsSignIn):
		rec.State = NeedsSignIn
	case errors.Is(cause, ErrNeedsAdminConsent):
		rec.State = NeedsAdminConsent
	default:
		if held {
			if _, err := k.replace(ctx, owner, rec, version); err != nil && !errors.Is(err, store.ErrConflict) {
				k.cfg.Log.Warn("other gateways can't be told that a refresh has ended; they wait", "owner", owner, "for", holdLife, "error", err)
			}
		}
		return "", cause
	}
	if errors.As(cause, &refusal) {
		rec.Claims = refusal.Claims
		if refusal.Class == entra.Dead {
			rec.end(used)
		}
	}
	rec.Updated = k.cfg.Now()
	switch _, err := k.replace(ctx, owner, rec, version, dropAccess(owner)); {
	case errors.Is(err, store.ErrConflict):
		return "", err
	case err != nil:
		k.cfg.Log.Error("a refused grant could not be marked; it will be tried again", "owner", owner, "error", err)
	default:
		k.cfg.Log.Warn("a connection was refused by Microsoft", "owner", owner, "integration", rec.Integration,
			"connection", rec.State, "error", cause)
		if rec.before == Connected || rec.before == NoMailbox {
			k.cfg.Tell(Event{Kind: Lost, Integration: rec.Integration, Owner: owner, State: rec.State, Err: cause})
		}
	}
	return rec.State, cause
}
