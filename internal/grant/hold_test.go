package grant_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
)

// instances returns keepers that share the world's store.
func (w *world) instances(n int) []*grant.Keeper {
	w.shared = true
	all := make([]*grant.Keeper, n)
	for i := range all {
		all[i] = w.keeper()
	}
	return all
}

// TestOneRefreshOfAll: however many ask, at however many instances, Microsoft is
// asked once.
func TestOneRefreshOfAll(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	arrived, release := w.idp.holds()
	var done sync.WaitGroup
	for i, k := range w.instances(3) {
		for range 67 {
			done.Go(func() { w.wantToken(k, alice, "", "access-1") })
		}
		if i == 0 {
			<-arrived
		}
	}
	close(release)
	done.Wait()
	w.wantCalls("refresh-saved")
	w.wantStored(alice, "connected", "refresh-1")
}

// TestHeldByTheDead: what an instance was at when it died is taken up by another.
func TestHeldByTheDead(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	all := w.instances(2)
	arrived, release := w.idp.holds()
	paused := make(chan error, 1)
	go func() {
		_, err := all[0].Token(t.Context(), alice, grant.Ask{})
		paused <- err
	}()
	<-arrived
	w.idp.mended()
	got := make(chan string, 1)
	looked := make(chan struct{}, 1000)
	w.store.set(func(op string) error {
		if op == "read" {
			looked <- struct{}{}
		}
		return nil
	})
	go func() {
		token, err := all[1].Token(t.Context(), alice, grant.Ask{})
		if err != nil {
			t.Error(err)
		}
		got <- token
	}()
	for range 4 { // it waits
		<-looked
	}
	w.wantCalls("refresh-saved")
	w.advance(20 * time.Second)
	if token := <-got; token != "access-2" {
		t.Errorf("Token = %q, want access-2", token)
	}
	close(release) // it was only paused
	if err := <-paused; err != nil {
		t.Error(err)
	}
	w.wantStored(alice, "connected", "refresh-2")
}

// TestHeldByAClockAhead: a hold that a clock two hours ahead has written, or behind,
// keeps nobody waiting.
func TestHeldByAClockAhead(t *testing.T) {
	for _, ahead := range []time.Duration{2 * time.Hour, -2 * time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			w := newWorld(t)
			w.signIn(alice, "saved")
			w.advance(4 * time.Hour)
			all := w.instances(2)
			arrived, release := w.idp.holds()
			defer close(release)
			w.advance(ahead)
			go func() { _, _ = all[0].Token(t.Context(), alice, grant.Ask{}) }()
			<-arrived
			w.advance(-ahead)
			w.idp.mended()
			w.wantToken(all[1], alice, "", "access-2")
		})
	}
}

// TestHeldWithClocksApart: instances whose clocks are some seconds apart ask once, too.
func TestHeldWithClocksApart(t *testing.T) {
	for _, ahead := range []time.Duration{5 * time.Second, -5 * time.Second} {
		t.Run(ahead.String(), func(t *testing.T) {
			w := newWorld(t)
			w.signIn(alice, "saved")
			w.advance(time.Hour)
			one := w.instances(1)[0]
			now := func() time.Time { return w.now().Add(ahead) }
			client := w.client(now)
			other := w.keeperOn(w.store, now, func(string) (*entra.Client, bool) { return client, true })
			arrived, release := w.idp.holds()
			goOn := sync.OnceFunc(func() { close(release) })
			var done sync.WaitGroup
			defer done.Wait()
			defer goOn()
			done.Go(func() { w.wantToken(one, alice, "", "access-1") })
			<-arrived
			looked := make(chan struct{}, 1000)
			w.store.set(func(op string) error {
				if op == "read" {
					looked <- struct{}{}
				}
				return nil
			})
			done.Go(func() { w.wantToken(other, alice, "", "access-1") })
			for range 4 { // it waits
				select {
				case <-looked:
				case <-arrived:
					t.Fatal("Microsoft is asked by both")
				}
			}
			goOn()
			done.Wait()
			w.wantCalls("refresh-saved")
		})
	}
}

// TestHeldInVain: who fails lets the others try, at once.
func TestHeldInVain(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	all := w.instances(2)
	w.idp.refuses(http.StatusBadGateway, "")
	if _, err := all[0].Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrUnavailable) {
		t.Fatal(err)
	}
	w.idp.mended()
	w.wantToken(all[1], alice, "", "access-2")
}

// TestDeadButWon: an instance that was paused while it held a live refresh token
// brings the grant back, if another has called the one before dead meanwhile.
func TestDeadButWon(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	all := w.instances(2)
	w.store.once("commit", func() { // of the hold
		w.store.once("commit", func() { // of what it has brought
			w.advance(time.Minute)
			w.idp.refuses(http.StatusBadRequest, refusedDead) // the used one
			if _, err := all[1].Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrNeedsSignIn) {
				t.Errorf("Token of the other = %v", err)
			}
			w.wantStored(alice, "needs_sign_in", "")
		})
	})
	w.wantToken(all[0], alice, "", "access-1")
	w.wantStored(alice, "connected", "refresh-1")
}

