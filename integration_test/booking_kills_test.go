package integration_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
	"github.com/onesgate/onesgate/internal/store/storetest"
)

// A ledger is what ONES knows of its bookings: what it has asked for, and what was
// acknowledged.
type ledger struct {
	w      *world
	ones   *visitor
	began  time.Time
	people int
	rooms  []string

	mu     sync.Mutex
	dice   *rand.Rand
	orders []*order
}

// An order is one booking that ONES wants, until it is acknowledged or refused.
type order struct {
	key, person string
	meeting     map[string]any
	longer      string // its end, once it is acknowledged and then prolonged; empty: it stays
	cancel      bool   // it is to be cancelled after that

	id        string // acknowledged
	refused   bool   // surely not booked
	prolonged bool   // acknowledged; the room may decline it later
	kept      bool   // surely not prolonged
	cancelled bool   // its cancelling is acknowledged
}

// quarters of an hour that a round's orders fall into, and days ahead that rooms take.
const (
	quarters  = 8
	daysAhead = 170
)

// next makes an order for one of the slots of a round.
func (l *ledger) next(round int) *order {
	l.mu.Lock()
	defer l.mu.Unlock()
	slot := (round*quarters + l.dice.IntN(quarters)) % (daysAhead * 96)
	begin := l.began.Add(time.Duration(slot) * 15 * time.Minute)
	o := &order{key: fmt.Sprintf("order %d", len(l.orders)), person: employee(l.dice.IntN(l.people)), cancel: l.dice.IntN(4) == 0}
	o.meeting = map[string]any{
		"room": l.rooms[l.dice.IntN(len(l.rooms))], "subject": o.key,
		"start": begin.Format(time.RFC3339), "end": begin.Add(15 * time.Minute).Format(time.RFC3339),
	}
	if l.dice.IntN(3) == 0 {
		o.longer = begin.Add(30 * time.Minute).Format(time.RFC3339)
	}
	l.orders = append(l.orders, o)
	return o
}

var killRooms = []string{"boardroom", "harbour", "garden"}

const killPeople = 8

// A desk is where an order is placed: it sends a request about it, and returns the answer.
type desk func(ctx context.Context, o *order, method, path string, body any, header ...string) (answer, error)

// service is the desk of ONES' own server at a gateway, by the port of its API.
func (l *ledger) service(port int) desk {
	return func(ctx context.Context, o *order, method, path string, body any, header ...string) (answer, error) {
		req := l.ones.request(method, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), body,
			append(header, "Authorization", "Bearer "+serviceToken, "Ones-Act-As", o.person)...)
		return l.ones.try(req.WithContext(ctx))
	}
}

// place asks a gateway for what is left of an order. An error says that the gateway
// didn't answer, or couldn't: the same has to be asked again.
func (l *ledger) place(ctx context.Context, at desk, o *order) error {
	send := func(method, path string, body any, header ...string) (answer, error) {
		a, err := at(ctx, o, method, path, body, header...)
		if err == nil && (a.StatusCode >= 500 || a.StatusCode == http.StatusTooManyRequests) {
			err = fmt.Errorf("%d %s", a.StatusCode, a.body)
		}
		return a, err
	}
	if o.id == "" && !o.refused {
		a, err := send(http.MethodPost, "/v1/bookings", o.meeting, "Idempotency-Key", o.key, "Prefer", "wait=1")
		if err != nil {
			return err
		}
		switch code, _ := a.json(l.w.t)["code"].(string); {
		case a.StatusCode/100 == 2:
			o.id = a.json(l.w.t)["id"].(string)
		case code == "room_conflict":
			o.refused = true
		case code == "room_declined" || code == "invalid_state":
			o.id = a.json(l.w.t)["booking"].(map[string]any)["id"].(string)
		default:
			l.w.t.Errorf("%s: %d %s", o.key, a.StatusCode, a.body)
			o.refused = true
		}
	}
	if o.id != "" && o.longer != "" && !o.prolonged && !o.kept {
		a, err := send(http.MethodPatch, "/v1/bookings/"+o.id, map[string]any{"end": o.longer}, "Prefer", "wait=1")
		if err != nil {
			return err
		}
		switch code, _ := a.json(l.w.t)["code"].(string); {
		case a.StatusCode/100 == 2:
			o.prolonged = true
		case code == "room_conflict" || code == "room_declined" || code == "invalid_state":
			o.kept = true
		default:
			l.w.t.Errorf("prolonging %s: %d %s", o.key, a.StatusCode, a.body)
			o.kept = true
		}
	}
	if o.id != "" && o.cancel && !o.cancelled {
		a, err := send(http.MethodDelete, "/v1/bookings/"+o.id, nil, "Prefer", "wait=1")
		if err != nil {
			return err
		}
		if a.StatusCode/100 != 2 && a.json(l.w.t)["code"] != "invalid_state" { // it may have been declined
			l.w.t.Errorf("cancelling %s: %d %s", o.key, a.StatusCode, a.body)
		}
		o.cancelled = a.StatusCode/100 == 2
		o.cancel = false
	}
	return nil
}

