package login

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

func TestTokenRefusesRequests(t *testing.T) {
	r := newRig(t, func(c *world.Config) {
		a := &c.Tenants[0].Apps[0]
		a.Secrets = append(a.Secrets, world.Secret{ID: "old", Value: "an-old-secret", Expires: begin.Add(-time.Hour)}, world.Secret{ID: "second", Value: "a-second-secret"})
		off := *a
		off.ClientID, off.Disabled = "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c29", true
		c.Tenants[0].Apps = append(c.Tenants[0].Apps, off)
	})
	for name, tt := range map[string]struct {
		change      []string
		header      []string
		status      int
		oauth, code string
		suberror    string
	}{
		"no grant type":         {change: []string{"grant_type", ""}, status: 400, oauth: "invalid_request", code: "900144"},
		"an unknown grant type": {change: []string{"grant_type", "password"}, status: 400, oauth: "unsupported_grant_type", code: "70003"},
		"no client":             {change: []string{"client_id", ""}, status: 400, oauth: "invalid_request", code: "900144"},
		"an unknown client":     {change: []string{"client_id", "0b1ec700-0000-4000-8000-000000000000"}, status: 400, oauth: "unauthorized_client", code: "700016"},
		"a disabled client":     {change: []string{"client_id", "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c29"}, status: 400, oauth: "unauthorized_client", code: "7000112"},
		"no secret":             {change: []string{"client_secret", ""}, status: 401, oauth: "invalid_client", code: "7000218"},
		"a wrong secret":        {change: []string{"client_secret", "wrong"}, status: 401, oauth: "invalid_client", code: "7000215"},
		"the secret's id":       {change: []string{"client_secret", r.app().Secrets[0].ID}, status: 401, oauth: "invalid_client", code: "7000215"},
		"an expired secret":     {change: []string{"client_secret", "an-old-secret"}, status: 401, oauth: "invalid_client", code: "7000222"},
		"an Origin":             {header: []string{"Origin", "http://localhost:8080"}, status: 400, oauth: "invalid_request", code: "9002326"},
		"JSON":                  {header: []string{"Content-Type", "application/json"}, status: 400, oauth: "invalid_request", code: "900144"},
		"no code":               {change: []string{"code", ""}, status: 400, oauth: "invalid_request", code: "900144"},
		"an unknown code":       {change: []string{"code", "x"}, status: 400, oauth: "invalid_grant", code: "70000"},
		"no redirect URI":       {change: []string{"redirect_uri", ""}, status: 400, oauth: "invalid_request", code: "900144"},
		"another redirect URI":  {change: []string{"redirect_uri", "http://localhost:8080/.ones/rooms/callback"}, status: 400, oauth: "invalid_grant", code: "500112"},
		"no verifier":           {change: []string{"code_verifier", ""}, status: 400, oauth: "invalid_grant", code: "501481"},
		"another verifier":      {change: []string{"code_verifier", strings.Repeat("x", 43)}, status: 400, oauth: "invalid_grant", code: "501481"},
		"another client's code": {
			change: []string{"client_id", multiID, "client_secret", "another-secret"}, status: 400, oauth: "invalid_grant", code: "70000", suberror: "client_mismatch",
		},
		"an ungranted scope": {change: []string{"scope", "openid Mail.Read"}, status: 400, oauth: "invalid_grant", code: "65001", suberror: "consent_required"},
		"a malformed scope":  {change: []string{"scope", "a/b"}, status: 400, oauth: "invalid_scope", code: "28002"},
		"two resources":      {change: []string{"scope", "https://a.example/x Calendars.Read"}, status: 400, oauth: "invalid_scope", code: "700022"},
		"another resource":   {change: []string{"scope", "https://a.example/x"}, status: 400, oauth: "invalid_resource", code: "500011"},
		"claims in a string": {change: []string{"claims", `"x"`}, status: 400, oauth: "invalid_request", code: "9002313"},
	} {
		t.Run(name, func(t *testing.T) {
			form := r.codeForm(r.choose(alice), tt.change...)
			r.token(form, tt.header...).refusal(t, tt.status, tt.oauth, tt.code, tt.suberror)
		})
	}
	twice := r.codeForm("x")
	twice.Add("code", "y")
	r.token(twice).refusal(t, 400, "invalid_request", "9000411", "")
	r.get("/contoso.example/oauth2/v2.0/token?"+r.codeForm("x").Encode()).refusal(t, 400, "invalid_request", "900561", "")
	r.tokenAt("/fabrikam.example/oauth2/v2.0/token", r.codeForm("x")).refusal(t, 400, "unauthorized_client", "700016", "")
	r.tokenAt("/other.example/oauth2/v2.0/token", r.codeForm("x")).refusal(t, 400, "invalid_tenant", "90002", "")
	r.token(r.codeForm(r.choose(alice), "client_secret", "a-second-secret")).ok(t)
	r.tokenAt("/CONTOSO.example/oauth2/v2.0/token", r.codeForm(r.choose(alice))).ok(t) // the same tenant
}

