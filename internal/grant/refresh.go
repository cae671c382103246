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
	// has refused but not ended: only a change over there helps. It doubles with
	// each refusal up to maxRefusedFor.
	refusedFor    = 10 * time.Minute
	maxRefusedFor = 6 * time.Hour
	// maxTries bounds how often a refresh begins anew because the grant changed
	// underneath, and how often somebody waits for another one.
	maxTries = 5
)

// Waits for another instance that is at the same grant.
const (
	firstHeldWait = 50 * time.Millisecond
	maxHeldWait   = 400 * time.Millisecond
)

// An outcome is what has come of a refresh.
type outcome struct {
	token token
	// state of the grant then; it means nothing with an error other than
	// ErrNeedsSignIn and ErrNeedsAdminConsent.
	state       State
	integration string // "": not known
	err         error
}

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
			if sleep(k.closing, wait) != nil {
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

// An attempt is one try to refresh a grant, from what the store says of it.
type attempt struct {
	owner        string
	rec          record
	version      store.Version
	refreshToken string
	claims       string // that the access token has to meet
	client       *entra.Client
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
	a := attempt{owner: owner}
	a.rec, a.version, err = k.read(ctx, owner)
	o.integration, o.state = a.rec.Integration, a.rec.State
	switch {
	case errors.Is(err, store.ErrNotFound):
		o.state = NeedsSignIn
		return o, errNone
	case errors.Is(err, errDamaged):
		o.state = NeedsSignIn
		return o, k.damaged(owner, err)
	case err != nil:
		return o, err
	}
	now := k.cfg.Now()
	if o.state, err = a.rec.refused(now); err != nil {
		return o, err
	}
	idle := f.idle && a.rec.idle(owner, now) // else another instance was faster
	if t := k.stored(ctx, owner); !idle && t.Access != f.stale && t.fresh(now) {
		o.token = t
		return o, nil
	}
	if err := k.open(&a); err != nil {
		if errors.Is(err, ErrNeedsSignIn) {
			o.state = NeedsSignIn
		}
		return o, err
	}
	if a.rec.heldByAnother(k.name, now) {
		return o, store.ErrHeld
	}
	if err := k.turn(ctx, &a, f, paced); err != nil {
		return o, err
	}
	if a.claims = f.claims; a.claims == "" && a.rec.Unmet {
		a.claims = a.rec.Claims
	}
	fresh, err := k.redeem(a, f)
	if err != nil {
		o.state, err = k.markRefused(a, err)
		return o, err
	}
	o.token = newToken(owner, fresh, k.cfg.Now())
	o.state, err = k.keep(owner, unsaved{used: a.refreshToken, before: a.rec.State, fresh: fresh, token: o.token})
	return o, err
}

// open finds what an attempt needs to ask Microsoft.
func (k *Keeper) open(a *attempt) (err error) {
	var ok bool
	if a.client, ok = k.cfg.Client(a.rec.Integration); !ok {
		return fmt.Errorf("%w: %w: %q", ErrIntegrationDown, errUnconfigured, a.rec.Integration)
	}
	a.refreshToken, err = a.rec.open(k.cfg.Seal, a.owner)
	switch {
	case errors.Is(err, seal.ErrWrongKey):
		// The record stays: with the right keyset it is perfectly good.
		return fmt.Errorf("%w: %w", ErrIntegrationDown, err)
	case err != nil:
		return k.damaged(a.owner, fmt.Errorf("the refresh token is %w: %w", errDamaged, err))
	}
	return nil
}

// damaged says that owner's grant can't be read.
func (k *Keeper) damaged(owner string, cause error) error {
	k.cfg.Log.Error("a grant was damaged in the store; its owner has to sign in again", "owner", owner, "error", cause)
	return fmt.Errorf("%w: %w", ErrNeedsSignIn, cause)
}

// turn waits until it is the attempt's turn to ask Microsoft. Among several
// instances it takes hold of the grant then.
func (k *Keeper) turn(ctx context.Context, a *attempt, f *flight, paced *bool) (err error) {
	if err := k.barred(a.rec.Integration, a.client); err != nil {
		return err // and takes up nobody's turn
	}
	if !*paced {
		*paced = true
		waited, err := k.paceOf(a.rec.Integration).enter(k.closing, f.urgent)
		switch {
		case err != nil:
			return errClosed
		case waited:
			return errAgain
		}
	}
	if err := k.admit(a.rec.Integration, a.client); err != nil || !k.cfg.Shared {
		return err
	}
	a.rec.Held = &hold{By: k.name, Until: k.cfg.Now().Add(holdLife).UTC()}
	a.version, err = k.replace(ctx, a.owner, a.rec, a.version)
	if err != nil {
		k.unasked(a.rec.Integration, a.client)
	}
	return err
}

// redeem asks Microsoft, and draws from the answer what it says of the integration.
func (k *Keeper) redeem(a attempt, f *flight) (entra.Tokens, error) {
	ctx := f.trail
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	fresh, err := a.client.Refresh(ctx, a.refreshToken, a.claims)
	return fresh, k.settle(a.owner, a.rec.Integration, a.client, err)
}

// quiet is how long Microsoft is not asked after it has refused the grant, at most
// longest: from refusedFor on twice as long each time.
func (r *record) quiet(longest time.Duration) time.Duration {
	return min(refusedFor<<min(max(r.Refusals-1, 0), 20), longest)
}

// refused says whether, by what the record says, Microsoft need not be asked. The
// state is the record's, or what follows from it.
func (r *record) refused(now time.Time) (State, error) {
	quiet := r.quiet(maxRefusedFor)
	asked := r.Updated.Add(quiet)
	if asked.Sub(now) > quiet { // by a clock that was ahead
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
func (k *Keeper) markRefused(a attempt, cause error) (State, error) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	rec := a.rec
	rec.Held = nil
	switch {
	case errors.Is(cause, ErrNeedsSignIn):
		rec.State = NeedsSignIn
	case errors.Is(cause, ErrNeedsAdminConsent):
		rec.State = NeedsAdminConsent
	default:
		k.letGo(ctx, a, rec)
		return "", cause
	}
	var refusal *entra.Error
	if errors.As(cause, &refusal) {
		rec.Claims, rec.Unmet = refusal.Claims, refusal.Claims != "" && a.claims != ""
		rec.Reason = refusal.Reason()
		if refusal.Class == entra.Dead {
			rec.end(a.refreshToken)
		}
	}
	rec.Updated, rec.Refusals = k.cfg.Now(), rec.Refusals+1
	if !rec.Due.IsZero() {
		rec.Due = rec.nextLook(a.owner)
	}
	if _, err := k.replace(ctx, a.owner, rec, a.version, dropAccess(a.owner)); err != nil {
		now, version, lookErr := k.read(ctx, a.owner)
		switch {
		case lookErr == nil && errors.Is(err, store.ErrUnknownOutcome) && now.Updated.Equal(rec.Updated) && now.Refusals == rec.Refusals:
			// It is marked.
		case lookErr == nil && errors.Is(err, store.ErrConflict) && k.concerns(a, now):
			a.rec, a.version = now, version
			return k.markRefused(a, cause)
		case errors.Is(err, store.ErrConflict):
			return "", err
		default:
			k.cfg.Log.Error("a refused grant could not be marked; it will be tried again", "owner", a.owner, "error", err)
			return rec.State, fmt.Errorf("%w (%w: %w)", cause, errUnmarked, err)
		}
	}
	k.lookSooner()
	if rec.State != rec.before { // else it was told
		k.cfg.Log.Warn("a connection was refused by Microsoft", "owner", a.owner, "integration", rec.Integration,
			"connection", rec.State, "error", cause)
	}
	if rec.before == Connected || rec.before == NoMailbox {
		k.cfg.Tell(Event{Kind: Lost, Integration: rec.Integration, Owner: a.owner, State: rec.State, Err: cause})
	}
	return rec.State, cause
}

// concerns says whether what an attempt has found out is true of the record as it
// is now: only the time when it is looked at has changed, say, or the key that
// it is sealed with.
func (k *Keeper) concerns(a attempt, now record) bool {
	mine, err := now.holds(k.cfg.Seal, a.owner, a.refreshToken)
	return err == nil && mine && len(now.Sealed) > 0 && (now.Held == nil || now.Held.By == k.name)
}

// letGo ends the hold of an attempt that has come to nothing.
func (k *Keeper) letGo(ctx context.Context, a attempt, rec record) {
	if a.rec.Held == nil {
		return
	}
	if _, err := k.replace(ctx, a.owner, rec, a.version); err != nil && !errors.Is(err, store.ErrConflict) {
		k.cfg.Log.Warn("other gateways can't be told that a refresh has ended; they wait", "owner", a.owner, "for", holdLife, "error", err)
	}
}
