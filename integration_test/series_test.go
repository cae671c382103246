package integration_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// weekly is a meeting each week, so many times.
func weekly(room string, days, hour, times int) map[string]any {
	m := meeting(room, days, hour)
	start, _ := time.Parse(time.RFC3339, m["start"].(string))
	m["recurrence"] = map[string]any{
		"pattern": map[string]any{"type": "weekly", "interval": 1, "daysOfWeek": []string{strings.ToLower(start.Weekday().String())}},
		"range":   map[string]any{"type": "numbered", "numberOfOccurrences": times},
	}
	return m
}

// as sends a call of the booking API for somebody.
func (w *world) as(mail, method, path string, body any, headers ...string) answer {
	w.t.Helper()
	return w.serve(method, path, body, append(headers, "Ones-Act-As", mail)...)
}

// dates lists the occurrences of a booking.
func (w *world) dates(id string) (all []map[string]any) {
	w.t.Helper()
	a := w.as(alice, http.MethodGet, "/v1/bookings/"+id+"/occurrences", nil)
	if a.StatusCode != http.StatusOK {
		w.t.Fatalf("occurrences: %d %s", a.StatusCode, a.body)
	}
	for _, o := range a.json(w.t)["occurrences"].([]any) {
		all = append(all, o.(map[string]any))
	}
	return all
}

// statuses are those of the occurrences of a booking, in their order.
func (w *world) statuses(id string) string {
	w.t.Helper()
	var all []string
	for _, o := range w.dates(id) {
		all = append(all, o["status"].(string))
	}
	return strings.Join(all, " ")
}

// expect checks an answer's status and, by their names, some of its texts.
func (w *world) expect(what string, a answer, status int, pairs ...string) map[string]any {
	w.t.Helper()
	if a.StatusCode != status {
		w.t.Fatalf("%s: %d %s; want %d", what, a.StatusCode, a.body, status)
	}
	b := a.json(w.t)
	for i := 0; i+1 < len(pairs); i += 2 {
		if got, _ := b[pairs[i]].(string); got != pairs[i+1] {
			w.t.Errorf("%s: %s = %q, want %q\n%s", what, pairs[i], got, pairs[i+1], a.body)
		}
	}
	return b
}

