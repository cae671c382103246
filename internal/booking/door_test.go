package booking

import (
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
)

// withCheckIn has the boardroom release what nobody has checked in to after 10 minutes. No
// service may be running.
func (h *house) withCheckIn() { h.releaseAfter(10 * time.Minute) }

func (h *house) releaseAfter(d time.Duration) {
	room := h.world.Rooms["boardroom"]
	room.CheckIn = d
	h.world.Rooms["boardroom"] = room
}

// checkIn configures the boardroom anew.
func (h *house) checkIn(after time.Duration) {
	h.stop()
	h.releaseAfter(after)
	h.start()
}

func (h *house) door(id, what, body string) reply {
	h.t.Helper()
	return h.call(alice, "POST", "/v1/bookings/"+id+"/"+what, body)
}

// until lets virtual time pass up to a wall time in Hong Kong.
func (h *house) until(at string) {
	h.t.Helper()
	then, err := time.ParseInLocation("15:04:05", at, hongKong)
	if err != nil {
		h.t.Fatal(err)
	}
	h.settle(time.Until(opening.Add(then.Sub(time.Date(0, 1, 1, 9, 0, 0, 0, hongKong)))))
}

func TestReleased(t *testing.T) {
	story(t, func(h *house) {
		h.checkIn(10 * time.Minute)
		id := h.book("10:00", "11:00", "attendees", []string{"bob@contoso.com"}).text("id")
		h.restart() // a booking that rests is not gone through anew
		h.until("10:09:59")
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed")
		h.until("10:10:05")
		r := h.call(alice, "GET", "/v1/bookings/"+id, "")
		h.want(r, 200, "status", "released", "reason", reasonReleased, "pending_change", "null")
		e := h.graph.events[0]
		if e.Cancelled || e.Room != "" || len(e.People) != 1 || e.Patches != 1 {
			t.Errorf("event: %+v; want it to live on without the room", e)
		}
		h.want(h.call(bob, "POST", "/v1/bookings", body("10:15", "11:00")), 201)
		h.want(h.door(id, "check-in", ""), 409, "code", "invalid_state")
	})
}

func TestCheckedIn(t *testing.T) {
	story(t, func(h *house) {
		h.checkIn(10 * time.Minute)
		id := h.book("10:00", "11:00").text("id")
		h.want(h.door(id, "check-in", ""), 409, "code", "invalid_state")
		h.until("09:50:00")
		r := h.door(id, "check-in", "")
		h.want(r, 200, "checked_in_at", "2026-12-01T01:50:00Z", "status", "confirmed")
		h.want(h.door(id, "check-in", ""), 200, "version", r.text("version"))
		h.until("10:30:00")
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed")
		if n := h.graph.events[0].Patches; n != 0 {
			t.Errorf("changes of the event: %d, want none: nobody is told", n)
		}
		h.until("11:00:00")
		h.want(h.door(id, "check-in", ""), 409, "code", "invalid_state")
	})
}

// A booking made late has its time from then on; one that ends before is left alone.
func TestReleaseOfLateBookings(t *testing.T) {
	story(t, func(h *house) {
		h.checkIn(10 * time.Minute)
		h.until("10:00:00")
		late := h.book("10:00", "11:00").text("id")
		short := h.book("11:00", "11:05").text("id")
		h.until("10:09:00")
		h.want(h.call(alice, "GET", "/v1/bookings/"+late, ""), 200, "status", "confirmed")
		h.until("12:00:00")
		h.want(h.call(alice, "GET", "/v1/bookings/"+late, ""), 200, "status", "released")
		h.want(h.call(alice, "GET", "/v1/bookings/"+short, ""), 200, "status", "confirmed")
	})
}

// A moved booking is released by its new time, and one in a room that has lost its
// check-in not at all.
func TestReleaseFollowsChanges(t *testing.T) {
	story(t, func(h *house) {
		h.checkIn(10 * time.Minute)
		moved := h.book("10:00", "11:00").text("id")
		h.want(h.patch(moved, `{"start":"2026-12-01T12:00:00+08:00","end":"2026-12-01T13:00:00+08:00"}`), 200)
		h.until("12:05:00")
		h.want(h.call(alice, "GET", "/v1/bookings/"+moved, ""), 200, "status", "confirmed")
		h.until("12:11:00")
		h.want(h.call(alice, "GET", "/v1/bookings/"+moved, ""), 200, "status", "released")
		other := h.book("14:00", "15:00").text("id")
		h.checkIn(0)
		h.until("14:30:00")
		h.want(h.call(alice, "GET", "/v1/bookings/"+other, ""), 200, "status", "confirmed")
	})
}