// troubled are the calls that go wrong, creations most.
var troubled = []string{
	"POST /v1.0/me/events", "POST /v1.0/me/events", "POST /v1.0/me/events", "GET /v1.0/me/events/*", "PATCH /v1.0/me/events/*", "POST /v1.0/me/events/*/cancel",
	"GET /v1.0/me/calendarView", "POST /v1.0/me/calendar/getSchedule",
}

// storm has some of Microsoft's next calls go wrong.
func (l *ledger) storm() {
	l.w.sim(http.MethodDelete, "/_sim/faults", nil)
	for range 1 + rand.IntN(3) {
		fault := map[string]any{"match": troubled[rand.IntN(len(troubled))], "times": 1 + rand.IntN(3), "after": rand.IntN(3)}
		switch rand.IntN(5) {
		case 0, 1:
			fault["lost_reply"] = true
		case 2:
			fault["status"] = 503
		case 3:
			fault["lost_request"] = true
		case 4:
			fault["delay"] = fmt.Sprint(1+rand.IntN(700), "ms")
		}
		l.w.sim(http.MethodPost, "/_sim/faults", fault)
	}
}

// round has clients book at gateways while one of these is killed and comes back, and is
// killed at once again, some times; and has all of them ask until they are answered.
func (l *ledger) round(n int, services []int, kill, revive func()) {
	l.storm()
	clients := make([][]*order, 12)
	life, stop := context.WithCancel(l.w.t.Context())
	var working sync.WaitGroup
	for i := range clients {
		working.Go(func() {
			for life.Err() == nil {
				o := l.next(n)
				clients[i] = append(clients[i], o)
				if l.place(l.w.t.Context(), l.service(services[i%len(services)]), o) != nil {
					return // it goes on asking afterwards
				}
			}
		})
	}
	nap(800)
	kill()
	for rand.IntN(3) == 0 {
		revive()
		nap(300)
		kill()
	}
	stop()
	revive()
	working.Wait()
	for i, orders := range clients {
		working.Go(func() {
			for _, o := range orders {
				l.insist(l.w.t.Context(), l.service(services[(i+1)%len(services)]), o)
			}
		})
	}
	working.Wait()
}

// nap sleeps for a random time: what is killed is at something else each time.
func nap(most int) {
	time.Sleep(time.Duration(rand.IntN(most)) * time.Millisecond)
}

// insist asks until there is an answer, or nobody wants it any more.
func (l *ledger) insist(ctx context.Context, at desk, o *order) {
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = l.place(ctx, at, o); err == nil || ctx.Err() != nil {
			return
		}
	}
	l.w.t.Errorf("%s: %v", o.key, err)
}

