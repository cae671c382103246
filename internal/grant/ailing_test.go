package grant_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
)

// TestStoreAway: who could not be served for want of the store is well again when
// somebody can be.
func TestStoreAway(t *testing.T) {
	w := newWorld(t)
	owners := w.people(3)
	w.advance(time.Hour)
	away := errors.New("connection refused")
	w.store.set(func(string) error { return away })
	w.wantAll(owners, away)
	w.store.set(nil)
	grant.Probe(w.Keeper) // each has a back-off of a second
	w.wantCalls()
	w.advance(time.Second)
	grant.Probe(w.Keeper)
	w.awaitStates(owners, grant.Connected)
}

// TestStoreAwayIsToldOnce: not of each who could not be served.
func TestStoreAwayIsToldOnce(t *testing.T) {
	for op, told := range map[string]string{
		"get":    "an access token could not be renewed",
		"commit": "a renewed grant could not be kept yet",
	} {
		t.Run(op, func(t *testing.T) {
			w := newWorld(t)
			owners := w.people(20)
			w.advance(time.Hour)
			w.store.set(func(now string) error {
				if now == op {
					return store.ErrFull
				}
				return nil
			})
			for _, owner := range owners {
				_, _ = w.Token(t.Context(), owner, grant.Ask{})
			}
			if n := strings.Count(w.log.String(), told); n != 1 {
				t.Errorf("it was told %d times, want once:\n%s", n, w.log)
			}
			w.store.set(nil)
		})
	}
}

// TestStoreAnswers: what the store itself can say is enough for that.
func TestStoreAnswers(t *testing.T) {
	w := newWorld(t)
	owners := w.people(20)
	w.Keeper = w.keeper() // which finds their tokens in the store
	away := errors.New("connection refused")
	w.store.set(func(string) error { return away })
	w.wantAll(owners, away)
	w.store.set(nil)
	w.advance(time.Second)
	grant.Probe(w.Keeper)
	w.awaitStates(owners, grant.Connected)
	w.wantCalls()
}

// TestAilingAlone: who is unavailable while the integration works, and nobody asks
// for them, is tried again all the same.
func TestAilingAlone(t *testing.T) {
	for name, tt := range map[string]struct {
		microsoft string
		store     error
	}{
		"throttled loop":   {refusedLoop, nil},
		"no hold was kept": {"", store.ErrFull},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.signIn(alice, "saved")
			w.advance(time.Hour)
			w.Keeper = w.instances(1)[0]
			if tt.microsoft != "" {
				w.idp.refuses(http.StatusBadRequest, tt.microsoft)
			}
			w.store.set(func(op string) error {
				if op == "commit" {
					return tt.store
				}
				return nil
			})
			if token, err := w.Token(t.Context(), alice, grant.Ask{}); err == nil {
				t.Errorf("Token = %q", token)
			}
			w.wantState(alice, grant.Unavailable)
			w.idp.mended()
			w.store.set(nil)
			w.advance(time.Second)
			grant.Probe(w.Keeper)
			w.awaitStates([]string{alice}, grant.Connected)
		})
	}
}

// TestAilingForgotten: who is forgotten waits for nothing.
func TestAilingForgotten(t *testing.T) {
	w := newWorld(t)
	owners := w.people(2)
	w.advance(time.Hour)
	w.idp.refuses(http.StatusUnauthorized, refusedOperator)
	w.wantAll(owners, grant.ErrIntegrationDown)
	if err := w.Forget(t.Context(), owners[0]); err != nil {
		t.Fatal(err)
	}
	w.wantStanding(grant.ErrIntegrationDown, 1, map[string]uint64{"operator": 1})
	w.idp.mended()
	w.advance(30 * time.Second)
	grant.Probe(w.Keeper) // the other one finds out
	w.awaitStates(owners[1:], grant.Connected)
}
