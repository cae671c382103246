package signin

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/grant"
)

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

// Who signs in in one tab is not disconnected, nor signed out everywhere, by a page that asks
// somebody else in another one.
func TestPagesShownToSomebodyElse(t *testing.T) {
	const field = `name="person" value="`
	for page, form := range map[string]struct {
		path  string
		which string
	}{pathDisconnect: {pathDisconnect, ""}, pathAccount: {pathEndAll, "all"}} {
		f := newFlow(t, nil)
		shown := func() url.Values {
			t.Helper()
			_, rest, there := strings.Cut(f.browse(t, http.MethodGet, page, "Accept", "text/html").Body.String(), field)
			person, _, _ := strings.Cut(rest, `"`)
			if !there || person == "" {
				t.Fatalf("%s does not say whom it was shown to", page)
			}
			return url.Values{"person": {person}, "which": {form.which}}
		}
		f.signIn(t, "/")
		alices := shown()
		f.claims = map[string]any{"sub": "bob"}
		request := f.begin(t, "/")
		f.browse(t, http.MethodGet, callbackURL(f.authorize(request), request.Get("state")))
		if w := f.post(t, form.path, alices); w.Header().Get("Location") != pathAccount || f.me(t) != flowTenant+".bob" {
			t.Errorf("%s: %d to %s, and the browser is %q", form.path, w.Code, w.Header().Get("Location"), f.me(t))
		}
		if c, err := f.site.Grants.Connection(t.Context(), flowTenant+".bob"); err != nil || c.State() != grant.Connected {
			t.Errorf("%s: bob is %s, %v", form.path, c.State(), err)
		}
		if f.post(t, form.path, shown()); f.me(t) != "" {
			t.Errorf("%s: bob's own form has done nothing", form.path)
		}
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
