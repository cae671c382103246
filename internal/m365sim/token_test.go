package m365sim

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// refusal fails unless an answer is that refusal of the token endpoint.
func (a answer) refusal(t *testing.T, status int, oauth, code, suberror string) {
	t.Helper()
	m := a.json(t)
	description, _ := m["error_description"].(string)
	got, _ := m["suberror"].(string)
	if a.StatusCode != status || m["error"] != oauth || !strings.HasPrefix(description, "AADSTS"+code+": ") || got != suberror {
		t.Errorf("%d %s, want %d %s AADSTS%s %q", a.StatusCode, a.body, status, oauth, code, suberror)
	}
}

func TestTokenRefusesRequests(t *testing.T) {
	w := newWorld(t, func(c *Config, _ *Options) {
		a := &c.Tenants[0].Apps[0]
		a.Secrets = append(a.Secrets, Secret{ID: "old", Value: "an-old-secret", Expires: begin.Add(-time.Hour)})
		other := *a
		other.ClientID = "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c21"
		c.Tenants[0].Apps = append(c.Tenants[0].Apps, other)
		second := c.Tenants[0]
		second.ID, second.Domain, second.People, second.Rooms = "c0970500-5c41-4b8e-9f6a-3d1c7e2a9b11", "fabrikam.example", nil, nil
		second.Apps = []App{{ClientID: "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c22", Secrets: a.Secrets}}
		c.Tenants = append(c.Tenants, second)
	})
	tests := map[string]struct {
		change      func(url.Values)
		status      int
		oauth, code string
		suberror    string
		header      [2]string
	}{
		"no grant type":         {change: del("grant_type"), status: 400, oauth: "invalid_request", code: "900144"},
		"an unknown grant type": {change: put("grant_type", "password"), status: 400, oauth: "unsupported_grant_type", code: "70003"},
		"no client":             {change: del("client_id"), status: 400, oauth: "invalid_request", code: "900144"},
		"an unknown client":     {change: put("client_id", "0b1ec700-0000-4000-8000-000000000000"), status: 400, oauth: "unauthorized_client", code: "700016"},
		"no secret":             {change: del("client_secret"), status: 401, oauth: "invalid_client", code: "7000218"},
		"a wrong secret":        {change: put("client_secret", "wrong"), status: 401, oauth: "invalid_client", code: "7000215"},
		"the secret's id":       {change: put("client_secret", w.app().Secrets[0].ID), status: 401, oauth: "invalid_client", code: "7000215"},
		"an expired secret":     {change: put("client_secret", "an-old-secret"), status: 401, oauth: "invalid_client", code: "7000222"},
		"an assertion":          {change: put("client_assertion", "x"), status: 401, oauth: "invalid_client", code: "700027"},
		"an Origin": {
			change: del(""), header: [2]string{"Origin", "http://localhost:8080"}, status: 400, oauth: "invalid_request", code: "9002326",
		},
		"JSON":                 {change: del(""), header: [2]string{"Content-Type", "application/json"}, status: 400, oauth: "invalid_request", code: "900144"},
		"a parameter twice":    {change: func(v url.Values) { v.Add("code", "x") }, status: 400, oauth: "invalid_request", code: "9000411"},
		"no code":              {change: del("code"), status: 400, oauth: "invalid_request", code: "900144"},
		"an unknown code":      {change: put("code", "x"), status: 400, oauth: "invalid_grant", code: "70000"},
		"no redirect URI":      {change: del("redirect_uri"), status: 400, oauth: "invalid_request", code: "900144"},
		"another redirect URI": {change: put("redirect_uri", "http://localhost:8080/.ones/rooms/callback"), status: 400, oauth: "invalid_grant", code: "500112"},
		"no verifier":          {change: del("code_verifier"), status: 400, oauth: "invalid_grant", code: "501481"},
		"another verifier":     {change: put("code_verifier", strings.Repeat("x", 43)), status: 400, oauth: "invalid_grant", code: "501481"},
		"another client's code": {
			change: put("client_id", "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c21"), status: 400, oauth: "invalid_grant", code: "70000", suberror: "client_mismatch",
		},
		"an ungranted scope": {
			change: put("scope", "openid Mail.Read"), status: 400, oauth: "invalid_grant", code: "65001", suberror: "consent_required",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			form := w.codeForm(w.choose(alice, w.authRequest()))
			tt.change(form)
			var headers []string
			if tt.header[0] != "" {
				headers = tt.header[:]
			}
			w.token(form, headers...).refusal(t, tt.status, tt.oauth, tt.code, tt.suberror)
		})
	}
	t.Run("GET", func(t *testing.T) {
		w.send(http.MethodGet, w.tokenPath()+"?"+w.codeForm("x").Encode(), nil).refusal(t, 400, "invalid_request", "900561", "")
	})
	t.Run("another tenant", func(t *testing.T) {
		a := w.send(http.MethodPost, "/fabrikam.example/oauth2/v2.0/token", w.codeForm("x").Encode(), "Content-Type", "application/x-www-form-urlencoded")
		a.refusal(t, 400, "unauthorized_client", "700016", "")
	})
	t.Run("an unknown tenant", func(t *testing.T) {
		a := w.send(http.MethodPost, "/other.example/oauth2/v2.0/token", w.codeForm("x").Encode(), "Content-Type", "application/x-www-form-urlencoded")
		a.refusal(t, 400, "invalid_tenant", "90002", "")
	})
}

