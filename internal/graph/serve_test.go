package graph

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if err := readContract(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// graphAddr is where the client under test finds Graph; other addresses lead
// into the network.
const graphAddr = "graph.test:80"

// serve starts a Graph that handles by h what fits the contract.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	return serveAnything(t, func(w http.ResponseWriter, r *http.Request) {
		if err := fits(r); err != nil {
			t.Error(err)
		}
		h(w, r)
	})
}

// serveAnything starts a Graph that handles by h. Its connections are pipes, so
// that the waits of a client pass at once in a bubble of synctest.
func serveAnything(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	pipes := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: h}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(pipes) })
	transport := &http.Transport{DialContext: pipes.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		served.Wait()
	})
	c := NewClient("http://"+graphAddr, &http.Client{Transport: transport}, time.Now)
	c.jitter = func() float64 { return 0.5 }
	return c
}

// bubble runs a subtest whose waits pass at once.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// pipes is a listener whose connections are pipes.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if address != graphAddr {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.closed:
		return nil, errors.New("nobody listens")
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func mailbox(tokens ...string) Mailbox {
	n := 0
	return Mailbox{Key: "alice", Token: func(_ context.Context, refused Refused) (string, error) {
		if refused.Token == "" {
			return tokens[0], nil
		}
		if n++; n >= len(tokens) {
			return "", errors.New("no more tokens")
		}
		return tokens[n], nil
	}}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"code":%q,"message":"why","innerError":{"request-id":"r-1"}}}`, code)
}
