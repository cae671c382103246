package integration_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
)

// namesAtGraph are what creations of events were called on their way to Graph, and by it.
type namesAtGraph struct {
	http.Handler
	mu      sync.Mutex
	ours    []string
	answers []string
}

func (n *namesAtGraph) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.Handler.ServeHTTP(w, r)
	if r.Method == http.MethodPost && r.URL.Path == "/v1.0/me/events" {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.ours, n.answers = append(n.ours, r.Header.Get("client-request-id")), append(n.answers, w.Header().Get("request-id"))
	}
}

// One booking is followed from ONES' name for it to Microsoft's: in the answer, in the log, in
// the audit log, in a trace and at Microsoft. What was done is audited and counted, and none
// of it tells what the booking is about.
func TestOneBookingIsFollowed(t *testing.T) {
	const name = "5c2f0a31-7d5e-4a0b-9a53-0c9c6c1c4b1e"
	w := newWorld(t)
	graph := &namesAtGraph{Handler: w.microsoft.Config.Handler}
	w.microsoft.Config.Handler = graph
	file := w.write(nil)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	traced := strings.NewReplacer("persist_config off", "persist_config off\n\tdebug", "graph_passthrough\n\t}", "graph_passthrough\n\t}\n\ttracing {\n\t\tspan onesgate\n\t}").Replace(string(text))
	if err := os.WriteFile(file, []byte(traced), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, append(w.env(), "OTEL_TRACES_EXPORTER=console", "OTEL_BSP_SCHEDULE_DELAY=50"),
		"run", "--config", filepath.Join(w.dir, "Caddyfile"), "--adapter", "caddyfile")
	w.ready(p)
	v := newVisitor(t, w.home)
	v.signIn(alice)
	page := v.send(v.request(http.MethodGet, "/rooms", nil, "X-Request-Id", "of-the-page"))
	if got := w.lastSeen().Header.Get("X-Request-Id"); got != "of-the-page" || page.StatusCode != http.StatusOK {
		t.Errorf("the page: %d; ONES was told it is called %q", page.StatusCode, got)
	}

	made := w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 3, 10), "Ones-Act-As", alice, "X-Request-Id", name, "Prefer", "wait=30")
	if made.StatusCode != http.StatusCreated || made.Header.Get("X-Request-Id") != name {
		t.Fatalf("booking: %d %s, called %q", made.StatusCode, made.body, made.Header.Get("X-Request-Id"))
	}
	refused := w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 3, 10), "Ones-Act-As", alice, "X-Request-Id", "ONES-2")
	if refused.StatusCode != http.StatusConflict || !strings.Contains(refused.body, `"request_id":"ONES-2"`) {
		t.Errorf("the problem: %d %s", refused.StatusCode, refused.body)
	}
	if len(graph.ours) != 1 || graph.ours[0] != name || graph.answers[0] == "" {
		t.Fatalf("at Graph the creation is called %v, and answered as %v", graph.ours, graph.answers)
	}
	id := made.json(t)["id"].(string)
	direct := w.serve(http.MethodPost, "/graph/v1.0/me/events", map[string]any{
		"subject": "Quarterly review, too",
		"start":   map[string]any{"dateTime": "2031-01-01T10:00:00", "timeZone": "UTC"}, "end": map[string]any{"dateTime": "2031-01-01T11:00:00", "timeZone": "UTC"},
	}, "Ones-Act-As", alice, "X-Request-Id", "ONES-3")
	if direct.StatusCode != http.StatusCreated || direct.Header.Get("X-Request-Id") != "ONES-3" {
		t.Errorf("the pass-through: %d %s", direct.StatusCode, direct.body)
	}

	// The log, and the audit log, whose lines have their fields in an order.
	p.logs(`"outcome":"confirmed","graph_request_id"`)
	w.succeeds("", "sessions", "revoke", "--user", alice)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	w.succeeds("", "backup", "--recipient", key.Recipient().String(), "--output", filepath.Join(w.dir, "b.age"))
	log := p.errors()
	for _, want := range []string{
		`"msg":"signed in","user":"[^"]+","integration":"contoso","session":"[^"]+","connection":"connected","request_id":"[0-9a-f-]{36}"`,
		`"msg":"booking","action":"create","by":"ones","user":"[^"]+","integration":"contoso","room":"boardroom","booking":"` + id + `","outcome":"accepted","graph_request_id":"[^"]*","request_id":"` + name + `"`,
		`"msg":"booking","action":"outcome","by":"ones","user":"[^"]+","integration":"contoso","room":"boardroom","booking":"` + id + `","outcome":"confirmed","graph_request_id":"[0-9a-f-]{36}","request_id":"` + name + `"`,
		`"msg":"booking refused","by":"ones","user":"[^"]+","room":"","method":"POST","path":"/v1/bookings","outcome":"room_conflict","request_id":"ONES-2"`,
		`"msg":"graph call","by":"ones","user":"[^"]+","integration":"contoso","method":"POST","path":"/me/events","outcome":"201","request_id":"ONES-3"`,
		`"msg":"sessions ended by the operator","by":"operator",`,
		`"msg":"backup made","by":"operator",`,
	} {
		if n := len(regexp.MustCompile(`"logger":"ones\.audit",`+want).FindAllString(log, -1)); n != 1 {
			t.Errorf("%d lines of the audit log are like %s", n, want)
		}
	}
	call := `"msg":"Microsoft Graph was called","integration":"contoso","call":"create_event","outcome":"ok","status":201,.*"client_request_id":"` + name + `","graph_request_id":"` + graph.answers[0] + `","request_id":"` + name + `"`
	if !regexp.MustCompile(call).MatchString(log) {
		t.Errorf("the log has no line like %s", call)
	}
	if strings.Contains(log, "Quarterly") {
		t.Error("the log tells what a booking is about")
	}

	// The numbers.
	told := w.admin("/metrics")
	for _, line := range []string{
		`ones_bookings_total{integration="contoso",status="confirmed"} 1`,
		`ones_sign_ins_total{integration="contoso",outcome="signed_in"} 1`,
		`ones_graph_calls_total{call="create_event",integration="contoso",outcome="ok"} 1`,
		`ones_passthrough_calls_total{integration="contoso",outcome="ok"} 1`,
		`ones_booking_confirmation_duration_seconds_count{integration="contoso"} 1`,
	} {
		if !strings.Contains(told, "\n"+line+"\n") {
			t.Errorf("no metric %s", line)
		}
	}
	ours := strings.Join(regexp.MustCompile(`(?m)^ones_.*$`).FindAllString(told, -1), "\n")
	for _, person := range []string{"alice", "@", w.lastSeen().Header.Get("X-Ones-User-Id")} {
		if strings.Contains(ours, person) {
			t.Errorf("a metric tells of %s", person)
		}
	}

	// The trace.
	trace := ""
	for spans := []string{"booking accept", "graph create_event", "booking turn"}; len(spans) > 0; {
		line := p.line(`{"Name":"`) // in the order in which they end
		at := slices.IndexFunc(spans, func(span string) bool { return strings.HasPrefix(line, `{"Name":"`+span+`"`) })
		if at < 0 {
			continue
		}
		span := spans[at]
		spans = slices.Delete(spans, at, at+1)
		of := regexp.MustCompile(`"TraceID":"([0-9a-f]+)"`).FindStringSubmatch(line)
		if trace == "" {
			trace = of[1]
		}
		if of[1] != trace || !strings.Contains(line, name) {
			t.Errorf("%s is not in the trace %s of %s: %s", span, trace, name, line)
		}
		for _, private := range []string{"alice", "Quarterly", "@"} {
			if strings.Contains(line, private) {
				t.Errorf("%s tells %s: %s", span, private, line)
			}
		}
	}
}
