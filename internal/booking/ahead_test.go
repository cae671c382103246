package booking

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// Where nobody else is on the store, the room's answer is told before it is written down, and
// who asks for the booking then waits until it is; else it is told after.
func TestToldBeforeWritten(t *testing.T) {
	for _, sole := range []bool{true, false} {
		story(t, func(h *house) {
			h.stop()
			h.shared = !sole
			h.start()
			written := make(chan struct{})
			n := 0
			h.store.setHold(func(writes []store.Write) <-chan struct{} {
				if !slices.ContainsFunc(writes, func(w store.Write) bool { return strings.HasPrefix(w.Key, recordPrefix) }) {
					return nil
				}
				if n++; n == 2 {
					return written
				}
				return nil
			})
			ask := func(method, target, body string) <-chan reply {
				answered := make(chan reply, 1)
				go func() { answered <- h.call(alice, method, target, body, "Prefer", "wait=30") }()
				return answered
			}
			h.graph.setFault(slowCreations) // so the caller waits before there is something to tell
			booked := ask("POST", "/v1/bookings", body("10:00", "11:00"))
			time.Sleep(6 * time.Second)
			synctest.Wait()
			if len(booked) == 1 != sole {
				t.Errorf("sole %v: answered before it is written: %v", sole, len(booked) == 1)
			}
			var read <-chan reply
			if sole {
				r := <-booked
				h.want(r, 201, "status", "confirmed", "version", "2")
				read = ask("GET", "/v1/bookings/"+r.text("id"), "")
				synctest.Wait()
				if len(read) > 0 {
					t.Errorf("it was read before it was written: %v", <-read)
				}
			}
			close(written)
			if !sole {
				r := <-booked
				h.want(r, 201, "status", "confirmed", "version", "2")
				read = ask("GET", "/v1/bookings/"+r.text("id"), "")
			}
			h.want(<-read, 200, "status", "confirmed", "version", "2")
		})
	}
}

// What was told but could not be written is found again in the calendar, and is there once.
func TestToldAndLost(t *testing.T) {
	story(t, func(h *house) {
		n := 0
		h.store.setFail(func(writes []store.Write) error {
			if !slices.ContainsFunc(writes, func(w store.Write) bool { return strings.HasPrefix(w.Key, recordPrefix) }) {
				return nil
			}
			if n++; n == 2 {
				return store.ErrFull
			}
			return nil
		})
		h.graph.setFault(slowCreations) // so the caller waits before there is something to tell
		r := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "wait=30")
		h.want(r, 201, "status", "confirmed")
		h.settle(claimLife + 5*time.Second)
		h.want(h.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "confirmed", "version", "2")
		if len(h.graph.events) != 1 || h.graph.duplicates > 0 {
			t.Errorf("%d events, %d sent again", len(h.graph.events), h.graph.duplicates)
		}
	})
}
