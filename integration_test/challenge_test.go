package integration_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// cae has the gateway declare that it understands claims challenges.
var cae = map[string]any{"Server": "cae"}

// answered counts the simulator's answers of a status to calls whose path has a
// part, since its log was cleared.
func (w *world) answered(part string, status int) (n int) {
	w.t.Helper()
	for _, c := range w.sim(http.MethodGet, "/_sim", nil)["calls"].([]any) {
		call := c.(map[string]any)
		if strings.Contains(call["path"].(string), part) && call["status"] == float64(status) {
			n++
		}
	}
	return n
}

// Whose password changes has their access token refused at once; a newer one will
// do, and nobody notices.
func TestChallengeThatANewTokenMeets(t *testing.T) {
	w := newWorld(t)
	w.write(cae)
	w.gateway()
	v := newVisitor(t, w.home)
	v.signIn(alice)
	for i, challenge := range []map[string]any{
		{"mail": alice, "event": "password_changed"},
		{"mail": alice, "claims": `{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}`},
	} {
		w.sim(http.MethodPost, "/_sim/people", challenge)
		w.sim(http.MethodDelete, "/_sim/calls", nil)
		a := v.call(http.MethodPost, "/api/m365/v1/bookings", meeting("boardroom", 1, 10+2*i), "Prefer", "wait=30")
		if a.StatusCode != http.StatusCreated || a.json(t)["status"] != "confirmed" {
			t.Errorf("after %v: %d %s", challenge, a.StatusCode, a.body)
		}
		if refused, renewed := w.answered("/v1.0/", 401), w.answered("/token", 200); refused != 1 || renewed != 1 {
			t.Errorf("after %v %d calls were refused and %d tokens given, want one and one", challenge, refused, renewed)
		}
		if v.page("/"); w.lastSeen().Header.Get("X-Ones-Connection") != "connected" {
			t.Errorf("after %v the connection is %s", challenge, w.lastSeen().Header.Get("X-Ones-Connection"))
		}
	}
}

// Where a new token takes a sign-in, the booking waits, the person is told, and
// signing in once more with what is demanded mends all of it.
func TestChallengeThatTakesASignIn(t *testing.T) {
	const (
		stepUp     = `{"access_token":{"polids":{"essential":true,"values":["5ec2e710"]}}}`
		withStepUp = `{"access_token":{"polids":{"essential":true,"values":["5ec2e710"]},"xms_cc":{"values":["cp1"]}}}`
	)
	w := newWorld(t)
	w.write(cae)
	w.gateway()

	for _, tt := range []struct {
		name    string
		hour    int
		signsIn func(*visitor)
		asked   []string // of Microsoft, with which prompt and claims
	}{
		{"from the account page", 10, func(v *visitor) {
			if a := v.page("/.ones/account"); !strings.Contains(a.body, `href="/.ones/login/contoso?return_to=%2F.ones%2Faccount"`) {
				t.Errorf("the account page doesn't say how to mend it: %s", a.body)
			}
			v.signIn(alice)
		}, []string{withStepUp}},
		{"from the next page", 12, func(v *visitor) {
			a := v.page("/rooms")
			a.wantsPage(t, http.StatusOK, "login")
			v.wantsSession(false)
			v.signIn(alice)
		}, []string{"none " + withStepUp, withStepUp}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := newVisitor(t, w.home)
			v.signIn(alice)
			// The room is free and the booking accepted; the challenge comes before it is sent.
			w.sim(http.MethodPost, "/_sim/faults", map[string]any{"match": "POST /v1.0/me/events", "status": 503})
			a := v.call(http.MethodPost, "/api/m365/v1/bookings", meeting("boardroom", 1, tt.hour), "Prefer", "respond-async")
			if a.StatusCode != http.StatusAccepted || a.json(t)["status"] != "accepted" {
				t.Fatalf("the booking: %d %s", a.StatusCode, a.body)
			}
			path := "/api/m365/v1/bookings/" + a.json(t)["id"].(string)
			look := func() answer { return v.call(http.MethodGet, path, nil) }
			w.sim(http.MethodPost, "/_sim/people", map[string]any{"mail": alice, "claims": stepUp})
			w.sim(http.MethodDelete, "/_sim/calls", nil)
			w.sim(http.MethodDelete, "/_sim/faults", nil)
			if b := booked(t, look, "accepted"); b["status"] != "needs_sign_in" {
				t.Fatalf("the booking: %s", pretty(b))
			}
			if refused, given := w.answered("/token", 400), w.answered("/token", 200); refused != 1 || given != 0 {
				t.Errorf("%d tokens were refused and %d given, want one and none", refused, given)
			}
			if v.call(http.MethodGet, "/data", nil); w.lastSeen().Header.Get("X-Ones-Connection") != "needs_sign_in" {
				t.Errorf("ONES is told %s", w.lastSeen().Header.Get("X-Ones-Connection"))
			}

			var asked []string
			v.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
				if q := r.URL.Query(); strings.HasSuffix(r.URL.Path, "/authorize") {
					asked = append(asked, strings.TrimSpace(q.Get("prompt")+" "+q.Get("claims")))
				} else if strings.Contains(r.URL.String(), "polids") && r.URL.Path != "/.ones/callback" { // which Microsoft makes
					t.Errorf("an address of ours has the challenge: %s", r.URL)
				}
				return nil
			}
			tt.signsIn(v)
			if !slices.Equal(asked, tt.asked) {
				t.Errorf("Microsoft was asked with %q, want %q", asked, tt.asked)
			}
			if b := booked(t, look, "needs_sign_in", "accepted", "awaiting_room"); b["status"] != "confirmed" {
				t.Errorf("the booking that has waited: %s", pretty(b))
			}
			if v.page("/"); w.lastSeen().Header.Get("X-Ones-Connection") != "connected" {
				t.Errorf("in the end ONES is told %s", w.lastSeen().Header.Get("X-Ones-Connection"))
			}
			w.sim(http.MethodPost, "/_sim/people", map[string]any{"mail": alice, "claims": "{}"})
		})
	}
	if n := w.eventsNamed(alice, "Quarterly review"); n != 2 {
		t.Errorf("%d meetings stand in the calendar, want 2", n)
	}
}

// Without the word nobody is challenged.
func TestNoChallengeWithoutCAE(t *testing.T) {
	w := newWorld(t)
	w.write(nil)
	w.gateway()
	v := newVisitor(t, w.home)
	v.signIn(alice)
	w.sim(http.MethodPost, "/_sim/people", map[string]any{"mail": alice, "event": "password_changed"})
	w.sim(http.MethodDelete, "/_sim/calls", nil)
	a := v.call(http.MethodPost, "/api/m365/v1/bookings", meeting("boardroom", 1, 10), "Prefer", "wait=30")
	if a.StatusCode != http.StatusCreated || w.answered("/v1.0/", 401) != 0 || w.answered("/token", 200) != 0 {
		t.Errorf("%d %s, with %d refusals and %d tokens", a.StatusCode, a.body, w.answered("/v1.0/", 401), w.answered("/token", 200))
	}
}
