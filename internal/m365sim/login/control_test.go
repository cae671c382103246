package login

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

const cp1 = `{"access_token":{"xms_cc":{"values":["CP1"]}}}`

// capable signs somebody in with a client that understands challenges.
func (r *rig) capable(mail string, authorize ...string) map[string]any {
	r.t.Helper()
	return r.token(r.codeForm(r.choose(mail, authorize...), "claims", cp1)).ok(r.t)
}

// challenge fails unless an access token is refused with claims, which it returns.
func (r *rig) challenge(token any) string {
	r.t.Helper()
	a := r.me(token)
	claims, _ := a.json(r.t)["Claims"].(string)
	if a.StatusCode != http.StatusUnauthorized || !json.Valid([]byte(claims)) {
		r.t.Errorf("no challenge: %d %s", a.StatusCode, a.body)
	}
	return claims
}

// merged adds a client's capability to a challenge, as clients do.
func merged(claims string) string {
	return strings.Replace(claims, `{"access_token":{`, `{"access_token":{"xms_cc":{"values":["cp1"]},`, 1)
}

func TestRevoke(t *testing.T) {
	r := newRig(t)
	plain, capable, other := r.signIn(alice), r.capable(alice), r.capable(bob)
	code := r.choose(alice)
	r.control(func(l *Login, now time.Time) error {
		if n := l.Revoke(strings.ToUpper(alice), now); n != 2 {
			t.Errorf("revoked %d refresh tokens, want 2", n)
		}
		return nil
	})
	r.token(r.refreshForm(plain["refresh_token"])).refusal(t, 400, "invalid_grant", "50173", "bad_token")
	r.token(r.codeForm(code)).refusal(t, 400, "invalid_grant", "50173", "bad_token")
	r.me(plain["access_token"]).ok(t) // lives until it expires
	r.me(other["access_token"]).ok(t)
	claims := r.challenge(capable["access_token"])
	if claims != issuedSince(begin) {
		t.Errorf("claims = %s", claims)
	}
	r.token(r.refreshForm(capable["refresh_token"], "claims", merged(claims))).refusal(t, 400, "invalid_grant", "50173", "bad_token")
	r.get(r.authorizeURL("prompt", "none", "login_hint", alice)).sentBack(t, "login_required", "50058")
	again := r.capable(alice) // in the same moment
	r.me(again["access_token"]).ok(t)
	r.token(r.refreshForm(again["refresh_token"])).ok(t)
}

func TestHappen(t *testing.T) {
	for event, want := range map[string]struct {
		code, suberror string // of a refresh; "": it works
		cut            bool   // access tokens of capable clients
		page           string // an error of signing in again
	}{
		PasswordChanged: {cut: true}, PasswordExpired: {}, SelfServiceReset: {cut: true}, PortalReset: {cut: true},
		AdminReset: {"50173", "bad_token", true, ""}, SessionsRevoked: {"50173", "bad_token", true, ""},
		Disabled: {"50057", "", true, "AADSTS50057"}, Deleted: {"50034", "", true, "AADSTS50034"},
	} {
		t.Run(event, func(t *testing.T) {
			r := newRig(t)
			tokens := r.capable(alice)
			r.control(func(l *Login, now time.Time) error { return l.Happen(alice, event, now) })
			refresh := r.token(r.refreshForm(tokens["refresh_token"], "claims", merged(issuedSince(begin))))
			if want.code != "" {
				refresh.refusal(t, 400, "invalid_grant", want.code, want.suberror)
			} else {
				r.me(refresh.ok(t)["access_token"]).ok(t)
			}
			if want.cut {
				r.challenge(tokens["access_token"])
			} else {
				r.me(tokens["access_token"]).ok(t)
			}
			if want.page == "" {
				r.signIn(alice)
				return
			}
			r.post(r.authorizeURL(), url.Values{"account": {alice}}).page(t, http.StatusBadRequest, want.page)
			r.get(r.authorizeURL("prompt", "none")).sentBack(t, "login_required", "50058")
			r.control(func(l *Login, now time.Time) error { return l.Happen(alice, Enabled, now) })
			r.token(r.refreshForm(tokens["refresh_token"])).ok(t)
		})
	}
	r := newRig(t)
	if r.login.Happen(alice, "promoted", begin) == nil || r.login.Happen("mallory@contoso.example", Disabled, begin) == nil {
		t.Error("an unknown event, or an unknown person")
	}
}

func TestConditions(t *testing.T) {
	r := newRig(t)
	tokens := r.signIn(alice)
	set := func(code string) {
		r.control(func(l *Login, _ time.Time) error { return l.SetCondition(alice, code) })
	}
	set("AADSTS50076")
	r.token(r.refreshForm(tokens["refresh_token"])).refusal(t, 400, "interaction_required", "50076", "basic_action")
	r.get(r.authorizeURL("prompt", "none")).sentBack(t, "interaction_required", "50076")
	r.get(r.authorizeURL()).page(t, http.StatusOK, `id="account-alice"`) // not let through
	r.choose(alice)
	r.token(r.refreshForm(tokens["refresh_token"])).ok(t) // lifted by the sign-in
	set("53003")
	r.token(r.refreshForm(tokens["refresh_token"])).refusal(t, 400, "invalid_grant", "53003", "message_only")
	r.post(r.authorizeURL(), url.Values{"account": {alice}}).page(t, http.StatusBadRequest, "AADSTS53003")
	r.get(r.authorizeURL("prompt", "none")).sentBack(t, "interaction_required", "53003")
	set("")
	r.token(r.refreshForm(tokens["refresh_token"])).ok(t)
	for _, code := range []string{"7000222", "90033", "1", "x"} {
		if r.login.SetCondition(alice, code) == nil {
			t.Errorf("%s is no condition of an account", code)
		}
	}
}

