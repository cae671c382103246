package passthrough

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestWithTransaction(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{`{"subject":"x"}`, `{"transactionId":"ID","subject":"x"}`},
		{"\n { \"subject\" : \"x\" }\n", "\n {\"transactionId\":\"ID\", \"subject\" : \"x\" }\n"},
		{`{}`, `{"transactionId":"ID"}`},
		{`{"a":{"transactionId":"no"},"b":[{"transactionId":"no"}]}`, `{"transactionId":"ID","a":{"transactionId":"no"},"b":[{"transactionId":"no"}]}`},
		{`{"transactionId":"mine"}`, `{"transactionId":"mine"}`},
		{`{"transactionId" : null , "subject":"x"}`, `{"transactionId" : "ID" , "subject":"x"}`},
		{`{"subject":"x","TransactionID":""}`, `{"subject":"x","TransactionID":"ID"}`},
		{`{"transactionId":null,"transactionId":"mine"}`, `{"transactionId":null,"transactionId":"mine"}`},
		{`{"transactionId":"mine","transactionId":null}`, `{"transactionId":"mine","transactionId":"ID"}`},
		{`{"subject":"x","transactionid":"mine"}`, `{"subject":"x","transactionid":"mine"}`},
		{`{"\u0074ransactionId":"mine"}`, `{"\u0074ransactionId":"mine"}`},
	} {
		all, no := members([]byte(tt.in))
		if no != nil {
			t.Errorf("%s: %v", tt.in, no)
			continue
		}
		if got := string(withTransaction([]byte(tt.in), all, "ID")); got != tt.want {
			t.Errorf("%s becomes %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestBodiesRefused(t *testing.T) {
	for _, tt := range []struct {
		in     string
		status int
	}{
		{``, 400},
		{`[]`, 400},
		{`"x"`, 400},
		{`null`, 400},
		{`{`, 400},
		{`{"a":}`, 400},
		{`{"a":1}{}`, 400},
		{`{"a":1} x`, 400},
		{"\xef\xbb\xbf{}", 400},
		{`{"calendar@odata.bind":"https://graph.example/v1.0/users/bob/calendar"}`, 403},
		{`{"calendar\u0040odata.BIND":"x"}`, 403},
		{`{"calendar":{"@odata.id":"https://graph.example/v1.0/users/bob/calendar"}}`, 403},
		{`{"calendar":{"\u0040ID":"users/bob/calendar"}}`, 403},
		{`{"a":[{"b":{"calendar@odata.bind":"x"}}]}`, 403},
		{`{"a":{"b":{"@odata.id" : "x"},"b":1}}`, 403},
		{`{"a":[{"b":[{"@id":"x"}],"b":null}]}`, 403},
		{`{"a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, 400},
	} {
		if _, no := members([]byte(tt.in)); no == nil || no.Status != tt.status {
			t.Errorf("%.80s: %v, want %d", tt.in, no, tt.status)
		}
	}
}

// What only looks like a reference passes.
func TestBodiesThatRefer(t *testing.T) {
	for _, in := range []string{
		`{"@odata.id":"x"}`,
		`{"a":{"subject":"@odata.id","b":["@odata.bind","@id"]}}`,
		`{"a":{"@odata.type":"x","id":"y","@odata.ids":1}}`,
		`{"a":["@odata.id",":"]}`,
	} {
		if _, no := members([]byte(in)); no != nil {
			t.Errorf("%s: %v", in, no)
		}
	}
}

// The bytes of a creation stay, and it has one transactionId afterwards.
func FuzzWithTransaction(f *testing.F) {
	f.Add([]byte(`{"subject":"x","transactionId":null}`))
	f.Add([]byte(` {"a":[{}]} `))
	f.Fuzz(func(t *testing.T, in []byte) {
		all, no := members(in)
		if no != nil {
			return
		}
		out := withTransaction(in, all, "ID")
		var before, after map[string]json.RawMessage
		if err := json.Unmarshal(in, &before); err != nil {
			t.Fatalf("%s passes: %v", in, err)
		}
		if err := json.Unmarshal(out, &after); err != nil {
			t.Fatalf("%s becomes %s: %v", in, out, err)
		}
		given := false
		for name := range before {
			given = given || strings.EqualFold(name, "transactionId")
		}
		if added := len(after) == len(before)+1; added == given {
			t.Errorf("%s becomes %s", in, out)
		}
		if rest := strings.Replace(strings.Replace(string(out), `"transactionId":"ID",`, "", 1), `"transactionId":"ID"`, "", 1); !given && rest != string(in) {
			t.Errorf("%s becomes %s", in, out)
		}
	})
}

func TestTransactionID(t *testing.T) {
	c := call{path: "/me/events", body: []byte(`{"subject":"x"}`)}
	if one, other := transactionID("p", c), transactionID("p", c); one == other {
		t.Error("two nameless creations are one")
	}
	c.name = nameOf(http.Header{"Client-Request-Id": {"r-1"}})
	first := transactionID("p", c)
	if uuid.Validate(first) != nil || transactionID("p", c) != first {
		t.Errorf("a repetition has another id than %s", first)
	}
	for what, change := range map[string]func(*call){
		"name": func(c *call) {
			c.name = nameOf(http.Header{"Client-Request-Id": {"r-1"}, "Idempotency-Key": {"r-2"}})
		},
		"body": func(c *call) { c.body = []byte(`{"subject":"y"}`) },
		"item": func(c *call) { c.item = "1" },
		"path": func(c *call) { c.path = "/me/calendar/events" },
	} {
		other := c
		change(&other)
		if transactionID("p", other) == first {
			t.Errorf("of another %s, it is the same", what)
		}
	}
	if transactionID("q", c) == first {
		t.Error("of another person, it is the same")
	}
}
