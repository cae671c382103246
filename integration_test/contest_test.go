package integration_test

import (
	"fmt"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// contest has so many people ask for one slot at once, at gateways in turn, and counts
// what they are answered.
func contest(t *testing.T, people int, gateways ...*world) {
	t.Helper()
	w := gateways[0]
	for i := range people {
		newVisitor(t, w.home).signIn(employee(i))
	}
	slot := meeting("boardroom", 1, 10)
	var mu sync.Mutex
	answers, clashes := map[int]int{}, 0
	var asking sync.WaitGroup
	for i := range people {
		ones := newVisitor(t, fmt.Sprintf("http://127.0.0.1:%d", gateways[i%len(gateways)].service))
		req := ones.request(http.MethodPost, "/v1/bookings", slot, "Authorization", "Bearer "+serviceToken, "Ones-Act-As", employee(i), "Prefer", "wait=30")
		asking.Go(func() {
			a, err := ones.try(req)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			answers[a.StatusCode]++
			if a.StatusCode == http.StatusConflict && a.json(t)["code"] == "room_conflict" && len(a.json(t)["clashes"].([]any)) == 1 {
				clashes++
			}
		})
	}
	asking.Wait()
	if want := map[int]int{http.StatusCreated: 1, http.StatusConflict: people - 1}; !maps.Equal(answers, want) || clashes != people-1 {
		t.Errorf("the answers are %v, %d of them with the clash; want %v", answers, clashes, want)
	}
	if n := w.eventsNamed("boardroom@contoso.example", "Quarterly review"); n != 1 {
		t.Errorf("the room has %d meetings, want one", n)
	}
}

func TestHundredWantOneSlot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, staff(100))
	w.write(nil)
	w.gateway()
	contest(t, 100, w)
}

func TestHundredWantOneSlotAtTwoGateways(t *testing.T) {
	t.Parallel()
	c := newCluster(t, staff(100))
	first, _ := c.next()
	second, _ := c.next()
	contest(t, 100, first, second)
}

// Somebody decides for a room, which has not answered yet, and declines: the booking says so
// and why, the event is gone, and others may have the time.
func TestDeclinedLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *m365.Config) {
		for i := range c.Tenants[0].Rooms {
			c.Tenants[0].Rooms[i].AnswerDelay = m365.Duration(5 * time.Minute)
		}
	})
	w.write(nil)
	w.gateway()
	for _, mail := range []string{alice, bob} {
		newVisitor(t, w.home).signIn(mail)
	}
	id := w.asks(alice, meeting("boardroom", 1, 10))
	w.until(id, func(b map[string]any) bool { return b["status"] == "awaiting_room" })
	event := w.serve(http.MethodGet, "/v1/bookings/"+id, nil).json(t)["graph"].(map[string]any)["event_id"]
	w.sim(http.MethodPost, "/_sim/rooms", map[string]any{
		"room": "boardroom", "event": event, "answer": "declined", "reason": "It is being painted.",
	})
	b := w.until(id, func(b map[string]any) bool { return b["status"] == "declined" })
	if r := b["room_response"].(map[string]any); r["status"] != "declined" || r["reason"] == nil || b["reason"] == nil {
		t.Errorf("it doesn't say why: %s", pretty(b))
	}
	within(t, "the end of the event", func() bool { return w.eventsNamed(alice, "Quarterly review") == 0 })
	if a := w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 1, 10), "Ones-Act-As", bob, "Prefer", "respond-async"); a.StatusCode != http.StatusAccepted {
		t.Errorf("somebody else: %d %s", a.StatusCode, a.body)
	}
}
