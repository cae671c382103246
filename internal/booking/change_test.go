package booking

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
)

// onPatch makes a fault of changes of events only.
func onPatch(f func(r *http.Request, done bool) (*http.Response, error, bool)) func(*http.Request, bool) (*http.Response, error, bool) {
	return func(r *http.Request, done bool) (*http.Response, error, bool) {
		if r.Method == http.MethodPatch {
			return f(r, done)
		}
		return nil, nil, false
	}
}

// patch changes a booking of Alice's.
func (h *house) patch(id, body string, header ...string) reply {
	h.t.Helper()
	return h.call(alice, "PATCH", "/v1/bookings/"+id, body, header...)
}

func TestRename(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", "attendees", []string{"bob@contoso.com"}).text("id")
		looks := h.graph.count("GET /me/events/")
		r := h.patch(id, `{"subject":"Budget","attendees":["carol@contoso.com"]}`)
		h.want(r, 200, "subject", "Budget", "status", "confirmed", "last_change.status", "made", "attendees", `["carol@contoso.com"]`)
		e := h.graph.events[0]
		if e.Body["subject"] != "Budget" || e.Room != "boardroom@contoso.com" || !slices.Equal(e.People, []string{"carol@contoso.com"}) || e.Response != "accepted" {
			t.Errorf("event: %+v; want it renamed, with Carol in place of Bob, and the room still there", e)
		}
		if n := h.graph.count("GET /me/events/") - looks; e.Patches != 1 || n != 1 {
			t.Errorf("%d changes, %d looks; want one each: the room isn't asked", e.Patches, n)
		}
		h.want(h.patch(id, `{"subject":"Budget"}`), 200, "version", r.text("version"))
		if e.Patches != 1 {
			t.Errorf("%d changes, want 1: nothing was to be done", e.Patches)
		}
	})
}

func TestMove(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		r := h.patch(id, `{"start":"2026-12-01T14:00:00+08:00","end":"2026-12-01T15:00:00+08:00"}`, "Content-Type", "application/merge-patch+json")
		h.want(r, 200, "status", "confirmed", "start", "2026-12-01T14:00:00+08:00", "last_change.status", "made", "pending_change", "null")
		if e := h.graph.events[0]; !e.Start.Equal(opening.Add(5*time.Hour)) || !e.End.Equal(opening.Add(6*time.Hour)) {
			t.Errorf("event: %v to %v", e.Start, e.End)
		}
		h.want(h.book("10:00", "11:00"), 201) // free again
		h.want(h.book("14:30", "15:30"), 409, "code", "room_conflict")
		// Lists show it where it is, once.
		list := h.call(alice, "GET", "/v1/bookings?room=boardroom&from=2026-12-01T13:00:00%2B08:00&to=2026-12-01T18:00:00%2B08:00", "")
		if found, _ := list.body["bookings"].([]any); len(found) != 1 {
			t.Errorf("list: %v", list.body)
		}
	})
}

// A move that overlaps the booking itself is no conflict; one that overlaps another is,
// and changes nothing.
func TestMoveConflicts(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		h.want(h.call(bob, "POST", "/v1/bookings", body("12:00", "13:00")), 201)
		h.want(h.patch(id, `{"start":"2026-12-01T10:30:00+08:00","end":"2026-12-01T11:30:00+08:00"}`), 200, "status", "confirmed")
		h.want(h.patch(id, `{"end":"2026-12-01T12:30:00+08:00"}`), 409, "code", "room_conflict")
		h.graph.mu.Lock()
		h.graph.foreign["boardroom@contoso.com"] = []period{{opening.Add(150 * time.Minute), opening.Add(170 * time.Minute)}}
		h.graph.mu.Unlock()
		h.want(h.patch(id, `{"end":"2026-12-01T12:00:00+08:00"}`), 409, "code", "room_conflict")
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "end", "2026-12-01T11:30:00+08:00", "pending_change", "null")
	})
}

