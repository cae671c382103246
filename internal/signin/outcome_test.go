package signin

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/trail"
)

// How a sign-in has ended is told once.
func TestOutcomes(t *testing.T) {
	f := newFlow(t, nil)
	var told []string
	f.site.Observe = func(integration string, o Outcome) { told = append(told, integration+" "+string(o)) }
	ends := func(want string) {
		t.Helper()
		if got := strings.Join(told, ", "); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		told = nil
	}
	back := func(query url.Values) { f.browse(t, http.MethodGet, CallbackPath+"?"+query.Encode()) }
	f.signIn(t, "/")
	ends("contoso signed_in")
	back(url.Values{"state": {f.begin(t, "/").Get("state")}, "error": {"access_denied"}, "error_description": {"AADSTS65004: no"}})
	ends("contoso person")
	back(url.Values{"state": {f.begin(t, "/").Get("state")}, "error": {"temporarily_unavailable"}})
	ends("contoso transient")
	back(url.Values{"state": {f.begin(t, "/").Get("state")}, "code": {"used before"}})
	ends("contoso expired")
	back(url.Values{"state": {"a stranger's"}, "code": {"c"}})
	ends("")
	f.site.Integrations[0].Rules = identity.Rules{Integration: "contoso", Allow: []string{"staff"}}
	request := f.begin(t, "/")
	f.browse(t, http.MethodGet, callbackURL(f.authorize(request), request.Get("state")))
	ends("contoso not_allowed")
	f.site.Integrations[0].Rules = identity.Rules{Integration: "contoso"}
	f.claims = map[string]any{"aud": "another app"}
	request = f.begin(t, "/")
	f.browse(t, http.MethodGet, callbackURL(f.authorize(request), request.Get("state")))
	ends("contoso unverified")
}

func TestWhose(t *testing.T) {
	for want, err := range map[Outcome]error{
		PersonsPart: &entra.Error{Class: entra.Dead}, AdminsPart: &entra.Error{Class: entra.Admin},
		OperatorsPart: &entra.Error{Class: entra.Operator}, Transient: &entra.Error{Class: entra.Transient}, Unverified: errors.New("?"),
	} {
		if got := whose(err); got != want {
			t.Errorf("whose(%v) = %s, want %s", err, got, want)
		}
	}
}

// On our own paths a request has a name: in the answer and in the problem; what goes to
// ONES keeps the one that it came with, and costs nothing.
func TestOwnPathsAreFollowed(t *testing.T) {
	f := newFlow(t, nil)
	w := f.browse(t, http.MethodGet, "/.ones/me", trail.Header, "ONES-1")
	if w.Header().Get(trail.Header) != "ONES-1" || !strings.Contains(w.Body.String(), `"request_id":"ONES-1"`) {
		t.Errorf("got %v %s", w.Header(), w.Body)
	}
	f.signIn(t, "/")
	w = f.browse(t, http.MethodGet, "/rooms", trail.Header, "ONES-2")
	if w.Code != http.StatusOK || w.Header().Get(trail.Header) != "" || f.reach[len(f.reach)-1].Header.Get(trail.Header) != "ONES-2" {
		t.Errorf("the page: %d %v; ONES got %v", w.Code, w.Header(), f.reach[len(f.reach)-1].Header)
	}
}
