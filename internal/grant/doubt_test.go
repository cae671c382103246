package grant_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
)

// TestThrottledAlone: whom alone Microsoft has asked for patience is tried again by
// itself, though nobody asks and nobody else's refresh tells that all is well.
func TestThrottledAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		g := b.solo()
		defer g.close()
		if err := g.signIn(alice); err != nil {
			t.Fatal(err)
		}
		defer g.run(g.Run)()
		time.Sleep(accessLife)
		b.microsoft.refuses(http.StatusBadRequest, refusedLoop)
		if token, err := g.Token(t.Context(), alice, grant.Ask{}); err == nil {
			t.Errorf("Token = %q", token)
		}
		b.microsoft.answers(nil)
		time.Sleep(2 * time.Minute)
		c, err := g.Connection(t.Context(), alice)
		if err != nil || c.State() != grant.Connected {
			t.Errorf("Connection = %s, %v, want connected", c.State(), err)
		}
	})
}

// TestUnsavedWithoutAMailbox: tokens that can't be kept don't say that there is a
// mailbox now.
func TestUnsavedWithoutAMailbox(t *testing.T) {
	w := newWorld(t)
	w.save(w.Keeper, alice, "saved", grant.NoMailbox)
	w.advance(time.Hour)
	w.store.set(func(op string) error {
		if op == "commit" {
			return store.ErrFull
		}
		return nil
	})
	w.wantToken(w.Keeper, alice, "", "access-1")
	w.wantState(alice, grant.NoMailbox)
	w.store.set(nil)
}
