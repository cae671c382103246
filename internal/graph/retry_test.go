package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// arrivals notes when requests come, and how long after one another.
type arrivals struct{ at []time.Time }

func (a *arrivals) note() { a.at = append(a.at, time.Now()) }

func (a *arrivals) waits() (waits []time.Duration) {
	for i := 1; i < len(a.at); i++ {
		waits = append(waits, a.at[i].Sub(a.at[i-1]))
	}
	return waits
}

func TestRetries(t *testing.T) {
	read := func(ctx context.Context, c *Client) error {
		_, err := c.Event(ctx, mailbox("tok"), "e1")
		return err
	}
	create := func(ctx context.Context, c *Client) error {
		_, err := c.CreateEvent(ctx, mailbox("tok"), Event{})
		return err
	}
	cancel := func(ctx context.Context, c *Client) error {
		return c.CancelEvent(ctx, mailbox("tok"), "e1", "")
	}
	const date = "date" // 7 seconds from now
	tests := []struct {
		name       string
		call       func(context.Context, *Client) error
		status     int
		retryAfter string
		deadline   time.Duration // 0: none
		want       string        // waits between the tries
	}{
		{"read, throttled, seconds", read, 429, "2", 0, "[2s 2s]"},
		{"read, throttled, fraction", read, 429, "2.128", 0, "[2.128s 2.128s]"},
		{"read, throttled, date", read, 429, date, 0, "[7s 7s]"},
		{"read, throttled, a date of the past", read, 429, "Sat, 01 Jan 2000 00:00:00 GMT", 0, "[1.25s 2.5s]"},
		{"read, throttled, always one second", read, 429, "1", 0, "[1s 2.5s]"},
		{"read, throttled, no word", read, 429, "", 0, "[1.25s 2.5s]"},
		{"read, throttled, zero", read, 429, "0", 0, "[1.25s 2.5s]"},
		{"read, throttled, negative", read, 429, "-5", 0, "[1.25s 2.5s]"},
		{"read, throttled, nonsense", read, 429, "soon", 0, "[1.25s 2.5s]"},
		{"read, throttled, not a number", read, 429, "NaN", 0, "[1.25s 2.5s]"},
		{"read, throttled, at the cap", read, 429, "30", 0, "[30s 30s]"},
		{"read, throttled, too long", read, 429, "31", 0, "[]"},
		{"read, throttled, absurd", read, 429, "1e300", 0, "[]"},
		{"read, throttled, before the deadline", read, 429, "20", 30 * time.Second, "[20s]"},
		{"read, throttled, after the deadline", read, 429, "20", 10 * time.Second, "[]"},
		{"read, unavailable", read, 503, "1", 0, "[1s 2.5s]"},
		{"read, unavailable, after the deadline", read, 503, "20", 10 * time.Second, "[]"},
		{"read, gateway", read, 504, "", 0, "[1.25s 2.5s]"},
		{"read, broken", read, 500, "1", 0, "[]"},
		{"create, throttled", create, 429, "3", 0, "[3s 3s]"},
		{"create, unavailable: may have happened", create, 503, "1", 0, "[]"},
		{"create, gateway: may have happened", create, 504, "1", 0, "[]"},
		{"cancel, unavailable", cancel, 503, "1", 0, "[]"},
		{"cancel, throttled", cancel, 429, "3", 0, "[3s 3s]"},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			var tries arrivals
			ids := map[string]bool{}
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				tries.note()
				ids[r.Header.Get("client-request-id")] = true
				switch tt.retryAfter {
				case "":
				case date:
					w.Header().Set("Retry-After", time.Now().Add(7*time.Second).UTC().Format(http.TimeFormat))
				default:
					w.Header().Set("Retry-After", tt.retryAfter)
				}
				refuse(w, tt.status, "ApplicationThrottled")
			})
			ctx := t.Context()
			if tt.deadline > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, tt.deadline)
				defer cancel()
			}
			var refused *Error
			if err := tt.call(ctx, c); !errors.As(err, &refused) || refused.Status != tt.status {
				t.Errorf("error: got %v, want status %d", err, tt.status)
			}
			if len(ids) != len(tries.at) {
				t.Errorf("client-request-id: got %v, want another for each of %d tries", ids, len(tries.at))
			}
			if got := fmt.Sprint(tries.waits()); got != tt.want {
				t.Errorf("waits: got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestWaitEndsWithTheContext(t *testing.T) {
	for _, status := range []int{429, 503} {
		bubble(t, fmt.Sprint(status), func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "20")
				refuse(w, status, "")
			})
			ctx, cancel := context.WithCancel(t.Context())
			start := time.Now()
			time.AfterFunc(3*time.Second, cancel)
			_, err := c.Event(ctx, mailbox("tok"), "e1")
			if !errors.Is(err, context.Canceled) || MaybeDone(err) {
				t.Errorf("error: got %v, want the context's, and nothing done", err)
			}
			if got := time.Since(start); got != 3*time.Second {
				t.Errorf("came back after %v, want 3s", got)
			}
		})
	}
}

