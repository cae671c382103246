package signin

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
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

// X5: whichever way a session ends, its cookie is worth nothing afterwards.
func TestX5AnEndedSessionIsNobody(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *flow){
		"signing out": func(t *testing.T, f *flow) {
			if w := f.browse(t, http.MethodPost, "/.ones/logout", "Origin", "https://ones.example"); w.Code != http.StatusSeeOther {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		},
		"signing in again": func(t *testing.T, f *flow) { f.signIn(t, "/") },
		"revoked": func(t *testing.T, f *flow) {
			s, err := f.site.Sessions.Lookup(t.Context(), f.jar["__Host-onesgate"])
			if err == nil {
				err = f.site.Sessions.End(t.Context(), s)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"ended from another browser": func(t *testing.T, f *flow) {
			id := sessionID(t, f)
			clear(f.jar)
			f.signIn(t, "/")
			f.post(t, pathEnd, url.Values{"session": {id}})
		},
		"all others ended": func(t *testing.T, f *flow) {
			clear(f.jar)
			f.signIn(t, "/")
			f.post(t, pathEndAll, nil)
			if f.me(t) == "" {
				t.Error("the session that ends the others has ended, too")
			}
		},
		"all ended":    func(t *testing.T, f *flow) { f.post(t, pathEndAll, url.Values{"which": {"all"}}) },
		"disconnected": func(t *testing.T, f *flow) { f.post(t, pathDisconnect, nil) },
		"signed out at Microsoft": func(t *testing.T, f *flow) {
			clear(f.jar) // a hidden frame of another site: no cookie comes along
			f.browse(t, http.MethodGet, pathFrontchannel+"?sid=sid-of-alice", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "iframe")
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFlow(t, nil)
			f.claims = map[string]any{"sid": "sid-of-alice"}
			f.signIn(t, "/")
			old := f.jar["__Host-onesgate"]
			end(t, f)
			if name == "signing out" && f.jar["__Host-onesgate"] != "" {
				t.Error("the browser still has the cookie")
			}
			f.jar = map[string]string{"__Host-onesgate": old}
			if who := f.me(t); who != "" {
				t.Errorf("the old cookie is still %s", who)
			}
			if w := f.browse(t, http.MethodGet, "/rooms"); w.Code != http.StatusUnauthorized || len(f.reach) != 0 {
				t.Errorf("the old cookie gets %d, and reaches ONES %d times", w.Code, len(f.reach))
			}
		})
	}
}

func sessionID(t *testing.T, f *flow) string {
	t.Helper()
	s, err := f.site.Sessions.Lookup(t.Context(), f.jar["__Host-onesgate"])
	if err != nil {
		t.Fatal(err)
	}
	return s.ID
}

// V7.5.2: people end their own sessions and nobody else's, and a sign-out at
// Microsoft those that began with it.
func TestV752OnlyOnesOwnSessions(t *testing.T) {
	f := newFlow(t, nil)
	f.claims = map[string]any{"sid": "sid-of-alice"}
	f.signIn(t, "/")
	alices, id := f.jar, sessionID(t, f)

	f.jar = map[string]string{}
	f.claims = map[string]any{"sub": "bob", "sid": "sid-of-bob"}
	request := f.begin(t, "/")
	f.browse(t, http.MethodGet, callbackURL(f.authorize(request), request.Get("state")))
	if who := f.me(t); who != flowTenant+".bob" {
		t.Fatalf("bob is %q", who)
	}
	for _, form := range []url.Values{{"session": {id}}, {"session": {id[:12]}}, {"session": {""}}, {"session": {"../" + id}}} {
		f.post(t, pathEnd, form)
	}
	f.post(t, pathEndAll, url.Values{"which": {"all"}, "user": {flowTenant + ".alice"}, "session": {id}})
	for _, query := range []string{"", "?sid=", "?sid=sid-of", "?sid=sid-of-alice&sid=x", "?sid=sid-of-alice/", "?sid=sid-of-bob"} {
		f.browse(t, http.MethodGet, pathFrontchannel+query)
	}
	if who := f.me(t); who != "" {
		t.Errorf("bob's own session is still %s", who)
	}
	f.jar = alices
	if who := f.me(t); who != flowTenant+".alice" {
		t.Error("somebody has ended alice's session")
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

// X7: the way back is what was asked for when the sign-in began, and lies in its
// sealed cookie. An answer can't change it.
func TestX7TheWayBackIsSealed(t *testing.T) {
	f := newFlow(t, nil)
	request := f.begin(t, "/rooms?day=1")
	w := f.browse(t, http.MethodGet, callbackURL(f.authorize(request), request.Get("state"))+"&return_to=/elsewhere&redirect_uri=//evil.example", "Referer", "https://evil.example")
	if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || to != "/rooms?day=1" {
		t.Errorf("%d to %q", w.Code, to)
	}
	for _, back := range []string{"//evil.example", "https://evil.example", `/\evil.example`} {
		if to := f.signIn(t, back).Header().Get("Location"); to != "/" {
			t.Errorf("%q leads to %q", back, to)
		}
		if sealed := f.site.newAttempt(f.site.Integrations[0], back).ReturnTo; sealed != "/" {
			t.Errorf("%q is sealed as %q", back, sealed)
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

// X17: an attempt is sealed for its cookie's name: under another it is none.
func TestX17AnAttemptServesUnderItsNameOnly(t *testing.T) {
	f := newFlow(t, nil)
	first := f.begin(t, "/first")
	var name string
	for name = range f.jar {
	}
	value := f.jar[name]
	second := f.begin(t, "/second")
	for other := range f.jar {
		f.jar[other] = value // the first one's, also in the second one's place
	}
	if err := expired(f.browse(t, http.MethodGet, callbackURL(f.authorize(second), second.Get("state")))); err != nil {
		t.Error("an attempt was moved to another's cookie: ", err)
	}
	if w := f.browse(t, http.MethodGet, callbackURL(f.authorize(first), first.Get("state"))); w.Header().Get("Location") != "/first" {
		t.Errorf("its own: %d %s", w.Code, w.Body)
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
	a := attempt{State: "state", Integration: "contoso", ReturnTo: "/" + strings.Repeat("a", maxAttemptCookie), Expires: time.Now().Add(attemptLife)}
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
		f.jar[name] = value + strings.Repeat("A", maxAttemptCookie)
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

// X20: what the browser had before it signed in is worth nothing afterwards.
func TestX20ASignInMakesANewSession(t *testing.T) {
	f := newFlow(t, nil)
	planted := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("p", 32)))
	f.jar["__Host-onesgate"] = planted
	f.signIn(t, "/")
	first := f.jar["__Host-onesgate"]
	if first == planted {
		t.Fatal("the session has the id that was planted")
	}
	f.signIn(t, "/")
	if f.jar["__Host-onesgate"] == first {
		t.Error("signing in again keeps the id")
	}
	for _, old := range []string{planted, first} {
		if w := f.send(t, http.MethodGet, "/", false, "Cookie", "__Host-onesgate="+old); w.Code != http.StatusUnauthorized {
			t.Errorf("an older id gets %d", w.Code)
		}
	}
}

// R2: an answer serves the browser that asked for it, and once.
func TestR2StateIsBoundToTheBrowser(t *testing.T) {
	f := newFlow(t, nil)
	request := f.begin(t, "/")
	answer := callbackURL(f.authorize(request), request.Get("state"))
	mine := f.jar

	f.jar = map[string]string{} // somebody who was given the link
	if err := expired(f.browse(t, http.MethodGet, answer)); err != nil {
		t.Error("without the cookie: ", err)
	}
	other := f.begin(t, "/")
	if err := expired(f.browse(t, http.MethodGet, answer)); err != nil {
		t.Error("with another sign-in under way: ", err)
	}
	if err := expired(f.browse(t, http.MethodGet, callbackURL(f.authorize(other), other.Get("state")+"x"))); err != nil {
		t.Error("with a state that is almost right: ", err)
	}
	if len(f.forms) != 0 {
		t.Errorf("Microsoft was asked %d times", len(f.forms))
	}
	// The cookie again, as if the answer that takes it away had got lost: the
	// code is another one, but the state has been spent.
	f.jar = mine
	kept := url.Values{}
	for name, value := range f.jar {
		kept.Set(name, value)
	}
	if w := f.browse(t, http.MethodGet, answer); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	f.jar = map[string]string{}
	for name := range kept {
		f.jar[name] = kept.Get(name)
	}
	if err := expired(f.browse(t, http.MethodGet, callbackURL(f.authorize(request), request.Get("state")))); err != nil {
		t.Error("a second time: ", err)
	}
	if _, in := f.jar["__Host-onesgate"]; in {
		t.Error("a state has signed in twice")
	}
}

// R4: each sign-in has a verifier, a state and a nonce of its own, of 128 bits
// and more, and the code is worth nothing without the verifier.
func TestR4EachSignInHasItsOwnSecrets(t *testing.T) {
	f := newFlow(t, nil)
	seen := map[string]bool{}
	for range 20 {
		request := f.begin(t, "/")
		if request.Get("response_type") != "code" || request.Get("code_challenge_method") != "S256" {
			t.Fatalf("asked for %v", request)
		}
		for _, name := range []string{"state", "nonce", "code_challenge"} {
			if v := request.Get(name); len(v) < 26 || seen[v] { // 26 letters of base32 are 130 bits
				t.Fatalf("%s = %q: short, or there before", name, v)
			}
			seen[request.Get(name)] = true
		}
	}
	// A code that was issued for another sign-in of the same person, injected.
	stolen := f.authorize(f.begin(t, "/"))
	own := f.begin(t, "/")
	w := f.browse(t, http.MethodGet, callbackURL(stolen, own.Get("state")))
	if _, in := f.jar["__Host-onesgate"]; in || w.Code == http.StatusSeeOther {
		t.Errorf("an injected code signs in: %d", w.Code)
	}
	// And one whose provider doesn't mind the verifier, but has the other's nonce.
	own = f.begin(t, "/")
	bound := url.Values{}
	for name := range own {
		bound.Set(name, own.Get(name))
	}
	bound.Set("nonce", "another")
	f.browse(t, http.MethodGet, callbackURL(f.authorize(bound), own.Get("state")))
	if _, in := f.jar["__Host-onesgate"]; in {
		t.Error("an ID token with another nonce signs in")
	}
}

// R12: the code leaves the address bar at once, no referrer tells it, and an
// answer that failed serves no second time.
func TestR12TheCodeIsGoneAtOnce(t *testing.T) {
	f := newFlow(t, nil)
	request := f.begin(t, "/rooms")
	w := f.browse(t, http.MethodGet, callbackURL("wrong", request.Get("state")))
	if w.Code < 400 || w.Header().Get("Referrer-Policy") != "no-referrer" || strings.Contains(w.Body.String(), "wrong") {
		t.Errorf("a refused code: %d %v", w.Code, w.Header())
	}
	if err := expired(f.browse(t, http.MethodGet, callbackURL(f.authorize(request), request.Get("state")))); err != nil {
		t.Error("the state of a failed answer serves again: ", err)
	}
	w = f.signIn(t, "/rooms")
	if h := w.Header(); h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" || h.Get("Location") != "/rooms" {
		t.Errorf("after the sign-in: %v", h)
	}
	for name := range f.jar {
		if strings.HasPrefix(name, f.site.cookies.attempt) {
			t.Errorf("%s is still there", name)
		}
	}
}

// R13: our redirects are 303: no browser sends a form or a method again.
func TestR13RedirectsAre303(t *testing.T) {
	f := newFlow(t, nil)
	for _, w := range []*httptest.ResponseRecorder{
		f.browse(t, http.MethodGet, "/rooms", "Accept", "text/html"),
		f.browse(t, http.MethodGet, "/.ones/login/contoso"),
		f.signIn(t, "/"),
		f.browse(t, http.MethodPost, "/.ones/logout", "Origin", "https://ones.example"),
		f.browse(t, http.MethodPost, "/.ones/logout", "Origin", "https://ones.example"), // nobody any more
		f.browse(t, http.MethodGet, "/.ones/logout"),
	} {
		if w.Code != http.StatusSeeOther {
			t.Errorf("%d to %s", w.Code, w.Header().Get("Location"))
		}
	}
}

// V3.3: what our cookies are bound to and how large they are.
func TestV33Cookies(t *testing.T) {
	f := newFlow(t, func(c *GateConfig) { c.Life = session.Life{Idle: time.Hour, Max: 2 * time.Hour} })
	request := f.begin(t, "/"+strings.Repeat("a", maxReturnTo-1))
	w := f.browse(t, http.MethodGet, "/.ones/login/contoso?return_to=/"+strings.Repeat("&", maxReturnTo-1))
	cookies := w.Result().Cookies()
	w = f.browse(t, http.MethodGet, callbackURL(f.authorize(request), request.Get("state")))
	cookies = append(cookies, w.Result().Cookies()...)
	lives := 0
	for _, c := range cookies {
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("%v", c)
		}
		if len(c.Name)+len(c.Value) > 4096 {
			t.Errorf("%s has %d bytes", c.Name, len(c.Name)+len(c.Value))
		}
		if c.Name == "__Host-onesgate" {
			lives = c.MaxAge
		}
	}
	if lives != 7200 || len(cookies) < 3 {
		t.Errorf("the session's cookie lives %d s: %v", lives, cookies)
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

// X4, V10.5.2: who somebody is, is the tenant's id and the subject in it. What
// else a token says changes nothing.
func TestX4WhoSomebodyIs(t *testing.T) {
	f := newFlow(t, nil)
	f.claims = map[string]any{"email": "bob@contoso.example", "preferred_username": "bob@contoso.example@evil.example", "oid": "bob", "upn": "bob"}
	f.signIn(t, "/")
	if who, want := f.me(t), identity.PersonID(flowTenant, "alice"); who != want {
		t.Errorf("signed in as %s, want %s", who, want)
	}
	refused := func(what string, claims map[string]any) {
		t.Helper()
		clear(f.jar)
		f.claims = claims
		request := f.begin(t, "/")
		f.browse(t, http.MethodGet, callbackURL(f.authorize(request), request.Get("state")))
		if who := f.me(t); who != "" {
			t.Errorf("%s is %s", what, who)
		}
	}
	refused("somebody of another tenant", map[string]any{"tid": "22222222-2222-3333-4444-555555555555"})
	// An issuer without tenants may say what it likes, but not what reads as another's id.
	f.site.Integrations[0].Entra = f.client(t, "")
	refused("somebody with a dot in the tenant", map[string]any{"tid": flowTenant + ".alice", "sub": "x"})
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

// X22: what is there twice could be read differently by two readers.
func TestX22TwiceIsRefused(t *testing.T) {
	f := newFlow(t, nil)
	for _, more := range []string{"&state=x", "&code=x", "&error=a&error=b", "&error=", "&state=", "&code="} {
		request := f.begin(t, "/")
		if err := expired(f.browse(t, http.MethodGet, callbackURL(f.authorize(request), request.Get("state"))+more)); err != nil {
			t.Errorf("%s: %v", more, err)
		}
	}
	if len(f.forms) != 0 {
		t.Errorf("Microsoft was asked %d times", len(f.forms))
	}
}

// R3: an answer that names its issuer is that of the issuer that was asked
// (RFC 9207). Microsoft names none.
func TestR3AnotherIssuersAnswer(t *testing.T) {
	f := newFlow(t, nil)
	for _, iss := range []string{"https://evil.example", flowIssuer + "/", "", flowIssuer + "&iss=" + flowIssuer} {
		request := f.begin(t, "/")
		w := f.browse(t, http.MethodGet, callbackURL(f.authorize(request), request.Get("state"))+"&iss="+iss)
		if w.Code < 400 || len(f.forms) != 0 {
			t.Errorf("%q: %d, and the code was sent %d times", iss, w.Code, len(f.forms))
		}
	}
	request := f.begin(t, "/")
	w := f.browse(t, http.MethodGet, callbackURL(f.authorize(request), request.Get("state"))+"&iss="+url.QueryEscape(flowIssuer))
	if w.Code != http.StatusSeeOther || f.me(t) == "" {
		t.Errorf("the right one: %d %s", w.Code, w.Body)
	}
}

// V7.4.2: a silent check of somebody whose grant has died brings a new grant only
// for themselves, and into the session that it was made for.
func TestV742ARecheckIsForOnePersonOnly(t *testing.T) {
	page := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	for name, tt := range map[string]struct {
		answers string // who is signed in with Microsoft
		guest   bool   // and may not enter
		leave   func(*flow)
		in      string
		grant   grant.State
	}{
		"the same person":    {answers: "alice", in: ".alice", grant: grant.Connected},
		"somebody else":      {answers: "bob", grant: grant.NeedsSignIn},
		"a guest":            {answers: "bob", guest: true, grant: grant.NeedsSignIn},
		"signed out between": {answers: "alice", leave: func(f *flow) { delete(f.jar, "__Host-onesgate") }, grant: grant.NeedsSignIn},
		"another session between": {answers: "alice", in: ".bob", grant: grant.NeedsSignIn, leave: func(f *flow) {
			f.claims = map[string]any{"sub": "bob"}
			request := f.begin(t, "/")
			f.browse(t, http.MethodGet, callbackURL(f.authorize(request), request.Get("state")))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFlow(t, nil)
			f.signIn(t, "/")
			if err := f.site.Grants.Forget(t.Context(), flowTenant+".alice"); err != nil {
				t.Fatal(err)
			}
			w := f.browse(t, http.MethodGet, "/rooms", page...)
			to, err := url.Parse(w.Header().Get("Location"))
			if err != nil || to.Host != "login.example" || to.Query().Get("prompt") != "none" || len(f.reach) != 0 {
				t.Fatalf("%d to %v, %v", w.Code, to, err)
			}
			if tt.leave != nil {
				tt.leave(f)
			}
			f.claims = map[string]any{"sub": tt.answers}
			if tt.guest {
				f.claims["acct"] = 1
			}
			f.browse(t, http.MethodGet, callbackURL(f.authorize(to.Query()), to.Query().Get("state")))
			if who := f.me(t); strings.TrimPrefix(who, flowTenant) != tt.in {
				t.Errorf("signed in as %q, want %q", who, tt.in)
			}
			c, err := f.site.Grants.Connection(t.Context(), flowTenant+".alice")
			if err != nil || c.State() != tt.grant {
				t.Errorf("alice is %v, %v, want %s", c.State(), err, tt.grant)
			}
		})
	}
}

// Only somebody who goes to a page is led away for a silent check, with the hint of
// who they are: a program could not come back, and a form would lose what was typed.
func TestWhatIsRechecked(t *testing.T) {
	for name, tt := range map[string]struct {
		method  string
		headers []string
		want    bool
	}{
		"a page":    {http.MethodGet, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, true},
		"a program": {http.MethodGet, []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, false},
		"a form":    {http.MethodPost, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Origin", "https://ones.example"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFlow(t, nil)
			f.claims = map[string]any{"login_hint": "O.hint"}
			f.signIn(t, "/")
			if err := f.site.Grants.Forget(t.Context(), flowTenant+".alice"); err != nil {
				t.Fatal(err)
			}
			w := f.browse(t, tt.method, "/rooms", tt.headers...)
			to, err := url.Parse(w.Header().Get("Location"))
			if led := err == nil && to.Host == "login.example"; led != tt.want || (len(f.reach) == 0) != tt.want {
				t.Errorf("%d to %v, %d requests to ONES", w.Code, to, len(f.reach))
			}
			if tt.want && to.Query().Get("login_hint") != "O.hint" {
				t.Errorf("Microsoft is not told who it is about: %v", to)
			}
		})
	}
}

// Nobody is led to Microsoft twice within an hour, whatever gateway answers and
// whatever it has forgotten since: there would be no end to it.
func TestRecheckOnceAnHour(t *testing.T) {
	f := newFlow(t, nil)
	page := func() *url.URL {
		t.Helper()
		f.reach = nil
		w := f.browse(t, http.MethodGet, "/rooms", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
		to, err := url.Parse(w.Header().Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		return to
	}
	forget := func() {
		t.Helper()
		if err := f.site.Grants.Forget(t.Context(), flowTenant+".alice"); err != nil {
			t.Fatal(err)
		}
	}
	f.signIn(t, "/")
	forget()
	to := page()
	if to.Query().Get("prompt") != "none" {
		t.Fatalf("led to %v, want a check", to)
	}
	f.browse(t, http.MethodGet, CallbackPath+"?"+url.Values{"error": {"server_error"}, "state": {to.Query().Get("state")}}.Encode())
	other := session.New(f.store, time.Now, slog.New(slog.DiscardHandler), func() time.Duration { return 0 })
	t.Cleanup(other.Close)
	f.site.Sessions = other
	if to := page(); len(f.reach) != 1 {
		t.Errorf("at another gateway led to %v", to)
	}
	f.signIn(t, "/")
	forget()
	if to := page(); to.Query().Get("prompt") != "none" {
		t.Errorf("with another session led to %v, want a check", to)
	}
}

// Who signs in while Graph is away has no name until it is back: then the next page
// finds it, without a word.
func TestNameIsFoundLater(t *testing.T) {
	f := newFlow(t, nil)
	page := func() *httptest.ResponseRecorder {
		t.Helper()
		f.reach = nil
		return f.browse(t, http.MethodGet, "/rooms", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
	}
	back := func(answer url.Values) *httptest.ResponseRecorder {
		t.Helper()
		to, err := url.Parse(page().Header().Get("Location"))
		if err != nil || to.Query().Get("prompt") != "none" {
			t.Fatalf("led to %v, want a check", to)
		}
		delete(f.jar, "__Host-onesgate-checked") // an hour later
		if answer == nil {
			answer = url.Values{"code": {f.authorize(to.Query())}}
		}
		answer.Set("state", to.Query().Get("state"))
		return f.browse(t, http.MethodGet, CallbackPath+"?"+answer.Encode())
	}
	f.mute = true
	f.signIn(t, "/")
	cookie := f.jar["__Host-onesgate"]
	for name, answer := range map[string]url.Values{
		"still away": nil, "Microsoft wants a sign-in": {"error": {"login_required"}}, "an outage there": {"error": {"server_error"}},
	} {
		if w := back(answer); w.Header().Get("Location") != "/rooms" || f.jar["__Host-onesgate"] != cookie {
			t.Fatalf("%s: %d to %s, want the page and the same session", name, w.Code, w.Header().Get("Location"))
		}
	}
	f.claims = map[string]any{"sub": "mallory"}
	if w := back(nil); w.Header().Get("Location") != "/rooms" || f.jar["__Host-onesgate"] != cookie {
		t.Fatalf("somebody else: %d to %s, want the page and the same session", w.Code, w.Header().Get("Location"))
	}
	f.claims = nil

	f.mute = false
	if w := back(nil); w.Header().Get("Location") != "/rooms" || f.jar["__Host-onesgate"] == cookie {
		t.Fatalf("back again: %d to %s, want the page and another session", w.Code, w.Header().Get("Location"))
	}
	page()
	if len(f.reach) != 1 || f.reach[0].Header.Get("X-Ones-User-Email") != "alice@contoso.example" || f.reach[0].Header.Get("X-Ones-User-Name") != "Alice Chan" {
		t.Fatalf("ONES was told %v", f.reach)
	}
	if found, err := f.site.People.ByEmail(t.Context(), "alice@contoso.example"); err != nil || len(found) != 1 {
		t.Errorf("by the address: %v, %v", found, err)
	}
}

// Nobody is told that they are signed out while they are not.
func TestSignedOutIsTrue(t *testing.T) {
	f := newFlow(t, nil)
	if w := f.browse(t, http.MethodGet, "/.ones/signed-out"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `data-kind="signed_out"`) {
		t.Errorf("without a session: %d", w.Code)
	}
	f.signIn(t, "/")
	if w := f.browse(t, http.MethodGet, "/.ones/signed-out"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/.ones/account" {
		t.Errorf("with a session: %d to %s", w.Code, w.Header().Get("Location"))
	}
}
