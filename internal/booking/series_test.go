package booking

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// daily is a series from 1 December on, every day.
func daily(times int, changes ...any) []any {
	return append([]any{"recurrence", map[string]any{
		"pattern": map[string]any{"type": "daily", "interval": 1},
		"range":   map[string]any{"type": "numbered", "numberOfOccurrences": times},
	}}, changes...)
}

// date is the path of an occurrence of a series at 10:00 by the day of December.
func date(id, day string) string {
	return "/v1/bookings/" + id + "/occurrences/" + url.PathEscape("2026-12-"+day+"T10:00:00+08:00")
}

// statuses are those of the occurrences of a booking.
func (h *house) statuses(id string) string {
	h.t.Helper()
	var all []string
	list, _ := h.call("", "GET", "/v1/bookings/"+id+"/occurrences", "").body["occurrences"].([]any)
	for _, o := range list {
		all = append(all, o.(map[string]any)["status"].(string))
	}
	return strings.Join(all, " ")
}

// A series is cancelled as a whole as long as something of it is to come.
func TestCancelSeriesUnderWay(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(4)...).text("id")
		h.settle(30 * time.Hour)
		h.want(h.call(alice, "DELETE", "/v1/bookings/"+id, ""), 200, "status", "cancelled")
		if n := len(h.graph.live()); n != 0 {
			t.Errorf("%d events, want none", n)
		}
	})
}

// Where nothing of a series would be left, the answer is that of cancelling it.
func TestCancelLastOccurrence(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(2)...).text("id")
		h.want(h.call(alice, "DELETE", date(id, "02"), "", "Prefer", "wait=30"), 200, "status", "confirmed")
		h.want(h.call(alice, "DELETE", date(id, "01"), "", "Prefer", "wait=30"), 200, "status", "cancelled")
		one := h.book("14:00", "15:00").text("id")
		h.graph.setFault(notSent)
		h.want(h.call(alice, "DELETE", "/v1/bookings/"+one+"/occurrences/2026-12-01T14:00:00+08:00", "", "Prefer", "wait=1"), 202)
	})
}

// What was cut off a series does not come back when the series is moved, and is not told
// as a part of it.
func TestMoveAfterTruncation(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(4)...).text("id")
		h.want(h.call(alice, "DELETE", date(id, "03")+"?scope=following", "", "Prefer", "wait=30"), 200, "recurrence.range.numberOfOccurrences", "2")
		h.want(h.patch(id, `{"start":"2026-12-01T12:00:00+08:00","end":"2026-12-01T13:00:00+08:00"}`, "Prefer", "wait=30"), 200, "status", "confirmed")
		if got := h.statuses(id); got != "confirmed confirmed" {
			t.Errorf("occurrences: %s", got)
		}
	})
}

// What was different about dates that were cut off is in the way of nothing any more.
func TestMoveAfterTruncationOfExceptions(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(5)...).text("id")
		h.want(h.call(alice, "DELETE", date(id, "04"), "", "Prefer", "wait=30"), 200)
		h.want(h.call(alice, "DELETE", date(id, "03")+"?scope=following", "", "Prefer", "wait=30"), 200)
		h.want(h.patch(id, `{"start":"2026-12-01T12:00:00+08:00","end":"2026-12-01T13:00:00+08:00"}`, "Prefer", "wait=30"), 200, "status", "confirmed")
	})
}

// The rest of a series may go to another room, which is asked for it.
func TestFollowingToAnotherRoom(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(4)...).text("id")
		r := h.call(alice, "PATCH", date(id, "03")+"?scope=following", `{"room":"peak"}`, "Prefer", "wait=30")
		h.want(r, 200, "room", "peak", "status", "confirmed")
		if e := h.graph.live(); len(e) != 2 || e[1].Room != "peak@contoso.com" {
			t.Errorf("events: %+v; want the second in the peak", e)
		}
		h.want(h.call(alice, "PATCH", date(id, "02")+"?scope=following", `{"room":"other"}`), 404, "code", "unknown_room")
		h.want(h.book("10:00", "11:00", "start", "2026-12-03T10:00:00+08:00", "end", "2026-12-03T11:00:00+08:00"), 201)
	})
}

