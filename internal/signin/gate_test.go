package signin

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/go-jose/go-jose/v4"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/session"
)

func TestGateSetsIdentity(t *testing.T) {
	st := newStage(t, nil)
	w := st.send(t, http.MethodGet, "/rooms", true, "X-Ones-User-Id", "evil", "Connection", "X-Ones-User-Id", "Ones-Act-As", "bob")
	if w.Code != http.StatusOK || len(st.reach) != 1 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	r := st.reach[0]
	if got := r.Header["X-Ones-User-Id"]; len(got) != 1 || got[0] != "tid.alice" {
		t.Errorf("X-Ones-User-Id = %q", got)
	}
	if r.Header.Get("X-Ones-Connection") != "needs_sign_in" {
		t.Errorf("X-Ones-Connection = %q: there is no grant", r.Header.Get("X-Ones-Connection"))
	}
	if r.Header.Get("Cookie") != "a=1" || r.Header.Get("Connection") != "" || r.Header.Get("Ones-Act-As") != "" {
		t.Errorf("headers: %v", r.Header)
	}
	if p := identity.FromContext(r.Context()); p == nil || p.ID != "tid.alice" {
		t.Errorf("context: %v", p)
	}
	// The assertion is signed once for many requests.
	first := r.Header.Get("X-Ones-Assertion")
	st.send(t, http.MethodGet, "/rooms", true)
	if got := st.reach[1].Header.Get("X-Ones-Assertion"); got != first || first == "" {
		t.Error("the assertion was signed again for the next request")
	}
}

// The header Ones-Act-As goes no further than the gate, on any way; what it said is known
// behind the gate, where a service's token may give it a meaning.
func TestGateKeepsWhomARequestNames(t *testing.T) {
	st := newStage(t, func(c *GateConfig) { c.Optional = true })
	for _, target := range []string{"/rooms", "/display/1"} {
		for _, signedIn := range []bool{false, true} {
			st.reach = nil
			st.send(t, http.MethodGet, target, signedIn, "Ones-Act-As", "bob", "Ones-Act-As", "eve")
			r := st.reach[0]
			if got := identity.ActAs(r); !slices.Equal(got, []string{"bob", "eve"}) || r.Header["Ones-Act-As"] != nil {
				t.Errorf("%s, signed in %v: named %q, header %q", target, signedIn, got, r.Header["Ones-Act-As"])
			}
			st.send(t, http.MethodGet, target, signedIn)
			if got := identity.ActAs(st.reach[1]); got != nil {
				t.Errorf("%s, signed in %v: %q out of nothing", target, signedIn, got)
			}
		}
	}
}

// What stands behind the gate may change the headers of its request, as Caddy's
// request_header does, in place: that changes no other request's.
func TestHeadersOfARequestAreItsOwn(t *testing.T) {
	st := newStage(t, nil)
	for range 2 {
		st.send(t, http.MethodGet, "/", true)
		h := st.reach[len(st.reach)-1].Header
		if got := h.Get("X-Ones-User-Id"); got != "tid.alice" {
			t.Errorf("X-Ones-User-Id = %q", got)
		}
		for name, values := range h {
			if strings.HasPrefix(name, "X-Ones-") {
				values[0] = "changed"
				h.Add(name, "more")
			}
		}
	}
}

