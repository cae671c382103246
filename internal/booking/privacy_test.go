package booking

import (
	"strings"
	"testing"
)

// A private booking's change tells no more than the booking, and nobody at the door is told
// whom it is with.
func TestPendingChangeIsPrivate(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		open := h.book("12:00", "13:00").text("id")
		series := h.book("16:00", "17:00", daily(3)...).text("id")
		h.graph.setFault(onPatch(notSent))
		h.want(h.patch(id, `{"subject":"Merger","private":true,"attendees":["lawyer@example.com"]}`, "Prefer", "wait=1"), 202)
		h.want(h.patch(open, `{"attendees":["lawyer@example.com"]}`, "Prefer", "wait=1"), 202)
		h.graph.setFault(nil)
		h.want(h.call(alice, "PATCH", "/v1/bookings/"+series+"/occurrences/2026-12-02T16:00:00+08:00", `{"subject":"Merger","private":true,"attendees":["lawyer@example.com"]}`), 200)
		for _, as := range []string{"", "room:boardroom"} {
			if r := h.call(as, "GET", "/v1/bookings/"+id, ""); strings.Contains(r.text("pending_change"), "lawyer") || strings.Contains(r.text("pending_change"), "Merger") {
				t.Errorf("%q is told %v", as, r.body)
			}
			if r := h.call(as, "GET", "/v1/bookings/"+series+"/occurrences", ""); strings.Contains(r.text("occurrences"), "lawyer") || strings.Contains(r.text("occurrences"), "Merger") {
				t.Errorf("%q is told %v", as, r.body)
			}
			if r := h.call(as, "GET", "/v1/rooms/boardroom/schedule?from=2026-12-02T00:00:00%2B08:00&to=2026-12-03T00:00:00%2B08:00", ""); strings.Contains(r.text("blocks"), "lawyer") || strings.Contains(r.text("blocks"), "Merger") || strings.Contains(r.text("blocks"), "review") {
				t.Errorf("%q is told %v", as, r.body)
			}
		}
		if r := h.call("room:boardroom", "GET", "/v1/bookings/"+open, ""); strings.Contains(r.text("pending_change"), "lawyer") {
			t.Errorf("at the door: %v", r.body)
		}
	})
}
