package integration_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// wantsPage demands one of our own pages, by its kind.
func (a answer) wantsPage(t *testing.T, status int, kind string) {
	t.Helper()
	if a.StatusCode != status || !strings.Contains(a.body, `data-kind="`+kind+`"`) {
		t.Errorf("%s: %d %s\nwant %d and the page %s", a.Request.URL, a.StatusCode, a.body, status, kind)
	}
}

// wantsSession demands that the visitor is signed in, or not.
func (v *visitor) wantsSession(signedIn bool) {
	v.t.Helper()
	want := http.StatusUnauthorized
	if signedIn {
		want = http.StatusOK
	}
	if a := v.call(http.MethodGet, "/.ones/me", nil); a.StatusCode != want {
		v.t.Errorf("/.ones/me: %d %s, want %d", a.StatusCode, a.body, want)
	}
}

// posts sends a form of our own page.
func (v *visitor) posts(path string, fields url.Values) answer {
	v.t.Helper()
	return v.call(http.MethodPost, path, fields.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
}

// frontchannel has Microsoft tell the app of sign-outs.
func frontchannel(c *m365.Config) {
	a := &c.Tenants[0].Apps[0]
	a.OptionalClaims = append(a.OptionalClaims, "sid")
	a.FrontchannelLogoutURL = strings.TrimSuffix(a.RedirectURIs[0], "/.ones/callback") + "/.ones/frontchannel-logout"
}

// Whoever signs out at Microsoft, in the same browser, is signed out here.
func TestFrontChannelLogout(t *testing.T) {
	w := newWorld(t, frontchannel)
	w.write(nil)
	w.gateway()
	v, elsewhere := newVisitor(t, w.home), newVisitor(t, w.home)
	v.signIn(alice)
	elsewhere.signIn(alice)

	first := v.page(w.issuer[:len(w.issuer)-len("/v2.0")] + "/oauth2/v2.0/logout")
	frame := regexp.MustCompile(`<iframe[^>]* src="([^"]+)"`).FindStringSubmatch(first.body)
	if frame == nil {
		t.Fatalf("Microsoft's sign-out page has no frame of ours: %s", first.body)
	}
	stranger := newVisitor(t, w.home) // no cookie of ours comes along
	address := strings.ReplaceAll(frame[1], "&amp;", "&")
	if a := stranger.page(address); a.StatusCode != http.StatusOK || a.Header.Get("X-Frame-Options") != "" || !strings.Contains(a.Header.Get("Cache-Control"), "no-store") {
		t.Errorf("%s: %d %v", address, a.StatusCode, a.Header)
	}
	v.wantsSession(false)
	elsewhere.wantsSession(true)

	for path, want := range map[string]int{
		"?sid=00000000-0000-0000-0000-000000000000": http.StatusOK, // and tells nothing
		"":             http.StatusBadRequest,
		"?sid=a&sid=b": http.StatusBadRequest,
	} {
		if a := stranger.page("/.ones/frontchannel-logout" + path); a.StatusCode != want {
			t.Errorf("frontchannel-logout%s: %d, want %d", path, a.StatusCode, want)
		}
	}
	elsewhere.wantsSession(true)
}

// The account page: my sessions, and what ends them; my connection, and its end.
func TestAccount(t *testing.T) {
	w := newWorld(t)
	w.write(nil)
	w.gateway()
	var mine [3]*visitor
	for i := range mine {
		mine[i] = newVisitor(t, w.home)
		mine[i].signIn(alice)
	}
	stranger := newVisitor(t, w.home)
	if a := stranger.page("/.ones/account"); !strings.HasPrefix(a.Request.URL.Path, "/.ones/login") || a.Request.URL.Query().Get("return_to") != "/.ones/account" {
		t.Errorf("without a session: %s", a.Request.URL)
	}
	stranger.signIn(bob)

	sessions := func(v *visitor) (ids []string) {
		t.Helper()
		page := v.page("/.ones/account")
		page.wantsPage(t, http.StatusOK, "account")
		for _, m := range regexp.MustCompile(`name="session" value="([0-9a-f]{64})"`).FindAllStringSubmatch(page.body, -1) {
			ids = append(ids, m[1])
		}
		return ids
	}
	known := map[string]bool{}
	for _, v := range mine {
		for _, id := range sessions(v) {
			known[id] = true
		}
	}
	foreign := map[string]bool{}
	for _, id := range sessions(stranger) {
		foreign[id] = true
	}
	if len(known) != 3 {
		t.Fatalf("%d sessions are shown, want 3", len(known))
	}

	// Nobody ends somebody else's, and no other site ends any.
	for id := range known {
		stranger.posts("/.ones/account/end", url.Values{"session": {id}})
		a := mine[0].send(mine[0].request(http.MethodPost, "/.ones/account/end", "session="+id, "Content-Type", "application/x-www-form-urlencoded",
			"Origin", "https://evil.example", "Accept", "text/html"))
		a.wantsPage(t, http.StatusForbidden, "cross_site")
	}
	for _, v := range mine {
		v.wantsSession(true)
	}

	// End one other.
	mine[0].posts("/.ones/account/end", url.Values{"session": sessions(mine[0])[:1]})
	left := 0
	for _, v := range mine {
		if v.call(http.MethodGet, "/.ones/me", nil).StatusCode == http.StatusOK {
			left++
		}
	}
	if left != 2 {
		t.Errorf("%d sessions left, want 2", left)
	}

	again := newVisitor(t, w.home)
	again.signIn(alice)
	again.posts("/.ones/account/end-all", url.Values{"which": {"others"}})
	again.wantsSession(true)
	for _, v := range mine {
		v.wantsSession(false)
	}
	if n := len(sessions(again)); n > 1 {
		t.Errorf("%d sessions are shown, want none but this one", n)
	}
	stranger.wantsSession(true)

	// Disconnected, nothing is booked in somebody's name, and they are signed out.
	again.page("/.ones/account/disconnect").wantsPage(t, http.StatusOK, "disconnect")
	again.posts("/.ones/account/disconnect", nil)
	again.wantsSession(false)
	a := w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 3, 10), "Ones-Act-As", alice, "Prefer", "wait=30", "Idempotency-Key", "gone")
	if a.StatusCode/100 == 2 && a.json(t)["status"] == "confirmed" {
		t.Errorf("a booking for somebody who has disconnected: %d %s", a.StatusCode, a.body)
	}
	mine[0].signIn(alice) // and connects again
	if c := w.lastSeen().Header.Get("X-Ones-Connection"); c != "connected" {
		t.Errorf("after another sign-in: %s", c)
	}
	mine[0].posts("/.ones/account/end-all", url.Values{"which": {"all"}})
	mine[0].wantsSession(false)
}

