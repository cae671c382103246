package m365sim

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// An independent client goes through the whole flow.
func TestCodeFlow(t *testing.T) {
	w := newWorld(t)
	ctx := oidc.ClientContext(t.Context(), w.client)
	provider, err := oidc.NewProvider(ctx, w.base+"/"+w.tenant().ID+"/v2.0")
	if err != nil {
		t.Fatal(err)
	}
	config := oauth2.Config{
		ClientID: w.app().ClientID, ClientSecret: w.app().Secrets[0].Value, RedirectURL: callback,
		Endpoint: provider.Endpoint(), Scopes: []string{"openid", "offline_access", w.base + "/calendars.readwrite.shared"},
	}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	verifier := oauth2.GenerateVerifier()
	page := w.send(http.MethodGet, config.AuthCodeURL("xyz", oidc.Nonce("n-1"), oauth2.S256ChallengeOption(verifier)), nil)
	if page.StatusCode != http.StatusOK || !strings.Contains(page.body, `id="account-alice"`) {
		t.Fatalf("the chooser: %d %s", page.StatusCode, page.body)
	}
	back := w.send(http.MethodPost, page.Request.URL.String(), url.Values{"account": {alice}}.Encode(),
		"Content-Type", "application/x-www-form-urlencoded", "Origin", w.base)
	q := back.query(t)
	if back.StatusCode != http.StatusSeeOther || q.Get("state") != "xyz" {
		t.Fatalf("the way back: %d %v", back.StatusCode, q)
	}
	tokens, err := config.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if left := tokens.Extra("expires_in").(float64); left < 3600 || left >= 5400 {
		t.Errorf("expires_in = %v, want 60 to 90 minutes", left)
	}
	if got, want := tokens.Extra("scope"), "openid "+w.base+"/Calendars.ReadWrite.Shared"; got != want {
		t.Errorf("scope = %q, want %q", got, want)
	}
	id, err := provider.Verifier(&oidc.Config{ClientID: config.ClientID, Now: w.clock.now}).Verify(ctx, tokens.Extra("id_token").(string))
	if err != nil {
		t.Fatal(err)
	}
	if id.Nonce != "n-1" {
		t.Errorf("nonce = %q, want n-1", id.Nonce)
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for name := range claims {
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{
		"aio", "aud", "exp", "extn.pager", "groups", "iat", "iss", "login_hint", "nbf", "nonce", "rh", "sid", "sub", "tid", "uti", "ver",
	}
	if !slices.Equal(names, want) {
		t.Errorf("claims = %v, want %v", names, want)
	}
	if claims["tid"] != w.tenant().ID || claims["extn.pager"] != "0004711001" || claims["ver"] != "2.0" {
		t.Errorf("claims = %v", claims)
	}
	renewed, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: tokens.RefreshToken}).Token()
	if err != nil {
		t.Fatal(err)
	}
	if renewed.RefreshToken == tokens.RefreshToken || renewed.AccessToken == tokens.AccessToken {
		t.Error("a refresh gave the same tokens again")
	}
}

func TestSubjectIsPairwise(t *testing.T) {
	w := newWorld(t, func(c *Config, _ *Options) {
		second := c.Tenants[0].Apps[0]
		second.ClientID = "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c21"
		c.Tenants[0].Apps = append(c.Tenants[0].Apps, second)
	})
	p := w.tenant().person(alice)
	one := w.sim.subject(&grant{ClientID: w.tenant().Apps[0].ClientID}, p)
	other := w.sim.subject(&grant{ClientID: w.tenant().Apps[1].ClientID}, p)
	if one == other {
		t.Error("two apps see the same subject")
	}
	if again := w.sim.subject(&grant{ClientID: w.tenant().Apps[0].ClientID}, p); again != one {
		t.Error("the subject changes")
	}
}

func TestDiscovery(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{w.tenant().ID, strings.ToUpper(w.tenant().ID), "contoso.example"} {
		a := w.send(http.MethodGet, "/"+name+"/v2.0/.well-known/openid-configuration", nil)
		if got, want := a.json(t)["issuer"], w.base+"/"+w.tenant().ID+"/v2.0"; got != want {
			t.Errorf("%s: issuer = %v, want %v", name, got, want)
		}
		if _, there := a.json(t)["code_challenge_methods_supported"]; there {
			t.Errorf("%s: PKCE is advertised; Entra doesn't", name)
		}
	}
	a := w.send(http.MethodGet, "/other.example/v2.0/.well-known/openid-configuration", nil)
	if a.StatusCode != http.StatusBadRequest || a.json(t)["error"] != "invalid_tenant" {
		t.Errorf("an unknown tenant: %d %s", a.StatusCode, a.body)
	}
}

