package msgraph

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// A document is the description of Graph's calendars, made stricter: objects
// have no members but those that are described.
type document struct {
	doc    *openapi3.T
	router routers.Router
}

var readContract = sync.OnceValues(func() (*document, error) {
	file := cmp.Or(os.Getenv("ONESGATE_GRAPH_OPENAPI"), "../../../../shared/graph/openapi-calendar.yaml")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	doc, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		return nil, err
	}
	doc.Servers = openapi3.Servers{{URL: "http://graph/v1.0"}}
	for name, s := range doc.Components.Schemas {
		tighten(s.Value, name)
	}
	doc.Components.Schemas["batchRequestContent"].Value.Properties["requests"].Value.Items.Value.Properties["body"].Value.Nullable = true
	// Graph also sends fractions and dates.
	doc.Components.Responses["error"].Value.Headers["Retry-After"].Value.Schema.Value = openapi3.NewStringSchema()
	router, err := legacy.NewRouter(doc)
	return &document{doc, router}, err
})

// contract returns the document; nil: it is absent.
func contract(t testing.TB) *document {
	t.Helper()
	d, err := readContract()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func needsContract(t *testing.T) *document {
	t.Helper()
	d := contract(t)
	if d == nil {
		t.Skip("reference data is absent: name a description of Graph's calendars in ONESGATE_GRAPH_OPENAPI")
	}
	return d
}

// annotations may stand in any object.
var annotations = []string{
	"@odata.context", "@odata.etag", "@odata.type", "@odata.id", "@odata.count", "@odata.nextLink", "@odata.deltaLink",
}

// open are types whose objects have members that the document doesn't describe.
var open = []string{"microsoft.graph.extension", "microsoft.graph.openTypeExtension", "microsoft.graph.timeZoneBase"}

// tighten makes a schema of objects one without allOf, and closes it.
func tighten(s *openapi3.Schema, name string) {
	for _, base := range s.AllOf {
		tighten(base.Value, cmp.Or(strings.TrimPrefix(base.Ref, "#/components/schemas/"), name))
		for member, schema := range base.Value.Properties {
			if s.Properties == nil {
				s.Properties = openapi3.Schemas{}
			}
			s.Properties[member] = schema
		}
	}
	s.AllOf = nil
	for _, member := range s.Properties {
		tightenNull(member.Value)
		if member.Value.Items != nil {
			tightenNull(member.Value.Items.Value)
		}
	}
	if s.Properties == nil || s.AdditionalProperties.Has != nil || slices.Contains(open, name) {
		return
	}
	for _, a := range annotations {
		if s.Properties[a] == nil {
			s.Properties[a] = openapi3.NewSchemaRef("", openapi3.NewSchema())
		}
	}
	s.Properties["@removed"] = openapi3.NewSchemaRef("", openapi3.NewObjectSchema())
	s.AdditionalProperties.Has = new(false)
}

// tightenNull makes "an A, or an object or null" mean "an A, or null".
func tightenNull(s *openapi3.Schema) {
	if len(s.AnyOf) == 2 && s.AnyOf[1].Ref == "" {
		s.AnyOf[1].Value.WithMaxProperties(0)
	}
}

// A wire is a request and its answer.
type wire struct {
	method, path string
	query        url.Values
	header       http.Header
	request      []byte
	status       int
	answered     http.Header
	body         []byte
}

// check says what of an exchange doesn't fit: the answer, or a request that was
// taken. A nil document finds nothing.
func (d *document) check(w wire) error {
	if d == nil || strings.HasPrefix(w.answered.Get("Content-Type"), "text/html") {
		return nil
	}
	path := documented(w.path)
	req := httptest.NewRequest(w.method, "http://graph"+path, nil)
	route, params, err := d.router.FindRoute(req)
	if err != nil {
		return d.checkError(w, path)
	}
	input := &openapi3filter.RequestValidationInput{
		Request: req, Route: route, PathParams: params,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, ExcludeReadOnlyValidations: true},
	}
	if w.status/100 == 2 {
		req.Header, req.URL.RawQuery = w.header.Clone(), documentedQuery(w.query, route.Operation).Encode()
		req.Body = io.NopCloser(bytes.NewReader(documentedBody(w.request, route.Operation)))
		if err := openapi3filter.ValidateRequest(req.Context(), input); err != nil {
			return fmt.Errorf("the request: %w", err)
		}
	}
	if w.status == http.StatusNoContent && strings.Contains(w.header.Get("Prefer"), "return=minimal") {
		return nil // the document doesn't know it
	}
	err = openapi3filter.ValidateResponse(req.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: w.status, Header: w.answered, Body: io.NopCloser(bytes.NewReader(w.body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err == nil && strings.HasSuffix(path, "/$batch") && w.status == http.StatusOK {
		return d.checkBatch(w)
	}
	return err
}

// checkError checks the answer to what the document doesn't know.
func (d *document) checkError(w wire, path string) error {
	if w.status < 400 {
		return fmt.Errorf("the document has no %s %s", w.method, path)
	}
	var body any
	if err := json.Unmarshal(w.body, &body); err != nil {
		return err
	}
	return d.doc.Components.Schemas["microsoft.graph.ODataErrors.ODataError"].Value.VisitJSON(body)
}

// checkBatch checks each item of a batch as if it had come alone.
func (d *document) checkBatch(w wire) error {
	var asked struct {
		Requests []struct {
			ID, Method, URL string
			Headers         map[string]string
			Body            json.RawMessage
		}
	}
	var got struct {
		Responses []struct {
			ID      string
			Status  int
			Headers map[string]string
			Body    json.RawMessage
		}
	}
	if err := errors.Join(json.Unmarshal(w.request, &asked), json.Unmarshal(w.body, &got)); err != nil {
		return err
	}
	for _, r := range asked.Requests {
		for _, a := range got.Responses {
			u, err := url.Parse(r.URL)
			if a.ID != r.ID || err != nil {
				continue
			}
			err = d.check(wire{
				strings.ToUpper(r.Method), root + u.EscapedPath(), u.Query(), headerOf(r.Headers), r.Body, a.Status, headerOf(a.Headers), a.Body,
			})
			if err != nil {
				return fmt.Errorf("item %s: %w", r.ID, err)
			}
		}
	}
	return nil
}

func headerOf(m map[string]string) http.Header {
	h := http.Header{}
	for name, value := range m {
		h.Set(name, value)
	}
	return h
}

// documented is how the document spells a path. What it has below a mailbox
// only stands for the same below a calendar.
func documented(path string) string {
	spelt := canonical(&http.Request{URL: &url.URL{Path: unescaped(path), RawPath: path}}).URL.EscapedPath()
	segments := strings.Split(strings.TrimPrefix(spelt, root+"/"), "/")
	last := segments[len(segments)-1]
	if last == "delta" || slices.Contains(segments, "extensions") {
		if i := slices.Index(segments, "calendar"); i >= 0 {
			segments = slices.Delete(segments, i, i+1)
		} else if i := slices.Index(segments, "calendars"); i >= 0 {
			segments = slices.Delete(segments, i, i+2)
		}
	}
	if last == "delta" {
		segments[len(segments)-1] = "delta()"
	}
	if len(segments) == 2 && segments[0] == "users" {
		segments = []string{"me"}
	}
	return root + "/" + strings.Join(segments, "/")
}

func unescaped(path string) string {
	if p, err := url.PathUnescape(path); err == nil {
		return p
	}
	return path
}

func documentedQuery(given url.Values, op *openapi3.Operation) url.Values {
	spelt := url.Values{}
	for name, values := range given {
		for _, p := range op.Parameters {
			if strings.EqualFold(p.Value.Name, name) {
				name = p.Value.Name
			}
		}
		spelt[name] = values
	}
	return spelt
}

// documentedBody is a body with the document's spellings. The service takes
// names and enumerations without regard to case, and numbers and truths as text.
func documentedBody(given []byte, op *openapi3.Operation) []byte {
	var body any
	if op.RequestBody == nil || json.Unmarshal(given, &body) != nil {
		return given
	}
	text, _ := json.Marshal(spell(body, op.RequestBody.Value.Content["application/json"].Schema.Value))
	return text
}

func spell(value any, s *openapi3.Schema) any {
	if len(s.AnyOf) > 0 {
		s = s.AnyOf[0].Value
	}
	switch v := value.(type) {
	case map[string]any:
		spelt := map[string]any{}
		for name, member := range v {
			for known, schema := range s.Properties {
				if strings.EqualFold(known, name) {
					name, member = known, spell(member, schema.Value)
				}
			}
			spelt[name] = member
		}
		return spelt
	case []any:
		for i := range v {
			if s.Items != nil {
				v[i] = spell(v[i], s.Items.Value)
			}
		}
	case string:
		for _, e := range s.Enum {
			if word, is := e.(string); is && strings.EqualFold(word, v) {
				return word
			}
		}
		if b, err := strconv.ParseBool(v); err == nil && s.Type.Is("boolean") {
			return b
		}
		if n, err := strconv.ParseFloat(v, 64); err == nil && (s.Type.Is("number") || s.Type.Is("integer")) {
			return n
		}
	}
	return value
}
