package reference

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// A typ says in words what a value may be.
type typ struct {
	// Parts are words, and names of schemas among them.
	Parts []part
}

type part struct {
	Text string
	Ref  bool
}

// typeOf describes a schema. Others that it names are not opened.
func typeOf(s *huma.Schema) typ { return typ{parts(s)} }

func parts(s *huma.Schema) []part {
	word := func(w string) []part { return []part{{Text: w}} }
	if s == nil {
		return word("anything")
	}
	if s.Ref != "" {
		return []part{{Text: s.Ref[strings.LastIndex(s.Ref, "/")+1:], Ref: true}}
	}
	var p []part
	switch {
	case len(s.OneOf) > 0:
		for i, one := range s.OneOf {
			if i > 0 {
				p = append(p, part{Text: " or "})
			}
			p = append(p, parts(one)...)
		}
	case len(s.Enum) > 0:
		words := make([]string, len(s.Enum))
		for i, e := range s.Enum {
			words[i] = fmt.Sprint(e)
		}
		p = word(strings.Join(words, " | "))
	case s.Type == huma.TypeArray:
		p = append(word("list of "), parts(s.Items)...)
	case s.Format == "date-time":
		p = word("time, RFC 3339")
	case s.Type == "":
		p = word("anything")
	default:
		p = word(s.Type)
	}
	var more []string
	if s.Nullable {
		more = append(more, "may be null")
	}
	if s.MaxLength != nil {
		more = append(more, fmt.Sprintf("at most %d characters", *s.MaxLength))
	}
	if s.MaxItems != nil {
		more = append(more, fmt.Sprintf("at most %d", *s.MaxItems))
	}
	if s.Minimum != nil {
		more = append(more, fmt.Sprintf("from %g", *s.Minimum))
	}
	if s.Maximum != nil {
		more = append(more, fmt.Sprintf("up to %g", *s.Maximum))
	}
	if s.Default != nil {
		more = append(more, fmt.Sprintf("%v if left out", s.Default))
	}
	if len(more) > 0 {
		p = append(p, part{Text: ", " + strings.Join(more, ", ")})
	}
	return p
}

// curl is how one tries a call. What stands in its path in capitals is to be filled in.
func curl(doc *huma.OpenAPI, method, path string, op *huma.Operation) string {
	var b strings.Builder
	b.WriteString("curl ")
	if method != "GET" {
		fmt.Fprintf(&b, "-X %s ", method)
	}
	for _, p := range op.Parameters {
		if p.In == "path" {
			path = strings.Replace(path, "{"+p.Name+"}", strings.ToUpper(p.Name), 1)
		}
	}
	fmt.Fprintf(&b, "\"$ONES_GATEWAY%s\" \\\n  -H \"Authorization: Bearer $ONES_SERVICE_TOKEN\"", path)
	for _, p := range op.Parameters {
		if p.In == "header" && p.Schema != nil && len(p.Schema.Examples) > 0 {
			fmt.Fprintf(&b, " \\\n  -H '%s: %v'", p.Name, p.Schema.Examples[0])
		}
	}
	if op.RequestBody != nil && op.RequestBody.Required {
		if called, s := jsonOf(op.RequestBody.Content); s != nil {
			if body, err := json.Marshal(example(doc, s)); err == nil {
				fmt.Fprintf(&b, " \\\n  -H 'Content-Type: %s' \\\n  -d '%s'", called, body)
			}
		}
	}
	return b.String()
}

// example is a value that fits a schema: of an object the members that must be there,
// and those that have an example.
func example(doc *huma.OpenAPI, s *huma.Schema) any {
	if s.Ref != "" {
		s = doc.Components.Schemas.SchemaFromRef(s.Ref)
	}
	switch {
	case s == nil:
		return nil
	case len(s.Examples) > 0:
		return s.Examples[0]
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type == huma.TypeObject:
		object := map[string]any{}
		for _, f := range fields(s) {
			if p := s.Properties[f.Name]; f.Required || len(p.Examples) > 0 {
				object[f.Name] = example(doc, p)
			}
		}
		return object
	case s.Type == huma.TypeArray:
		return []any{example(doc, s.Items)}
	case s.Type == huma.TypeBoolean:
		return true
	case s.Type == huma.TypeInteger, s.Type == huma.TypeNumber:
		return 1
	case s.Format == "date-time":
		return "2026-12-01T10:00:00+08:00"
	}
	return "text"
}
