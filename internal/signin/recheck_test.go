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

	"github.com/onesgate/onesgate/internal/store"
)

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
