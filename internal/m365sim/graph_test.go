package m365sim

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestGraphRefusesCallers(t *testing.T) {
	w := newWorld(t, func(c *Config, _ *Options) {
		c.Tenants[0].Apps[0].Scopes = append(c.Tenants[0].Apps[0].Scopes, "Calendars.Read")
	})
	good := w.as(alice)
	q := w.authRequest()
	q.Set("scope", "openid Calendars.Read")
	reader := mailboxClient{w, w.token(w.codeForm(w.choose(alice, q))).json(t)["access_token"].(string)}
	tests := map[string]struct {
		who          mailboxClient
		method, path string
		status       int
		code         string
	}{
		"no token":          {mailboxClient{w, ""}, http.MethodGet, "/me/calendar", 401, "InvalidAuthenticationToken"},
		"an invented token": {mailboxClient{w, "x.y.z"}, http.MethodGet, "/me/calendar", 401, "InvalidAuthenticationToken"},
		"no User.Read":      {good, http.MethodGet, "/me", 403, "ErrorAccessDenied"},
		"only reading":      {reader, http.MethodPost, "/me/events", 403, "ErrorAccessDenied"},
	}
	for name, tt := range tests {
		a := tt.who.call(tt.method, tt.path, nil)
		if a.StatusCode != tt.status || a.errorCode(t) != tt.code {
			t.Errorf("%s: %d %s, want %d %s", name, a.StatusCode, a.body, tt.status, tt.code)
		}
		if tt.status == http.StatusUnauthorized && !strings.HasPrefix(a.Header.Get("Www-Authenticate"), "Bearer ") {
			t.Errorf("%s: WWW-Authenticate = %q", name, a.Header.Get("Www-Authenticate"))
		}
	}
	w.clock.advance(91 * time.Minute)
	if a := good.call(http.MethodGet, "/me/calendar", nil); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.body, "expired") {
		t.Errorf("an old token: %d %s", a.StatusCode, a.body)
	}
	const id = "5ec2e710-1111-4000-8000-000000000001"
	a := good.call(http.MethodGet, "/me/calendar", nil, "client-request-id", id)
	inner := a.json(t)["error"].(map[string]any)["innerError"].(map[string]any)
	if inner["client-request-id"] != id || inner["request-id"] != a.Header.Get("request-id") || inner["date"] != "2026-11-23T02:31:00" {
		t.Errorf("innerError = %v", inner)
	}
}

func TestScopesByTheTables(t *testing.T) {
	w := newWorld(t, func(c *Config, _ *Options) { c.Scopes = ScopesTables })
	m := w.as(alice)
	for path, want := range map[string]int{"/me/calendar": 403, "/me/calendars": 200, "/me/events": 200} {
		if a := m.call(http.MethodGet, path, nil); a.StatusCode != want {
			t.Errorf("%s: %d %s, want %d", path, a.StatusCode, a.body, want)
		}
	}
	if a := m.call(http.MethodPost, "/me/calendar/getSchedule", scheduleBody(boardroom)); a.StatusCode != http.StatusForbidden {
		t.Errorf("getSchedule: %d %s", a.StatusCode, a.body)
	}
}
