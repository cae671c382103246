package msgraph

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/onesgate/onesgate/internal/m365sim/front"
)

// maxBatch is how many requests a batch may have
// (https://learn.microsoft.com/graph/json-batching).
const maxBatch = 20

// A batchRequest is one item of a batch.
type batchRequest struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`
}

// A batchResponse is an item's answer. A body that isn't JSON is a string.
type batchResponse struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

// batch serves up to twenty requests. The answers of requests that don't depend
// on each other come in another order than theirs, since no order is promised.
func (g *Graph) batch(v *call) (front.Reply, error) {
	var given struct {
		Requests []batchRequest `json:"requests"`
	}
	if err := json.Unmarshal(v.Body, &given); err != nil {
		return front.Reply{}, badRequest("BadRequest", "Invalid batch payload format: %v", err)
	}
	if err := checkBatch(given.Requests); err != nil {
		return front.Reply{}, err
	}
	status, ordered := map[string]int{}, false
	responses := []batchResponse{}
	for _, r := range given.Requests {
		ordered = ordered || len(r.DependsOn) > 0
		failed := slices.ContainsFunc(r.DependsOn, func(id string) bool { return status[id] >= 400 })
		rep := errorReply(v.Call, http.StatusFailedDependency, "FailedDependency", "A request that this one depends on has failed.")
		if !failed {
			rep = g.item(v, r)
		}
		status[r.ID] = rep.Status
		responses = append(responses, shownResponse(r.ID, rep))
	}
	if !ordered {
		slices.Reverse(responses)
	}
	return front.JSON(http.StatusOK, map[string]any{"responses": responses}), nil
}

// checkBatch says what is wrong with a batch as a whole. An item may depend on
// one before it.
func checkBatch(requests []batchRequest) error {
	switch {
	case len(requests) == 0:
		return badRequest("BadRequest", "The batch has no requests.")
	case len(requests) > maxBatch:
		return badRequest("BadRequest", "Number of batch request steps exceeds max value of %d.", maxBatch)
	}
	seen := []string{}
	for _, r := range requests {
		switch {
		case r.ID == "":
			return badRequest("BadRequest", "Every batch request needs an id.")
		case slices.Contains(seen, r.ID):
			return badRequest("BadRequest", "Request Id '%s' is not unique.", r.ID)
		case !strings.HasPrefix(r.URL, "/") || strings.HasPrefix(r.URL, "//"):
			return badRequest("BadRequest", "The url '%s' of the request '%s' has to be relative, such as /me/events.", r.URL, r.ID)
		case r.Method == "":
			return badRequest("BadRequest", "The request '%s' has no method.", r.ID)
		case r.hasBody() && contentType(r) == "":
			return badRequest("BadRequest", "Write request id : %s does not contain Content-Type header or body.", r.ID)
		case len(r.DependsOn) > 1:
			return badRequest("BadRequest", "The request '%s' depends on more than one other.", r.ID)
		}
		for _, id := range r.DependsOn {
			if !slices.Contains(seen, id) {
				return badRequest("BadRequest", "The request '%s' depends on '%s', which is not before it.", r.ID, id)
			}
		}
		seen = append(seen, r.ID)
	}
	return nil
}

func (r batchRequest) hasBody() bool { return len(r.Body) > 0 && string(r.Body) != "null" }

func contentType(r batchRequest) string {
	for name, value := range r.Headers {
		if strings.EqualFold(name, "Content-Type") {
			return value
		}
	}
	return ""
}

// item serves one request of a batch, with the caller's token.
func (g *Graph) item(v *call, r batchRequest) front.Reply {
	u, err := url.Parse(root + r.URL)
	if err != nil {
		return refusal(v.Call, badRequest("RequestBroker--ParseUri", "The url '%s' can't be read.", r.URL))
	}
	req := (&http.Request{Method: strings.ToUpper(r.Method), URL: u, Header: http.Header{}, Host: v.Host}).WithContext(v.Context())
	for name, value := range r.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Authorization", v.Header.Get("Authorization"))
	var body []byte
	if r.hasBody() {
		body = r.Body
	}
	c := &front.Call{Request: canonical(req), Body: body, Now: v.Now, ID: uuid.NewString(), Cloud: v.Cloud, Root: v.Root}
	rep, fault := g.serveItem(c)
	if c.Pattern == "" {
		c.Pattern = g.mux.Pattern(c.Request)
	}
	g.door.NoteItem(c, rep.Status, fault)
	return rep
}

// serveItem serves a call that came in a batch: limits and faults apply to it as
// if it had come alone, but no connection can be lost, and delays are the batch's.
func (g *Graph) serveItem(c *front.Call) (front.Reply, front.Fault) {
	if strings.EqualFold(c.URL.Path, root+"/$batch") {
		return refusal(c, badRequest("BadRequest", "Batches can't be nested.")), front.Fault{}
	}
	leave, refused := g.admit(c)
	if refused != nil {
		return *refused, front.Fault{}
	}
	if leave != nil {
		defer leave()
	}
	fault := g.door.TakeItem(c)
	if rep, is := fault.Refusal(c, g.refuse); is {
		return rep, fault
	}
	rep := g.serve(c)
	if rep.Detour != nil {
		return refusal(c, badRequest("ExtensionError", "m365sim can't validate a subscription from within a batch.")), fault
	}
	return rep, fault
}

// shownResponse is how an item's answer stands in the batch's.
func shownResponse(id string, rep front.Reply) batchResponse {
	shown := batchResponse{ID: id, Status: rep.Status, Headers: map[string]string{}}
	for _, name := range []string{"Content-Type", "Location", "Retry-After", "Etag", "Preference-Applied", "WWW-Authenticate"} {
		if value := rep.Header.Get(name); value != "" {
			shown.Headers[name] = value
		}
	}
	switch body := bytes.TrimSpace(rep.Body); {
	case len(body) == 0:
	case json.Valid(body):
		shown.Body = body
	default:
		shown.Body, _ = json.Marshal(string(body)) // a string can always be written
	}
	return shown
}