// What was cancelled of the rest would be there again: that is refused.
func TestFollowingWithExceptions(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(5)...).text("id")
		h.want(h.call(alice, "DELETE", date(id, "04"), "", "Prefer", "wait=30"), 200)
		h.want(h.call(alice, "PATCH", date(id, "03")+"?scope=following", `{"subject":"Budget"}`), 409, "code", "invalid_state")
		h.want(h.call(alice, "PATCH", date(id, "04")+"?scope=following", `{"subject":"Budget"}`), 409, "code", "invalid_state")
		h.want(h.call(alice, "PATCH", date(id, "05")+"?scope=following", `{"subject":"Budget"}`, "Prefer", "wait=30"), 200)
	})
}

// If Microsoft doesn't let the series end earlier, its rest stays a part of it.
func TestFollowingFails(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(4)...).text("id")
		h.graph.setFault(onPatch(answers(400, "ErrorPropertyValidationFailure")))
		r := h.call(alice, "PATCH", date(id, "03")+"?scope=following", `{"subject":"Budget"}`, "Prefer", "wait=30")
		h.want(r, 409, "code", "invalid_state", "booking.status", "failed")
		h.settle(time.Hour)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed", "last_change.status", "failed")
		if n := len(h.graph.events); n != 1 || h.statuses(id) != "confirmed confirmed confirmed confirmed" {
			t.Errorf("%d events, occurrences: %s", n, h.statuses(id))
		}
	})
}

// The rest waits for its series, for hours if it must, and is not taken for a clash with it.
func TestFollowingInAnOutage(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(4)...).text("id")
		h.graph.setFault(onPatch(notSent))
		const later = `{"start":"2026-12-03T10:30:00+08:00","end":"2026-12-03T11:30:00+08:00"}`
		h.want(h.call(alice, "PATCH", date(id, "03")+"?scope=following", later, "Prefer", "wait=1"), 202, "status", "accepted")
		writes := h.writes(func() { h.settle(time.Hour) })
		if writes > 300 {
			t.Errorf("%d commits in an hour of waiting", writes)
		}
		h.graph.mu.Lock() // the room's calendar is slow to show that the series has ended
		h.graph.foreign["boardroom@contoso.com"] = []period{{opening.AddDate(0, 0, 2).Add(time.Hour), opening.AddDate(0, 0, 2).Add(2 * time.Hour)}}
		h.graph.mu.Unlock()
		h.graph.setFault(nil)
		h.settle(20 * time.Minute)
		h.want(h.call("", "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed", "last_change.status", "made")
		list := h.call(alice, "GET", "/v1/bookings?from=2026-12-03T00:00:00%2B08:00", "")
		h.want(list, 200)
		for _, b := range list.body["bookings"].([]any) {
			if b := b.(map[string]any); b["status"] != "confirmed" {
				t.Errorf("%v is %v: %v", b["start"], b["status"], b["reason"])
			}
		}
	})
}

// The rest is given up while it waits.
func TestCancelFollowingThatWaits(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(4)...).text("id")
		h.graph.setFault(onPatch(notSent))
		r := h.call(alice, "PATCH", date(id, "03")+"?scope=following", `{"subject":"Budget"}`, "Prefer", "wait=1")
		h.settle(10 * time.Minute)
		h.want(h.call(alice, "DELETE", "/v1/bookings/"+r.text("id"), ""), 200, "status", "cancelled")
	})
}

// ONES is told what becomes of single occurrences, too.
func TestOccurrencesAreNews(t *testing.T) {
	story(t, func(h *house) {
		third := opening.AddDate(0, 0, 2).Add(time.Hour)
		h.graph.setAnswer(func(e *fakeEvent) string {
			if e.Original.Equal(third) {
				return "declined"
			}
			return "accepted"
		})
		id := h.book("10:00", "11:00", daily(4)...).text("id")
		if got := h.statuses(id); got != "confirmed confirmed declined confirmed" {
			t.Fatalf("occurrences: %s", got)
		}
		h.until("09:55:00")
		before := h.call(alice, "GET", "/v1/bookings/"+id, "").text("version")
		after := h.door(id, "check-in", "").text("version")
		if before == after {
			t.Errorf("version %s before the check-in and after", before)
		}
	})
}

