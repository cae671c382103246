package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/signin"
	"github.com/onesgate/onesgate/internal/signin/pages"
)

func init() {
	caddy.RegisterModule(Auth{})
}

// Auth signs people in with Microsoft 365, serves `/.ones/*`, and tells who they
// are, in `X-Ones-*` headers, to whatever stands behind it. Headers of these
// names that come from outside are deleted, always.
//
// It sets the placeholders `{ones.user.id}`, `{ones.user.email}`,
// `{ones.user.name}`, `{ones.integration}` and `{http.auth.user.id}`. They are empty
// where nobody is signed in.
type Auth struct {
	// `require`: everybody signs in. `optional`: who doesn't is let through,
	// anonymous. Default: `require`.
	Mode string `json:"mode,omitempty"`
	// Send people straight to Microsoft, without the login page, where there is only
	// one integration; but not right after they have signed out. Default: no.
	AutoSignIn bool `json:"auto_sign_in,omitempty"`
	// Paths that are always anonymous: exact, or `/prefix/*`. Case matters. Default: none.
	Public []string `json:"public,omitempty"`
	// Who may connect the accounts of rooms: `INTEGRATION/USER-ID`,
	// `INTEGRATION/role:NAME` (an app role of the directory) or `INTEGRATION/ADDRESS`.
	// An address counts in that integration only, and belongs for good to the first
	// person whose calendar proves it. Default: nobody.
	Admins []string `json:"admins,omitempty"`
	// Sessions end when they have not been used for so long. At least `1m`. Default: `12h`.
	SessionIdle caddy.Duration `json:"session_idle,omitempty"`
	// Sessions end when they are so old. Default: `168h`, 7 days.
	SessionMax caddy.Duration `json:"session_max,omitempty"`
	// The audience of the signed assertion. Default: the public URL.
	AssertionAudience string `json:"assertion_audience,omitempty"`
	// A file: the logo on our pages, as PNG, JPEG, WebP or SVG, at most 256 KiB. It
	// is read when the configuration is loaded. Default: our mark.
	Logo string `json:"logo,omitempty"`
	// The colour of buttons and links on our pages, as `#rrggbb`. It is made darker
	// or lighter where it could not be read. Default: a green.
	Color string `json:"color,omitempty"`

	app      *App
	audience string // of the assertion; "": the public URL
	config   signin.GateConfig
	gate     func() *signin.Gate
}

// Defaults of sessions.
const (
	defaultSessionIdle = 12 * time.Hour
	defaultSessionMax  = 7 * 24 * time.Hour
)

// CaddyModule returns the Caddy module information.
func (Auth) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.ones_auth",
		New: func() caddy.Module { return new(Auth) },
	}
}

// Provision checks the options. The gate itself is made at the first request,
// when the app has started: modules start in no particular order.
func (h *Auth) Provision(ctx caddy.Context) (err error) {
	if h.app, err = onesApp(ctx, "ones_auth"); err != nil {
		return err
	}
	if err := h.provision(); err != nil {
		return fmt.Errorf("ones_auth: %w", err)
	}
	server := serverOf(ctx)
	if err := h.app.checkRoutes(server); err != nil {
		return err
	}
	if server != nil {
		server.RegisterConnContext(withConn)
	}
	h.gate = sync.OnceValue(h.newGate)
	return nil
}

func (h *Auth) provision() error {
	r, err := settled(h)
	if err != nil {
		return err
	}
	admins, err := signin.ParseAdmins(r.Admins, h.app.settings.integrations)
	if err != nil {
		return err
	}
	public, err := signin.ParsePublic(r.Public)
	if err != nil {
		return err
	}
	h.config = signin.GateConfig{
		Optional: r.Mode == "optional", AutoSignIn: r.AutoSignIn, Public: public, Admins: admins,
		Life: session.Life{Idle: r.idle(), Max: r.max()},
	}
	if h.app.auth, err = r.together(h.app.auth); err != nil {
		return err
	}
	h.app.settings.admins = append(h.app.settings.admins, admins)
	h.audience = r.AssertionAudience
	return h.provisionTheme(r)
}

func (h *Auth) idle() time.Duration { return cmp.Or(time.Duration(h.SessionIdle), defaultSessionIdle) }

func (h *Auth) max() time.Duration { return cmp.Or(time.Duration(h.SessionMax), defaultSessionMax) }

func (h *Auth) complete() error { return nil }

func (h *Auth) check() error {
	if h.Mode != "" && h.Mode != "require" && h.Mode != "optional" {
		return fmt.Errorf("mode %q is not known; write require or optional", h.Mode)
	}
	if _, err := signin.ParsePublic(h.Public); err != nil {
		return about("public", err)
	}
	if h.idle() < time.Minute || h.max() < h.idle() {
		return about("session", fmt.Errorf("session idle %s and max %s: idle must be at least a minute, and max no less than idle", h.idle(), h.max()))
	}
	if h.Color != "" {
		if _, err := pages.ParseColor(h.Color); err != nil {
			return about("color", fmt.Errorf("color: %w", err))
		}
	}
	return nil
}