// While Microsoft is away the release waits, and ends with the booking.
func TestReleaseWaits(t *testing.T) {
	story(t, func(h *house) {
		h.checkIn(10 * time.Minute)
		id := h.book("10:00", "11:00").text("id")
		h.graph.setFault(notSent)
		h.until("10:20:00")
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed", "pending_change.kind", "release")
		h.want(h.door(id, "check-in", ""), 200, "pending_change", "null") // just in time
		h.graph.setFault(nil)
		h.until("10:50:00")
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed")
	})
}

func TestExtend(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		h.want(h.call(bob, "POST", "/v1/bookings", body("11:30", "12:00")), 201)
		h.until("10:30:00")
		r := h.door(id, "extend", `{"minutes":30}`)
		h.want(r, 200, "end", "2026-12-01T11:30:00+08:00", "status", "confirmed")
		if e := h.graph.events[0]; !e.End.Equal(opening.Add(150 * time.Minute)) {
			t.Errorf("the event ends at %v", e.End)
		}
		patches := h.graph.events[0].Patches
		h.want(h.door(id, "extend", `{"minutes":15}`), 409, "code", "room_conflict")
		if e := h.graph.events[0]; e.Patches != patches || e.Response != "accepted" {
			t.Errorf("the event was touched, though the room was known to be taken: %+v", e)
		}
		h.want(h.door(id, "extend", `{"minutes":0}`), 422)
		h.want(h.door(id, "extend", `{"minutes":600}`), 422)
		h.until("11:30:00")
		h.want(h.door(id, "extend", `{"minutes":15}`), 409, "code", "invalid_state")
	})
}

func TestEnd(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		h.want(h.door(id, "end", ""), 409, "code", "invalid_state")
		h.until("10:20:30")
		h.want(h.door(id, "end", ""), 200, "end", "2026-12-01T10:20:00+08:00", "status", "confirmed", "last_change.status", "made")
		if e := h.graph.events[0]; !e.End.Equal(opening.Add(80 * time.Minute)) {
			t.Errorf("the event ends at %v, want 10:20", e.End)
		}
		h.want(h.call(bob, "POST", "/v1/bookings", body("10:30", "11:00")), 201)
		h.want(h.door(id, "end", ""), 200, "end", "2026-12-01T10:20:00+08:00") // a repeat
	})
}

// With a key, a repeated call extends once.
func TestExtendTwice(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		for i, want := range []string{"null", "true", "true"} {
			r := h.call(alice, "POST", "/v1/bookings/"+id+"/extend", `{"minutes":15}`, "Idempotency-Key", "k")
			h.want(r, 200, "end", "2026-12-01T11:15:00+08:00")
			if got := r.header.Get("Idempotent-Replayed"); i > 0 && got != want {
				t.Errorf("Idempotent-Replayed: got %q, want %q", got, want)
			}
		}
		h.want(h.call(alice, "POST", "/v1/bookings/"+id+"/extend", `{"minutes":20}`, "Idempotency-Key", "k"), 422, "code", "idempotency_mismatch")
		h.want(h.call(alice, "POST", "/v1/bookings/"+id+"/extend", `{"minutes":15}`), 200, "end", "2026-12-01T11:30:00+08:00")
	})
}

// An end that Microsoft can't be told yet holds here already.
func TestEndDuringOutage(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		h.until("10:20:00")
		h.graph.setFault(notSent)
		h.want(h.door(id, "end", ""), 202, "end", "2026-12-01T10:20:00+08:00", "pending_change.kind", "end")
		h.kill(alice, grant.ErrUnavailable)
		h.settle(time.Minute)
		h.kill(alice, nil)
		h.graph.setFault(nil)
		h.settle(10 * time.Minute)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "last_change.status", "made")
		if e := h.graph.events[0]; !e.End.Equal(opening.Add(80 * time.Minute)) {
			t.Errorf("the event ends at %v, want 10:20", e.End)
		}
	})
}

// Where the organizer's grant is dead, the room's own account says no.
func TestReleasedByTheRoom(t *testing.T) {
	story(t, func(h *house) {
		h.checkIn(10 * time.Minute)
		h.connect("boardroom", grant.Connected)
		id := h.book("10:00", "11:00").text("id")
		h.kill(alice, grant.ErrNeedsSignIn)
		h.until("10:10:30")
		h.want(h.call("", "GET", "/v1/bookings/"+id, ""), 200, "status", "released")
		if e := h.graph.events[0]; e.Response != "declined" || e.Patches != 0 {
			t.Errorf("event: %+v; want it declined by the room", e)
		}
	})
}

