package login

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

func TestConsent(t *testing.T) {
	more := []string{"scope", "openid offline_access user.read"}
	accept := func(mail string) url.Values { return url.Values{"account": {mail}, "consent": {"accept"}} }
	t.Run("by nobody", func(t *testing.T) {
		for want, change := range map[string]func(*world.Config){
			"AADSTS90094": func(*world.Config) {},
			"AADSTS90095": func(c *world.Config) { c.Tenants[0].ConsentRequests = true },
		} {
			r := newRig(t, change)
			r.post(r.authorizeURL(more...), url.Values{"account": {alice}}).page(t, http.StatusBadRequest, want)
			r.post(r.authorizeURL(more...), accept(alice)).page(t, http.StatusBadRequest, want) // by force
			r.get(r.authorizeURL(append(more, "prompt", "none")...)).sentBack(t, "interaction_required", "65001")
			r.post(r.authorizeURL("prompt", "consent"), url.Values{"account": {alice}}).page(t, http.StatusBadRequest, want)
			r.token(r.refreshForm(r.signIn(alice)["refresh_token"], more...)).refusal(t, 400, "invalid_grant", "65001", "consent_required")
		}
	})
	t.Run("by themselves", func(t *testing.T) {
		r := newRig(t, func(c *world.Config) { c.Tenants[0].UserConsent = world.ConsentAllowed })
		a := r.post(r.authorizeURL(more...), url.Values{"account": {alice}})
		if a.page(t, http.StatusOK, "User.Read"); strings.Contains(a.body, `name="organization"`) {
			t.Error("she is asked to consent for everybody")
		}
		r.post(r.authorizeURL(more...), url.Values{"account": {alice}, "cancel": {"1"}}).sentBack(t, "access_denied", "65004")
		tokens := r.token(r.codeForm(r.post(r.authorizeURL(more...), accept(alice)).query(t).Get("code"))).ok(t)
		if got := tokens["scope"]; got != "openid "+r.base+"/User.Read" {
			t.Errorf("scope = %q", got)
		}
		r.choose(alice, more...) // asked no more
		r.post(r.authorizeURL(append(more, "prompt", "consent")...), url.Values{"account": {alice}}).page(t, http.StatusOK, "User.Read")
		r.post(r.authorizeURL(more...), url.Values{"account": {bob}}).page(t, http.StatusOK, "User.Read")
	})
	t.Run("who isn't signed in can't accept", func(t *testing.T) {
		r := newRig(t, func(c *world.Config) { c.Tenants[0].UserConsent = world.ConsentAllowed })
		r.post(r.authorizeURL(more...), accept(alice)).page(t, http.StatusOK, `id="account-alice"`)
	})
	t.Run("not where assignment is required", func(t *testing.T) {
		r := newRig(t, func(c *world.Config) {
			c.Tenants[0].UserConsent = world.ConsentAllowed
			c.Tenants[0].Apps[0].AssignmentRequired, c.Tenants[0].Apps[0].Assigned = true, []string{alice}
		})
		r.post(r.authorizeURL(more...), url.Values{"account": {alice}}).page(t, http.StatusBadRequest, "AADSTS90094")
	})
	t.Run("by an administrator", func(t *testing.T) {
		r := newRig(t, func(c *world.Config) { c.Tenants[0].People[0].Admin = true })
		r.post(r.authorizeURL(more...), url.Values{"account": {alice}}).page(t, http.StatusOK, `name="organization"`)
		if q := r.post(r.authorizeURL(more...), accept(alice)).query(t); q.Get("code") == "" {
			t.Errorf("for herself: %v", q)
		}
		r.post(r.authorizeURL(more...), url.Values{"account": {bob}}).page(t, http.StatusBadRequest, "AADSTS90094")
		everybody := accept(alice)
		everybody.Set("organization", "1")
		r.post(r.authorizeURL(more...), everybody)
		r.choose(bob, more...)
	})
	t.Run("one alone for everybody", func(t *testing.T) {
		r := newRig(t, func(c *world.Config) { c.Tenants[0].UserConsent = world.ConsentAllowed })
		r.post(r.authorizeURL(more...), url.Values{"account": {bob}})
		r.post(r.authorizeURL(more...), with(accept(bob), "organization", "1")).page(t, http.StatusBadRequest, "AADSTS90093")
	})
}

