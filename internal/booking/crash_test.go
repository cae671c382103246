package booking

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/storetest"
)

// A fuse kills an instance at the n-th point where it could die: before and after
// each commit, and before and after each call of Graph. From then on nothing that
// the instance does has an effect: it is dead, though it doesn't know.
type fuse struct {
	mu   sync.Mutex
	left int
	dead bool
}

// burn says whether the instance is dead at this point.
func (f *fuse) burn() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left--; f.left == 0 {
		f.dead = true
	}
	if f.dead {
		return errDead
	}
	return nil
}

func (f *fuse) blown() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dead
}

var errDead = fmt.Errorf("the instance is dead: %w", store.ErrUnavailable)

// A mortal is a house whose instance dies when its fuse has burnt down, and is then
// followed by another one: the next of fuses says when that dies.
type mortal struct {
	*machine
	fuse  *fuse
	fuses []int
	// trouble, if not nil, is a fault of Graph besides.
	trouble func(*http.Request, bool) (*http.Response, error, bool)
}

// live puts the next fuse in; without one, the instance lives on.
func (m *mortal) live() {
	f := &fuse{}
	if len(m.fuses) > 0 {
		f.left, m.fuses = m.fuses[0], m.fuses[1:]
	}
	m.fuse = f
	m.store.setFail(func([]store.Write) error { return f.burn() })
	m.store.setAfter(func([]store.Write) error { return f.burn() })
	m.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
		if err := f.burn(); err != nil {
			return nil, err, true
		}
		if m.trouble != nil {
			return m.trouble(r, done)
		}
		return nil, nil, false
	})
}

// revive starts another instance in place of a dead one.
func (m *mortal) revive() {
	m.stop() // it writes nothing any more
	m.live()
	m.start()
}

// ask sends a request until a living instance has answered it, as a caller does
// that gets no answer.
func (m *mortal) ask(as any, method, target, body string, header ...string) reply {
	for {
		r := m.call(as, method, target, body, header...)
		if !m.fuse.blown() {
			return r
		}
		m.revive()
	}
}

// watched is how long nobody sees that an instance is dead.
const watched = 20 * time.Second

// pass lets time pass up to a moment, with whoever lives then.
func (m *mortal) pass(until time.Time) {
	for time.Now().Before(until) || m.fuse.blown() {
		if m.fuse.blown() {
			m.revive()
		}
		m.settle(min(watched, max(time.Until(until), time.Second)))
	}
}

