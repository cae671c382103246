package signin

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/store"
)

// X7: the way back is what was asked for when the sign-in began, and lies in its
// sealed cookie. An answer can't change it.
func TestX7TheWayBackIsSealed(t *testing.T) {
	f := newFlow(t, nil)
	request := f.begin(t, "/rooms?day=1")
	w := f.browse(t, http.MethodGet, callbackURL(f.authorize(request), request.Get("state"))+"&return_to=/elsewhere&redirect_uri=//evil.example", "Referer", "https://evil.example")
	if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || to != "/rooms?day=1" {
		t.Errorf("%d to %q", w.Code, to)
	}
	for _, back := range []string{"/view/https://elsewhere.example/a//b/", "/rooms//?day=%2F%2F"} {
		if to := f.signIn(t, back).Header().Get("Location"); to != back {
			t.Errorf("%q leads to %q", back, to)
		}
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

// An answer that belongs to no sign-in is in no access log, so a line of ours leads from the page
// to what came, without what was in it.
func TestAnAnswerThatBelongsToNoSignInIsLogged(t *testing.T) {
	st := newStage(t, nil)
	var log bytes.Buffer
	st.site.Log = slog.New(slog.NewTextHandler(&log, nil))
	for path, reason := range map[string]string{
		"/.ones/callback?code=c0de&state=5tate":       "no_cookies",
		"/.ones/callback":                             "sign_in_expired",
		"/.ones/rooms/callback?code=c0de&state=5tate": "sign_in_expired",
	} {
		log.Reset()
		w := st.send(t, http.MethodGet, path, false)
		_, reference, shown := strings.Cut(w.Body.String(), `id="reference">`)
		reference, _, _ = strings.Cut(reference, "<")
		line := log.String()
		if !shown || reference == "" || !strings.Contains(line, `msg="sign-in failed"`) || !strings.Contains(line, "reference="+reference) || !strings.Contains(line, "reason="+reason) {
			t.Errorf("%s: %d with %q, and the log %q", path, w.Code, reference, line)
		}
		if strings.Contains(line, "c0de") || strings.Contains(line, "5tate") {
			t.Errorf("%s: %s", path, line)
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

// Whoever signs in while they are erased is in the directory when they have a session.
func TestSignInOfSomebodyErasedMeanwhile(t *testing.T) {
	const id = flowTenant + ".alice"
	for name, key := range map[string]string{"before the grant is kept": "grant/" + id, "before the session begins": "session/"} {
		t.Run(name, func(t *testing.T) {
			f := newFlow(t, nil)
			erased := false
			f.store.Store = &ahead{
				Store: f.store.Store,
				of:    func(w store.Write) bool { return strings.HasPrefix(w.Key, key) && w.Op == store.Put },
				act: func() {
					e, err := f.site.People.Get(t.Context(), id)
					if err != nil {
						t.Fatal(err)
					}
					struck, err := f.site.People.Strike(t.Context(), e, "operator")
					if err == nil {
						err = f.site.People.Remove(t.Context(), struck)
					}
					if erased = err == nil; !erased {
						t.Fatal(err)
					}
				},
			}
			f.signIn(t, "/")
			if f.me(t) == "" || !erased {
				t.Fatalf("not signed in; erased: %v", erased)
			}
			if _, err := f.site.People.Find(t.Context(), "alice@contoso.example"); err != nil {
				t.Errorf("not in the directory: %v", err)
			}
		})
	}
}

// A grant is kept of nobody who isn't in the directory: there it would never be found,
// and be kept alive for ever.
func TestGrantOfSomebodyErasedMeanwhile(t *testing.T) {
	const id = flowTenant + ".alice"
	f := newFlow(t, nil)
	f.store.Store = &ahead{
		Store: f.store.Store,
		of:    func(w store.Write) bool { return w.Key == "grant/"+id && w.Op == store.Put },
		act: func() {
			e, err := f.site.People.Get(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			struck, err := f.site.People.Strike(t.Context(), e, "operator")
			if err == nil {
				err = f.site.People.Remove(t.Context(), struck)
			}
			if err != nil {
				t.Fatal(err)
			}
			f.store.Store = &ahead{ // and with that the sign-in breaks off
				Store: f.store.Store,
				of:    func(w store.Write) bool { return strings.HasPrefix(w.Key, "session/") },
				act:   func() { f.store.fails.Store(true) },
			}
		},
	}
	request := f.begin(t, "/")
	f.browse(t, http.MethodGet, callbackURL(f.authorize(request), request.Get("state")))
	f.store.fails.Store(false)
	if f.me(t) != "" {
		t.Fatal("the sign-in has not broken off")
	}
	_, kept := f.store.Get(t.Context(), "grant/"+id)
	if _, known := f.site.People.Get(t.Context(), id); kept == nil && known != nil {
		t.Errorf("a grant is kept: %v", known)
	}
}
