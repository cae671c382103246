package m365sim

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// killed is the state file as it is when its simulator is killed.
func killed(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(t.TempDir(), "left")
	if err := os.WriteFile(left, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return left
}

func keptIn(file string) func(*world.Config, *Options) {
	return func(_ *world.Config, o *Options) { o.StateFile = file }
}

func TestRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	s := newSite(t, keptIn(file))
	tokens := s.signIn(s.home(), alice, threeOnly)
	token := tokens["access_token"].(string)
	id := s.book(token, meeting("Review", boardroom, 2, 3))

	s.command("clock", map[string]string{"advance": "2s"})

	again := newSite(t, keptIn(killed(t, file)))
	if got := again.status()["shift"]; got != "2s" {
		t.Errorf("the clock is off by %v after a restart, want 2s", got)
	}
	again.clock.advance(time.Second)
	if got := again.roomSays(token, id); got != "accepted" {
		t.Errorf("after a restart the room says %s, want accepted", got)
	}
	again.refresh(tokens["refresh_token"].(string)).want(t, http.StatusOK)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"access_token", "refresh_token", "id_token"} {
		if strings.Contains(string(text), tokens[name].(string)) {
			t.Errorf("the state file holds the %s", name)
		}
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("the state file has mode %o, want 600", got)
	}
}

func TestSeedsOnlyOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	for range 2 {
		s := newSite(t, func(c *world.Config, o *Options) {
			c.Tenants[0].Events, o.StateFile = world.Sample().Tenants[0].Events, file
		})
		if n := len(s.events(boardroom)); n != 2 {
			t.Errorf("the boardroom has %d events, want 2", n)
		}
		file = killed(t, file)
	}
}

func TestRestartWithoutThePerson(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	s := newSite(t, func(_ *world.Config, o *Options) { o.StateFile = file })
	tokens := s.signIn(s.home(), alice, threeOnly)
	file = killed(t, file)
	again := newSite(t, func(c *world.Config, o *Options) {
		o.StateFile, c.Tenants[0].People = file, c.Tenants[0].People[1:]
	})
	again.graph(tokens["access_token"].(string), http.MethodGet, "/me/calendar", nil).want(t, http.StatusUnauthorized)
	if m := again.refresh(tokens["refresh_token"].(string)).want(t, http.StatusBadRequest).json(t); m["error_codes"].([]any)[0] != 50034.0 {
		t.Errorf("%v", m)
	}
}