// A series that has gone to another time or room is looked through anew: the room may have
// declined some of its dates.
func TestMovedSeriesIsSurveyed(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(3)...).text("id")
		h.graph.mu.Lock()
		clear(h.graph.instances)
		h.graph.mu.Unlock()
		second := opening.AddDate(0, 0, 1).Add(time.Hour)
		h.graph.setAnswer(func(e *fakeEvent) string {
			if e.Original.Equal(second) {
				return "declined"
			}
			return "accepted"
		})
		h.want(h.patch(id, `{"room":"peak"}`, "Prefer", "wait=30"), 200, "room", "peak", "status", "confirmed")
		if got := h.statuses(id); got != "confirmed declined confirmed" {
			t.Errorf("occurrences: %s", got)
		}
	})
}

// Somebody's series counts as one, however many dates it has, and leaves nothing.
func TestEraseSeries(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(5)...).text("id")
		h.graph.setFault(onPatch(notSent))
		h.call(alice, "PATCH", date(id, "03")+"?scope=following", `{"room":"peak","private":true}`, "Prefer", "respond-async")
		if n := h.erase(alice); n != 2 {
			t.Errorf("%d bookings erased, want 2", n)
		}
		if left := h.traces(alice.ID, "booking-room", "booking-open", "booking-line", "booking-start", "booking-state"); left != nil {
			t.Errorf("left: %v", left)
		}
	})
}

// A series that was deleted in Outlook right after the room has accepted it.
func TestSurveyOfWhatIsGone(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setFault(onInstances(notSent))
		id := h.book("10:00", "11:00", daily(3)...).text("id")
		h.graph.mu.Lock()
		h.graph.events[0].Cancelled = true
		h.graph.mu.Unlock()
		h.graph.setFault(nil)
		h.settle(time.Hour)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "cancelled")
	})
}

// A series moves to other days, also where its request has said on which it begins.
func TestMoveSeriesToAnotherDay(t *testing.T) {
	story(t, func(h *house) {
		changes := daily(2)
		changes[1].(map[string]any)["range"].(map[string]any)["startDate"] = "2026-12-01"
		id := h.book("10:00", "11:00", changes...).text("id")
		h.want(h.patch(id, `{"start":"2026-12-02T10:00:00+08:00","end":"2026-12-02T11:00:00+08:00"}`, "Prefer", "wait=30"), 200, "start", "2026-12-02T10:00:00+08:00")
		h.graph.setFault(onPatch(notSent))
		for range 2 { // the second is a repeat
			h.want(h.patch(id, `{"start":"2026-12-03T10:00:00+08:00","end":"2026-12-03T11:00:00+08:00"}`, "Prefer", "wait=1"), 202)
		}
	})
}

// Why a room declines a series is looked for on all its dates.
func TestWhyASeriesIsDeclined(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setAnswer(func(*fakeEvent) string {
			h.graph.foreign["boardroom@contoso.com"] = []period{{opening.AddDate(0, 0, 2).Add(time.Hour), opening.AddDate(0, 0, 2).Add(2 * time.Hour)}}
			return "declined"
		})
		h.want(h.book("10:00", "11:00", daily(4)...), 409, "code", "room_declined", "booking.reason", reasonTaken)
	})
}

// What was changed and cancelled of a series by itself is so again when Exchange forgets it,
// as the series gets another end.
func TestTruncationKeepsExceptions(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(5)...).text("id")
		const moved = `{"start":"2026-12-02T14:00:00+08:00","end":"2026-12-02T15:00:00+08:00","subject":"Budget","attendees":["bob@contoso.com"]}`
		h.want(h.call(alice, "PATCH", date(id, "02"), moved, "Prefer", "wait=30"), 200, "last_change.status", "made")
		h.want(h.call(alice, "DELETE", date(id, "03"), "", "Prefer", "wait=30"), 200, "last_change.status", "made")
		h.want(h.call(alice, "DELETE", date(id, "05")+"?scope=following", "", "Prefer", "wait=30"), 200, "last_change.status", "made")
		h.settle(time.Minute)
		if got := h.statuses(id); got != "confirmed confirmed cancelled confirmed" {
			t.Errorf("occurrences: %s", got)
		}
		h.graph.mu.Lock()
		defer h.graph.mu.Unlock()
		all := h.graph.occurrences(h.graph.events[0])
		if len(all) != 3 || !all[1].Start.Equal(opening.AddDate(0, 0, 1).Add(5*time.Hour)) || all[1].Body["subject"] != "Budget" || len(all[1].People) != 1 {
			t.Errorf("%d instances, the second: %+v", len(all), all[1])
		}
	})
}

