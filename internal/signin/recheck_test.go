package signin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/store"
)

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
			// A grant that is alive would keep the session in any case.
			if err := f.site.Grants.Forget(t.Context(), flowTenant+".bob"); err != nil {
				t.Error(err)
			}
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
	for name, claims := range map[string]map[string]any{"somebody else": {"sub": "mallory"}, "a guest": {"sub": "mallory", "acct": 1}} {
		f.claims = claims
		if w := back(nil); w.Header().Get("Location") != "/rooms" || f.jar["__Host-onesgate"] != cookie {
			t.Fatalf("%s: %d to %s, want the page and the same session", name, w.Code, w.Header().Get("Location"))
		}
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

// toPage are the headers of a browser that goes to a page.
var toPage = []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}

// checked signs alice in, forgets her grant, and returns what Microsoft is asked of
// her without a word when she goes to a page.
func (f *flow) checked(t *testing.T) url.Values {
	t.Helper()
	f.signIn(t, "/")
	if err := f.site.Grants.Forget(t.Context(), flowTenant+".alice"); err != nil {
		t.Fatal(err)
	}
	w := f.browse(t, http.MethodGet, "/rooms", toPage...)
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil || to.Host != "login.example" || to.Query().Get("prompt") != "none" {
		t.Fatalf("%d to %v, %v", w.Code, to, err)
	}
	return to.Query()
}

// Whoever else is signed in with Microsoft in the browser: the session is over, also
// if they may not enter themselves.
func TestRecheckOfSomebodyWhoMayNotEnter(t *testing.T) {
	f := newFlow(t, nil)
	asked := f.checked(t)
	f.claims = map[string]any{"sub": "guest", "acct": 1}
	w := f.browse(t, http.MethodGet, callbackURL(f.authorize(asked), asked.Get("state")))
	if who := f.me(t); who != "" {
		t.Errorf("%d, and the browser is still signed in as %s", w.Code, who)
	}
}

// An answer that comes twice at once (a browser may send it again) is no reason to
// end the session that the first one has just mended.
func TestRecheckAnsweredTwice(t *testing.T) {
	f := newFlow(t, nil)
	asked := f.checked(t)
	answer := callbackURL(f.authorize(asked), asked.Get("state"))
	jar := url.Values{}
	for name, value := range f.jar {
		jar.Set(name, value)
	}
	f.browse(t, http.MethodGet, answer)
	for name := range jar {
		f.jar[name] = jar.Get(name)
	}
	f.used = true
	w := f.browse(t, http.MethodGet, answer)
	if who := f.me(t); who != flowTenant+".alice" || w.Header().Get("Location") != "/rooms" {
		t.Errorf("%d to %s, signed in as %q", w.Code, w.Header().Get("Location"), who)
	}
}

// Where Microsoft wants a new sign-in the session ends, even if the browser doesn't
// wait for that.
func TestRecheckOfABrowserThatHangsUp(t *testing.T) {
	f := newFlow(t, nil)
	asked := f.checked(t)
	r := httptest.NewRequest(http.MethodGet, CallbackPath+"?"+url.Values{"error": {"login_required"}, "state": {asked.Get("state")}}.Encode(), nil)
	for name, value := range f.jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	left, leave := context.WithCancel(t.Context())
	leave()
	if err := f.Serve(httptest.NewRecorder(), r.WithContext(left), r.URL, f.next); err != nil {
		t.Fatal(err)
	}
	if who := f.me(t); who != "" {
		t.Errorf("still signed in as %s", who)
	}
}

// A page that is only fetched ahead is no place to ask Microsoft: the browser drops
// the answer, and nobody would be asked for the next hour.
func TestRecheckNotAheadOfTime(t *testing.T) {
	for _, purpose := range []string{"prefetch", "prefetch;prerender", "prefetch;anonymous-client-ip"} {
		f := newFlow(t, nil)
		f.signIn(t, "/")
		if err := f.site.Grants.Forget(t.Context(), flowTenant+".alice"); err != nil {
			t.Fatal(err)
		}
		if w := f.browse(t, http.MethodGet, "/rooms", append([]string{"Sec-Purpose", purpose}, toPage...)...); w.Code != http.StatusOK {
			t.Errorf("%s: %d to %s", purpose, w.Code, w.Header().Get("Location"))
		}
		if w := f.browse(t, http.MethodGet, "/rooms", toPage...); w.Code != http.StatusSeeOther {
			t.Errorf("the page itself after %s: %d", purpose, w.Code)
		}
	}
}

