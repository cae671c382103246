package booking

import (
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/recurrence"
)

// What a private change makes of a booking is told to nobody else while it is on its way.
func TestPendingChangeIsPrivate(t *testing.T) {
	story(t, func(h *house) {
		h.connectRoom("boardroom", "boardroom@contoso.com")
		made := h.book("10:00", "11:00", "subject", "Open day", "attendees", []string{"carol@contoso.com"})
		h.want(made, 201)
		h.graph.setAnswer(func(*fakeEvent) string { return "none" })
		path := "/v1/bookings/" + made.text("id")
		h.want(h.patch(made.text("id"), `{"start":"2026-12-01T14:00:00+08:00","end":"2026-12-01T15:00:00+08:00"}`, "Prefer", "respond-async"), 202)
		h.want(h.call(theDoor, "GET", path, ""), 200, "pending_change.subject", "Open day", "pending_change.attendees", "[]")
		h.want(h.call("", "GET", path, ""), 200, "pending_change.attendees", `["carol@contoso.com"]`)

		h.graph.setAnswer(func(*fakeEvent) string { return "accepted" })
		made = h.book("16:00", "17:00", "subject", "Lunch", "room", "harbour")
		h.want(made, 201)
		h.graph.setAnswer(func(*fakeEvent) string { return "none" })
		path = "/v1/bookings/" + made.text("id")
		h.want(h.patch(made.text("id"), `{"end":"2026-12-01T18:00:00+08:00","subject":"Salaries","private":true,"attendees":["carol@contoso.com"]}`,
			"Prefer", "respond-async"), 202, "pending_change.subject", "Salaries")
		h.connectRoom("harbour", "harbour@contoso.com")
		for name, as := range map[string]string{"the service": "", "the door": "room:harbour"} {
			r := h.call(as, "GET", path, "")
			h.want(r, 200, "pending_change.subject", "", "pending_change.attendees", "[]")
			if strings.Contains(r.text("pending_change"), "Salaries") {
				t.Errorf("%s is told of %s", name, r.text("pending_change"))
			}
		}
		h.want(h.call(alice, "GET", path, ""), 200, "pending_change.subject", "Salaries")
	})
}

// One date of a series may be private alone.
func TestPrivateOccurrence(t *testing.T) {
	zone := mustLocation("Asia/Hong_Kong")
	first := time.Date(2026, 12, 1, 10, 0, 0, 0, zone)
	second := first.AddDate(0, 0, 1)
	hidden := Request{Room: "boardroom", Subject: "Salaries", Private: true, Attendees: []string{"carol@contoso.com"}}
	r := &record{
		ID: "1", PersonID: alice.ID, PersonName: "Alice Chan", Integration: "contoso", Status: Confirmed, Zone: zone.String(),
		Request: Request{Room: "boardroom", Subject: "Stand-up"}, Start: first, End: first.Add(time.Hour),
		Rule: &recurrence.Rule{
			Pattern: recurrence.Pattern{Type: "daily", Interval: 1},
			Range:   recurrence.Range{Type: "numbered", StartDate: "2026-12-01", NumberOfOccurrences: 3},
		},
	}
	r.except(second, func(e *exception) { e.Request, e.Start, e.End = &hidden, second, second.Add(time.Hour) })
	service, door := Caller{Service: "ones"}, Caller{Service: "ones", Room: "boardroom", integration: "contoso"}
	for name, tt := range map[string]struct {
		caller Caller
		want   string
	}{"service": {service, ""}, "door": {door, ""}, "alice": {Caller{Person: &alice}, "Salaries"}} {
		all := r.told(tt.caller)
		if len(all) != 3 || all[0].Subject != "Stand-up" || all[1].Subject != tt.want || tt.want == "" && len(all[1].Attendees) > 0 {
			t.Errorf("%s: occurrences %+v", name, all)
		}
		for start, want := range map[time.Time]string{first: "Stand-up", second: tt.want} {
			b := block{period: period{start, start.Add(time.Hour)}, status: busy, subject: "Salaries", record: r}
			if got := b.seenBy(tt.caller, zone).Subject; got != want {
				t.Errorf("%s: the block at %v is %q, want %q", name, start, got, want)
			}
		}
		told := clash(tt.caller, Room{TimeZone: zone}, block{period: period{second, second.Add(time.Hour)}, record: r})
		if shown := told.Organizer != nil; shown && name == "door" {
			t.Errorf("%s: a private clash names %v", name, told.Organizer)
		}
	}
	// Where the calendar has moved a date, nobody knows which one.
	b := block{period: period{second.Add(time.Hour), second.Add(2 * time.Hour)}, status: busy, subject: "Salaries", record: r}
	if got := b.seenBy(service, zone).Subject; got != "" {
		t.Errorf("a date that was moved in Outlook is %q", got)
	}
}

