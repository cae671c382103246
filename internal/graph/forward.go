package graph

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Forward sends a request that somebody else has written, in the mailbox's name,
// and returns Graph's answer as it is, also a refusal. Of req count the method,
// the URL's escaped path below /v1.0 and its raw query, the header and the body;
// it is sent again under the rules of this package's own calls, with a body only
// if it has GetBody. Authorization and, unless it is there, client-request-id are
// set, and immutable ids are asked for unless req has a preference of its own.
// Hop-by-hop fields and what else must not pass are the caller's to take out, and
// so is the judgement on what the path means.
//
// The answer's body must be closed: it holds a place at the mailbox until then.
// It may take as long as ctx lasts. If req has no Accept-Encoding, a compressed
// answer comes unpacked. Errors are *BusyError, *UnreachableError, and those of
// Mailbox.Token.
func (c *Client) Forward(ctx context.Context, mb Mailbox, req *http.Request) (*http.Response, error) {
	path := req.URL.EscapedPath()
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("a path to forward begins with a slash; %q does not", path)
	}
	if req.URL.RawQuery != "" || req.URL.ForceQuery {
		path += "?" + strings.ReplaceAll(req.URL.RawQuery, "#", "%23") // or the rest would be cut off as a fragment
	}
	url, err := c.url(path)
	if err != nil {
		return nil, err
	}
	r := request{name: "passthrough", method: req.Method, url: url, header: req.Header.Clone(), read: isRead(req.Method), streamed: true}
	if r.header == nil {
		r.header = http.Header{}
	}
	if !strings.Contains(strings.ToLower(strings.Join(r.header.Values("Prefer"), ",")), "idtype") {
		r.header.Add("Prefer", immutableIDs)
	}
	if req.Body != nil && req.Body != http.NoBody {
		r.length, r.body, r.once = req.ContentLength, req.GetBody, req.GetBody == nil
		if r.once {
			r.body = func() (io.ReadCloser, error) { return req.Body, nil }
		}
	}
	return c.send(ctx, mb, r)
}

// isRead says whether a method changes nothing (RFC 9110, section 9.2.1).
func isRead(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
