package graph

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/onesgate/onesgate/internal/trail"
)

// A Call is one request to Graph as whoever counts them sees it. It names no person and
// no mailbox.
type Call struct {
	// Name says what was asked for, such as "create_event"; there are few.
	Name string
	// Status of the answer; zero: there was none.
	Status int
	// Err is why there was none: *BusyError or *UnreachableError.
	Err error
	// Waited is how long it waited for a place at the mailbox, Took how long Graph then
	// took until the answer began.
	Waited, Took time.Duration
	// ClientRequestID is what we have called the request, RequestID what Microsoft has.
	ClientRequestID, RequestID string

	sent bool // there was a place
}

// Outcomes of calls.
const (
	OutcomeOK           = "ok"
	OutcomeThrottled    = "throttled"    // 429
	OutcomeBusy         = "busy"         // not sent: there was no place at the mailbox in time
	OutcomeGivenUp      = "given_up"     // whoever wanted it has left
	OutcomeUnauthorized = "unauthorized" // 401: usually sent again with another token
	OutcomeForbidden    = "forbidden"    // 403
	OutcomeNotFound     = "not_found"    // 404, 410
	OutcomeConflict     = "conflict"     // 409, 412
	OutcomeRefused      = "refused"      // another 4xx
	OutcomeFailed       = "failed"       // 5xx
	OutcomeNoAnswer     = "no_answer"
)

// Outcome sorts how a call has ended.
func (c Call) Outcome() string {
	switch s := c.Status; {
	case errors.Is(c.Err, context.Canceled):
		return OutcomeGivenUp
	case s == 0 && !c.sent:
		return OutcomeBusy
	case s == 0:
		return OutcomeNoAnswer
	case s < 400:
		return OutcomeOK
	case s == http.StatusTooManyRequests:
		return OutcomeThrottled
	case s == http.StatusUnauthorized:
		return OutcomeUnauthorized
	case s == http.StatusForbidden:
		return OutcomeForbidden
	case s == http.StatusNotFound, s == http.StatusGone:
		return OutcomeNotFound
	case s == http.StatusConflict, s == http.StatusPreconditionFailed:
		return OutcomeConflict
	case s < 500:
		return OutcomeRefused
	}
	return OutcomeFailed
}

// An observation is a call that is under way.
type observation struct {
	client *Client
	begun  time.Time
	call   Call
	span   trail.Span
}

func (c *Client) observe(ctx context.Context, r request) (context.Context, *observation) {
	ctx, span := trail.StartCall(ctx, "graph "+r.name, "ones.graph.call", r.name, "http.request.method", r.method)
	return ctx, &observation{client: c, begun: c.now(), call: Call{Name: r.name}, span: span}
}

// entered notes that the wait for a place is over, and whether there was one.
func (o *observation) entered(ok bool) {
	now := o.client.now()
	o.call.sent, o.call.Waited, o.begun = ok, now.Sub(o.begun), now
}

func (o *observation) end(ctx context.Context, res *http.Response, err error) {
	o.call.Took, o.call.Err = o.client.now().Sub(o.begun), err
	status := ""
	if res != nil {
		o.call.Status, o.call.RequestID = res.StatusCode, clean(res.Header.Get("request-id"))
		status = strconv.Itoa(res.StatusCode)
		trail.Answered(ctx, o.call.RequestID)
	}
	outcome, failure := o.call.Outcome(), ""
	if outcome != OutcomeOK {
		failure = outcome
	}
	o.span.Note("http.response.status_code", status, "ones.graph.request_id", o.call.RequestID,
		"ones.graph.client_request_id", o.call.ClientRequestID, "ones.graph.waited", o.call.Waited.String())
	o.span.End(failure)
	if o.client.Observe != nil {
		o.client.Observe(ctx, o.call)
	}
}