func TestAdminConsent(t *testing.T) {
	r := newRig(t, func(c *world.Config) { c.Tenants[0].People[0].Admin = true })
	address := func(tenant string, change ...string) string {
		q := url.Values{"client_id": {multiID}, "redirect_uri": {callback}, "state": {"s"}, "scope": {".default"}}
		return "/" + tenant + "/v2.0/adminconsent?" + with(q, change...).Encode()
	}
	at := address("fabrikam.example")
	signIn := "/fabrikam.example/oauth2/v2.0/authorize?" + r.authRequest("client_id", multiID).Encode()
	r.get(at).page(t, http.StatusOK, `id="account-zoe"`)
	q := r.post(at, url.Values{"cancel": {"1"}}).query(t)
	if q.Get("error") != "access_denied" || q.Get("admin_consent") != "True" || q.Get("state") != "s" {
		t.Errorf("declined: %v", q)
	}
	r.post(at, url.Values{"account": {zoe}}).page(t, http.StatusOK, `id="accept"`)
	if q = r.post(at, url.Values{"account": {zoe}, "consent": {"accept"}}).query(t); q.Get("admin_consent") != "True" || q.Get("tenant") != fabrikamID ||
		q.Get("scope") != r.base+"/Calendars.ReadWrite.Shared" || q.Get("state") != "s" || q.Has("error") || q.Has("code") {
		t.Errorf("accepted: %v", q)
	}
	// Those of OpenID Connect are still to be consented to.
	r.post(signIn, url.Values{"account": {zoe}}).page(t, http.StatusOK, `id="accept"`)
	named := address("organizations", "scope", "openid offline_access")
	r.post(named, url.Values{"account": {zoe}})
	r.post(named, url.Values{"account": {zoe}, "consent": {"accept"}})
	if q := r.post(signIn, url.Values{"account": {zoe}}).query(t); q.Get("code") == "" {
		t.Errorf("after consent: %v", q)
	}
	r.post(address("contoso.example"), url.Values{"account": {bob}}).page(t, http.StatusBadRequest, "AADSTS90094")
	r.get(address("common")).page(t, http.StatusBadRequest, "AADSTS9002313")
	r.get(address("contoso.example", "redirect_uri", "http://localhost/x")).page(t, http.StatusBadRequest, "AADSTS50011")
	bad := r.get(address("contoso.example", "scope", ""))
	if bad.sentBack(t, "invalid_request", "900144"); bad.query(t).Get("admin_consent") != "True" {
		t.Errorf("without a scope: %v", bad.query(t))
	}
}

func TestSetConsent(t *testing.T) {
	r := newRig(t)
	tokens := r.signIn(alice)
	set := func(scopes ...string) {
		r.control(func(l *Login, _ time.Time) error { return l.SetConsent("contoso.example", r.app().ClientID, scopes) })
	}
	set()
	r.token(r.refreshForm(tokens["refresh_token"])).refusal(t, 400, "invalid_grant", "65001", "consent_required")
	set("openid", "offline_access", "calendars.readwrite.shared", "User.Read")
	r.token(r.refreshForm(tokens["refresh_token"], "scope", "User.Read")).ok(t)
	i := slices.IndexFunc(r.login.Consents(), func(c Consent) bool { return c.ClientID == r.app().ClientID })
	if got := r.login.Consents()[i]; got.PersonID != "" || !slices.Equal(got.Scopes, []string{"openid", "offline_access", "Calendars.ReadWrite.Shared", "User.Read"}) {
		t.Errorf("%+v", got)
	}
	if len(r.login.Consents()) != 4 {
		t.Errorf("there are %d consents, want one of each app", len(r.login.Consents()))
	}
	for name, err := range map[string]error{
		"a tenant":   r.login.SetConsent("other.example", r.app().ClientID, nil),
		"an app":     r.login.SetConsent("contoso.example", "x", nil),
		"of another": r.login.SetConsent("fabrikam.example", r.app().ClientID, nil),
		"a scope":    r.login.SetConsent("contoso.example", r.app().ClientID, []string{"Calendars.Paint"}),
	} {
		if err == nil {
			t.Errorf("%s that doesn't exist", name)
		}
	}
}
