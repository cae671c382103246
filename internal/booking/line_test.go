package booking

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
)

// The bookings of a room are sent one after the other, as they were accepted; another
// room's don't wait for them.
func TestOneLineForEachRoom(t *testing.T) {
	story(t, func(h *house) {
		other := h.second()
		h.graph.setFault(slowCreations)
		for i, at := range []*house{h, other, h, other} {
			from := []string{"15:00", "12:00", "14:00", "13:00"}[i]
			h.want(at.call(alice, "POST", "/v1/bookings", body(from, from[:2]+":30"), "Prefer", "respond-async"), 202)
		}
		h.want(h.call(bob, "POST", "/v1/bookings", body("10:00", "11:00", "room", "harbour"), "Prefer", "wait=7"), 201)
		h.settle(30 * time.Second)
		var order []string
		for _, e := range h.graph.live() {
			order = append(order, e.Start.In(hongKong).Format("15:04"))
		}
		order = slices.DeleteFunc(order, func(s string) bool { return s == "10:00" })
		if want := []string{"15:00", "12:00", "14:00", "13:00"}; !slices.Equal(order, want) {
			t.Errorf("the events were made in the order %q, want %q", order, want)
		}
		if n := len(h.open()); n > 0 {
			t.Errorf("%d are open", n)
		}
		if h.graph.duplicates > 0 || h.graph.count("GET /me/events?") > 0 {
			t.Error("what was never sent was looked for")
		}
		other.stop()
	})
}

// While Microsoft takes no bookings those behind in a line wait, though it shows what rooms have
// answered to the ones before.
func TestLineStandsWhileAnswersAreRead(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setAnswer(func(*fakeEvent) string { return "none" })
		for _, slot := range [][2]string{{"13:00", "13:15"}, {"13:15", "13:30"}, {"13:30", "13:45"}} {
			h.want(h.book(slot[0], slot[1], "room", "peak"), 202)
		}
		first := h.inVain("boardroom", "15:00", "15:30", "16:00", "16:30")
		second := h.inVain("harbour", "15:00", "15:30", "16:00", "16:30")
		h.settle(time.Hour)
		for _, id := range []string{first[2], second[1], second[2]} {
			if r := h.read(id); r.Tries > 3 { // at first, as it may be one person alone that is ill
				t.Errorf("it is tried %d times though it is not the first: %s, %s", r.Tries, r.Status, r.Reason)
			}
		}
	})
}

// What only one person's connection or mailbox is ill with holds up nobody else.
func TestNobodyWaitsForOnesOwnTrouble(t *testing.T) {
	ofBob := func(do func(r *http.Request, done bool) (*http.Response, error, bool)) func(*http.Request, bool) (*http.Response, error, bool) {
		return func(r *http.Request, done bool) (*http.Response, error, bool) {
			if r.Header.Get("Authorization") != "Bearer "+bob.ID {
				return nil, nil, false
			}
			return do(r, done)
		}
	}
	for name, ill := range map[string]func(h *house){
		"a sign-in is needed": func(h *house) { h.kill(bob, grant.ErrNeedsSignIn) },
		"throttled":           func(h *house) { h.graph.setFault(ofBob(answers(429, "ApplicationThrottled", "Retry-After", "3600"))) },
		"ill":                 func(h *house) { h.graph.setFault(ofBob(answers(503, "ServiceUnavailable"))) },
		"never an answer":     func(h *house) { h.graph.setFault(ofBob(lostReply)) },
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(h *house) {
				h.stop() // bob's is accepted, and comes first
				h.want(h.call(bob, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async"), 202)
				ill(h)
				h.start()
				h.settle(10 * time.Second)
				h.want(h.call(alice, "POST", "/v1/bookings", body("12:00", "13:00"), "Prefer", "wait=10"), 201)
			})
		})
	}
}

// Who cancels what waits in line, and may have been sent, doesn't wait for those before it.
func TestCancelInLine(t *testing.T) {
	story(t, func(h *house) {
		h.stop() // accepted, and killed at once
		h.want(h.call(bob, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async"), 202)
		id := h.call(alice, "POST", "/v1/bookings", body("12:00", "13:00"), "Prefer", "respond-async").text("id")
		h.graph.setFault(onCreate(answers(503, "ServiceUnavailable")))
		h.start()
		h.settle(time.Minute)
		if r := h.read(id); r.Reason != reasonInLine || !r.MaybeSent {
			t.Errorf("in an outage: %+v", r)
		}
		h.want(h.call(alice, "DELETE", "/v1/bookings/"+id, "", "Prefer", "wait=5"), 200, "status", "cancelled")
		h.want(h.call(bob, "POST", "/v1/bookings", body("12:00", "13:00"), "Prefer", "respond-async"), 202)
	})
}
