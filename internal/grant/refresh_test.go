package grant_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
)

const (
	refusedDead     = `{"error":"invalid_grant","error_codes":[50173]}`
	refusedPerson   = `{"error":"invalid_grant","suberror":"basic_action","error_codes":[50076]}`
	refusedAdmin    = `{"error":"invalid_grant","suberror":"consent_required","error_codes":[65001]}`
	refusedOperator = `{"error":"invalid_client","error_codes":[7000222]}`
	refusedLoop     = `{"error":"invalid_grant","error_codes":[50196]}`
)

// refusedFor is how long Microsoft is not asked after its first refusal.
const refusedFor = 10 * time.Minute

// TestRefused: what each class of refusal does to the grant, and when it is
// tried again.
func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name, body   string
		status       int
		err          error
		state        grant.State
		stored, kept string
		// quiet is how long Microsoft is not asked again; 0: for ever.
		quiet time.Duration
	}{
		{"dead", refusedDead, 400, grant.ErrNeedsSignIn, grant.NeedsSignIn, "needs_sign_in", "", 0},
		{"person", refusedPerson, 400, grant.ErrNeedsSignIn, grant.NeedsSignIn, "needs_sign_in", "refresh-saved", refusedFor},
		{"admin", refusedAdmin, 400, grant.ErrNeedsAdminConsent, grant.NeedsAdminConsent, "needs_admin_consent", "refresh-saved", refusedFor},
		{"operator", refusedOperator, 401, grant.ErrIntegrationDown, grant.Unavailable, "connected", "refresh-saved", 30 * time.Second},
		{"throttled loop", refusedLoop, 400, grant.ErrUnavailable, grant.Unavailable, "connected", "refresh-saved", time.Second},
		{"outage", "", 503, grant.ErrUnavailable, grant.Unavailable, "connected", "refresh-saved", time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.signIn(alice, "saved")
			w.wantState(alice, grant.Connected)
			w.advance(time.Hour)
			w.idp.refuses(tt.status, tt.body)
			refused := func(calls int) {
				t.Helper()
				var e *entra.Error
				if _, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, tt.err) {
					t.Errorf("Token = %v, want %v", err, tt.err)
				} else if len(w.idp.received()) > calls && !errors.As(err, &e) {
					t.Errorf("Token = %v, want Microsoft's refusal in it", err)
				}
				if got := len(w.idp.received()); got != calls {
					t.Errorf("Microsoft was asked %d times, want %d", got, calls)
				}
				w.wantState(alice, tt.state)
				w.wantStored(alice, tt.stored, tt.kept)
			}
			refused(1)
			refused(1)
			if tt.quiet == 0 {
				w.advance(24 * time.Hour)
				refused(1)
				w.signIn(alice, "again")
				w.wantToken(w.Keeper, alice, "", "access-again")
				w.wantState(alice, grant.Connected)
				return
			}
			w.advance(tt.quiet - time.Millisecond)
			refused(1)
			w.advance(time.Millisecond)
			refused(2)
			w.advance(2*tt.quiet - time.Millisecond)
			if tt.quiet >= refusedFor { // twice as long
				refused(2)
			}
			w.advance(time.Hour)
			w.idp.mended()
			w.wantToken(w.Keeper, alice, "", "access-3")
			w.wantState(alice, grant.Connected)
			w.wantStored(alice, "connected", "refresh-3")
		})
	}
}

// TestRefusedSurvivesRestart: the quiet time is kept by the record.
func TestRefusedSurvivesRestart(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	w.idp.refuses(400, refusedPerson)
	for range 2 {
		if _, err := w.keeper().Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrNeedsSignIn) {
			t.Errorf("Token = %v, want ErrNeedsSignIn", err)
		}
	}
	w.wantCalls("refresh-saved")
}

// TestRefusedUnmarked: a store that can't be written to changes nothing about
// what Microsoft has said, nor is Microsoft asked again and again for that.
func TestRefusedUnmarked(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	w.idp.refuses(400, refusedDead)
	w.store.set(func(op string) error {
		if op == "commit" {
			return store.ErrFull
		}
		return nil
	})
	for _, calls := range []int{1, 2, 2} {
		for range 5 {
			if _, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrNeedsSignIn) {
				t.Errorf("Token = %v, want ErrNeedsSignIn", err)
			}
		}
		w.wantState(alice, grant.NeedsSignIn)
		if got := len(w.idp.received()); got != calls {
			t.Errorf("Microsoft was asked %d times, want %d", got, calls)
		}
		w.advance(time.Second)
	}
}