// A panel at the door checks in, ends and releases for whoever stands there; it changes nothing.
func TestPanelAtTheDoor(t *testing.T) {
	story(t, func(h *house) {
		h.checkIn(10 * time.Minute)
		id := h.book("10:00", "11:00", "private", true).text("id")
		next := h.book("11:00", "12:00").text("id")
		h.until("09:55:00")
		panel := func(method, id, what, body string) reply {
			return h.call("room:boardroom", method, "/v1/bookings/"+id+what, body)
		}
		h.want(panel("PATCH", id, "", `{"subject":"x"}`), 403, "code", "not_organizer")
		h.want(panel("POST", id, "/extend", `{"minutes":5}`), 403, "code", "not_organizer")
		h.want(h.call("room:harbour", "POST", "/v1/bookings/"+id+"/check-in", ""), 404, "code", "not_found")
		h.want(panel("POST", id, "/check-in", ""), 200, "checked_in_at", "2026-12-01T01:55:00Z", "subject", "")
		h.until("10:30:00")
		h.want(panel("POST", id, "/end", ""), 200, "end", "2026-12-01T10:30:00+08:00")
		h.want(panel("DELETE", next, "", ""), 200, "status", "released")
		if e := h.graph.events[1]; e.Cancelled || e.Room != "" {
			t.Errorf("event: %+v; want it to live on without the room", e)
		}
		h.want(h.call(bob, "POST", "/v1/bookings", body("10:30", "12:00")), 201)
	})
}

// A date of a series that was given a time zone of its own is read by that.
func TestDateInAnotherZone(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("", "", weekly(3, "room", "peak", "start", "2026-12-01T10:00:00-05:00", "end", "2026-12-01T11:00:00-05:00", "time_zone", "America/New_York")...).text("id")
		second, third := "/v1/bookings/"+id+"/occurrences/2026-12-08T10:00:00-05:00", "/v1/bookings/"+id+"/occurrences/2026-12-15T10:00:00-05:00"
		h.want(h.call(alice, "PATCH", third, `{"all_day":true,"time_zone":"Asia/Hong_Kong","start":"2026-12-17","end":"2026-12-18"}`, "Prefer", "wait=30"), 200)
		e := h.outlookDate(2, func(*fakeEvent) {})
		if want := time.Date(2026, 12, 17, 0, 0, 0, 0, time.UTC); !e.Start.Equal(want) || !e.End.Equal(want.AddDate(0, 0, 1)) {
			t.Errorf("the event lasts from %v to %v, want the day from %v", e.Start, e.End, want)
		}
		h.want(h.call(alice, "PATCH", second, `{"time_zone":"Asia/Hong_Kong","start":"2026-12-08T20:00:00+08:00","end":"2026-12-08T21:00:00+08:00"}`, "Prefer", "wait=30"), 200)
		h.settle(time.Until(time.Date(2026, 12, 8, 12, 30, 0, 0, time.UTC)))
		h.want(h.door(id, "extend", `{"minutes":15}`), 200)
		h.want(h.call(alice, "PATCH", second, `{"subject":"Budget"}`), 200)
		h.want(h.door(id, "end", ""), 200)
	})
}

// What lasts all day isn't ended, and what doesn't is: a date of a series by what it is itself.
func TestEndADateOfAnotherLength(t *testing.T) {
	for name, tt := range map[string]struct {
		series       []any
		date, change string
		status       int
	}{
		"all day, of one with times": {
			daily(3, "room", "peak"), "2026-12-02T10:00:00+08:00", `{"all_day":true,"start":"2026-12-02","end":"2026-12-03"}`, 409,
		},
		"with times, of one that lasts all day": {
			daily(3, "room", "peak", "all_day", true, "start", "2026-12-01", "end", "2026-12-02"), "2026-12-02T00:00:00+08:00",
			`{"all_day":false,"start":"2026-12-02T10:00:00+08:00","end":"2026-12-02T12:00:00+08:00"}`, 200,
		},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(h *house) {
				id := h.book("10:00", "11:00", tt.series...).text("id")
				h.want(h.call(alice, "PATCH", "/v1/bookings/"+id+"/occurrences/"+tt.date, tt.change, "Prefer", "wait=30"), 200, "last_change.status", "made")
				h.settle(26 * time.Hour)
				h.want(h.door(id, "end", ""), tt.status)
			})
		})
	}
}
