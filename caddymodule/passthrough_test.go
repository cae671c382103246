package caddymodule

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func TestBaseURL(t *testing.T) {
	app := &App{public: &url.URL{Scheme: "https", Host: "ones.example"}}
	for _, tt := range []struct {
		name, host, original, path string
		tls                        bool
		want                       string
	}{
		{"the service's own listener", "127.0.0.1:8090", "/graph/v1.0/me/events", "/graph/v1.0/me/events", false, "http://127.0.0.1:8090"},
		{"behind a prefix", "127.0.0.1:8090", "/api/m365/graph/v1.0/me/events", "/graph/v1.0/me/events", false, "http://127.0.0.1:8090/api/m365"},
		{"with escapes", "127.0.0.1:8090", "/a%20b/graph/v1.0/me/events('x%3D')", "/graph/v1.0/me/events('x%3D')", false, "http://127.0.0.1:8090/a%20b"},
		{"TLS", "gate.example", "/graph/v1.0/me", "/graph/v1.0/me", true, "https://gate.example"},
		{"the public host, TLS ends in front of us", "ONES.example", "/x/graph/v1.0/me", "/graph/v1.0/me", false, "https://ONES.example/x"},
		{"rewritten otherwise", "127.0.0.1:8090", "/somewhere/else", "/graph/v1.0/me", false, "http://127.0.0.1:8090"},
	} {
		before := httptest.NewRequestWithContext(t.Context(), http.MethodGet, tt.original, nil)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, tt.path, nil)
		r.Host = tt.host
		if tt.tls {
			r.TLS = &tls.ConnectionState{}
		}
		r = r.WithContext(context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey, *before))
		if got := app.baseURL(r); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if !isPassthrough(r) {
			t.Errorf("%s: is not for Graph", tt.name)
		}
	}
	for _, path := range []string{"/graph/v1.0", "/graph/beta/me", "/Graph/v1.0/me", "/v1/rooms", "/graph%2Fv1.0/me"} {
		if isPassthrough(httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)) {
			t.Errorf("%s is for Graph", path)
		}
	}
}
