package integration_test

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// overheard stands between the gateways and Microsoft, and objects to what a gateway
// must not send: what doesn't fit Graph's own description, and an event that may be
// there already, without having looked for it since.
type overheard struct {
	t         testing.TB
	microsoft http.Handler
	graph     routers.Router // nil: the description is absent

	mu     sync.Mutex
	clock  int               // counts what is noted below
	sent   map[string]sent   // creations that may have been carried out, by transactionId
	looked map[string]int    // the last look into each calendar, by whose it is
	owners map[string]string // whose a token is: the subject of the ID token that came with it
}

// sent is a creation that may have been carried out: when it came, and how it was answered;
// 0: not at all.
type sent struct{ clock, status int }

func overhear(t testing.TB, microsoft http.Handler) *overheard {
	t.Helper()
	graph, err := describedGraph()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.Log("reference data is absent: requests to Graph are not compared with its description")
	case err != nil:
		t.Fatal(err)
	}
	return &overheard{t: t, microsoft: microsoft, graph: graph, sent: map[string]sent{}, looked: map[string]int{}, owners: map[string]string{}}
}

// describedGraph is Microsoft's description of its calendars, made stricter: what is sent
// has no members but those that are described.
var describedGraph = sync.OnceValues(func() (routers.Router, error) {
	file := cmp.Or(os.Getenv("ONESGATE_GRAPH_OPENAPI"), "../../shared/graph/openapi-calendar.yaml")
	if _, err := os.Stat(file); err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		return nil, err
	}
	for path, item := range doc.Paths.Map() { // the router doesn't find functions
		doc.Paths.Delete(path)
		doc.Paths.Set(strings.TrimSuffix(path, "()"), item)
	}
	doc.Servers = openapi3.Servers{{URL: "/v1.0"}}
	closed := map[*openapi3.Schema]bool{}
	for _, s := range doc.Components.Schemas {
		closeSchema(s.Value, closed)
	}
	return legacy.NewRouter(doc)
})

// closeSchema gives a schema all members of those that it is made from, and allows no
// others.
func closeSchema(s *openapi3.Schema, closed map[*openapi3.Schema]bool) {
	if closed[s] {
		return
	}
	closed[s] = true
	for _, base := range s.AllOf {
		closeSchema(base.Value, closed)
		for name, member := range base.Value.Properties {
			if s.Properties == nil {
				s.Properties = openapi3.Schemas{}
			}
			s.Properties[name] = member
		}
	}
	s.AllOf = nil
	if s.Properties != nil && s.AdditionalProperties.Has == nil {
		s.AdditionalProperties.Has = new(false)
	}
}

// ServeHTTP implements http.Handler.
func (o *overheard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") {
		w = &bodyKept{ResponseWriter: w, seen: o.note} // before whoever asked can use it
	}
	if !strings.HasPrefix(r.URL.Path, "/v1.0/") {
		o.microsoft.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // whoever sent it is dead
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err := o.misfit(r, body); err != nil {
		o.t.Errorf("a request to Graph is not as described: %s %s %s: %v", r.Method, r.URL, body, err)
	}
	switch r.Method + " " + r.URL.Path {
	case "POST /v1.0/me/events":
		o.create(w, r, body)
		return
	case "GET /v1.0/me/calendarView", "GET /v1.0/me/events":
		o.mu.Lock()
		o.clock++
		o.looked[o.whose(r)] = o.clock
		o.mu.Unlock()
	}
	o.microsoft.ServeHTTP(w, r)
}

// note notes whose the tokens of an answer are. They are renewed between a look and what is sent.
func (o *overheard) note(body []byte) {
	var tokens struct {
		AccessToken string `json:"access_token"`
		IDToken     string `json:"id_token"`
	}
	var claims struct{ Sub string }
	_ = json.Unmarshal(body, &tokens) // a refusal has none, nor what has not come as a whole
	parts := strings.Split(tokens.IDToken, ".")
	if len(parts) != 3 {
		return
	}
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	if json.Unmarshal(payload, &claims) == nil && claims.Sub != "" {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.owners["Bearer "+tokens.AccessToken] = claims.Sub
	}
}

// whose says whose calendar a request is about. o.mu is held.
func (o *overheard) whose(r *http.Request) string {
	token := r.Header.Get("Authorization")
	return cmp.Or(o.owners[token], token)
}

// bodyKept keeps the body of an answer, and shows what there is of it before it is sent.
type bodyKept struct {
	http.ResponseWriter
	body bytes.Buffer
	seen func([]byte)
}

// Write implements io.Writer.
func (k *bodyKept) Write(b []byte) (int, error) {
	k.body.Write(b)
	k.seen(k.body.Bytes())
	return k.ResponseWriter.Write(b)
}

// Unwrap lets the connection be flushed.
func (k *bodyKept) Unwrap() http.ResponseWriter { return k.ResponseWriter }

// misfit says what of a request isn't as Microsoft describes it.
func (o *overheard) misfit(r *http.Request, body []byte) error {
	if o.graph == nil {
		return nil
	}
	route, params, err := o.graph.FindRoute(r)
	if err != nil {
		return err
	}
	copied := r.Clone(r.Context())
	copied.Body = io.NopCloser(bytes.NewReader(body))
	return openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: copied, Route: route, PathParams: params,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	})
}

// create notes a creation, and objects if it may be the second one.
func (o *overheard) create(w http.ResponseWriter, r *http.Request, body []byte) {
	var event struct {
		TransactionID string            `json:"transactionId"`
		Properties    []json.RawMessage `json:"singleValueExtendedProperties"`
	}
	_ = json.Unmarshal(body, &event)
	if len(event.Properties) == 0 { // ONES' own, by the way to Graph
		o.microsoft.ServeHTTP(w, r)
		return
	}
	o.mu.Lock()
	o.clock++
	now := o.clock
	if before, ok := o.sent[event.TransactionID]; ok && o.looked[o.whose(r)] < before.clock {
		o.t.Errorf("an event, whose creation was answered with %d, is sent again without having been looked for: %s", before.status, body)
	}
	o.mu.Unlock()
	answer := &statusNoted{ResponseWriter: w}
	defer func() { // also where the connection is cut
		if answer.status/100 == 4 || answer.status/100 == 5 && answer.status != http.StatusInternalServerError {
			return // refused before anything was done
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.sent[event.TransactionID] = sent{now, answer.status}
	}()
	o.microsoft.ServeHTTP(answer, r)
}

// statusNoted notes the status of an answer.
type statusNoted struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (s *statusNoted) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets the connection be flushed.
func (s *statusNoted) Unwrap() http.ResponseWriter { return s.ResponseWriter }
