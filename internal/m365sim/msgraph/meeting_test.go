package msgraph

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

func TestRoomAccepts(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	e := m.create(meeting("Review", boardroom, 2, 3))
	id := e["id"].(string)
	if len(id) != 152 || strings.ContainsAny(id, "+/") {
		t.Errorf("id = %q", id)
	}
	if got, busy := m.response(id), m.busy(boardroom); got != "none" || !slices.Equal(busy, []string{"tentative"}) {
		t.Errorf("at once the room says %s and is %v, want none and tentative", got, busy)
	}
	s.clock.advance(3*time.Second - 1)
	if got := m.response(id); got != "none" {
		t.Errorf("just before its delay is over the room says %s", got)
	}
	s.clock.advance(time.Minute)
	a := m.must(http.StatusOK, http.MethodGet, "/me/events/"+id, nil)
	if a.json(t)["@odata.etag"] == e["@odata.etag"] || a.Header.Get("ETag") != a.json(t)["@odata.etag"] {
		t.Errorf("after the room's answer the etag is %v, the header's %q", a.json(t)["@odata.etag"], a.Header.Get("ETag"))
	}
	if got, busy := m.response(id), m.busy(boardroom); got != "accepted" || !slices.Equal(busy, []string{"busy"}) {
		t.Errorf("then the room says %s and is %v, want accepted and busy", got, busy)
	}
	if !strings.Contains(a.body, `"time":"2026-11-23T01:00:03Z"`) {
		t.Errorf("the room did not answer after its delay: %s", a.body)
	}
	room := s.eventsOf(boardroom)
	if len(room) != 1 || room[0].ICalUID() != e["iCalUId"] || room[0].ID(false) == id {
		t.Errorf("the room's copy: %+v", room)
	}
}

func TestRoomDeclinesAConflict(t *testing.T) {
	for name, tt := range map[string]struct {
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
	} {
		t.Run(name, func(t *testing.T) {
			s := newSim(t)
			s.as(alice).create(meeting("First", boardroom, 2, 4))
			s.clock.advance(time.Second)
			second := s.as(bob)
			id := second.create(meeting("Second", tt.room, tt.from, tt.to))["id"].(string)
			s.clock.advance(time.Minute)
			if got := second.response(id); got != tt.want {
				t.Errorf("the room says %s, want %s", got, tt.want)
			}
			if got := second.busy(boardroom); slices.Contains(got, "tentative") {
				t.Errorf("a declined invitation stays on the room's calendar: %v", got)
			}
		})
	}
}

func TestRoomsThatDoNotAnswer(t *testing.T) {
	s := newSim(t, func(s *sim) {
		for i := range s.tenant().Rooms {
			if r := &s.tenant().Rooms[i]; r.Address == garden {
				r.Processing = world.NewRoomProcessing()
				r.Processing.Automate = world.AutoUpdate
			}
		}
	})
	m := s.as(alice)
	silent := m.create(meeting("Silent", garden, 2, 3))["id"].(string)
	body := plain("As a person", 2, 3)
	body["attendees"] = []any{attendee(boardroom, "required")}
	person := m.create(body)["id"].(string)
	body = plain("Only the place", 4, 5)
	body["location"] = record{"displayName": "Boardroom", "locationEmailAddress": boardroom}
	m.create(body)
	s.clock.advance(time.Hour)
	for name, id := range map[string]string{"AutoUpdate": silent, "invited as required": person} {
		if got := m.response(id); got != "none" {
			t.Errorf("%s: the room says %s, want none", name, got)
		}
	}
	if got := m.busy(boardroom); !slices.Equal(got, []string{"tentative"}) {
		t.Errorf("a location books: %v", got)
	}
}

