package caddymodule

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/signin"
)

// unasked is an issuer that nobody asks.
func unasked() *entra.Provider {
	return entra.NewProvider("https://issuer.example", http.DefaultClient, time.Now)
}

// expiring are settings with one integration, whose credentials are these.
func expiring(log *zap.Logger, h handler, credentials ...entra.Credential) *settings {
	s := settingsOf("")
	s.log, s.emit = log, h.emit
	s.integrations = []signin.Integration{{
		Name: "contoso", Entra: entra.NewClient(entra.Config{Credentials: credentials}, unasked(), slog.New(slog.DiscardHandler)),
	}}
	return s
}

// Each threshold is told of once, in the log and as an event, whatever is reloaded.
func TestCredentialsThatExpire(t *testing.T) {
	st := newStage(t)
	core, logs := observer.New(zapcore.WarnLevel)
	h := make(handler, 16)
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	in := func(days int) entra.Credential {
		return entra.Credential{Secret: fmt.Sprint("top-secret-", days), Expires: now.Truncate(24*time.Hour).AddDate(0, 0, days)}
	}
	s := expiring(zap.New(core), h, entra.Credential{Secret: "top-secret"}, in(90), in(30), in(-1))
	e := st.acquire(s)
	defer st.release(e, s)
	var told entra.Warnings
	look := func(days int, want ...string) {
		t.Helper()
		logs.TakeAll()
		e.lookAtCredentials(&told, now.AddDate(0, 0, days))
		var got []string
		for _, l := range logs.TakeAll() {
			got = append(got, fmt.Sprintf("%s %d", l.ContextMap()["credential"], l.ContextMap()["days_left"]))
			if text := fmt.Sprint(l); strings.Contains(text, "top-secret") {
				t.Errorf("the log shows a secret: %s", text)
			}
		}
		if strings.Join(got, ", ") != strings.Join(want, ", ") {
			t.Errorf("after %d days told of %q, want %q", days, got, want)
		}
		for range want {
			if text := <-h; !strings.HasPrefix(text, "secret_expiring map[credential:client_secret ") || strings.Contains(text, "top-secret") {
				t.Errorf("the event %s", text)
			}
		}
		if len(e.events.queue)+len(h) > 0 {
			t.Error("more events than warnings")
		}
	}
	look(0) // nothing has begun
	s.begun.Store(true)
	e.events.began <- struct{}{}
	look(0, "client_secret 3 30", "client_secret 4 -1")
	look(1)
	again := expiring(zap.New(core), h, in(700), in(90), in(30))
	st.acquire(again)
	again.begun.Store(true)
	look(2)
	look(40, "client_secret 2 50", "client_secret 3 -10")
	st.release(e, again)
	look(41)
}

// Where a credential is there that lasts, the log doesn't ask for one more.
func TestWarnedOfAReplacedCredential(t *testing.T) {
	st := newStage(t)
	core, logs := observer.New(zapcore.WarnLevel)
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	s := expiring(zap.New(core), make(handler, 1), entra.Credential{Secret: "new", Expires: now.AddDate(0, 0, 400)}, entra.Credential{Secret: "old", Expires: now.AddDate(0, 0, 8)})
	e := st.acquire(s)
	defer st.release(e, s)
	s.begun.Store(true)
	e.lookAtCredentials(new(entra.Warnings), now)
	all := logs.TakeAll()
	if len(all) != 1 {
		t.Fatalf("%d warnings", len(all))
	}
	told, _ := all[0].ContextMap()["to_do"].(string)
	if !strings.HasPrefix(told, "client_secret 1 is there already") || strings.Contains(all[0].Message+told, "make a new") {
		t.Errorf("told %q, to do: %q", all[0].Message, told)
	}
}

// A microsoft is an issuer that refuses a secret.
func microsoft(t *testing.T, refused string) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	tell := func(w http.ResponseWriter, status int, body map[string]any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		tell(w, http.StatusOK, map[string]any{
			"issuer": s.URL, "authorization_endpoint": s.URL + "/authorize", "token_endpoint": s.URL + "/token", "jwks_uri": s.URL + "/keys",
		})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("client_secret") == refused {
			tell(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client", "error_codes": []int{7000222}})
			return
		}
		tell(w, http.StatusOK, map[string]any{"token_type": "Bearer", "access_token": "access", "refresh_token": "refresh", "expires_in": 3600})
	})
	return s
}

// recorder is an operator's module for events.
type recorder struct{}

var recorded = make(chan string, 16)

func (recorder) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.ones_recorder", New: func() caddy.Module { return new(recorder) }}
}

func (*recorder) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { d.Next(); return nil }

func (*recorder) Handle(ctx context.Context, e caddy.Event) error {
	repl := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	recorded <- fmt.Sprint(repl.ReplaceAll("{event.module} {event.name} {event.data.integration} ", ""), e.Data)
	return nil
}

func init() { caddy.RegisterModule(recorder{}) }

