package passthrough

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

var ours = links{graph: "https://graph.example/v1.0", us: "http://127.0.0.1:8090/graph/v1.0"}

// names are those of members that hold links.
var names = []string{
	"@odata.context", "@odata.id", "@odata.nextLink", "@odata.deltaLink",
	"@odata.navigationLink", "@odata.associationLink", "@odata.editLink", "@odata.readLink",
}

func TestNamesOfLinks(t *testing.T) {
	for _, name := range names {
		for _, before := range []string{"", "calendar"} {
			in := `{"` + before + name + `":"https://graph.example/v1.0/users('a')/$metadata#x"}`
			want := strings.ReplaceAll(in, ours.graph, ours.us)
			if got, err := io.ReadAll(rewrite(strings.NewReader(in), ours.graph, ours.us)); err != nil || string(got) != want {
				t.Errorf("%s, %v; want %s", got, err, want)
			}
		}
	}
}

func TestRewrite(t *testing.T) {
	long := strings.Repeat("x", maxLink)
	for name, tt := range map[string]struct{ in, want string }{
		"next": {
			`{"@odata.nextLink": "https://graph.example/v1.0/me/events?$skip=10","value":[]}`,
			`{"@odata.nextLink": "http://127.0.0.1:8090/graph/v1.0/me/events?$skip=10","value":[]}`,
		},
		"delta, with escapes": {
			`{"@odata.deltaLink":"https:\/\/GRAPH.example\/v1.0\/me\/x?a=1\u0026b=%22"}`,
			`{"@odata.deltaLink":"http://127.0.0.1:8090/graph/v1.0/me/x?a=1&b=%22"}`,
		},
		"of what is expanded": {
			`{"value":[{"instances@odata.nextLink" : "https://graph.example/v1.0/x"}]}`,
			`{"value":[{"instances@odata.nextLink" : "http://127.0.0.1:8090/graph/v1.0/x"}]}`,
		},
		"two": {
			`[{"@odata.nextLink":"https://graph.example/v1.0/a"},{"@odata.nextLink":"https://graph.example/v1.0/b"}]`,
			`[{"@odata.nextLink":"http://127.0.0.1:8090/graph/v1.0/a"},{"@odata.nextLink":"http://127.0.0.1:8090/graph/v1.0/b"}]`,
		},
		"what follows stays": {
			`{"@odata.context":"HTTPS://graph.example/v1.0/<&>é` + "\u2028\xff" + `"}`,
			`{"@odata.context":"http://127.0.0.1:8090/graph/v1.0/<&>é` + "\u2028\xff" + `"}`,
		},
		"elsewhere":               {`{"@odata.nextLink":"https://graph.example.evil/v1.0/x"}`, ""},
		"another version":         {`{"@odata.nextLink":"https://graph.example/v1.01/x"}`, ""},
		"the root":                {`{"@odata.nextLink":"https://graph.example/v1.0"}`, ""},
		"in a text":               {`{"subject":"\"@odata.nextLink\":\"https://graph.example/v1.0/x\""}`, ""},
		"a text":                  {`{"subject":"https://graph.example/v1.0/x","@odata.nextLink":null}`, ""},
		"a text after a name":     {`["@odata.nextLink","https://graph.example/v1.0/x"]`, ""},
		"a list":                  {`{"@odata.nextLink":["https://graph.example/v1.0/x"]}`, ""},
		"a text with a link":      {`{"@odata.context":"see https://graph.example/v1.0/x"}`, ""},
		"a link of another kind":  {`{"webLink":"https://graph.example/v1.0/x","@odata.type":"https://graph.example/v1.0/x"}`, ""},
		"a name with more":        {`{"@odata.context.x":"https://graph.example/v1.0/x","@odata.id2":"https://graph.example/v1.0/x"}`, ""},
		"a name without its @":    {`{"odata.context":"https://graph.example/v1.0/x","context":"https://graph.example/v1.0/x"}`, ""},
		"too long":                {`{"@odata.nextLink":"https://graph.example/v1.0/` + long + `"}`, ""},
		"a long name":             {`{"` + long + `@odata.nextLink":"https://graph.example/v1.0/x"}`, ""},
		"broken off":              {`{"@odata.nextLink":"https://graph.example/v1.0/x`, ""},
		"broken off in an escape": {`{"@odata.nextLink":"https://graph.example/v1.0/x\`, ""},
		"no string":               {`{"@odata.nextLink":"https://graph.example/v1.0/\x"}`, ""},
		"nothing":                 {"", ""},
		"no JSON":                 {`<html>"@odata.nextLink"`, ""},
	} {
		want := tt.want
		if want == "" {
			want = tt.in
		}
		for how, source := range map[string]io.Reader{
			"at once": strings.NewReader(tt.in), "by bytes": iotest.OneByteReader(strings.NewReader(tt.in)),
			"with its end": iotest.DataErrReader(strings.NewReader(tt.in)),
		} {
			got, err := io.ReadAll(rewrite(source, ours.graph, ours.us))
			if err != nil || string(got) != want {
				t.Errorf("%s, %s: %.200s, %v; want %.200s", name, how, got, err, want)
			}
		}
	}
}

// What breaks off upstream breaks off here, after all that has come.
func TestRewriteBreaksOff(t *testing.T) {
	cause := errors.New("gone")
	const in = `{"@odata.nextLink":"https://graph.example/v1.0/x"`
	got, err := io.ReadAll(rewrite(io.MultiReader(strings.NewReader(in), iotest.ErrReader(cause)), ours.graph, ours.us))
	if want := strings.ReplaceAll(in, ours.graph, ours.us); string(got) != want || !errors.Is(err, cause) {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

// What was read here is what Graph gave, once it is sent back.
func TestLinksGoBack(t *testing.T) {
	var given string
	b := newHouse(t, func(w http.ResponseWriter, r *http.Request) {
		given = `{"@odata.context":"http://` + r.Host + `/v1.0/$metadata#events/$entity","subject":"http://` + r.Host + `/v1.0/x",` +
			`"calendar@odata.navigationLink":"http://` + r.Host + `/v1.0/me/calendars('c')"}`
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, given)
	})
	read := b.call(get, "/me/events/x", "").body
	if !strings.HasPrefix(read, `{"@odata.context":"`+b.us.URL+`/graph/v1.0/$metadata`) {
		t.Fatalf("the event's context leads elsewhere: %s", read)
	}
	b.call(patch, "/me/events/x", read)
	b.answers(`{"id":"1","method":"PATCH","url":"/me/events/x","body":` + read + `}`)
	for _, s := range b.seen[1:] {
		if s.body != given {
			t.Errorf("Graph got %s, want %s", s.body, given)
		}
	}
	if b.count() != 3 {
		t.Errorf("Graph got %d calls, want 3", b.count())
	}
}

// A link that comes back is the one that Graph gave.
func FuzzLinksComeBack(f *testing.F) {
	f.Add("/me/events?$skip=10")
	f.Add("/users('a')/calendarView/delta?$skiptoken=a%2Fb")
	f.Fuzz(func(t *testing.T, path string) {
		if !strings.HasPrefix(path, "/") {
			return
		}
		link, ok := ours.toUs(ours.graph + path)
		back, is := ours.toGraph(link)
		if !ok || !is || back != path {
			t.Errorf("%q becomes %q, %t, and comes back as %q, %t", path, link, ok, back, is)
		}
	})
}

// Whatever comes, only links change, and however it is cut up.
func FuzzRewrite(f *testing.F) {
	f.Add([]byte(`{"@odata.nextLink":"https://graph.example/v1.0/me/events?$skip=10","value":[{"subject":"a\"b"}]}`), 1)
	f.Add([]byte(`{"a":{"x@odata.deltaLink" : "https:\/\/graph.example\/v1.0\/x"},"b":["@odata.nextLink",":",{}]}`), 3)
	for i, name := range names {
		f.Add([]byte(`{"value":[{"x`+name+`":"https://graph.example/v1.0/me/events('a')","webLink":"https://graph.example/v1.0/x"}]}`), i)
	}
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		got, err := io.ReadAll(rewrite(bytes.NewReader(in), ours.graph, ours.us))
		if err != nil {
			t.Fatal(err)
		}
		cut, err := io.ReadAll(rewrite(&pieces{in, 1 + int(uint(size)%7)}, ours.graph, ours.us))
		if err != nil || !bytes.Equal(cut, got) {
			t.Fatalf("cut up: %s, %v; whole: %s", cut, err, got)
		}
		var before, after any
		if json.Unmarshal(in, &before) != nil {
			return
		}
		if err := json.Unmarshal(got, &after); err != nil {
			t.Fatalf("%s becomes %s: %v", in, got, err)
		}
		if want := linked("", before); !reflect.DeepEqual(after, want) && !duplicates(in) && !bytes.Contains(in, []byte(`\`)) {
			t.Errorf("%s becomes %s", in, got)
		}
	})
}

type pieces struct {
	left []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.size)], p.left)
	p.left = p.left[n:]
	return n, nil
}

// linked is v with its links leading here.
func linked(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, member := range v {
			v[k] = linked(k, member)
		}
	case []any:
		for i, element := range v {
			v[i] = linked("", element)
		}
	case string:
		if slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(key, name) }) {
			link, _ := ours.toUs(v)
			return link
		}
	}
	return v
}

// duplicates says that some object may have a member twice: which of them counts is
// not settled.
func duplicates(in []byte) bool { return bytes.Count(in, []byte("@odata")) > 1 }
