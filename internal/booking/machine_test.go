package booking

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
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

// elsewhere is a patch that moves a date within its day.
func (a act) elsewhere(day string) string {
	return fmt.Sprintf(`{"start":"%[1]sT%[2]d:30:00+08:00","end":"%[1]sT%[2]d:45:00+08:00"}`, day, a.Hour)
}

var kinds = []string{
	"book", "book", "book", "book", "cancel", "cancel", "pass", "pass", "restart", "calm", "lost", "unsent", "500", "500 after", "503", "429",
	"down", "store", "dead", "alive", "declines", "silent", "accepts", "deleted",
	"series", "series", "move", "move", "rename", "room", "extend", "end", "check-in", "release", "later",
	"move one", "move one", "cancel one", "cancel one", "cancel following", "move following", "move following",
	"retry", "withdraw",
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
			m.withCheckIn()
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
		m.book(a)
	case "cancel":
		if len(m.ids) > 0 {
			id := m.ids[a.Which%len(m.ids)]
			if rec, err := m.svc.journal.get(context.Background(), id); err == nil {
				m.call(rec.PersonID, "DELETE", "/v1/bookings/"+id, "", "Prefer", fmt.Sprint("wait=", a.Seconds/20))
			}
		}
	case "series":
		m.book(a, daily(2+a.Which%3)...)
	case "move":
		at := fmt.Sprintf("2026-12-0%dT%02d:%02d:00+08:00", 1+a.Seconds%3, a.Hour, a.Which%2*30)
		end := fmt.Sprintf("2026-12-0%dT%02d:00:00+08:00", 1+a.Seconds%3, a.Hour+1)
		m.change(a, "PATCH", "", fmt.Sprintf(`{"start":%q,"end":%q}`, at, end))
	case "rename":
		m.change(a, "PATCH", "", fmt.Sprintf(`{"subject":"Budget %d","attendees":["a%d@example.com"]}`, a.Key, a.Hour))
	case "room":
		m.change(a, "PATCH", "", fmt.Sprintf(`{"room":%q}`, []string{"boardroom", "peak", "harbour"}[a.Key%3]))
	case "extend":
		m.change(a, "POST", "/extend", `{"minutes":30}`)
	case "end", "check-in":
		m.change(a, "POST", "/"+a.Kind, "")
	case "release":
		m.change(a, "room", "", "")
	case "move one":
		m.ofSeries(a, "PATCH", "", a.elsewhere)
	case "cancel one":
		m.ofSeries(a, "DELETE", "", func(string) string { return "" })
	case "cancel following":
		m.ofSeries(a, "DELETE", "?scope=following", func(string) string { return "" })
	case "move following":
		m.ofSeries(a, "PATCH", "?scope=following", func(day string) string {
			if date, err := time.Parse(time.DateOnly, day); err == nil && a.Seconds%2 > 0 { // among what the series keeps
				day = date.AddDate(0, 0, -1).Format(time.DateOnly)
			}
			return a.elsewhere(day)
		})
	case "retry", "withdraw":
		m.operate(a)
	case "later":
		m.settle(time.Duration(a.Seconds) * time.Minute)
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

// book books, and notes the booking.
func (m *machine) book(a act, changes ...any) {
	who := []identity.Person{alice, bob}[a.Which%2]
	var header []string
	if a.Key > 0 {
		header = []string{"Idempotency-Key", fmt.Sprint(a.Hour, a.Key, len(changes))}
	}
	r := m.call(who, "POST", "/v1/bookings", body(fmt.Sprint(a.Hour, ":00"), fmt.Sprint(a.Hour+1, ":30"), changes...), append(header, "Prefer", fmt.Sprint("wait=", a.Seconds/20))...)
	m.note(r)
	if r.status == 200 && r.header.Get("Idempotent-Replayed") != "true" {
		m.fail("a 200 that is no replay: %v", r.body)
	}
}

func (m *machine) note(r reply) {
	id := r.text("id")
	if r.status == 409 {
		id = r.text("booking.id")
	}
	if id != "null" && !slices.Contains(m.ids, id) {
		m.ids = append(m.ids, id)
	}
	if r.status >= 500 && r.status != 503 && r.status != 507 {
		m.fail("%d %v", r.status, r.body)
	}
}

// change asks for a change of one of the bookings, as its organizer or as its room.
func (m *machine) change(a act, method, path, body string) {
	if len(m.ids) == 0 {
		return
	}
	id := m.ids[a.Which%len(m.ids)]
	r, err := m.svc.journal.get(context.Background(), id)
	if err != nil {
		m.fail("booking %s: %v", id, err)
		return
	}
	as := r.PersonID
	if method == "room" {
		as, method = "room:"+r.Request.Room, "DELETE"
	}
	m.note(m.call(as, method, "/v1/bookings/"+id+path, body, "Prefer", fmt.Sprint("wait=", a.Seconds/20)))
}

// operate has an operator retry or cancel one of the bookings.
func (m *machine) operate(a act) {
	if len(m.ids) == 0 {
		return
	}
	do := m.svc.RetryNow
	if a.Kind == "withdraw" {
		do = func(ctx context.Context, by, id string) (Journal, error) { return m.svc.CancelAs(ctx, by, id, "") }
	}
	_, err := do(context.Background(), "operator", m.ids[a.Which%len(m.ids)])
	if _, _, ok := Refusal(err); err != nil && !ok && !errors.Is(err, store.ErrFull) {
		m.fail("%s: %v", a.Kind, err)
	}
}

// ofSeries asks for a change of one of the dates of a series, that patch is for.
func (m *machine) ofSeries(a act, method, scope string, patch func(day string) string) {
	var series []record
	for _, id := range m.ids {
		if r, err := m.svc.journal.get(context.Background(), id); err == nil && r.isSeries() {
			series = append(series, r)
		}
	}
	if len(series) == 0 {
		return
	}
	r := series[a.Which%len(series)]
	all := r.occurrences()
	original := all[a.Key%len(all)].original
	path := "/v1/bookings/" + r.ID + "/occurrences/" + original.Format(time.RFC3339) + scope
	m.note(m.call(r.PersonID, method, path, patch(original.In(hongKong).Format(time.DateOnly)), "Prefer", fmt.Sprint("wait=", a.Seconds/20)))
}

// recover lets everything work again and all bookings come to their end.
func (m *machine) recover() {
	m.do(act{Kind: "calm"})
	m.do(act{Kind: "alive"})
	m.do(act{Kind: "restart"})
	m.settle(15 * time.Minute)
	for _, id := range m.ids { // what waits for a room that is silent
		if r, err := m.svc.journal.get(context.Background(), id); err == nil && r.Change != nil {
			m.do(act{Kind: "accepts"})
			m.settle(40 * time.Minute)
		}
	}
}

// overlaps checks that no two bookings of ours hold the room at once.
func (m *machine) overlaps() {
	for room := range m.world.Rooms {
		blocks, err := m.svc.ownBlocks(context.Background(), room, "", opening, opening.Add(10*24*time.Hour))
		if err != nil {
			m.fail("%v", err)
		}
		for i, a := range blocks {
			for _, b := range blocks[i+1:] {
				if a.overlaps(b.period) && a.record.ID != b.record.ID && !a.record.endsFor(b.record) && !b.record.endsFor(a.record) {
					m.fail("two bookings hold %s: %v %s and %v %s", room, a.period, a.record.ID, b.period, b.record.ID)
				}
			}
		}
	}
	m.indexed()
}

// indexed checks that the indexes lead to all bookings, and to nothing else.
func (m *machine) indexed() {
	want, got := map[string]string{}, map[string]string{}
	err := m.store.Snapshot(context.Background(), func(rec store.Record) error {
		switch {
		case strings.HasPrefix(rec.Key, recordPrefix):
			var r record
			if err := json.Unmarshal(rec.Value, &r); err != nil {
				return err
			}
			keys := r.shown().keys
			maps.Copy(want, keys)
			found := false
			for key := range keys {
				found = found || strings.HasPrefix(key, personPrefix(r.PersonID))
			}
			if !found {
				m.fail("nothing leads to booking %s from whose it is", r.ID)
			}
		case strings.HasPrefix(rec.Key, "booking-room/"), strings.HasPrefix(rec.Key, "booking-person/"), strings.HasPrefix(rec.Key, startPrefix),
			strings.HasPrefix(rec.Key, openPrefix), strings.HasPrefix(rec.Key, "booking-line/"), strings.HasPrefix(rec.Key, "booking-state/"):
			got[rec.Key] = string(rec.Value)
		}
		return nil
	})
	if err != nil || !maps.Equal(want, got) {
		m.fail("the indexes: %v, want %v: %v", got, want, err)
	}
}

// asBooked says whether the calendar shows a confirmed booking as the journal has it.
func (m *machine) asBooked(r *record, event *fakeEvent) bool {
	if event.Room != r.RoomAddress || event.Body["subject"] != r.Request.Subject {
		return false
	}
	if !r.isSeries() {
		return event.Start.Equal(r.Start) && event.End.Equal(r.End)
	}
	var got, want []string
	for _, e := range m.graph.occurrences(event) {
		if e.Room != "" {
			got = append(got, fmt.Sprint(e.Start.UTC(), e.End.UTC()))
		}
	}
	for _, p := range r.slots() {
		want = append(want, fmt.Sprint(p.start.UTC(), p.end.UTC()))
	}
	return slices.Equal(got, want)
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
			if live && !m.asBooked(&r, event) {
				m.fail("booking %s at %v is not as its event: %+v", id, r.slots(), event)
			}
			if r.Change != nil {
				m.fail("booking %s is still changing: %+v", id, r.Change)
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
			if kept := r.Status == Declined && r.KeepDeclined; live && !kept {
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
