package integration_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim"
	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// serviceToken is the secret of ONES' own server in these stories.
const serviceToken = "a-service-token-of-more-than-32-bytes"

// A world is all that surrounds a gateway: Microsoft, ONES, and a folder.
type world struct {
	t         testing.TB
	dir       string
	host      string // address of its listeners
	port      int
	service   int
	home      string // public URL
	microsoft *httptest.Server
	issuer    string
	secret    string // as the Caddyfile has it, by environment
	ones      *httptest.Server

	mu   sync.Mutex
	seen []*http.Request // what ONES got
}

// newWorld starts what surrounds a gateway. change alters the simulated
// Microsoft 365.
func newWorld(t testing.TB, change ...func(*m365.Config)) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), host: "127.0.0.1", port: freePort(t), service: freePort(t)}
	w.home = fmt.Sprintf("http://localhost:%d", w.port)

	cfg := m365.Sample()
	tenant := &cfg.Tenants[0]
	tenant.Apps[0].RedirectURIs = []string{w.home + "/.ones/callback", w.home + "/.ones/signed-out"}
	for i := range tenant.Rooms {
		tenant.Rooms[i].AnswerDelay = m365.Duration(100 * time.Millisecond)
	}
	for _, f := range change {
		f(&cfg)
	}
	w.secret = tenant.Apps[0].Secrets[0].Value
	w.microsoft = httptest.NewUnstartedServer(nil)
	// Another site than the gateway's for browsers, as it is in life.
	base := "http://127.0.0.1:" + fmt.Sprint(w.microsoft.Listener.Addr().(*net.TCPAddr).Port)
	w.issuer = base + "/" + tenant.ID + "/v2.0"
	sim, err := m365sim.New(cfg, m365sim.Options{BaseURL: base, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	w.microsoft.Config.Handler = sim
	if _, test := t.(*testing.T); test { // a benchmark is not to be slowed down
		w.microsoft.Config.Handler = overhear(t, sim)
	}
	w.microsoft.Start()
	w.microsoft.URL = base
	t.Cleanup(w.microsoft.Close)

	w.ones = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // trailers come after it
		w.mu.Lock()
		w.seen = append(w.seen, r.Clone(context.WithoutCancel(r.Context())))
		w.mu.Unlock()
		_, _ = io.WriteString(rw, "ones")
	}))
	t.Cleanup(w.ones.Close)
	return w
}

// lastSeen is the last request that ONES got.
func (w *world) lastSeen() *http.Request {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.seen) == 0 {
		w.t.Fatal("nothing has reached ONES")
	}
	return w.seen[len(w.seen)-1]
}

func (w *world) countSeen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen)
}

// caddyfile is what the operator has written. Mode is require or optional.
const caddyfile = `{
	admin {{.Admin}}
	persist_config off
	auto_https disable_redirects
	{{.Global}}
	ones {
		public_url {{.Home}}
		store {{or .Store (printf "badger %s/store {\n\t\t\tmin_free %s\n\t\t}" .Dir .MinFree)}}
		keyset {{or .Keyset (printf "%s/keyset.json" .Dir)}}
		integration contoso {
			server {
				operator custom {
					issuer {{.Issuer}}
					graph {{.Graph}}
				}
				{{.Server}}
				client_id {{.ClientID}}
				{{or .Credentials "client_secret {env.ONES_CLIENT_SECRET} 2099-01-01"}}
			}
			rooms {
				room boardroom boardroom@contoso.example {
					name "Boardroom"
					time_zone Asia/Hong_Kong
					capacity 12
					group "10th floor"
					max_duration 4h
				}
				room harbour harbour@contoso.example {
					name "Harbour"
					time_zone Asia/Hong_Kong
					capacity 6
					group "10th floor"
				}
				{{.Rooms}}
			}
			users {
				login_button "{{.Label}}"
				default_groups staff
				card_number pager
				{{.Users}}
			}
		}
		{{.Integrations}}
	}
}

http://{{if eq .Host "127.0.0.1"}}localhost{{end}}:{{.Port}} {
	bind {{.Host}}
	ones_auth {
		{{.Mode}}
		{{.Auth}}
		public /display/*
	}
	handle_path /api/m365/* {
		ones_bookings
	}
	reverse_proxy {{.Ones}} {{.Proxy}}
}

http://{{if eq .Host "127.0.0.1"}}{{.Host}}{{end}}:{{.Service}} {
	bind {{.Host}}
	ones_bookings {
		service_token {env.ONES_SERVICE_TOKEN} ones
		graph_passthrough
	}
}
{{.Sites}}
`

