package passthrough

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// answers sends a batch, as JSON of its requests, and returns what came by id.
func (b *house) answers(requests string, headers ...string) map[string]itemAnswer {
	b.t.Helper()
	a := b.call(post, "/$batch", `{"requests":[`+requests+`]}`, headers...)
	var got struct{ Responses []itemAnswer }
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.StatusCode != http.StatusOK {
		b.t.Fatalf("%d %s: %v", a.StatusCode, a.body, err)
	}
	byID := map[string]itemAnswer{}
	for _, r := range got.Responses {
		byID[r.ID] = r
	}
	if len(byID) != len(got.Responses) {
		b.t.Fatalf("an id has two answers: %s", a.body)
	}
	return byID
}

// An answer that breaks off is Graph's fault, not the gateway's.
func TestBrokenAnswerInABatch(t *testing.T) {
	b := newHouse(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "100000")
		_, _ = io.WriteString(w, `{"value":[`+strings.Repeat(" ", 50_000))
		panic(http.ErrAbortHandler)
	})
	a := b.call(post, "/$batch", `{"requests":[{"id":"1","method":"GET","url":"/me/events"}]}`)
	if !strings.Contains(a.body, `"code":"graph_unavailable"`) || !strings.Contains(a.body, `"status":503`) {
		t.Errorf("got %s", a.body)
	}
}

// What a batch calls a method doesn't fill the audit log.
func TestAuditIsBounded(t *testing.T) {
	b := newHouse(t, ok)
	b.call(post, "/$batch", `{"requests":[{"id":"1","method":"`+strings.Repeat("X", 100_000)+`","url":"/me/events"}]}`)
	if text := b.audit.String(); !strings.Contains(text, "method=XXX") || len(text) > 1000 {
		t.Errorf("the audit log has %d bytes: %.300s", len(text), text)
	}
}

func TestBatch(t *testing.T) {
	b := newHouse(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Set-Cookie", "a=b")
		switch r.Method + " " + r.URL.Path {
		case "POST /v1.0/me/events":
			w.Header().Set("Location", "http://"+r.Host+"/v1.0/users('x')/events('y')")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"id":"y","subject":"<b>"}`)
		case "DELETE /v1.0/me/events/gone":
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error":{"code":"ErrorItemNotFound","message":""}}`)
		case "GET /v1.0/me/events/html":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, `<p>`)
		case "POST /v1.0/me/events/x/cancel":
			w.WriteHeader(http.StatusAccepted)
		case "GET /v1.0/me/events/long":
			_, _ = io.WriteString(w, `"`+strings.Repeat("x", maxItem)+`"`)
		default:
			_, _ = io.WriteString(w, `{"@odata.context":"http://`+r.Host+`/v1.0/$metadata#events","@odata.nextLink":"http://`+r.Host+`/v1.0/me/events?$skip=10","value":[]}`)
		}
	})
	got := b.answers(`
		{"id":"make","method":"post","url":"/me/events","headers":{"content-type":"application/json","Authorization":"Bearer evil","Cookie":"a=b","X-HTTP-Method-Override":"DELETE"},"body":{"subject":"x"}},
		{"id":"list","method":"GET","url":"/me/events?$top=1","body":{"x":1}},
		{"id":"next","method":"GET","url":"` + b.us.URL + `/graph/v1.0/me/events?$skip=10"},
		{"id":"mail","method":"GET","url":"/me/messages"},
		{"id":"up","method":"GET","url":"/me/events/%2e%2e/messages"},
		{"id":"room","method":"POST","url":"/users/` + boardroom + `/events","body":{}},
		{"id":"nested","method":"POST","url":"/$batch","body":{"requests":[]}},
		{"id":"absolute","method":"GET","url":"https://evil.example/v1.0/me/events"},
		{"id":"host","method":"GET","url":"//evil.example/me/events"},
		{"id":"fragment","method":"GET","url":"/me/events#x"},
		{"id":"line","method":"GET","url":"/me/events","headers":{"Prefer":"a\r\nX: y"}},
		{"id":"html","method":"GET","url":"/me/events/html"},
		{"id":"long","method":"GET","url":"/me/events/long"},
		{"id":"null","method":"POST","url":"/me/events/x/cancel","body":null},
		{"id":"gone","method":"DELETE","url":"/me/events/gone"},
		{"id":"after gone","method":"GET","url":"/me/events","dependsOn":["gone"]},
		{"id":"after that","method":"GET","url":"/me/events","dependsOn":["after gone"]},
		{"id":"after refused","method":"GET","url":"/me/events","dependsOn":["list","mail"]},
		{"id":"after good","method":"GET","url":"/me/events","dependsOn":["list","make"]}`)
	for id, status := range map[string]int{
		"make": 201, "list": 200, "next": 200, "mail": 403, "up": 400, "room": 403, "nested": 403, "absolute": 400, "host": 400, "fragment": 400, "line": 400,
		"html": 200, "long": 502, "null": 202, "gone": 404, "after gone": 424, "after that": 424, "after refused": 424, "after good": 200,
	} {
		if got[id].Status != status {
			t.Errorf("%s: %d %.200s, want %d", id, got[id].Status, got[id].Body, status)
		}
	}
	if len(got) != 19 || b.count() != 8 {
		t.Errorf("%d answers and %d calls, want 19 and 8", len(got), b.count())
	}
	root := b.us.URL + "/graph/v1.0"
	if want := `{"@odata.context":"` + root + `/$metadata#events","@odata.nextLink":"` + root + `/me/events?$skip=10","value":[]}`; string(got["list"].Body) != want {
		t.Errorf("links in a batch: %s, want %s", got["list"].Body, want)
	}
	if made := got["make"]; made.Headers["Location"] != b.us.URL+"/graph/v1.0/users('x')/events('y')" || made.Headers["Set-Cookie"] != "" || made.Headers["Content-Type"] == "" {
		t.Errorf("headers in a batch: %v", made.Headers)
	}
	if string(got["html"].Body) != `"PHA+"` {
		t.Errorf("what isn't JSON: %s", got["html"].Body)
	}
	for _, code := range []string{`"code":"forbidden"`, `"code":"ErrorAccessDenied"`} {
		if !strings.Contains(string(got["mail"].Body), code) {
			t.Errorf("a refusal in a batch lacks %s: %s", code, got["mail"].Body)
		}
	}
	for _, r := range b.seen {
		h := r.Header
		if h.Get("Authorization") != "Bearer token-0" || h.Get("Cookie") != "" || h.Get("X-Http-Method-Override") != "" || !strings.Contains(h.Get("Prefer"), "ImmutableId") {
			t.Errorf("%s %s went on with %v", r.Method, r.URL, h)
		}
		if r.Method == post && r.URL.Path == "/v1.0/me/events" && !strings.Contains(r.body, `"transactionId":"`) {
			t.Errorf("a creation in a batch: %s", r.body)
		}
		if r.Method == get && r.body != "" {
			t.Errorf("%s goes on with a body", r.URL)
		}
	}
}

