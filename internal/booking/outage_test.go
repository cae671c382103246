package booking

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/storetest"
)

// A crowd is Graph for many: it answers in the time that Graph takes, may be down, and
// counts who is at each mailbox at once.
type crowd struct {
	mu     sync.Mutex
	down   bool
	vain   int            // calls while it was down
	at     map[string]int // calls under way, by mailbox
	most   int            // of them, ever
	byID   map[string]*fakeEvent
	byWhom map[string][]*fakeEvent
	made   map[string][]string // the bookings of each room's events, as these were made
	twice  int                 // creations that met their event
}

// took is how long Graph takes for a call.
const took = 200 * time.Millisecond

// RoundTrip implements http.RoundTripper.
func (c *crowd) RoundTrip(r *http.Request) (*http.Response, error) {
	who := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at[who]++
	c.most = max(c.most, c.at[who])
	defer func() { c.at[who]-- }()
	c.mu.Unlock()
	time.Sleep(took)
	c.mu.Lock()
	if c.down {
		c.vain++
		return refused(r, 503, "ServiceUnavailable"), nil
	}
	w := httptest.NewRecorder()
	switch path := strings.TrimPrefix(r.URL.Path, "/v1.0/me/"); path {
	case "calendar/getSchedule":
		write(w, 200, map[string]any{"value": []any{}})
	case "calendarView":
		found := []any{}
		for _, e := range c.byWhom[who] {
			found = append(found, e.wire())
		}
		write(w, 200, map[string]any{"value": found})
	case "events":
		if r.Method == http.MethodPost {
			write(w, 201, c.create(r, who).wire())
			break
		}
		found := []any{}
		for _, e := range c.byWhom[who] {
			if strings.Contains(r.URL.Query().Get("$filter"), e.Comment) {
				found = append(found, e.wire())
			}
		}
		write(w, 200, map[string]any{"value": found})
	default:
		e := c.byID[strings.TrimPrefix(path, "events/")]
		e.Response = "accepted"
		write(w, 200, e.wire())
	}
	return w.Result(), nil
}

func (c *crowd) create(r *http.Request, who string) *fakeEvent {
	var in struct {
		TransactionID                 string
		SingleValueExtendedProperties []struct{ Value string }
		Location                      struct{ LocationEmailAddress string }
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	for _, e := range c.byWhom[who] {
		if e.TransactionID == in.TransactionID {
			c.twice++
			return e
		}
	}
	e := &fakeEvent{ID: fmt.Sprint("event-", len(c.byID)), TransactionID: in.TransactionID, Comment: in.SingleValueExtendedProperties[0].Value, Room: in.Location.LocationEmailAddress, Response: "none"}
	c.byID[e.ID] = e
	c.byWhom[who] = append(c.byWhom[who], e)
	c.made[e.Room] = append(c.made[e.Room], in.SingleValueExtendedProperties[0].Value)
	return e
}

func (c *crowd) setDown(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = down
}

// Graph is away, for half an hour in a soak, and 20 bookings a second come all the while.
// Afterwards all of them go to Microsoft, those of each room in the order in which they were
// accepted, and nobody's mailbox is asked for too much at once.
func TestOutage(t *testing.T) {
	const (
		staff, rooms = 500, 200
		every        = 50 * time.Millisecond
	)
	outage := time.Duration(storetest.Rounds(t, "ONESGATE_OUTAGE_MINUTES", 3)) * time.Minute
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(opening))
		h := newHouse(t)
		g := &crowd{at: map[string]int{}, byID: map[string]*fakeEvent{}, byWhom: map[string][]*fakeEvent{}, made: map[string][]string{}, down: true}
		h.reachBy(g)
		directory := people.New(h.store, time.Now)
		callers := make([]Caller, staff)
		for i := range callers {
			mail := fmt.Sprint("p", i, "@contoso.com")
			p := identity.Person{ID: fmt.Sprint("t1.p", i), TenantID: "t1", Integration: "contoso", Email: mail, Mailbox: mail}
			if err := directory.SignedIn(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			callers[i] = Caller{Person: &p, Service: "ones"}
		}
		h.world.Rooms = map[string]Room{}
		for i := range rooms {
			name := fmt.Sprint("r", i)
			h.world.Rooms[name] = Room{Name: name, Integration: "contoso", Address: name + "@contoso.com", Title: name, TimeZone: hongKong}
		}
		accepted := map[string][]string{} // the bookings of each room, as they were accepted
		h.store.setAfter(func(writes []store.Write) error {
			var r record
			if strings.HasPrefix(writes[0].Key, recordPrefix) && *writes[0].If == store.Absent {
				_ = json.Unmarshal(writes[0].Value, &r)
				accepted[r.RoomAddress] = append(accepted[r.RoomAddress], r.ID)
			}
			return nil
		})
		h.start()

		var asking sync.WaitGroup
		book := func(n int) {
			// Each in a minute of its own, so that distinct slots meet in rooms alone.
			start := opening.AddDate(0, 0, 1).Add(time.Duration(n/rooms) * time.Minute)
			_, _, err := h.svc.Create(t.Context(), callers[n*7%staff], Request{
				Room: fmt.Sprint("r", n%rooms), Subject: "x", Start: start.Format(time.RFC3339), End: start.Add(time.Minute).Format(time.RFC3339),
			}, "")
			if err != nil {
				t.Error(err)
			}
		}
		for n := range int(outage / every) {
			asking.Go(func() { book(n) })
			time.Sleep(every)
		}
		asking.Wait()
		waiting, vain := len(h.open()), g.vain
		if want := int(outage / every); waiting < want { // one that moves meanwhile may be seen twice
			t.Errorf("%d bookings wait in the end, want %d", waiting, want)
		}
		g.setDown(false)
		began := time.Now()
		for len(h.open()) > 0 && time.Since(began) < 2*outage {
			time.Sleep(5 * time.Second)
		}
		drained := time.Since(began)
		t.Logf("%d bookings within %v of the end of the outage, in which %d calls were made in vain", waiting, drained, vain)
		// 64 at once, of whose calls each takes its time, after a while until it is noticed.
		if most := 2*tendEvery + time.Duration(waiting)*5*took/maxUrgent; drained > most {
			t.Errorf("after %v %d are open; want none after %v", drained, len(h.open()), most)
		}
		for room, ids := range accepted {
			if !slices.Equal(ids, g.made[room]) {
				t.Errorf("the %s has got %d meetings, want %d, as they were accepted", room, len(g.made[room]), len(ids))
			}
			for _, id := range ids {
				if r, err := h.svc.journal.get(t.Context(), id); err != nil || r.Status != Confirmed {
					t.Errorf("booking %s is %s: %v", id, r.Status, err)
				}
			}
		}
		if g.most > 4 || g.twice > 0 {
			t.Errorf("%d calls at once at a mailbox, want at most 4; %d creations in vain, want none", g.most, g.twice)
		}
		h.stop()
	})
}
