package signin

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/identity"
)

// TestX6IdentityHeaders: whatever comes in under a name that could be taken for one
// of ours never reaches ONES, on any path and by any method; for somebody who is
// signed in each header is there once then, and for others none.
func TestX6IdentityHeaders(t *testing.T) {
	forged := map[string][]string{
		"X-Ones-User-Id": {"evil", "twice"}, "X_Ones_User_Id": {"evil"}, "X.Ones.User.Id": {"evil"}, "X Ones User Id": {"evil"},
		"x-ones-user-email": {"evil"}, "X-ONES-CARD-NUMBER": {"evil"}, "X-Ones_User.Name": {"evil"}, "X-Ones-Invented": {"evil"},
		"X-Ones-Assertion": {"evil"}, "Ones-Act-As": {"bob"}, "Ones_Act_As": {"bob"},
		"Connection": {"X-Ones-User-Id, X_Ones_Assertion", "close"}, "Trailer": {"X-Ones-User-Id"},
	}
	own := []string{
		identity.HeaderUserID, identity.HeaderUserEmail, identity.HeaderUserName, identity.HeaderTenantID,
		identity.HeaderIntegration, identity.HeaderConnection, identity.HeaderAssertion,
	} // alice has neither groups nor a card
	for _, tt := range []struct {
		name, method, path string
		headers            []string
	}{
		{"a page", "GET", "/rooms", nil},
		{"HEAD", "HEAD", "/rooms", nil},
		{"OPTIONS", "OPTIONS", "/rooms", nil},
		{"a change", "POST", "/rooms", []string{"Origin", "https://ones.example"}},
		{"a method that nobody knows", "BREW", "/rooms", []string{"Origin", "https://ones.example"}},
		{"server-sent events", "GET", "/events", []string{"Accept", "text/event-stream"}},
		{"a WebSocket", "GET", "/socket", []string{"Origin", "https://ones.example", "Upgrade", "websocket"}},
		{"a public path", "GET", "/display/1", nil},
		{"OPTIONS of a public path", "OPTIONS", "/display/1", nil},
	} {
		for _, signedIn := range []bool{true, false} {
			st := newStage(t, func(c *GateConfig) { c.Optional = true })
			r := httptest.NewRequest(tt.method, tt.path, nil)
			for name, values := range forged {
				r.Header[name] = slices.Clone(values)
			}
			for i := 0; i < len(tt.headers); i += 2 {
				r.Header.Set(tt.headers[i], tt.headers[i+1])
			}
			r.Trailer = http.Header{"X-Ones-User-Id": {"evil"}}
			if signedIn {
				r.Header.Set("Cookie", "__Host-onesgate="+st.cookie)
			}
			if err := st.Serve(httptest.NewRecorder(), r, r.URL, st.next); err != nil || len(st.reach) != 1 {
				t.Fatalf("%s, signed in %v: %v, reached %d times", tt.name, signedIn, err, len(st.reach))
			}
			var want []string
			if signedIn && !strings.HasPrefix(tt.path, "/display/") {
				want = own
			}
			got := st.reach[0]
			for name, values := range got.Header {
				switch folded := strings.ToLower(strings.NewReplacer("_", "-", ".", "-", " ", "-").Replace(name)); {
				case slices.Contains(want, name):
					if len(values) != 1 || values[0] == "evil" {
						t.Errorf("%s, signed in %v: %s = %q", tt.name, signedIn, name, values)
					}
				case strings.Contains(folded, "ones-"):
					t.Errorf("%s, signed in %v: %s = %q has reached ONES", tt.name, signedIn, name, values)
				}
			}
			for _, name := range want {
				if len(got.Header[name]) != 1 {
					t.Errorf("%s: %s = %q, want it once", tt.name, name, got.Header[name])
				}
			}
			if c := got.Header["Connection"]; !slices.Equal(c, []string{"close"}) {
				t.Errorf("%s, signed in %v: Connection = %q", tt.name, signedIn, c)
			}
			if got.Trailer != nil || got.Header["Trailer"] != nil {
				t.Errorf("%s, signed in %v: trailers have reached ONES", tt.name, signedIn)
			}
		}
	}
}
