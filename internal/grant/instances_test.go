package grant_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
)

// A follower hands on to a keeper what is announced.
type follower struct {
	w    *world
	to   *grant.Keeper
	from store.Position
}

// hears hands on what is new, and demands that it is so much.
func (f *follower) hears(want int) {
	f.w.t.Helper()
	heard, err := f.w.store.Follow(f.w.t.Context(), f.from, 100)
	if err != nil {
		f.w.t.Fatal(err)
	}
	for _, a := range heard {
		if a.Topic != grant.Topic {
			f.w.t.Errorf("announced: %s", a.Topic)
		}
		f.to.Heard(a.Value)
		f.from = a.Position
	}
	if len(heard) != want {
		f.w.t.Errorf("heard %d announcements, want %d", len(heard), want)
	}
}

func (f *follower) wants(owner string, want grant.State) {
	f.w.t.Helper()
	c, err := f.to.Connection(f.w.t.Context(), owner)
	if err != nil {
		f.w.t.Fatal(err)
	}
	if got := c.State(); got != want {
		f.w.t.Errorf("the other instance says %s, want %s", got, want)
	}
}

// A grant's state is the same at all instances, wherever it has changed.
func TestStateOfOtherInstances(t *testing.T) {
	w := newWorld(t)
	b := &follower{w: w, to: w.keeper()}
	b.wants(alice, grant.NeedsSignIn) // a page, before the sign-in
	if _, err := b.to.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrNeedsSignIn) {
		t.Fatal(err)
	}
	w.signIn(alice, "new")
	b.hears(1)
	b.wants(alice, grant.Connected)
	w.wantToken(b.to, alice, "", "access-new") // the other's
	w.wantToken(b.to, alice, "access-new", "access-1")
	b.hears(0) // the refresh has changed nothing that is told

	w.idp.refuses(http.StatusBadRequest, refusedDead)
	w.wantToken(w.Keeper, alice, "access-new", "access-1") // the other's
	if _, err := w.Token(t.Context(), alice, grant.Ask{Stale: "access-1"}); !errors.Is(err, grant.ErrNeedsSignIn) {
		t.Fatal(err)
	}
	b.hears(1)
	b.wants(alice, grant.NeedsSignIn)
	b.to.Heard([]byte("somebody that nobody has asked for here"))

	// What was missed is found in the store.
	w.save(w.Keeper, alice, "again", grant.NoMailbox)
	b.to.Missed()
	b.wants(alice, grant.NoMailbox)
}

// A state that was read before it changed is not believed after it has.
func TestStateReadBeforeItChanged(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "new")
	b := w.keeper()
	w.store.once("read", func() {
		w.save(w.Keeper, alice, "other", grant.NoMailbox)
		b.Heard([]byte(alice))
	})
	c, err := b.Connection(t.Context(), alice)
	if err != nil || c.State() != grant.NoMailbox {
		t.Errorf("Connection = %v, %v, want no_mailbox", c.State(), err)
	}
}

// Of two sign-ins at once the one that the store has is the one in memory, too.
func TestSignInsCross(t *testing.T) {
	w := newWorld(t)
	committed, goOn := make(chan struct{}), make(chan struct{})
	w.store.once("committed", func() {
		close(committed)
		<-goOn
	})
	saved := make(chan error, 1)
	go func() {
		saved <- w.Save(context.Background(), alice, "contoso", entra.Tokens{
			Access: "access-1st", Refresh: "refresh-1st", Expires: w.now().Add(time.Hour),
		}, grant.NoMailbox)
	}()
	<-committed
	w.signIn(alice, "2nd")
	close(goOn)
	if err := <-saved; err != nil {
		t.Fatal(err)
	}
	w.wantStored(alice, "connected", "refresh-2nd")
	w.wantState(alice, grant.Connected)
	w.wantToken(w.Keeper, alice, "", "access-2nd")
}

// A refusal that was noted by a clock far ahead doesn't hold until that time.
func TestRefusedByAClockAhead(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "x")
	const ahead = 365 * 24 * time.Hour
	w.advance(ahead)
	w.idp.refuses(http.StatusBadRequest, refusedAdmin)
	if _, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrNeedsAdminConsent) {
		t.Fatal(err)
	}
	w.idp.mended()
	w.advance(time.Hour - ahead)
	w.wantToken(w.keeper(), alice, "", "access-2")
}

// A refresh that read the dead grant lands after the sign-in elsewhere was heard of.
func TestRefusalAfterNews(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "old")
	w.idp.refuses(http.StatusBadRequest, refusedDead)
	if _, err := w.Token(t.Context(), alice, grant.Ask{Stale: "access-old"}); !errors.Is(err, grant.ErrNeedsSignIn) {
		t.Fatal(err)
	}
	w.idp.mended()
	b := w.keeper()
	w.store.once("read", func() {
		w.signIn(alice, "new") // at the other instance
		b.Heard([]byte(alice))
	})
	if _, err := b.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrNeedsSignIn) {
		t.Errorf("Token = %v, want what it has read", err)
	}
	w.wantStored(alice, "connected", "refresh-new")
	c, err := b.Connection(t.Context(), alice)
	if err != nil || c.State() != grant.Connected {
		t.Errorf("state = %v, %v, want connected, as the store says", c.State(), err)
	}
}

// A sign-in here lands after a later one elsewhere was heard of.
func TestSignInAfterNews(t *testing.T) {
	w := newWorld(t)
	b := w.keeper()
	w.store.once("committed", func() {
		w.save(b, alice, "later", grant.NoMailbox)
		w.Heard([]byte(alice))
	})
	w.signIn(alice, "new")
	w.wantStored(alice, "no_mailbox", "refresh-later")
	w.wantState(alice, grant.NoMailbox)
}
