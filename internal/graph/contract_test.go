package graph

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// described finds what the description of Graph's calendars says of a request;
// nil: the description is absent.
var described routers.Router

// readContract reads the description that lies beside the repository, or is named
// in ONESGATE_GRAPH_OPENAPI.
func readContract() error {
	file := cmp.Or(os.Getenv("ONESGATE_GRAPH_OPENAPI"), "../../../shared/graph/openapi-calendar.yaml")
	doc, err := openapi3.NewLoader().LoadFromFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for path, item := range doc.Paths.Map() { // the router doesn't find functions
		doc.Paths.Delete(path)
		doc.Paths.Set(strings.TrimSuffix(path, "()"), item)
	}
	doc.Servers = openapi3.Servers{{URL: "http://graph/v1.0"}}
	described, err = legacy.NewRouter(doc)
	return err
}

// fits checks a request against the description, and says where it differs. Names
// of parameters of actions differ in case between Microsoft's pages.
func fits(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	query := r.URL.Query()
	if described == nil || query.Has("$skip") || query.Has("$skiptoken") || query.Has("$deltatoken") { // a link that Graph gave
		return nil
	}
	asked := r.Clone(r.Context())
	asked.URL = &url.URL{Scheme: "http", Host: "graph", Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	route, params, err := described.FindRoute(asked)
	if err != nil {
		return fmt.Errorf("the description has no %s %s: %w", r.Method, r.URL.Path, err)
	}
	for name := range query {
		if route.Operation.Parameters.GetByInAndName("query", name) == nil {
			return fmt.Errorf("the description has no %s of %s %s", name, r.Method, r.URL.Path)
		}
	}
	if route.Operation.RequestBody == nil && len(body) > 0 {
		return fmt.Errorf("the description has no body of %s %s", r.Method, r.URL.Path)
	}
	if len(body) > 0 {
		var value any
		if err := json.Unmarshal(body, &value); err != nil {
			return err
		}
		spelt, err := spell(value, route.Operation.RequestBody.Value.Content["application/json"].Schema.Value)
		if err != nil {
			return err
		}
		if body, err = json.Marshal(spelt); err != nil {
			return err
		}
	}
	asked.Body = io.NopCloser(bytes.NewReader(body))
	return openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: asked, Route: route, PathParams: params,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	})
}

// spell writes a body's names as the description does; it must know them all.
func spell(value any, s *openapi3.Schema) (any, error) {
	if len(s.AnyOf) > 0 {
		s = s.AnyOf[0].Value
	}
	switch v := value.(type) {
	case map[string]any:
		spelt := map[string]any{}
		for name, member := range v {
			known, schema := property(s, name)
			if schema == nil {
				return nil, fmt.Errorf("the description has no property %s", name)
			}
			var err error
			if spelt[known], err = spell(member, schema); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		return spelt, nil
	case []any:
		for i := range v {
			var err error
			if v[i], err = spell(v[i], s.Items.Value); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

func property(s *openapi3.Schema, name string) (string, *openapi3.Schema) {
	for known, p := range s.Properties {
		if strings.EqualFold(known, name) {
			return known, p.Value
		}
	}
	for _, base := range s.AllOf {
		if known, p := property(base.Value, name); p != nil {
			return known, p
		}
	}
	return "", nil
}

func TestContractIsStrict(t *testing.T) {
	if described == nil {
		t.Skip("reference data is absent: name a description of Graph's calendars in ONESGATE_GRAPH_OPENAPI")
	}
	for _, tt := range []struct{ method, target, body, want string }{
		{"POST", "/me/events", `{"subject":"x"}`, ""},
		{"POST", "/me/events", `{"subjekt":"x"}`, "no property subjekt"},
		{"POST", "/me/events", `{"start":{"dateTime":"2026-12-01T10:00:00","zone":"UTC"}}`, "start: the description has no property zone"},
		{"POST", "/me/events", `{"sensitivity":"secret"}`, "sensitivity"},
		{"GET", "/me/events?$top=5", "", ""},
		{"GET", "/me/events?$topp=5", "", "no $topp"},
		{"GET", "/me/evnts", "", "no GET /v1.0/me/evnts"},
		{"DELETE", "/me/events/e1", "{}", "no body"},
		{"POST", "/me/events/e1/cancel", `{"comment":"x"}`, ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tt.method, "http://graph/v1.0"+tt.target, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if err := fits(r); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s %s: got %v, want %q", tt.method, tt.target, tt.body, err, tt.want)
		}
	}
}
