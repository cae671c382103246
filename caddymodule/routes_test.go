package caddymodule

import (
	"strings"
	"testing"
)

// Sites in which ours and other handlers stand together, or don't.
func TestRoutes(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	head, _, _ := strings.Cut(with("", "", "", "", "", ""), "ones.example {")
	for _, tt := range []struct{ name, sites, want string }{
		{"one gate", "ones.example {\n ones_auth\n reverse_proxy ones:8080\n}", ""},
		{"no host", ":8080 {\n ones_auth\n reverse_proxy ones:8080\n}", ""},
		{"two sites", "ones.example {\n ones_auth\n}\nother.example {\n ones_auth\n}", ""},
		{"two parts", ":8080 {\n handle /a/* {\n ones_auth\n}\n handle {\n ones_auth\n}\n}", ""},
		{"a part of its own for our paths", "ones.example {\n handle /.ones/* {\n ones_auth\n respond gone\n}\n handle {\n ones_auth\n reverse_proxy ones:8080\n}\n}", ""},
		{"what does not answer", "ones.example {\n log_skip /.ones/healthz\n header /.ones/* X-Robots-Tag noindex\n ones_auth\n}", ""},
		{"a path that begins alike", "ones.example {\n ones_auth\n respond /.onesies ok\n}", ""},
		{"bookings behind the gate", "ones.example {\n ones_auth\n handle_path /api/m365/* {\n ones_bookings\n}\n}", ""},
		{"our paths without a gate", ":8090 {\n respond /.ones/x ok\n ones_bookings {\n service_token 0123456789abcdef0123456789abcdef\n}\n}", ""},
		{"bookings behind some gate", "ones.example {\n route {\n route /app/* {\n ones_auth\n}\n handle /app/v1/* {\n ones_bookings\n}\n}\n}", ""},
		{"bookings after a block with a gate", "ones.example {\n route {\n handle /a/* {\n ones_auth\n}\n ones_bookings\n}\n}", ""},
		{"bookings behind a gate with a name", "&(gate) {\n ones_auth\n}\nones.example {\n invoke gate\n handle_path /api/m365/* {\n ones_bookings\n}\n}", ""},
		{"bookings with a name behind the gate", "&(api) {\n ones_bookings\n}\nones.example {\n ones_auth\n handle_path /api/m365/* {\n invoke api\n}\n}", ""},
		{"all of a site with a name", "&(all) {\n ones_auth\n ones_bookings\n}\nones.example {\n invoke all\n}", ""},

		{"bookings with a name, beside the gate", "&(api) {\n ones_bookings\n}\nones.example {\n handle /a/* {\n ones_auth\n}\n handle {\n invoke api\n}\n}", "ones_bookings has neither a service_token nor ones_auth before it"},
		{"twice, once by its name", "&(gate) {\n ones_auth\n}\nones.example {\n route {\n ones_auth\n invoke gate\n}\n}", "ones_auth is there twice for the same requests"},
		{"what invokes itself", "&(gate) {\n ones_auth\n invoke gate\n}\nones.example {\n invoke gate\n}", ""},
		{"bookings beside the gate", "ones.example {\n handle /a/* {\n ones_auth\n}\n handle {\n ones_bookings\n}\n}", "ones_bookings has neither a service_token nor ones_auth before it"},
		{"bookings before the gate", "ones.example {\n route {\n ones_bookings\n ones_auth\n}\n}", "ones_bookings has neither a service_token nor ones_auth before it"},
		{"bookings of another site", "a-long-name.example {\n ones_auth\n}\nb.example {\n ones_bookings\n}", "ones_bookings has neither a service_token nor ones_auth before it"},
		{"bookings of another site, first", "a-long-name.example {\n ones_bookings\n}\nb.example {\n ones_auth\n}", "ones_bookings has neither a service_token nor ones_auth before it"},

		{"twice in a row", "ones.example {\n ones_auth\n ones_auth\n}", "ones_auth is there twice for the same requests"},
		{"twice, without a host", ":8080 {\n ones_auth\n ones_auth\n}", "ones_auth is there twice for the same requests"},
		{"again inside", "ones.example {\n ones_auth\n handle /a/* {\n ones_auth\n}\n}", "ones_auth is there twice for the same requests"},
		{"again behind a block", "ones.example {\n route {\n route {\n ones_auth\n}\n ones_auth\n}\n}", "ones_auth is there twice for the same requests"},
		{"an answer in its place", "ones.example {\n ones_auth\n respond /.ones/me nobody\n}", "static_response at /.ones/me"},
		{"an answer before it", "ones.example {\n route {\n respond /.ones/* closed\n ones_auth\n}\n}", "static_response at /.ones/*"},
		{"an answer before it, without a host", ":8080 {\n handle /.ones/* {\n reverse_proxy ones:8080\n}\n handle {\n ones_auth\n}\n}", "reverse_proxy at /.ones/*"},
		{"an answer deep inside", ":8080 {\n ones_auth\n handle /.ONES* {\n route {\n file_server\n}\n}\n}", "file_server at /.ones*"},
		{"bookings in its place", ":8090 {\n handle_path /.ones/api/* {\n ones_bookings {\n service_token 0123456789abcdef0123456789abcdef\n}\n}\n}", "ones_bookings at /.ones/api/*"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := load(t, head+tt.sites)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