func TestCancelFreesTheRoom(t *testing.T) {
	for name, end := range map[string]func(m mailbox, id string) answer{
		"cancel": func(m mailbox, id string) answer {
			return m.call(http.MethodPost, "/me/events/"+id+"/cancel", record{"Comment": "no more"})
		},
		"delete": func(m mailbox, id string) answer { return m.call(http.MethodDelete, "/me/events/"+id, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSim(t)
			m := s.as(alice)
			id := m.create(meeting("Review", boardroom, 2, 3))["id"].(string)
			s.clock.advance(time.Minute)
			if a := end(m, id); a.StatusCode/100 != 2 || a.body != "" {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
			if got := m.busy(boardroom); len(got) != 0 {
				t.Errorf("the room is %v, want free", got)
			}
			if a := end(m, id); !a.is(http.StatusNotFound, "ErrorItemNotFound") {
				t.Errorf("a second time: %d %s", a.StatusCode, a.body)
			}
		})
	}
}

// invite has alice invite bob, and returns both ids.
func (s *sim) invite(change ...func(record)) (hers, his string) {
	s.t.Helper()
	body := plain("Review", 2, 3)
	body["attendees"] = []any{attendee(bob, "required")}
	for _, f := range change {
		f(body)
	}
	hers = s.as(alice).create(body)["id"].(string)
	return hers, s.as(bob).view()[0]["id"].(string)
}

func TestAttendeesCopies(t *testing.T) {
	s := newSim(t)
	m, other := s.as(alice), s.as(bob)
	hers, his := s.invite(func(b record) { b["transactionId"] = "t-1" })
	c := other.view()[0]
	if c["isOrganizer"] != false || his == hers || c["showAs"] != "tentative" || c["transactionId"] != nil || c["responseStatus"].(record)["response"] != "notResponded" {
		t.Errorf("bob's copy: %v", c)
	}
	for path, want := range map[string]string{
		"/me/events/" + hers:                       "404 ErrorItemNotFound",
		"/users/" + alice + "/events/" + hers:      "403 ErrorAccessDenied",
		"/users/" + boardroom + "/events/" + hers:  "404 ErrorItemNotFound",
		"/me/events/abc":                           "400 ErrorInvalidIdMalformed",
		"/me/calendars/abc/events/" + his:          "404 ErrorItemNotFound",
		"/me/events/" + strings.ToLower(his[:150]): "400 ErrorInvalidIdMalformed",
	} {
		if a := other.call(http.MethodGet, path, nil); a.Status[:4]+a.errorCode() != want {
			t.Errorf("%s: %d %s, want %s", path, a.StatusCode, a.body, want)
		}
	}
	other.must(http.StatusOK, http.MethodPatch, "/me/events/"+his, record{"subject": "My name for it"})
	if e := m.must(http.StatusOK, http.MethodGet, "/me/events/"+hers, nil).json(t); e["subject"] != "Review" {
		t.Errorf("bob renames alice's event to %v", e["subject"])
	}
	m.must(http.StatusOK, http.MethodPatch, "/me/events/"+hers, record{"subject": "Her name for it"})
	if c := other.view()[0]; c["subject"] != "Her name for it" {
		t.Errorf("alice's name doesn't reach bob: %v", c["subject"])
	}
	m.must(http.StatusNoContent, http.MethodDelete, "/me/events/"+hers, nil)
	if c := other.view()[0]; c["isCancelled"] != true || c["showAs"] != "free" {
		t.Errorf("bob's copy is not cancelled: %v", c)
	}
}

func TestResponses(t *testing.T) {
	for name, tt := range map[string]struct {
		action string
		body   record
		want   string // what alice sees
		shown  string // what bob's calendar shows it as; "": it is gone
	}{
		"accept":            {"accept", record{"Comment": "yes", "SendResponse": true}, "accepted", "busy"},
		"in other letters":  {"ACCEPT", record{"comment": "yes", "sendResponse": true}, "accepted", "busy"},
		"tentatively":       {"tentativelyAccept", record{}, "tentativelyAccepted", "tentative"},
		"decline":           {"decline", record{"comment": "no"}, "declined", ""},
		"without a message": {"accept", record{"sendResponse": false}, "none", "busy"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSim(t)
			hers, his := s.invite()
			m := s.as(bob)
			if a := m.must(http.StatusAccepted, http.MethodPost, "/me/events/"+his+"/"+tt.action, tt.body); a.body != "" {
				t.Errorf("a body: %s", a.body)
			}
			if got := s.as(alice).response(hers); got != tt.want {
				t.Errorf("alice sees %s, want %s", got, tt.want)
			}
			left := m.view()
			if tt.shown == "" && len(left) != 0 || tt.shown != "" && left[0]["showAs"] != tt.shown {
				t.Errorf("bob's calendar: %v", left)
			}
		})
	}
}

func TestProposedTimes(t *testing.T) {
	s := newSim(t)
	hers, his := s.invite()
	m := s.as(bob)
	other := record{"Start": at(5), "End": at(6)}
	m.must(http.StatusAccepted, http.MethodPost, "/me/events/"+his+"/tentativelyAccept", record{"proposedNewTime": other})
	e := s.as(alice).must(http.StatusOK, http.MethodGet, "/me/events/"+hers, nil).json(t)
	proposed := e["attendees"].([]any)[0].(record)["proposedNewTime"].(record)["start"].(record)
	if proposed["dateTime"] != "2026-11-24T05:00:00.0000000" {
		t.Errorf("alice sees %v", proposed)
	}
	s.as(alice).must(http.StatusOK, http.MethodPatch, "/me/events/"+hers, record{"attendees": []any{attendee(bob, "optional"), attendee(carol, "required")}})
	e = s.as(alice).must(http.StatusOK, http.MethodGet, "/me/events/"+hers, nil).json(t)
	if kept := e["attendees"].([]any)[0].(record); kept["proposedNewTime"] == nil || kept["status"].(record)["response"] != "tentativelyAccepted" {
		t.Errorf("who stays loses the answer: %v", kept)
	}
}