// V9.2.4: what one gate has signed for its audience is not shown to another.
func TestGatesDoNotShareAssertions(t *testing.T) {
	st := newStage(t, nil)
	st.send(t, http.MethodGet, "/", true)
	ring, err := identity.NewRing(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	other := st.GateConfig
	other.Signer = identity.NewSigner(func() *identity.Ring { return ring }, "https://ones.example", "https://other.example")
	first := st.reach[0].Header.Get("X-Ones-Assertion")
	st.Gate = st.site.Gate(other)
	st.send(t, http.MethodGet, "/", true)
	if got := st.reach[1].Header.Get("X-Ones-Assertion"); got == first {
		t.Error("the second gate passed on the assertion of the first")
	}
}

// A key that begins to sign does so for sessions that are open, within minutes.
func TestGateSignsWithTheNextKey(t *testing.T) {
	now := time.Now()
	change := now.Add(time.Minute) // when the next key signs
	ring, err := identity.NewRing(change.Add(-identity.KeyLife))
	if err == nil {
		ring, err = ring.Advance(change.Add(-time.Hour))
	}
	if err != nil || len(ring.Keys().Keys) != 2 {
		t.Fatalf("%v, %v; want two keys", ring, err)
	}
	st := newStage(t, func(c *GateConfig) {
		c.Signer = identity.NewSigner(func() *identity.Ring { return ring }, "https://ones.example", "https://ones.example")
	})
	st.site.Now = func() time.Time { return now }
	kid := func() string {
		t.Helper()
		st.send(t, http.MethodGet, "/", true)
		jws, err := jose.ParseSignedCompact(st.reach[len(st.reach)-1].Header.Get("X-Ones-Assertion"), []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatal(err)
		}
		return jws.Signatures[0].Protected.KeyID
	}
	old, next := ring.Keys().Keys[0].KeyID, ring.Keys().Keys[1].KeyID
	if got := kid(); got != old {
		t.Errorf("signed with %s before the change, want %s", got, old)
	}
	now = change.Add(identity.AssertionLife / 2)
	if got := kid(); got != next {
		t.Errorf("signed with %s after the change, want %s", got, next)
	}
	w := st.send(t, http.MethodGet, "/.ones/jwks.json", false)
	if got := w.Header().Get("Cache-Control"); got != "max-age=300, public" || !strings.Contains(w.Body.String(), old) || !strings.Contains(w.Body.String(), next) {
		t.Errorf("the keys are not both there, to be kept for 5 minutes: %q %s", got, w.Body)
	}
}

func TestGateWithoutASession(t *testing.T) {
	tests := []struct {
		name     string
		optional bool
		method   string
		headers  []string
		status   int
		location string
		reaches  bool
	}{
		{"a page", false, "GET", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 303, "/.ones/login?return_to=%2Frooms%3Fa%3D1", false},
		{"a page, for all it says", false, "GET", []string{"Sec-Fetch-Mode", "navigate"}, 303, "/.ones/login?return_to=%2Frooms%3Fa%3D1", false},
		{"a page, old browser", false, "GET", []string{"Accept", "text/html"}, 303, "/.ones/login?return_to=%2Frooms%3Fa%3D1", false},
		{"a form", false, "POST", []string{"Accept", "text/html"}, 401, "", false},
		{"a program", false, "GET", nil, 401, "", false},
		{"a fetch", false, "GET", []string{"Sec-Fetch-Mode", "cors", "Accept", "text/html"}, 401, "", false},
		{"an iframe", false, "GET", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Accept", "text/html"}, 401, "", false},
		{"optional", true, "GET", []string{"Accept", "text/html"}, 200, "", true},
		{"optional, another method", true, "DELETE", nil, 200, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st := newStage(t, func(c *GateConfig) { c.Optional = tt.optional })
			for name, headers := range map[string][]string{
				"no cookie": tt.headers, "an unknown cookie": append([]string{"Cookie", "__Host-onesgate=" + strings.Repeat("A", 43)}, tt.headers...),
			} {
				st.reach = nil
				w := st.send(t, tt.method, "/rooms?a=1", false, headers...)
				if w.Code != tt.status || w.Header().Get("Location") != tt.location || len(st.reach) == 1 != tt.reaches {
					t.Errorf("%s: %d to %q, reached %d; want %d to %q, %v", name, w.Code, w.Header().Get("Location"), len(st.reach), tt.status, tt.location, tt.reaches)
				}
				if tt.reaches && st.reach[0].Header.Get("X-Ones-User-Id") != "" {
					t.Errorf("%s: an identity out of nothing", name)
				}
			}
		})
	}
}

// 16.5.3: with the store away nobody gets in, as anybody or as nobody.
func TestGateFailsClosed(t *testing.T) {
	for _, optional := range []bool{false, true} {
		st := newStage(t, func(c *GateConfig) { c.Optional = optional })
		st.store.fails.Store(true)
		// A cookie that is not in memory has to be looked up.
		w := st.send(t, http.MethodGet, "/", false, "Cookie", "__Host-onesgate="+strings.Repeat("A", 43))
		if w.Code != http.StatusServiceUnavailable || len(st.reach) != 0 {
			t.Errorf("optional %v: %d, reached %d", optional, w.Code, len(st.reach))
		}
		// Who is known already goes on.
		if w := st.send(t, http.MethodGet, "/", true); w.Code != http.StatusOK {
			t.Errorf("optional %v: a session in memory: %d", optional, w.Code)
		}
	}
}

// Whoever signed in through a tenant that has since been removed, or has become
// another, is nobody any more.
func TestGateForgetsRemovedTenants(t *testing.T) {
	for name, now := range map[string][]Integration{
		"removed":                       nil,
		"another tenant":                {{Name: "contoso", Entra: ofTenant(t, "other")}},
		"a tenant that nobody can tell": {{Name: "contoso", Entra: ofDomainInOutage(t)}},
	} {
		st := newStage(t, func(c *GateConfig) { c.Optional = true })
		st.site.Integrations = now
		st.send(t, http.MethodGet, "/", true)
		if h := st.reach[0].Header; h.Get("X-Ones-User-Id") != "" {
			t.Errorf("%s: still %s", name, h.Get("X-Ones-User-Id"))
		}
		if w := st.send(t, http.MethodGet, "/.ones/me", true); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: /.ones/me: %d", name, w.Code)
		}
	}
}