// shortTokens has each call to Graph begin with a refresh.
func shortTokens(c *m365.Config) {
	c.Tenants[0].Apps[0].AccessTokenLifetime = m365.Duration(30 * time.Second)
}

// loses has somebody's grant refused with a code at its next refresh, and sees to
// that.
func (w *world) loses(mail, code string) {
	w.t.Helper()
	w.sim(http.MethodPost, "/_sim/faults", map[string]any{
		"match": "POST /*/oauth2/v2.0/token", "contains": "grant_type=refresh_token", "times": 1, "code": code,
	})
	w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 3, 10), "Ones-Act-As", mail, "Prefer", "wait=5", "Idempotency-Key", code+mail)
}

// Whose grant has died is looked after without a word when they come to a page.
func TestSilentRecheck(t *testing.T) {
	const dead = "AADSTS700082" // not used for 90 days
	w := newWorld(t, shortTokens)
	w.write(nil)
	w.gateway()
	connection := func(v *visitor) string {
		t.Helper()
		return v.call(http.MethodGet, "/.ones/me", nil).json(t)["connection"].(string)
	}

	t.Run("a new grant, unnoticed", func(t *testing.T) {
		v := newVisitor(t, w.home)
		v.signIn(alice)
		id := w.lastSeen().Header.Get("X-Ones-User-Id")
		w.loses(alice, dead)
		if c := connection(v); c != "needs_sign_in" {
			t.Fatalf("the connection is %s", c)
		}
		if a := v.call(http.MethodGet, "/data", nil); a.body != "ones" || w.lastSeen().Header.Get("X-Ones-Connection") != "needs_sign_in" {
			t.Errorf("a program's request: %d %s", a.StatusCode, a.body)
		}
		a := v.page("/rooms?floor=10")
		if a.body != "ones" || a.Request.URL.String() != w.home+"/rooms?floor=10" {
			t.Fatalf("%s: %d %s", a.Request.URL, a.StatusCode, a.body)
		}
		if h := w.lastSeen().Header; h.Get("X-Ones-Connection") != "connected" || h.Get("X-Ones-User-Id") != id {
			t.Errorf("%s is %s", h.Get("X-Ones-User-Id"), h.Get("X-Ones-Connection"))
		}
		w.loses(alice, dead) // at most once an hour
		if a := v.page("/"); a.body != "ones" || w.lastSeen().Header.Get("X-Ones-Connection") != "needs_sign_in" {
			t.Errorf("at once again: %d %s", a.StatusCode, a.body)
		}
		v.signIn(alice)
	})

	t.Run("Microsoft wants a sign-in", func(t *testing.T) {
		v := newVisitor(t, w.home)
		v.signIn(alice)
		w.loses(alice, dead)
		w.sim(http.MethodPost, "/_sim/people", map[string]any{"mail": alice, "event": "sessions_revoked"})
		a := v.page("/rooms")
		a.wantsPage(t, http.StatusOK, "login")
		if a.Request.URL.Query().Get("return_to") != "/rooms" || a.Request.URL.Query().Get("why") != "ended" {
			t.Errorf("led to %s", a.Request.URL)
		}
		v.wantsSession(false)
	})

	t.Run("somebody else is signed in with Microsoft", func(t *testing.T) {
		v := newVisitor(t, w.home)
		v.signIn(alice)
		tenant := strings.TrimSuffix(w.issuer, "/v2.0")
		v.page(tenant + "/oauth2/v2.0/logout") // in this browser, and Bob in:
		other := newVisitor(t, w.home)
		other.client.Jar = v.client.Jar
		session := cookieOf(v)
		other.signIn(bob)
		setCookie(v, session)
		w.loses(alice, dead)
		a := v.page("/rooms")
		a.wantsPage(t, http.StatusOK, "login")
		v.wantsSession(false)
	})

	t.Run("Microsoft is away", func(t *testing.T) {
		v := newVisitor(t, w.home)
		v.signIn(alice)
		w.loses(alice, dead)
		w.sim(http.MethodPost, "/_sim/faults", map[string]any{
			"match": "POST /*/oauth2/v2.0/token", "times": 1, "status": 503,
		})
		if a := v.page("/rooms"); a.body != "ones" {
			t.Errorf("%s: %d %s", a.Request.URL, a.StatusCode, a.body)
		}
		v.wantsSession(true)
	})
}