// together says in what h contradicts another ones_auth, nil for none, and returns which
// of them the next one has to agree with. What belongs to signing in has to be the
// same in all: people have one session, and see the same pages. What a path demands of
// them need not.
func (h *Auth) together(other *Auth) (*Auth, error) {
	if other == nil {
		return h, nil
	}
	sorted := func(words []string) []string { return slices.Sorted(slices.Values(words)) }
	switch mine, its := h.look(), other.look(); {
	case h.idle() != other.idle() || h.max() != other.max():
		return nil, about("session", errors.New("session differs from that of another ones_auth, but people have one session for all; write the same in both"))
	case !slices.Equal(sorted(h.Admins), sorted(other.Admins)):
		return nil, about("admins", errors.New("admins differ from those of another ones_auth, but there is one set of pages for them; write the same in both"))
	case its == (look{}):
		return h, nil
	case mine != its && mine != (look{}):
		return nil, about("color", errors.New("logo and color differ from those of another ones_auth, but the pages are the same for all; write them in one of them"))
	}
	return other, nil
}

func (h *Auth) newGate() *signin.Gate {
	cfg := h.config
	cfg.Signer = h.app.signer(h.audience)
	return h.app.site.Gate(cfg)
}

// signer returns the signer for an audience, "" for the public URL. All gates of an
// audience have the same, so that they share what a session was signed once.
func (a *App) signer(audience string) *identity.Signer {
	public := a.settings.world.PublicURL
	audience = cmp.Or(audience, public)
	made, _ := a.signers.LoadOrStore(audience, identity.NewSigner(a.engine.signing.Load, public, audience))
	return made.(*identity.Signer)
}

// ServeHTTP lets a request through the gate.
func (h *Auth) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	original := r.URL
	if before, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		original = before.URL
	}
	callback := original.Path == signin.CallbackPath || original.Path == signin.RoomCallbackPath
	if callback {
		// Its query holds a code: it stays out of the access log, and no error is
		// returned, since the error log would print it.
		caddyhttp.SetVar(r.Context(), caddyhttp.LogSkipVar, true)
	}
	gate, err := h.open(r)
	switch {
	case err != nil && callback:
		http.Error(w, "The gateway is not ready. Try again in a moment.", http.StatusServiceUnavailable)
		return nil
	case err != nil:
		identity.Strip(r.Header) // the routes of handle_errors may lead to ONES, too
		return err
	}
	return gate.Serve(w, r, original, func(w http.ResponseWriter, r *http.Request) error {
		introduce(r, identity.FromContext(r.Context()))
		return next.ServeHTTP(forUpgrade(w, r), r)
	})
}

// open returns the gate, once the app has started.
func (h *Auth) open(r *http.Request) (*signin.Gate, error) {
	if err := h.app.await(r); err != nil {
		return nil, err
	}
	return h.gate(), nil
}

// nobody is who is not signed in.
var nobody identity.Person

// introduce sets the placeholders of the signed-in person; nil: nobody. One that is not set
// would go to ONES as it is written, in a header of the operator's.
func introduce(r *http.Request, p *identity.Person) {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return
	}
	if p == nil {
		p = &nobody
	}
	// One function, not five values set: this is on every request's way.
	repl.Map(func(key string) (any, bool) {
		switch key {
		case "http.auth.user.id", "ones.user.id":
			return p.ID, true
		case "ones.user.email":
			return p.Email, true
		case "ones.user.name":
			return p.Name, true
		case "ones.integration":
			return p.Integration, true
		}
		return nil, false
	})
}

// serverOf returns the server that a handler is provisioned for.
func serverOf(ctx caddy.Context) *caddyhttp.Server {
	s, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	return s
}

// onesApp returns the configured app, for a handler that can't do without.
func onesApp(ctx caddy.Context, handler string) (*App, error) {
	v, err := ctx.AppIfConfigured("ones")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, fmt.Errorf("%s needs the global option ones, with an integration in it: %w", handler, err)
	}
	if err != nil {
		return nil, err
	}
	return v.(*App), nil
}

// await waits until the app has started: the server may be faster.
func (a *App) await(r *http.Request) error {
	select {
	case <-a.started:
	case <-r.Context().Done():
		return r.Context().Err()
	}
	if a.engine == nil {
		return caddyhttp.Error(http.StatusServiceUnavailable, fmt.Errorf("the ones app could not start"))
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Auth)(nil)
	_ caddyhttp.MiddlewareHandler = (*Auth)(nil)
)
