package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/onesgate/onesgate/internal/trail"
)

// observed collects what a client is seen to do.
type observed struct {
	mu    sync.Mutex
	calls []Call
}

func (o *observed) note(_ context.Context, c Call) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = append(o.calls, c)
}

// outcomes are those of the calls so far, and forgets them.
func (o *observed) outcomes() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []string
	for _, c := range o.calls {
		all = append(all, c.Name+" "+c.Outcome())
	}
	o.calls = nil
	return strings.Join(all, ", ")
}

// Each request is seen once, with what came of it.
func TestOutcomes(t *testing.T) {
	for status, want := range map[int]string{
		200: "get_event ok", 302: "get_event ok", 400: "get_event refused", 401: "get_event unauthorized, get_event unauthorized",
		403: "get_event forbidden", 404: "get_event not_found", 410: "get_event not_found", 409: "get_event conflict", 412: "get_event conflict",
		429: "get_event throttled, get_event throttled, get_event throttled", 500: "get_event failed",
		503: "get_event failed, get_event failed, get_event failed",
	} {
		bubble(t, fmt.Sprint(status), func(t *testing.T) {
			c, seen := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }), new(observed)
			c.Observe = seen.note
			_, _ = c.Event(t.Context(), mailbox("one", "two"), "E1")
			if got := seen.outcomes(); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
	bubble(t, "no answer", func(t *testing.T) {
		c, seen := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), new(observed)
		c.Observe = seen.note
		_, _ = c.CreateEvent(t.Context(), mailbox("one"), Event{})
		if got := seen.outcomes(); got != "create_event no_answer" {
			t.Errorf("got %s", got)
		}
	})
}

// How long a call has waited for its mailbox is told apart from how long Graph took; one
// that had no place, or whose caller has left, is no fault of Graph's.
func TestWaits(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		c, seen := serve(t, func(http.ResponseWriter, *http.Request) { time.Sleep(3 * time.Second) }), new(observed)
		c.Observe = seen.note
		var all sync.WaitGroup
		for range mailboxLimit + 1 {
			all.Go(func() { _, _ = c.Event(t.Context(), mailbox("one"), "E1") })
		}
		all.Wait()
		last := seen.calls[mailboxLimit]
		if last.Waited != 3*time.Second || last.Took != 3*time.Second {
			t.Errorf("the last one waited %v and took %v, want 3s each", last.Waited, last.Took)
		}
		seen.outcomes()
		for range mailboxLimit {
			all.Go(func() { _, _ = c.Event(t.Context(), mailbox("one"), "E1") })
		}
		time.Sleep(time.Second)
		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _ = c.Event(hurried, mailbox("one"), "E1")
		left, leave := context.WithCancel(t.Context())
		leave()
		_, _ = c.Event(left, mailbox("one"), "E1")
		if got, want := seen.outcomes(), "get_event busy, get_event given_up"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		all.Wait()
	})
}

// What is asked for on a trail carries its name to Microsoft, and brings back Microsoft's; a
// span tells the same, and nobody's name.
func TestTrailToGraph(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		sent, seen := "", new(observed)
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			sent = r.Header.Get("client-request-id")
			w.Header().Set("request-id", "of-microsoft")
			refuse(w, http.StatusNotFound, CodeItemNotFound)
		})
		c.Observe = seen.note
		kept := tracetest.NewInMemoryExporter()
		ctx, root := sdktrace.NewTracerProvider(sdktrace.WithSyncer(kept)).Tracer("caddy").Start(t.Context(), "request")
		r := httptest.NewRequest(http.MethodPost, "/", nil).WithContext(ctx)
		r.Header.Set(trail.Header, "5c2f0a31-7d5e-4a0b-9a53-0c9c6c1c4b1e")
		ctx = trail.Follow(httptest.NewRecorder(), r).Context()
		_, err := c.Event(ctx, mailbox("a-token"), "alices-event")
		root.End()
		var refused *Error
		if !errors.As(err, &refused) || refused.RequestID != "of-microsoft" || refused.ClientRequestID != sent {
			t.Errorf("the error is %v", err)
		}
		if call := seen.calls[0]; sent != trail.ID(ctx) || call.ClientRequestID != sent || call.RequestID != "of-microsoft" || trail.LastAnswered(ctx) != "of-microsoft" {
			t.Errorf("sent %q, seen %+v, remembered %q", sent, call, trail.LastAnswered(ctx))
		}
		span := kept.GetSpans()[0]
		text := fmt.Sprint(span.Name, span.Attributes, span.Status)
		for _, want := range []string{"graph get_event", "404", "of-microsoft", sent, OutcomeNotFound} {
			if !strings.Contains(text, want) {
				t.Errorf("the span doesn't tell %s: %s", want, text)
			}
		}
		for _, secret := range []string{"alice", "a-token", "/me/"} {
			if strings.Contains(text, secret) {
				t.Errorf("the span tells %s: %s", secret, text)
			}
		}
	})
}
