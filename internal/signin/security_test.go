package signin

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/session"
)

// The tests here are named after lines of docs/threat-model.md.

// X1: where we are, and what our cookies are bound to, is configured. Nothing
// that a request says about it is believed.
func TestX1NothingIsBelievedOfARequest(t *testing.T) {
	f := newFlow(t, nil)
	lies := []string{
		"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "http", "X-Forwarded-Port", "8080", "X-Forwarded-Prefix", "/evil",
		"X-Forwarded-Uri", "/display/1", "X-Original-Url", "/display/1", "X-Rewrite-Url", "/display/1", "X-Real-Ip", "127.0.0.1",
		"Forwarded", "host=evil.example;proto=http", "X-Host", "evil.example", "X-Http-Method-Override", "GET",
	}
	if got := f.begin(t, "/", lies...).Get("redirect_uri"); got != "https://ones.example/.ones/callback" {
		t.Errorf("redirect_uri = %s", got)
	}
	r := httptest.NewRequest(http.MethodGet, "http://evil.example/rooms", nil)
	for i := 0; i < len(lies); i += 2 {
		r.Header.Add(lies[i], lies[i+1])
	}
	w := httptest.NewRecorder()
	if err := f.Serve(w, r, r.URL, f.next); err != nil || len(f.reach) != 0 || w.Code != http.StatusUnauthorized {
		t.Fatalf("%d %v, reached ONES %d times", w.Code, err, len(f.reach))
	}
	if !strings.Contains(w.Body.String(), `"login_url":"https://ones.example/.ones/login?`) || strings.Contains(w.Body.String(), "evil") {
		t.Errorf("the way in is %s", w.Body)
	}
	r = httptest.NewRequest(http.MethodGet, "http://evil.example/.ones/login/contoso", nil)
	w = httptest.NewRecorder()
	if err := f.Serve(w, r, r.URL, f.next); err != nil {
		t.Fatal(err)
	}
	for _, c := range w.Result().Cookies() {
		if c.Domain != "" || c.Path != "/" || !c.Secure || !strings.HasPrefix(c.Name, "__Host-") {
			t.Errorf("cookie %v", c)
		}
	}
}

// X2: the query never takes part in what is public, and nothing is by default.
func TestX2DefaultIsDeny(t *testing.T) {
	st := newStage(t, nil)
	for _, target := range []string{
		"/", "/admin?/display/1", "/admin?path=/display/1", "/admin#/display/1", "/admin/display/1", "/DISPLAY/1", "/display", "/.ones",
		"/display/../admin", "/display/%2e%2e/admin", "/display/..%2fadmin", "/display/..;/admin", "/display//admin",
	} {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL = u
		w := httptest.NewRecorder()
		if err := st.Serve(w, r, u, st.next); err != nil || w.Code != http.StatusUnauthorized || len(st.reach) != 0 {
			t.Errorf("%s: %d %v, reached ONES %d times", target, w.Code, err, len(st.reach))
		}
	}
}

// X3: a health check is an exact path of ours. Nothing else makes a request one.
func TestX3HealthIsAnExactPath(t *testing.T) {
	st := newStage(t, nil)
	for _, tt := range []struct {
		path    string
		headers []string
		status  int
	}{
		{"/.ones/healthz", nil, http.StatusOK},
		{"/.ones/readyz", nil, http.StatusOK},
		{"/.ones/healthz/", nil, http.StatusNotFound},
		{"/.ones/healthz/x", nil, http.StatusNotFound},
		{"/.ones/Healthz", nil, http.StatusNotFound},
		{"/healthz", nil, http.StatusUnauthorized},
		{"/ping", []string{"User-Agent", "kube-probe/1.33"}, http.StatusUnauthorized},
		{"/", []string{"User-Agent", "GoogleHC/1.0"}, http.StatusUnauthorized},
		{"/x/.ones/healthz", nil, http.StatusUnauthorized},
	} {
		if w := st.send(t, http.MethodGet, tt.path, false, tt.headers...); w.Code != tt.status || len(st.reach) != 0 {
			t.Errorf("%s %v: %d, want %d; reached ONES %d times", tt.path, tt.headers, w.Code, tt.status, len(st.reach))
		}
	}
}