// all lists what the gateway knows.
func (l *ledger) all() map[string]map[string]any {
	found := map[string]map[string]any{}
	for cursor := ""; ; {
		a := l.w.serve(http.MethodGet, "/v1/bookings?limit=200&cursor="+url.QueryEscape(cursor), nil)
		page := a.json(l.w.t)
		for _, b := range page["bookings"].([]any) {
			booking := b.(map[string]any)
			found[booking["id"].(string)] = booking
		}
		if cursor, _ = page["next_cursor"].(string); cursor == "" {
			return found
		}
	}
}

// settle waits until nothing is on its way any more, with all of Microsoft well: what ONES is
// told of, and the event of a booking that a room declined, which is withdrawn after that is told.
// It returns what the gateway knows, and how long the events last that are the subject of an order.
func (l *ledger) settle() (known map[string]map[string]any, events map[string][]string) {
	l.w.sim(http.MethodDelete, "/_sim/faults", nil)
	within(l.w.t, "the end of all that is open", func() bool {
		known = l.all()
		for _, o := range l.orders {
			if b := known[o.id]; b != nil && (b["status"] == "accepted" || b["status"] == "awaiting_room" || b["pending_change"] != nil || o.cancelled && b["status"] != "cancelled" && b["status"] != "declined") {
				return false
			}
		}
		events = l.events()
		for _, o := range l.orders {
			if b := known[o.id]; b != nil && b["status"] == "declined" && len(events[o.key]) > 0 {
				return false
			}
		}
		return true
	})
	return known, events
}

// events are those in the calendars: how long they last, by the order that is their subject.
func (l *ledger) events() map[string][]string {
	all := map[string][]string{}
	for i := range l.people {
		for _, e := range l.w.sim(http.MethodGet, "/_sim/events?mailbox="+employee(i), nil)["value"].([]any) {
			event := e.(map[string]any)
			if event["isCancelled"] == true {
				continue
			}
			key := event["subject"].(string)
			all[key] = append(all[key], lasting(l.w.t, event["start"].(map[string]any)["dateTime"], event["end"].(map[string]any)["dateTime"], "2006-01-02T15:04:05.0000000"))
		}
	}
	return all
}

// check compares what ONES was told with what stands in the calendars.
func (l *ledger) check() {
	t := l.w.t
	t.Helper()
	known, events := l.settle()
	counts := map[any]int{}
	bySubject := map[any]int{}
	for _, b := range known {
		counts[b["status"]]++
		bySubject[b["subject"]]++
		key := b["subject"].(string)
		want := map[bool]int{true: 1}[b["status"] == "confirmed"]
		if n := len(events[key]); n != want {
			t.Errorf("%s has %d events, want %d: %s", key, n, want, pretty(b))
		} else if n == 1 && events[key][0] != lasting(t, b["start"], b["end"], time.RFC3339) {
			t.Errorf("%s lasts %s in the calendar: %s", key, events[key][0], pretty(b))
		}
	}
	for key, ids := range events {
		if strings.HasPrefix(key, "order ") && bySubject[key] == 0 {
			t.Errorf("%s has events and no booking: %q", key, ids)
		}
	}
	for _, o := range l.orders {
		switch b := known[o.id]; {
		case o.refused && bySubject[o.key] > 0:
			t.Errorf("%s was refused and booked", o.key)
		case o.refused:
		case b == nil:
			t.Errorf("%s was acknowledged as %s and is not known", o.key, o.id)
		case bySubject[o.key] != 1:
			t.Errorf("%s was booked %d times", o.key, bySubject[o.key])
		case o.cancelled && b["status"] != "cancelled", !o.cancelled && b["status"] != "confirmed" && b["status"] != "declined":
			t.Errorf("%s, cancelled %v: %s", o.key, o.cancelled, pretty(b))
		case b["status"] == "confirmed" && o.longer != "":
			made := b["last_change"] != nil && b["last_change"].(map[string]any)["status"] == "made"
			is := lasting(t, b["start"], b["end"], time.RFC3339) == "30m0s"
			if is != made || is && o.kept {
				t.Errorf("%s, prolonged %v, kept %v: %s", o.key, o.prolonged, o.kept, pretty(b))
			}
		}
	}
	for _, room := range l.rooms {
		type held struct{ from, to, key string }
		var all []held
		for _, b := range known {
			if b["room"] == room && b["status"] == "confirmed" {
				all = append(all, held{b["start"].(string), b["end"].(string), b["subject"].(string)})
			}
		}
		for i, a := range all {
			for _, b := range all[i+1:] {
				if a.from < b.to && b.from < a.to {
					t.Errorf("two hold the %s at once: %v and %v", room, a, b)
				}
			}
		}
	}
	if counts["confirmed"] == 0 {
		t.Error("nothing was confirmed")
	}
	t.Logf("%d orders: %v", len(l.orders), counts)
}