// A private booking's change tells no more than the booking, and nobody at the door is told
// whom it is with.
func TestPrivateChangesAreNotTold(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		open := h.book("12:00", "13:00").text("id")
		series := h.book("16:00", "17:00", daily(3)...).text("id")
		h.graph.setFault(onPatch(notSent))
		h.want(h.patch(id, `{"subject":"Merger","private":true,"attendees":["lawyer@example.com"]}`, "Prefer", "wait=1"), 202)
		h.want(h.patch(open, `{"attendees":["lawyer@example.com"]}`, "Prefer", "wait=1"), 202)
		h.graph.setFault(nil)
		h.want(h.call(alice, "PATCH", "/v1/bookings/"+series+"/occurrences/2026-12-02T16:00:00+08:00", `{"subject":"Merger","private":true,"attendees":["lawyer@example.com"]}`), 200)
		for _, as := range []string{"", "room:boardroom"} {
			if r := h.call(as, "GET", "/v1/bookings/"+id, ""); strings.Contains(r.text("pending_change"), "lawyer") || strings.Contains(r.text("pending_change"), "Merger") {
				t.Errorf("%q is told %v", as, r.body)
			}
			if r := h.call(as, "GET", "/v1/bookings/"+series+"/occurrences", ""); strings.Contains(r.text("occurrences"), "lawyer") || strings.Contains(r.text("occurrences"), "Merger") {
				t.Errorf("%q is told %v", as, r.body)
			}
			if r := h.call(as, "GET", "/v1/rooms/boardroom/schedule?from=2026-12-02T00:00:00%2B08:00&to=2026-12-03T00:00:00%2B08:00", ""); strings.Contains(r.text("blocks"), "lawyer") || strings.Contains(r.text("blocks"), "Merger") || strings.Contains(r.text("blocks"), "review") {
				t.Errorf("%q is told %v", as, r.body)
			}
		}
		if r := h.call("room:boardroom", "GET", "/v1/bookings/"+open, ""); strings.Contains(r.text("pending_change"), "lawyer") {
			t.Errorf("at the door: %v", r.body)
		}
	})
}

// Whoever may not see a booking can't find out by its dates when it is.
func TestDatesOfUnseenBookings(t *testing.T) {
	story(t, func(h *house) {
		made := h.book("10:00", "11:00")
		h.want(made, 201)
		unknown := "/v1/bookings/00000000-0000-4000-8000-000000000000/occurrences/2026-12-01T10:00:00%2B08:00"
		for _, method := range []string{"PATCH", "DELETE"} {
			for _, scope := range []string{"this", "following"} {
				patch := map[string]string{"PATCH": `{"subject":"Mine"}`}[method]
				want := h.call(bob, method, unknown+"?scope="+scope, patch)
				for _, at := range []string{"10", "12"} {
					path := "/v1/bookings/" + made.text("id") + "/occurrences/2026-12-01T" + at + ":00:00%2B08:00?scope=" + scope
					h.want(h.call(bob, method, path, patch), 404, "code", "not_found", "detail", want.text("detail"))
				}
			}
		}
	})
}

// A private booking stays private where its organizer has moved it in Outlook.
func TestPrivateMovedInOutlook(t *testing.T) {
	story(t, func(h *house) {
		h.connectRoom("boardroom", "boardroom@contoso.com")
		h.want(h.book("10:00", "11:00", "subject", "Salaries", "private", true), 201)
		h.graph.mu.Lock()
		for _, e := range h.graph.events {
			e.Start, e.End = e.Start.Add(48*time.Hour), e.End.Add(48*time.Hour)
		}
		h.graph.mu.Unlock()
		h.settle(time.Minute)
		for _, as := range []string{"", theDoor} {
			r := h.call(as, "GET", "/v1/rooms/boardroom/schedule?from=2026-12-03T00:00:00%2B08:00&to=2026-12-04T00:00:00%2B08:00", "")
			if strings.Contains(r.text("blocks"), "Salaries") {
				t.Errorf("%q: %s", as, r.text("blocks"))
			}
		}
	})
}

// The private meetings of somebody who is erased stay in the rooms' calendars, and private.
func TestPrivateAfterErasure(t *testing.T) {
	story(t, func(h *house) {
		h.connectRoom("boardroom", "boardroom@contoso.com")
		h.want(h.book("10:00", "11:00", "subject", "Salaries", "private", true), 201)
		h.settle(time.Minute)
		h.erase(alice)
		for _, as := range []string{"", theDoor} {
			r := h.call(as, "GET", "/v1/rooms/boardroom/schedule?from=2026-12-01T00:00:00%2B08:00&to=2026-12-02T00:00:00%2B08:00", "")
			if blocks := r.text("blocks"); strings.Contains(blocks, "Salaries") || !strings.Contains(blocks, "busy") {
				t.Errorf("%q: %s", as, blocks)
			}
		}
		h.settle(40 * 24 * time.Hour)
		if left := h.traces("booking-private"); left != nil {
			t.Errorf("left: %v", left)
		}
	})
}
