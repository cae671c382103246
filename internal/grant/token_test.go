package grant_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
)

func TestFreshTokenFromMemory(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(41 * time.Minute)
	w.wantToken(w.Keeper, alice, "", "access-saved")
	w.wantCalls()
	w.wantStored(alice, "connected", "refresh-saved")
}

// TestOneRefresh: however many ask when a token has expired, Microsoft is asked once.
func TestOneRefresh(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	_, release := w.idp.holds()
	const callers = 200
	var started, done sync.WaitGroup
	started.Add(callers)
	for range callers {
		done.Go(func() {
			started.Done()
			w.wantToken(w.Keeper, alice, "", "access-1")
		})
	}
	started.Wait()
	close(release)
	done.Wait()
	w.wantCalls("refresh-saved")
	w.wantStored(alice, "connected", "refresh-1")
}

// TestBehindTheAnswer: in the last tenth of its life, up to its last minute, a token
// is given out at once and renewed in the background.
func TestBehindTheAnswer(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(55 * time.Minute)
	_, release := w.idp.holds()
	for range 3 {
		w.wantToken(w.Keeper, alice, "", "access-saved")
	}
	close(release)
	w.Close() // waits for the one in the background
	w.wantToken(w.Keeper, alice, "", "access-1")
	w.wantCalls("refresh-saved")
}

// TestLastMinute: a token of which less than a minute is left is not given out.
func TestLastMinute(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(59 * time.Minute)
	w.wantToken(w.Keeper, alice, "", "access-1")
}

// TestShortTokens: one that lives for minutes only is not renewed at every use.
func TestShortTokens(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	w.idp.set(func(rw http.ResponseWriter, _ string) bool {
		_, _ = fmt.Fprint(rw, `{"token_type":"Bearer","expires_in":240,"access_token":"access-short"}`)
		return true
	})
	for range 5 {
		w.wantToken(w.Keeper, alice, "", "access-short")
	}
	w.Close()
	w.wantCalls("refresh-saved")
	w.wantStored(alice, "connected", "refresh-saved")
}

func TestRestart(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.wantToken(w.keeper(), alice, "", "access-saved")
	w.wantCalls()
	w.advance(time.Hour)
	w.wantToken(w.keeper(), alice, "", "access-1")
	w.wantToken(w.keeper(), alice, "", "access-1")
	w.wantCalls("refresh-saved")
}

// TestDurableFirst: nobody gets an access token before the refresh token that
// came with it is durable.
func TestDurableFirst(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	committing, commit := make(chan struct{}), make(chan struct{})
	w.store.set(func(op string) error {
		if op == "commit" {
			close(committing)
			<-commit
		}
		return nil
	})
	got := make(chan string, 1)
	go func() {
		token, err := w.Token(t.Context(), alice, grant.Ask{})
		if err != nil {
			t.Error(err)
		}
		got <- token
	}()
	<-committing
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if token, err := w.Token(impatient, alice, grant.Ask{}); err == nil {
		t.Errorf("Token = %q before its refresh token was durable", token)
	}
	select {
	case token := <-got:
		t.Errorf("Token = %q before its refresh token was durable", token)
	default:
	}
	close(commit)
	if token := <-got; token != "access-1" {
		t.Errorf("Token = %q, want access-1", token)
	}
	w.wantStored(alice, "connected", "refresh-1")
}

// TestStoreFull: a token that can't be kept is used all the same.
func TestStoreFull(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	w.store.set(func(op string) error {
		if op == "commit" {
			return store.ErrFull
		}
		return nil
	})
	w.wantToken(w.Keeper, alice, "", "access-1")
	w.wantState(alice, grant.Connected)
	w.wantStored(alice, "connected", "refresh-saved")
	if !strings.Contains(w.log.String(), "could not be kept") {
		t.Errorf("nothing was logged: %s", w.log)
	}
}

func TestStoreDown(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	down := errors.New("connection refused")
	w.store.set(func(string) error { return down })
	w.advance(59*time.Minute + 30*time.Second)
	w.wantToken(w.Keeper, alice, "", "access-saved") // still good, if not for long
	w.advance(time.Minute)
	if _, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, down) {
		t.Errorf("Token = %v, want the store's error", err)
	}
	if _, err := w.Connection(t.Context(), "tenant.bob"); !errors.Is(err, down) {
		t.Errorf("Connection = %v, want the store's error", err)
	}
	w.store.set(nil)
	w.wantState("tenant.bob", grant.NeedsSignIn)
	w.advance(time.Minute)
	w.wantToken(w.Keeper, alice, "", "access-1")
	w.wantState(alice, grant.Connected)
}

