package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/google/uuid"
)

// maxAnswer bounds an answer's body, in bytes.
const maxAnswer = 4 << 20

// A call is one request, before it has a token.
type call struct {
	method string
	// target is a path below /v1.0, escaped, or an absolute link that Graph gave.
	target string
	body   any
	// read says that the call changes nothing, so that it may be repeated
	// whatever became of it.
	read bool
}

// do makes a call and reads its answer into out, if not nil. Its errors are
// *Error, *UnreachableError, those of Mailbox.Token, and the context's.
func (c *Client) do(ctx context.Context, mb Mailbox, what call, out any) error {
	var body []byte
	if what.body != nil {
		var err error
		if body, err = json.Marshal(what.body); err != nil {
			return fmt.Errorf("making a request for Microsoft Graph: %w", err)
		}
	}
	token, err := mb.Token(ctx, Refused{})
	if err != nil {
		return err
	}
	renewed, anew := false, false
	for n := 1; ; n++ {
		err := c.try(ctx, mb, what, body, token, anew, out)
		var refused *Error
		if errors.As(err, &refused) && refused.Status == http.StatusUnauthorized && !renewed {
			renewed = true
			fresh, failed := mb.Token(ctx, Refused{Token: token, Claims: refused.claims})
			switch {
			case failed != nil:
				return failed
			case fresh == token: // refused once, refused always
				return err
			}
			token = fresh
			n--
			continue
		}
		if err == nil {
			return nil
		}
		d, again := c.wait(ctx, err, what.read, n)
		if !again {
			return err
		}
		anew = refused.Status != http.StatusTooManyRequests
		if c.sleep(ctx, d) != nil {
			return err
		}
	}
}

// try sends the call once. fresh asks for a connection of its own: after a 503
// the old one may lead to the same ill server.
func (c *Client) try(ctx context.Context, mb Mailbox, what call, body []byte, token string, fresh bool, out any) error {
	leave, err := c.gates.enter(ctx, mb)
	if err != nil {
		return &UnreachableError{Err: fmt.Errorf("waiting for a place at the mailbox: %w", err)}
	}
	defer leave()

	var sent atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	url := what.target
	if url[0] == '/' {
		url = c.root + "/v1.0" + url
	}
	req, err := http.NewRequestWithContext(traced, what.method, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("making a request for Microsoft Graph: %w", err)
	}
	req.Close = fresh
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Prefer", `IdType="ImmutableId"`)
	req.Header.Set("client-request-id", uuid.NewString())
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.hc.Do(req)
	if err != nil {
		return &UnreachableError{Sent: sent.Load(), Err: err}
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