// book books from 10:00 to 11:00, and notes the booking.
func (m *mortal) book(prefer string) (id string) {
	r := m.ask(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Idempotency-Key", "k1", "Prefer", prefer)
	if id = r.text("id"); id == "null" {
		id = r.text("booking.id")
	}
	if r.status/100 != 2 && r.text("code") != "room_declined" {
		m.fail("booking: %d %v", r.status, r.body)
	}
	m.ids = append(m.ids, id)
	return id
}

// A life is what an instance may die in, anywhere.
type life struct {
	name    string
	world   func(h *house)          // before it begins
	answer  func(*fakeEvent) string // of the room; nil: accepted
	trouble func() func(*http.Request, bool) (*http.Response, error, bool)
	tell    func(m *mortal)
	// How it has to end: the booking's status, and of its one event, in the boardroom, the
	// time; "": there is none any more.
	status Status
	event  string
}

// lives are the stories of a booking. What is added to the journal's ways gets a
// row here.
var lives = []life{
	{name: "create", tell: func(m *mortal) { m.book("wait=30") }, status: Confirmed, event: "10:00 11:00"},
	{
		name: "create again and again", tell: func(m *mortal) { m.book("respond-async") }, status: Confirmed, event: "10:00 11:00",
		trouble: func() func(*http.Request, bool) (*http.Response, error, bool) {
			lost, refused := onCreate(times(1, lostReply)), onCreate(times(1, answers(429, "ApplicationThrottled", "Retry-After", "60")))
			return func(r *http.Request, done bool) (*http.Response, error, bool) {
				if res, err, dealt := refused(r, done); dealt {
					return res, err, dealt
				}
				return lost(r, done)
			}
		},
	},
	{name: "decline and withdraw", answer: always("declined"), tell: func(m *mortal) { m.book("wait=30") }, status: Declined},
	{name: "cancel", tell: func(m *mortal) { m.cancel(m.book("wait=30")) }, status: Cancelled},
	{name: "cancel before the room has answered", answer: always("none"), tell: func(m *mortal) { m.cancel(m.book("respond-async")) }, status: Cancelled},
	{name: "move", tell: func(m *mortal) { m.move(m.book("wait=30"), 200) }, status: Confirmed, event: "14:00 15:00"},
	{
		name: "move, and put back", tell: func(m *mortal) { m.move(m.book("wait=30"), 409) }, status: Confirmed, event: "10:00 11:00",
		answer: func(e *fakeEvent) string {
			if e.Start.Equal(opening.Add(5 * time.Hour)) {
				return "declined"
			}
			return "accepted"
		},
	},
	{name: "extend", tell: func(m *mortal) {
		m.does("extend", "POST", m.book("wait=30"), "/extend", `{"minutes":15}`, "Idempotency-Key", "e1")
	}, status: Confirmed, event: "10:00 11:15"},
	{name: "end early", tell: func(m *mortal) {
		id := m.book("wait=30")
		m.pass(opening.Add(90 * time.Minute))
		if r := m.ask(alice, "POST", "/v1/bookings/"+id+"/end", ""); r.status/100 != 2 && r.text("detail") != errOver.Error() { // over by an end before a crash
			m.fail("ending: %d %v", r.status, r.body)
		}
	}, status: Confirmed, event: "10:00 10:30"},
	{name: "release", world: (*house).withCheckIn, tell: func(m *mortal) {
		m.book("wait=30")
		m.pass(opening.Add(71 * time.Minute))
	}, status: Released, event: "10:00 11:00"},
	{name: "cut a series", tell: func(m *mortal) { m.cut("DELETE", "") }, status: Confirmed, event: "10:00 11:00"},
	{name: "move the rest of a series", tell: func(m *mortal) {
		m.cut("PATCH", `{"start":"2026-12-03T10:30:00+08:00","end":"2026-12-03T11:30:00+08:00"}`)
	}, status: Confirmed, event: "10:00 11:0010:30 11:30"},
}

// cut books a series of five days and cancels or moves all from the third one on. Whoever
// asks again after a crash may find that on its way, or done.
func (m *mortal) cut(method, patch string) {
	r := m.ask(alice, "POST", "/v1/bookings", body("10:00", "11:00", daily(5)...), "Idempotency-Key", "s1", "Prefer", "wait=30")
	if r.status/100 != 2 {
		m.fail("booking: %d %v", r.status, r.body)
	}
	r = m.ask(alice, method, date(r.text("id"), "03")+"?scope=following", patch, "Prefer", "wait=30")
	if r.status/100 != 2 && r.text("code") != "invalid_state" && r.text("code") != "not_found" {
		m.fail("cutting: %d %v", r.status, r.body)
	}
	list, _ := m.ask(alice, "GET", "/v1/bookings", "").body["bookings"].([]any)
	for _, b := range list {
		m.ids = append(m.ids, b.(map[string]any)["id"].(string))
	}
}

func always(answer string) func(*fakeEvent) string { return func(*fakeEvent) string { return answer } }

// does asks for something about a booking until it is so, or will be.
func (m *mortal) does(what, method, id, path, body string, header ...string) {
	if r := m.ask(alice, method, "/v1/bookings/"+id+path, body, header...); r.status/100 != 2 {
		m.fail("%s: %d %v", what, r.status, r.body)
	}
}

func (m *mortal) cancel(id string) { m.does("cancelling", "DELETE", id, "", "") }

// move moves a booking to 14:00. Whoever asks again after a crash may meet the change that
// they have asked for on its way.
func (m *mortal) move(id string, want int) {
	r := m.ask(alice, "PATCH", "/v1/bookings/"+id, `{"start":"2026-12-01T14:00:00+08:00","end":"2026-12-01T15:00:00+08:00"}`, "Prefer", "wait=30")
	if r.status != want && r.status != 202 && r.text("code") != "invalid_state" {
		m.fail("moving: %d %v, want %d", r.status, r.body, want)
	}
}

// run tells a story in which instances die at points, and says what is wrong in the
// end. lasted says that the last fuse had not burnt down by then.
func (l life) run(t *testing.T, shared bool, points ...int) (wrong []string, lasted bool) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(opening))
		m := &mortal{machine: &machine{house: newHouse(t)}, fuses: points}
		m.shared = shared
		if l.world != nil {
			l.world(m.house)
			m.stop() // nobody lives yet
		}
		if l.answer != nil {
			m.graph.setAnswer(l.answer)
		}
		if l.trouble != nil {
			m.trouble = l.trouble()
		}
		m.live()
		m.start()
		l.tell(m)
		m.pass(time.Now().Add(10 * time.Minute))
		m.check()
		for _, id := range m.ids {
			if r := m.call(alice, "GET", "/v1/bookings/"+id, ""); r.text("status") != string(l.status) {
				m.fail("in the end: %v, want %s", r.body, l.status)
			}
		}
		event := ""
		for _, e := range m.graph.live() {
			event += e.Start.In(hongKong).Format("15:04 ") + e.End.In(hongKong).Format("15:04")
		}
		if event != l.event {
			m.fail("the events in the end: %q, want %q; %+v %v", event, l.event, m.graph.live(), m.call(alice, "GET", "/v1/bookings/"+m.ids[0], "").body)
		}
		lasted = len(m.fuses) == 0 && !m.fuse.blown() && m.fuse.left > 0
		wrong = m.wrong
		m.stop()
	})
	return wrong, lasted
}

// Wherever the gateway dies, and wherever the next one dies that takes up what it has
// left, there is exactly one event for an accepted booking, and nothing stays open.
func TestCrashAnywhere(t *testing.T) {
	// How far the second one gets, and how often there is one: a soak lets it get anywhere,
	// each time.
	seconds := storetest.Rounds(t, "ONESGATE_SECOND_CRASHES", 1)
	every := 4
	if seconds > 1 {
		every = 1
	}
	for _, l := range lives {
		for name, shared := range map[string]bool{"alone": false, "on a shared store": true} {
			t.Run(l.name+", "+name, func(t *testing.T) {
				t.Parallel()
				first := 0
				for over := false; !over && !t.Failed(); {
					first++
					var wrong []string
					if wrong, over = l.run(t, shared, first); len(wrong) > 0 {
						t.Errorf("died at point %d: %s", first, strings.Join(wrong, "\n"))
					}
					for second, over := 1, over || first%every != 0; !over && second <= seconds; second++ {
						if wrong, over = l.run(t, shared, first, second); len(wrong) > 0 {
							t.Errorf("died at point %d, and the next one at %d: %s", first, second, strings.Join(wrong, "\n"))
						}
					}
				}
				// Accepting, sending and hearing are a commit or a call at least each.
				if first < 8 {
					t.Errorf("there were %d points to die at", first)
				}
			})
		}
	}
}