// lasting is how long it is between two times.
func lasting(t testing.TB, from, to any, layout string) string {
	t.Helper()
	begin, err := time.Parse(layout, from.(string))
	end, err2 := time.Parse(layout, to.(string))
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return end.Sub(begin).String()
}

// checkEvery so many rounds.
const checkEvery = 20

// garden is a third room, and rooms answer at once.
const garden = `room garden garden@contoso.example {
					time_zone Asia/Hong_Kong
				}`

// Whatever a gateway was at when it was killed: what was acknowledged stands in the
// calendar exactly once, and nothing stays open.
func TestKilledWhileBooking(t *testing.T) {
	t.Parallel()
	w := newWorld(t, staff(killPeople), quick)
	file := map[string]any{"Rooms": garden}
	w.write(file)
	p := w.gateway()
	l := newLedger(w, killPeople, killRooms, rand.Uint64())
	for n := range storetest.Rounds(t, "ONESGATE_BOOKING_KILLS", 20) {
		l.round(n, []int{w.service}, func() { p.kill() }, func() { p = w.launch() })
		w.ready(p)
		if (n+1)%checkEvery == 0 {
			l.check()
		}
		if t.Failed() {
			t.Fatalf("in round %d", n)
		}
	}
	l.check()
}

// Two gateways share a database, and either one is killed.
func TestKilledWhileBookingTogether(t *testing.T) {
	t.Parallel()
	c := newCluster(t, staff(killPeople), quick)
	c.values["Rooms"] = garden
	var gateways [2]*world
	var processes [2]*process
	for i := range gateways {
		gateways[i], processes[i] = c.next()
	}
	l := newLedger(gateways[0], killPeople, killRooms, rand.Uint64())
	for n := range storetest.Rounds(t, "ONESGATE_BOOKING_KILLS", 20) {
		victim := rand.IntN(2)
		l.round(n, []int{gateways[0].service, gateways[1].service},
			func() { processes[victim].kill() }, func() { processes[victim] = gateways[victim].launch() })
		gateways[victim].ready(processes[victim])
		if (n+1)%checkEvery == 0 {
			l.check()
		}
		if t.Failed() {
			t.Fatalf("in round %d", n)
		}
	}
	l.check()
}

func quick(c *m365.Config) {
	for i := range c.Tenants[0].Rooms {
		c.Tenants[0].Rooms[i].AnswerDelay = m365.Duration(50 * time.Millisecond)
	}
}

// newLedger is of bookings for people, who sign in, of rooms; the seed decides which.
func newLedger(w *world, people int, rooms []string, seed uint64) *ledger {
	w.t.Helper()
	for i := range people {
		newVisitor(w.t, w.home).signIn(employee(i))
	}
	tomorrow := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
	return &ledger{w: w, ones: newVisitor(w.t, ""), began: tomorrow, people: people, rooms: rooms, dice: rand.New(rand.NewPCG(seed, 0))}
}
