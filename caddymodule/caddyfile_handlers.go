package caddymodule

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/onesgate/onesgate/internal/signin"
)

func init() {
	httpcaddyfile.RegisterDirective("ones_auth", parseAuth)
	httpcaddyfile.RegisterDirectiveOrder("ones_auth", httpcaddyfile.Before, "basic_auth")
	httpcaddyfile.RegisterHandlerDirective("ones_bookings", parseBookings)
	httpcaddyfile.RegisterDirectiveOrder("ones_bookings", httpcaddyfile.Before, "reverse_proxy")
}

// parseAuth reads the directive. It takes no matcher: identity headers of a
// request that ones_auth does not see reach ONES as they came.
func parseAuth(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	if !h.Next() {
		return nil, h.ArgErr()
	}
	app, err := onesOption(h)
	if err != nil {
		return nil, err
	}
	if _, given, err := h.MatcherToken(); err != nil {
		return nil, err
	} else if given {
		return nil, h.Err("ones_auth takes no matcher: on paths that it doesn't see, anybody could forge identity headers; name open paths with public")
	}
	h.Reset()
	h.Next()
	a := new(Auth)
	err = a.read(h.Dispenser, func() error {
		if err := a.checkAdmins(app); err != nil {
			return err
		}
		const key = "ones_auth"
		other, _ := h.State[key].(*Auth)
		h.State[key], err = a.together(other)
		return err
	})
	if err != nil {
		return nil, err
	}
	return h.NewRoute(nil, a), nil
}

func parseBookings(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	b := new(Bookings)
	if err := b.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	h.Reset()
	h.Next()
	_, err := onesOption(h)
	return b, err
}

// onesOption returns the global option, without which the directive on which h stands is
// of no use.
func onesOption(h httpcaddyfile.Helper) (*App, error) {
	option, ok := h.Option("ones").(httpcaddyfile.App)
	if !ok {
		return nil, h.Errf("%s needs the global option ones, with an integration in it: write that first, before all sites", h.Val())
	}
	a := new(App)
	return a, json.Unmarshal(option.Value, a)
}

// UnmarshalCaddyfile sets the handler up from Caddyfile tokens. Syntax:
//
//	ones_auth {
//		require | optional
//		auto_sign_in
//		public <path...>
//		admins <who...>
//		session {
//			idle <duration>
//			max  <duration>
//		}
//		assertion_audience <audience>
//		logo               <file>
//		color              "<#rrggbb>"
//	}
func (h *Auth) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // "ones_auth"
	return h.read(d, func() error { return nil })
}

// read reads the directive, on which d stands; more checks what d can't know.
func (h *Auth) read(d *caddyfile.Dispenser, more func() error) error {
	return readWord(d, once("ones_auth {…}", readWords("ones_auth", authWords(h), func() error {
		if err := checkText(h); err != nil {
			return err
		}
		return more()
	})))
}

// checkAdmins says what is wrong with the admins, as far as they and the integrations
// have no placeholders.
func (h *Auth) checkAdmins(app *App) error {
	var integrations []signin.Integration
	for _, i := range app.Integrations {
		if pending(i.Name) {
			return nil
		}
		integrations = append(integrations, signin.Integration{Name: i.Name})
	}
	_, err := signin.ParseAdmins(literal(*h).Admins, integrations)
	return about("admins", err)
}

func authWords(h *Auth) []word {
	mode := func(mode string) func(*caddyfile.Dispenser, []string) error {
		return func(*caddyfile.Dispenser, []string) error {
			if h.Mode != "" {
				return fmt.Errorf("ones_auth is %s already; it can't be %s too", h.Mode, mode)
			}
			h.Mode = mode
			return nil
		}
	}
	return []word{
		once("require", mode("require")),
		once("optional", mode("optional")),
		once("auto_sign_in", readFlag(&h.AutoSignIn)),
		once("public <path...>", readList(&h.Public)),
		once("admins <integration/who...>", readList(&h.Admins)),
		once("session {…}", readWords("session", sessionWords(h), func() error { return nil })),
		once("assertion_audience <audience>", readText(&h.AssertionAudience)),
		once("logo <file>", readText(&h.Logo)),
		once(`color "<#rrggbb>"`, readText(&h.Color)), // in quotes: a # alone begins a comment
	}
}

func sessionWords(h *Auth) []word {
	return []word{
		once("idle <duration>", readDuration(&h.SessionIdle)),
		once("max <duration>", readDuration(&h.SessionMax)),
	}
}

// UnmarshalCaddyfile sets the handler up from Caddyfile tokens. Syntax:
//
//	ones_bookings [<matcher>] {
//		service_token <token> [<name>]
//		graph_passthrough
//	}
func (h *Bookings) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // "ones_bookings"
	return readWord(d, once("ones_bookings {…}", readWords("ones_bookings", bookingsWords(h), func() error { return checkText(h) })))
}

func bookingsWords(h *Bookings) []word {
	return []word{
		several("service_token <token> [<name>]", func(_ *caddyfile.Dispenser, values []string) error {
			h.ServiceTokens = append(h.ServiceTokens, ServiceToken{Token: values[0], Name: strings.Join(values[1:], "")})
			return nil
		}),
		once("graph_passthrough", readFlag(&h.GraphPassthrough)),
	}
}

// Interface guards
var (
	_ caddyfile.Unmarshaler = (*Auth)(nil)
	_ caddyfile.Unmarshaler = (*Bookings)(nil)
)
