package grant_test

import (
	"errors"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
)

// gone hands on to k what is announced of forgotten grants.
func (w *world) gone(k *grant.Keeper) {
	w.t.Helper()
	heard, err := w.store.Follow(w.t.Context(), 0, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range heard {
		if a.Topic == grant.GoneTopic {
			k.HeardGone(a.Value)
		}
	}
}

func TestForget(t *testing.T) {
	w := newWorld(t)
	other := w.keeper()
	w.signIn(alice, "new")
	w.wantState(alice, grant.Connected)
	w.wantToken(other, alice, "", "access-new")
	for range 2 { // the second time is no error
		if err := w.Forget(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
	}
	w.wantState(alice, grant.NeedsSignIn)
	if _, err := w.store.Get(t.Context(), "grant/"+alice); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the store still has it: %v", err)
	}
	w.gone(other)
	for name, k := range map[string]*grant.Keeper{"here": w.Keeper, "elsewhere": other} {
		if token, err := k.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrNeedsSignIn) {
			t.Errorf("%s: Token = %q, %v", name, token, err)
		}
	}
	if left, err := w.store.Scan(t.Context(), "grant", "", 10); err != nil || len(left) > 0 {
		t.Errorf("the store still has %v, %v", left, err)
	}

	w.signIn(alice, "again")
	w.gone(w.Keeper) // heard late
	w.wantState(alice, grant.Connected)
	w.wantToken(w.Keeper, alice, "", "access-again")
	w.wantCalls()
}

// What a refresh under way brings is not given out, nor kept, once the grant has
// been forgotten.
func TestForgetDuringARefresh(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "new")
	w.advance(2 * time.Hour)
	arrived, release := w.idp.holds()
	got := make(chan error, 1)
	go func() {
		_, err := w.Token(t.Context(), alice, grant.Ask{})
		got <- err
	}()
	<-arrived
	if err := w.Forget(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := <-got; err == nil {
		t.Error("a token was given out after the grant was forgotten")
	}
	if _, err := w.store.Get(t.Context(), "grant/"+alice); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the refresh has brought it back: %v", err)
	}
	w.wantState(alice, grant.NeedsSignIn)
}

// An instance that may have missed it doesn't go on with what it has.
func TestForgetUnheard(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "new")
	other := w.keeper()
	if err := other.Forget(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	w.wantToken(w.Keeper, alice, "", "access-new") // not heard yet
	w.Missed()
	if token, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrNeedsSignIn) {
		t.Errorf("Token = %q, %v", token, err)
	}
}

// Forgotten right after a sign-in was kept, what that has brought is not given out
// either.
func TestForgetDuringASignIn(t *testing.T) {
	for name, forget := range map[string]func(*world, *grant.Keeper) error{
		"here": func(w *world, _ *grant.Keeper) error { return w.Forget(w.t.Context(), alice) },
		"elsewhere": func(w *world, other *grant.Keeper) error {
			defer w.gone(w.Keeper)
			return other.Forget(w.t.Context(), alice)
		},
		"elsewhere, unheard": func(w *world, other *grant.Keeper) error {
			defer w.Missed()
			return other.Forget(w.t.Context(), alice)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			other := w.keeper()
			w.store.set(func(op string) error {
				if op != "committed" {
					return nil
				}
				w.store.set(nil)
				return forget(w, other)
			})
			w.signIn(alice, "new")
			if token, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrNeedsSignIn) {
				t.Errorf("Token = %q, %v", token, err)
			}
			w.wantState(alice, grant.NeedsSignIn)
		})
	}
}

// The same of a refresh that was kept right before it was forgotten.
func TestForgetUnheardDuringARefresh(t *testing.T) {
	w := newWorld(t)
	other := w.keeper()
	w.signIn(alice, "new")
	w.advance(2 * time.Hour)
	w.store.set(func(op string) error {
		if op != "committed" {
			return nil
		}
		w.store.set(nil)
		defer w.Missed()
		return other.Forget(t.Context(), alice)
	})
	for range 2 {
		if token, err := w.Token(t.Context(), alice, grant.Ask{}); err == nil {
			t.Errorf("Token = %q", token)
		}
	}
}