func TestResponseRefusals(t *testing.T) {
	s := newSim(t)
	hers, his := s.invite(func(b record) { b["allowNewTimeProposals"] = false })
	other := record{"start": at(5), "end": at(6)}
	for name, tt := range map[string]struct {
		who        mailbox
		id, action string
		body       record
		code       string
	}{
		"one's own event":         {s.as(alice), hers, "accept", record{}, "ErrorInvalidRequest"},
		"cancelling somebody's":   {s.as(bob), his, "cancel", record{}, "ErrorInvalidRequest"},
		"a secret comment":        {s.as(bob), his, "decline", record{"comment": "no", "sendResponse": false}, "ErrorInvalidParameter"},
		"a secret proposal":       {s.as(bob), his, "decline", record{"proposedNewTime": other, "sendResponse": false}, "ErrorInvalidParameter"},
		"accepting something new": {s.as(bob), his, "accept", record{"proposedNewTime": other}, "RequestBodyRead"},
		"no proposals wanted":     {s.as(bob), his, "decline", record{"proposedNewTime": other}, "ErrorInvalidRequest"},
		"an unknown parameter":    {s.as(bob), his, "accept", record{"colour": "red"}, "RequestBodyRead"},
	} {
		if a := tt.who.call(http.MethodPost, "/me/events/"+tt.id+"/"+tt.action, tt.body); !a.is(http.StatusBadRequest, tt.code) {
			t.Errorf("%s: %d %s, want %s", name, a.StatusCode, a.body, tt.code)
		}
	}
	if got := s.as(alice).response(hers); got != "none" {
		t.Errorf("alice sees %s", got)
	}
}

func TestForwardAndReminders(t *testing.T) {
	s := newSim(t)
	hers, _ := s.invite()
	m := s.as(alice)
	to := func(address string) record { return record{"emailAddress": record{"address": address}} }
	for name, tt := range map[string]struct {
		action string
		body   any
		want   string
	}{
		"forward":          {"forward", record{"toRecipients": []any{to(carol)}, "comment": "look"}, "202 "},
		"to nobody":        {"forward", record{"toRecipients": []any{}}, "400 ErrorInvalidRecipients"},
		"to no address":    {"forward", record{"toRecipients": []any{to("carol")}}, "400 ErrorInvalidRecipients"},
		"snooze":           {"snoozeReminder", record{"newReminderTime": at(1)}, "200 "},
		"snooze for ever":  {"snoozeReminder", record{}, "400 RequestBodyRead"},
		"dismiss":          {"dismissReminder", nil, "200 "},
		"dismiss, aliased": {"microsoft.graph.dismissReminder()", nil, "200 "},
	} {
		if a := m.call(http.MethodPost, "/me/events/"+hers+"/"+tt.action, tt.body); a.Status[:4]+a.errorCode() != tt.want {
			t.Errorf("%s: %d %s, want %s", name, a.StatusCode, a.body, tt.want)
		}
	}
	if a := s.as(bob).call(http.MethodPost, "/me/events/"+hers+"/dismissReminder", nil); a.StatusCode != http.StatusNotFound {
		t.Errorf("somebody else's reminder: %d %s", a.StatusCode, a.body)
	}
}

func TestTransactionID(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	body := meeting("Review", boardroom, 2, 3)
	body["transactionId"] = "t-1"
	first, again := m.create(body), m.create(body)
	if first["id"] != again["id"] || first["transactionId"] != "t-1" {
		t.Errorf("the same transaction made %v and %v", first["id"], again["id"])
	}
	body["subject"] = "Another"
	if a := m.call(http.MethodPost, "/me/calendar/events", body); !a.is(http.StatusConflict, "ErrorDuplicateTransactionId") {
		t.Errorf("another event with the same id: %d %s", a.StatusCode, a.body)
	}
	if n := len(s.eventsOf(alice)); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	if other := s.as(bob).create(body); other["id"] == first["id"] {
		t.Error("transactions of two mailboxes are mixed up")
	}
	if a := m.call(http.MethodPatch, "/me/events/"+first["id"].(string), record{"transactionId": "new"}); a.StatusCode != http.StatusBadRequest {
		t.Errorf("a new transactionId: %d %s", a.StatusCode, a.body)
	}
}