// A series through the real gateway: what the room's calendar shows is what was booked,
// after each change.
func TestSeries(t *testing.T) {
	w := newWorld(t)
	w.write(nil)
	w.gateway()
	newVisitor(t, w.home).signIn(alice)
	newVisitor(t, w.home).signIn(bob)

	single := w.expect("Bob's single meeting", w.as(bob, http.MethodPost, "/v1/bookings", meeting("boardroom", 14, 9), "Prefer", "wait=30"), 201)
	a := w.as(alice, http.MethodPost, "/v1/bookings", weekly("boardroom", 7, 9, 4))
	if b := w.expect("a series across it", a, 409, "code", "room_conflict"); len(b["clashes"].([]any)) != 1 {
		t.Errorf("clashes: %s", a.body)
	}
	check := w.expect("looking at it", w.as(alice, http.MethodPost, "/v1/bookings/check", weekly("boardroom", 7, 9, 4)), 200)
	if all := check["occurrences"].([]any); len(all) != 4 || all[1].(map[string]any)["free"] != false || all[0].(map[string]any)["free"] != true {
		t.Errorf("check: %s", pretty(check))
	}

	id := w.expect("a series", w.as(alice, http.MethodPost, "/v1/bookings", weekly("boardroom", 7, 14, 5), "Prefer", "wait=30"), 201, "status", "confirmed")["id"].(string)
	path := func(n int) string {
		return "/v1/bookings/" + id + "/occurrences/" + url.PathEscape(w.dates(id)[n]["original_start"].(string))
	}
	dates := w.dates(id)
	if len(dates) != 5 || w.statuses(id) != "confirmed confirmed confirmed confirmed confirmed" {
		t.Fatalf("dates: %s", pretty(dates))
	}
	second, _ := time.Parse(time.RFC3339, dates[1]["start"].(string))

	// One date moves, is renamed, and goes.
	moved := map[string]any{"start": second.Add(2 * time.Hour).Format(time.RFC3339), "end": second.Add(3 * time.Hour).Format(time.RFC3339), "subject": "Later"}
	w.expect("moving the second", w.as(alice, http.MethodPatch, path(1), moved, "Prefer", "wait=30"), 200, "status", "confirmed")
	if d := w.dates(id)[1]; d["subject"] != "Later" || d["start"] != second.Add(2*time.Hour).Format(time.RFC3339) || d["changed"] != true {
		t.Errorf("the second: %s", pretty(d))
	}
	clash := map[string]any{"start": second.Add(-5 * time.Hour).Format(time.RFC3339), "end": second.Add(-4 * time.Hour).Format(time.RFC3339)}
	w.expect("moving it onto Bob's", w.as(alice, http.MethodPatch, path(1), clash), 409, "code", "room_conflict")
	w.expect("cancelling the third", w.as(alice, http.MethodDelete, path(2)+"?comment=no", nil, "Prefer", "wait=30"), 200)
	if got := w.statuses(id); got != "confirmed confirmed cancelled confirmed confirmed" {
		t.Errorf("after cancelling one: %s", got)
	}

	// The rest goes to another time, as a booking of its own.
	fourth, _ := time.Parse(time.RFC3339, dates[3]["start"].(string))
	rest := w.expect("moving the rest", w.as(alice, http.MethodPatch, path(3)+"?scope=following",
		map[string]any{"start": fourth.Add(time.Hour).Format(time.RFC3339), "end": fourth.Add(2 * time.Hour).Format(time.RFC3339)}, "Prefer", "wait=30"), 200, "status", "confirmed")
	if rest["id"] == id || len(w.dates(rest["id"].(string))) != 2 || len(w.dates(id)) != 3 {
		t.Errorf("the series has %d dates, the rest %d; want 3 and 2", len(w.dates(id)), len(w.dates(rest["id"].(string))))
	}
	if got := w.statuses(id); got != "confirmed confirmed cancelled" {
		t.Errorf("what is left: %s", got)
	}
	w.expect("cancelling the rest's second", w.as(alice, http.MethodDelete, "/v1/bookings/"+rest["id"].(string)+"/occurrences/"+
		url.PathEscape(w.dates(rest["id"].(string))[1]["original_start"].(string))+"?scope=following", nil, "Prefer", "wait=30"), 200)

	// The room's calendar shows just that, behind what stands in it at first, which is today's.
	from := time.Now().Add(3 * 24 * time.Hour).UTC().Format(time.RFC3339)
	to := time.Now().Add(30 * 24 * time.Hour).UTC().Format(time.RFC3339)
	want := []string{
		dates[0]["start"].(string), single["start"].(string), moved["start"].(string), fourth.Add(time.Hour).Format(time.RFC3339),
	}
	var at []string
	within(t, "the room's schedule", func() bool { // what the shorter series has made undone is done again
		at = nil
		schedule := w.expect("the schedule", w.as(bob, http.MethodGet, "/v1/rooms/boardroom/schedule?from="+from+"&to="+to, nil), 200)
		for _, b := range schedule["blocks"].([]any) {
			at = append(at, b.(map[string]any)["start"].(string))
		}
		return strings.Join(at, " ") == strings.Join(want, " ")
	})
	w.expect("cancelling what is left", w.as(alice, http.MethodDelete, "/v1/bookings/"+id, nil, "Prefer", "wait=30"), 200, "status", "cancelled")
	if n := w.eventsNamed("boardroom@contoso.example", "Quarterly review"); n > 2 {
		t.Errorf("%d events are left in the room, want Bob's and the first of the rest", n)
	}
}

// A room that allows some clashes accepts a series and declines the dates that clash: these
// are declined here too, and gone from the person's calendar.
func TestSeriesWithDeclinedDates(t *testing.T) {
	w := newWorld(t, func(c *m365.Config) {
		room := &c.Tenants[0].Rooms[0]
		room.Processing.ConflictPercentage, room.Processing.ConflictInstances = 50, 3
		c.Scopes = m365.ScopesTables // the clash can't be seen beforehand, nor, below, asked for
		c.Tenants[0].Events = []m365.Meeting{{Organizer: bob, Room: room.Address, Subject: "Unseen", Day: 14, Start: "09:00", End: "10:00"}}
	})
	w.write(nil)
	w.gateway()
	newVisitor(t, w.home).signIn(alice)
	w.sim(http.MethodPost, "/_sim/faults", map[string]any{"match": "POST /v1.0/me/findMeetingTimes", "times": 100, "status": 403, "code": "ErrorAccessDenied"})
	id := w.expect("the series", w.as(alice, http.MethodPost, "/v1/bookings", weekly("boardroom", 7, 9, 4), "Prefer", "wait=30"), 201, "status", "confirmed")["id"].(string)
	if got := w.statuses(id); got != "confirmed declined confirmed confirmed" {
		t.Errorf("statuses: %s", got)
	}
	within(t, "the cancellation in Alice's calendar", func() bool { return w.received("cancel") == 1 })
}

