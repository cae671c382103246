package booking

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// slowLooks has each look into the rooms' calendars take a second.
func slowLooks(r *http.Request, done bool) (*http.Response, error, bool) {
	if !done && strings.HasSuffix(r.URL.Path, "/getSchedule") {
		time.Sleep(time.Second)
	}
	return nil, nil, false
}

// A call that is sent again while the first one is on its way leads to the same booking.
func TestFollowingAskedTwiceAtOnce(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(4)...).text("id")
		h.graph.setFault(slowLooks)
		var both sync.WaitGroup
		var got [2]reply
		for i := range got {
			both.Go(func() {
				got[i] = h.call(alice, "PATCH", date(id, "03")+"?scope=following", `{"room":"peak"}`, "Prefer", "wait=30", "Idempotency-Key", "key-1")
			})
		}
		both.Wait()
		h.want(got[0], 200, "status", "confirmed")
		h.want(got[1], 200, "id", got[0].text("id"))
		if a, b := got[0].header.Get("Idempotent-Replayed"), got[1].header.Get("Idempotent-Replayed"); a == b {
			t.Errorf("replayed: %q and %q, want one of them", a, b)
		}
		if n := len(h.graph.live()); n != 2 {
			t.Errorf("%d events, want 2", n)
		}
	})
}

// A key that something else was asked for with meanwhile is refused, and cuts nothing.
func TestFollowingWithAKeyThatIsTakenMeanwhile(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(4)...).text("id")
		h.graph.setFault(slowLooks)
		h.store.setPause(time.Millisecond)
		var cut sync.WaitGroup
		cut.Go(func() {
			h.want(h.call(alice, "PATCH", date(id, "03")+"?scope=following", `{"room":"peak"}`, "Idempotency-Key", "key-1"), 422, "code", "idempotency_mismatch")
		})
		time.Sleep(500 * time.Millisecond)
		h.graph.setFault(nil)
		h.want(h.call(alice, "POST", "/v1/bookings", body("14:00", "15:00"), "Idempotency-Key", "key-1"), 201)
		cut.Wait()
		if got := h.statuses(id); got != "confirmed confirmed confirmed confirmed" {
			t.Errorf("occurrences: %s", got)
		}
	})
}
