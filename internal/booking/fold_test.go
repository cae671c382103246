package booking

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
)

// Who goes to another room before the event is made leaves the line of the old one, which
// moves up.
func TestFoldToAnotherRoom(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setFault(onCreate(func(*http.Request, bool) (*http.Response, error, bool) { return nil, grant.ErrIntegrationDown, true }))
		first := h.book("10:00", "11:00", "room", "peak").text("id")
		next := h.call(bob, "POST", "/v1/bookings", body("12:00", "13:00", "room", "peak"), "Prefer", "respond-async").text("id")
		h.settle(5 * time.Second)
		h.graph.setFault(nil)
		h.want(h.patch(first, `{"room":"harbour"}`), 200, "room", "harbour", "status", "confirmed")
		h.settle(3 * time.Second)
		h.want(h.call(bob, "GET", "/v1/bookings/"+next, ""), 200, "status", "confirmed")
	})
}

// An instance that has stood still since it read a booking with a change doesn't call made
// what is asked for by now.
func TestFoldAfterStandingStill(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setFault(notSent)
		id := h.book("10:00", "11:00", "room", "peak").text("id")
		h.stop()
		h.want(h.patch(id, `{"start":"2026-12-01T12:00:00+08:00","end":"2026-12-01T13:00:00+08:00"}`, "Prefer", "respond-async"), 202)
		still, read := h.svc, h.read(id)
		h.graph.setFault(nil)
		h.start()
		h.settle(2 * claimLife)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed", "start", "2026-12-01T12:00:00+08:00")
		h.graph.setFault(onPatch(notSent))
		h.want(h.patch(id, `{"start":"2026-12-01T14:00:00+08:00","end":"2026-12-01T15:00:00+08:00"}`), 202)
		if _, err := still.send(context.Background(), read, true); !errors.Is(err, errClosed) {
			t.Errorf("send: %v, want %v", err, errClosed)
		}
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "start", "2026-12-01T12:00:00+08:00", "pending_change.start", "2026-12-01T14:00:00+08:00")
	})
}

// A change of what is cancelled before it is sent is not called made.
func TestFoldOfCancelled(t *testing.T) {
	story(t, func(h *house) {
		h.stop()
		id := h.book("10:00", "11:00", "room", "peak").text("id")
		h.want(h.patch(id, `{"subject":"Budget"}`, "Prefer", "respond-async"), 202)
		h.want(h.call(alice, "DELETE", "/v1/bookings/"+id, "", "Prefer", "respond-async"), 202)
		h.stop = run(true, h.svc)
		h.settle(time.Minute)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "cancelled", "last_change.status", "failed", "subject", "Quarterly review")
		if n := len(h.graph.events); n != 0 {
			t.Errorf("%d events, want none", n)
		}
	})
}

// read is a booking as the journal has it.
func (h *house) read(id string) record {
	h.t.Helper()
	r, err := h.svc.journal.get(context.Background(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// What may have been sent, and is not there, is made as its change has it, also after the
// time before; should it come to be there meanwhile, it is moved.
func TestChangeOfWhatMayHaveBeenSent(t *testing.T) {
	for name, late := range map[string]bool{"it never was": false, "it was, and comes late": true} {
		t.Run(name, func(t *testing.T) {
			story(t, func(h *house) {
				h.graph.setFault(onCreate(answers(503, "ServiceUnavailable")))
				id := h.book("10:00", "11:00", "room", "peak").text("id")
				h.graph.setFault(notSent)
				h.want(h.patch(id, `{"start":"2026-12-01T12:00:00+08:00","end":"2026-12-01T13:00:00+08:00"}`), 202, "status", "accepted")
				h.settle(90 * time.Minute) // it is 10:30 in Hong Kong
				h.graph.setFault(onCreate(times(1, func(_ *http.Request, done bool) (*http.Response, error, bool) {
					if r := h.read(id); late && !done {
						h.graph.mu.Lock()
						defer h.graph.mu.Unlock()
						h.graph.events = append(h.graph.events, &fakeEvent{
							ID: "late", Owner: alice.ID, TransactionID: r.TransactionID, Room: r.RoomAddress, Response: "none", Start: r.Start, End: r.End,
							Body: map[string]any{"singleValueExtendedProperties": []any{map[string]any{"value": id}}, "subject": r.Request.Subject},
						})
					}
					return nil, nil, false
				})))
				h.settle(20 * time.Minute)
				h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed", "start", "2026-12-01T12:00:00+08:00", "last_change.status", "made")
				if all := h.graph.live(); len(all) != 1 || !all[0].Start.Equal(opening.Add(3*time.Hour)) {
					t.Errorf("events: %+v", all)
				}
			})
		})
	}
}