// Tokens of capable clients live for a day and can be challenged; no others.
func TestChallenge(t *testing.T) {
	r := newRig(t)
	plain, capable := r.signIn(alice), r.capable(alice)
	if left := capable["expires_in"].(float64); left < 20*3600 || left >= 28*3600 {
		t.Errorf("expires_in = %v, want 20 to 28 hours", left)
	}
	r.control(func(l *Login, now time.Time) error { return l.Challenge(alice, "", now) })
	r.me(plain["access_token"]).ok(t)
	claims := r.challenge(capable["access_token"])
	refresh := func(claims string) any {
		return r.token(r.refreshForm(capable["refresh_token"], "claims", claims)).ok(t)["access_token"]
	}
	r.challenge(refresh(cp1))
	r.challenge(refresh(merged(issuedSince(begin.Add(-time.Second)))))
	good := refresh(merged(claims))
	r.me(good).ok(t)
	r.control(func(l *Login, now time.Time) error { return l.Challenge(alice, "", now) })
	r.challenge(good) // issued before
	r.me(refresh(merged(claims))).ok(t)
	r.control(func(l *Login, now time.Time) error { return l.Challenge(alice, "{}", now) })
	r.me(good).ok(t)
	if r.login.Challenge(alice, "[", begin) == nil || r.login.Challenge("x", "", begin) == nil {
		t.Error("claims that aren't JSON, or an unknown person")
	}
}

// Claims that only a sign-in satisfies are refused until one has carried them.
func TestStepUp(t *testing.T) {
	const polids = `{"access_token":{"polids":{"essential":true,"values":["5ec2e710"]}}}`
	r := newRig(t)
	tokens := r.capable(alice)
	r.control(func(l *Login, now time.Time) error { return l.Challenge(alice, polids, now) })
	claims := r.challenge(tokens["access_token"])
	refused := r.token(r.refreshForm(tokens["refresh_token"], "claims", merged(claims)))
	refused.refusal(t, 400, "interaction_required", "50076", "basic_action")
	if got := refused.json(t)["claims"]; got != polids {
		t.Errorf("claims = %v", got)
	}
	silent := r.get(r.authorizeURL("prompt", "none", "claims", merged(claims)))
	if silent.sentBack(t, "interaction_required", "50076"); silent.query(t).Get("claims") != polids {
		t.Errorf("sent back with the claims %q", silent.query(t).Get("claims"))
	}
	r.get(r.authorizeURL("claims", polids)).page(t, http.StatusOK, `id="account-alice"`) // not let through
	stepped := r.capable(alice, "claims", merged(claims))
	r.me(stepped["access_token"]).ok(t)
	r.me(r.token(r.refreshForm(stepped["refresh_token"], "claims", merged(claims))).ok(t)["access_token"]).ok(t)
	r.challenge(r.token(r.refreshForm(stepped["refresh_token"], "claims", cp1)).ok(t)["access_token"])
	r.token(r.refreshForm(tokens["refresh_token"], "claims", merged(claims))).refusal(t, 400, "interaction_required", "50076", "basic_action")
}

func TestBearerRefuses(t *testing.T) {
	r := newRig(t)
	at := "/us_gov/" + dodID + "/oauth2/v2.0/"
	q := r.authRequest("client_id", dodAppID, "scope", "openid "+r.base+"/us_gov_dod/Calendars.ReadWrite.Shared")
	code := r.post(at+"authorize?"+q.Encode(), url.Values{"account": {"sam@dod.example"}}).query(t).Get("code")
	dod := r.tokenAt(at+"token", r.codeForm(code, "client_id", dodAppID, "client_secret", "another-secret")).ok(t)
	bearer := "Bearer " + dod["access_token"].(string)
	r.get("/us_gov_dod/v1.0/me", "Authorization", bearer).ok(t)
	for name, a := range map[string]answer{
		"another cloud": r.get("/v1.0/me", "Authorization", bearer), "the other Graph of its authority": r.get("/us_gov/v1.0/me", "Authorization", bearer),
		"no token": r.get("/us_gov_dod/v1.0/me"), "another scheme": r.get("/us_gov_dod/v1.0/me", "Authorization", "Basic x"), "invented": r.me("x"),
	} {
		if a.StatusCode != http.StatusUnauthorized || a.json(t)["Code"] != "InvalidAuthenticationToken" || a.json(t)["Claims"] != "" {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	tokens := r.signIn(alice)
	r.advance(90 * time.Minute)
	r.me(tokens["access_token"]).page(t, http.StatusUnauthorized, "expired")
	info := r.get("/oidc/userinfo", "Authorization", "Bearer x")
	if info.StatusCode != http.StatusUnauthorized || info.json(t)["error"] != "invalid_token" || info.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("userinfo: %d %s", info.StatusCode, info.body)
	}
}

func TestGrants(t *testing.T) {
	r := newRig(t, func(c *world.Config) { c.Tenants[0].Apps[0].AccessTokenLifetime = world.Duration(time.Minute) })
	r.signIn(alice)
	r.choose(bob)
	r.control(func(l *Login, now time.Time) error { l.Revoke(alice, now); return nil })
	var got []string
	for _, g := range r.login.Grants() {
		got = append(got, g.Person+" "+g.Kind)
		if revoked := g.Person == alice && g.Kind == "refresh"; g.Revoked != revoked || g.App != "ONES Delegated" || len(g.Scopes) != 3 {
			t.Errorf("%+v", g)
		}
	}
	if want := alice + " refresh," + bob + " code," + alice + " access"; strings.Join(got, ",") != want {
		t.Errorf("grants = %v, want %s", got, want)
	}
}
