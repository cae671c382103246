package signin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/seal"
)

const stepUp = `{"access_token":{"polids":{"essential":true,"values":["1"]}}}`

// challenges has Microsoft refuse a grant, and demand claims of the next sign-in.
func (f *flow) challenges(t *testing.T, owner, claims string) {
	t.Helper()
	f.wanted = claims
	stale := f.issued[len(f.issued)-2]
	if token, err := f.site.Grants.Token(t.Context(), owner, grant.Ask{Stale: stale}); !errors.Is(err, grant.ErrNeedsSignIn) {
		t.Fatalf("Token = %q, %v, want a refusal", token, err)
	}
}

// challenged signs alice in and has her grant refused with a challenge.
func (f *flow) challenged(t *testing.T) {
	t.Helper()
	f.signIn(t, "/")
	f.challenges(t, flowTenant+".alice", stepUp)
}

// asked is what Microsoft is asked by a redirect.
func asked(t *testing.T, w *httptest.ResponseRecorder) url.Values {
	t.Helper()
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil || to.Host != "login.example" {
		t.Fatalf("%d to %v, %v: %s", w.Code, to, err, w.Body)
	}
	return to.Query()
}

// What Microsoft demands goes into the next sign-in of whoever it is demanded of,
// and is over with that.
func TestChallengeInASignIn(t *testing.T) {
	f := newFlow(t, nil)
	f.challenged(t)
	if claims := asked(t, f.browse(t, http.MethodGet, pathLogin+"/contoso?prompt=select_account")).Get("claims"); claims != "" {
		t.Errorf("of another account %s are demanded", claims)
	}
	request := f.begin(t, "/")
	if request.Get("claims") != stepUp {
		t.Fatalf("the sign-in demands %q, want %q", request.Get("claims"), stepUp)
	}
	f.browse(t, http.MethodGet, callbackURL(f.authorize(request), request.Get("state")))
	if claims := f.begin(t, "/").Get("claims"); claims != "" {
		t.Errorf("the next one demands %q", claims)
	}
}

// Of nobody else anything is demanded: not in another browser, nor with another
// integration.
func TestChallengeOfSomebodyElse(t *testing.T) {
	f := newFlow(t, nil)
	f.challenged(t)
	other := f.site.Integrations[0]
	other.Name = "fabrikam"
	f.site.Integrations = append(f.site.Integrations, other)
	if claims := asked(t, f.browse(t, http.MethodGet, pathLogin+"/fabrikam")).Get("claims"); claims != "" {
		t.Errorf("with another integration %s are demanded", claims)
	}
	clear(f.jar)
	if claims := f.begin(t, "/").Get("claims"); claims != "" {
		t.Errorf("in another browser %s are demanded", claims)
	}
}

// A sign-in begins also if nobody knows what is demanded.
func TestChallengeThatCannotBeRead(t *testing.T) {
	f := newFlow(t, nil)
	f.challenged(t)
	f.store.fails.Store(true)
	if claims := f.begin(t, "/").Get("claims"); claims != "" {
		t.Errorf("%s are demanded", claims)
	}
}

// The silent check carries what is demanded; where it ends the session, the next
// sign-in does, of that integration, in that browser, for a while.
func TestChallengeOutlivesTheSession(t *testing.T) {
	f := newFlow(t, nil)
	f.challenged(t)
	check := asked(t, f.browse(t, http.MethodGet, "/rooms", toPage...))
	if check.Get("prompt") != "none" || check.Get("claims") != stepUp {
		t.Fatalf("the check asks %v", check)
	}
	w := f.browse(t, http.MethodGet, CallbackPath+"?"+url.Values{"error": {"interaction_required"}, "state": {check.Get("state")}}.Encode())
	if to := w.Header().Get("Location"); f.me(t) != "" || strings.Contains(to, "polids") || !strings.Contains(to, whyEnded) {
		t.Fatalf("signed in as %q, led to %s", f.me(t), to)
	}
	name := "__Host-onesgate-challenge"
	if f.jar[name] == "" || strings.Contains(f.jar[name], "polids") {
		t.Fatalf("the browser remembers %q", f.jar[name])
	}
	other := f.site.Integrations[0]
	other.Name = "fabrikam"
	f.site.Integrations = append(f.site.Integrations, other)
	if claims := asked(t, f.browse(t, http.MethodGet, pathLogin+"/fabrikam")).Get("claims"); claims != "" {
		t.Errorf("with another integration %s are demanded", claims)
	}
	if claims := f.begin(t, "/").Get("claims"); claims != stepUp {
		t.Errorf("the sign-in demands %q, want %q", claims, stepUp)
	}
	now := f.site.Now
	f.site.Now = func() time.Time { return now().Add(challengeLife) }
	if claims := f.begin(t, "/").Get("claims"); claims != "" {
		t.Errorf("a quarter of an hour later the sign-in demands %q", claims)
	}
	f.site.Now = now
	f.signIn(t, "/") // who left Microsoft's page and came back is asked again
	if f.jar[name] != "" {
		t.Errorf("after the sign-in the browser remembers %q", f.jar[name])
	}
}

