package m365sim

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	keep := func(_ *Config, o *Options) { o.StateFile = file }
	w := newWorld(t, keep)
	tokens := w.signIn(alice)
	m := mailboxClient{w, tokens["access_token"].(string)}
	id := m.create(meeting("Review", boardroom, 2, 3))["id"].(string)

	again := newWorld(t, keep) // without a Close of the first: it was killed
	again.clock.advance(time.Minute)
	m = mailboxClient{again, m.token}
	if got := m.roomResponse(id); got != "accepted" {
		t.Errorf("after a restart the room says %s, want accepted", got)
	}
	if a := again.token(again.refreshForm(tokens["refresh_token"].(string))); a.StatusCode != http.StatusOK {
		t.Errorf("the refresh token: %d %s", a.StatusCode, a.body)
	}
	if again.sim.keys.id != w.sim.keys.id || again.sim.subject(&grant{}, &Person{}) != w.sim.subject(&grant{}, &Person{}) {
		t.Error("the signing key or the subjects have changed")
	}
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
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".m365sim-*")); len(left) != 0 {
		t.Errorf("temporary files stay: %v", left)
	}
}

func TestSeedsOnlyOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	keep := func(c *Config, o *Options) {
		c.Tenants[0].Events, o.StateFile = SampleConfig().Tenants[0].Events, file
	}
	for range 2 {
		w := newWorld(t, keep)
		if n := len(w.eventsOf(boardroom)); n != 2 {
			t.Errorf("the boardroom has %d events, want 2", n)
		}
	}
}

func TestRestartWithoutThePerson(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	w := newWorld(t, func(_ *Config, o *Options) { o.StateFile = file })
	tokens := w.signIn(alice)
	again := newWorld(t, func(c *Config, o *Options) {
		o.StateFile, c.Tenants[0].People = file, c.Tenants[0].People[1:]
	})
	if a := (mailboxClient{again, tokens["access_token"].(string)}).call(http.MethodGet, "/me/calendar", nil); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("her access token: %d %s", a.StatusCode, a.body)
	}
	again.token(again.refreshForm(tokens["refresh_token"].(string))).refusal(t, 400, "invalid_grant", "50034", "")
}

func TestUnwritableState(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, func(_ *Config, o *Options) {
		o.StateFile = filepath.Join(dir, "folder", "state.json")
		_ = os.Mkdir(filepath.Join(dir, "folder"), 0o700)
	})
	m := w.as(alice)
	if err := os.RemoveAll(filepath.Join(dir, "folder")); err != nil {
		t.Fatal(err)
	}
	if a := m.call(http.MethodPost, "/me/events", meeting("Review", boardroom, 2, 3)); a.StatusCode != http.StatusInternalServerError {
		t.Errorf("an event that can't be kept: %d %s", a.StatusCode, a.body)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err) // for Close
	}
}

func TestNewRefuses(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "state.json")
	if err := os.WriteFile(broken, []byte(`{"key": `), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		cfg  Config
		o    Options
		want string
	}{
		"no base URL":         {SampleConfig(), Options{}, "base URL"},
		"a base URL's path":   {SampleConfig(), Options{BaseURL: "http://localhost/x"}, "base URL"},
		"nobody":              {Config{}, Options{BaseURL: "http://localhost"}, "tenants"},
		"a broken state file": {SampleConfig(), Options{BaseURL: "http://localhost", StateFile: broken}, "remove it to begin anew"},
		"a state folder":      {SampleConfig(), Options{BaseURL: "http://localhost", StateFile: t.TempDir()}, "state file"},
	} {
		if _, err := New(tt.cfg, tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want something about %q", name, err, tt.want)
		}
	}
}

func TestClosed(t *testing.T) {
	w := newWorld(t)
	if err := w.sim.Close(); err != nil {
		t.Fatal(err)
	}
	if a := w.send(http.MethodGet, "/", nil); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("after Close: %d", a.StatusCode)
	}
}
