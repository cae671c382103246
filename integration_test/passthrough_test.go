package integration_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// graphCalls are the calls that have reached Graph.
type graphCalls struct {
	mu       sync.Mutex
	lines    []string // method and path
	bodies   map[string][]string
	unfitted []error
}

// watchGraph notes all calls to Graph, and what in them its description doesn't know.
// It has to be called before the first one.
func (w *world) watchGraph() *graphCalls {
	w.t.Helper()
	calls := &graphCalls{bodies: map[string][]string{}}
	next, check := w.microsoft.Config.Handler, w.graphDescription()
	w.microsoft.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if path, ok := strings.CutPrefix(r.URL.Path, "/v1.0/"); ok {
			body, _ := io.ReadAll(r.Body)
			err := check(r, body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			calls.mu.Lock()
			line := r.Method + " " + path
			calls.lines = append(calls.lines, line)
			calls.bodies[line] = append(calls.bodies[line], string(body))
			if err != nil {
				calls.unfitted = append(calls.unfitted, fmt.Errorf("%s: %w", line, err))
			}
			calls.mu.Unlock()
		}
		next.ServeHTTP(rw, r)
	})
	return calls
}

// graphDescription returns what checks a call by the description of Graph's
// calendars; without one, nothing does.
func (w *world) graphDescription() func(*http.Request, []byte) error {
	w.t.Helper()
	file := cmp.Or(os.Getenv("ONESGATE_GRAPH_OPENAPI"), "../../shared/graph/openapi-calendar.yaml")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return func(*http.Request, []byte) error { return nil }
	}
	doc, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	doc.Servers = openapi3.Servers{{URL: w.microsoft.URL + "/v1.0"}}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		w.t.Fatal(err)
	}
	return func(r *http.Request, body []byte) error {
		probe := r.Clone(r.Context())
		probe.URL.Scheme, probe.URL.Host = "http", r.Host
		if strings.HasSuffix(probe.URL.Path, "/delta") { // as the description spells it
			probe.URL.RawPath = probe.URL.EscapedPath() + "()"
			probe.URL.Path += "()"
		}
		route, params, err := router.FindRoute(probe)
		if err != nil {
			return err
		}
		probe.Body = io.NopCloser(bytes.NewReader(body))
		return openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
			Request: probe, Route: route, PathParams: params,
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
		})
	}
}

