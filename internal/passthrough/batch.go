package passthrough

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"unicode"

	"github.com/onesgate/onesgate/internal/graph"
)

const (
	// maxBatch is how many calls a batch may have
	// (https://learn.microsoft.com/graph/json-batching).
	maxBatch = 20
	// batchWorkers is how many of them run at once: what a mailbox serves.
	batchWorkers = 4
	// maxItem bounds the answer to a call in a batch, in bytes; batchWorkers of
	// them are held in memory.
	maxItem = 4 << 20
)

// An item is a call in a batch.
type item struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`
}

// An itemAnswer is what came of it. A body that isn't JSON is a string in base64.
type itemAnswer struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

// batch carries out the calls of a batch one by one, up to four at once, as if each
// had come alone. One that is refused gets its own 403, like any answer of Graph's,
// and the others run. Answers are written as they come.
func (h *Handler) batch(w http.ResponseWriter, r *http.Request, who caller, c call) {
	items, no := readBatch(c.body)
	if no != nil {
		no.write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"responses":[`)
	var (
		work   sync.WaitGroup
		places = make(chan struct{}, batchWorkers)
		mu     sync.Mutex // of the writing
		comma  string
		runs   = map[string]*run{}
	)
	for _, it := range items {
		mine := &run{done: make(chan struct{})}
		before := make([]*run, len(it.DependsOn))
		for i, id := range it.DependsOn {
			before[i] = runs[id]
		}
		runs[it.ID] = mine
		work.Go(func() {
			defer close(mine.done)
			var a itemAnswer
			if succeeded(before) {
				places <- struct{}{}
				defer func() { <-places }()
				a = h.item(r, who, it)
			} else {
				a = it.refused(&Refusal{Status: http.StatusFailedDependency, Code: "failed_dependency", Detail: "A call that this one depends on has failed."})
			}
			mine.ok = a.Status < 400
			text, err := json.Marshal(a)
			if err != nil {
				panic("passthrough: an answer in a batch can't be written: " + err.Error()) // a slip in this package
			}
			mu.Lock()
			defer mu.Unlock()
			_, _ = io.WriteString(w, comma)
			_, _ = w.Write(text)
			comma = ","
		})
	}
	work.Wait()
	_, _ = io.WriteString(w, `]}`)
}

// A run is an item under way. ok may be read once done is closed.
type run struct {
	done chan struct{}
	ok   bool
}

// succeeded waits for runs, and says whether all went well.
func succeeded(runs []*run) bool {
	ok := true
	for _, r := range runs {
		<-r.done
		ok = ok && r.ok
	}
	return ok
}

// readBatch reads a batch and says what is wrong with it as a whole.
func readBatch(body []byte) ([]item, *Refusal) {
	var given struct {
		Requests []item `json:"requests"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&given); err != nil {
		return nil, malformed("The batch can't be read: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("The batch is followed by something else.")
	}
	if n := len(given.Requests); n == 0 || n > maxBatch {
		return nil, malformed("A batch has 1 to %d requests; this one has %d.", maxBatch, n)
	}
	seen := map[string]bool{}
	for _, it := range given.Requests {
		switch {
		case it.ID == "" || len(it.ID) > 128:
			return nil, malformed("Every request of a batch needs an id, of up to 128 bytes.")
		case seen[it.ID]:
			return nil, malformed("The id %q is there twice.", it.ID)
		}
		for _, id := range it.DependsOn {
			if !seen[id] {
				return nil, malformed("The request %q depends on %q, which is not before it.", it.ID, id)
			}
		}
		seen[it.ID] = true
	}
	return given.Requests, nil
}

// item carries out one call of a batch.
func (h *Handler) item(r *http.Request, who caller, it item) itemAnswer {
	path, no := it.path(who.links)
	if no != nil {
		return it.refused(no)
	}
	c := call{method: strings.ToUpper(it.Method), header: http.Header{}, item: it.ID}
	c.path, c.query, _ = strings.Cut(path, "?")
	for name, value := range it.Headers {
		c.header.Set(name, value)
	}
	c.name = cmp.Or(nameOf(c.header), nameOf(r.Header))
	if takesBody(c.method) && string(it.Body) != "null" {
		c.body = it.Body
	}
	res, no := h.pass(r.Context(), who, c)
	if no != nil {
		return it.refused(no)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(who.links.body(res), maxItem+1))
	switch {
	case err != nil:
		return it.refused(h.Explain(r.Context(), who.Caller, &graph.UnreachableError{Sent: true, Err: err}))
	case len(body) > maxItem:
		return it.refused(&Refusal{Status: http.StatusBadGateway, Code: "bad_gateway", Detail: "The answer is too long for a batch: ask for it alone."})
	}
	a := itemAnswer{ID: it.ID, Status: res.StatusCode, Headers: map[string]string{}}
	for name, values := range who.links.incoming(res.Header) {
		a.Headers[name] = strings.Join(values, ", ")
	}
	switch {
	case len(body) == 0:
	case json.Valid(body):
		a.Body = body
	default:
		a.Body = []byte(`"` + base64.StdEncoding.EncodeToString(body) + `"`)
	}
	return a
}

// path is what of an item's address lies below /v1.0. A link that came from us is
// one, too.
func (it item) path(l links) (string, *Refusal) {
	path := it.URL
	if below, ours := l.toGraph(path); ours {
		path = below
	}
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "#") {
		return "", malformed("The url of a request in a batch is relative, such as /me/events.")
	}
	for _, value := range it.Headers {
		if strings.ContainsFunc(value, unicode.IsControl) {
			return "", malformed("A header of a request in a batch has control characters.")
		}
	}
	return path, nil
}

// refused is an answer of our own.
func (it item) refused(no *Refusal) itemAnswer {
	a := itemAnswer{ID: it.ID, Status: no.Status, Headers: map[string]string{"Content-Type": "application/json"}, Body: no.body()}
	for name := range no.Header {
		a.Headers[name] = no.Header.Get(name)
	}
	return a
}