// Nobody is led away from a page that they could not be led back to: they would notice.
func TestRecheckLosesNoPage(t *testing.T) {
	f := newFlow(t, nil)
	f.signIn(t, "/")
	if err := f.site.Grants.Forget(t.Context(), flowTenant+".alice"); err != nil {
		t.Fatal(err)
	}
	if w := f.browse(t, http.MethodGet, "/rooms?"+strings.Repeat("a", maxReturnTo), toPage...); w.Code != http.StatusOK {
		t.Errorf("%d to %s", w.Code, w.Header().Get("Location"))
	}
	for _, page := range []string{"/rooms", "/"} {
		delete(f.jar, "__Host-onesgate-checked")
		if w := f.browse(t, http.MethodGet, page, toPage...); w.Code != http.StatusSeeOther {
			t.Errorf("%s: %d", page, w.Code)
		}
	}
}

// ahead is a store in which something happens right before a commit, once.
type ahead struct {
	store.Store
	of  func(store.Write) bool // of such a part
	act func()
}

func (a *ahead) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	if act := a.act; act != nil && slices.ContainsFunc(writes, a.of) {
		a.act = nil
		act()
	}
	return a.Store.Commit(ctx, writes...)
}

// Whoever disconnects while a silent check comes back, in another browser, is
// disconnected: the check brings no new grant.
func TestRecheckOfSomebodyWhoDisconnectsMeanwhile(t *testing.T) {
	const grantKey = "grant/" + flowTenant + ".alice"
	for name, of := range map[string]func(store.Write) bool{
		"before the grant is kept": func(w store.Write) bool { return w.Key == grantKey && w.Op == store.Put },
		"before the sessions end":  func(w store.Write) bool { return strings.HasPrefix(w.Key, "session/") && w.Op == store.Delete },
		"before anything":          func(w store.Write) bool { return w.Key == grantKey && w.Op == store.Delete },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFlow(t, nil)
			f.signIn(t, "/")
			elsewhere := f.jar
			f.jar = map[string]string{}
			asked := f.checked(t)
			here := f.jar
			answer := func() {
				f.jar = here
				f.browse(t, http.MethodGet, callbackURL(f.authorize(asked), asked.Get("state")))
			}
			disconnect := func() {
				f.jar = elsewhere
				f.post(t, pathDisconnect, nil)
			}
			first, second := disconnect, answer
			if name == "before the grant is kept" {
				first, second = answer, disconnect
			}
			f.store.Store = &ahead{Store: f.store.Store, of: of, act: second}
			first()
			if f.jar = here; f.me(t) != "" {
				t.Error("still signed in")
			}
			if _, err := f.store.Get(t.Context(), grantKey); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("the grant is there again: %v", err)
			}
		})
	}
}

// A session that could not be ended is checked again, not an hour later.
func TestRecheckThatCannotEndTheSession(t *testing.T) {
	for name, answer := range map[string]func(*flow, url.Values) string{
		"who has to sign in": func(_ *flow, asked url.Values) string {
			return CallbackPath + "?" + url.Values{"error": {"login_required"}, "state": {asked.Get("state")}}.Encode()
		},
		"who may not enter any more": func(f *flow, asked url.Values) string {
			f.claims = map[string]any{"acct": 1}
			return callbackURL(f.authorize(asked), asked.Get("state"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFlow(t, nil)
			asked := f.checked(t)
			f.store.Store = &fullFor{Store: f.store.Store, prefix: "session/"}
			if w := f.browse(t, http.MethodGet, answer(f, asked)); w.Code != http.StatusServiceUnavailable {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			f.store.Store = f.store.Store.(*fullFor).Store
			if w := f.browse(t, http.MethodGet, "/rooms", toPage...); w.Code != http.StatusSeeOther || len(f.reach) != 0 {
				t.Errorf("the next page: %d, reached ONES %d times", w.Code, len(f.reach))
			}
		})
	}
}

// fullFor is a store that takes no changes of some records.
type fullFor struct {
	store.Store
	prefix string
}

func (f *fullFor) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	if slices.ContainsFunc(writes, func(w store.Write) bool { return strings.HasPrefix(w.Key, f.prefix) }) {
		return 0, store.ErrFull
	}
	return f.Store.Commit(ctx, writes...)
}
