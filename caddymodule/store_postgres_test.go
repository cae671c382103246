package caddymodule

import (
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func TestPostgresCaddyfile(t *testing.T) {
	var p Postgres
	d := caddyfile.NewTestDispenser("postgres postgres://ones:secret@db.example/gateway {\n max_conns 20\n timeout 2s\n}")
	if err := p.UnmarshalCaddyfile(d); err != nil {
		t.Fatal(err)
	}
	if err := p.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	if p.resolved.MaxConns != 20 || p.resolved.Timeout != 2*time.Second || p.identity() != "postgres://db.example:5432/gateway" || !p.shared() ||
		p.secret() != "postgres://ones:secret@db.example/gateway" {
		t.Errorf("%+v, %s", p.resolved, p.identity())
	}
	for text, why := range map[string]string{
		"postgres":                                  "write: postgres <url>",
		"postgres a b":                              "write: postgres <url>",
		"postgres x {\n max_conns many\n}":          "from 2 to 1000",
		"postgres x {\n max_conns 12x\n}":           "from 2 to 1000",
		"postgres x {\n pool 3\n}":                  "max_conns, timeout",
		"postgres x {\n timeout 1s\n timeout 2s\n}": "twice",
	} {
		if err := new(Postgres).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want something about %q", text, err, why)
		}
	}
	for _, url := range []string{"", "mysql://ones:secret@db/x", "{env.ONESGATE_TEST_NOT_SET}"} {
		p := &Postgres{URL: url}
		if err := p.Provision(caddy.Context{}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", url, err)
		}
	}
}