// X6: whatever way a request takes, what it claims about who sends it is gone.
func TestX6StrippedOnEveryWay(t *testing.T) {
	forged := []string{"X-Ones-User-Id", "evil", "x_ones_user_email", "evil", "X.Ones.Assertion", "evil", "X-Ones-Anything", "evil", "Ones-Act-As", "evil", "ones_act.as", "evil"}
	for _, optional := range []bool{false, true} {
		st := newStage(t, func(c *GateConfig) { c.Optional = optional })
		for _, signedIn := range []bool{false, true} {
			for _, target := range []string{"/", "/display/1", "/x?y", "/display/../x", "/.ones/me", "/.ones/nothing"} {
				for _, more := range [][]string{{"GET"}, {"OPTIONS"}, {"TRACE"}, {"POST", "Origin", "https://ones.example"}, {"GET", "Upgrade", "websocket", "Connection", "Upgrade, x-ones-user-id", "Origin", "https://ones.example"}, {"GET", "Accept", "text/event-stream"}} {
					st.reach = nil
					st.send(t, more[0], target, signedIn, append(more[1:], forged...)...)
					for _, r := range st.reach {
						for name, values := range r.Header {
							if slices.Contains(values, "evil") || strings.Contains(strings.ToLower(strings.Join(r.Header["Connection"], ",")), "ones") {
								t.Errorf("optional %v, signed in %v, %v %s: %s: %q reached ONES", optional, signedIn, more, target, name, values)
							}
						}
					}
				}
			}
		}
	}
}

// X13: no answer of ours holds a token, a code or a secret.
func TestX13NoTokenIsShown(t *testing.T) {
	f := newFlow(t, nil)
	f.claims = map[string]any{"login_hint": "hint-of-alice", "sid": "sid-of-alice"}
	f.signIn(t, "/")
	secrets := append(slices.Clone(f.issued), f.forms[0].Get("code"), f.forms[0].Get("code_verifier"), "flow-client-secret", f.jar["__Host-onesgate"])
	for _, path := range []string{
		"/.ones/me", "/.ones/login", "/.ones/integrations", "/.ones/logout", "/.ones/jwks.json", "/.ones/healthz", "/.ones/readyz",
		"/.ones/signed-out", "/.ones/nothing", "/.ones/callback?state=x&code=y", "/.ones/account", "/.ones/account/disconnect", "/.ones/status",
	} {
		for _, accept := range []string{"text/html", "application/json"} {
			w := f.browse(t, http.MethodGet, path, "Accept", accept)
			for i, secret := range secrets {
				if len(secret) < 16 {
					t.Fatalf("secret %d is %q: not what was meant", i, secret)
				}
				if strings.Contains(w.Body.String(), secret) || strings.Contains(w.Header().Get("Location"), secret) {
					t.Errorf("%s as %s shows secret %d: %s…", path, accept, i, secret[:8])
				}
			}
		}
	}
}

