package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/signin"
	"github.com/onesgate/onesgate/internal/signin/pages"
	"github.com/onesgate/onesgate/internal/store/badgerstore"
)

func init() {
	caddy.RegisterModule(App{})
	caddy.RegisterModule(LogFormat{})
}

// App is a gateway between ONES and Microsoft 365: it signs people in, keeps
// their delegated grants, and books rooms in their calendars. The handlers
// `ones_auth` and `ones_bookings` work with it.
type App struct {
	// The URL under which browsers reach ONES, such as `https://ones.example.com`.
	// Redirect URIs and cookies come from it. Required; no path.
	PublicURL string `json:"public_url,omitempty"`

	// Where sessions, grants and bookings are kept. Default: `badger` in
	// Caddy's data folder.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=ones.stores inline_key=module"`

	// The file with the keys that seal tokens. It is made on first start, if
	// the store is empty, and looked at every 2 seconds: a changed one is taken
	// without a restart.
	// Default: `onesgate/keyset.json` in Caddy's data folder. Not inside the
	// store's folder: whoever copies that must not get the keys with it.
	//
	// A credential of systemd is `{env.CREDENTIALS_DIRECTORY}/NAME`. Where there
	// are no files, give the keyset itself, but through a placeholder only:
	// `{env.ONES_KEYSET}`. It stays what it was at the start then.
	Keyset string `json:"keyset,omitempty"`

	// The tenants of Microsoft 365 that people come from. Required: at least one.
	Integrations []*Integration `json:"integrations,omitempty"`

	store  storeModule
	keyset seal.Source
	public *url.URL

	settings *settings
	engine   *engine
	site     *signin.Site
	started  chan struct{} // closed when Start has ended, well or badly, or will not come

	signers *sync.Map // of assertions, by audience

	seen  map[*caddyhttp.Server]bool // servers whose routes are checked
	auth  *Auth                      // what every ones_auth has to agree with, resolved
	theme pages.Theme                // of the pages, as an ones_auth has it
}

// CaddyModule returns the Caddy module information.
func (App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "ones",
		New: func() caddy.Module { return new(App) },
	}
}

// Provision resolves and checks the configuration, and tells all that is wrong with the app at
// once. What handlers have of their own, such as a service_token, Caddy has them tell after
// that, one by one. It opens nothing: that waits for Start, so that a configuration can be
// validated beside a running gateway.
func (a *App) Provision(ctx caddy.Context) error {
	a.started, a.signers = make(chan struct{}), new(sync.Map)
	a.seen = map[*caddyhttp.Server]bool{}

	if err := a.complete(); err != nil {
		return fmt.Errorf("ones: %w", err)
	}
	public, errPublic := a.publicURL()
	if a.public = public; errPublic != nil {
		a.public = new(url.URL) // the rest is checked all the same
	}
	errStore := a.provisionStore(ctx)
	var err error
	a.settings, err = newSettings(ctx, a)
	if err := gathered(errPublic, errStore, err); err != nil {
		return err
	}
	if err := a.settings.subscribe(ctx, func() { a.engine.begun(a.settings) }); err != nil {
		return err
	}
	return ctx.GetMetricsRegistry().Register(collector{a})
}

func (a *App) complete() error {
	switch {
	case a.PublicURL == "":
		return missing("public_url")
	case len(a.Integrations) == 0:
		return errors.New("no integration is configured; add an integration block with the fields of the ONES manual's page «Delegated permission»")
	}
	return a.whole()
}

// whole says whether a part is null, as JSON can have it.
func (a *App) whole() error {
	for _, i := range a.Integrations {
		if i == nil {
			return errors.New("one of the integrations is null")
		}
		if slices.Contains(i.Rooms, nil) {
			return fmt.Errorf("integration %s: one of the rooms is null", i.Name)
		}
	}
	return nil
}

// checkText says what is wrong with the app as it stands in a file, but for its
// integrations.
func (a *App) checkText() error {
	if err := a.complete(); err != nil {
		return err
	}
	if err := a.checkShared(); err != nil {
		return about("store", err)
	}
	if err := checkInline(a.Keyset); err != nil {
		return about("keyset", err)
	}
	if pending(a.PublicURL) {
		return nil
	}
	_, err := a.publicURL()
	return about("public_url", err)
}

// publicURL resolves and checks where browsers reach us.
func (a *App) publicURL() (*url.URL, error) {
	text, err := resolve("public_url", a.PublicURL)
	if err != nil {
		return nil, err
	}
	public, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("public_url %q is no URL; write one such as https://ones.example.com", text)
	}
	return public, signin.CheckPublicURL(public)
}

// provisionStore resolves where the records and the keys are.
func (a *App) provisionStore(ctx caddy.Context) error {
	if a.StoreRaw == nil {
		a.StoreRaw = json.RawMessage(`{"module":"badger"}`)
	}
	mod, err := ctx.LoadModule(a, "StoreRaw")
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	a.store = mod.(storeModule)
	if err := a.checkShared(); err != nil {
		return err
	}

	if a.keyset, err = keysetSource(a.Keyset, a.store.identity()); err != nil {
		return err
	}
	// Asked here already: a server that had begun would refuse requests meanwhile.
	return mayRun(a.store, a.keyset)
}

// checkShared says whether a keyset is missing.
func (a *App) checkShared() error {
	if a.store != nil && a.store.shared() && a.Keyset == "" {
		return errors.New("keyset is missing; gateways that share a database need the same one: name its file, which \"onesgate ones keys init FILE\" makes")
	}
	return nil
}

// Start opens the store and the keyset, or joins the configuration that runs
// already in holding them open. It does not wait for Microsoft: an outage there
// must not stop a restart.
func (a *App) Start() error {
	defer close(a.started)
	e, err := acquireEngine(a.store, a.keyset, a.settings)
	if errors.Is(err, badgerstore.ErrInUse) {
		return fmt.Errorf("%w. If that is a gateway, it runs on: to have it take a changed Caddyfile, write onesgate reload instead of run. If its admin address is a unix socket, Caddy has put this start's in its place: restart that gateway, so that reload and the commands reach it again", err)
	}
	if err != nil {
		return err
	}
	a.engine = e
	a.site = e.newSite(a)
	return nil
}

// Stop does nothing: apps stop in no particular order, and requests that the
// server still drains need the store.
func (a *App) Stop() error { return nil }

// Cleanup lets go of the store, after all apps have stopped, and also where a
// configuration failed half-way; the last configuration to do so closes it. One
// that never started holds no store; its server may have begun, and have requests
// that wait for the start.
func (a *App) Cleanup() (err error) {
	select {
	case <-a.started:
	default:
		close(a.started)
	}
	if a.engine != nil {
		err = releaseEngine(a.engine, a.settings)
	}
	if a.settings != nil {
		err = errors.Join(err, a.settings.release())
	}
	return err
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
