package booking

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/trail"
)

// became tells what was observed so far, and forgets it.
func (h *house) became() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, e := range h.seen {
		all = append(all, fmt.Sprintf("%s %s %s %v", e.Integration, e.Room, e.Status, e.Took))
	}
	h.seen = nil
	return strings.Join(all, ", ")
}

// pending tells what is on its way by the journal.
func (h *house) pending() string {
	h.t.Helper()
	found, err := h.svc.Pending(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	var all []string
	for _, p := range found {
		all = append(all, fmt.Sprintf("%s %d %s since %v", p.Integration, p.Count, p.Status, p.Oldest.Sub(opening)))
	}
	return strings.Join(all, ", ")
}

// What becomes of bookings is told once each, and what is on its way can be counted.
func TestObserved(t *testing.T) {
	story(t, func(h *house) {
		wants := func(became, pending string) {
			t.Helper()
			if got := h.became(); got != became {
				t.Errorf("observed %q, want %q", got, became)
			}
			if got := h.pending(); got != pending {
				t.Errorf("pending %q, want %q", got, pending)
			}
		}
		r := h.book("10:00", "11:00")
		wants("contoso boardroom accepted 0s, contoso boardroom confirmed 0s", "")
		h.book("10:00", "11:00") // is refused
		wants("", "")

		h.graph.setAnswer(func(*fakeEvent) string { return "none" })
		h.call(alice, "POST", "/v1/bookings", body("12:00", "13:00"), "Prefer", "respond-async")
		h.settle(time.Second / 2) // the room is asked anew after one
		wants("contoso boardroom accepted 0s, contoso boardroom awaiting_room 0s", "contoso 1 awaiting_room since 0s")
		h.graph.setAnswer(func(*fakeEvent) string { return "declined" })
		h.settle(time.Minute + time.Second/2)
		wants("contoso boardroom declined 1s", "")

		h.graph.setAnswer(func(*fakeEvent) string { return "accepted" })
		h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
			if strings.HasSuffix(r.URL.Path, "/getSchedule") && done {
				h.kill(bob, grant.ErrNeedsSignIn)
			}
			return nil, nil, false
		})
		for _, from := range []string{"14:00", "15:00"} {
			h.kill(bob, nil)
			h.want(h.call(bob, "POST", "/v1/bookings", body(from, from[:2]+":30"), "Prefer", "respond-async"), 202)
			h.settle(time.Second)
		}
		wants("contoso boardroom accepted 0s, contoso boardroom needs_sign_in 0s, contoso boardroom accepted 0s, contoso boardroom needs_sign_in 0s",
			"contoso 2 needs_sign_in since 1m1s")
		h.graph.setFault(nil)
		h.kill(bob, nil)
		h.svc.Resume(bob.ID)
		h.settle(time.Second)
		h.became()

		h.graph.setFault(onCreate(answers(http.StatusForbidden, graph.CodeAccessDenied)))
		h.call(alice, "POST", "/v1/bookings", body("16:00", "17:00"))
		wants("contoso boardroom accepted 0s, contoso boardroom failed 0s", "")
		h.graph.setFault(notSent)
		h.call(alice, "DELETE", "/v1/bookings/"+r.text("id"), "", "Prefer", "respond-async")
		h.settle(time.Second)
		wants("", "contoso 1 changing since 0s")
		h.graph.setFault(nil)
		h.settle(time.Minute)
		if got := h.became(); !strings.HasPrefix(got, "contoso boardroom cancelled ") {
			t.Errorf("observed %q", got)
		}
	})
}

