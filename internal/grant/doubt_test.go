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

// TestLostInDoubt: where the store can't say whether a refusal was marked, it is
// looked at, and the loss is told once.
func TestLostInDoubt(t *testing.T) {
	for op, first := range map[string]int{"commit": 0, "committed": 1} { // not written, written
		t.Run(op, func(t *testing.T) {
			w := newWorld(t)
			w.signIn(alice, "saved")
			w.advance(time.Hour)
			w.idp.refuses(http.StatusBadRequest, refusedDead)
			w.store.set(func(now string) error {
				if now == op {
					return store.ErrUnknownOutcome
				}
				return nil
			})
			_, _ = w.Token(t.Context(), alice, grant.Ask{})
			if got := len(w.told); got != first {
				t.Errorf("told %d times, want %d", got, first)
			}
			w.store.set(nil)
			w.advance(time.Second) // it is not asked again at once
			_, _ = w.Token(t.Context(), alice, grant.Ask{})
			if got := len(w.told); got != 1 {
				t.Errorf("told %d times in the end", got)
			}
			w.wantStored(alice, "needs_sign_in", "")
		})
	}
}

// TestDeadWhileMoved: that somebody has only looked at a grant is no reason to try
// a dead refresh token once more.
func TestDeadWhileMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		g := b.solo()
		defer g.close()
		if err := g.signIn(alice); err != nil {
			t.Fatal(err)
		}
		rec, _, _ := b.kept(alice)
		time.Sleep(time.Until(rec.Due) - day)
		if _, err := g.Token(t.Context(), alice, grant.Ask{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(day)
		b.microsoft.answers(func(call) (int, string) {
			if _, err := grant.Look(g.Keeper, t.Context()); err != nil {
				t.Error(err)
			}
			return http.StatusBadRequest, refusedDead
		})
		_, _ = g.Token(t.Context(), alice, grant.Ask{})
		if got := len(b.microsoft.received(alice)); got != 2 {
			t.Errorf("Microsoft was asked %d times, want twice", got)
		}
		for _, wrong := range b.unscheduled() {
			t.Error(wrong)
		}
		if lost := b.losses(); len(lost) != 1 {
			t.Errorf("lost: %s, want it once", lost)
		}
	})
}
