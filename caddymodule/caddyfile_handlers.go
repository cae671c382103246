package caddymodule

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	httpcaddyfile.RegisterDirective("ones_auth", parseAuth)
	httpcaddyfile.RegisterDirectiveOrder("ones_auth", httpcaddyfile.Before, "basic_auth")
	httpcaddyfile.RegisterHandlerDirective("ones_bookings", func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		b := new(Bookings)
		return b, b.UnmarshalCaddyfile(h.Dispenser)
	})
	httpcaddyfile.RegisterDirectiveOrder("ones_bookings", httpcaddyfile.Before, "reverse_proxy")
}

// parseAuth reads the directive. It takes no matcher: identity headers of a
// request that ones_auth does not see reach ONES as they came.
func parseAuth(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	if !h.Next() {
		return nil, h.ArgErr()
	}
	if _, given, err := h.MatcherToken(); err != nil {
		return nil, err
	} else if given {
		return nil, h.Err("ones_auth takes no matcher: on paths that it doesn't see, anybody could forge identity headers; name open paths with public")
	}
	h.Reset()
	a := new(Auth)
	if err := a.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	return h.NewRoute(nil, a), nil
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
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch word := d.Val(); word {
		case "require", "optional":
			if h.Mode != "" {
				return d.Errf("ones_auth is %s already; it can't be %s too", h.Mode, word)
			}
			if d.NextArg() {
				return d.ArgErr()
			}
			h.Mode = word
		case "auto_sign_in":
			err = flag(d, &h.AutoSignIn)
		case "public":
			err = many(d, &h.Public)
		case "admins":
			err = many(d, &h.Admins)
		case "session":
			err = h.unmarshalSession(d)
		case "assertion_audience":
			err = one(d, &h.AssertionAudience)
		case "logo":
			err = one(d, &h.Logo)
		case "color":
			if d.CountRemainingArgs() == 0 {
				return d.Err(`color has no value; write it in quotes, "#0b5fff": a # alone begins a comment`)
			}
			err = one(d, &h.Color)
		default:
			err = unknown(d, "ones_auth", "require, optional, auto_sign_in, public, admins, session, assertion_audience, logo, color")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *Auth) unmarshalSession(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	if h.SessionIdle != 0 || h.SessionMax != 0 {
		return d.Err("session is there twice; put both into one block")
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "idle":
			err = duration(d, &h.SessionIdle)
		case "max":
			err = duration(d, &h.SessionMax)
		default:
			err = unknown(d, "session", "idle, max")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// UnmarshalCaddyfile sets the handler up from Caddyfile tokens. Syntax:
//
//	ones_bookings [<matcher>] {
//		service_token <token> [<name>]
//		graph_passthrough
//	}
func (h *Bookings) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // "ones_bookings"
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch d.Val() {
		case "service_token":
			args := d.RemainingArgs()
			if len(args) < 1 || len(args) > 2 {
				return d.ArgErr()
			}
			t := ServiceToken{Token: args[0]}
			if len(args) == 2 {
				t.Name = args[1]
			}
			h.ServiceTokens = append(h.ServiceTokens, t)
		case "graph_passthrough":
			if err := flag(d, &h.GraphPassthrough); err != nil {
				return err
			}
		default:
			return unknown(d, "ones_bookings", "service_token, graph_passthrough")
		}
	}
	return nil
}

// Interface guards
var (
	_ caddyfile.Unmarshaler = (*Auth)(nil)
	_ caddyfile.Unmarshaler = (*Bookings)(nil)
)