// Trailers come after the body: what they say must not reach ONES.
func TestGateDropsTrailers(t *testing.T) {
	st := newStage(t, func(c *GateConfig) { c.Optional = true })
	for _, target := range []string{"/", "/display/1"} {
		for _, signedIn := range []bool{false, true} {
			st.reach = nil
			r := httptest.NewRequest(http.MethodGet, target, nil)
			r.Header.Set("Trailer", "X-Ones-User-Id")
			r.Trailer = http.Header{"X-Ones-User-Id": {"evil"}}
			if signedIn {
				r.Header.Set("Cookie", "__Host-onesgate="+st.cookie)
			}
			if err := st.Serve(httptest.NewRecorder(), r, r.URL, st.next); err != nil {
				t.Fatal(err)
			}
			if got := st.reach[0]; got.Trailer != nil || got.Header.Get("Trailer") != "" {
				t.Errorf("%s, signed in %v: trailers %v", target, signedIn, got.Trailer)
			}
		}
	}
}

func TestGateOnRewrites(t *testing.T) {
	st := newStage(t, nil)
	for _, tt := range []struct {
		original, now string
		status        int
	}{
		{"/display/1", "/admin", 403},
		{"/admin", "/display/1", 403},
		{"/display/1", "/display/2", 200},
	} {
		r := httptest.NewRequest(http.MethodGet, tt.now, nil)
		original, _ := url.Parse(tt.original)
		w := httptest.NewRecorder()
		if err := st.Serve(w, r, original, st.next); err != nil || w.Code != tt.status {
			t.Errorf("%s rewritten to %s: %d %v, want %d", tt.original, tt.now, w.Code, err, tt.status)
		}
	}
	// Our own pages are known by the original path, whatever it was rewritten to.
	r := httptest.NewRequest(http.MethodGet, "/index.php", nil)
	original, _ := url.Parse("/.ones/healthz")
	w := httptest.NewRecorder()
	if err := st.Serve(w, r, original, st.next); err != nil || w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "ok") {
		t.Errorf("/.ones/healthz: %d %s", w.Code, w.Body)
	}
}

func TestGateSameOrigin(t *testing.T) {
	st := newStage(t, nil)
	for _, tt := range []struct {
		name    string
		method  string
		headers []string
		status  int
	}{
		{"our origin", "POST", []string{"Origin", "https://ones.example"}, 200},
		{"fetch metadata", "POST", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"neither", "POST", nil, 403},
		{"another origin", "POST", []string{"Origin", "https://evil.example"}, 403},
		{"another origin that claims to be ours", "POST", []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "same-origin"}, 403},
		{"a subdomain", "POST", []string{"Origin", "https://a.ones.example"}, 403},
		{"plain http", "POST", []string{"Origin", "http://ones.example"}, 403},
		{"two origins", "POST", []string{"Origin", "https://ones.example", "Origin", "https://evil.example"}, 403},
		{"null", "POST", []string{"Origin", "null"}, 403},
		{"null of our own page", "POST", []string{"Origin", "null", "Sec-Fetch-Site", "same-origin"}, 200},
		{"null of another page", "POST", []string{"Origin", "null", "Sec-Fetch-Site", "cross-site"}, 403},
		{"delete", "DELETE", nil, 403},
		{"an unknown method", "BREW", nil, 403},
		{"reading", "GET", nil, 200},
		{"reading from elsewhere", "GET", []string{"Sec-Fetch-Site", "cross-site"}, 200},
		{"a WebSocket", "GET", []string{"Upgrade", "websocket"}, 403},
		{"our WebSocket", "GET", []string{"Upgrade", "websocket", "Origin", "https://ones.example"}, 200},
	} {
		if w := st.send(t, tt.method, "/", true, tt.headers...); w.Code != tt.status {
			t.Errorf("%s: %d, want %d", tt.name, w.Code, tt.status)
		}
	}
}