// X15: nothing is changed by a GET, nor by another site's POST.
func TestX15OnlyOurOwnPagesChangeAnything(t *testing.T) {
	f := newFlow(t, nil)
	f.signIn(t, "/")
	for _, more := range [][]string{
		{"GET"},
		{"HEAD"},
		{"GET", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"},
		{"POST"},
		{"POST", "Origin", "https://evil.example"},
		{"POST", "Origin", "null", "Sec-Fetch-Site", "cross-site"},
		{"POST", "Sec-Fetch-Site", "same-site"},
		{"POST", "Referer", "https://ones.example/"},
		{"DELETE", "Origin", "https://ones.example"},
	} {
		for _, path := range []string{pathLogout, pathEnd, pathEndAll, pathDisconnect} {
			w := f.browse(t, more[0], path+"?which=all&session="+sessionID(t, f), more[1:]...)
			if who := f.me(t); who == "" {
				t.Fatalf("%v %s has signed out: %d", more, path, w.Code)
			}
		}
	}
}

// X16: a bearer token is no sign-in, not even one that Microsoft has signed for us.
func TestX16ABearerTokenIsNoSignIn(t *testing.T) {
	f := newFlow(t, nil)
	f.signIn(t, "/")
	tokens := slices.Clone(f.issued)
	value := f.jar["__Host-onesgate"]
	clear(f.jar)
	for _, token := range append(tokens, value, "x") {
		if w := f.browse(t, http.MethodGet, "/", "Authorization", "Bearer "+token); w.Code != http.StatusUnauthorized || len(f.reach) != 0 {
			t.Errorf("a bearer token gets %d and reaches ONES %d times", w.Code, len(f.reach))
		}
	}
}

// X18: after a refusal or a redirect nothing goes on to ONES.
func TestX18RefusedIsOver(t *testing.T) {
	st := newStage(t, nil)
	for _, more := range [][]string{
		{"GET", "/"},
		{"GET", "/", "Accept", "text/html"},
		{"POST", "/", "Accept", "text/html"},
		{"GET", "/", "Upgrade", "websocket"},
		{"HEAD", "/"},
		{"OPTIONS", "/"},
		{"CONNECT", "/"},
		{"GET", "/.ones/login"},
		{"GET", "/.ones/nothing"},
		{"POST", "/.ones/callback"},
	} {
		st.send(t, more[0], more[1], false, more[2:]...)
	}
	for _, more := range [][]string{{"POST", "/"}, {"GET", "/", "Upgrade", "websocket", "Origin", "https://evil.example"}} {
		st.send(t, more[0], more[1], true, more[2:]...)
	}
	if len(st.reach) != 0 {
		t.Errorf("%d refused requests reached ONES, the first %s %s", len(st.reach), st.reach[0].Method, st.reach[0].URL)
	}
}

// X19: what comes in cookies is bounded before it is looked at.
func TestX19CookiesAreBounded(t *testing.T) {
	f := newFlow(t, nil)
	// Sealed by us, but longer than any we set: it is not even opened.
	a := attempt{State: "state", Integration: "contoso", ReturnTo: "/" + strings.Repeat("a", maxCookie), Expires: time.Now().Add(attemptLife)}
	name := f.site.cookies.attemptName(time.Now(), a.State)
	value, err := a.seal(f.site.Seal, name)
	if err != nil {
		t.Fatal(err)
	}
	f.jar[name] = value
	if err := expired(f.browse(t, http.MethodGet, callbackURL("code", "state"))); err != nil {
		t.Error(err)
	}
	clear(f.jar)
	request := f.begin(t, "/")
	for name, value := range f.jar {
		f.jar[name] = value + strings.Repeat("A", maxCookie)
	}
	if err := expired(f.browse(t, http.MethodGet, callbackURL(f.authorize(request), request.Get("state")))); err != nil {
		t.Error(err)
	}
	clear(f.jar)
	for range 3 * maxAttempts {
		f.begin(t, "/"+strings.Repeat("a", maxReturnTo-1))
	}
	size := 0
	for name, value := range f.jar {
		size += len(name) + len(value) + len("=; ")
	}
	if len(f.jar) > maxAttempts || size > 16<<10 {
		t.Errorf("%d attempts in %d bytes of cookies", len(f.jar), size)
	}
}

// V9.2.4, X24: the assertion is for its audience, and one made for a person, a
// connection or a gate is not shown for another.
func TestX24AssertionsAreNotShared(t *testing.T) {
	st := newStage(t, nil)
	bob := &identity.Person{ID: "tid.bob", TenantID: "tid", Integration: "contoso", Name: "Bob"}
	cookie, _, err := st.site.Sessions.Start(t.Context(), session.Opening{Person: bob, Life: st.Life})
	if err != nil {
		t.Fatal(err)
	}
	st.send(t, http.MethodGet, "/", true)
	st.send(t, http.MethodGet, "/", false, "Cookie", "__Host-onesgate="+cookie)
	for i, want := range []string{"tid.alice", "tid.bob"} {
		parts := strings.Split(st.reach[i].Header.Get("X-Ones-Assertion"), ".")
		if len(parts) != 3 {
			t.Fatalf("no assertion: %q", parts)
		}
		var claims struct {
			Subject  string `json:"sub"`
			Audience string `json:"aud"`
		}
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err == nil {
			err = json.Unmarshal(payload, &claims)
		}
		if err != nil || claims.Subject != want || claims.Audience != "https://ones.example" {
			t.Errorf("the assertion of %s says %+v, %v", want, claims, err)
		}
	}
}

// X24: what the headers say of a connection is how it stands now, and the
// assertion is made anew well before it ends.
func TestX24AssertionsDoNotGrowOld(t *testing.T) {
	st := newStage(t, nil)
	var last string
	assertion := func() (token, connection string) {
		st.reach = nil
		st.send(t, http.MethodGet, "/", true)
		h := st.reach[0].Header
		return h.Get("X-Ones-Assertion"), h.Get("X-Ones-Connection")
	}
	last, _ = assertion()
	if err := st.site.Grants.Save(t.Context(), "tid.alice", "contoso", entra.Tokens{Access: "a", Refresh: "r", Expires: time.Now().Add(time.Hour)}, grant.Connected); err != nil {
		t.Fatal(err)
	}
	token, connection := assertion()
	if connection != string(grant.Connected) || token == last {
		t.Errorf("after a new grant: %s, signed anew: %v", connection, token != last)
	}
	later := time.Now().Add(identity.AssertionLife / 2)
	st.site.Now = func() time.Time { return later }
	if again, _ := assertion(); again == token {
		t.Error("an assertion is shown until it ends, or longer")
	}
}
