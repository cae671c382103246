package passthrough

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
)

// A house is a handler between a caller and a Graph that answers as a test wants.
type house struct {
	t      testing.TB
	graph  *httptest.Server
	us     *httptest.Server
	who    Caller
	audit  lockedBuffer
	tokens int
	until  time.Time     // when the last call has to be over
	within time.Duration // how long a call may take, if not as long as we let it
	served func()        // is called when a call is over; may be nil

	mu       sync.Mutex
	seen     []*seen
	outcomes []string
}

// A seen is a request that Graph got.
type seen struct {
	*http.Request
	body string
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newHouse(t testing.TB, answer http.HandlerFunc) *house {
	b := &house{t: t, who: Caller{Service: "ones", Person: alice}}
	b.graph = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		b.seen = append(b.seen, &seen{r, string(body)})
		b.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(b.graph.Close)
	client := graph.NewClient(b.graph.URL, b.graph.Client(), time.Now)
	h := New(Config{
		Caller: func(r *http.Request) (Caller, *Refusal) {
			if r.Header.Get("Test-As") == "bob" {
				return Caller{Service: "ones", Person: bob}, nil
			}
			return b.who, nil
		},
		Owner: func(_ context.Context, address string) string {
			if strings.EqualFold(address, bob.Mailbox) {
				return bob.ID
			}
			return ""
		},
		Explain: func(_ context.Context, _ Caller, err error) *Refusal {
			if errors.Is(err, grant.ErrNeedsSignIn) {
				return &Refusal{Status: http.StatusForbidden, Code: "needs_sign_in", Detail: "Sign in.", LoginURL: "https://ones.example/.ones/login"}
			}
			if !graph.Transient(err) && !errors.Is(err, grant.ErrIntegrationDown) {
				return &Refusal{Status: http.StatusInternalServerError, Code: "internal_error", Detail: err.Error()}
			}
			return &Refusal{Status: http.StatusServiceUnavailable, Code: "graph_unavailable", Detail: err.Error()}
		},
		Graph: func(integration string) *graph.Client {
			if integration == "contoso" {
				return client
			}
			return nil
		},
		IsRoom: isRoom,
		Token: func(ctx context.Context, owner string, ask grant.Ask) (string, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.until, _ = ctx.Deadline()
			if owner != alice.ID && owner != bob.ID {
				return "", grant.ErrNeedsSignIn
			}
			if ask.Stale != "" {
				b.tokens++
			}
			return fmt.Sprintf("token-%d", b.tokens), nil
		},
		Observe: func(integration string, o Outcome) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.outcomes = append(b.outcomes, integration+" "+string(o))
		},
		Audit: slog.New(slog.NewTextHandler(&b.audit, nil)),
	})
	b.us = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		base := "http://" + r.Host
		if host := r.Header.Get("Test-Base"); host != "" {
			base = host
		}
		if b.served != nil {
			defer b.served()
		}
		if b.within > 0 {
			ctx, cancel := context.WithTimeout(r.Context(), b.within)
			defer cancel()
			r = r.WithContext(ctx)
		}
		h.Serve(w, r, base)
	}))
	t.Cleanup(b.us.Close)
	return b
}

type reply struct {
	*http.Response
	body string
}

// call calls Graph through us. Headers come in pairs.
func (b *house) call(method, target, body string, headers ...string) reply {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.us.URL+Prefix+target, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, target, err)
	}
	return reply{res, string(text)}
}

// only is the one request that Graph got.
func (b *house) only() *seen {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.seen) != 1 {
		b.t.Fatalf("Graph got %d requests, want 1", len(b.seen))
	}
	return b.seen[0]
}

func (b *house) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.seen)
}

func ok(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json;odata.metadata=minimal")
	_, _ = io.WriteString(w, `{"id":"x"}`)
}