// Microsoft's own SDK works through the gateway, and only with the person's calendar.
func TestGraphSDKThroughTheGateway(t *testing.T) {
	w := newWorld(t)
	calls := w.watchGraph()
	server, port := newCredential(t, "localhost"), freePort(t)
	w.write(map[string]any{"Sites": fmt.Sprintf(`
https://localhost:%d {
	bind 127.0.0.1
	tls %s %s
	handle_path /api/m365/* {
		ones_bookings {
			service_token {env.ONES_SERVICE_TOKEN} ones
			graph_passthrough
		}
	}
}
`, port, server.certFile, server.keyFile)})
	p := w.gateway()
	newVisitor(t, w.home).signIn(alice)

	const room = "boardroom@contoso.example"
	runClient(t, server, []string{
		"create", "create-with-transaction-id", "create-again-by-name", "pages", "delta", "update", "delete", "get-schedule", "batch", "refused", "not-shared",
	}, nil, "passthrough.mjs", fmt.Sprintf("https://localhost:%d/api/m365/graph", port), serviceToken, alice, room, bob)

	calls.mu.Lock()
	defer calls.mu.Unlock()
	if err := errors.Join(calls.unfitted...); err != nil {
		t.Errorf("what Graph doesn't know was asked of it:\n%v", err)
	}
	if n := len(calls.lines); n < 20 {
		t.Errorf("Graph got %d calls only: %q", n, calls.lines)
	}
	for _, line := range calls.lines {
		if strings.Contains(line, "messages") || strings.Contains(line, room) || strings.Contains(line, "$batch") ||
			strings.Contains(line, bob) && line != "GET users/"+bob+"/events" {
			t.Errorf("Graph got %s", line)
		}
	}
	for _, body := range calls.bodies["POST me/events"] {
		if !strings.Contains(body, `"transactionId":"`) {
			t.Errorf("an event was made without a transactionId: %s", body)
		}
	}
	log := p.errors()
	for _, want := range []string{`"method":"POST","path":"/me/events","outcome":"201"`, `"path":"/users/{id}/calendar/events","outcome":"refused: forbidden"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the audit log lacks %s", want)
		}
	}
	if strings.Contains(log, "In a batch") {
		t.Error("a subject is in the log")
	}
}

// Links lead back to where the caller has come in, and who may not come is refused.
func TestGraphPassthrough(t *testing.T) {
	w := newWorld(t)
	w.write(nil)
	w.gateway()
	v := newVisitor(t, w.home)
	v.signIn(alice)
	for i := range 2 {
		a := w.serve(http.MethodPost, "/graph/v1.0/me/events", map[string]any{
			"subject": "x", "start": map[string]string{"dateTime": "2099-01-01T10:00:00", "timeZone": "UTC"}, "end": map[string]string{"dateTime": "2099-01-01T11:00:00", "timeZone": "UTC"},
		}, "Ones-Act-As", alice)
		if at := fmt.Sprintf("http://127.0.0.1:%d/graph/v1.0/users", w.service); a.StatusCode != http.StatusCreated || !strings.HasPrefix(a.Header.Get("Location"), at) {
			t.Fatalf("creation %d: %d %s at %s", i, a.StatusCode, a.body, a.Header.Get("Location"))
		}
	}
	page := w.serve(http.MethodGet, "/graph/v1.0/me/events?$top=1", nil, "Ones-Act-As", alice)
	next, _ := page.json(t)["@odata.nextLink"].(string)
	home := fmt.Sprintf("http://127.0.0.1:%d", w.service)
	if !strings.HasPrefix(next, home+"/graph/v1.0/me/events?") {
		t.Fatalf("the next page is at %q", next)
	}
	if context, _ := page.json(t)["@odata.context"].(string); !strings.HasPrefix(context, home+"/graph/v1.0/$metadata#") {
		t.Errorf("the context of a page is %q", context)
	}
	second := w.serve(http.MethodGet, strings.TrimPrefix(next, home), nil, "Ones-Act-As", alice)
	if second.StatusCode != http.StatusOK || len(second.json(t)["value"].([]any)) != 1 {
		t.Errorf("the next page: %d %s", second.StatusCode, second.body)
	}
	for name, tt := range map[string]struct {
		a      answer
		status int
		code   string
	}{
		"nobody":                     {w.serve(http.MethodGet, "/graph/v1.0/me/events", nil), 400, "malformed"},
		"a room":                     {w.serve(http.MethodGet, "/graph/v1.0/me/events", nil, "Ones-Act-As", "room:harbour"), 403, "forbidden"},
		"no room":                    {w.serve(http.MethodGet, "/graph/v1.0/me/events", nil, "Ones-Act-As", "room:cellar"), 404, "unknown_room"},
		"somebody unseen":            {w.serve(http.MethodGet, "/graph/v1.0/me/events", nil, "Ones-Act-As", bob), 404, "unknown_user"},
		"a wrong token":              {w.serve(http.MethodGet, "/graph/v1.0/me/events", nil, "Ones-Act-As", alice, "Authorization", "Bearer x"), 401, "invalid_token"},
		"escaped":                    {w.serve(http.MethodGet, "/graph/v1.0/me/events/%2e%2e/messages", nil, "Ones-Act-As", alice), 400, "malformed"},
		"a session, where it is off": {v.call(http.MethodGet, "/api/m365/graph/v1.0/me/events", nil), 404, "not_found"},
	} {
		if got := tt.a.json(t)["code"]; tt.a.StatusCode != tt.status || got != tt.code {
			t.Errorf("%s: %d %s, want %d %s", name, tt.a.StatusCode, tt.a.body, tt.status, tt.code)
		}
	}
}

// Where one address lets in people and services, a service that names somebody acts for them
// as on an address of its own, though ones_auth takes the name off the request; and a
// browser gains nothing by naming somebody.
func TestServiceBehindTheGate(t *testing.T) {
	w := newWorld(t)
	w.write(map[string]any{"Mode": "optional", "Proxy": `
	handle_path /both/* {
		ones_bookings {
			service_token {env.ONES_SERVICE_TOKEN} ones
			graph_passthrough
		}
	}`})
	w.gateway()
	people := map[string]*visitor{}
	for i, mail := range []string{alice, bob} {
		people[mail] = newVisitor(t, w.home)
		people[mail].signIn(mail)
		if a := w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 2, 10+i), "Ones-Act-As", mail, "Prefer", "wait=30"); a.StatusCode != http.StatusCreated {
			t.Fatalf("%s books: %d %s", mail, a.StatusCode, a.body)
		}
	}
	nobody, token := newVisitor(t, w.home), "Bearer "+serviceToken
	list := func(v *visitor, headers ...string) string {
		t.Helper()
		a := v.call(http.MethodGet, "/both/v1/bookings", nil, headers...)
		if a.StatusCode != http.StatusOK {
			return fmt.Sprint(a.StatusCode, " ", a.json(t)["code"])
		}
		return fmt.Sprint(len(a.json(t)["bookings"].([]any)))
	}
	for name, tt := range map[string]struct {
		v       *visitor
		headers []string
		want    string // how many are listed, or the refusal
	}{
		"a service":                         {nobody, []string{"Authorization", token}, "2"},
		"a service for bob":                 {nobody, []string{"Authorization", token, "Ones-Act-As", bob}, "1"},
		"a service for bob, with a session": {people[alice], []string{"Authorization", token, "Ones-Act-As", bob}, "1"},
		"a service for a stranger":          {nobody, []string{"Authorization", token, "Ones-Act-As", "zoe@contoso.example"}, "404 unknown_user"},
		"a service for nobody":              {nobody, []string{"Authorization", token, "Ones-Act-As", ""}, "404 unknown_user"},
		"a browser":                         {people[alice], nil, "1"},
		"a browser for bob":                 {people[alice], []string{"Ones-Act-As", bob}, "403 forbidden"},
		"a browser for bob, wrong token":    {people[alice], []string{"Authorization", "Bearer x", "Ones-Act-As", bob}, "401 invalid_token"},
		"a stranger for bob":                {nobody, []string{"Ones-Act-As", bob}, "401 invalid_token"},
	} {
		if got := list(tt.v, tt.headers...); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	if a := nobody.call(http.MethodPost, "/both/v1/bookings", meeting("boardroom", 2, 14), "Authorization", token, "Ones-Act-As", bob, "Prefer", "wait=30"); a.StatusCode != http.StatusCreated {
		t.Errorf("a service books for bob: %d %s", a.StatusCode, a.body)
	}
	calls := func(v *visitor, headers ...string) string {
		t.Helper()
		a := v.call(http.MethodGet, "/both/graph/v1.0/me/events", nil, headers...)
		code, _ := a.json(t)["code"].(string)
		return strings.TrimSpace(fmt.Sprint(a.StatusCode, " ", code))
	}
	twice := nobody.request(http.MethodGet, "/both/v1/bookings", nil, "Authorization", token)
	twice.Header["Ones-Act-As"] = []string{bob, alice}
	if a := nobody.send(twice); a.StatusCode != http.StatusBadRequest {
		t.Errorf("a service for two: %d %s", a.StatusCode, a.body)
	}
	for name, got := range map[string][2]string{
		"Graph for bob":              {calls(nobody, "Authorization", token, "Ones-Act-As", bob), "200"},
		"Graph for nobody":           {calls(nobody, "Authorization", token), "400 malformed"},
		"Graph for a browser":        {calls(people[alice], "Ones-Act-As", bob), "403 forbidden"},
		"Graph for a lonely browser": {calls(people[alice]), "403 forbidden"},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %s, want %s", name, got[0], got[1])
		}
	}
}