// The recurrence that is told is that of the event, and either can be sent back: a program that
// has read a series from the calendar books it anew as Graph has it, with all its members.
func TestRecurrenceAsGraphHasIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(nil)
	w.gateway()
	newVisitor(t, w.home).signIn(alice)

	day := func(m map[string]any) time.Time {
		start, _ := time.Parse(time.RFC3339, m["start"].(string))
		return start
	}
	for i, tt := range []struct {
		name  string
		asked func(first time.Time) (pattern, rng map[string]any)
	}{
		{"daily", func(time.Time) (pattern, rng map[string]any) {
			return map[string]any{"type": "daily", "interval": 2}, map[string]any{"type": "numbered", "numberOfOccurrences": 3}
		}},
		{"weekly", func(first time.Time) (pattern, rng map[string]any) {
			return map[string]any{"type": "weekly", "interval": 1, "daysOfWeek": []string{strings.ToLower(first.Weekday().String())}},
				map[string]any{"type": "endDate", "endDate": first.AddDate(0, 0, 20).Format(time.DateOnly)}
		}},
		{"monthly", func(first time.Time) (pattern, rng map[string]any) {
			return map[string]any{"type": "absoluteMonthly", "interval": 1, "dayOfMonth": first.Day()}, map[string]any{"type": "numbered", "numberOfOccurrences": 3}
		}},
	} {
		asked := meeting("boardroom", 7, 10+2*i)
		pattern, rng := tt.asked(day(asked))
		asked["recurrence"] = map[string]any{"pattern": pattern, "range": rng}
		// same compares what is told with the event's, and returns a request for the same in
		// another room with the latter.
		same := func(b map[string]any) map[string]any {
			t.Helper()
			event := w.expect("the event", w.as(alice, http.MethodGet, "/graph/v1.0/me/events/"+b["graph"].(map[string]any)["event_id"].(string), nil), 200)
			here, there := b["recurrence"].(map[string]any)["range"].(map[string]any), event["recurrence"].(map[string]any)["range"].(map[string]any)
			if there["recurrenceTimeZone"] != "China Standard Time" || here["startDate"] != day(b).Format(time.DateOnly) {
				t.Errorf("%s: the event has %s, told is %s", tt.name, pretty(there), pretty(here))
			}
			for member, value := range here {
				if there[member] != value {
					t.Errorf("%s: the event has %s, told is %s", tt.name, pretty(there), pretty(here))
				}
			}
			return map[string]any{"room": "harbour", "subject": "Again", "start": b["start"], "end": b["end"], "time_zone": b["time_zone"], "recurrence": event["recurrence"]}
		}
		whole := w.expect(tt.name, w.as(alice, http.MethodPost, "/v1/bookings", asked, "Prefer", "wait=30"), 201, "status", "confirmed")
		id := whole["id"].(string)
		dates := w.dates(id)
		again := w.expect("looking at it again", w.as(alice, http.MethodPost, "/v1/bookings/check", same(whole)), 200)
		if n := len(again["occurrences"].([]any)); n != len(dates) || n != 3 {
			t.Errorf("%s: it has %d dates, and %d again", tt.name, len(dates), n)
		}
		rest := w.expect("the rest", w.as(alice, http.MethodPatch, "/v1/bookings/"+id+"/occurrences/"+url.PathEscape(dates[2]["original_start"].(string))+"?scope=following",
			map[string]any{"subject": "Rest"}, "Prefer", "wait=30"), 200, "status", "confirmed")
		short := w.expect("what is left", w.as(alice, http.MethodGet, "/v1/bookings/"+id, nil), 200)
		for n, part := range map[int]map[string]any{2: short, 1: rest} {
			b := w.expect("a part as Graph has it", w.as(alice, http.MethodPost, "/v1/bookings", same(part), "Prefer", "wait=30"), 201, "status", "confirmed")
			if got, want := pretty(b["recurrence"]), pretty(part["recurrence"]); got != want || len(w.dates(b["id"].(string))) != n {
				t.Errorf("%s: got %s, want %s, of %d dates", tt.name, got, want, n)
			}
		}
		w.expect("cancelling the rest", w.as(alice, http.MethodDelete, "/v1/bookings/"+rest["id"].(string), nil, "Prefer", "wait=30"), 200)
		moved := map[string]any{"start": day(whole).Add(time.Hour).Format(time.RFC3339), "end": day(whole).Add(2 * time.Hour).Format(time.RFC3339)}
		same(w.expect("moving what is left", w.as(alice, http.MethodPatch, "/v1/bookings/"+id, moved, "Prefer", "wait=30"), 200, "status", "confirmed"))
	}
}