func TestCodeWorksOnce(t *testing.T) {
	r := newRig(t)
	form := r.codeForm(r.choose(alice))
	r.token(form).ok(t)
	r.token(form).refusal(t, 400, "invalid_grant", "54005", "")
	form = r.codeForm(r.choose(alice))
	r.advance(codeLifetime + time.Second)
	r.token(form).refusal(t, 400, "invalid_grant", "70008", "")
}

func TestPlainChallengeAndNone(t *testing.T) {
	r := newRig(t)
	r.token(r.codeForm(r.choose(alice, "code_challenge", verifier, "code_challenge_method", ""))).ok(t)
	none := []string{"code_challenge", "", "code_challenge_method", ""}
	r.token(r.codeForm(r.choose(alice, none...))).refusal(t, 400, "invalid_grant", "50147", "") // a verifier unasked
	r.token(r.codeForm(r.choose(alice, none...), "code_verifier", "")).ok(t)
}

func TestScopesDecideWhatComes(t *testing.T) {
	r := newRig(t, func(c *world.Config) {
		a := &c.Tenants[0].Apps[0]
		a.Scopes = append(a.Scopes, "profile", "email")
		a.AccessTokenLifetime = world.Duration(10 * time.Minute)
	})
	for scope, want := range map[string]struct{ id, refresh bool }{
		"Calendars.ReadWrite.Shared":                {},
		"openid calendars.readwrite.shared":         {id: true},
		"offline_access Calendars.ReadWrite.Shared": {refresh: true},
		"openid profile email offline_access":       {id: true, refresh: true},
		r.base + "/.default openid":                 {id: true},
	} {
		m := r.token(r.codeForm(r.choose(alice, "scope", scope))).ok(t)
		_, id := m["id_token"]
		_, refresh := m["refresh_token"]
		if id != want.id || refresh != want.refresh || m["expires_in"] != 600.0 {
			t.Errorf("%s: %v", scope, m)
		}
		info := r.get("/oidc/userinfo", "Authorization", "Bearer "+m["access_token"].(string))
		switch {
		case !id && info.StatusCode != http.StatusForbidden:
			t.Errorf("%s: userinfo without openid: %d", scope, info.StatusCode)
		case strings.Contains(scope, "profile") && (info.json(t)["name"] != "Alice Chan" || info.json(t)["email"] != alice):
			t.Errorf("userinfo: %s", info.body)
		}
	}
}

func TestRefresh(t *testing.T) {
	r := newRig(t)
	old := r.signIn(alice)["refresh_token"]
	renewed := r.token(r.refreshForm(old)).ok(t)["refresh_token"]
	for _, token := range []any{renewed, old} { // the old one lives on
		r.token(r.refreshForm(token)).ok(t)
	}
	if m := r.token(r.refreshForm(renewed, "scope", "openid")).ok(t); m["scope"] != "openid" || m["refresh_token"] != nil {
		t.Errorf("a subset of the scopes: %v", m)
	}
	r.token(r.refreshForm("invented")).refusal(t, 400, "invalid_grant", "70000", "bad_token")
	r.token(r.refreshForm(renewed, "refresh_token", "")).refusal(t, 400, "invalid_request", "900144", "")
	r.token(r.refreshForm(renewed, "client_id", multiID, "client_secret", "another-secret")).refusal(t, 400, "invalid_grant", "70000", "client_mismatch")

	r.advance(refreshLifetime - time.Hour)
	r.token(r.refreshForm(renewed)).ok(t)
	r.advance(2 * time.Hour)
	r.token(r.refreshForm(renewed)).ok(t) // use keeps it alive
	r.token(r.refreshForm(old)).refusal(t, 400, "invalid_grant", "700082", "token_expired")
}

