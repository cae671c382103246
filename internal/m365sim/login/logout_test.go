package login

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

const signedOut = "http://localhost:8080/.ones/signed-out"

func (r *rig) logout(change ...string) answer {
	r.t.Helper()
	return r.get("/" + r.tenant().ID + "/oauth2/v2.0/logout?" + with(url.Values{}, change...).Encode())
}

func TestLogout(t *testing.T) {
	r := newRig(t)
	gone := func(mail string) bool {
		return r.get(r.authorizeURL("prompt", "none", "login_hint", mail)).query(t).Has("error")
	}
	r.choose(alice)
	r.logout("post_logout_redirect_uri", "http://evil.example/").page(t, http.StatusOK, "You signed out")
	if !gone(alice) {
		t.Error("she is signed in still")
	}
	r.choose(alice)
	r.choose(bob)
	a := r.logout("post_logout_redirect_uri", signedOut, "state", "a b", "logout_hint", loginHint(r.tenant().Person(alice)))
	if a.StatusCode != http.StatusFound || a.Header.Get("Location") != signedOut+"?state=a+b" {
		t.Errorf("%d to %q", a.StatusCode, a.Header.Get("Location"))
	}
	if !gone(alice) || gone(bob) {
		t.Error("the hint ended another account")
	}
	elsewhere := r.get("/fabrikam.example/oauth2/v2.0/logout?post_logout_redirect_uri=" + url.QueryEscape(signedOut))
	elsewhere.page(t, http.StatusOK, "You signed out") // the app is not that tenant's
	r.choose(bob)
	form := url.Values{"post_logout_redirect_uri": {signedOut}}
	if a := r.post("/"+r.tenant().ID+"/oauth2/v2.0/logout", form); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != signedOut {
		t.Errorf("by POST: %d to %q", a.StatusCode, a.Header.Get("Location"))
	}
	if !gone(bob) {
		t.Error("he is signed in still")
	}
	refresh := r.signIn(alice)["refresh_token"]
	r.logout()
	r.token(r.refreshForm(refresh)).ok(t) // outlives the sign-out
}

// Apps that were used are told in hidden frames, those that weren't are not.
func TestFrontchannelLogout(t *testing.T) {
	r := newRig(t, func(c *world.Config) {
		c.Tenants[0].Apps[0].FrontchannelLogoutURL = "https://ones.example/logout?x=1"
		c.Tenants[0].Apps[0].OptionalClaims = []string{"sid"}
		c.Tenants[0].Apps[1].FrontchannelLogoutURL = "https://other.example/logout"
	})
	id := r.tenant().ID
	claims := r.idToken(r.signIn(alice), "/"+id+"/discovery/v2.0/keys", r.base+"/"+id+"/v2.0", r.app().ClientID)
	a := r.logout("post_logout_redirect_uri", signedOut)
	a.page(t, http.StatusOK, `src="https://ones.example/logout?x=1&amp;sid=`+claims["sid"].(string)+`"`)
	if !strings.Contains(a.body, `http-equiv="refresh" content="2; url=`+signedOut+`"`) || !strings.Contains(a.body, `href="`+signedOut+`"`) ||
		strings.Contains(a.body, "other.example") || strings.Contains(a.body, "iss=") {
		t.Errorf("%s", a.body)
	}
	if policy := a.Header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "; frame-src https://ones.example") {
		t.Errorf("the policy is %q", policy)
	}
	if a := r.logout("post_logout_redirect_uri", signedOut); a.StatusCode != http.StatusFound {
		t.Errorf("with nobody signed in: %d", a.StatusCode)
	}
}
