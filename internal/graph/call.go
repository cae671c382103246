package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// maxAnswer bounds an answer's body, in bytes.
const maxAnswer = 4 << 20

// A call is one request, before it has a token.
type call struct {
	// name of the call, for whoever counts them.
	name   string
	method string
	// target is a path below /v1.0, escaped, or an absolute link that Graph gave.
	target string
	body   any
	// prefer are preferences besides that for immutable ids (RFC 7240).
	prefer []string
	// ifMatch is the ETag that the item must still have; "": any.
	ifMatch string
	// read says that the call changes nothing, so that it may be repeated
	// whatever became of it.
	read bool
}

// do makes a call and reads its answer into out, if not nil. Its errors are
// *Error, *BusyError, *UnreachableError, and those of Mailbox.Token.
func (c *Client) do(ctx context.Context, mb Mailbox, what call, out any) error {
	r, err := c.request(what)
	if err != nil {
		return err
	}
	res, err := c.send(ctx, mb, r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if res.StatusCode/100 != 2 {
		return parseError(res, answer, c.now()) // the status says enough, even if the body broke off
	}
	if err == nil && len(answer) > maxAnswer {
		err = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	if err == nil && out != nil {
		err = json.Unmarshal(answer, out)
	}
	if err != nil {
		return &UnreachableError{Sent: true, Err: fmt.Errorf("reading the answer: %w", err)}
	}
	return nil
}

// immutableIDs asks for ids that stay when an event is moved
// (https://learn.microsoft.com/graph/outlook-immutable-id).
const immutableIDs = `IdType="ImmutableId"`

func (c *Client) request(what call) (request, error) {
	url, err := c.url(what.target)
	if err != nil {
		return request{}, err
	}
	r := request{name: what.name, method: what.method, url: url, read: what.read, header: http.Header{
		"Accept": {"application/json"},
		"Prefer": append([]string{immutableIDs}, what.prefer...),
	}}
	if what.ifMatch != "" {
		r.header.Set("If-Match", what.ifMatch)
	}
	if what.body != nil {
		body, err := json.Marshal(what.body)
		if err != nil {
			return request{}, fmt.Errorf("making a request for Microsoft Graph: %w", err)
		}
		r.header.Set("Content-Type", "application/json")
		r.length = int64(len(body))
		r.body = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	return r, nil
}
