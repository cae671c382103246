package m365sim

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCalendarOwner(t *testing.T) {
	w := newWorld(t)
	a := w.as(alice).call(http.MethodGet, "/me/calendar", nil)
	owner, _ := a.json(t)["owner"].(map[string]any)
	if a.StatusCode != http.StatusOK || owner["address"] != alice || owner["name"] != "Alice Chan" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	list := w.as(alice).call(http.MethodGet, "/users/"+alice+"/calendars", nil).json(t)["value"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["isDefaultCalendar"] != true {
		t.Errorf("calendars: %v", list)
	}
	if a := w.as(eve).call(http.MethodGet, "/me/calendar", nil); a.StatusCode != http.StatusNotFound || a.errorCode(t) != "MailboxNotEnabledForRESTAPI" {
		t.Errorf("without a mailbox: %d %s", a.StatusCode, a.body)
	}
}

func TestRoomAccepts(t *testing.T) {
	w := newWorld(t)
	m := w.as(alice)
	e := m.create(meeting("Review", boardroom, 2, 3))
	id := e["id"].(string)
	if len(id) != 152 || strings.ContainsAny(id, "+/") {
		t.Errorf("id = %q", id)
	}
	if got := m.roomResponse(id); got != "none" {
		t.Errorf("at once the room says %s, want none", got)
	}
	if got := m.busy(boardroom); !slices.Equal(got, []string{"tentative"}) {
		t.Errorf("at once the room is %v, want tentative", got)
	}
	w.clock.advance(3*time.Second - 1)
	if got := m.roomResponse(id); got != "none" {
		t.Errorf("just before its delay is over the room says %s", got)
	}
	w.clock.advance(time.Minute)
	a := m.call(http.MethodGet, "/me/events/"+id, nil)
	if a.json(t)["@odata.etag"] == e["@odata.etag"] {
		t.Error("the room's answer leaves the etag as it was")
	}
	if got := m.roomResponse(id); got != "accepted" {
		t.Errorf("the room says %s, want accepted", got)
	}
	if !strings.Contains(a.body, `"time":"2026-11-23T01:00:03Z"`) {
		t.Errorf("the room did not answer after its delay: %s", a.body)
	}
	if got := m.busy(boardroom); !slices.Equal(got, []string{"busy"}) {
		t.Errorf("the room is %v, want busy", got)
	}
	room := w.eventsOf(boardroom)
	if len(room) != 1 || room[0].ICalUID != e["iCalUId"] || room[0].ID == id {
		t.Errorf("the room's copy: %+v", room)
	}
}

func TestRoomDeclinesAConflict(t *testing.T) {
	tests := map[string]struct {
		room     string
		from, to int
		want     string
	}{
		"the same time":   {boardroom, 2, 4, "declined"},
		"within":          {boardroom, 3, 4, "declined"},
		"around":          {boardroom, 1, 5, "declined"},
		"just before":     {boardroom, 1, 2, "accepted"},
		"just after":      {boardroom, 4, 5, "accepted"},
		"in another room": {garden, 2, 4, "accepted"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.as(alice).create(meeting("First", boardroom, 2, 4))
			w.clock.advance(time.Second)
			second := w.as(bob)
			id := second.create(meeting("Second", tt.room, tt.from, tt.to))["id"].(string)
			w.clock.advance(time.Minute)
			if got := second.roomResponse(id); got != tt.want {
				t.Errorf("the room says %s, want %s", got, tt.want)
			}
			if got := second.busy(boardroom); slices.Contains(got, "tentative") {
				t.Errorf("a declined invitation stays on the room's calendar: %v", got)
			}
		})
	}
}

func TestRoomsThatDoNotAnswer(t *testing.T) {
	w := newWorld(t, func(c *Config, _ *Options) { c.Tenants[0].room(garden).AutoAccept = new(false) })
	m := w.as(alice)
	silent := m.create(meeting("Silent", garden, 2, 3))["id"].(string)
	body := meeting("As a person", boardroom, 2, 3)
	body["attendees"].([]any)[0].(map[string]any)["type"] = "required"
	person := m.create(body)["id"].(string)
	delete(body, "attendees")
	body["location"] = map[string]any{"displayName": "Boardroom", "locationEmailAddress": boardroom}
	m.create(body)
	w.clock.advance(time.Hour)
	for name, id := range map[string]string{"auto_accept false": silent, "invited as required": person} {
		if got := m.roomResponse(id); got != "none" {
			t.Errorf("%s: the room says %s, want none", name, got)
		}
	}
	if got := m.busy(boardroom); !slices.Equal(got, []string{"tentative"}) {
		t.Errorf("a location books: %v", got)
	}
}

