package booking

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"
)

// Instances that share a store leave a booking's turn to one of them, and take up
// what one has left behind when its claim runs out.
func TestInstancesTakeTurns(t *testing.T) {
	story(t, func(h *house) {
		h.stop() // accepted, and killed at once
		h.graph.setAnswer(func(*fakeEvent) string { return "none" })
		r := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async")
		h.want(r, 202)
		others := []*Service{h.service(), h.service(), h.service()}
		h.stop = run(false, others...)
		h.settle(claimLife - time.Second)
		if n := h.graph.count("POST /me/events"); n != 0 {
			t.Errorf("creations while the claim of the dead lasts: %d, want 0", n)
		}
		h.settle(3 * time.Second)
		if n := h.graph.count("POST /me/events"); n != 1 || h.graph.duplicates != 0 {
			t.Errorf("creations: %d, %d in vain, want 1 and 0", n, h.graph.duplicates)
		}
		// The room is asked 1, 2, 4, 8, 15, 30 and 60 s after each other.
		h.settle(80 * time.Second)
		if n := h.graph.count("GET /me/events/"); n != 6 {
			t.Errorf("looks for the room's answer: %d, want 6", n)
		}
		// Whoever waits at one instance hears what another one has found out.
		h.graph.setAnswer(func(*fakeEvent) string { return "accepted" })
		b, settled, err := others[0].Wait(context.Background(), Caller{Person: &alice}, r.text("id"), 10*time.Minute)
		if err != nil || !settled || b.Status != Confirmed {
			t.Errorf("Wait = %v, %v, %v, want confirmed", b.Status, settled, err)
		}
	})
}

// However many instances are asked for one slot at once, one booking is made.
func TestInstancesShareRooms(t *testing.T) {
	story(t, func(h *house) {
		other := &house{t: t, graph: h.graph, store: h.store, world: h.world, log: h.log, dead: h.dead, state: h.state, router: h.router}
		other.start()
		h.store.setPause(time.Millisecond)
		var all sync.WaitGroup
		var mu sync.Mutex
		statuses := map[int]int{}
		for i, at := range slices.Repeat([]*house{h, other}, 20) {
			all.Go(func() {
				// Half of them for another time in the room: these all meet in the store.
				from, to := "10:00", "11:00"
				if i%4 > 1 {
					from, to = fmt.Sprintf("%02d:%02d", 12+i/8, i%8*5), fmt.Sprintf("%02d:%02d", 12+i/8, i%8*5+5)
				}
				r := at.call(alice, "POST", "/v1/bookings", body(from, to), "Prefer", "wait=30")
				mu.Lock()
				defer mu.Unlock()
				statuses[r.status]++
			})
		}
		all.Wait()
		other.stop()
		if want := map[int]int{201: 1 + 20, 409: 19}; !maps.Equal(statuses, want) || len(h.graph.events) != 21 {
			t.Errorf("answers: %v, %d events; want %v, and 21", statuses, len(h.graph.events), want)
		}
	})
}