func TestStale(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.wantToken(w.Keeper, alice, "access-saved", "access-1") // Graph has refused it
	w.wantToken(w.Keeper, alice, "access-saved", "access-1") // somebody has refreshed already
	w.wantCalls("refresh-saved")

	w.idp.refuses(http.StatusServiceUnavailable, "")
	if token, err := w.Token(t.Context(), alice, grant.Ask{Stale: "access-1"}); !errors.Is(err, grant.ErrUnavailable) {
		t.Errorf("Token = %q, %v, want ErrUnavailable rather than the stale token", token, err)
	}
	if token, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrUnavailable) {
		t.Errorf("Token = %q, %v, want ErrUnavailable rather than what lies in the store", token, err)
	}
}

// TestCallerLeaves: the refresh goes on for those who stay.
func TestCallerLeaves(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	arrived, release := w.idp.holds()
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := w.Token(ctx, alice, grant.Ask{})
		left <- err
	}()
	<-arrived
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("of the one who left: %v, want context.Canceled", err)
	}
	close(release)
	w.wantToken(w.Keeper, alice, "", "access-1")
	w.wantCalls("refresh-saved")
}

func TestClosed(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.Close()
	w.wantToken(w.Keeper, alice, "", "access-saved")
	w.advance(time.Hour)
	if token, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrUnavailable) {
		t.Errorf("Token of a closed keeper = %q, %v, want ErrUnavailable", token, err)
	}
	w.wantCalls()
}

// TestMovedRecord: a sealed token copied into another one's record opens nothing.
func TestMovedRecord(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	rec, err := w.store.Get(t.Context(), "grant/"+alice)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.Commit(t.Context(), store.Write{Key: "grant/tenant.mallory", Value: rec.Value}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Token(t.Context(), "tenant.mallory", grant.Ask{}); !errors.Is(err, seal.ErrTampered) {
		t.Errorf("Token = %v, want ErrTampered", err)
	}
	w.wantCalls()
}

// TestDamagedRecord: of a grant that can't be read only a new sign-in helps, and it
// is told once, not to everybody who asks.
func TestDamagedRecord(t *testing.T) {
	w := newWorld(t)
	if _, err := w.store.Commit(t.Context(), store.Write{Key: "grant/" + alice, Value: []byte("{")}); err != nil {
		t.Fatal(err)
	}
	w.wantState(alice, grant.NeedsSignIn)
	for range 10 {
		if _, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrNeedsSignIn) || !strings.Contains(err.Error(), "grant/"+alice) {
			t.Errorf("Token = %v, want ErrNeedsSignIn, and the record's name", err)
		}
	}
	w.wantState(alice, grant.NeedsSignIn)
	if n := strings.Count(w.log.String(), "damaged in the store"); n != 1 {
		t.Errorf("it was logged %d times, want once:\n%s", n, w.log)
	}
	w.signIn(alice, "saved")
	w.wantToken(w.Keeper, alice, "", "access-saved")
	w.wantState(alice, grant.Connected)
}

// TestNoRefreshToken: without one (offline_access not granted) the connection
// lasts as long as its access token.
func TestNoRefreshToken(t *testing.T) {
	w := newWorld(t)
	if err := w.Save(t.Context(), alice, "contoso", entra.Tokens{Access: "access-saved", Expires: noon.Add(time.Hour)}, grant.Connected); err != nil {
		t.Fatal(err)
	}
	w.wantToken(w.Keeper, alice, "", "access-saved")
	w.advance(time.Hour)
	if _, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrNeedsSignIn) {
		t.Errorf("Token = %v, want ErrNeedsSignIn", err)
	}
	w.wantState(alice, grant.NeedsSignIn)
	w.wantCalls()
}

// TestRefusedWhileReadAgain: a token that Graph has refused is not returned either
// where a refresh that was under way has found it in the store.
func TestRefusedWhileReadAgain(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.Keeper = w.keeper()
	found, goOn := make(chan struct{}), make(chan struct{})
	w.store.once("read", func() { // of the grant
		w.store.once("read", func() { // of its access token
			close(found)
			<-goOn
		})
	})
	go func() { _, _ = w.Token(t.Context(), alice, grant.Ask{}) }()
	<-found
	joins := make(chan struct{}, 100) // the keeper locks out the end of the refresh by then
	w.onNow(func() { joins <- struct{}{} })
	got := make(chan string, 1)
	go func() {
		token, err := w.Token(t.Context(), alice, grant.Ask{Stale: "access-saved"})
		if err != nil {
			t.Error(err)
		}
		got <- token
	}()
	<-joins
	w.onNow(nil)
	close(goOn)
	if token := <-got; token != "access-1" {
		t.Errorf("Token = %q, want access-1", token)
	}
}
