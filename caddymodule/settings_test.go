package caddymodule

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A pipeline is a listener whose connections are pipes, and may go dead: what is
// written to them gets lost, as a firewall has it that has forgotten them.
type pipeline struct {
	conns chan net.Conn
	once  sync.Once
	dead  atomic.Pointer[atomic.Bool] // of the last one
}

type mortal struct {
	net.Conn
	dead *atomic.Bool
}

func (m mortal) Write(b []byte) (int, error) {
	if m.dead.Load() {
		return len(b), nil
	}
	return m.Conn.Write(b)
}

func (p *pipeline) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	p.conns <- far
	m := mortal{near, new(atomic.Bool)}
	p.dead.Store(m.dead)
	return m, nil
}

func (p *pipeline) Accept() (net.Conn, error) {
	if conn, ok := <-p.conns; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p *pipeline) Close() error {
	p.once.Do(func() { close(p.conns) })
	return nil
}

func (p *pipeline) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// A connection to Microsoft that is dead without a word holds up nobody for long, over
// HTTP/2 too, where all calls share it.
func TestDeadConnectionToMicrosoft(t *testing.T) {
	for name, idle := range map[string]time.Duration{"while it is idle": time.Minute, "while it is used": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pipeline{conns: make(chan net.Conn)}
				server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
				_ = server.Listener.Close()
				server.Listener, server.EnableHTTP2 = p, true
				server.StartTLS()
				defer server.Close()
				hc := microsoftClient()
				transport := hc.Transport.(*http.Transport)
				transport.DialContext, transport.TLSClientConfig = p.dial, server.Client().Transport.(*http.Transport).TLSClientConfig
				defer transport.CloseIdleConnections()
				ask := func() error {
					res, err := hc.Get("https://example.com/")
					if err != nil {
						return err
					}
					defer func() { _ = res.Body.Close() }()
					if proto, err := io.ReadAll(res.Body); err != nil || string(proto) != "HTTP/2.0" {
						t.Errorf("answered by %q, %v", proto, err)
					}
					return nil
				}
				if err := ask(); err != nil {
					t.Fatal(err)
				}
				p.dead.Load().Store(true)
				time.Sleep(idle)
				if err := ask(); err != nil && idle > 0 {
					t.Errorf("the first call: %v", err)
				}
				if err := ask(); err != nil {
					t.Errorf("the next call: %v", err)
				}
			})
		})
	}
}