func TestOwnPages(t *testing.T) {
	st := newStage(t, nil)
	for _, tt := range []struct {
		method, path string
		status       int
		has          string
	}{
		{"GET", "/.ones/login", 200, "<html"},
		{"HEAD", "/.ones/login", 200, ""},
		{"POST", "/.ones/login", 405, ""},
		{"GET", "/.ones/login/nobody", 404, ""},
		{"GET", "/.ones/integrations", 200, `{"integrations":[{"name":"contoso","label":"Sign in","login_url":"https://ones.example/.ones/login/contoso"}]}`},
		{"GET", "/.ones/me", 401, "login_url"},
		{"GET", "/.ones/account", 401, `"login_url":"https://ones.example/.ones/login?return_to=%2F.ones%2Faccount"`},
		{"GET", "/.ones/status", 401, `"login_url":"https://ones.example/.ones/login?return_to=%2F.ones%2Fstatus"`},
		{"GET", "/.ones/status/bookings?state=failed", 401, `login?return_to=%2F.ones%2Fstatus%2Fbookings%3Fstate%3Dfailed"`},
		{"POST", "/.ones/account/end-all", 401, `"login_url":"https://ones.example/.ones/login"`},
		{"GET", "/.ones/jwks.json", 200, `"ES256"`},
		{"GET", "/.ones/healthz", 200, "ok"},
		{"GET", "/.ones/readyz", 200, "ready"},
		{"GET", "/.ones/callback", 400, ""},
		{"GET", "/.ones/callback?state=a&state=b&code=c", 400, ""},
		{"GET", "/.ones/nothing", 404, "not_found"},
		{"GET", "/.ones/", 404, ""},
		{"GET", "/.ones/signed-out", 200, ""},
	} {
		w := st.send(t, tt.method, tt.path, false)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.has) {
			t.Errorf("%s %s: %d %s, want %d with %q", tt.method, tt.path, w.Code, w.Body, tt.status, tt.has)
		}
	}
	if len(st.reach) != 0 {
		t.Errorf("%d requests to our own pages reached ONES", len(st.reach))
	}
	if w := st.send(t, "GET", "/.ones/me", true); w.Code != 200 || !strings.Contains(w.Body.String(), `"email":"alice@contoso.example"`) {
		t.Errorf("/.ones/me: %d %s", w.Code, w.Body)
	}
}

// Who asks who they are is told where to sign in if that may mend their connection.
func TestMeIsToldWhereToSignIn(t *testing.T) {
	st := newStage(t, nil)
	for state, want := range map[grant.State]bool{grant.Connected: false, grant.NeedsSignIn: true, grant.NeedsAdminConsent: true, grant.NoMailbox: true} {
		tokens := entra.Tokens{Access: "a", Refresh: "r", Expires: time.Now().Add(time.Hour)}
		if err := st.site.Grants.Save(t.Context(), "tid.alice", "contoso", tokens, state); err != nil {
			t.Fatal(err)
		}
		body := st.send(t, http.MethodGet, "/.ones/me", true).Body.String()
		if told := strings.Contains(body, `"login_url":"https://ones.example/.ones/login/contoso"`); told != want || !strings.Contains(body, `"connection":"`+string(state)+`"`) {
			t.Errorf("%s: %s", state, body)
		}
	}
}

// What is being answered for a session ends with it.
func TestGateEndsWhatIsOpen(t *testing.T) {
	st := newStage(t, nil)
	current, err := st.site.Sessions.Lookup(t.Context(), st.cookie)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/events", nil)
	r.Header.Set("Cookie", "__Host-onesgate="+st.cookie)
	err = st.Serve(httptest.NewRecorder(), r, r.URL, func(_ http.ResponseWriter, r *http.Request) error {
		if err := st.site.Sessions.End(t.Context(), current); err != nil {
			t.Error(err)
		}
		<-r.Context().Done()
		return r.Context().Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("answered with %v", err)
	}
}

func BenchmarkGate(b *testing.B) {
	st := newStage(b, nil)
	r := httptest.NewRequest(http.MethodGet, "/rooms", nil)
	cookie := []string{"__Host-onesgate=" + st.cookie}
	next := func(http.ResponseWriter, *http.Request) error { return nil }
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		r.Header["Cookie"] = cookie
		if err := st.Serve(w, r, r.URL, next); err != nil || r.Header.Get("X-Ones-User-Id") == "" {
			b.Fatal(err)
		}
	}
}

// ONES judges an assertion by the clock on the wall. While a virtual machine is
// suspended that one goes on, and the monotonic one, by which Go compares, stands.
func TestGateSignsAnewAfterASleep(t *testing.T) {
	for name, slept := range map[string]time.Duration{"slept": time.Hour, "the clock was wrong before": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			st := newStage(t, func(cfg *GateConfig) { cfg.Life = session.Life{Idle: 3 * time.Hour, Max: 3 * time.Hour} })
			st.send(t, http.MethodGet, "/", true)
			st.site.Now = func() time.Time {
				now := time.Now()
				*(*uint64)(unsafe.Pointer(&now)) += uint64(int64(slept/time.Second) << 30) // the seconds on the wall alone
				return now
			}
			if off := time.Until(st.site.Now()); off.Abs() > time.Minute || st.site.Now().Round(0).Sub(time.Now().Round(0)).Abs() < time.Minute {
				t.Fatalf("the clocks don't differ: %s", off)
			}
			st.send(t, http.MethodGet, "/", true)
			if st.reach[0].Header.Get("X-Ones-Assertion") == st.reach[1].Header.Get("X-Ones-Assertion") {
				t.Error("ONES is shown an assertion that is not of this time")
			}
		})
	}
}
