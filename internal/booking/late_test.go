package booking

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/store"
)

// What an instance writes late, as its store is slow, takes the turn from nobody.
func TestWrittenAfterTheClaim(t *testing.T) {
	story(t, func(h *house) {
		slow := &shaky{Store: h.store.Store}
		h.shared, h.over = true, slow
		h.restart()
		var tries atomic.Int64
		h.graph.setFault(onCreate(func(r *http.Request, done bool) (*http.Response, error, bool) {
			if !done && tries.Add(1) == 1 { // it never leaves the house
				<-r.Context().Done()
				return nil, r.Context().Err(), true
			}
			return slowCreations(r, done)
		}))
		h.want(h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async"), 202)
		others := []*house{h.second(), h.second()}
		time.Sleep(turnLife - time.Second)
		slow.setHold(func([]store.Write) <-chan struct{} {
			held := make(chan struct{})
			time.AfterFunc(writeTimeout-2*time.Second, func() { close(held) })
			return held
		})
		time.Sleep(claimLife - turnLife + time.Second)
		slow.setHold(nil)
		h.settle(time.Minute)
		if h.graph.duplicates > 0 || len(h.graph.live()) != 1 {
			t.Errorf("%d creations in vain, %d events, want none and one", h.graph.duplicates, len(h.graph.live()))
		}
		for _, o := range others {
			o.stop()
		}
	})
}

// Whoever has stood still while they made an event tells of it, and leaves the turn to whom
// it has gone.
func TestMadeAfterTheClaim(t *testing.T) {
	story(t, func(h *house) {
		h.stop()
		h.stop = func() {}
		id := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async").text("id")
		other := h.service()
		at := h.record(id).NextAt
		until := at.Add(claimLife)
		if _, mine, _, err := other.journal.claim(t.Context(), id, &at, until); !mine || err != nil {
			t.Fatalf("claim = %v, %v", mine, err)
		}
		if _, err := h.svc.made(t.Context(), h.record(id), graph.Event{ID: "made"}); err != nil {
			t.Fatal(err)
		}
		if r := h.record(id); r.EventID != "made" || r.Turn != other.journal.instance || !r.NextAt.Equal(until) {
			t.Errorf("event %q, turn of %q until %v, want the event, and the turn as it was: %q until %v", r.EventID, r.Turn, r.NextAt, other.journal.instance, until)
		}
	})
}
