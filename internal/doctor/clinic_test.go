package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/m365sim"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

const (
	alice     = "alice@contoso.example"
	boardroom = "boardroom@contoso.example"
	callback  = "https://ones.example/.ones/callback"
)

// A clinic is an integration with a simulated Microsoft 365.
type clinic struct {
	Integration
	t      *testing.T
	base   string
	tenant *world.Tenant
	config entra.Config
	issuer string
}

// newClinic starts a simulator whose world was changed.
func newClinic(t *testing.T, change func(*world.Config)) *clinic {
	t.Helper()
	cfg := world.Sample()
	tenant := &cfg.Tenants[0]
	tenant.Apps[0].RedirectURIs = []string{callback}
	tenant.Rooms[0].Account = "0b1ec700-0000-4000-8000-00000000b0a2"
	if change != nil {
		change(&cfg)
	}
	server := httptest.NewUnstartedServer(nil)
	base := "http://" + server.Listener.Addr().String()
	sim, err := m365sim.New(cfg, m365sim.Options{BaseURL: base, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = sim
	server.Start()
	t.Cleanup(func() { server.Close(); _ = sim.Close() })
	app := tenant.Apps[0]
	c := &clinic{t: t, base: base, tenant: tenant, issuer: base + "/" + tenant.ID + "/v2.0", config: entra.Config{
		TenantID: tenant.ID, ClientID: app.ClientID, Scopes: app.Scopes,
		Credentials: []entra.Credential{{Secret: app.Secrets[0].Value, Expires: time.Now().AddDate(1, 0, 0)}},
	}}
	c.Integration = Integration{Name: "contoso", Operator: "custom", Graph: base, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, Now: time.Now}
	c.register()
	return c
}

// register makes the client anew, of the issuer and the registration as they are now.
func (c *clinic) register() {
	provider := entra.NewProvider(c.issuer, c.HTTP, time.Now)
	c.t.Cleanup(provider.Close)
	c.Client = entra.NewClient(c.config, provider, slog.New(slog.DiscardHandler))
}

// sim tells the simulator to do something.
func (c *clinic) sim(path string, body any) {
	c.t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	res, err := http.Post(c.base+path, "application/json", bytes.NewReader(encoded))
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); res.StatusCode >= 300 {
		c.t.Fatalf("%s: %d %s", path, res.StatusCode, text)
	}
}

type fault map[string]any

func (c *clinic) fault(f fault) {
	c.t.Helper()
	c.sim("/_sim/faults", f)
}

// signIn returns the mailbox of an account, and the scopes that were granted.
func (c *clinic) signIn(account string) (graph.Mailbox, []string) {
	c.t.Helper()
	r := entra.AuthRequest{State: "state", Nonce: "nonce", Verifier: strings.Repeat("v", 43), RedirectURI: callback, Prompt: "select_account"}
	at, err := c.Client.AuthCodeURL(c.t.Context(), r)
	if err != nil {
		c.t.Fatal(err)
	}
	hc := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := hc.PostForm(at, url.Values{"account": {account}})
	if err != nil {
		c.t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	back, err := res.Location()
	if err != nil {
		c.t.Fatalf("%d %s", res.StatusCode, body)
	}
	tokens, _, err := c.Client.Exchange(c.t.Context(), back.Query().Get("code"), r)
	if err != nil {
		c.t.Fatal(err)
	}
	return graph.Mailbox{Key: account, Token: func(context.Context, graph.Refused) (string, error) { return tokens.Access, nil }}, tokens.Scopes
}

// run makes the checks of the integration, and with somebody too if there is one.
func (c *clinic) run() []Finding {
	return Run(c.t.Context(), c.Checks(), nil, nil)
}

// of are the findings of one check.
func of(found []Finding, check string) []Finding {
	return slices.DeleteFunc(slices.Clone(found), func(f Finding) bool { return f.Check != check })
}

// proven are the kinds that a test has found.
var proven sync.Map

// wants demands that a check has found one of a kind, and nothing else that is bad.
func wants(t *testing.T, found []Finding, check string, want Kind) {
	t.Helper()
	there := false
	for _, f := range of(found, check) {
		switch {
		case f.Finding == want.Name:
			there = true
			if f.Result != want.Result || f.What == "" || f.Do == "" || f.Whose == "" || strings.Contains(f.What, "%!") {
				t.Errorf("%+v is not whole", f)
			}
		case f.Result == Wrong || f.Result == Warning:
			t.Errorf("%s has found %+v too", check, f)
		}
	}
	if !there {
		t.Errorf("%s has not found %s, but %+v", check, want.Name, of(found, check))
		return
	}
	proven.Store(want.Name, true)
}

// wantsResult demands that all findings of a check have one result.
func wantsResult(t *testing.T, found []Finding, check string, want Result) {
	t.Helper()
	all := of(found, check)
	if len(all) == 0 {
		t.Errorf("%s has found nothing", check)
	}
	for _, f := range all {
		if f.Result != want || f.What == "" || strings.Contains(f.What, "%!") {
			t.Errorf("%s: %+v, want %s", check, f, want)
		}
	}
}