// While the room thinks, both times are the booking's; if it declines, the booking is put
// back.
func TestMoveDeclined(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		h.graph.setAnswer(func(e *fakeEvent) string {
			switch {
			case e.Start.Equal(opening.Add(time.Hour)):
				return "accepted"
			case time.Since(opening) < 20*time.Second:
				return "none"
			}
			return "declined"
		})
		r := h.patch(id, `{"start":"2026-12-01T14:00:00+08:00","end":"2026-12-01T15:00:00+08:00"}`)
		h.want(r, 202, "status", "confirmed", "start", "2026-12-01T10:00:00+08:00", "pending_change.start", "2026-12-01T14:00:00+08:00")
		h.want(h.patch(id, `{"subject":"Budget"}`), 409, "code", "invalid_state")
		again := h.patch(id, `{"start":"2026-12-01T14:00:00+08:00","end":"2026-12-01T15:00:00+08:00"}`, "Prefer", "respond-async")
		h.want(again, 202, "pending_change.id", r.text("pending_change.id"))
		for _, at := range [][2]string{{"10:30", "11:30"}, {"14:30", "15:30"}} {
			h.want(h.call(bob, "POST", "/v1/bookings", body(at[0], at[1])), 409, "code", "room_conflict")
		}
		h.settle(2 * time.Minute)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed", "start", "2026-12-01T10:00:00+08:00",
			"pending_change", "null", "last_change.status", "declined", "last_change.reason", reasonPolicy)
		if e := h.graph.events[0]; !e.Start.Equal(opening.Add(time.Hour)) || e.Cancelled || e.Patches != 2 {
			t.Errorf("event: %+v; want it back at 10:00", e)
		}
		h.want(h.call(bob, "POST", "/v1/bookings", body("14:30", "15:30", "subject", "Bob's"), "Prefer", "respond-async"), 202)
	})
}

// The caller that waits is told of the refusal.
func TestMoveDeclinedAtOnce(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		h.graph.setAnswer(func(e *fakeEvent) string {
			if e.Start.Equal(opening.Add(time.Hour)) {
				return "accepted"
			}
			return "declined"
		})
		r := h.patch(id, `{"start":"2026-12-01T14:00:00+08:00","end":"2026-12-01T15:00:00+08:00"}`)
		h.want(r, 409, "code", "room_declined", "booking.status", "confirmed", "booking.start", "2026-12-01T10:00:00+08:00")
	})
}

// If the old time is gone too, the booking is declined.
func TestMoveLosesBoth(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		h.graph.setAnswer(func(*fakeEvent) string { return "declined" })
		h.want(h.patch(id, `{"start":"2026-12-01T14:00:00+08:00","end":"2026-12-01T15:00:00+08:00"}`), 409, "code", "room_declined")
		h.settle(time.Minute)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "declined", "reason", reasonLost, "pending_change", "null")
		if n := len(h.graph.live()); n != 0 {
			t.Errorf("live events: %d, want none", n)
		}
	})
}

// What may have been done is looked for before it is done again, also after a crash.
func TestChangeAnswersLost(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		h.graph.setFault(onPatch(times(1, lostReply)))
		r := h.patch(id, `{"start":"2026-12-01T14:00:00+08:00","end":"2026-12-01T15:00:00+08:00","subject":"Budget"}`, "Prefer", "respond-async")
		h.want(r, 202)
		h.restart()
		h.settle(time.Minute)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "subject", "Budget", "start", "2026-12-01T14:00:00+08:00", "last_change.status", "made")
		if e := h.graph.events[0]; e.Patches != 1 {
			t.Errorf("the event was changed %d times, want once", e.Patches)
		}
	})
}

func TestChangeRefused(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		h.graph.setFault(onPatch(answers(400, "ErrorPropertyValidationFailure")))
		h.want(h.patch(id, `{"subject":"Budget"}`), 409, "code", "invalid_state", "booking.subject", "Quarterly review")
		h.graph.setFault(onPatch(times(2, answers(412, "ErrorIrresolvableConflict"))))
		h.want(h.patch(id, `{"subject":"Budget"}`, "Prefer", "wait=30"), 200, "subject", "Budget")
	})
}

func TestChangeOfWhatIsGone(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		h.graph.mu.Lock()
		h.graph.events[0].Cancelled = true
		h.graph.mu.Unlock()
		h.want(h.patch(id, `{"subject":"Budget"}`), 409, "booking.status", "cancelled")
	})
}