// What happens reaches an operator's handler of the Caddyfile and /metrics, before
// and after a reload.
func TestEventsAndMetricsInCaddy(t *testing.T) {
	dir, issuer := t.TempDir(), microsoft(t, "first-secret")
	expires := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 5)
	var server *caddyhttp.Server
	var page string
	run := func(mark string) {
		t.Helper()
		config, err := adapt(fmt.Sprintf(`{
	admin off
	persist_config off
	log {
		output discard
	}
	events {
		on ones.grant_lost ones_recorder
		on ones.secret_expiring ones_recorder
		on ones.credential_refused ones_recorder
	}
	ones {
		public_url https://ones.example
		store badger %[1]s/store {
			min_free 1MiB
		}
		keyset %[1]s/keyset.json
		integration contoso {
			server {
				operator custom {
					issuer %[2]s
					graph %[2]s
				}
				client_id a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c20
				client_secret first-secret
				client_secret second-secret %[3]s
			}
		}
	}
}
http://%[4]s.example {
	bind unix/%[1]s/%[4]s.sock
	metrics /metrics
}
`, dir, issuer.URL, expires.Format(time.DateOnly), mark))
		if err != nil {
			t.Fatal(err)
		}
		if err := caddy.Load([]byte(config), true); err != nil {
			t.Fatal(err)
		}
		app, err := caddy.ActiveContext().App("http")
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range app.(*caddyhttp.App).Servers {
			server, page = s, "http://"+mark+".example/metrics"
		}
	}
	run("first")
	defer func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	}()
	told := func(want string) {
		t.Helper()
		if got := <-recorded; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	scrape := func() string {
		w := httptest.NewRecorder()
		server.ServeHTTP(w, httptest.NewRequest(http.MethodGet, page, nil))
		return w.Body.String()
	}
	metrics := func(want ...string) {
		t.Helper()
		told := scrape()
		for _, line := range want {
			if !strings.Contains(told, "\n"+line+"\n") {
				t.Errorf("no %s among %d bytes", line, len(told))
			}
		}
		var ours strings.Builder
		for line := range strings.Lines(told) {
			if strings.HasPrefix(line, "ones_") || strings.Contains(line, " ones_") {
				ours.WriteString(line)
			}
		}
		problems, err := promlint.New(strings.NewReader(ours.String())).Lint()
		if err != nil || len(problems) > 0 {
			t.Errorf("the metrics are not as Prometheus wants them: %v, %v", problems, err)
		}
		for _, secret := range []string{"first-secret", "second-secret", "t.alice"} {
			if strings.Contains(told, secret) {
				t.Errorf("%s is among the metrics", secret)
			}
		}
	}
	lose := func() {
		t.Helper()
		runningEngine().grantEvent(grant.Event{
			Kind: grant.Lost, Integration: "contoso", Owner: "t.alice", State: grant.NeedsSignIn, Err: &entra.Error{Code: "invalid_grant", Codes: []int{700082}, Class: entra.Dead},
		})
		told("ones ones.grant_lost contoso map[connection:needs_sign_in integration:contoso reason:invalid_grant AADSTS700082; the connection has ended, the person has to sign in again room: user:t.alice]")
	}
	told("ones ones.secret_expiring contoso map[credential:client_secret 2 days_left:5 expires:" + expires.Format(time.DateOnly) + " integration:contoso]")
	metrics(
		fmt.Sprintf(`ones_credential_expiry_timestamp_seconds{credential="client_secret 2",integration="contoso"} %v`, float64(expires.Unix()+86399)),
		`ones_credential_refused{credential="client_secret 1",integration="contoso"} 0`,
		`ones_grants_lost_total{connection="needs_sign_in",integration="contoso"} 0`,
		`ones_token_requests_total{integration="contoso",outcome="operator"} 0`,
	)
	if up := "\nones_integration_up{"; strings.Contains(scrape(), up) {
		t.Error("an integration that was not asked is up or down")
	}
	e := runningEngine()
	save := func(owner string, s grant.State) {
		t.Helper()
		if err := e.grants.Save(t.Context(), owner, "contoso", entra.Tokens{Refresh: "refresh"}, s); err != nil {
			t.Fatal(err)
		}
	}
	save("t.alice", grant.Connected)
	save(rooms.GrantOwner("contoso", "boardroom"), grant.Connected)
	save("t.bob", grant.NeedsSignIn)
	for e.census.latest() == nil { // what the beginning of the configuration began
		runtime.Gosched()
	}
	e.census.mu.Lock()
	e.census.stands = 0
	e.census.mu.Unlock()
	e.count(t.Context())
	metrics(
		`ones_grants{integration="contoso",state="connected"} 2`,
		`ones_grants{integration="contoso",state="needs_sign_in"} 1`,
		`ones_grants{integration="contoso",state="no_mailbox"} 0`,
	)
	lose()
	client := e.now.Load().clients["contoso"]
	if _, err := client.Refresh(t.Context(), "refresh", ""); err != nil {
		t.Fatal(err)
	}
	told("ones ones.credential_refused contoso map[credential:client_secret 1 integration:contoso reason:invalid_client AADSTS7000222; the operator has to correct the configuration]")
	metrics(
		`ones_integration_up{integration="contoso"} 1`,
		`ones_credential_refused{credential="client_secret 1",integration="contoso"} 1`,
		`ones_credential_refused{credential="client_secret 2",integration="contoso"} 0`,
		`ones_grants_lost_total{connection="needs_sign_in",integration="contoso"} 1`,
	)
	run("second")
	lose() // and the warning is not told again
	metrics(`ones_grants_lost_total{connection="needs_sign_in",integration="contoso"} 2`)
}