// Whoever else is signed in with Microsoft in the browser is not asked for what is
// demanded of the one before.
func TestChallengeIsNotCarriedOverToAnother(t *testing.T) {
	f := newFlow(t, nil)
	f.challenged(t)
	check := asked(t, f.browse(t, http.MethodGet, "/rooms", toPage...))
	f.claims = map[string]any{"sub": "bob"}
	f.browse(t, http.MethodGet, callbackURL(f.authorize(check), check.Get("state")))
	if claims := f.begin(t, "/").Get("claims"); f.me(t) != "" || claims != "" {
		t.Errorf("signed in as %q; %s are demanded", f.me(t), claims)
	}
}

// A room's account is asked for what is demanded of the room's grant, and for
// nothing of the admin's.
func TestChallengeOfARoom(t *testing.T) {
	f := newFlow(t, func(cfg *GateConfig) { cfg.Admins = adminsOf(t, "contoso/"+flowTenant+".alice") })
	f.site.Rooms = []Room{{Name: "boardroom", Integration: "contoso", Address: "boardroom@contoso.example"}}
	f.challenged(t)
	connect := func() string {
		t.Helper()
		return asked(t, f.post(t, boardroom, nil)).Get("claims")
	}
	if claims := connect(); claims != "" {
		t.Errorf("before there is an account %s are demanded", claims)
	}
	owner := rooms.GrantOwner("contoso", "boardroom")
	tokens := entra.Tokens{Access: "access-room", Refresh: "refresh-room", Expires: time.Now().Add(time.Hour)}
	f.issued = append(f.issued, tokens.Access, tokens.Refresh)
	if err := f.site.RoomAccounts.Connect(t.Context(), "contoso", "boardroom", rooms.Account{PersonID: "x"}, tokens); err != nil {
		t.Fatal(err)
	}
	const other = `{"access_token":{"acrs":{"value":"c1"}}}`
	f.challenges(t, owner, other)
	if claims := connect(); claims != other {
		t.Errorf("%q are demanded, want %q", claims, other)
	}
}

// A demand is ours, of its name and kind, and not longer than a cookie.
func TestDemandInACookie(t *testing.T) {
	keys, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c := newCookies(&url.URL{Scheme: "https", Host: "ones.example"})
	d := demand{Integration: "contoso", Claims: stepUp, Expires: now.Add(challengeLife)}
	w := httptest.NewRecorder()
	if err := c.demand(w, keys, d); err != nil {
		t.Fatal(err)
	}
	set := w.Result().Cookies()
	if len(set) != 1 || !set[0].HttpOnly || !set[0].Secure || set[0].MaxAge != int(challengeLife.Seconds()) {
		t.Fatalf("the cookies are %v", set)
	}
	asLogin, err := sealCookie(keys, "login", c.challenge, []byte(`{"integration":"contoso","claims":"x","expires":"9999-01-01T00:00:00Z"}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ cookie, integration, want string }{
		"as it was set":           {c.challenge + "=" + set[0].Value, "contoso", stepUp},
		"of another integration":  {c.challenge + "=" + set[0].Value, "fabrikam", ""},
		"changed":                 {c.challenge + "=" + set[0].Value[:len(set[0].Value)-2] + "AA", "contoso", ""},
		"sealed as an attempt":    {c.challenge + "=" + asLogin, "contoso", ""},
		"twice":                   {c.challenge + "=" + set[0].Value + "; " + c.challenge + "=" + set[0].Value, "contoso", ""},
		"in the clear":            {c.challenge + `={"integration":"contoso"}`, "contoso", ""},
		"under an attempt's name": {c.attemptName(now, "state") + "=" + set[0].Value, "contoso", ""},
		"none":                    {"", "contoso", ""},
	} {
		r := &http.Request{Header: http.Header{"Cookie": {tt.cookie}}}
		if got := c.demanded(r, keys, tt.integration, now); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	w = httptest.NewRecorder()
	d.Claims = strings.Repeat("x", maxCookie)
	if err := c.demand(w, keys, d); err != nil || len(w.Result().Cookies()) != 0 {
		t.Errorf("too long for a cookie: %v, %v", w.Result().Cookies(), err)
	}
}