// TestBackoff: an outage is met with ever fewer requests, and with the old
// token while it lasts.
func TestBackoff(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.idp.refuses(http.StatusBadGateway, "")
	w.advance(59*time.Minute + 30*time.Second)
	w.wantToken(w.Keeper, alice, "", "access-saved")
	w.wantState(alice, grant.Unavailable)
	w.wantToken(w.Keeper, alice, "", "access-saved")
	w.wantCalls("refresh-saved")

	w.advance(30 * time.Second) // the old one has expired
	asks := func(calls int) {
		t.Helper()
		if _, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrUnavailable) {
			t.Errorf("Token = %v, want ErrUnavailable", err)
		}
		if got := len(w.idp.received()); got != calls {
			t.Errorf("Microsoft was asked %d times, want %d", got, calls)
		}
	}
	calls := 2
	asks(calls)
	for _, seconds := range []time.Duration{2, 4, 8, 16, 32, 60, 60} {
		w.advance(seconds*time.Second - time.Millisecond)
		asks(calls)
		w.advance(time.Millisecond)
		calls++
		asks(calls)
	}
	w.advance(time.Minute)
	w.idp.mended()
	w.wantToken(w.Keeper, alice, "", fmt.Sprintf("access-%d", calls+1))
	w.wantState(alice, grant.Connected)
}

func TestRetryAfter(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	w.idp.set(func(rw http.ResponseWriter, _ string) bool {
		rw.Header().Set("Retry-After", "300")
		rw.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	for _, wait := range []time.Duration{0, 299 * time.Second} {
		w.advance(wait)
		if _, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrUnavailable) {
			t.Errorf("Token = %v, want ErrUnavailable", err)
		}
	}
	w.wantCalls("refresh-saved")
	w.advance(time.Second)
	w.idp.mended()
	w.wantToken(w.Keeper, alice, "", "access-2")
}

// TestSecretExpired: one person finds out, the others don't ask; when the
// secret is mended everybody is back at once, and no grant was touched.
func TestSecretExpired(t *testing.T) {
	w := newWorld(t)
	owners := []string{"tenant.a", "tenant.b", "tenant.c"}
	versions := map[string]store.Version{}
	for _, owner := range owners {
		w.signIn(owner, owner)
		_, _, versions[owner] = w.stored(owner)
	}
	w.advance(59*time.Minute + 30*time.Second)
	w.idp.refuses(http.StatusUnauthorized, refusedOperator)
	for _, owner := range owners {
		w.wantToken(w.Keeper, owner, "", "access-"+owner) // good as long as it lasts
	}
	w.advance(29 * time.Second)
	for _, owner := range owners {
		if _, err := w.Token(t.Context(), owner, grant.Ask{Stale: "access-" + owner}); !errors.Is(err, grant.ErrIntegrationDown) {
			t.Errorf("Token(%s) = %v, want ErrIntegrationDown", owner, err)
		}
		w.wantState(owner, grant.Unavailable)
		if _, _, now := w.stored(owner); now != versions[owner] {
			t.Errorf("the grant of %s was written", owner)
		}
	}
	w.wantCalls("refresh-tenant.a")

	w.configure("contoso") // the operator reloads with a new secret
	w.idp.mended()
	for i, owner := range owners {
		w.wantToken(w.Keeper, owner, "", fmt.Sprintf("access-%d", i+2))
		w.wantState(owner, grant.Connected)
	}
}

func TestIntegrationGone(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	w.configure("fabrikam")
	if _, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrIntegrationDown) {
		t.Errorf("Token = %v, want ErrIntegrationDown", err)
	}
	w.configure("contoso")
	w.wantToken(w.Keeper, alice, "", "access-1")
}

