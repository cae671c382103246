package booking

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Who cancels in Outlook frees the room here too, when somebody else wants it.
func TestCancelledInOutlook(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		h.graph.mu.Lock()
		h.graph.events[0].Cancelled = true
		h.graph.mu.Unlock()
		h.want(h.call(bob, "POST", "/v1/bookings", body("10:30", "11:30")), 201)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "cancelled", "reason", reasonDeleted)
	})
}

// Who moves a meeting in Outlook, or takes the room out of it, does so here too.
func TestMovedInOutlook(t *testing.T) {
	story(t, func(h *house) {
		moved := h.book("10:00", "11:00").text("id")
		out := h.book("12:00", "13:00").text("id")
		h.graph.mu.Lock()
		h.graph.events[0].Start, h.graph.events[0].End = opening.Add(6*time.Hour), opening.Add(7*time.Hour)
		h.graph.events[1].Room = ""
		h.graph.mu.Unlock()
		h.want(h.call(bob, "POST", "/v1/bookings", body("10:00", "13:00")), 201)
		h.want(h.call(alice, "GET", "/v1/bookings/"+moved, ""), 200, "status", "confirmed", "start", "2026-12-01T15:00:00+08:00")
		h.want(h.call(alice, "GET", "/v1/bookings/"+out, ""), 200, "status", "cancelled", "reason", reasonUninvited)
		h.want(h.call(bob, "POST", "/v1/bookings", body("15:30", "16:00", "subject", "x")), 409, "code", "room_conflict")
	})
}

// What can't be looked at, or is there still, is held still.
func TestHeldStill(t *testing.T) {
	story(t, func(h *house) {
		h.want(h.book("10:00", "11:00"), 201)
		h.want(h.call(bob, "POST", "/v1/bookings", body("10:30", "11:30")), 409, "code", "room_conflict")
		if n := h.graph.count("GET /me/events/"); n != 1 {
			t.Errorf("the event was asked %d times, want once: the calendar shows that the room is taken", n)
		}
		h.graph.setFault(notSent)
		h.want(h.call(bob, "POST", "/v1/bookings", body("10:30", "11:30")), 409, "code", "room_conflict")
	})
}

// A room that changes its mind is heard when its calendar is looked at, and when the booking
// is changed.
func TestDeclinedAfterwards(t *testing.T) {
	story(t, func(h *house) {
		seen := h.book("10:00", "11:00").text("id")
		changed := h.book("12:00", "13:00").text("id")
		h.settle(2 * time.Minute)
		h.graph.mu.Lock()
		for _, e := range h.graph.events {
			e.Response, e.AnsweredAt = "declined", time.Now()
		}
		h.graph.mu.Unlock()
		h.want(h.patch(changed, `{"subject":"Budget"}`), 409, "code", "room_declined", "booking.status", "declined")
		h.want(h.call(bob, "GET", "/v1/rooms/boardroom/schedule?from=2026-12-01T09:00:00%2B08:00&to=2026-12-01T18:00:00%2B08:00", ""), 200, "blocks", "[]")
		h.settle(10 * time.Second)
		h.want(h.call(alice, "GET", "/v1/bookings/"+seen, ""), 200, "status", "declined")
		if n := len(h.graph.live()); n != 0 {
			t.Errorf("%d events are left, want none", n)
		}
	})
}

// A cancellation that waits for Microsoft is seen.
func TestCancellationOnItsWay(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		h.graph.setFault(notSent)
		h.want(h.call(alice, "DELETE", "/v1/bookings/"+id, "", "Prefer", "wait=1"), 202, "status", "confirmed", "pending_change.kind", "cancel")
		h.want(h.patch(id, `{"subject":"x"}`), 409, "detail", errCancelling.detail)
		h.graph.setFault(nil)
		h.settle(time.Minute)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "cancelled", "pending_change", "null")
	})
}

// A schedule doesn't fail for a mailbox that doesn't answer when a booking is looked at anew.
func TestRecheckHangs(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		h.settle(2 * time.Minute)
		h.outlook(func(e *fakeEvent) { e.Cancelled = true })
		h.graph.setFault(func(r *http.Request, _ bool) (*http.Response, error, bool) {
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/events/") {
				<-r.Context().Done()
				return nil, r.Context().Err(), true
			}
			return nil, nil, false
		})
		h.want(h.call(bob, "GET", "/v1/rooms/boardroom/schedule?from=2026-12-01T09:00:00%2B08:00&to=2026-12-01T18:00:00%2B08:00", ""), 200)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed")
	})
}
