package booking

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/store"
)

// An act is one thing that happens in the story of the machine below.
type act struct {
	Kind string
	Hour int // of a new booking
	Key  int // of a new booking; 0: none
	Which,
	Seconds int
}

var kinds = []string{
	"book", "book", "book", "book", "cancel", "cancel", "pass", "pass", "restart", "calm", "lost", "unsent", "500", "500 after", "503", "429",
	"down", "store", "dead", "alive", "declines", "silent", "accepts", "deleted",
}

// Whatever happens, in whatever order: no booking ever has two events, none of
// ours overlap, and in the end every booking's event is as its status says.
func TestMachine(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		acts := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) act {
			return act{
				Kind: rapid.SampledFrom(kinds).Draw(rt, "kind"), Hour: rapid.IntRange(10, 14).Draw(rt, "hour"),
				Key: rapid.IntRange(0, 3).Draw(rt, "key"), Which: rapid.IntRange(0, 7).Draw(rt, "which"),
				Seconds: rapid.IntRange(0, 90).Draw(rt, "seconds"),
			}
		}), 1, 25).Draw(rt, "acts")
		var wrong []string
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(opening))
			m := &machine{house: newHouse(t)}
			m.start()
			for _, a := range acts {
				m.do(a)
			}
			m.recover()
			m.check()
			m.stop()
			wrong = m.wrong
		})
		if len(wrong) > 0 {
			rt.Fatalf("%s", strings.Join(wrong, "\n"))
		}
	})
}

type machine struct {
	*house
	ids   []string
	wrong []string
}

func (m *machine) fail(format string, args ...any) {
	m.wrong = append(m.wrong, fmt.Sprintf(format, args...))
}

func (m *machine) do(a act) {
	switch a.Kind {
	case "book":
		who := []identity.Person{alice, bob}[a.Which%2]
		var header []string
		if a.Key > 0 {
			header = []string{"Idempotency-Key", fmt.Sprint(a.Hour, a.Key)}
		}
		r := m.call(who, "POST", "/v1/bookings", body(fmt.Sprint(a.Hour, ":00"), fmt.Sprint(a.Hour+1, ":30")), append(header, "Prefer", fmt.Sprint("wait=", a.Seconds/20))...)
		id := r.text("id")
		if r.status == 409 {
			id = r.text("booking.id")
		}
		if id != "null" {
			m.ids = append(m.ids, id)
		}
		if r.status == 200 && r.header.Get("Idempotent-Replayed") != "true" {
			m.fail("a 200 that is no replay: %v", r.body)
		}
	case "cancel":
		if len(m.ids) > 0 {
			id := m.ids[a.Which%len(m.ids)]
			if rec, err := m.svc.journal.get(context.Background(), id); err == nil {
				m.call(rec.PersonID, "DELETE", "/v1/bookings/"+id, "", "Prefer", fmt.Sprint("wait=", a.Seconds/20))
			}
		}
	case "pass":
		m.settle(time.Duration(a.Seconds*a.Which) * time.Second)
	case "restart":
		m.restart()
	case "calm":
		m.graph.setFault(nil)
		m.store.setFail(nil)
	case "lost":
		m.graph.setFault(times(a.Which+1, lostReply))
	case "unsent":
		m.graph.setFault(times(a.Which+1, notSent))
	case "500":
		m.graph.setFault(onCreate(times(a.Which+1, answers(500, "InternalServerError"))))
	case "500 after":
		m.graph.setFault(times(a.Which+1, func(r *http.Request, done bool) (*http.Response, error, bool) {
			return refused(r, 500, "InternalServerError"), nil, done
		}))
	case "503":
		m.graph.setFault(times(a.Which+1, answers(503, "ServiceUnavailable", "Retry-After", fmt.Sprint(a.Seconds))))
	case "429":
		m.graph.setFault(times(a.Which+1, answers(429, "ApplicationThrottled", "Retry-After", fmt.Sprint(a.Seconds))))
	case "down":
		m.graph.setFault(notSent)
	case "store":
		n := a.Which + 1
		m.store.setFail(func([]store.Write) error {
			if n--; n >= 0 {
				return store.ErrFull
			}
			return nil
		})
	case "dead":
		m.kill([]identity.Person{alice, bob}[a.Which%2], grant.ErrNeedsSignIn)
	case "alive":
		for _, p := range []identity.Person{alice, bob} {
			m.kill(p, nil)
			m.svc.Resume(p.ID)
		}
	case "declines":
		m.graph.setAnswer(func(*fakeEvent) string { return "declined" })
	case "silent":
		m.graph.setAnswer(func(*fakeEvent) string { return "none" })
	case "accepts":
		m.graph.setAnswer(func(*fakeEvent) string { return "accepted" })
	case "deleted":
		m.graph.mu.Lock()
		if n := len(m.graph.events); n > 0 && m.graph.events[a.Which%n].Response != "none" {
			m.graph.events[a.Which%n].Cancelled = true // unnoticed once confirmed
		}
		m.graph.mu.Unlock()
	}
	m.overlaps()
}

// recover lets everything work again and all bookings come to their end.
func (m *machine) recover() {
	m.do(act{Kind: "calm"})
	m.do(act{Kind: "alive"})
	m.do(act{Kind: "restart"})
	m.settle(15 * time.Minute)
}

// overlaps checks that no two bookings of ours hold the room at once.
func (m *machine) overlaps() {
	blocks, err := m.svc.ownBlocks(context.Background(), "boardroom", "", opening, opening.Add(24*time.Hour))
	if err != nil {
		m.fail("%v", err)
	}
	for i, a := range blocks {
		for _, b := range blocks[i+1:] {
			if a.overlaps(b.period) {
				m.fail("two bookings hold the room: %v %s and %v %s", a.period, a.record.ID, b.period, b.record.ID)
			}
		}
	}
}

func (m *machine) check() {
	m.graph.mu.Lock()
	defer m.graph.mu.Unlock()
	if m.graph.duplicates > 0 {
		m.fail("%d events were sent again without looking", m.graph.duplicates)
	}
	for _, id := range m.ids {
		r, err := m.svc.journal.get(context.Background(), id)
		if err != nil {
			m.fail("booking %s: %v", id, err)
			continue
		}
		var event *fakeEvent
		for _, e := range m.graph.events {
			if e.TransactionID != r.TransactionID {
				continue
			}
			if event != nil {
				m.fail("booking %s has two events", id)
			}
			event = e
		}
		switch live := event != nil && !event.Cancelled; r.Status {
		case Confirmed:
			if event == nil || event.Response != "accepted" && event.Patches == 0 { // the room isn't asked for every change
				m.fail("booking %s is confirmed; its event is %+v", id, event)
			}
		case AwaitingRoom:
			if event == nil || event.Response != "none" {
				m.fail("booking %s awaits the room; its event is %+v", id, event)
			}
		case Released:
			if !live || event.Room != "" {
				m.fail("booking %s is released; its event is %+v", id, event)
			}
		case Declined, Cancelled, Failed, Expired:
			if live {
				m.fail("booking %s is %s; its event lives: %+v", id, r.Status, event)
			}
			if r.open() {
				m.fail("booking %s is %s and still open", id, r.Status)
			}
		default:
			m.fail("booking %s is still %s: %s", id, r.Status, r.Reason)
		}
		if r.Status != AwaitingRoom && r.open() && r.NextAt.Before(time.Now()) {
			m.fail("booking %s is %s and was forgotten", id, r.Status)
		}
	}
}