// A change of a date of a series that was deleted in Outlook as a whole ends the booking.
func TestChangeOfASeriesThatIsGone(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(3)...).text("id")
		h.outlook(func(e *fakeEvent) { e.Cancelled = true })
		h.want(h.call(alice, "PATCH", date(id, "02"), `{"subject":"Budget"}`, "Prefer", "wait=30"), 409, "booking.status", "cancelled")
		if n := len(h.open()); n != 0 {
			t.Errorf("%d are open", n)
		}
	})
}

// With an external_id, too, a series is listed as long as one of its dates is to come.
func TestListSeriesByExternalID(t *testing.T) {
	story(t, func(h *house) {
		h.want(h.call("alice@contoso.com", "POST", "/v1/bookings", body("10:00", "11:00", daily(3, "external_id", "ONES-1")...)), 201)
		list := h.call("", "GET", "/v1/bookings?external_id=ONES-1&from=2026-12-03T00:00:00%2B08:00", "")
		if found, _ := list.body["bookings"].([]any); len(found) != 1 {
			t.Errorf("list: %v", list.body)
		}
	})
}

// A series that stays at its time keeps its time zone: Microsoft would go on by the one from
// before, and later dates would not be at the same time there and here.
func TestSeriesKeepsItsZone(t *testing.T) {
	story(t, func(h *house) {
		r := h.book("", "", weekly(30, "room", "peak", "start", "2026-12-01T10:00:00+01:00", "end", "2026-12-01T11:00:00+01:00", "time_zone", "Europe/Paris")...)
		h.want(r, 201)
		dates := func() string {
			return h.call(alice, "GET", "/v1/bookings/"+r.text("id")+"/occurrences", "").text("occurrences")
		}
		before := dates()
		for _, patch := range []string{
			`{"time_zone":"Africa/Lagos"}`, `{"time_zone":"Africa/Lagos","subject":"Budget"}`, `{"time_zone":"Africa/Lagos","room":"harbour"}`,
		} {
			h.want(h.patch(r.text("id"), patch, "Prefer", "wait=30"), 422, "code", "invalid_request")
		}
		if after := dates(); after != before {
			t.Errorf("dates: %s, before: %s", after, before)
		}
		h.want(h.patch(r.text("id"), `{"time_zone":"Europe/Paris","subject":"Budget"}`, "Prefer", "wait=30"), 200, "subject", "Budget")
	})
}

// Nor does it take over that of another room.
func TestSeriesInARoomOfAnotherZone(t *testing.T) {
	story(t, func(h *house) {
		h.world.Rooms["quay"] = Room{Name: "quay", Integration: "contoso", Address: "quay@contoso.com", TimeZone: mustLocation("Europe/Paris")}
		id := h.book("", "", weekly(30, "room", "peak", "start", "2026-12-01T02:00:00Z", "end", "2026-12-01T03:00:00Z")...).text("id")
		before := h.call(alice, "GET", "/v1/bookings/"+id+"/occurrences", "").text("occurrences")
		h.graph.setFault(onPatch(notSent))
		for range 2 { // the second is a repeat
			h.want(h.patch(id, `{"room":"quay"}`, "Prefer", "wait=1"), 202)
		}
		h.graph.setFault(nil)
		h.settle(time.Minute)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "room", "quay", "status", "confirmed", "time_zone", "Asia/Hong_Kong")
		if after := h.call(alice, "GET", "/v1/bookings/"+id+"/occurrences", "").text("occurrences"); after != before {
			t.Errorf("dates: %s, before: %s", after, before)
		}
		h.want(h.call(alice, "PATCH", "/v1/bookings/"+id+"/occurrences/2026-12-15T10:00:00+08:00?scope=following", `{"room":"peak"}`, "Prefer", "wait=30"),
			200, "status", "confirmed", "start", "2026-12-15T10:00:00+08:00", "time_zone", "Asia/Hong_Kong")
	})
}