func TestChangeWaitsForSignIn(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		h.graph.setFault(onPatch(times(1, func(*http.Request, bool) (*http.Response, error, bool) {
			h.kill(alice, grant.ErrNeedsSignIn)
			return nil, errLost, true
		})))
		h.want(h.patch(id, `{"subject":"Budget"}`), 202, "status", "confirmed")
		h.settle(time.Minute)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed", "reason", reasonSignIn)
		h.kill(alice, nil)
		h.svc.Resume(alice.ID)
		h.settle(10 * time.Second)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "subject", "Budget", "reason", "null")
	})
}

// What has surely not reached Microsoft yet takes its change along: it is made once, as it
// is to be, also after the time at which it would have been too late for it.
func TestChangeBeforeTheEvent(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setFault(notSent)
		id := h.book("10:00", "11:00", "room", "peak").text("id")
		h.want(h.patch(id, `{"start":"2026-12-01T12:00:00+08:00","end":"2026-12-01T13:00:00+08:00"}`), 200, "status", "accepted",
			"start", "2026-12-01T12:00:00+08:00", "pending_change", "null", "last_change.status", "made")
		h.settle(90 * time.Minute) // it is 10:30 in Hong Kong
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "accepted")
		h.graph.setFault(nil)
		h.settle(10 * time.Minute)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed", "start", "2026-12-01T12:00:00+08:00")
		if n := h.graph.count("PATCH "); n != 0 || len(h.graph.live()) != 1 {
			t.Errorf("%d events, changed %d times", len(h.graph.live()), n)
		}
	})
}

func TestCancelDuringChange(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		h.graph.setAnswer(func(*fakeEvent) string { return "none" })
		h.want(h.patch(id, `{"end":"2026-12-01T11:30:00+08:00"}`, "Prefer", "wait=1"), 202)
		h.want(h.call(alice, "DELETE", "/v1/bookings/"+id, ""), 200, "status", "cancelled", "pending_change", "null")
		h.want(h.book("10:00", "11:30", "subject", "Again"), 202)
	})
}

func TestWhoMayChange(t *testing.T) {
	story(t, func(h *house) {
		r := h.book("10:00", "11:00")
		id := r.text("id")
		for _, tt := range []struct {
			as     any
			status int
			code   string
		}{{bob, 404, "not_found"}, {"", 403, "forbidden"}, {"bob@contoso.com", 404, "not_found"}, {eve, 404, "not_found"}} {
			if tt.as == "bob@contoso.com" {
				tt.as, tt.status, tt.code = bob.ID, 403, "not_organizer"
			}
			for _, call := range [][2]string{{"PATCH", ""}, {"POST", "/extend"}, {"POST", "/check-in"}, {"POST", "/end"}} {
				in := map[string]string{"": `{"subject":"x"}`, "/extend": `{"minutes":15}`}[call[1]]
				h.want(h.call(tt.as, call[0], "/v1/bookings/"+id+call[1], in), tt.status, "code", tt.code)
			}
		}
		h.want(h.patch(id, `{"subject":"x"}`, "If-Match", `"99"`), 412, "code", "version_conflict")
		h.want(h.patch(id, `{"subject":"x"}`, "If-Match", r.header.Get("ETag")), 200)
		for body, field := range map[string]string{
			`{"subject":null}`: "body.subject", `{"start":"soon"}`: "body.start", `{"end":"2026-12-01T09:30:00+08:00"}`: "body.end",
			`{"time_zone":"Europe/London","start":"2026-12-01T10:00:00+08:00"}`: "body.start", `{"attendees":["peak@contoso.com"]}`: "body.attendees",
			`{"end":"2026-12-01T20:00:00+08:00"}`: "body.end", `{"attendees":7}`: "body.attendees",
		} {
			r := h.patch(id, body)
			h.want(r, 422, "code", "invalid_request")
			if errs, _ := r.body["errors"].([]any); len(errs) == 0 || !strings.HasPrefix(errs[0].(map[string]any)["location"].(string), field) {
				t.Errorf("%s: errors %v, want one at %s", body, r.body["errors"], field)
			}
		}
	})
}

