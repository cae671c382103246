package booking

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCheckJSON(t *testing.T) {
	nested := func(n int, open, end string) string { return strings.Repeat(open, n) + "1" + strings.Repeat(end, n) }
	for name, tt := range map[string]struct {
		data string
		want string // in the error; "": none
	}{
		"nothing twice":           {`{"a":1,"b":{"a":1},"c":[{"a":1},{"a":"a"}],"d":"a"}`, ""},
		"twice":                   {`{"a":1,"b":2,"a":1}`, `"a" comes twice`},
		"twice, escaped":          {`{"a":1,"\u0061":1}`, `"a" comes twice`},
		"twice inside":            {`{"a":[{"b":{}, "b":[]}]}`, `"b" comes twice`},
		"twice after an object":   {`{"a":{"x":{}},"b":[],"a":null}`, `"a" comes twice`},
		"a value like a name":     {`{"a":"b","b":"a"}`, ""},
		"a name of any length":    {`{"` + strings.Repeat("x", 9999) + `":1,"` + strings.Repeat("x", 9999) + `":1}`, "comes twice"},
		"as deep as may be":       {nested(maxDepth, "[", "]"), ""},
		"deeper":                  {nested(maxDepth+1, "[", "]"), "deeper"},
		"objects, deeper":         {nested(maxDepth+1, `{"a":`, "}"), "deeper"},
		"deeper and not finished": {strings.Repeat("[", 60000), "deeper"},
		"not finished":            {`{"a":`, ""},
		"a number beyond all":     {`{"a":1e999}`, ""},
	} {
		err := checkJSON([]byte(tt.data))
		if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || len(err.Error()) > 200) {
			t.Errorf("%s: got %.300v, want %q", name, err, tt.want)
		}
	}
}

// What is let through, everybody reads alike.
func FuzzCheckJSON(f *testing.F) {
	for _, seed := range []string{`{"a":1,"b":[{"a":null}]}`, `{"a":1,"a":2}`, `[[[[1]]]]`, `{"a":{"b":{}}}x`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if checkJSON(data) != nil || !json.Valid(data) {
			return
		}
		var v any
		if err := json.Unmarshal(data, &v); err != nil {
			return // a number that is too large, say
		}
		if names, colons := count(t, 1, v), members(data); names != colons {
			t.Errorf("%q: %d members are read of %d that are there", data, names, colons)
		}
	})
}

// count counts the members of all objects in a value.
func count(t *testing.T, depth int, v any) (n int) {
	if depth > maxDepth+1 {
		t.Errorf("it is %d deep", depth)
	}
	switch v := v.(type) {
	case map[string]any:
		n = len(v)
		for _, v := range v {
			n += count(t, depth+1, v)
		}
	case []any:
		for _, v := range v {
			n += count(t, depth+1, v)
		}
	}
	return n
}

// members counts the colons of a JSON text outside of strings: one for each member.
func members(data []byte) (n int) {
	quoted := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == ':' && !quoted:
			n++
		}
	}
	return n
}

func TestBodies(t *testing.T) {
	story(t, func(h *house) {
		good := body("10:00", "11:00")
		for name, tt := range map[string]struct {
			method, body, contentType, code string
			status                          int
		}{
			"form":             {"POST", good, "application/x-www-form-urlencoded", "unsupported_media_type", 415},
			"text":             {"POST", good, "text/plain", "unsupported_media_type", 415},
			"other JSON":       {"POST", good, "application/vnd.x+json", "unsupported_media_type", 415},
			"patch":            {"POST", good, "application/merge-patch+json", "unsupported_media_type", 415},
			"half a type":      {"POST", good, "application/json; charset", "unsupported_media_type", 415},
			"member twice":     {"POST", strings.Replace(good, "{", `{"room":"peak",`, 1), "application/json", "malformed", 400},
			"by another case":  {"POST", strings.Replace(good, "{", `{"Room":"peak",`, 1), "application/json", "invalid_request", 422},
			"too deep":         {"POST", strings.Replace(good, "{", `{"recurrence":`+strings.Repeat("[", 20)+strings.Repeat("]", 20)+`,`, 1), "application/json", "malformed", 400},
			"two values":       {"POST", good + good, "application/json", "malformed", 400},
			"with a charset":   {"POST", good, "application/json; charset=utf-8", "", 201},
			"deletion by form": {"DELETE", "comment=x", "application/x-www-form-urlencoded", "unsupported_media_type", 415},
		} {
			target := "/v1/bookings"
			if tt.method == "DELETE" {
				target += "/x"
			}
			r := h.call(alice, tt.method, target, tt.body, "Content-Type", tt.contentType)
			if r.status != tt.status || tt.code != "" && r.text("code") != tt.code {
				t.Errorf("%s: got %d %s, want %d %s", name, r.status, r.text("code"), tt.status, tt.code)
			}
		}
	})
}

// A merge patch may be called what it is, or just JSON.
func TestPatchBodies(t *testing.T) {
	story(t, func(h *house) {
		target := "/v1/bookings/" + h.book("10:00", "11:00").text("id")
		for _, tt := range []struct {
			contentType, body string
			status            int
		}{
			{"application/merge-patch+json", `{"subject":"One"}`, 200},
			{"application/json", `{"subject":"Two"}`, 200},
			{"application/json-patch+json", `[]`, 415},
			{"text/plain", `{"subject":"Three"}`, 415},
			{"application/merge-patch+json", `{"subject":"Four","subject":"Five"}`, 400},
			{"application/merge-patch+json", `{"Subject":"Six"}`, 422},
		} {
			r := h.call(alice, "PATCH", target, tt.body, "Content-Type", tt.contentType)
			h.want(r, tt.status)
			if accepts := r.header.Get("Accept-Patch"); (accepts != "") != (tt.status == 415) {
				t.Errorf("%s: Accept-Patch: %q", tt.contentType, accepts)
			}
		}
		h.want(h.call(alice, "GET", target, ""), 200, "subject", "Two")
	})
}

func TestSpeaksJSON(t *testing.T) {
	for _, tt := range []struct {
		method, contentType, body string
		want                      bool
	}{
		{"PATCH", "application/merge-patch+json", "{}", true},
		{"PATCH", "application/json", "{}", true},
		{"PATCH", "application/json-patch+json", "[]", false},
		{"POST", "application/merge-patch+json", "{}", false},
		{"POST", "", "{}", true},
		{"POST", "application/x-www-form-urlencoded", "", true}, // curl -d ''
	} {
		r := httptest.NewRequestWithContext(t.Context(), tt.method, "/", strings.NewReader(tt.body))
		r.Header.Set("Content-Type", tt.contentType)
		if got := speaksJSON(r); got != tt.want {
			t.Errorf("%s %q: got %t, want %t", tt.method, tt.contentType, got, tt.want)
		}
	}
}