// The rest of a series that could not be ended before it hears that also late: when its
// gateway dies between the two, and the series changes again meanwhile.
func TestFollowingFailsBehindItsBack(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(4)...).text("id")
		h.graph.setFault(onPatch(notSent))
		rest := h.call(alice, "PATCH", date(id, "03")+"?scope=following", `{"subject":"Budget"}`, "Prefer", "wait=1").text("id")
		h.settle(10 * time.Minute)
		h.stop()
		_, err := h.svc.journal.change(t.Context(), rest, func(r *record) error { // as whoever has looked last leaves it
			r.NextAt, r.Turn = time.Now().UTC().Add(claimLife), ""
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		series := h.read(id)
		if _, err := h.svc.amendRefused(t.Context(), series, "Microsoft 365 refused the booking (ErrorPropertyValidationFailure).", nil); err != nil {
			t.Fatal(err)
		}
		h.graph.setFault(nil)
		h.shared = true // so that what is not due yet waits
		h.start()
		h.want(h.patch(id, `{"subject":"Other"}`, "Prefer", "wait=30"), 200, "last_change.status", "made")
		h.settle(time.Hour)
		h.want(h.call(alice, "GET", "/v1/bookings/"+rest, ""), 200, "status", "failed",
			"reason", "The series could not be ended before it: Microsoft 365 refused the booking (ErrorPropertyValidationFailure).")
		if n := len(h.graph.live()); n != 1 || h.statuses(id) != "confirmed confirmed confirmed confirmed" {
			t.Errorf("%d events, occurrences: %s", n, h.statuses(id))
		}
	})
}

// A series is not ended for a rest whose first date has come meanwhile, so that no later date
// is lost.
func TestFollowingTooLate(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(4)...).text("id")
		h.graph.setFault(onPatch(notSent))
		rest := h.call(alice, "PATCH", date(id, "02")+"?scope=following", `{"subject":"Budget"}`, "Prefer", "wait=1").text("id")
		h.settle(25 * time.Hour)
		h.graph.setFault(nil)
		h.settle(time.Hour)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed", "last_change.status", "failed", "last_change.reason", reasonRestLate)
		h.want(h.call(alice, "GET", "/v1/bookings/"+rest, ""), 200, "status", "failed")
		if n := len(h.graph.live()); n != 1 || h.statuses(id) != "confirmed confirmed confirmed confirmed" {
			t.Errorf("%d events, occurrences: %s", n, h.statuses(id))
		}
	})
}

// The rest of a series isn't moved to where the series itself still has the room.
func TestFollowingInItsOwnWay(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(4)...).text("id")
		const dayBefore = `{"start":"2026-12-02T10:30:00+08:00","end":"2026-12-02T11:30:00+08:00"`
		r := h.call(alice, "PATCH", date(id, "03")+"?scope=following", dayBefore+`}`, "Prefer", "wait=30")
		h.want(r, 409, "code", "room_conflict")
		if clashes, _ := r.body["clashes"].([]any); len(clashes) != 1 || clashes[0].(map[string]any)["start"] != "2026-12-02T10:00:00+08:00" {
			t.Errorf("clashes: %v", r.body["clashes"])
		}
		if got := h.statuses(id); got != "confirmed confirmed confirmed confirmed" {
			t.Errorf("occurrences: %s", got)
		}
		h.want(h.call(alice, "PATCH", date(id, "03")+"?scope=following", dayBefore+`,"room":"peak"}`, "Prefer", "wait=30"), 200, "status", "confirmed")
	})
}

// A series whose dates differ takes no more than the store does in one commit, and says so
// before that.
func TestDatesOfTheirOwn(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(30)...).text("id")
		long := `{"body":"` + strings.Repeat("會", 16000) + `"}`
		day, r := 0, reply{status: 200}
		for ; r.status == 200 && day < 30; r = h.call(alice, "PATCH", date(id, fmt.Sprintf("%02d", day)), long, "Prefer", "wait=30") {
			day++
		}
		h.want(r, 422, "code", "invalid_request")
		if told := r.text("detail"); !strings.HasPrefix(told, "too many occurrences") {
			t.Error(told)
		}
		h.want(h.call(alice, "DELETE", date(id, fmt.Sprintf("%02d", day)), "", "Prefer", "wait=30"), 200, "status", "confirmed")
		h.want(h.call(alice, "DELETE", "/v1/bookings/"+id, "", "Prefer", "wait=30"), 200, "status", "cancelled")
	})
}