func TestCancelFreesTheRoom(t *testing.T) {
	for name, end := range map[string]func(m mailboxClient, id string) answer{
		"cancel": func(m mailboxClient, id string) answer {
			return m.call(http.MethodPost, "/me/events/"+id+"/cancel", map[string]any{"Comment": "no more"})
		},
		"delete": func(m mailboxClient, id string) answer { return m.call(http.MethodDelete, "/me/events/"+id, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.as(alice)
			id := m.create(meeting("Review", boardroom, 2, 3))["id"].(string)
			w.clock.advance(time.Minute)
			if a := end(m, id); a.StatusCode != http.StatusAccepted && a.StatusCode != http.StatusNoContent || a.body != "" {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
			if got := m.busy(boardroom); len(got) != 0 {
				t.Errorf("the room is %v, want free", got)
			}
			if a := end(m, id); a.StatusCode != http.StatusNotFound || a.errorCode(t) != "ErrorItemNotFound" {
				t.Errorf("a second time: %d %s", a.StatusCode, a.body)
			}
		})
	}
}

func TestAttendeesCopies(t *testing.T) {
	w := newWorld(t)
	m, other := w.as(alice), w.as(bob)
	body := meeting("Review", boardroom, 2, 3)
	body["attendees"] = append(body["attendees"].([]any), map[string]any{"emailAddress": map[string]any{"address": bob}})
	id := m.create(body)["id"].(string)
	view := func() []any {
		return other.call(http.MethodGet, "/me/calendarView?startDateTime=2026-11-24T00:00:00Z&endDateTime=2026-11-25T00:00:00Z", nil).json(t)["value"].([]any)
	}
	invited := view()
	if len(invited) != 1 {
		t.Fatalf("bob's calendar has %d events, want 1", len(invited))
	}
	c := invited[0].(map[string]any)
	if c["isOrganizer"] != false || c["id"] == id || c["showAs"] != "tentative" || c["transactionId"] != nil {
		t.Errorf("bob's copy: %v", c)
	}
	a := other.call(http.MethodPost, "/me/events/"+c["id"].(string)+"/cancel", nil)
	if a.StatusCode != http.StatusBadRequest || a.errorCode(t) != "ErrorInvalidRequest" {
		t.Errorf("bob cancels alice's meeting: %d %s", a.StatusCode, a.body)
	}
	if a := other.call(http.MethodGet, "/me/events/"+id, nil); a.StatusCode != http.StatusNotFound {
		t.Errorf("alice's id in bob's mailbox: %d", a.StatusCode)
	}
	if a := other.call(http.MethodGet, "/users/"+alice+"/events/"+id, nil); a.StatusCode != http.StatusNotFound || a.errorCode(t) != "ErrorItemNotFound" {
		t.Errorf("alice's unshared calendar: %d %s", a.StatusCode, a.body)
	}
	if a := other.call(http.MethodGet, "/users/nobody@contoso.example/events", nil); a.errorCode(t) != "ErrorInvalidUser" {
		t.Errorf("nobody's calendar: %d %s", a.StatusCode, a.body)
	}
	if m.call(http.MethodDelete, "/me/events/"+id, nil); view()[0].(map[string]any)["isCancelled"] != true {
		t.Errorf("bob's copy is not cancelled: %v", view())
	}
}

func TestTransactionID(t *testing.T) {
	w := newWorld(t)
	m := w.as(alice)
	body := meeting("Review", boardroom, 2, 3)
	body["transactionId"] = "t-1"
	first, again := m.create(body), m.create(body)
	if first["id"] != again["id"] || first["transactionId"] != "t-1" {
		t.Errorf("the same transaction made %v and %v", first["id"], again["id"])
	}
	body["subject"] = "Another"
	if a := m.call(http.MethodPost, "/me/calendar/events", body); a.StatusCode != http.StatusConflict || a.errorCode(t) != "ErrorDuplicateTransactionId" {
		t.Errorf("another event with the same id: %d %s", a.StatusCode, a.body)
	}
	if n := len(w.eventsOf(alice)); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	if other := w.as(bob).create(body); other["id"] == first["id"] {
		t.Error("transactions of two mailboxes are mixed up")
	}
}

func TestMoving(t *testing.T) {
	w := newWorld(t)
	m := w.as(alice)
	e := m.create(meeting("Review", boardroom, 2, 3))
	id := e["id"].(string)
	w.clock.advance(time.Minute)
	if a := m.call(http.MethodPatch, "/me/events/"+id, map[string]any{"subject": "Renamed"}, "If-Match", e["@odata.etag"].(string)); a.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("with a stale etag: %d %s", a.StatusCode, a.body)
	}
	if a := m.call(http.MethodPatch, "/me/events/"+id, map[string]any{"subject": "Renamed"}); a.StatusCode != http.StatusOK || a.json(t)["subject"] != "Renamed" {
		t.Fatalf("renaming: %d %s", a.StatusCode, a.body)
	}
	if got := m.roomResponse(id); got != "accepted" {
		t.Errorf("renaming makes the room say %s", got)
	}
	end := map[string]any{"end": map[string]any{"dateTime": "2026-11-24T04:00:00", "timeZone": "UTC"}}
	if a := m.call(http.MethodPatch, "/me/events/"+id, end); a.StatusCode != http.StatusOK {
		t.Fatalf("extending: %d %s", a.StatusCode, a.body)
	}
	if got, busy := m.roomResponse(id), m.busy(boardroom); got != "none" || !slices.Equal(busy, []string{"tentative"}) {
		t.Errorf("after a move the room says %s and is %v, want none and tentative", got, busy)
	}
	w.clock.advance(time.Minute)
	if got := m.roomResponse(id); got != "accepted" {
		t.Errorf("the room says %s to the move", got)
	}
	if a := m.call(http.MethodPatch, "/me/events/"+id, map[string]any{"attendees": []any{}}); a.StatusCode != http.StatusOK {
		t.Fatalf("taking the room off: %d %s", a.StatusCode, a.body)
	}
	if got := m.busy(boardroom); len(got) != 0 {
		t.Errorf("the room that was taken off is %v", got)
	}
	if a := m.call(http.MethodPatch, "/me/events/"+id, map[string]any{"transactionId": "new"}); a.StatusCode != http.StatusBadRequest {
		t.Errorf("a new transactionId: %d %s", a.StatusCode, a.body)
	}
}