// What may not go back to the app is shown on a page, what may goes back.
func TestAuthorizeRefuses(t *testing.T) {
	w := newWorld(t)
	tests := map[string]struct {
		param, value string // "" removes it
		page         string // a code on a page, or
		error, code  string // an error that goes back
	}{
		"no client":               {param: "client_id", page: "AADSTS900144"},
		"an unknown client":       {param: "client_id", value: "0b1ec700-0000-4000-8000-000000000000", page: "AADSTS700016"},
		"no redirect URI":         {param: "redirect_uri", page: "AADSTS900971"},
		"another redirect URI":    {param: "redirect_uri", value: callback + "/", page: "AADSTS50011"},
		"another case":            {param: "redirect_uri", value: strings.ToUpper(callback), page: "AADSTS50011"},
		"another host":            {param: "redirect_uri", value: "http://localhost.evil.example:8080/.ones/callback", page: "AADSTS50011"},
		"an ungranted scope":      {param: "scope", value: "openid profile", page: "AADSTS90094"},
		"another resource":        {param: "scope", value: "https://other.example/Calendars.ReadWrite.Shared", error: "invalid_scope", code: "AADSTS70011"},
		"the default scope":       {param: "scope", value: ".default", error: "invalid_scope", code: "AADSTS70011"},
		"no scope":                {param: "scope", value: " ", error: "invalid_request", code: "AADSTS900144"},
		"no response type":        {param: "response_type", error: "invalid_request", code: "AADSTS900144"},
		"another response type":   {param: "response_type", value: "token", error: "unsupported_response_type", code: "AADSTS70005"},
		"form_post":               {param: "response_mode", value: "form_post", error: "invalid_request", code: "AADSTS9002313"},
		"an unknown prompt":       {param: "prompt", value: "admin_consent", error: "invalid_request", code: "AADSTS90023"},
		"nobody is signed in":     {param: "prompt", value: "none", error: "login_required", code: "AADSTS50058"},
		"a short challenge":       {param: "code_challenge", value: "short", error: "invalid_request", code: "AADSTS501491"},
		"a method alone":          {param: "code_challenge", error: "invalid_request", code: "AADSTS50147"},
		"an unknown method":       {param: "code_challenge_method", value: "S512", error: "invalid_request", code: "AADSTS9002313"},
		"claims that aren't JSON": {param: "claims", value: "{", error: "invalid_request", code: "AADSTS9002313"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			q := w.authRequest()
			if q.Del(tt.param); tt.value != "" {
				q.Set(tt.param, tt.value)
			}
			a := w.send(http.MethodGet, w.authorizeURL(q), nil)
			if tt.page != "" {
				if a.StatusCode != http.StatusBadRequest || a.Header.Get("Location") != "" || !strings.Contains(a.body, tt.page) {
					t.Fatalf("%d to %q, want a page with %s: %s", a.StatusCode, a.Header.Get("Location"), tt.page, a.body)
				}
				return
			}
			back := a.query(t)
			if back.Get("error") != tt.error || !strings.HasPrefix(back.Get("error_description"), tt.code+": ") || back.Get("state") != "a state/+" {
				t.Errorf("sent back with %v, want %s %s", back, tt.error, tt.code)
			}
		})
	}
	t.Run("a parameter twice", func(t *testing.T) {
		a := w.send(http.MethodGet, w.authorizeURL(w.authRequest())+"&redirect_uri=http://evil.example/", nil)
		if a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, "AADSTS9000411") {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
	t.Run("an unknown tenant", func(t *testing.T) {
		a := w.send(http.MethodGet, "/other.example/oauth2/v2.0/authorize?"+w.authRequest().Encode(), nil)
		if a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, "AADSTS90002") {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
	t.Run("an ungranted scope, silently", func(t *testing.T) {
		q := w.authRequest()
		q.Set("scope", "openid User.Read")
		q.Set("prompt", "none")
		if back := w.send(http.MethodGet, w.authorizeURL(q), nil).query(t); back.Get("error") != "interaction_required" {
			t.Errorf("sent back with %v", back)
		}
	})
	t.Run("the chooser answered from another site", func(t *testing.T) {
		a := w.send(http.MethodPost, w.authorizeURL(w.authRequest()), "account="+alice,
			"Content-Type", "application/x-www-form-urlencoded", "Origin", "http://evil.example")
		if a.StatusCode != http.StatusForbidden {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
}

func TestChooser(t *testing.T) {
	w := newWorld(t)
	post := func(form url.Values) answer {
		return w.send(http.MethodPost, w.authorizeURL(w.authRequest()), form.Encode(),
			"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
	}
	t.Run("cancel", func(t *testing.T) {
		back := post(url.Values{"cancel": {"1"}}).query(t)
		if back.Get("error") != "access_denied" || back.Get("state") != "a state/+" || back.Has("code") {
			t.Errorf("sent back with %v", back)
		}
	})
	t.Run("somebody unknown", func(t *testing.T) {
		if a := post(url.Values{"account": {"mallory@contoso.example"}}); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, "AADSTS50034") {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
	t.Run("another port of localhost", func(t *testing.T) {
		q := w.authRequest()
		q.Set("redirect_uri", "http://localhost:9999/.ones/callback")
		if a := w.send(http.MethodGet, w.authorizeURL(q), nil); a.StatusCode != http.StatusOK {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
	t.Run("hostile names stay text", func(t *testing.T) {
		w := newWorld(t, func(c *Config, _ *Options) { c.Tenants[0].People[0].Name = `<script>x</script>` })
		a := w.send(http.MethodGet, w.authorizeURL(w.authRequest()), nil)
		if strings.Contains(a.body, "<script>") || !strings.Contains(a.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%v %s", a.Header, a.body)
		}
	})
}

func TestSingleSignOn(t *testing.T) {
	w := newWorld(t)
	w.choose(alice, w.authRequest())
	ask := func(name, value string) answer {
		q := w.authRequest()
		q.Set(name, value)
		return w.send(http.MethodGet, w.authorizeURL(q), nil)
	}
	if back := ask("prompt", "none").query(t); back.Get("code") == "" {
		t.Errorf("prompt=none with a session: %v", back)
	}
	if back := ask("login_hint", alice).query(t); back.Get("code") == "" {
		t.Errorf("login_hint of the signed-in: %v", back)
	}
	hint := w.tenant().person(alice).loginHint()
	if back := ask("login_hint", hint).query(t); back.Get("code") == "" {
		t.Errorf("the claim login_hint of the signed-in: %v", back)
	}
	for name, a := range map[string]answer{
		"no hint": ask("nonce", "n-2"), "another's hint": ask("login_hint", bob), "prompt=login": ask("prompt", "login"),
	} {
		if a.StatusCode != http.StatusOK || !strings.Contains(a.body, `id="account-bob"`) {
			t.Errorf("%s: no chooser but %d", name, a.StatusCode)
		}
	}
	logout := "/" + w.tenant().ID + "/oauth2/v2.0/logout?post_logout_redirect_uri="
	if a := w.send(http.MethodGet, logout+url.QueryEscape("http://evil.example/"), nil); a.StatusCode != http.StatusOK || a.Header.Get("Location") != "" {
		t.Errorf("an unregistered address after signing out: %d %s", a.StatusCode, a.Header.Get("Location"))
	}
	w.choose(alice, w.authRequest())
	if a := w.send(http.MethodGet, logout+url.QueryEscape("http://localhost:8080/.ones/signed-out"), nil); a.Header.Get("Location") != "http://localhost:8080/.ones/signed-out" {
		t.Errorf("a registered address after signing out: %d %s", a.StatusCode, a.Header.Get("Location"))
	}
	if back := ask("prompt", "none").query(t); back.Get("error") != "login_required" {
		t.Errorf("after signing out: %v", back)
	}
}

func TestRedirectURIRules(t *testing.T) {
	for uri, good := range map[string]bool{
		"https://ones.contoso.com/.ones/callback": true, "http://localhost/x": true, "http://127.0.0.1:8080/x": true,
		"http://ones.contoso.com/x": false, "https://ones.contoso.com": false, "/x": false, "https://a.example/*": false,
		"https://a.example/x#y": false, "https://a.example/" + strings.Repeat("x", 256): false,
	} {
		if why := badRedirectURI(uri); (why == "") != good {
			t.Errorf("%s: %q, want good: %v", uri, why, good)
		}
	}
}

// Entra writes its errors so that programs and people can read them.
func TestErrorForm(t *testing.T) {
	w := newWorld(t)
	form := w.codeForm("x")
	form.Set("client_secret", "wrong")
	const correlation = "5ec2e710-1111-4000-8000-000000000001"
	a := w.token(form, "client-request-id", correlation)
	m := a.json(t)
	description := regexp.MustCompile(`^AADSTS7000215: .*\r\nTrace ID: ([0-9a-f-]{36})\r\nCorrelation ID: ` + correlation + `\r\nTimestamp: 2026-11-23 01:00:00Z$`)
	match := description.FindStringSubmatch(m["error_description"].(string))
	if match == nil {
		t.Fatalf("error_description = %q", m["error_description"])
	}
	if m["trace_id"] != match[1] || m["correlation_id"] != correlation || m["timestamp"] != "2026-11-23 01:00:00Z" {
		t.Errorf("ids and time differ: %s", a.body)
	}
	if codes := m["error_codes"].([]any); len(codes) != 1 || codes[0] != 7000215.0 {
		t.Errorf("error_codes = %v", codes)
	}
	if _, there := m["suberror"]; there || a.StatusCode != http.StatusUnauthorized || m["error_uri"] != w.base+"/error?code=7000215" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	w.clock.advance(time.Second)
	if again := w.token(form).json(t); again["correlation_id"] == correlation || again["trace_id"] == m["trace_id"] {
		t.Error("ids are used twice")
	}
}
