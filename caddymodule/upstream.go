package caddymodule

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/onesgate/onesgate/internal/doctor"
)

// An upstream is where a reverse_proxy behind an ones_auth sends requests to: ONES.
type upstream struct {
	dial      string          // "": that is found out at each request
	transport json.RawMessage // of Caddy's; empty: its usual one
}

// united are those of two lists, each once.
func united(all, more []upstream) []upstream {
	for _, u := range more {
		if !slices.ContainsFunc(all, func(o upstream) bool { return u.dial == o.dial && bytes.Equal(u.transport, o.transport) }) {
			all = append(all, u)
		}
	}
	return all
}

// proxied is as much of a reverse_proxy's JSON as is needed to reach what it stands before.
type proxied struct {
	Upstreams []struct {
		Dial string `json:"dial"`
	} `json:"upstreams"`
	Dynamic   json.RawMessage `json:"dynamic_upstreams"`
	Transport json.RawMessage `json:"transport"`
}

func (p proxied) upstreams() (all []upstream) {
	if len(p.Dynamic) > 0 {
		return []upstream{{}}
	}
	for _, u := range p.Upstreams {
		all = append(all, upstream{u.Dial, p.Transport})
	}
	return all
}

// upstreamsOf are those of an adapted configuration.
func upstreamsOf(config []byte) (all []upstream) {
	var c struct {
		Apps struct {
			HTTP struct {
				Servers map[string]json.RawMessage `json:"servers"`
			} `json:"http"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(config, &c); err != nil {
		return nil // the configuration's own finding says so
	}
	for _, name := range slices.Sorted(maps.Keys(c.Apps.HTTP.Servers)) {
		var server struct {
			Named map[string]*caddyhttp.Route `json:"named_routes"`
		}
		_ = json.Unmarshal(c.Apps.HTTP.Servers[name], &server) // Caddy has read it
		var w routeWalk
		w.walk(rawHandler(c.Apps.HTTP.Servers[name], namedRoutes(server.Named)).routes, passed{}, "")
		all = united(all, w.behind)
	}
	return all
}

// maxUpstreams bounds how many are tried.
const maxUpstreams = 8

// onesChecks try all of them, through the transports that Caddy would take, which live as
// long as ctx.
func onesChecks(ctx caddy.Context, all []upstream, public *url.URL) (checks []doctor.Check) {
	for _, u := range all[:min(len(all), maxUpstreams)] {
		check, err := u.check(ctx, public)
		if err != nil {
			check = doctor.OnesNotKnown(err.Error())
		}
		checks = append(checks, check)
	}
	switch {
	case len(all) == 0:
		checks = append(checks, doctor.OnesNotKnown("no reverse_proxy behind ones_auth leads anywhere"))
	case len(all) > maxUpstreams:
		checks = append(checks, doctor.OnesNotKnown(fmt.Sprintf("%d more addresses behind ones_auth are not tried", len(all)-maxUpstreams)))
	}
	return checks
}

func (u upstream) check(ctx caddy.Context, public *url.URL) (c doctor.Check, err error) {
	if u.dial == "" {
		return c, errors.New("its address is found out at each request (dynamic)")
	}
	dial, err := resolve("reverse_proxy", u.dial)
	if err != nil {
		return c, err
	}
	at, err := caddy.ParseNetworkAddress(dial)
	if err != nil || at.PortRangeSize() > 1 {
		return c, fmt.Errorf("%s is no address of one upstream", dial)
	}
	over, err := u.over(ctx)
	if err != nil {
		return c, fmt.Errorf("%s can't be tried from here: %w", dial, err)
	}
	address := &url.URL{Host: at.JoinHostPort(0), Path: "/"}
	if at.IsUnixNetwork() {
		address.Host = public.Host
		over.Transport.Proxy = nil
		over.Transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, at.Network, at.JoinHostPort(0))
		}
	}
	over.SetScheme(&http.Request{URL: address})
	host := public.Host
	if address.Scheme == "https" { // as Caddy has it
		host = address.Host
	}
	return doctor.Ones(dial, address, host, over), nil
}

// alone are the settings of TLS that stand on nothing but themselves and files: others
// need apps of Caddy's, which don't run here.
var alone = []string{"insecure_skip_verify", "server_name", "handshake_timeout", "renegotiation", "except_ports", "curves", "client_certificate_file", "client_certificate_key_file"}

// over makes the transport.
func (u upstream) over(ctx caddy.Context) (*reverseproxy.HTTPTransport, error) {
	var read struct {
		Protocol      string                     `json:"protocol"`
		ProxyProtocol string                     `json:"proxy_protocol"`
		NetworkProxy  json.RawMessage            `json:"network_proxy"`
		TLS           map[string]json.RawMessage `json:"tls"`
	}
	var in struct {
		Transport json.RawMessage `json:"transport" caddy:"namespace=http.reverse_proxy.transport inline_key=protocol"`
	}
	in.Transport = u.transport
	if len(in.Transport) == 0 {
		in.Transport = json.RawMessage(`{"protocol":"http"}`)
	}
	if err := json.Unmarshal(in.Transport, &read); err != nil {
		return nil, err
	}
	if read.Protocol != "http" || read.ProxyProtocol != "" || len(read.NetworkProxy) > 0 {
		return nil, fmt.Errorf("its transport is %s", cmp.Or(read.ProxyProtocol, read.Protocol))
	}
	for name, value := range read.TLS {
		var ca struct {
			Provider string `json:"provider"`
		}
		if name == "ca" {
			_ = json.Unmarshal(value, &ca)
		}
		if !slices.Contains(alone, name) && ca.Provider != "file" && ca.Provider != "inline" || strings.Contains(string(value), "{http.") {
			return nil, fmt.Errorf("it has %s in its TLS", name)
		}
	}
	mod, err := ctx.LoadModule(&in, "Transport")
	if err != nil {
		return nil, err
	}
	over, ok := mod.(*reverseproxy.HTTPTransport)
	if !ok {
		return nil, fmt.Errorf("its transport is a %T", mod)
	}
	over.Transport.DisableKeepAlives = true
	return over, nil
}
