package caddymodule

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/onesgate/onesgate/internal/doctor"
	"github.com/onesgate/onesgate/internal/entra"
)

// operatorOf is the word of the configuration for where an integration is.
func operatorOf(issuer, graphRoot string) string {
	for _, name := range []string{"microsoft", "21vianet", "us_gov", "us_gov_dod"} {
		if cloud, ok := entra.CloudNamed(name); ok && cloud.Graph == graphRoot && strings.HasPrefix(issuer, cloud.Authority+"/") {
			return name
		}
	}
	return "custom"
}

// patient is an integration as doctors look at it.
func patient(name string, client *entra.Client, graphRoot string, hc *http.Client) doctor.Integration {
	return doctor.Integration{
		Name: name, Operator: operatorOf(client.Issuer(), graphRoot), Client: client, Graph: graphRoot, HTTP: hc, Now: time.Now,
	}
}

// proxyCheck looks at how Microsoft is reached.
func proxyCheck(all []doctor.Integration) doctor.Check {
	var addresses []string
	for _, i := range all {
		addresses = append(addresses, i.Client.Issuer(), i.Graph)
	}
	return doctor.Proxy(http.ProxyFromEnvironment, addresses)
}

// publicCheck reaches public_url as a browser near by would: directly.
func publicCheck(public *url.URL, who doctor.Answering) doctor.Check {
	hc := &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSHandshakeTimeout: 5 * time.Second}}
	return doctor.Public(public, hc, net.DefaultResolver.LookupHost, who)
}

// redirectCheck names what has to be registered; people and rooms say what has proven
// the first two, "": nothing has.
func redirectCheck(public *url.URL, people, rooms string) doctor.Check {
	at := redirectsAt(origin(public))
	return doctor.Redirects("", []doctor.Redirect{
		{URI: at.People, For: "people sign in", Proven: people},
		{URI: at.Rooms, For: "admins connect the accounts of rooms", Proven: rooms},
		{URI: at.SignedOut, For: "after a sign-out"},
	})
}

// An intake is a configuration of which as much is resolved as can be: what is wrong with
// one part says nothing of the others.
type intake struct {
	public    *url.URL
	patients  []doctor.Integration
	providers []*entra.Provider
	app       *App    // its store is nil if that can't be resolved
	problems  []error // what can't be resolved
	blocked   []doctor.Finding
}

// takeIn resolves a configuration and opens nothing. Close what it returns.
func takeIn(ctx context.Context, a *App) *intake {
	in := &intake{app: a}
	wrong := func(err error) { in.problems = append(in.problems, each(err)...) }
	var err error
	in.public, err = a.publicURL()
	if wrong(err); err != nil {
		in.public = nil
	}
	cctx, cancel := caddy.NewContext(caddy.Context{Context: ctx})
	defer cancel()
	wrong(a.provisionStore(cctx))
	hc := microsoftClient()
	for _, i := range a.Integrations {
		name, err := resolve("the name of an integration", i.Name)
		if err != nil {
			wrong(err)
			continue
		}
		_, err = i.settled()
		wrong(err)
		issuer, graphRoot, cfg, err := i.Server.settledConfig()
		unresolved := err != nil
		if unresolved {
			issuer, graphRoot, cfg, err = i.Server.withoutCredentials().settledConfig()
		}
		if err != nil {
			in.blocked = append(in.blocked, doctor.Blocked(name)...)
			continue
		}
		provider := entra.NewProvider(issuer, hc, time.Now)
		in.providers = append(in.providers, provider)
		p := patient(name, entra.NewClient(cfg, provider, slog.New(slog.DiscardHandler)), graphRoot, hc)
		p.Unresolved = unresolved
		in.patients = append(in.patients, p)
	}
	return in
}

func (s *Server) settledConfig() (issuer, graphRoot string, cfg entra.Config, err error) {
	r, err := settled(s)
	if err != nil {
		return "", "", entra.Config{}, err
	}
	return r.config()
}

// withoutCredentials are the settings with a credential that is never shown to anybody:
// all else can be checked before there is one.
func (s *Server) withoutCredentials() *Server {
	bare := *s
	bare.Credentials = []Credential{{Secret: "none"}}
	return &bare
}

func (in *intake) close() {
	for _, p := range in.providers {
		p.Close()
	}
}

// checks are those that need no gateway to run, by a configuration that was adapted. beside
// says that one runs, by another configuration.
func (in *intake) checks(ctx caddy.Context, config []byte, beside bool) []doctor.Check {
	all := []doctor.Check{proxyCheck(in.patients)}
	if s := in.app.store; s != nil {
		all = append(all, s.examine(beside))
		if in.app.keyset != nil {
			all = append(all, doctor.Keyset(in.app.keyset, s.shared(), s.identity(), s.used))
		}
	}
	if in.public != nil {
		who := doctor.Anybody
		if !beside && listensFor(config, in.public) {
			who = doctor.NobodyHere
		}
		all = append(all, publicCheck(in.public, who))
		all = append(all, onesChecks(ctx, upstreamsOf(config), in.public)...)
		if !beside {
			all = append(all, redirectCheck(in.public, "", ""))
		}
	}
	for _, p := range in.patients {
		all = append(all, p.Checks()...)
	}
	return all
}
