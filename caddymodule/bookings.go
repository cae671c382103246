package caddymodule

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap/zapcore"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/passthrough"
	"github.com/onesgate/onesgate/internal/trail"
)

func init() {
	caddy.RegisterModule(Bookings{})
}

// Bookings serves the booking API: to the person that `ones_auth` has signed in,
// or to ONES' own server, which shows a service token and says for whom it acts.
type Bookings struct {
	// Tokens of ONES' own server. Several are all valid, so that one can be
	// replaced by another without a gap. Required, unless `ones_auth` stands before.
	ServiceTokens []ServiceToken `json:"service_tokens,omitempty"`
	// Whether ONES' own server may call Microsoft Graph below `/graph/v1.0`, as the
	// person it acts for: calls of that person's calendar only. Default: no.
	GraphPassthrough bool `json:"graph_passthrough,omitempty"`

	app    *App
	tokens []booking.ServiceToken
	api    func() booking.API
	graph  func() *passthrough.Handler
}

// ServiceToken is a shared secret with ONES' own server.
type ServiceToken struct {
	// The token: at least 32 bytes. Give a placeholder, such as `{env.ONES_SERVICE_TOKEN}`.
	// Required.
	Token string `json:"token" word:"service_token"`
	// Its name in the audit log. Default: `service`.
	Name string `json:"name,omitempty" word:"service_token"`
}

// minServiceToken is the least length of a service token, in bytes.
const minServiceToken = 32

// CaddyModule returns the Caddy module information.
func (Bookings) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.ones_bookings",
		New: func() caddy.Module { return new(Bookings) },
	}
}

// Provision resolves the tokens.
func (h *Bookings) Provision(ctx caddy.Context) (err error) {
	if h.app, err = onesApp(ctx, "ones_bookings"); err != nil {
		return err
	}
	r, err := settled(h)
	if err != nil {
		return fmt.Errorf("ones_bookings: %w", err)
	}
	for _, t := range r.ServiceTokens {
		h.tokens = append(h.tokens, booking.ServiceToken{Name: t.name(), SHA256: sha256.Sum256([]byte(t.Token))})
	}
	if err := h.app.checkRoutes(serverOf(ctx)); err != nil {
		return err
	}
	h.api = sync.OnceValue(func() booking.API {
		return booking.NewAPI(h.app.engine.bookings, booking.APIOptions{ServiceTokens: h.tokens})
	})
	h.graph = sync.OnceValue(func() *passthrough.Handler { return h.app.engine.newPassthrough(h.api()) })
	return nil
}

func (t ServiceToken) name() string { return cmp.Or(t.Name, "service") }

func (h *Bookings) complete() error {
	for _, t := range h.ServiceTokens {
		if t.Token == "" {
			return missing("the token of a service_token")
		}
	}
	if h.GraphPassthrough && len(h.ServiceTokens) == 0 {
		return about("graph_passthrough", errors.New("graph_passthrough is for callers with a service_token only; add one or leave it out"))
	}
	return nil
}

func (h *Bookings) check() error {
	for i, t := range h.ServiceTokens {
		fail := func(format string, args ...any) error {
			return &fault{"service_token", i, fmt.Errorf(format, args...)}
		}
		if t.Token == "" { // not known yet
			continue
		}
		if len(t.Token) < minServiceToken {
			return fail("service_token %d has %d bytes; it needs at least %d, such as from: openssl rand -base64 32", i+1, len(t.Token), minServiceToken)
		}
		for j, other := range h.ServiceTokens[:i] {
			if other.Token == t.Token {
				return fail("service_tokens %d and %d are the same; leave one of them out", j+1, i+1)
			}
		}
	}
	return nil
}

// ServeHTTP answers a call of the booking API, or one for Microsoft Graph.
func (h *Bookings) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	if err := h.app.await(r); err != nil {
		return err
	}
	r = trail.Follow(w, r)
	if h.GraphPassthrough && isPassthrough(r) {
		h.graph().Serve(w, r, h.app.baseURL(r))
		return nil
	}
	h.api().ServeHTTP(w, r)
	return nil
}

// MarshalLogObject implements zapcore.ObjectMarshaler: with trace in servers Caddy logs each
// handler that a request comes to, and a token may stand in the configuration as it is.
func (h *Bookings) MarshalLogObject(to zapcore.ObjectEncoder) error {
	to.AddInt("service_tokens", len(h.ServiceTokens))
	to.AddBool("graph_passthrough", h.GraphPassthrough)
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Bookings)(nil)
	_ caddyhttp.MiddlewareHandler = (*Bookings)(nil)
	_ zapcore.ObjectMarshaler     = (*Bookings)(nil)
)
