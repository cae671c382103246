package caddymodule

import (
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/onesgate/onesgate/internal/doctor"
)

// What stands behind ones_auth is found, and nothing else is.
func TestUpstreams(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	head, _, _ := strings.Cut(with("", "", "", "", "", ""), "ones.example {")
	for name, tt := range map[string]struct{ sites, want string }{
		"one":               {"ones.example {\n ones_auth\n reverse_proxy ones:8080\n}", "ones:8080"},
		"two, and once":     {"ones.example {\n ones_auth\n reverse_proxy /a/* ones:8080 other:8080\n reverse_proxy ones:8080\n}", "ones:8080, other:8080"},
		"deep inside":       {":8080 {\n ones_auth\n handle /a/* {\n route {\n reverse_proxy ones:8080\n}\n}\n}", "ones:8080"},
		"two sites":         {"ones.example {\n ones_auth\n reverse_proxy a:1\n}\n:8080 {\n ones_auth\n reverse_proxy b:1\n}", "a:1, b:1"},
		"with a name":       {"&(ones) {\n reverse_proxy ones:8080\n}\n&(gate) {\n ones_auth\n}\nones.example {\n invoke gate\n route {\n invoke ones\n}\n}", "ones:8080"},
		"dynamic":           {"ones.example {\n ones_auth\n reverse_proxy {\n dynamic a ones 8080\n}\n}", ""},
		"before the gate":   {"ones.example {\n route {\n reverse_proxy /a/* a:1\n ones_auth\n}\n}", "none"},
		"beside the gate":   {":8080 {\n handle /a/* {\n ones_auth\n}\n handle {\n reverse_proxy a:1\n}\n}", "none"},
		"another site's":    {"ones.example {\n ones_auth\n}\n:8080 {\n reverse_proxy a:1\n}", "none"},
		"nothing behind it": {"ones.example {\n ones_auth\n respond x\n}", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			config, err := adapt(head + tt.sites)
			if err != nil {
				t.Fatal(err)
			}
			got := "none"
			for i, u := range upstreamsOf([]byte(config)) {
				if i == 0 {
					got = u.dial
				} else {
					got += ", " + u.dial
				}
			}
			if got != tt.want {
				t.Errorf("in the file: %s, want %s", got, tt.want)
			}
		})
	}
}

// Each is tried through the transport that it has, or is not, and that is told.
func TestOnesChecks(t *testing.T) {
	public := &url.URL{Scheme: "https", Host: "ones.example"}
	asked := make(chan *http.Request, 1)
	answer := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r })
	plain := httptest.NewServer(answer)
	defer plain.Close()
	secured := httptest.NewUnstartedServer(answer)
	secured.Config.ErrorLog = log.New(io.Discard, "", 0)
	secured.StartTLS()
	defer secured.Close()
	authority := written(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secured.Certificate().Raw})))
	socket := filepath.Join(t.TempDir(), "ones.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	local := &httptest.Server{Listener: l, Config: &http.Server{Handler: answer}}
	local.Start()
	defer local.Close()
	t.Setenv("ONES_TEST_UPSTREAM", plain.Listener.Addr().String())
	at, atTLS := plain.Listener.Addr().String(), secured.Listener.Addr().String()
	for name, tt := range map[string]struct {
		proxy string // JSON of a reverse_proxy
		want  string // of the findings
		host  string // that was asked for
	}{
		"plain":              {`{"upstreams":[{"dial":"` + at + `"}]}`, "ok", "ones.example"},
		"a variable":         {`{"upstreams":[{"dial":"{env.ONES_TEST_UPSTREAM}"}]}`, "ok", "ones.example"},
		"a socket":           {`{"upstreams":[{"dial":"unix/` + socket + `"}]}`, "ok", "ones.example"},
		"no socket":          {`{"upstreams":[{"dial":"unix/` + socket + `.other"}]}`, doctor.OnesRefused.Name, ""},
		"TLS by a file":      {`{"upstreams":[{"dial":"` + atTLS + `"}],"transport":{"protocol":"http","tls":{"ca":{"provider":"file","pem_files":["` + authority + `"]}}}}`, "ok", atTLS},
		"TLS unchecked":      {`{"upstreams":[{"dial":"` + atTLS + `"}],"transport":{"protocol":"http","tls":{"insecure_skip_verify":true}}}`, "ok", atTLS},
		"TLS by nobody":      {`{"upstreams":[{"dial":"` + atTLS + `"}],"transport":{"protocol":"http","tls":{}}}`, doctor.OnesTLS.Name, ""},
		"TLS that isn't":     {`{"upstreams":[{"dial":"` + at + `"}],"transport":{"protocol":"http","tls":{}}}`, doctor.OnesTLS.Name, ""},
		"refused":            {`{"upstreams":[{"dial":"127.0.0.1:9"}]}`, doctor.OnesRefused.Name, ""},
		"dynamic":            {`{"dynamic_upstreams":{"source":"a","name":"ones","port":"8080"}}`, string(doctor.NotChecked), ""},
		"by the request":     {`{"upstreams":[{"dial":"{http.request.host}:80"}]}`, string(doctor.NotChecked), ""},
		"many ports":         {`{"upstreams":[{"dial":"127.0.0.1:1-9"}]}`, string(doctor.NotChecked), ""},
		"FastCGI":            {`{"upstreams":[{"dial":"127.0.0.1:9"}],"transport":{"protocol":"fastcgi"}}`, string(doctor.NotChecked), ""},
		"the PROXY protocol": {`{"upstreams":[{"dial":"127.0.0.1:9"}],"transport":{"protocol":"http","proxy_protocol":"v2"}}`, string(doctor.NotChecked), ""},
		"Caddy's own CA":     {`{"upstreams":[{"dial":"127.0.0.1:9"}],"transport":{"protocol":"http","tls":{"ca":{"provider":"pki_root"}}}}`, string(doctor.NotChecked), ""},
		"an automatic one":   {`{"upstreams":[{"dial":"127.0.0.1:9"}],"transport":{"protocol":"http","tls":{"client_certificate_automate":"x"}}}`, string(doctor.NotChecked), ""},
		"a CA not there":     {`{"upstreams":[{"dial":"127.0.0.1:9"}],"transport":{"protocol":"http","tls":{"ca":{"provider":"file","pem_files":["/nowhere"]}}}}`, string(doctor.NotChecked), ""},
		"none":               {`{}`, string(doctor.NotChecked), ""},
	} {
		t.Run(name, func(t *testing.T) {
			config := `{"apps":{"http":{"servers":{"x":{"routes":[{"handle":[{"handler":"ones_auth"},{"handler":"reverse_proxy",` + strings.TrimPrefix(tt.proxy, "{") + `]}]}}}}}`
			config = strings.Replace(config, `,}]}`, `}]}`, 1)
			ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
			defer cancel()
			found := doctor.Run(t.Context(), onesChecks(ctx, upstreamsOf([]byte(config)), public), nil, nil)
			if len(found) != 1 || found[0].Finding != tt.want || found[0].Check != "ones" {
				t.Fatalf("found %+v, want %s", found, tt.want)
			}
			if tt.host != "" {
				if r := <-asked; r.Host != tt.host || slices.ContainsFunc([]string{"X-Ones-User-Id", "Cookie", "Authorization"}, func(h string) bool { return r.Header.Get(h) != "" }) {
					t.Errorf("asked for %s: %v", r.Host, r.Header)
				}
			}
		})
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	if checks := onesChecks(ctx, make([]upstream, 3*maxUpstreams), public); len(checks) != maxUpstreams+1 {
		t.Errorf("%d checks", len(checks))
	}
}