// That nobody else is invited any more is one change, too, however often it is asked for.
func TestNobodyInvitedTwice(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", "attendees", []string{"bob@contoso.com"}).text("id")
		h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
			if r.Method == http.MethodPatch {
				return answers(503, "ServiceUnavailable")(r, done)
			}
			return nil, nil, false
		})
		first := h.patch(id, `{"attendees":[]}`, "Prefer", "wait=1")
		h.want(first, 202)
		h.want(h.patch(id, `{"attendees":[]}`, "Prefer", "wait=1"), 202, "pending_change.id", first.text("pending_change.id"))
		h.graph.setFault(nil)
		h.settle(time.Minute)
		made := h.patch(id, `{"attendees":[]}`)
		h.want(made, 200, "last_change.id", first.text("pending_change.id"), "last_change.status", "made", "attendees", "[]")
	})
}

// Another time zone alone keeps the time of day, however that was written.
func TestTimeZoneKeepsTheTimeOfDay(t *testing.T) {
	const berlin = `{"time_zone":"Europe/Berlin"}`
	for name, tt := range map[string]struct {
		booked     []any // beside the times, which have offsets
		patch      string
		start, end string
	}{
		"offsets":                 {nil, berlin, "2026-12-01T10:00:00+01:00", "2026-12-01T11:00:00+01:00"},
		"offsets of a named zone": {[]any{"time_zone", "Asia/Hong_Kong"}, berlin, "2026-12-01T10:00:00+01:00", "2026-12-01T11:00:00+01:00"},
		"offsets of another zone": {[]any{"start", "2026-12-01T02:00:00Z"}, berlin, "2026-12-01T10:00:00+01:00", "2026-12-01T11:00:00+01:00"},
		"wall time":               {[]any{"start", "2026-12-01T10:00", "end", "2026-12-01T11:00"}, berlin, "2026-12-01T10:00:00+01:00", "2026-12-01T11:00:00+01:00"},
		"a series":                {weekly(3), berlin, "2026-12-01T10:00:00+01:00", "2026-12-01T11:00:00+01:00"},
		"all day":                 {[]any{"room", "peak", "all_day", true, "start", "2026-12-02T00:00:00+08:00", "end", "2026-12-03T00:00:00+08:00"}, berlin, "2026-12-02T00:00:00+08:00", "2026-12-03T00:00:00+08:00"},
		"with another end":        {nil, `{"time_zone":"Europe/Berlin","end":"2026-12-01T12:00:00+01:00"}`, "2026-12-01T10:00:00+01:00", "2026-12-01T12:00:00+01:00"},
		"the zone that it is in":  {nil, `{"time_zone":"Asia/Hong_Kong"}`, "2026-12-01T10:00:00+08:00", "2026-12-01T11:00:00+08:00"},
		"the same, from UTC":      {[]any{"start", "2026-12-01T02:00:00Z", "end", "2026-12-01T03:00Z"}, `{"time_zone":"Asia/Hong_Kong"}`, "2026-12-01T10:00:00+08:00", "2026-12-01T11:00:00+08:00"},
		"and another subject":     {[]any{"start", "2026-12-01T02:00:00Z"}, `{"time_zone":"Asia/Hong_Kong","subject":"x"}`, "2026-12-01T10:00:00+08:00", "2026-12-01T11:00:00+08:00"},
		"the room's again":        {[]any{"start", "2026-12-01T10:00:00+01:00", "end", "2026-12-01T11:00:00+01:00", "time_zone", "Europe/Berlin"}, `{"time_zone":null}`, "2026-12-01T10:00:00+08:00", "2026-12-01T11:00:00+08:00"},
		"other times, from UTC":   {[]any{"start", "2026-12-01T10:00", "end", "2026-12-01T11:00", "time_zone", "Europe/Berlin"}, `{"start":"2026-12-01T16:00:00Z","end":"2026-12-01T17:00Z"}`, "2026-12-01T17:00:00+01:00", "2026-12-01T18:00:00+01:00"},
	} {
		story(t, func(h *house) {
			made := h.book("10:00", "11:00", tt.booked...)
			h.want(made, 201)
			for range 2 { // the second is a repeat
				r := h.patch(made.text("id"), tt.patch, "Prefer", "wait=30")
				if r.status != 200 || r.text("start") != tt.start || r.text("end") != tt.end {
					t.Errorf("%s: %d, %s to %s, want %s to %s: %v", name, r.status, r.text("start"), r.text("end"), tt.start, tt.end, r.body)
				}
			}
		})
	}
}

