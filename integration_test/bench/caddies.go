package main

import (
	"path/filepath"
	"strings"
	"text/template"

	"github.com/onesgate/onesgate/integration_test/freeport"
)

// serviceToken is the secret of ONES' own server.
const serviceToken = "a-service-token-of-more-than-32-bytes"

// shippedStreamBuffer is what the production example has.
const shippedStreamBuffer = "4KiB"

// caddyfile is a Caddy before ONES; with a store it is a gateway.
var caddyfile = template.Must(template.New("Caddyfile").Parse(`{
	admin unix/{{.Admin}}
	persist_config off
	auto_https off
{{- if .Store}}
	log {
		format ones
	}
	ones {
		public_url {{.URL}}
		store badger {{.Store}} {
			min_free 16MiB
		}
		keyset {{.Keyset}}
		integration contoso {
			server {
				operator custom {
					issuer {{.Issuer}}
					graph {{.Graph}}
				}
				client_id {{.ClientID}}
				client_secret {{.ClientSecret}}
			}
			rooms {
{{- range .Rooms}}
				room {{.}} {{.}}@contoso.example {
					time_zone Asia/Hong_Kong
				}
{{- end}}
			}
			users {
				login_button "Sign in with Microsoft 365"
				default_groups staff
			}
		}
	}
{{- end}}
}

{{.URL}} {
	bind 127.0.0.1
{{- if .Store}}
	ones_auth
	handle_path /api/m365/* {
		ones_bookings
	}
{{- end}}
	reverse_proxy {{.Ones}}
{{- with .StreamBuffer}} {
		stream_buffer_size {{.}}
	}
{{- end}}
}
{{if .Store}}
http://:{{.Service}} {
	bind 127.0.0.1
	ones_bookings {
		service_token ` + serviceToken + ` ones
		graph_passthrough
	}
}
{{end}}`))

// caddyfileValues are what it is made of.
type caddyfileValues struct {
	Admin, URL, Ones       string
	StreamBuffer           string // of each direction of a WebSocket; "": Caddy's default
	Store, Keyset          string // ""; or: it is a gateway
	Rooms                  []string
	Service                int
	Issuer, Graph          string
	ClientID, ClientSecret string
}

// caddyAt is stock Caddy, which passes on what anybody asks.
func (l *lab) caddyAt(name, binary string) (*program, error) {
	return l.anyCaddy(name, binary, func(*program, *caddyfileValues) error { return nil })
}

// caddyWithSmallStreams is stock Caddy with the buffers that our production example has.
func (l *lab) caddyWithSmallStreams() (*program, error) {
	return l.anyCaddy("stock Caddy with stream_buffer_size "+shippedStreamBuffer, l.caddy, func(_ *program, values *caddyfileValues) error {
		values.StreamBuffer = shippedStreamBuffer
		return nil
	})
}

// A gateway is onesgate, with what is asked beside pages.
type gateway struct {
	*program
	store, keyset string
	service       int // the port for ONES' own server
}

// gatewayAt is onesgate, with a store of its own.
func (l *lab) gatewayAt(name, binary string) (*gateway, error) {
	g := &gateway{}
	var err error
	g.program, err = l.anyCaddy(name, binary, func(v *program, values *caddyfileValues) (err error) {
		g.store, g.keyset = filepath.Join(v.dir, "store"), filepath.Join(v.dir, "keyset.json")
		if g.service, err = freeport.Next(); err != nil {
			return err
		}
		values.Store, values.Keyset, values.Service = g.store, g.keyset, g.service
		values.StreamBuffer = shippedStreamBuffer
		for i := range rooms {
			values.Rooms = append(values.Rooms, roomName(i))
		}
		v.signIn = "/.ones/login/contoso?return_to=/"
		return nil
	})
	return g, err
}

// shipped is onesgate as it ships: with its profile, if the plan has that.
func (l *lab) shipped() (*gateway, error) {
	if l.optimised {
		return l.gatewayAt("onesgate", l.gatewayOptimised)
	}
	return l.gatewayAt("onesgate", l.gateway)
}

func (l *lab) anyCaddy(name, binary string, more func(*program, *caddyfileValues) error) (*program, error) {
	v, err := l.newProgram(name)
	if err != nil {
		return nil, err
	}
	v.admin = filepath.Join(v.dir, "admin.sock")
	values := caddyfileValues{
		Admin: v.admin, URL: v.url(), Ones: l.ones.address,
		Issuer: l.microsoft.issuer, Graph: l.microsoft.url, ClientID: l.microsoft.app.ClientID, ClientSecret: l.microsoft.app.Secrets[0].Value,
	}
	if err := more(v, &values); err != nil {
		return nil, err
	}
	var text strings.Builder
	if err := caddyfile.Execute(&text, values); err != nil {
		return nil, err
	}
	file, err := v.file("Caddyfile", text.String())
	if err != nil {
		return nil, err
	}
	v.argv = []string{binary, "run", "--config", file, "--adapter", "caddyfile"}
	v.env = []string{"XDG_DATA_HOME=" + v.dir, "XDG_CONFIG_HOME=" + v.dir}
	return v, nil
}