// A batch that is sent again makes no second event.
func TestBatchRepeated(t *testing.T) {
	b := newHouse(t, ok)
	two := `{"id":"1","method":"POST","url":"/me/events","body":{"subject":"x"}},{"id":"2","method":"POST","url":"/me/events","body":{"subject":"x"}}`
	b.answers(two, "Idempotency-Key", "k")
	b.answers(two, "Idempotency-Key", "k")
	ids := map[string]int{}
	for _, r := range b.seen {
		var event struct{ TransactionID string }
		if err := json.Unmarshal([]byte(r.body), &event); err != nil {
			t.Fatal(err)
		}
		ids[event.TransactionID]++
	}
	if len(ids) != 2 {
		t.Errorf("two events, sent twice, have the ids %v", ids)
	}
	for id, n := range ids {
		if n != 2 {
			t.Errorf("%s was sent %d times", id, n)
		}
	}
}

// Four at once, as many as a mailbox serves.
func TestBatchRunsFourAtOnce(t *testing.T) {
	var mu sync.Mutex
	now, most := 0, 0
	full := make(chan struct{})
	b := newHouse(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if now++; now > most {
			most = now
		}
		if now == batchWorkers {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		mu.Unlock()
		<-full
		ok(w, r)
		mu.Lock()
		defer mu.Unlock()
		now--
	})
	if got := b.answers(numbered(maxBatch)); len(got) != maxBatch || most != batchWorkers {
		t.Errorf("%d answers, %d at once", len(got), most)
	}
}

// numbered are n reads of a batch.
func numbered(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"id":"%d","method":"GET","url":"/me/events"}`, i))
	}
	return strings.Join(all, ",")
}

func TestBatchesRefused(t *testing.T) {
	const one = `{"id":"1","method":"GET","url":"/me/events"}`
	for name, body := range map[string]string{
		"none":            ``,
		"no JSON":         `{`,
		"a list":          `[` + one + `]`,
		"no requests":     `{}`,
		"empty":           `{"requests":[]}`,
		"21":              `{"requests":[` + numbered(maxBatch+1) + `]}`,
		"more behind":     `{"requests":[` + one + `]} {}`,
		"unknown":         `{"requests":[` + one + `],"atomicityGroup":"x"}`,
		"unknown in one":  `{"requests":[{"id":"1","method":"GET","url":"/me/events","atomicityGroup":"x"}]}`,
		"no id":           `{"requests":[{"method":"GET","url":"/me/events"}]}`,
		"a long id":       `{"requests":[{"id":"` + strings.Repeat("x", 129) + `","method":"GET","url":"/me/events"}]}`,
		"an id twice":     `{"requests":[` + one + `,` + one + `]}`,
		"a number":        `{"requests":[{"id":1,"method":"GET","url":"/me/events"}]}`,
		"depends on none": `{"requests":[{"id":"1","method":"GET","url":"/me/events","dependsOn":["2"]}]}`,
		"depends on self": `{"requests":[{"id":"1","method":"GET","url":"/me/events","dependsOn":["1"]}]}`,
		"depends on what comes": `{"requests":[{"id":"1","method":"GET","url":"/me/events","dependsOn":["2"]},
			{"id":"2","method":"GET","url":"/me/events"}]}`,
		"too deep": `{"requests":[{"id":"1","method":"POST","url":"/me/events","body":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}]}`,
	} {
		b := newHouse(t, ok)
		if a := b.call(post, "/$batch", body); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, `"malformed"`) || b.count() != 0 {
			t.Errorf("%s: %d %s, and %d calls", name, a.StatusCode, a.body, b.count())
		}
	}
	// Graph's words have no case.
	b := newHouse(t, ok)
	if a := b.call(post, "/%24BATCH", `{"requests":[`+one+`]}`); a.StatusCode != http.StatusOK {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}
