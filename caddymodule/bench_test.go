package caddymodule

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/session"
)

// BenchmarkPage is what a signed-in page costs in Caddy: a chain that only answers,
// without ones_auth before it and with it. Nothing goes over a network.
func BenchmarkPage(b *testing.B) {
	dir := b.TempDir()
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(fmt.Appendf(nil, `{
	admin off
	persist_config off
	log {
		level ERROR
	}
	ones {
		public_url https://ones.example
		store badger %[1]s/store {
			min_free 1MiB
		}
		keyset %[1]s/keyset.json
		integration contoso {
			server {
				tenant_id c0970500-5c41-4b8e-9f6a-3d1c7e2a9b10
				client_id a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c20
				client_secret secret
			}
		}
	}
}
http://with.example {
	bind unix/%[1]s/with.sock
	ones_auth
	respond ones
}
http://without.example {
	bind unix/%[1]s/without.sock
	respond ones
}
`, dir), nil)
	if err != nil {
		b.Fatal(err)
	}
	if err := caddy.Load(config, true); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			b.Error(err)
		}
	})
	app, err := caddy.ActiveContext().App("http")
	if err != nil {
		b.Fatal(err)
	}
	ones, err := caddy.ActiveContext().App("ones")
	if err != nil {
		b.Fatal(err)
	}
	tenant := "c0970500-5c41-4b8e-9f6a-3d1c7e2a9b10"
	cookie, _, err := ones.(*App).engine.sessions.Start(b.Context(), session.Opening{
		Person: &identity.Person{
			ID: tenant + ".8Xn6tbCZwGEvRjvqT3tlocRjMH932U0vxlB_QF_Xfqw", TenantID: tenant, Integration: "contoso",
			Email: "alice@contoso.example", Name: "Alice Chan", CardNumber: "0004711",
			Groups: []string{"staff", "facilities"}, DefaultGroups: []string{"staff"},
		},
		Life: session.Life{Idle: time.Hour, Max: time.Hour},
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, host := range []string{"without.example", "with.example"} {
		var server *caddyhttp.Server
		for _, s := range app.(*caddyhttp.App).Servers {
			if s.Listen[0] == "unix/"+dir+"/"+host[:len(host)-len(".example")]+".sock" {
				server = s
			}
		}
		b.Run(host, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, "http://"+host+"/rooms", nil)
				r.Header["Cookie"] = []string{"__Host-onesgate=" + cookie}
				w := httptest.NewRecorder()
				server.ServeHTTP(w, r)
				if w.Code != http.StatusOK || w.Body.String() != "ones" {
					b.Fatalf("%d %s", w.Code, w.Body)
				}
			}
		})
	}
}