// TestUnsaved: tokens that can't be kept are used, and are the ones that the next
// refresh goes by. They are kept as soon as the store works again.
func TestUnsaved(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	refused := make(chan struct{}, 1000)
	w.store.set(func(op string) error {
		if op == "commit" {
			refused <- struct{}{}
			return store.ErrFull
		}
		return nil
	})
	w.wantToken(w.Keeper, alice, "", "access-1")
	w.wantStored(alice, "connected", "refresh-saved")
	w.advance(time.Hour)
	if token, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, store.ErrFull) {
		t.Errorf("Token = %q, %v, want the store's error: the token in it may be used up", token, err)
	}
	<-refused
	<-refused
	<-refused // by itself
	w.store.set(nil)
	w.advance(time.Minute)
	w.wantToken(w.Keeper, alice, "", "access-2")
	w.wantCalls("refresh-saved", "refresh-1")
	w.wantStored(alice, "connected", "refresh-2")
}

// TestKilledBeforeSaving: what Microsoft gave to a process that was killed before
// it could keep it is not missed.
func TestKilledBeforeSaving(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	killed, dead := make(chan struct{}), make(chan struct{})
	w.store.once("commit", func() {
		close(killed)
		<-dead
		w.store.set(func(string) error { return errors.New("killed") })
	})
	go func() { _, _ = w.Token(t.Context(), alice, grant.Ask{}) }()
	<-killed
	next := w.keeper()
	w.wantToken(next, alice, "", "access-2")
	w.wantCalls("refresh-saved", "refresh-saved")
	close(dead)
	w.Close()
	w.store.set(nil)
	w.wantStored(alice, "connected", "refresh-2")
}

// TestChallengeUnmet: a token that doesn't meet what Graph has demanded is not asked
// for again and again, nor is its owner's loss told each time.
func TestChallengeUnmet(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	const claims = `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`
	w.idp.set(func(rw http.ResponseWriter, _ string) bool {
		asked := w.idp.claims()
		if asked[len(asked)-1] == "" {
			return false
		}
		rw.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(rw, `{"error":"interaction_required","error_codes":[50076]}`)
		return true
	})
	for range 10 { // a booking that is tried again and again
		token, err := w.Token(t.Context(), alice, grant.Ask{})
		if err == nil { // Graph refuses it
			_, err = w.Token(t.Context(), alice, grant.Ask{Stale: token, Claims: claims})
		}
		if !errors.Is(err, grant.ErrNeedsSignIn) {
			t.Errorf("Token = %v, want ErrNeedsSignIn", err)
		}
		if got, err := w.Challenge(t.Context(), alice); got != claims || err != nil {
			t.Errorf("Challenge = %q, %v, want %q", got, err, claims)
		}
		w.advance(20 * time.Minute)
	}
	w.wantTold(grant.Lost)
	w.idp.mended() // the person has done elsewhere what was demanded
	w.advance(6 * time.Hour)
	n := len(w.idp.received()) + 1
	w.wantToken(w.Keeper, alice, "", fmt.Sprint("access-", n))
	if got, err := w.Challenge(t.Context(), alice); got != "" || err != nil {
		t.Errorf("Challenge = %q, %v, want none", got, err)
	}
}

// TestChallenged: the claims of a challenge go into the request, also where a
// refresh without them was under way.
func TestChallenged(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	const claims = `{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}`
	if got, err := w.Token(t.Context(), alice, grant.Ask{Stale: "access-saved", Claims: claims}); err != nil || got != "access-1" {
		t.Fatalf("Token = %q, %v", got, err)
	}
	if got := w.idp.claims(); got[0] != claims {
		t.Errorf("claims = %q, want the challenge", got)
	}
	w.advance(time.Hour)
	arrived, release := w.idp.holds()
	go func() { _, _ = w.Token(t.Context(), alice, grant.Ask{}) }()
	<-arrived
	joins := make(chan struct{}, 100) // the keeper locks out the end of the refresh by then
	w.onNow(func() { joins <- struct{}{} })
	got := make(chan string, 1)
	go func() {
		token, err := w.Token(t.Context(), alice, grant.Ask{Stale: "access-1", Claims: claims})
		if err != nil {
			t.Error(err)
		}
		got <- token
	}()
	<-joins
	w.onNow(nil)
	close(release)
	if token := <-got; token != "access-3" {
		t.Errorf("Token = %q, want access-3", token)
	}
	if got := fmt.Sprint(w.idp.claims()); got != fmt.Sprint([]string{claims, "", claims}) {
		t.Errorf("claims = %s", got)
	}
}