// cookieOf returns the visitor's session cookie.
func cookieOf(v *visitor) *http.Cookie {
	v.t.Helper()
	home, _ := url.Parse(v.home)
	for _, c := range v.client.Jar.Cookies(home) {
		if c.Name == "onesgate" {
			return c
		}
	}
	v.t.Fatal("there is no session cookie")
	return nil
}

func setCookie(v *visitor, c *http.Cookie) {
	home, _ := url.Parse(v.home)
	c.Path = "/"
	v.client.Jar.SetCookies(home, []*http.Cookie{c})
}

// A browser that is sent round and round gets a page instead of a fourth round,
// and can go on from there.
func TestCirclesAreBroken(t *testing.T) {
	w := newWorld(t, func(c *m365.Config) { c.AccountChooser = "" })
	w.write(nil)
	w.gateway()
	v := newVisitor(t, w.home)
	v.signIn(alice)
	for range 2 { // as ONES may send people
		if a := v.page("/.ones/login/contoso"); a.body != "ones" {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
	}
	a := v.page("/.ones/login/contoso?return_to=%2Frooms")
	a.wantsPage(t, http.StatusBadRequest, "going_in_circles")
	next := regexp.MustCompile(`href="(/\.ones/login/contoso\?[^"]*)"`).FindStringSubmatch(a.body)
	if next == nil {
		t.Fatalf("a dead end: %s", a.body)
	}
	if a := v.page(strings.ReplaceAll(next[1], "&amp;", "&")); a.body != "ones" || a.Request.URL.Path != "/rooms" {
		t.Errorf("%s: %d %s", a.Request.URL, a.StatusCode, a.body)
	}
}

// With auto_sign_in nobody sees the login page, but whoever has just signed out.
func TestAutoSignIn(t *testing.T) {
	w := newWorld(t)
	w.write(map[string]any{"Auth": "auto_sign_in"})
	w.gateway()
	v := newVisitor(t, w.home)
	if a := v.page("/rooms"); !strings.Contains(a.Request.URL.Path, "/oauth2/v2.0/authorize") {
		t.Errorf("led to %s", a.Request.URL)
	}
	v.signIn(alice)
	v.call(http.MethodPost, "/.ones/logout", nil)
	v.page("/rooms").wantsPage(t, http.StatusOK, "login")
	v.signIn(alice)
	v.wantsSession(true)
}

// Whose it is to mend decides what people read.
func TestRefusalsInPlainWords(t *testing.T) {
	w := newWorld(t)
	w.write(nil)
	w.gateway()
	for _, tt := range []struct {
		code, kind string
		status     int
	}{
		{"AADSTS54005", "already_used", http.StatusBadRequest},
		{"AADSTS50105", "not_assigned", http.StatusForbidden},
		{"AADSTS50053", "account_locked", http.StatusForbidden},
		{"AADSTS50057", "account_disabled", http.StatusForbidden},
		{"AADSTS50055", "password_expired", http.StatusForbidden},
		{"AADSTS53000", "device_not_allowed", http.StatusForbidden},
		{"AADSTS53003", "policy_blocked", http.StatusForbidden},
		{"AADSTS50076", "more_verification", http.StatusForbidden},
		{"AADSTS50020", "wrong_account", http.StatusForbidden},
		{"AADSTS7000222", "service_misconfigured", http.StatusInternalServerError},
		{"AADSTS90033", "microsoft_unavailable", http.StatusServiceUnavailable},
	} {
		t.Run(tt.code, func(t *testing.T) {
			w.sim(http.MethodPost, "/_sim/faults", map[string]any{"match": "POST /*/oauth2/v2.0/token", "times": 1, "code": tt.code})
			v := newVisitor(t, w.home)
			a := v.signIn(alice)
			a.wantsPage(t, tt.status, tt.kind)
			if tt.kind != "already_used" && !strings.Contains(a.body, tt.code) {
				t.Errorf("the page doesn't name %s", tt.code)
			}
			if !strings.Contains(a.body, "/.ones/login/contoso") {
				t.Errorf("a dead end: %s", a.body)
			}
			v.wantsSession(false)
		})
	}
}

// Without the tenant's consent people get a page for their administrator, whose
// link leads through Microsoft's consent and back.
func TestAdminConsent(t *testing.T) {
	w := newWorld(t, func(c *m365.Config) { c.Tenants[0].People[2].Admin = true })
	w.write(nil)
	w.gateway()
	w.sim(http.MethodPost, "/_sim/faults", map[string]any{"match": "POST /*/oauth2/v2.0/token", "times": 1, "code": "AADSTS65001"})
	a := newVisitor(t, w.home).signIn(alice)
	a.wantsPage(t, http.StatusForbidden, "needs_admin_consent")
	for _, want := range []string{"Calendars.ReadWrite.Shared", "offline_access", "AADSTS65001", m365.Sample().Tenants[0].Apps[0].ClientID, m365.Sample().Tenants[0].ID} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page doesn't name %s", want)
		}
	}
	link := regexp.MustCompile(`href="([^"]*/adminconsent[^"]*)"`).FindStringSubmatch(a.body)
	if link == nil {
		t.Fatalf("there is no link for the administrator: %s", a.body)
	}

	admin := newVisitor(t, w.home) // who got the link by mail
	page := admin.page(strings.ReplaceAll(link[1], "&amp;", "&"))
	for _, answer := range []url.Values{{"account": {"carol@contoso.example"}}, {"consent": {"accept"}}} {
		for name := range answer {
			action, fields := form(t, page, name)
			fields.Set(name, answer.Get(name))
			page = admin.send(admin.request(http.MethodPost, action, fields.Encode(), "Content-Type", "application/x-www-form-urlencoded",
				"Accept", "text/html", "Origin", w.microsoft.URL))
		}
	}
	page.wantsPage(t, http.StatusOK, "consent_given")

	admin.page("/.ones/callback?admin_consent=True&error=access_denied&error_description=AADSTS65004%3A+declined&state=consent").
		wantsPage(t, http.StatusForbidden, "consent_refused")
	admin.wantsSession(false)

	// Whom Microsoft keeps on a page of its own finds the same here.
	newVisitor(t, w.home).page("/.ones/consent/contoso").wantsPage(t, http.StatusForbidden, "needs_admin_consent")
}