// To another room: both rooms are held until that one has accepted, then the first is free.
func TestMoveToAnotherRoom(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", "attendees", []string{"bob@contoso.com"}).text("id")
		h.want(h.call(bob, "POST", "/v1/bookings", body("10:30", "11:30", "room", "peak")), 201)
		h.want(h.patch(id, `{"room":"peak"}`), 409, "code", "room_conflict")
		h.want(h.patch(id, `{"room":"nowhere"}`), 404, "code", "unknown_room")
		h.want(h.patch(id, `{"room":"other"}`), 404, "code", "unknown_room")
		h.graph.setAnswer(func(e *fakeEvent) string {
			if e.Room == "harbour@contoso.com" && time.Since(opening) < 10*time.Second {
				return "none"
			}
			return "accepted"
		})
		h.want(h.patch(id, `{"room":"harbour"}`, "Prefer", "wait=1"), 202, "room", "boardroom", "pending_change.room", "harbour")
		for _, room := range []string{"boardroom", "harbour"} {
			h.want(h.call(bob, "POST", "/v1/bookings", body("10:30", "11:30", "room", room)), 409, "code", "room_conflict")
		}
		h.settle(20 * time.Second)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "room", "harbour", "status", "confirmed")
		if e := h.graph.events[0]; e.Room != "harbour@contoso.com" || len(e.People) != 1 || e.Patches != 1 || !strings.Contains(fmt.Sprint(e.Body["location"]), "Harbour") {
			t.Errorf("event: %+v", e)
		}
		h.want(h.call(bob, "POST", "/v1/bookings", body("10:30", "11:30")), 201)
		h.want(h.call(bob, "POST", "/v1/bookings", body("10:30", "11:30", "room", "harbour")), 409)
	})
}

// A room that declines leaves the booking where it was, if that still takes it.
func TestMoveToARoomThatDeclines(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		h.graph.setAnswer(func(e *fakeEvent) string {
			if e.Room == "peak@contoso.com" {
				return "declined"
			}
			return "accepted"
		})
		h.want(h.patch(id, `{"room":"peak"}`), 409, "code", "room_declined")
		h.settle(time.Minute)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "room", "boardroom", "status", "confirmed", "last_change.status", "declined")
		if e := h.graph.events[0]; e.Room != "boardroom@contoso.com" || e.Cancelled {
			t.Errorf("event: %+v", e)
		}
		h.want(h.call(bob, "POST", "/v1/bookings", body("10:00", "11:00", "room", "peak"), "Prefer", "respond-async"), 202)
	})
}

// Another text takes the place of the old one, but not of the online meeting.
func TestNewText(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", "body", "Agenda").text("id")
		h.want(h.patch(id, `{"body":"Another agenda"}`), 200, "body", "Another agenda")
		if got := fmt.Sprint(h.graph.events[0].Body["body"]); !strings.Contains(got, "Another agenda") {
			t.Errorf("the event's body: %s", got)
		}
		const blob = `<div>Agenda</div><div class="me-email-text"><a href="https://teams.example/join">Join</a></div>`
		for _, tt := range []struct {
			html   string
			status int
		}{{`<html><body>nothing of it</body></html>`, 409}, {`<html><body>` + blob + `</body></html>`, 200}} {
			h.graph.setOnline(tt.html)
			h.want(h.patch(id, `{"body":"A third one"}`), tt.status)
			if got := fmt.Sprint(h.graph.events[0].Body["body"]); tt.status == 200 && (!strings.Contains(got, "A third one") || !strings.Contains(got, "teams.example/join")) {
				t.Errorf("the event's body: %s", got)
			}
		}
	})
}