// write writes the Caddyfile. Change alters its values.
func (w *world) write(change map[string]any) string {
	w.t.Helper()
	values := map[string]any{
		"Dir": w.dir, "Admin": "unix/" + w.dir + "/admin.sock", "Home": w.home, "Issuer": w.issuer, "Graph": w.microsoft.URL, "Host": w.host, "Port": w.port, "Service": w.service,
		"Ones": w.ones.URL, "Mode": "require", "Auth": "", "Server": "", "Integrations": "", "Proxy": "", "Global": "", "MinFree": "16MiB", "Label": "Sign in with Microsoft 365", "Users": "", "Sites": "", "Rooms": "",
		"ClientID": m365.Sample().Tenants[0].Apps[0].ClientID,
	}
	for k, v := range change {
		values[k] = v
	}
	var b bytes.Buffer
	if err := template.Must(template.New("").Parse(caddyfile)).Execute(&b, values); err != nil {
		w.t.Fatal(err)
	}
	file := filepath.Join(w.dir, "Caddyfile")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return file
}

func (w *world) env() []string {
	return []string{"ONES_CLIENT_SECRET=" + w.secret, "ONES_SERVICE_TOKEN=" + serviceToken, "XDG_DATA_HOME=" + w.dir, "XDG_CONFIG_HOME=" + w.dir}
}

// gateway starts the gateway and waits until it is ready.
func (w *world) gateway() *process {
	w.t.Helper()
	p := w.launch()
	w.ready(p)
	return p
}

// serves says whether the port for ONES' server is open, if the Caddyfile has one.
func (w *world) serves() bool {
	if text, err := os.ReadFile(filepath.Join(w.dir, "Caddyfile")); err != nil || !strings.Contains(string(text), fmt.Sprint(":", w.service)) {
		return true
	}
	conn, err := net.Dial("tcp", net.JoinHostPort(w.host, fmt.Sprint(w.service)))
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// launch starts the gateway.
func (w *world) launch() *process {
	w.t.Helper()
	return start(w.t, w.env(), "run", "--config", filepath.Join(w.dir, "Caddyfile"), "--adapter", "caddyfile")
}

// ready waits until the gateway is, and answers ONES' server, too: Caddy opens one port after
// the other.
func (w *world) ready(p *process) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		if res, err := http.Get(w.home + "/.ones/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK && w.serves() {
				return
			}
		}
		select {
		case <-p.exited:
			w.t.Fatalf("the gateway ended:\n%s", p.errors())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("the gateway does not become ready:\n%s", p.errors())
		}
	}
}

// sim tells the simulator to do something.
func (w *world) sim(method, path string, body any) map[string]any {
	w.t.Helper()
	v := newVisitor(w.t, w.microsoft.URL)
	a := v.send(v.request(method, path, body))
	if a.StatusCode >= 300 {
		w.t.Fatalf("%s %s: %d %s", method, path, a.StatusCode, a.body)
	}
	if strings.TrimSpace(a.body) == "" {
		return nil
	}
	return a.json(w.t)
}

// serve calls the booking API as ONES' own server.
func (w *world) serve(method, path string, body any, headers ...string) answer {
	w.t.Helper()
	v := newVisitor(w.t, fmt.Sprintf("http://%s:%d", w.host, w.service))
	return v.send(v.request(method, path, body, append([]string{"Authorization", "Bearer " + serviceToken}, headers...)...))
}

// meeting is a booking of the boardroom so many days ahead, at an hour.
func meeting(room string, days, hour int) map[string]any {
	hk := time.FixedZone("HKT", 8*3600)
	day := time.Now().In(hk).AddDate(0, 0, days)
	begin := time.Date(day.Year(), day.Month(), day.Day(), hour, 0, 0, 0, hk)
	return map[string]any{
		"room": room, "subject": "Quarterly review", "time_zone": "Asia/Hong_Kong",
		"start": begin.Format(time.RFC3339), "end": begin.Add(time.Hour).Format(time.RFC3339),
	}
}

// pretty is JSON for messages.
func pretty(v any) string {
	b, _ := json.MarshalIndent(v, "", "  ")
	return string(b)
}

// eventsNamed counts the events with a subject in somebody's calendar.
func (w *world) eventsNamed(mail, subject string) int {
	w.t.Helper()
	n := 0
	for _, e := range w.sim(http.MethodGet, "/_sim/events?mailbox="+mail, nil)["value"].([]any) {
		if e.(map[string]any)["subject"] == subject {
			n++
		}
	}
	return n
}