func TestAppToken(t *testing.T) {
	r := newRig(t)
	form := func(change ...string) url.Values {
		return with(r.refreshForm("", "grant_type", "client_credentials", "refresh_token", "", "scope", r.base+"/.default"), change...)
	}
	m := r.token(form()).ok(t)
	if m["refresh_token"] != nil || m["id_token"] != nil || m["scope"] != nil {
		t.Errorf("%v", m)
	}
	if me := r.me(m["access_token"]).ok(t); me["delegated"] != false || me["scopes"] != nil {
		t.Errorf("%v", me)
	}
	r.get("/oidc/userinfo", "Authorization", "Bearer "+m["access_token"].(string)).page(t, http.StatusForbidden, "insufficient_scope")
	for _, scope := range []string{"", "Calendars.ReadWrite.Shared", r.base + "/.default openid", r.base + "/21vianet/.default"} {
		r.token(form("scope", scope)).refusal(t, 400, "invalid_scope", "1002012", "")
	}
	other := form("client_id", multiID, "client_secret", "another-secret")
	r.tokenAt("/common/oauth2/v2.0/token", other).refusal(t, 400, "invalid_request", "50059", "")
	r.tokenAt("/fabrikam.example/oauth2/v2.0/token", other).refusal(t, 400, "unauthorized_client", "700016", "")
	r.tokenAt("/contoso.example/oauth2/token", form("scope", "", "resource", r.base)).ok(t)
}

// Entra writes its errors so that programs and people can read them.
func TestErrorForm(t *testing.T) {
	r := newRig(t)
	form := r.codeForm("x", "client_secret", "wrong")
	const correlation = "5ec2e710-1111-4000-8000-000000000001"
	a := r.token(form, "client-request-id", correlation)
	m := a.json(t)
	description := regexp.MustCompile(`^AADSTS7000215: .*\r\nTrace ID: ([0-9a-f-]{36})\r\nCorrelation ID: ` + correlation + `\r\nTimestamp: 2026-11-23 01:00:00Z$`)
	match := description.FindStringSubmatch(m["error_description"].(string))
	if match == nil {
		t.Fatalf("error_description = %q", m["error_description"])
	}
	if m["trace_id"] != match[1] || m["correlation_id"] != correlation || m["timestamp"] != "2026-11-23 01:00:00Z" {
		t.Errorf("ids and time differ: %s", a.body)
	}
	if codes := m["error_codes"].([]any); len(codes) != 1 || codes[0] != 7000215.0 || m["error_uri"] != r.base+"/error?code=7000215" {
		t.Errorf("%s", a.body)
	}
	if _, there := m["suberror"]; there || a.Header.Get("Client-Request-Id") != correlation {
		t.Errorf("%v %s", a.Header, a.body)
	}
	if again := r.token(form).json(t); again["correlation_id"] == correlation || again["trace_id"] == m["trace_id"] {
		t.Error("ids are used twice")
	}
	if long := r.token(with(form, "client_id", strings.Repeat("x", 1<<20))); len(long.body) > 1<<14 {
		t.Errorf("an error of %d bytes", len(long.body))
	}
}

// Grants that nobody needs to be told about are dropped.
func TestSweep(t *testing.T) {
	r := newRig(t)
	r.signIn(alice)
	if got := len(r.login.Grants()); got != 2 {
		t.Errorf("%d grants, want a refresh token and an access token", got)
	}
	r.advance(3 * refreshLifetime)
	r.get(r.authorizeURL())
	if r.login.codes.Len()+r.login.access.Len()+r.login.refresh.Len()+r.login.browsers.Len() != 0 {
		t.Errorf("%v", r.login.Grants())
	}
}