// One booking is followed from ONES' name for it to Microsoft's: in the answer, in what
// Graph is sent, in the journal and in the audit log; also by another process.
func TestFollowedToMicrosoft(t *testing.T) {
	story(t, func(h *house) {
		const guid = "5c2f0a31-7d5e-4a0b-9a53-0c9c6c1c4b1e"
		sent := map[string]bool{}
		h.graph.setAnswer(func(*fakeEvent) string { return "none" })
		h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
			if !done {
				sent[r.Header.Get("client-request-id")] = true
			}
			return nil, nil, false
		})
		h.reachBy(naming{h.graph})
		r := h.call("alice@contoso.com", "POST", "/v1/bookings", body("10:00", "11:00"), trail.Header, guid, "Prefer", "wait=1")
		h.want(r, 202)
		if got := r.header.Get(trail.Header); got != guid {
			t.Errorf("the answer is called %q", got)
		}
		journal := func() record {
			t.Helper()
			made, err := h.svc.journal.get(t.Context(), r.text("id"))
			if err != nil {
				t.Fatal(err)
			}
			return made
		}
		if made := journal(); made.Trail.ID != guid || made.GraphRequest != "of-microsoft" {
			t.Errorf("the journal has %+v and %q", made.Trail, made.GraphRequest)
		}
		h.restart()
		h.graph.setAnswer(func(*fakeEvent) string { return "accepted" })
		h.settle(time.Minute)
		h.want(h.call("alice@contoso.com", "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "confirmed")
		if len(sent) != 1 || !sent[guid] {
			t.Errorf("Graph was sent %v, want %s alone", sent, guid)
		}
		if !strings.Contains(h.log.text(), `"outcome":"confirmed","graph_request_id":"of-microsoft"`) {
			t.Error("the audit log doesn't tell what Microsoft calls its answer")
		}
		h.call("alice@contoso.com", "PATCH", "/v1/bookings/"+r.text("id"), `{"subject":"Other"}`, trail.Header, "ONES-2")
		if made := journal(); made.Trail.ID != "ONES-2" {
			t.Errorf("after a change the journal has %+v", made.Trail)
		}
	})
}

// naming has all answers carry Microsoft's name for them.
type naming struct{ graph http.RoundTripper }

func (n naming) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := n.graph.RoundTrip(r)
	if err == nil {
		res.Header.Set("request-id", "of-microsoft")
	}
	return res, err
}

// Each problem says what its request is called.
func TestProblemsAreNamed(t *testing.T) {
	story(t, func(h *house) {
		for name, r := range map[string]reply{
			"of the service":    h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00", "room", "nowhere"), trail.Header, "ONES-1"),
			"of the fields":     h.call(alice, "POST", "/v1/bookings", body("11:00", "10:00"), trail.Header, "ONES-1"),
			"of the validation": h.call(alice, "POST", "/v1/bookings", `{"rooms":1}`, trail.Header, "ONES-1"),
			"of the path":       h.call(alice, "GET", "/v1/nothing", "", trail.Header, "ONES-1"),
			"of the method":     h.call(alice, "PUT", "/v1/bookings", "{}", trail.Header, "ONES-1"),
			"of the caller":     h.call(nil, "GET", "/v1/bookings", "", trail.Header, "ONES-1"),
			"of the type":       h.call(alice, "POST", "/v1/bookings", "{}", trail.Header, "ONES-1", "Content-Type", "text/plain"),
		} {
			if r.status < 400 || r.text("request_id") != "ONES-1" {
				t.Errorf("the problem %s: %d %v", name, r.status, r.body)
			}
		}
	})
}

// The spans of a booking are in the trace of the request that asked for it, and tell
// nobody's name and nothing that it is about.
func TestSpansOfABooking(t *testing.T) {
	story(t, func(h *house) {
		kept := tracetest.NewInMemoryExporter()
		tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(kept)).Tracer("caddy")
		ctx, root := tracer.Start(context.Background(), "request")
		r := httptest.NewRequestWithContext(identity.NewContext(ctx, &alice), "POST", "/v1/bookings", strings.NewReader(body("10:00", "11:00", "body", "Agenda")))
		r.Header.Set("Content-Type", "application/json")
		h.want(h.send(r), 201)
		root.End()
		h.settle(time.Second)
		parents, all := map[string]string{}, fmt.Sprint(kept.GetSpans())
		names := map[string]string{root.SpanContext().SpanID().String(): "request"}
		for _, s := range kept.GetSpans() {
			names[s.SpanContext.SpanID().String()] = s.Name
		}
		for _, s := range kept.GetSpans() {
			if s.SpanContext.TraceID() != root.SpanContext().TraceID() {
				t.Errorf("%s is in another trace", s.Name)
			}
			parents[s.Name] = names[s.Parent.SpanID().String()]
		}
		for name, parent := range map[string]string{
			"booking accept": "request", "graph get_schedule": "booking accept", "booking turn": "booking accept", "graph create_event": "booking turn",
		} {
			if parents[name] != parent {
				t.Errorf("%s is part of %q, want %q; all: %v", name, parents[name], parent, parents)
			}
		}
		for _, private := range []string{"alice", "Alice", "Quarterly", "Agenda", "contoso.com", "event-1"} {
			if strings.Contains(all, private) {
				t.Errorf("a span tells %s", private)
			}
		}
	})
}
