package booking

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
)

// outlook changes the event as its organizer does in Outlook.
func (h *house) outlook(f func(*fakeEvent)) {
	h.graph.mu.Lock()
	defer h.graph.mu.Unlock()
	f(h.graph.events[0])
}

// What the person has changed in Outlook, and not asked for here, stays.
func TestOutlookStays(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", "attendees", []string{"bob@contoso.com", "carol@contoso.com"}).text("id")
		h.outlook(func(e *fakeEvent) {
			e.Start, e.End = opening.Add(2*time.Hour), opening.Add(3*time.Hour)
			e.People = []string{"carol@contoso.com", "dan@contoso.com"}
		})
		h.want(h.patch(id, `{"subject":"Budget"}`), 200, "last_change.status", "made")
		e := h.graph.events[0]
		if !e.Start.Equal(opening.Add(2*time.Hour)) || !slices.Equal(e.People, []string{"carol@contoso.com", "dan@contoso.com"}) {
			t.Errorf("the event: %v %v", e.Start, e.People)
		}
		h.want(h.patch(id, `{"attendees":["bob@contoso.com","eve@contoso.com"]}`), 200)
		if want := []string{"dan@contoso.com", "eve@contoso.com"}; !slices.Equal(e.People, want) {
			t.Errorf("attendees: %v, want %v", e.People, want)
		}
	})
}

// While the room declines for its organizer, it is too late to check in.
func TestCheckInWhileTheRoomReleases(t *testing.T) {
	story(t, func(h *house) {
		h.checkIn(10 * time.Minute)
		h.connect("boardroom", grant.Connected)
		id := h.book("10:00", "11:00").text("id")
		h.kill(alice, grant.ErrNeedsSignIn)
		h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
			if done && strings.HasSuffix(r.URL.Path, "/decline") {
				time.Sleep(5 * time.Second)
			}
			return nil, nil, false
		})
		h.until("10:10:03")
		h.want(h.door(id, "check-in", ""), 409, "code", "invalid_state")
		h.until("10:11:00")
		h.want(h.call("", "GET", "/v1/bookings/"+id, ""), 200, "status", "released")
	})
}

// An answer from before is none to putting the booking back.
func TestPutBackIsAnsweredAnew(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		h.graph.setAnswer(func(e *fakeEvent) string {
			if e.Start.Equal(opening.Add(time.Hour)) {
				return "accepted"
			}
			return "declined"
		})
		h.graph.mu.Lock()
		h.graph.keepsAnswers = 3 * time.Second
		h.graph.mu.Unlock()
		h.patch(id, `{"start":"2026-12-01T14:00:00+08:00","end":"2026-12-01T15:00:00+08:00"}`)
		h.settle(time.Minute)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed", "start", "2026-12-01T10:00:00+08:00", "last_change.status", "declined")
		if len(h.graph.live()) != 1 {
			t.Error("the event is gone")
		}
	})
}

// Where Microsoft doesn't let a booking be put back, it isn't called confirmed.
func TestPutBackRefused(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		h.graph.setAnswer(func(*fakeEvent) string { return "declined" })
		patches := 0
		h.graph.setFault(onPatch(func(r *http.Request, done bool) (*http.Response, error, bool) {
			if !done {
				patches++
			}
			return refused(r, 400, "ErrorPropertyValidationFailure"), nil, !done && patches > 1
		}))
		h.patch(id, `{"start":"2026-12-01T14:00:00+08:00","end":"2026-12-01T15:00:00+08:00"}`)
		h.settle(time.Minute)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "declined")
		if len(h.graph.live()) != 0 {
			t.Error("the event is left without a room")
		}
	})
}

// What may have reached Microsoft of a series is not sent again without looking.
func TestSeriesChangesAreSentOnce(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(4)...).text("id")
		h.graph.setFault(onPatch(times(1, lostReply)))
		h.want(h.call(alice, "DELETE", date(id, "03")+"?scope=following", "", "Prefer", "wait=30"), 200)
		h.graph.setFault(onPatch(times(1, lostReply)))
		h.want(h.patch(id, `{"start":"2026-12-01T12:00:00+08:00","end":"2026-12-01T13:00:00+08:00"}`, "Prefer", "wait=30"), 200)
		if n := h.graph.events[0].Patches; n != 2 {
			t.Errorf("%d changes of the event, want 2", n)
		}
	})
}
