package grant_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
)

func TestConnectionFollows(t *testing.T) {
	w := newWorld(t)
	c, err := w.Connection(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}
	want := func(state grant.State) {
		t.Helper()
		if got := c.State(); got != state {
			t.Errorf("State() = %s, want %s", got, state)
		}
	}
	want(grant.NeedsSignIn)
	w.save(w.Keeper, alice, "saved", grant.NoMailbox)
	want(grant.NoMailbox)
	w.advance(time.Hour)
	w.wantToken(w.Keeper, alice, "", "access-1")
	want(grant.NoMailbox) // a token doesn't bring a mailbox
	w.signIn(alice, "again")
	want(grant.Connected)
	w.advance(time.Hour)
	w.idp.refuses(http.StatusBadRequest, refusedDead)
	if _, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrNeedsSignIn) {
		t.Errorf("Token = %v, want ErrNeedsSignIn", err)
	}
	want(grant.NeedsSignIn)
	if again, err := w.Connection(t.Context(), alice); err != nil || again != c {
		t.Errorf("Connection = %p, %v, want the same as before, %p", again, err, c)
	}
}

// TestConnectionReadsOnce: only the first call asks the store.
func TestConnectionReadsOnce(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	reads := 0
	w.store.set(func(op string) error {
		if op == "get" {
			reads++
		}
		return nil
	})
	k := w.keeper()
	for range 3 {
		if c, err := k.Connection(t.Context(), alice); err != nil || c.State() != grant.Connected {
			t.Errorf("Connection = %v, %v, want connected", c, err)
		}
	}
	if reads != 1 {
		t.Errorf("the store was asked %d times, want once", reads)
	}
}

func TestSaveFails(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.store.set(func(string) error { return store.ErrFull })
	err := w.Save(t.Context(), alice, "contoso", entra.Tokens{Access: "access-new", Refresh: "refresh-new", Expires: noon.Add(time.Hour)}, grant.NoMailbox)
	if !errors.Is(err, store.ErrFull) {
		t.Errorf("Save = %v, want ErrFull", err)
	}
	w.wantToken(w.Keeper, alice, "", "access-saved")
	w.wantState(alice, grant.Connected)
}

// TestConnectionsPass: only those stay in memory that somebody holds on to, or that
// ail.
func TestConnectionsPass(t *testing.T) {
	w := newWorld(t)
	owners := w.people(20)
	w.advance(time.Hour)
	k := w.keeper()
	held, err := k.Connection(t.Context(), owners[0])
	if err != nil {
		t.Fatal(err)
	}
	want := func(n int) {
		t.Helper()
		if got := grant.Connections(k); got != n {
			t.Errorf("%d connections are in memory, want %d", got, n)
		}
	}
	for _, owner := range owners {
		if _, err := k.Token(t.Context(), owner, grant.Ask{}); err != nil {
			t.Error(err)
		}
	}
	want(1)
	w.advance(time.Hour)
	w.idp.refuses(http.StatusBadGateway, "")
	for _, owner := range owners[:2] {
		_, _ = k.Token(t.Context(), owner, grant.Ask{})
	}
	want(2)
	if held.State() != grant.Unavailable {
		t.Errorf("who is held on to is %s", held.State())
	}
	w.idp.refuses(http.StatusUnauthorized, refusedOperator) // of which the breaker tells
	_, _ = k.Token(t.Context(), owners[2], grant.Ask{})
	want(3)
	if c, err := k.Connection(t.Context(), owners[2]); err != nil || c.State() != grant.Unavailable {
		t.Errorf("Connection = %v, %v, want unavailable", c.State(), err)
	}
	w.idp.mended()
	w.advance(time.Minute)
	for _, owner := range owners[:3] {
		if _, err := k.Token(t.Context(), owner, grant.Ask{}); err != nil {
			t.Error(err)
		}
	}
	want(2)
	if again, err := k.Connection(t.Context(), owners[0]); err != nil || again != held || again.State() != grant.Connected {
		t.Errorf("Connection = %v, %v", again.State(), err)
	}
}
