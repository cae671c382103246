package graph

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Client calls Microsoft Graph v1.0 in one cloud. It may be used concurrently.
type Client struct {
	root   string
	cloud  cloud
	hc     *http.Client
	fresh  http.RoundTripper
	now    func() time.Time
	gates  gates
	jitter func() float64

	// Observe, if not nil, is told of each request when its answer has begun, or has failed
	// to come; the context is that of whoever wants it. It is to be set before the client
	// is used, must not wait, and may be called concurrently.
	Observe func(context.Context, Call)
}

// NewClient returns a client for the Graph below root, the part before "/v1.0",
// which has passed CheckRoot. It does no I/O. Redirects are not followed: Graph
// sends none, and a token must not travel to where an answer points.
func NewClient(root string, hc *http.Client, now func() time.Time) *Client {
	own := *hc
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		root:   strings.TrimSuffix(root, "/"),
		cloud:  cloudAt(root),
		hc:     &own,
		fresh:  fresh(hc.Transport),
		now:    now,
		gates:  gates{now: now, open: map[string]*gate{}},
		jitter: jitter,
	}
}

// CheckRoot says what is wrong with the root of a Graph; nil: nothing.
func CheckRoot(root string) error {
	u, err := url.Parse(root)
	switch {
	case err != nil:
		return fmt.Errorf("graph URL %q cannot be read: write it like https://graph.microsoft.com", root)
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return fmt.Errorf("graph URL %q must look like https://graph.microsoft.com", root)
	case u.RawQuery != "", u.ForceQuery, u.Fragment != "", u.User != nil:
		return fmt.Errorf("graph URL %q must have no query, fragment or user", root)
	case strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), "/v1.0"):
		return fmt.Errorf("graph URL %q must end before /v1.0", root)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fmt.Errorf("graph URL %q must be https: tokens would cross the network readable; http is for loopback only", root)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// sameRoot says whether a link that an answer gave stays on this Graph: a token
// is never sent anywhere else.
func (c *Client) sameRoot(link string) bool {
	root, err := url.Parse(c.root)
	if err != nil {
		return false
	}
	u, err := url.Parse(link)
	return err == nil && u.User == nil &&
		strings.EqualFold(u.Scheme, root.Scheme) && strings.EqualFold(u.Host, root.Host) &&
		strings.HasPrefix(u.EscapedPath(), root.EscapedPath()+"/v1.0/") && !strings.Contains(u.Path, "..")
}

// Root is where Graph is, without the version.
func (c *Client) Root() string { return c.root }