func TestAfter503ANewConnection(t *testing.T) {
	for _, status := range []int{429, 503, 504} {
		for _, h2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d, HTTP/2 %v", status, h2), func(t *testing.T) {
				var addresses []string
				server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					addresses = append(addresses, r.RemoteAddr)
					if h2 != (r.ProtoMajor == 2) {
						t.Errorf("protocol: got %s", r.Proto)
					}
					if len(addresses) == 2 {
						w.Header().Set("Retry-After", "0.001")
						refuse(w, status, "")
						return
					}
					_, _ = io.WriteString(w, `{}`)
				}))
				server.EnableHTTP2 = h2
				server.StartTLS()
				defer server.Close()
				c := NewClient(server.URL, server.Client(), time.Now)
				for range 2 {
					if err := c.do(t.Context(), mailbox("tok"), call{method: http.MethodGet, target: "/me/calendar", read: true}, nil); err != nil {
						t.Fatal(err)
					}
				}
				server.Client().CloseIdleConnections()
				if len(addresses) != 3 || addresses[0] != addresses[1] {
					t.Fatalf("connections: got %v, want three requests, the first two on one", addresses)
				}
				if isNew, want := addresses[2] != addresses[1], status != 429; isNew != want {
					t.Errorf("connections: got %v, want a new one for the third: %v", addresses, want)
				}
			})
		}
	}
}

// A brittle connection takes nothing any more once it is broken.
type brittle struct {
	net.Conn
	broken *atomic.Bool
}

func (b brittle) Write(p []byte) (int, error) {
	if b.broken.Load() {
		return 0, syscall.EPIPE
	}
	return b.Conn.Write(p)
}

// TestBrokenConnectionIsReplaced: a call of which nothing could be sent, as Graph had closed
// the connection that it was to go over, is sent over another one, its body too.
func TestBrokenConnectionIsReplaced(t *testing.T) {
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		_, _ = io.WriteString(w, `{"id":"e1"}`)
	}))
	defer server.Close()
	var broken *atomic.Bool // the last one
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		broken = new(atomic.Bool)
		return brittle{conn, broken}, err
	}}
	defer transport.CloseIdleConnections()
	c := NewClient(server.URL, &http.Client{Transport: transport}, time.Now)
	for range 2 {
		if err := c.do(t.Context(), mailbox("tok"), call{method: http.MethodPost, target: "/me/events", body: map[string]int{"n": 1}}, nil); err != nil {
			t.Error(err)
		}
		broken.Store(true)
	}
	if want := []string{`{"n":1}`, `{"n":1}`}; !slices.Equal(bodies, want) {
		t.Errorf("Graph has got %q, want %q", bodies, want)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "1", "2.128", "-1", "NaN", "1e300", "Tue, 01 Dec 2026 12:00:07 GMT", " 3 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := retryAfter(s, noon)
		if d < 0 || d > 24*time.Hour || !ok && d != 0 {
			t.Errorf("retryAfter(%q): got %v, %v; want 0 to 24h", s, d, ok)
		}
	})
}
