package reference

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// A Code is a word by which problems are told apart, and the status it comes with.
type Code struct {
	Name   string
	Status int
}

var (
	//go:embed page.css
	style string
	//go:embed page.html
	markup string

	layout = template.Must(template.New("page").Funcs(template.FuncMap{"code": fromBackticks}).Parse(markup))
)

// Policy is the Content-Security-Policy of the page: its own style, and nothing else.
var Policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// Page writes the page. Codes are in the order in which they are to be shown.
func Page(doc *huma.OpenAPI, codes []Code) ([]byte, error) {
	var b bytes.Buffer
	err := layout.Execute(&b, struct {
		Style       template.CSS
		Title       string
		Description string
		Operations  []operation
		Schemas     []schema
		Codes       []Code
	}{template.CSS(style), doc.Info.Title, doc.Info.Description, operations(doc), schemas(doc), codes}) //nolint:gosec // it is ours
	return b.Bytes(), err
}

type operation struct {
	ID, Method, Path     string
	Summary, Description string
	Params               []field
	Body                 *typ
	BodyRequired         bool
	Responses            []response
	Curl                 string
}

// A field is a parameter or a member of an object.
type field struct {
	Name, In string
	Required bool
	Type     typ
	Doc      string
}

type response struct {
	Status int
	Text   string
	Type   *typ
}

type schema struct {
	Name   string
	Fields []field
}

// operations lists all calls: reads before writes, along the paths.
func operations(doc *huma.OpenAPI) (all []operation) {
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		item := doc.Paths[path]
		for _, m := range []struct {
			method string
			op     *huma.Operation
		}{{"GET", item.Get}, {"POST", item.Post}, {"PUT", item.Put}, {"PATCH", item.Patch}, {"DELETE", item.Delete}} {
			if m.op != nil {
				all = append(all, describe(doc, m.method, path, m.op))
			}
		}
	}
	return all
}

func describe(doc *huma.OpenAPI, method, path string, op *huma.Operation) operation {
	o := operation{ID: op.OperationID, Method: method, Path: path, Summary: op.Summary, Description: op.Description}
	for _, p := range op.Parameters {
		o.Params = append(o.Params, field{p.Name, p.In, p.Required, typeOf(p.Schema), cmp.Or(p.Description, p.Schema.Description)})
	}
	if op.RequestBody != nil {
		if _, s := jsonOf(op.RequestBody.Content); s != nil {
			t := typeOf(s)
			o.Body, o.BodyRequired = &t, op.RequestBody.Required
		}
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		n, err := strconv.Atoi(status)
		if err != nil {
			continue // the default answer of those that have no other
		}
		r := response{Status: n, Text: http.StatusText(n)}
		if _, s := jsonOf(op.Responses[status].Content); s != nil {
			t := typeOf(s)
			r.Type = &t
		}
		o.Responses = append(o.Responses, r)
	}
	o.Curl = curl(doc, method, path, op)
	return o
}

// jsonOf is what a body is called and holds.
func jsonOf(content map[string]*huma.MediaType) (called string, s *huma.Schema) {
	for _, called = range []string{"application/json", "application/merge-patch+json", "application/problem+json"} {
		if m := content[called]; m != nil {
			return called, m.Schema
		}
	}
	return "", nil
}

func schemas(doc *huma.OpenAPI) (all []schema) {
	known := doc.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(known)) {
		all = append(all, schema{name, fields(known[name])})
	}
	return all
}

// fields are the members of an object: those it must have first, in their order.
func fields(s *huma.Schema) (all []field) {
	for _, name := range s.Required {
		if p := s.Properties[name]; p != nil {
			all = append(all, field{Name: name, Required: true, Type: typeOf(p), Doc: p.Description})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if !slices.Contains(s.Required, name) {
			all = append(all, field{Name: name, Type: typeOf(s.Properties[name]), Doc: s.Properties[name].Description})
		}
	}
	return all
}

// fromBackticks sets what stands between backticks as code.
func fromBackticks(text string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		if part = template.HTMLEscapeString(part); i%2 == 1 {
			part = fmt.Sprintf("<code>%s</code>", part)
		}
		b.WriteString(part)
	}
	return template.HTML(b.String()) //nolint:gosec // escaped above
}
