package grant

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/onesgate/onesgate/internal/seal"
)

// A flight is one refresh under way, and those who wait for it.
type flight struct {
	want
	saves  int           // of the connection, when it began
	news   int64         // likewise
	urgent chan struct{} // closed once somebody waits
	hurry  sync.Once
	done   chan struct{}

	// Set before done is closed.
	token string
	err   error
}

// A want is what a refresh is for.
type want struct {
	// stale is not wanted, and claims go into the request.
	stale, claims string
	// background: nobody waits.
	background bool
	// idle: the refresh token is to be used, whatever access token there is.
	idle bool
	// trail of whoever has asked first; nil: nobody's.
	trail context.Context
}

// An Ask is what somebody wants to know of an access token.
type Ask struct {
	// Stale, if not empty, is a token that Graph has just refused: that one is not
	// returned again. Claims is the challenge that came with the refusal, if any.
	Stale, Claims string
	// Background: nobody waits for what the token is for.
	Background bool
}

// Token returns an access token of owner that is good for at least a minute;
// in an outage, one that is still good at all.
//
// The errors are ErrNeedsSignIn, ErrNeedsAdminConsent, ErrIntegrationDown,
// ErrUnavailable, those of the store, and ctx's: a refresh goes on when the
// caller leaves.
func (k *Keeper) Token(ctx context.Context, owner string, ask Ask) (string, error) {
	for tries := 1; ; tries++ {
		token, f, err := k.tokenOrFlight(ctx, owner, ask)
		if f == nil {
			return token, err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return "", fmt.Errorf("wait for an access token: %w", ctx.Err())
		}
		// It may have been under way before what is asked for was known.
		stale := f.err == nil && f.token == ask.Stale
		unmet := f.err == nil && ask.Claims != "" && f.claims != ask.Claims
		switch {
		case stale && tries == maxTries:
			return "", errChanged
		case tries == maxTries, !stale && !unmet && !errors.Is(f.err, errChanged):
			return f.token, f.err
		case unmet:
			ask.Stale = f.token
		}
	}
}

// tokenOrFlight returns the token in memory, or the refresh to wait for, which
// it begins if nobody has.
func (k *Keeper) tokenOrFlight(ctx context.Context, owner string, ask Ask) (string, *flight, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.cfg.Now()
	t := k.tokens.byOwner[owner]
	c := k.connection(owner)
	if ask.Stale != "" {
		c.stale = ask.Stale
	}
	if t.Access == c.stale {
		k.tokens.drop(owner)
		t = token{}
	}
	if t.fresh(now) {
		return t.Access, nil, nil
	}
	f, err := k.begin(owner, want{
		stale: c.stale, claims: ask.Claims, background: ask.Background || t.good(now), trail: context.WithoutCancel(ctx),
	}, now)
	switch {
	case t.good(now), err != nil && t.Expires.After(now):
		return t.Access, nil, nil // if it is being renewed, then behind the answer
	case err != nil:
		return "", nil, err
	}
	return "", f, nil
}

// begin returns the refresh of owner that is under way, or starts one. The
// error says why it is not the time for one. k.mu is held.
func (k *Keeper) begin(owner string, w want, now time.Time) (*flight, error) {
	if f := k.flights[owner]; f != nil {
		if !w.background {
			f.hurry.Do(func() { close(f.urgent) })
		}
		return f, nil
	}
	c := k.connection(owner)
	switch {
	case k.closed:
		return nil, errClosed
	case now.Before(c.retry):
		return nil, c.cause
	}
	f := &flight{want: w, saves: c.saves, news: c.news.Load(), urgent: make(chan struct{}), done: make(chan struct{})}
	if !w.background {
		f.hurry.Do(func() { close(f.urgent) })
	}
	k.flights[owner] = f
	// Not in the caller's context: others wait, too.
	k.work.Go(func() { k.land(owner, f, k.refresh(owner, f)) })
	return f, nil
}

// land publishes the outcome of a refresh.
func (k *Keeper) land(owner string, f *flight, o outcome) {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer close(f.done)
	delete(k.flights, owner)

	now, c, t := k.cfg.Now(), k.connection(owner), k.tokens.byOwner[owner]
	defer func() { k.passing(owner, c) }()
	switch {
	case c.saves != f.saves:
		// A new sign-in came meanwhile and stands.
		f.token = t.Access
		if !t.good(now) {
			f.token, f.err = "", errChanged
		}
	case o.err == nil:
		k.answered(owner, o.integration)
		c.is(o.state, f.news)
		c.forgive()
		k.tokens.put(owner, o.token, now)
		if f.token = o.token.Access; f.token != c.stale {
			c.stale = "" // the store has this one now
		}
	case errors.Is(o.err, ErrNeedsSignIn), errors.Is(o.err, ErrNeedsAdminConsent):
		k.answered(owner, o.integration)
		c.is(o.state, f.news)
		if errors.Is(o.err, errUnmarked) || errors.Is(o.err, errDamaged) { // the record says nothing of it
			c.backOff(o.err, now)
		} else {
			c.forgive()
		}
		k.tokens.drop(owner)
		f.err = o.err
	default:
		k.ails(owner, f, o, now)
		if t.Expires.After(now) {
			f.token = t.Access
		} else {
			f.err = o.err
		}
	}
}

// ails notes that a refresh has failed for no fault of the grant. k.mu is held.
func (k *Keeper) ails(owner string, f *flight, o outcome, now time.Time) {
	c, h := k.connection(owner), k.health(o.integration)
	c.is(Unavailable, f.news)
	// Callers get the error each time; the log, which also stands for nobody
	// waiting, when it begins.
	told := h.covers(o.err)
	switch {
	case told || h.cause != nil || c.failures > 0 || errors.Is(o.err, errClosed):
	case o.integration == "" && len(h.ailing) > 0: // the store is away, which one has told for all
	case errors.Is(o.err, seal.ErrWrongKey):
		k.cfg.Log.Error("a grant can't be opened; complete the keyset", "owner", owner, "error", o.err)
	default:
		k.cfg.Log.Warn("an access token could not be renewed", "owner", owner, "error", o.err)
	}
	if !told {
		c.backOff(o.err, now)
	}
	if !errors.Is(o.err, seal.ErrWrongKey) {
		h.ailing[owner] = struct{}{}
	}
}
