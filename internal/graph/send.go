package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"

	"github.com/onesgate/onesgate/internal/trail"
)

// A request is what send makes an HTTP request of for each try.
type request struct {
	name   string // as Call.Name
	method string
	// url as url returns it.
	url    string
	header http.Header
	// body returns the body from its start; nil: there is none.
	body func() (io.ReadCloser, error)
	// length of the body in bytes; -1: not known.
	length int64
	// once: the body cannot be had a second time.
	once bool
	// read: the call changes nothing, so that it may be repeated whatever became
	// of it.
	read bool
	// streamed: the answer takes as long as the context lasts.
	streamed bool
}

// url returns the address of a target: a path below /v1.0, escaped, or a link
// that Graph gave. What leads out of this Graph is refused: a token goes nowhere
// else.
func (c *Client) url(target string) (string, error) {
	link := target
	if strings.HasPrefix(target, "/") {
		link = c.root + "/v1.0" + target
	}
	if !c.sameRoot(link) {
		return "", fmt.Errorf("a call to Microsoft Graph leads away from %s; the token is not sent there", c.root)
	}
	return link, nil
}

// send carries a request out, again with another token after a 401, and again
// where wait allows it; the last answer is returned whatever its status is. Its
// body must be closed, which also gives the place at the mailbox up. Errors are
// *BusyError, *UnreachableError, and those of Mailbox.Token.
func (c *Client) send(ctx context.Context, mb Mailbox, r request) (*http.Response, error) {
	token, err := mb.Token(ctx, Refused{})
	if err != nil {
		return nil, err
	}
	renewed, last := false, 0 // the status of the answer before
	for n := 1; ; n++ {
		res, place, err := c.try(ctx, mb, r, token, last)
		if err != nil {
			return nil, err
		}
		last = res.StatusCode
		d, again := c.wait(ctx, res, r, place.full(), n)
		if last == http.StatusTooManyRequests {
			place.close(d) // also to those that come after the last try
		}
		if last == http.StatusUnauthorized && !renewed && !r.once {
			renewed = true
			fresh, err := mb.Token(ctx, Refused{Token: token, Claims: claimsIn(res.Header.Values("WWW-Authenticate"))})
			if err != nil {
				discard(res)
				return nil, err
			}
			again = fresh != token // refused once, refused always
			token = fresh
			n--
		}
		if !again {
			return res, nil
		}
		discard(res)
		if last == http.StatusTooManyRequests {
			continue // it waits at the gate, with all the others
		}
		if err := sleep(ctx, d); err != nil {
			return nil, &UnreachableError{Err: err} // nothing can have been done
		}
	}
}

// try sends the request once; last is the status that it was answered by before.
func (c *Client) try(ctx context.Context, mb Mailbox, r request, token string, last int) (*http.Response, *waiter, error) {
	ctx, o := c.observe(ctx, r)
	res, place, err := c.sendOnce(ctx, mb, r, token, last, o)
	o.end(ctx, res, err)
	return res, place, err
}

// sendOnce is try, and tells o how it goes.
func (c *Client) sendOnce(ctx context.Context, mb Mailbox, r request, token string, last int, o *observation) (*http.Response, *waiter, error) {
	path, _, _ := strings.Cut(strings.TrimPrefix(r.url, c.root+"/v1.0"), "?")
	place, err := c.gates.enter(ctx, mb.charged(path), strings.ToLower(mb.Key), mb.Background, last != 0)
	o.entered(err == nil)
	var busy *BusyError
	if err != nil && !errors.As(err, &busy) {
		err = &UnreachableError{Err: fmt.Errorf("waiting for a place at the mailbox: %w", err)}
	}
	if err != nil {
		return nil, nil, err
	}
	var sent atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	fail := func(err error) (*http.Response, *waiter, error) {
		place.leave()
		return nil, nil, &UnreachableError{Sent: sent.Load(), Err: err}
	}
	req, err := http.NewRequestWithContext(traced, r.method, r.url, http.NoBody)
	if err != nil {
		return fail(err)
	}
	if r.body != nil {
		if req.Body, err = r.body(); err != nil {
			return fail(err)
		}
		req.ContentLength = r.length
		if !r.once { // net/http sends it over another connection if Graph has taken nothing of it
			req.GetBody = r.body
		}
	}
	req.Header = r.header.Clone()
	req.Header.Set("Authorization", "Bearer "+token)
	if req.Header.Get("client-request-id") == "" || last != 0 {
		req.Header.Set("client-request-id", trail.ClientRequestID(ctx))
	}
	o.call.ClientRequestID = clean(req.Header.Get("client-request-id"))
	res, err := c.clientFor(r, last).Do(req)
	if err != nil {
		return fail(err)
	}
	res.Body = &placed{ReadCloser: res.Body, place: place}
	return res, place, nil
}

// clientFor returns the client for a try. After a 503 or 504 the connection may
// lead to the same ill server again, so the next try gets one of its own
// (https://learn.microsoft.com/graph/errors).
func (c *Client) clientFor(r request, last int) *http.Client {
	hc := *c.hc
	if last == http.StatusServiceUnavailable || last == http.StatusGatewayTimeout {
		hc.Transport = c.fresh
	}
	if r.streamed {
		hc.Timeout = 0
	}
	return &hc
}

// fresh returns a transport like rt that uses no connection twice; rt itself, if
// it is of a kind whose connections are not known here.
func fresh(rt http.RoundTripper) http.RoundTripper {
	if rt == nil {
		rt = http.DefaultTransport
	}
	t, ok := rt.(*http.Transport)
	if !ok {
		return rt
	}
	t = t.Clone()
	t.DisableKeepAlives = true
	return t
}

// placed is an answer's body that holds a place at the mailbox until it is
// closed.
type placed struct {
	io.ReadCloser
	place *waiter
}

func (p *placed) Close() error {
	defer p.place.leave()
	return p.ReadCloser.Close()
}

// discard reads the little that a refusal says, so that its connection can be
// used again.
func discard(res *http.Response) {
	_, _ = io.CopyN(io.Discard, res.Body, maxErrorBody)
	_ = res.Body.Close()
}

// maxErrorBody bounds what is read of a refusal that is not looked at, in bytes.
const maxErrorBody = 64 << 10
