package grant_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
)

// TestLoserOfARace: an instance whose token is refused as dead, because
// another has a newer one, goes by the newer and harms nothing.
func TestLoserOfARace(t *testing.T) {
	for name, body := range map[string]string{"dead": refusedDead, "person": refusedPerson} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.signIn(alice, "old")
			w.advance(time.Hour)
			loser := w.keeper()
			arrived, release := make(chan struct{}), make(chan struct{})
			w.idp.set(func(rw http.ResponseWriter, token string) bool {
				if token != "refresh-old" {
					return false
				}
				close(arrived)
				<-release
				rw.WriteHeader(http.StatusBadRequest)
				_, _ = fmt.Fprint(rw, body)
				return true
			})
			type result struct {
				token string
				err   error
			}
			got := make(chan result, 1)
			go func() {
				token, err := loser.Token(t.Context(), alice, grant.Ask{})
				got <- result{token, err}
			}()
			<-arrived
			w.signIn(alice, "new")
			close(release)
			if r := <-got; r.err != nil || r.token != "access-new" {
				t.Errorf("Token of the loser = %q, %v, want access-new", r.token, r.err)
			}
			w.wantCalls("refresh-old")
			w.wantStored(alice, "connected", "refresh-new")
		})
	}
}

// TestSlowWinner: a refresh that succeeds after a new sign-in doesn't
// overwrite what that brought.
func TestSlowWinner(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "old")
	w.advance(time.Hour)
	arrived, release := w.idp.holds()
	got := make(chan string, 1)
	go func() {
		token, err := w.Token(t.Context(), alice, grant.Ask{})
		if err != nil {
			t.Error(err)
		}
		got <- token
	}()
	<-arrived
	w.save(w.Keeper, alice, "new", grant.NoMailbox)
	close(release)
	if token := <-got; token != "access-new" {
		t.Errorf("Token = %q, want access-new", token)
	}
	w.wantToken(w.Keeper, alice, "", "access-new")
	w.wantStored(alice, "no_mailbox", "refresh-new")
	w.wantState(alice, grant.NoMailbox)
}

// TestSlowestWinner: also the moment after a refresh was kept is not too late
// for a new sign-in.
func TestSlowestWinner(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "old")
	w.advance(time.Hour)
	w.store.once("committed", func() { w.save(w.Keeper, alice, "new", grant.NoMailbox) })
	w.wantToken(w.Keeper, alice, "", "access-new")
	w.wantStored(alice, "no_mailbox", "refresh-new")
	w.wantState(alice, grant.NoMailbox)
}

// TestSlowWinnerTooSlow: what a new sign-in brought may itself have run out when
// the refresh returns; it goes on from that.
func TestSlowWinnerTooSlow(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "old")
	w.advance(time.Hour)
	arrived, release := w.idp.holds()
	got := make(chan string, 1)
	go func() {
		token, err := w.Token(t.Context(), alice, grant.Ask{})
		if err != nil {
			t.Error(err)
		}
		got <- token
	}()
	<-arrived
	w.signIn(alice, "new")
	w.advance(time.Hour)
	close(release)
	if token := <-got; token != "access-2" {
		t.Errorf("Token = %q, want access-2", token)
	}
	w.wantCalls("refresh-old", "refresh-new")
}

// TestMissedMeanwhile: who waits for a refresh has its token also where it may have
// been forgotten meanwhile, and has not.
func TestMissedMeanwhile(t *testing.T) {
	for _, forget := range []bool{false, true} {
		w := newWorld(t)
		w.signIn(alice, "saved")
		w.advance(time.Hour)
		arrived, release := w.idp.holds()
		got := make(chan error, 1)
		go func() {
			token, err := w.Token(t.Context(), alice, grant.Ask{})
			if err == nil && token != "access-1" {
				t.Errorf("Token = %q, want access-1", token)
			}
			got <- err
		}()
		<-arrived
		var want error
		if forget {
			want = grant.ErrNeedsSignIn
			if err := w.Forget(t.Context(), alice); err != nil {
				t.Fatal(err)
			}
		}
		w.Missed()
		close(release)
		if err := <-got; !errors.Is(err, want) {
			t.Errorf("Token = %v, want %v", err, want)
		}
		w.wantCalls("refresh-saved")
	}
}

// TestGoneMeanwhile: a refresh under way doesn't bring back a grant whose record
// was deleted.
func TestGoneMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "old")
	w.advance(time.Hour)
	arrived, release := w.idp.holds()
	got := make(chan error, 1)
	go func() {
		_, err := w.Token(t.Context(), alice, grant.Ask{})
		got <- err
	}()
	<-arrived
	if _, err := w.store.Commit(t.Context(), store.Write{Key: "grant/" + alice, Op: store.Delete}); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := <-got; !errors.Is(err, grant.ErrNeedsSignIn) {
		t.Errorf("Token = %v, want ErrNeedsSignIn", err)
	}
	if _, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrNeedsSignIn) {
		t.Errorf("Token = %v, want ErrNeedsSignIn", err)
	}
	w.wantState(alice, grant.NeedsSignIn)
	if _, err := w.store.Get(t.Context(), "grant/"+alice); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the record: %v, want ErrNotFound", err)
	}
}
