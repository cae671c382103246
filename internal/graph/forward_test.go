package graph

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// forwarded is a request as it comes from a server.
func forwarded(t *testing.T, method, target string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestForward(t *testing.T) {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = io.WriteString(zip, "packed")
	_ = zip.Close()
	c := serveAnything(t, func(w http.ResponseWriter, r *http.Request) {
		if got, want := r.RequestURI, "/v1.0/me/events('AAMk%2Fx=')?$top=5&x=%2B%23&y"; got != want {
			t.Errorf("request: got %s, want %s", got, want)
		}
		for name, want := range map[string]string{
			"Authorization": "[Bearer tok]", "Prefer": `[outlook.timezone="UTC" IdType="ImmutableId"]`,
			"Client-Request-Id": "[mine]", "If-Match": `[W/"1"]`, "Accept-Encoding": "[gzip]",
		} {
			if got := fmt.Sprint(r.Header.Values(name)); got != want {
				t.Errorf("header %s: got %s, want %s", name, got, want)
			}
		}
		w.Header().Set("Content-Encoding", "gzip")
		w.Header()["x-ms-thing"] = []string{"a", "b"}
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(packed.Bytes())
	})
	req := forwarded(t, "PATCH", "https://elsewhere.example/me/events('AAMk%2Fx=')?$top=5&x=%2B", strings.NewReader("{}"))
	req.URL.RawQuery += "#&y" // as it may come to a server
	req.Header.Set("Authorization", "Bearer somebody else's")
	req.Header.Set("Prefer", `outlook.timezone="UTC"`)
	req.Header.Set("client-request-id", "mine")
	req.Header.Set("If-Match", `W/"1"`)
	req.Header.Set("Accept-Encoding", "gzip")
	res, err := c.Forward(t.Context(), mailbox("tok"), req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || !bytes.Equal(body, packed.Bytes()) {
		t.Errorf("body: got %q, %v; want it as it was sent", body, err)
	}
	if res.StatusCode != http.StatusTeapot || res.Header.Get("Content-Encoding") != "gzip" || len(res.Header.Values("x-ms-thing")) != 2 {
		t.Errorf("answer: got %d, %v; want it as it was sent", res.StatusCode, res.Header)
	}
	if len(c.gates.open) != 1 {
		t.Error("the place was given up before the body was closed")
	}
	if err := res.Body.Close(); err != nil || len(c.gates.open) != 0 {
		t.Errorf("closing the body: %v; %d gates left, want none", err, len(c.gates.open))
	}
}

func TestForwardStaysOnGraph(t *testing.T) {
	c := serveAnything(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("sent %s", r.RequestURI) })
	for _, target := range []string{"/../admin", "/me/../../admin", "/me/%2e%2e/%2e%2e/admin", "/me/..%2f..%2fadmin", ""} {
		if res, err := c.Forward(t.Context(), mailbox("tok"), forwarded(t, "GET", "https://elsewhere.example"+target, nil)); err == nil {
			_ = res.Body.Close()
			t.Errorf("%q: got %d, want it refused", target, res.StatusCode)
		}
	}
}

func TestForwardAsksForImmutableIDs(t *testing.T) {
	for prefer, want := range map[string]string{
		"":                        `[IdType="ImmutableId"]`,
		`a, idtype="ImmutableId"`: `[a, idtype="ImmutableId"]`,
		`IdType="Default"`:        `[IdType="Default"]`,
	} {
		c := serveAnything(t, func(_ http.ResponseWriter, r *http.Request) {
			if got := fmt.Sprint(r.Header.Values("Prefer")); got != want {
				t.Errorf("Prefer %q: got %s, want %s", prefer, got, want)
			}
		})
		req := forwarded(t, "GET", "/me/events", nil)
		if prefer != "" {
			req.Header.Set("Prefer", prefer)
		}
		res, err := c.Forward(t.Context(), mailbox("tok"), req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
}

func TestForwardRepeats(t *testing.T) {
	const repeatable, once = true, false
	tests := []struct {
		name   string
		method string
		body   string
		again  bool // GetBody is there
		tokens []string
		status int    // until the token is "new", or always
		want   string // the bodies that came
		result int    // 0: an error
	}{
		{"throttled read", "GET", "", once, []string{"new"}, 429, "[  ]", 429},
		{"throttled write", "POST", "x", repeatable, []string{"new"}, 429, "[x x x]", 429},
		{"throttled write that cannot be repeated", "POST", "x", once, []string{"new"}, 429, "[x]", 429},
		{"unavailable for a read", "GET", "", once, []string{"new"}, 503, "[  ]", 503},
		{"unavailable for a write", "POST", "x", repeatable, []string{"new"}, 503, "[x]", 503},
		{"old token", "POST", "x", repeatable, []string{"old", "new"}, 401, "[x x]", 200},
		{"old token, cannot be repeated", "POST", "x", once, []string{"old", "new"}, 401, "[x]", 401},
		{"refused for good", "POST", "x", repeatable, []string{"old", "older"}, 401, "[x x]", 401},
		{"the same token again", "POST", "x", repeatable, []string{"old", "old"}, 401, "[x]", 401},
		{"no other token", "POST", "x", repeatable, []string{"old"}, 401, "[x]", 0},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			var bodies []string
			c := serveAnything(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				bodies = append(bodies, string(body))
				if tt.status != 401 || r.Header.Get("Authorization") != "Bearer new" {
					w.Header().Set("Retry-After", "5")
					refuse(w, tt.status, "")
				}
			})
			var body io.Reader
			if tt.body != "" {
				body = strings.NewReader(tt.body)
			}
			req := forwarded(t, tt.method, "/me/events", body)
			if !tt.again {
				req.GetBody = nil
			}
			status := 0
			res, err := c.Forward(t.Context(), mailbox(tt.tokens...), req)
			if err == nil {
				status = res.StatusCode
				_ = res.Body.Close()
			}
			if got := fmt.Sprint(bodies); status != tt.result || got != tt.want {
				t.Errorf("got %d, %v after the bodies %s; want %d after %s", status, err, got, tt.result, tt.want)
			}
			if tt.status == 429 {
				time.Sleep(5 * time.Second)
			}
		})
	}
}

// An answer may take longer than a call of our own may.
func TestForwardStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serveAnything(t, func(w http.ResponseWriter, _ *http.Request) {
			for range 3 {
				time.Sleep(time.Minute)
				_, _ = io.WriteString(w, "x")
				_ = http.NewResponseController(w).Flush()
			}
		})
		c.hc.Timeout = 30 * time.Second
		res, err := c.Forward(t.Context(), mailbox("tok"), forwarded(t, "GET", "/me/photo", nil))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for i := range 3 {
			if _, err := res.Body.Read(make([]byte, 1)); err != nil || time.Since(start) != time.Duration(i)*time.Minute {
				t.Errorf("byte %d: came after %v, %v", i, time.Since(start), err)
			}
		}
		_ = res.Body.Close()
	})
}

func TestForwardFails(t *testing.T) {
	c := serveAnything(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := c.Forward(t.Context(), mailbox("tok"), forwarded(t, "POST", "/me/events", strings.NewReader("{}")))
	var unreachable *UnreachableError
	if !errors.As(err, &unreachable) || !unreachable.Sent {
		t.Errorf("got %v, want *UnreachableError, sent", err)
	}
	if len(c.gates.open) != 0 {
		t.Errorf("gates left: got %d, want none", len(c.gates.open))
	}
}
