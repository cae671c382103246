package grant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/seal"
)

// refreshTimeout bounds one refresh, store included.
const refreshTimeout = 15 * time.Second

var errClosed = errors.New("the keeper of grants is closed")

// A flight is one refresh under way, and those who wait for it.
type flight struct {
	saves int   // of the connection, when it began
	news  int64 // likewise
	done  chan struct{}

	// Set before done is closed.
	token string
	err   error
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
	token, f, err := k.tokenOrFlight(owner, ask)
	if f == nil {
		return token, err
	}
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return "", fmt.Errorf("wait for an access token: %w", ctx.Err())
	}
}

// tokenOrFlight returns the token in memory, or the refresh to wait for, which
// it begins if nobody has.
func (k *Keeper) tokenOrFlight(owner string, ask Ask) (string, *flight, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.cfg.Now()
	t := k.tokens.byOwner[owner]
	if ask.Stale != "" && t.access == ask.Stale {
		k.tokens.drop(owner)
		t = token{}
	}
	if t.good(now) && now.Before(t.renew) {
		return t.access, nil, nil
	}
	f, err := k.begin(owner, now)
	switch {
	case t.good(now), err != nil && t.expires.After(now):
		return t.access, nil, nil // if it is being renewed, then behind the answer
	case err != nil:
		return "", nil, err
	}
	return "", f, nil
}

// begin returns the refresh of owner that is under way, or starts one. The
// error says why it is not the time for one. k.mu is held.
func (k *Keeper) begin(owner string, now time.Time) (*flight, error) {
	if f := k.flights[owner]; f != nil {
		return f, nil
	}
	c := k.connection(owner)
	switch {
	case k.closed:
		return nil, errClosed
	case now.Before(c.retry):
		return nil, c.cause
	}
	f := &flight{saves: c.saves, news: c.news.Load(), done: make(chan struct{})}
	k.flights[owner] = f
	k.work.Go(func() {
		// Not the caller's context: others wait, too.
		ctx, cancel := context.WithTimeout(context.Background(), refreshTimeout)
		defer cancel()
		fresh, state, err := k.refresh(ctx, owner)
		k.land(owner, f, fresh, state, err)
	})
	return f, nil
}

// land publishes the outcome of a refresh.
func (k *Keeper) land(owner string, f *flight, fresh entra.Tokens, state State, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer close(f.done)
	delete(k.flights, owner)

	now, c, t := k.cfg.Now(), k.connection(owner), k.tokens.byOwner[owner]
	switch {
	case c.saves != f.saves:
		// A new sign-in came meanwhile and stands.
		f.token = t.access
		if !t.good(now) {
			f.token, f.err = "", fmt.Errorf("%w: the connection changed meanwhile", ErrUnavailable)
		}
	case err == nil:
		c.recovered(state, f.news)
		k.tokens.put(owner, fresh, now)
		f.token = fresh.Access
	case errors.Is(err, ErrNeedsSignIn), errors.Is(err, ErrNeedsAdminConsent):
		c.recovered(state, f.news)
		k.tokens.drop(owner)
		f.err = err
	default:
		// Callers get the error each time; the log, which also stands for nobody
		// waiting, when it begins. Of an integration its breaker has told.
		switch {
		case c.failures > 0 || breakers(err):
		case errors.Is(err, seal.ErrWrongKey):
			k.cfg.Log.Error("a grant can't be opened; complete the keyset", "owner", owner, "error", err)
		default:
			k.cfg.Log.Warn("an access token could not be renewed", "owner", owner, "error", err)
		}
		c.failed(err, now, f.news)
		if t.expires.After(now) {
			f.token = t.access
		} else {
			f.err = err
		}
	}
}
