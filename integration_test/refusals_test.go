package integration_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
)

// What Microsoft refuses is told to each as is theirs, and is mended by what the
// documentation says (docs/operations.md, Connections).
func TestRefusalsWhileABookingWaits(t *testing.T) {
	t.Parallel()
	const (
		byItself = "by itself"
		bySignIn = "by a sign-in"
	)
	for name, tt := range map[string]struct {
		fault          map[string]any
		status, reason string // of the booking
		connection     string
		code           string // of what needs a token at once
		log            string // once
		mended         string
	}{
		"outage": {
			map[string]any{"status": 503},
			"accepted", "tried again by itself", "unavailable", "graph_unavailable",
			"an access token could not be renewed", byItself,
		},
		"no answer": {
			map[string]any{"lost_request": true},
			"accepted", "tried again by itself", "unavailable", "graph_unavailable",
			"an access token could not be renewed", byItself,
		},
		"throttled": {
			map[string]any{"code": "AADSTS50196"},
			"accepted", "tried again by itself", "unavailable", "graph_unavailable",
			"an access token could not be renewed", byItself,
		},
		"operator": {
			map[string]any{"code": "AADSTS7000222"},
			"accepted", "its operator has to look at it", "unavailable", "integration_down",
			alarm, byItself,
		},
		"admin": {
			map[string]any{"code": "AADSTS65001"},
			"needs_sign_in", "An administrator", "needs_admin_consent", "needs_admin_consent",
			lost, bySignIn,
		},
		"person": {
			map[string]any{"code": "AADSTS50076"},
			"needs_sign_in", "sign in", "needs_sign_in", "needs_sign_in",
			lost, bySignIn,
		},
		"dead": {
			map[string]any{"code": "AADSTS50173"},
			"needs_sign_in", "sign in", "needs_sign_in", "needs_sign_in",
			lost, bySignIn,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.write(nil)
			p := w.gateway()
			v := newVisitor(t, w.home)
			v.signIn(alice)
			w.sim(http.MethodPost, "/_sim/faults", map[string]any{"match": "POST /v1.0/me/events", "status": 503})
			id := w.asks(alice, meeting("boardroom", 1, 10))
			w.until(id, waits)
			p = w.ended(p, func() {
				w.sim(http.MethodDelete, "/_sim/faults", nil)
				fault := map[string]any{"match": "POST /*/oauth2/v2.0/token", "contains": "grant_type=refresh_token"}
				maps.Copy(fault, tt.fault)
				w.sim(http.MethodPost, "/_sim/faults", fault)
			})
			p.logs("a booking could not be carried on")
			b := w.serve(http.MethodGet, "/v1/bookings/"+id, nil).json(t)
			if reason, _ := b["reason"].(string); b["status"] != tt.status || !strings.Contains(reason, tt.reason) {
				t.Errorf("the booking: %s", pretty(b))
			}

			// Whoever asks is told the same, as often as they ask.
			standing := func(want string) {
				t.Helper()
				if a := v.call(http.MethodGet, "/", nil); a.body != "ones" || w.lastSeen().Header.Get("X-Ones-Connection") != want {
					t.Errorf("X-Ones-Connection: %d %s, want %s", a.StatusCode, w.lastSeen().Header.Get("X-Ones-Connection"), want)
				}
				u := w.serve(http.MethodGet, "/v1/users/"+alice, nil).json(t)
				if helps := strings.HasPrefix(want, "needs_"); u["connection"] != want || (u["login_url"] != nil) != helps {
					t.Errorf("ONES is told %s", pretty(u))
				}
				if a := v.page("/.ones/account"); !strings.Contains(a.body, `data-connection="`+want+`"`) {
					t.Errorf("the account page doesn't say %s: %d %s", want, a.StatusCode, a.body)
				}
			}
			for range 3 {
				standing(tt.connection)
				a := w.serve(http.MethodGet, "/v1/rooms/boardroom/schedule", nil, "Ones-Act-As", alice)
				if a.json(t)["code"] != tt.code {
					t.Errorf("what needs a token: %d %s, want %s", a.StatusCode, a.body, tt.code)
				}
			}
			if n := p.told(tt.log); n != 1 {
				t.Errorf("the log tells %q %d times, want once", tt.log, n)
			}

			w.sim(http.MethodDelete, "/_sim/faults", nil)
			if tt.mended == bySignIn {
				v.signIn(alice)
			}
			w.until(id, confirmed)
			standing("connected")
			if n := p.told(tt.log); n != 1 {
				t.Errorf("in the end the log tells %q %d times, want once", tt.log, n)
			}
			if n := p.told(lost); tt.mended == byItself && n != 0 {
				t.Errorf("%d grants are told to be lost", n)
			}
		})
	}
}
