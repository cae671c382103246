package signin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/badgerstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// broken is a store that can be made to fail.
type broken struct {
	store.Store
	fails atomic.Bool
}

var errBroken = errors.New("the store is broken")

func (b *broken) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	if b.fails.Load() {
		return 0, errBroken
	}
	return b.Store.Commit(ctx, writes...)
}

func (b *broken) Get(ctx context.Context, key string) (store.Record, error) {
	if b.fails.Load() {
		return store.Record{}, errBroken
	}
	return b.Store.Get(ctx, key)
}

// stage is a gate with somebody signed in.
type stage struct {
	*Gate
	store  *broken
	cookie string
	reach  []*http.Request // what got through
}

func newStage(t testing.TB, change func(*GateConfig)) *stage {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	bs, err := badgerstore.Open(badgerstore.Options{Dir: t.TempDir(), MinFree: 1, Log: quiet, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bs.Close() })
	st := &stage{store: &broken{Store: bs}}
	keys, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	sessions := session.New(st.store, time.Now, quiet, func() time.Duration { return 0 })
	t.Cleanup(sessions.Close)
	grants := grant.New(grant.Config{
		Store: st.store, Seal: keys, Log: quiet, Now: time.Now,
		Client: func(string) (*entra.Client, bool) { return nil, false },
	})
	t.Cleanup(grants.Close)
	ring, err := identity.NewRing(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	signer := identity.NewSigner(func() *identity.Ring { return ring }, "https://ones.example", "https://ones.example")
	public, err := ParsePublic([]string{"/display/*"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := GateConfig{Public: public, Life: session.Life{Idle: time.Hour, Max: time.Hour}, Signer: signer}
	if change != nil {
		change(&cfg)
	}
	site := New(Config{
		PublicURL: &url.URL{Scheme: "https", Host: "ones.example"}, Store: st.store,
		Integrations: []Integration{{Name: "contoso", Label: "Sign in", Entra: ofTenant(t, "TID")}}, // a GUID in either case
		Seal:         keys, Sessions: sessions,
		People: people.New(st.store, time.Now), Grants: grants, RoomAccounts: rooms.New(st.store, grants), Log: quiet, Audit: quiet, Now: time.Now,
		Ready: func() error { return nil }, SignedIn: func(string) {},
	})
	st.Gate = site.Gate(cfg)
	alice := &identity.Person{ID: "tid.alice", TenantID: "tid", Integration: "contoso", Email: "alice@contoso.example", Name: "Alice"}
	if st.cookie, _, err = sessions.Start(t.Context(), session.Opening{Person: alice, Life: cfg.Life}); err != nil {
		t.Fatal(err)
	}
	return st
}

// ofTenant is a client that asks nobody.
func ofTenant(t testing.TB, id string) *entra.Client {
	t.Helper()
	p := entra.NewProvider("https://idp.example", http.DefaultClient, time.Now)
	t.Cleanup(p.Close)
	return entra.NewClient(entra.Config{TenantID: id}, p, slog.New(slog.DiscardHandler))
}

// ofDomainInOutage is a client that can't ask whose domain it was given.
func ofDomainInOutage(t testing.TB) *entra.Client {
	t.Helper()
	away := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("away") })}
	p := entra.NewProvider("https://login.microsoftonline.com/contoso.com/v2.0", away, time.Now)
	t.Cleanup(p.Close)
	return entra.NewClient(entra.Config{}, p, slog.New(slog.DiscardHandler))
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// send sends a request to the gate. Headers come in pairs; cookie signs in.
func (st *stage) send(t testing.TB, method, target string, signedIn bool, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	if signedIn {
		r.Header.Add("Cookie", "a=1; __Host-onesgate="+st.cookie)
	}
	w := httptest.NewRecorder()
	if err := st.Serve(w, r, r.URL, st.next); err != nil {
		t.Fatal(err)
	}
	return w
}

func (st *stage) next(w http.ResponseWriter, r *http.Request) error {
	st.reach = append(st.reach, r)
	_, err := io.WriteString(w, "ones")
	return err
}

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
	if p := identity.FromContext(r.Context()); p == nil || p.ID != "tid.alice" || !identity.TriedActAs(r.Context()) {
		t.Errorf("context: %v, tried %v", p, identity.TriedActAs(r.Context()))
	}
	// The assertion is signed once for many requests.
	first := r.Header.Get("X-Ones-Assertion")
	st.send(t, http.MethodGet, "/rooms", true)
	if got := st.reach[1].Header.Get("X-Ones-Assertion"); got != first || first == "" {
		t.Error("the assertion was signed again for the next request")
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

// X5: as long as the record could not be deleted, nobody is told that it was.
func TestSignOutThatFails(t *testing.T) {
	st := newStage(t, nil)
	st.store.fails.Store(true)
	w := st.send(t, http.MethodPost, "/.ones/logout", true, "Origin", "https://ones.example")
	if w.Code != http.StatusServiceUnavailable || len(w.Result().Cookies()) != 0 {
		t.Errorf("%d, cookies %v: the browser must be able to try again", w.Code, w.Result().Cookies())
	}
	st.store.fails.Store(false)
	if w := st.send(t, http.MethodGet, "/.ones/me", true); w.Code != http.StatusOK {
		t.Errorf("/.ones/me: %d", w.Code)
	}
}

// Somebody who signs out is signed out, also where it can't be told right now whether
// their tenant is still configured, or isn't.
func TestX5SignOutOfATenantThatIsAway(t *testing.T) {
	for name, away := range map[string][]Integration{
		"removed":                       nil,
		"a tenant that nobody can tell": {{Name: "contoso", Entra: ofDomainInOutage(t)}},
	} {
		st := newStage(t, nil)
		configured := st.site.Integrations
		st.site.Integrations = away
		w := st.send(t, http.MethodPost, "/.ones/logout", true, "Origin", "https://ones.example")
		if w.Code != http.StatusSeeOther {
			t.Errorf("%s: %d", name, w.Code)
		}
		st.site.Integrations = configured
		if w := st.send(t, http.MethodGet, "/.ones/me", true); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: signed out, and the cookie is still good: %d %s", name, w.Code, w.Body)
		}
	}
}

// Signing out is over with when it has been asked for, even if the browser is closed
// right after.
func TestX5SignOutOfABrowserThatHangsUp(t *testing.T) {
	for _, tt := range []struct {
		method, path string
		form         func(*flow) url.Values
	}{
		{"POST", pathLogout, nil},
		{"POST", pathEnd, func(f *flow) url.Values { return url.Values{"session": {sessionID(t, f)}} }},
		{"POST", pathEndAll, func(*flow) url.Values { return url.Values{"which": {"all"}} }},
		{"POST", pathDisconnect, nil},
		{"GET", pathFrontchannel + "?sid=sid-of-alice", nil},
	} {
		f := newFlow(t, nil)
		f.claims = map[string]any{"sid": "sid-of-alice"}
		f.signIn(t, "/")
		left, leave := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(left, tt.method, tt.path, nil)
		if tt.form != nil {
			r.PostForm = tt.form(f)
		}
		r.Header.Set("Origin", "https://ones.example")
		for name, value := range f.jar {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		leave()
		if err := f.Serve(httptest.NewRecorder(), r, r.URL, f.next); err != nil {
			t.Fatal(err)
		}
		if who := f.me(t); who != "" {
			t.Errorf("%s: still signed in as %s", tt.path, who)
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
