package entra

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/onesgate/onesgate/internal/trail"
)

const (
	// requestTimeout bounds one request to the issuer, answer included.
	requestTimeout = 10 * time.Second
	// maxBody bounds an answer, in bytes.
	maxBody = 1 << 20
)

// A Provider is an issuer as it describes itself: where its endpoints are, and
// with which keys it signs. Both are fetched when they are first needed, kept,
// and renewed every hour while they are used; an outage leaves what is known.
// Nothing in it belongs to one app registration, so all that have the same
// issuer may share one. It may be used concurrently.
type Provider struct {
	issuer    string
	hc        *http.Client
	now       func() time.Time
	tenant    *document[pinned]
	endpoints *document[endpoints]
	keys      *keySet

	running context.Context // ends with Close
	stop    context.CancelFunc
	mu      sync.Mutex // orders work.Go before work.Wait
	work    sync.WaitGroup
}

// NewProvider returns a provider of that issuer, as discovery announces it, save
// that one of Microsoft's may name its tenant by a domain:
// "https://HOST/TENANT/v2.0". It must have passed CheckIssuer. NewProvider does
// no I/O. Redirects are not followed: neither secrets nor trust may go where an
// answer points. Close it in the end.
func NewProvider(issuer string, hc *http.Client, now func() time.Time) *Provider {
	own := *hc
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p := &Provider{issuer: issuer, hc: &own, now: now}
	p.running, p.stop = context.WithCancel(context.Background())
	p.tenant = newDocument(opDiscovery, now, p.findTenant, nil)
	p.tenant.last.Store(&fetched[pinned]{value: pinOf(issuer)})
	p.endpoints = newDocument(opDiscovery, now, p.discover, p.background)
	p.keys = &keySet{now: now, published: newDocument(opKeys, now, p.fetchKeys, p.background)}
	return p
}

// Close breaks off what is being renewed and waits for its end. What is known
// stays, but is not renewed any more.
func (p *Provider) Close() {
	p.mu.Lock()
	p.stop()
	p.mu.Unlock()
	p.work.Wait()
}

// background does something in a goroutine that Close waits for; false: the
// provider has been closed.
func (p *Provider) background(do func(context.Context)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running.Err() != nil {
		return false
	}
	p.work.Go(func() { do(p.running) })
	return true
}

// requestID is the header by which Microsoft's support finds a request.
const requestID = "client-request-id"

// do sends one request and returns the body of a 200. Whatever else happens is
// an *Error, in which the secrets that were sent don't show.
func (p *Provider) do(op string, req *http.Request, secrets ...string) (_ []byte, err error) {
	ctx, cancel := context.WithTimeout(req.Context(), requestTimeout)
	defer cancel()
	req.Header.Set("Accept", "application/json")
	req.Header.Set(requestID, trail.ClientRequestID(ctx))
	ctx, span := trail.StartCall(ctx, "entra "+op, "http.request.method", req.Method, "ones.entra.client_request_id", req.Header.Get(requestID))
	defer func() {
		failure := ""
		if err != nil {
			failure = "in vain"
		}
		span.End(failure)
	}()
	res, err := p.hc.Do(req.WithContext(ctx))
	if err != nil {
		return nil, noAnswerTo(op, req, err)
	}
	defer func() { _ = res.Body.Close() }() // only read
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, noAnswerTo(op, req, fmt.Errorf("the answer of %s broke off: %w", req.URL.Host, err))
	case len(body) > maxBody:
		return nil, noAnswerTo(op, req, fmt.Errorf("the answer of %s is larger than %d bytes", req.URL.Host, maxBody))
	case res.StatusCode != http.StatusOK:
		e := refusal(op, res.StatusCode, retryAfter(res.Header.Get("Retry-After"), p.now()), body, secrets...)
		e.RequestID = req.Header.Get(requestID)
		return nil, e
	}
	return body, nil
}

// noAnswerTo is noAnswer for a request that has been sent.
func noAnswerTo(op string, req *http.Request, err error) *Error {
	e := noAnswer(op, err)
	e.RequestID = req.Header.Get(requestID)
	return e
}

// get fetches a document.
func (p *Provider) get(ctx context.Context, op, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return p.do(op, req)
}

// pin returns whose tokens are believed. It never changes once it is known.
func (p *Provider) pin(ctx context.Context) (*pinned, error) {
	return p.tenant.get(ctx, time.Time{})
}

// discovered returns the endpoints, which may be old ones in an outage.
func (p *Provider) discovered(ctx context.Context) (*endpoints, error) {
	ep, err := p.endpoints.get(ctx, p.now().Add(-maxAge))
	if ep != nil {
		return ep, nil
	}
	return nil, err
}