// TestRefusedBehindTheAnswer: the old token is not given out once the grant has
// been refused in the background.
func TestRefusedBehindTheAnswer(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(56 * time.Minute)
	w.idp.refuses(400, refusedDead)
	w.wantToken(w.Keeper, alice, "", "access-saved")
	w.Close() // waits for the one in the background
	if token, err := w.Token(t.Context(), alice, grant.Ask{}); err == nil {
		t.Errorf("Token = %q of a dead grant", token)
	}
	w.wantState(alice, grant.NeedsSignIn)
}

// What Microsoft demands of the next sign-in is kept for it, and no longer.
func TestChallenge(t *testing.T) {
	w := newWorld(t)
	want := func(claims string) {
		t.Helper()
		if got, err := w.Challenge(t.Context(), alice); got != claims || err != nil {
			t.Errorf("Challenge = %q, %v, want %q", got, err, claims)
		}
	}
	want("")
	w.signIn(alice, "x")
	want("")
	const claims = `{"access_token":{"polids":{"essential":true,"values":["p"]}}}`
	w.idp.refuses(http.StatusBadRequest, fmt.Sprintf(`{"error":"interaction_required","error_codes":[50076],"claims":%q}`, claims))
	if _, err := w.Token(t.Context(), alice, grant.Ask{Stale: "access-x"}); !errors.Is(err, grant.ErrNeedsSignIn) {
		t.Fatal(err)
	}
	want(claims)
	w.wantStored(alice, "needs_sign_in", "refresh-x")
	w.signIn(alice, "y")
	want("")
}

// TestRefusedWhileIdle: a policy that is wrong for some weeks loses none of the
// grants that are to be kept alive then, although a refused request is no use of
// the refresh token.
func TestRefusedWhileIdle(t *testing.T) {
	const day = 24 * time.Hour
	w := newWorld(t)
	issued := map[string]time.Time{}
	owners := w.people(8)
	for i := range owners {
		issued[fmt.Sprint("refresh-saved-", i)] = w.now()
	}
	wrong := false // the policy
	n := 0
	w.idp.set(func(rw http.ResponseWriter, token string) bool {
		switch {
		case w.now().Sub(issued[token]) > 90*day:
			rw.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprint(rw, `{"error":"invalid_grant","error_codes":[700082]}`)
		case wrong:
			rw.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprint(rw, refusedPerson)
		default:
			n++
			next := fmt.Sprint("refresh-idle-", n)
			issued[next] = w.now()
			_, _ = fmt.Fprintf(rw, `{"token_type":"Bearer","expires_in":3600,"access_token":"access-%d","refresh_token":%q}`, n, next)
		}
		return true
	})
	for today := range 150 {
		wrong = today >= 30 && today < 65
		if _, err := grant.Look(w.Keeper, t.Context()); err != nil {
			t.Fatal(err)
		}
		w.advance(day)
	}
	lost := 0
	for _, owner := range owners {
		if state, token, _ := w.stored(owner); state != "connected" || !strings.HasPrefix(token, "refresh-idle-") {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d grants were lost", lost, len(owners))
	}
	if n > 6*len(owners) {
		t.Errorf("Microsoft gave %d tokens, want a few for each of %d", n, len(owners))
	}
}

// TestRefusedToldOnce: that a grant is lost is told when it is, not each time that
// Microsoft says so again.
func TestRefusedToldOnce(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	refusedTimes := func(want int, body string) {
		t.Helper()
		w.idp.refuses(http.StatusBadRequest, body)
		if token, err := w.Token(t.Context(), alice, grant.Ask{}); err == nil {
			t.Errorf("Token = %q", token)
		}
		if got := strings.Count(w.log.String(), "a connection was refused by Microsoft"); got != want {
			t.Errorf("told %d times, want %d:\n%s", got, want, w.log)
		}
		w.advance(24 * time.Hour)
	}
	refusedTimes(1, refusedPerson)
	refusedTimes(1, refusedPerson)
	refusedTimes(2, refusedAdmin) // it takes somebody else now
	refusedTimes(2, refusedAdmin)
	refusedTimes(3, refusedDead)
	if got := len(w.told); got != 1 {
		t.Errorf("%d events, want 1", got)
	}
	w.wantCalls("refresh-saved", "refresh-saved", "refresh-saved", "refresh-saved", "refresh-saved")
}