func TestChangingAMeeting(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	e := m.create(meeting("Review", boardroom, 2, 3))
	path := "/me/events/" + e["id"].(string)
	s.clock.advance(time.Minute)
	for _, method := range []string{http.MethodPatch, http.MethodDelete} {
		if a := m.call(method, path, record{"subject": "Renamed"}, "If-Match", e["@odata.etag"].(string)); !a.is(http.StatusPreconditionFailed, "ErrorIrresolvableConflict") {
			t.Errorf("%s with a stale etag: %d %s", method, a.StatusCode, a.body)
		}
	}
	tag := m.must(http.StatusOK, http.MethodGet, path, nil).Header.Get("ETag")
	if a := m.must(http.StatusOK, http.MethodPatch, path, record{"subject": "Renamed"}, "If-Match", tag); a.json(t)["subject"] != "Renamed" || a.Header.Get("ETag") == tag {
		t.Errorf("renaming: %s", a.body)
	}
	m.must(http.StatusOK, http.MethodPatch, path, record{"subject": "Again"}, "If-Match", "*")
	if got := m.response(e["id"].(string)); got != "accepted" {
		t.Errorf("renaming makes the room say %s", got)
	}
	m.must(http.StatusOK, http.MethodPatch, path, record{"end": at(4)})
	if got, busy := m.response(e["id"].(string)), m.busy(boardroom); got != "none" || !slices.Equal(busy, []string{"tentative"}) {
		t.Errorf("after a move the room says %s and is %v, want none and tentative", got, busy)
	}
	s.clock.advance(time.Minute)
	if got := m.response(e["id"].(string)); got != "accepted" {
		t.Errorf("the room says %s to the move", got)
	}
	m.must(http.StatusOK, http.MethodPatch, path, record{"attendees": []any{}})
	if got := m.busy(boardroom); len(got) != 0 {
		t.Errorf("the room that was taken off is %v", got)
	}
}

func TestImmutableIDs(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	const prefer = `IdType="ImmutableId"`
	id := m.create(plain("Review", 2, 3))["id"].(string)
	a := m.must(http.StatusOK, http.MethodGet, "/me/events/"+id, nil, "Prefer", prefer)
	immutable := a.json(t)["id"].(string)
	if immutable == id || a.Header.Get("Preference-Applied") != prefer {
		t.Errorf("immutable: %s, Preference-Applied %q", immutable, a.Header.Get("Preference-Applied"))
	}
	s.do(func(now time.Time) {
		it, err := s.exchange.Mailbox(alice).Find(id)
		if err != nil {
			t.Error(err)
			return
		}
		s.exchange.Move(it, now)
	})
	if a := m.call(http.MethodGet, "/me/events/"+id, nil); !a.is(http.StatusNotFound, "ErrorItemNotFound") {
		t.Errorf("the ordinary id after a move: %d %s", a.StatusCode, a.body)
	}
	moved := m.must(http.StatusOK, http.MethodGet, "/me/events/"+immutable, nil).json(t)["id"]
	if moved == id || moved == immutable {
		t.Errorf("after the move its id is %v", moved)
	}
	created := m.must(http.StatusCreated, http.MethodPost, "/me/events", plain("Other", 4, 5), "Prefer", prefer)
	if !strings.Contains(created.Header.Get("Location"), created.json(t)["id"].(string)[:100]) {
		t.Errorf("Location = %s", created.Header.Get("Location"))
	}
}

// Show is what the simulator's own pages show.
func TestShow(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	m.create(meeting("First", boardroom, 2, 3))
	m.create(meeting("Second", boardroom, 2, 3))
	s.clock.advance(time.Minute)
	m.view()
	cloud, _, _ := s.world.CloudOf("/")
	s.do(func(now time.Time) {
		c := frontCall(cloud, now)
		if shown := s.graph.Show(c, "nobody@contoso.example"); len(shown) != 0 {
			t.Errorf("nobody's: %v", shown)
		}
		reasons := 0
		for _, e := range s.graph.Show(c, alice) {
			reasons += len(e.(record)["m365sim.reasons"].(map[string]string))
		}
		if reasons != 1 {
			t.Errorf("%d reasons for a refusal, want 1", reasons)
		}
		if items := s.exchange.Mailbox(boardroom).Items("*"); len(items) != 1 || items[0].Response != exchange.Accepted {
			t.Errorf("the room: %v", items)
		}
	})
}