// Two tenants side by side: each brings its own people, and the login page offers
// first what was used last.
func TestTwoIntegrations(t *testing.T) {
	const (
		tenant = "fab00000-0000-4000-8000-0000000000aa"
		app    = "fab00000-0000-4000-8000-0000000000bb"
		zoe    = "zoe@fabrikam.example"
	)
	w := newWorld(t, func(c *m365.Config) {
		home := c.Tenants[0].Apps[0]
		c.Tenants = append(c.Tenants, m365.Tenant{
			ID: tenant, Domain: "fabrikam.example", Name: "Fabrikam",
			Apps: []m365.App{{
				ClientID: app, Name: "ONES at Fabrikam", Secrets: []m365.Secret{{ID: "5ec2e710-0000-4000-8000-0000000000cc", Value: home.Secrets[0].Value}},
				RedirectURIs: home.RedirectURIs, Scopes: home.Scopes,
			}},
			People: []m365.Person{{ID: "fab00000-0000-4000-8000-000000000001", Name: "Zoe Fabri", Mail: zoe}},
		})
	})
	issuer := w.microsoft.URL + "/" + tenant + "/v2.0"
	w.write(map[string]any{
		"Server": "tenant_id " + m365.Sample().Tenants[0].ID,
		"Integrations": `integration fabrikam {
			server {
				operator custom {
					issuer ` + issuer + `
					graph ` + w.microsoft.URL + `
				}
				tenant_id ` + tenant + `
				client_id ` + app + `
				client_secret {env.ONES_CLIENT_SECRET}
			}
			users {
				login_button "Fabrikam's people"
			}
		}`,
	})
	w.gateway()
	v := newVisitor(t, w.home)
	order := func() []string {
		t.Helper()
		page := v.page("/.ones/login")
		page.wantsPage(t, http.StatusOK, "login")
		var ids []string
		for _, m := range regexp.MustCompile(`id="login-(\w+)"`).FindAllStringSubmatch(page.body, -1) {
			ids = append(ids, m[1])
		}
		return ids
	}
	if got := order(); !slices.Equal(got, []string{"contoso", "fabrikam"}) {
		t.Errorf("at first: %q", got)
	}
	if a := v.signInAt("fabrikam", zoe); a.body != "ones" {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if h := w.lastSeen().Header; h.Get("X-Ones-Tenant-Id") != tenant || h.Get("X-Ones-Integration") != "fabrikam" || h.Get("X-Ones-User-Email") != zoe {
		t.Errorf("ONES was told %v", h)
	}
	v.call(http.MethodPost, "/.ones/logout", nil)
	if got := order(); !slices.Equal(got, []string{"fabrikam", "contoso"}) {
		t.Errorf("after a sign-in by Fabrikam: %q", got)
	}
	// Nobody comes in through the other tenant's door.
	if a := newVisitor(t, w.home).signInAt("contoso", zoe); a.body == "ones" {
		t.Errorf("Fabrikam's people sign in as Contoso's: %s", a.Request.URL)
	}
	list := v.call(http.MethodGet, "/.ones/integrations", nil).json(t)["integrations"].([]any)
	if len(list) != 2 || list[1].(map[string]any)["label"] != "Fabrikam's people" {
		t.Errorf("integrations: %v", list)
	}
}