func del(name string) func(url.Values) { return func(v url.Values) { v.Del(name) } }

func put(name, value string) func(url.Values) { return func(v url.Values) { v.Set(name, value) } }

func TestCodeWorksOnce(t *testing.T) {
	w := newWorld(t)
	form := w.codeForm(w.choose(alice, w.authRequest()))
	if a := w.token(form); a.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	w.token(form).refusal(t, 400, "invalid_grant", "54005", "")

	form = w.codeForm(w.choose(alice, w.authRequest()))
	w.clock.advance(codeLifetime + time.Second)
	w.token(form).refusal(t, 400, "invalid_grant", "70008", "")
}

func TestClientByBasic(t *testing.T) {
	w := newWorld(t)
	form := w.codeForm(w.choose(alice, w.authRequest()))
	req, err := http.NewRequest(http.MethodPost, "http://x/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(url.QueryEscape(form.Get("client_id")), url.QueryEscape(form.Get("client_secret")))
	basic := []string{"Authorization", req.Header.Get("Authorization")}
	w.token(form, basic...).refusal(t, 400, "invalid_request", "9002313", "") // and in the body
	form.Del("client_secret")
	form.Del("client_id")
	if a := w.token(form, basic...); a.StatusCode != http.StatusOK {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

func TestPlainChallengeAndNone(t *testing.T) {
	w := newWorld(t)
	q := w.authRequest()
	q.Set("code_challenge", verifier)
	q.Del("code_challenge_method")
	if a := w.token(w.codeForm(w.choose(alice, q))); a.StatusCode != http.StatusOK {
		t.Errorf("plain: %d %s", a.StatusCode, a.body)
	}
	q.Del("code_challenge")
	w.token(w.codeForm(w.choose(alice, q))).refusal(t, 400, "invalid_grant", "50147", "") // a verifier unasked
	form := w.codeForm(w.choose(alice, q))
	form.Del("code_verifier")
	if a := w.token(form); a.StatusCode != http.StatusOK {
		t.Errorf("without PKCE: %d %s", a.StatusCode, a.body)
	}
}

func TestScopesDecideWhatComes(t *testing.T) {
	w := newWorld(t, func(c *Config, _ *Options) {
		c.Tenants[0].Apps[0].Scopes = append(c.Tenants[0].Apps[0].Scopes, "profile", "email")
		c.Tenants[0].Apps[0].AccessTokenLifetime = Duration(10 * time.Minute)
	})
	for scope, want := range map[string]struct{ id, refresh bool }{
		"Calendars.ReadWrite.Shared":                {},
		"openid calendars.readwrite.shared":         {id: true},
		"offline_access Calendars.ReadWrite.Shared": {refresh: true},
		"openid profile email offline_access":       {id: true, refresh: true},
	} {
		q := w.authRequest()
		q.Set("scope", scope)
		m := w.token(w.codeForm(w.choose(alice, q))).json(t)
		_, id := m["id_token"]
		_, refresh := m["refresh_token"]
		if id != want.id || refresh != want.refresh || m["expires_in"] != 600.0 {
			t.Errorf("%s: %v", scope, m)
		}
		if id && strings.Contains(scope, "profile") {
			info := w.send(http.MethodGet, "/oidc/userinfo", nil, "Authorization", "Bearer "+m["access_token"].(string)).json(t)
			if info["name"] != "Alice Chan" || info["email"] != alice || info["sub"] == "" {
				t.Errorf("userinfo: %v", info)
			}
		}
	}
}

func TestRefresh(t *testing.T) {
	w := newWorld(t)
	old := w.signIn(alice)["refresh_token"].(string)
	renewed := w.token(w.refreshForm(old)).json(t)["refresh_token"].(string)
	for name, token := range map[string]string{"the new token": renewed, "the old token": old} {
		if a := w.token(w.refreshForm(token)); a.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	w.token(w.refreshForm("invented")).refusal(t, 400, "invalid_grant", "70000", "bad_token")
	form := w.refreshForm(renewed)
	form.Set("scope", "Mail.Read")
	w.token(form).refusal(t, 400, "invalid_grant", "65001", "consent_required")

	w.clock.advance(refreshLifetime - time.Hour)
	if a := w.token(w.refreshForm(renewed)); a.StatusCode != http.StatusOK {
		t.Fatalf("after 90 days less an hour: %d %s", a.StatusCode, a.body)
	}
	w.clock.advance(2 * time.Hour)
	if a := w.token(w.refreshForm(renewed)); a.StatusCode != http.StatusOK {
		t.Errorf("use does not keep it alive: %d %s", a.StatusCode, a.body)
	}
	w.token(w.refreshForm(old)).refusal(t, 400, "invalid_grant", "700082", "token_expired")
}

func TestRevoke(t *testing.T) {
	w := newWorld(t)
	tokens, other := w.signIn(alice), w.as(bob)
	if a := w.send(http.MethodPost, "/_sim/revoke", map[string]string{"mail": alice}); a.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	w.token(w.refreshForm(tokens["refresh_token"].(string))).refusal(t, 400, "invalid_grant", "50173", "bad_token")
	if a := (mailboxClient{w, tokens["access_token"].(string)}).call(http.MethodGet, "/me/calendar", nil); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("her access token: %d", a.StatusCode)
	}
	if a := other.call(http.MethodGet, "/me/calendar", nil); a.StatusCode != http.StatusOK {
		t.Errorf("bob's access token: %d %s", a.StatusCode, a.body)
	}
	if a := w.token(w.refreshForm(w.signIn(alice)["refresh_token"].(string))); a.StatusCode != http.StatusOK {
		t.Errorf("after signing in again: %d %s", a.StatusCode, a.body)
	}
}

func TestReplacedSecret(t *testing.T) {
	w := newWorld(t)
	refresh := w.signIn(alice)["refresh_token"].(string)
	if a := w.send(http.MethodPost, "/_sim/secrets", map[string]string{"client_id": w.app().ClientID, "value": "new"}); a.StatusCode != http.StatusNoContent {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	form := w.refreshForm(refresh)
	w.token(form).refusal(t, 401, "invalid_client", "7000215", "")
	form.Set("client_secret", "new")
	if a := w.token(form); a.StatusCode != http.StatusOK {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

func FuzzParseScopes(f *testing.F) {
	for _, seed := range []string{"openid", "http://localhost:1/Calendars.ReadWrite.Shared OPENID", "https://x/y", "a/b", "İ", "\x00"} {
		f.Add(seed)
	}
	s := &Server{base: "http://localhost:1"}
	a := &App{Scopes: []string{"openid", "Calendars.ReadWrite.Shared"}}
	f.Fuzz(func(t *testing.T, text string) {
		scopes, refusal := s.parseScopes(a, text)
		if refusal != nil && scopes != nil {
			t.Errorf("%q: refused, and granted %v", text, scopes)
		}
		for i, scope := range scopes {
			if scope != a.Scopes[0] && scope != a.Scopes[1] || i > 1 {
				t.Errorf("%q: granted %v", text, scopes)
			}
		}
	})
}