func TestNewRefuses(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(broken, []byte(`{"key": `+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		cfg  world.Config
		o    Options
		want string
	}{
		"no base URL":         {world.Sample(), Options{}, "base URL"},
		"a base URL's path":   {world.Sample(), Options{BaseURL: "http://localhost/x"}, "base URL"},
		"nobody":              {world.Config{}, Options{BaseURL: "http://localhost"}, "tenants"},
		"a broken state file": {world.Sample(), Options{BaseURL: "http://localhost", StateFile: broken}, "remove it to begin anew"},
		"a state folder":      {world.Sample(), Options{BaseURL: "http://localhost", StateFile: t.TempDir()}, "state"},
	} {
		if _, err := New(tt.cfg, tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want something about %q", name, err, tt.want)
		}
	}
}

func TestClosed(t *testing.T) {
	s := newSite(t)
	if err := s.sim.Close(); err != nil {
		t.Fatal(err)
	}
	s.send(http.MethodGet, "/", nil).want(t, http.StatusServiceUnavailable)
}

// Two clouds side by side: each has its own authority, its own Graph, and its
// own prefix of scopes.
func TestClouds(t *testing.T) {
	s := newSite(t, func(c *world.Config, _ *Options) {
		china := world.Sample().Tenants[0]
		china.ID, china.Domain, china.Name, china.Cloud = "c0970500-5c41-4b8e-9f6a-3d1c7e2a9b86", "contoso.cn.example", "Contoso China", "21vianet"
		china.Apps[0].ClientID = "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c86"
		china.People = []world.Person{{ID: "0b1ec700-0000-4000-8000-000000000086", Name: "Li Na", Mail: "lina@contoso.cn.example"}}
		china.Rooms, china.Events = nil, nil
		c.Tenants = append(c.Tenants, china)
	})
	china := place{"/21vianet", &s.cfg.Tenants[1], &s.cfg.Tenants[1].Apps[0]}
	discovery := func(path string) map[string]any {
		return s.send(http.MethodGet, path+"/v2.0/.well-known/openid-configuration", nil).want(t, http.StatusOK).json(t)
	}
	if got, want := discovery("/21vianet/contoso.cn.example")["issuer"], s.base+"/21vianet/"+china.tenant.ID+"/v2.0"; got != want {
		t.Errorf("issuer = %v, want %v", got, want)
	}
	if got, want := discovery("/common")["issuer"], s.base+"/{tenantid}/v2.0"; got != want {
		t.Errorf("issuer of common = %v, want %v", got, want)
	}
	old := discovery("/legacy/21vianet/" + china.tenant.ID)
	if old["issuer"] != s.base+"/21vianet/"+china.tenant.ID+"/v2.0" || !strings.HasPrefix(old["token_endpoint"].(string), s.base+"/legacy/21vianet/") {
		t.Errorf("the alias: %v", old)
	}
	for _, path := range []string{"/" + china.tenant.ID, "/21vianet/" + s.home().tenant.ID} {
		s.send(http.MethodGet, path+"/v2.0/.well-known/openid-configuration", nil).want(t, http.StatusBadRequest)
	}
	scope := "openid offline_access " + s.base + "/21vianet/Calendars.ReadWrite.Shared"
	token := s.signIn(china, "lina@contoso.cn.example", scope)["access_token"].(string)
	s.send(http.MethodGet, "/21vianet/v1.0/me/calendar", nil, "Authorization", "Bearer "+token).want(t, http.StatusOK)
	s.send(http.MethodGet, "/v1.0/me/calendar", nil, "Authorization", "Bearer "+token).want(t, http.StatusUnauthorized)
	wrong := s.token(china, url.Values{
		"grant_type": {"client_credentials"}, "scope": {s.base + "/.default"},
	})
	if wrong.StatusCode == http.StatusOK {
		t.Errorf("another cloud's scope passes: %s", wrong.body)
	}
}

// What Microsoft's table says of an app without administrators' grants: a
// secret can be proven all the same.
func TestSecretProbe(t *testing.T) {
	s := newSite(t)
	probe := url.Values{"grant_type": {"client_credentials"}, "scope": {s.base + "/.default"}}
	token := s.token(s.home(), probe).want(t, http.StatusOK).json(t)["access_token"].(string)
	s.graph(token, http.MethodGet, "/me/calendar", nil).want(t, http.StatusBadRequest)
	probe.Set("client_secret", s.home().app.Secrets[0].ID)
	if m := s.token(s.home(), probe).want(t, http.StatusUnauthorized).json(t); m["error_codes"].([]any)[0] != 7000215.0 {
		t.Errorf("%v", m)
	}
}

// A notification comes when a room answers, though nobody asks.
func TestNotifiedOfALateAnswer(t *testing.T) {
	s := newSite(t, func(c *world.Config, o *Options) {
		o.Now = time.Now
		c.Tenants[0].Rooms[0].AnswerDelay = world.Duration(20 * time.Millisecond)
	})
	got := make(chan string, 10)
	listener := notified(t, got)
	token := s.as(alice)
	s.graph(token, http.MethodPost, "/subscriptions", map[string]any{
		"changeType": "updated", "resource": "me/events", "notificationUrl": listener, "clientState": "secret",
		"expirationDateTime": time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339),
	}).want(t, http.StatusCreated)
	tomorrow := time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	body := meeting("Review", boardroom, 2, 3)
	body["start"] = map[string]string{"dateTime": tomorrow + "T02:00:00", "timeZone": "UTC"}
	body["end"] = map[string]string{"dateTime": tomorrow + "T03:00:00", "timeZone": "UTC"}
	id := s.book(token, body)
	select {
	case text := <-got:
		if !strings.Contains(text, id) || !strings.Contains(text, `"clientState":"secret"`) || !strings.Contains(text, `"changeType":"updated"`) {
			t.Errorf("notified of %s", text)
		}
	case <-t.Context().Done():
		t.Fatal("nobody was notified")
	}
	if got := s.roomSays(token, id); got != "accepted" {
		t.Errorf("the room says %s", got)
	}
}
