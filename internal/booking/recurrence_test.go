package booking

import (
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"testing"
)

// The zone of a series may be called as the booking is, or as Graph calls that.
func TestZoneOfARecurrence(t *testing.T) {
	const refused = "write the time zone of the booking, Asia/Hong_Kong or China Standard Time, or leave it out"
	tests := map[string]struct {
		booked any // time_zone; nil: the room's
		zone   string
		want   string // of the refusal
	}{
		"as Graph calls it":               {"Asia/Hong_Kong", "China Standard Time", ""},
		"as the booking does":             {"Asia/Hong_Kong", "Asia/Hong_Kong", ""},
		"as Graph calls the room's":       {nil, "China Standard Time", ""},
		"left out":                        {"Asia/Hong_Kong", "", ""},
		"another name of the same clocks": {"Asia/Hong_Kong", "Asia/Shanghai", refused},
		"another zone":                    {"Asia/Hong_Kong", "Tokyo Standard Time", refused},
		"UTC":                             {"Asia/Hong_Kong", "UTC", refused},
		"the other name is elsewhere's":   {"Asia/Singapore", "China Standard Time", "write the time zone of the booking, Asia/Singapore or Singapore Standard Time, or leave it out"},
		"nobody knows":                    {"Asia/Hong_Kong", "tzone://Microsoft/Custom", refused},
		"one name for both":               {"UTC", "Asia/Hong_Kong", "write the time zone of the booking, UTC, or leave it out"},
	}
	story(t, func(h *house) {
		for name, tt := range tests {
			changes := daily(2, "time_zone", tt.booked)
			changes[1].(map[string]any)["range"].(map[string]any)["recurrenceTimeZone"] = tt.zone
			asked := body("10:00", "11:00", changes...)
			if tt.booked == "UTC" {
				asked = strings.NewReplacer("T10:00:00+08:00", "T02:00:00Z", "T11:00:00+08:00", "T03:00:00Z").Replace(asked)
			}
			r := h.call(alice, "POST", "/v1/bookings/check", asked)
			switch {
			case tt.want == "" && r.status != 200:
				t.Errorf("%s: got %d %v", name, r.status, r.body)
			case tt.want != "" && (r.status != 422 || !strings.Contains(r.text("errors"), `"message":"`+tt.want+`"`) || !strings.Contains(r.text("errors"), "body.recurrence.range.recurrenceTimeZone")):
				t.Errorf("%s: got %d %v, want %s", name, r.status, r.body, tt.want)
			}
		}
	})
}

// recurrence finds that of a booking in all answers that tell of it since a cursor, which have
// to agree.
func (h *house) recurrence(id, since string) string {
	h.t.Helper()
	one := h.call(alice, "GET", "/v1/bookings/"+id, "").text("recurrence")
	for _, list := range []struct{ path, member, of string }{{"/v1/bookings", "bookings", ""}, {"/v1/changes?cursor=" + since, "changes", "booking"}} {
		found := 0
		all, _ := h.call("", "GET", list.path, "").body[list.member].([]any)
		for _, item := range all {
			r := reply{body: item.(map[string]any)}
			if list.of != "" {
				r.body, _ = r.body[list.of].(map[string]any)
			}
			if r.text("id") != id {
				continue
			}
			if found++; r.text("recurrence") != one {
				h.t.Errorf("%s: %s, want %s", list.path, r.text("recurrence"), one)
			}
		}
		if found != 1 {
			h.t.Errorf("%s: found %d times", list.path, found)
		}
	}
	return one
}

// again books what an answer tells once more, in another room, and cancels it.
func (h *house) again(b map[string]any, rule any) {
	h.t.Helper()
	r := h.book("", "", "room", "harbour", "start", b["start"], "end", b["end"], "time_zone", b["time_zone"], "all_day", b["all_day"], "recurrence", rule)
	h.want(r, 201, "recurrence", reply{body: b}.text("recurrence"))
	h.want(h.call(alice, "DELETE", "/v1/bookings/"+r.text("id"), "", "Prefer", "wait=30"), 200)
}

// asGraph is a recurrence as Graph has it, with all members of both objects.
func asGraph(rule map[string]any) map[string]any {
	pattern := map[string]any{"month": 0, "dayOfMonth": 0, "daysOfWeek": []string{}, "firstDayOfWeek": "sunday", "index": "first"}
	rng := map[string]any{"endDate": "0001-01-01", "numberOfOccurrences": 0, "recurrenceTimeZone": "China Standard Time"}
	maps.Copy(pattern, rule["pattern"].(map[string]any))
	maps.Copy(rng, rule["range"].(map[string]any))
	return map[string]any{"pattern": pattern, "range": rng}
}

// An answer has the whole recurrence, as the series is by then, and it can be sent back.
func TestRecurrenceIsTold(t *testing.T) {
	tests := map[string]struct {
		asked               string // from 1 December on, a Tuesday
		cut                 string
		whole, before, rest string // before the cut and after
	}{
		"daily, so many": {
			`{"pattern":{"type":"daily","interval":1},"range":{"type":"numbered","numberOfOccurrences":3}}`, "2026-12-03",
			`{"pattern":{"interval":1,"type":"daily"},"range":{"numberOfOccurrences":3,"startDate":"2026-12-01","type":"numbered"}}`,
			`{"pattern":{"interval":1,"type":"daily"},"range":{"numberOfOccurrences":2,"startDate":"2026-12-01","type":"numbered"}}`,
			`{"pattern":{"interval":1,"type":"daily"},"range":{"numberOfOccurrences":1,"startDate":"2026-12-03","type":"numbered"}}`,
		},
		"weekly, until a date": {
			`{"pattern":{"type":"weekly","interval":2,"daysOfWeek":["thursday","tuesday"]},"range":{"type":"endDate","endDate":"2026-12-31","startDate":"2026-12-01"}}`, "2026-12-17",
			`{"pattern":{"daysOfWeek":["tuesday","thursday"],"firstDayOfWeek":"sunday","interval":2,"type":"weekly"},"range":{"endDate":"2026-12-31","startDate":"2026-12-01","type":"endDate"}}`,
			`{"pattern":{"daysOfWeek":["tuesday","thursday"],"firstDayOfWeek":"sunday","interval":2,"type":"weekly"},"range":{"endDate":"2026-12-15","startDate":"2026-12-01","type":"endDate"}}`,
			`{"pattern":{"daysOfWeek":["tuesday","thursday"],"firstDayOfWeek":"sunday","interval":2,"type":"weekly"},"range":{"endDate":"2026-12-31","startDate":"2026-12-17","type":"endDate"}}`,
		},
		"on a day of the month": {
			`{"pattern":{"type":"absoluteMonthly","interval":1,"dayOfMonth":1},"range":{"type":"numbered","numberOfOccurrences":4}}`, "2027-02-01",
			`{"pattern":{"dayOfMonth":1,"interval":1,"type":"absoluteMonthly"},"range":{"numberOfOccurrences":4,"startDate":"2026-12-01","type":"numbered"}}`,
			`{"pattern":{"dayOfMonth":1,"interval":1,"type":"absoluteMonthly"},"range":{"numberOfOccurrences":2,"startDate":"2026-12-01","type":"numbered"}}`,
			`{"pattern":{"dayOfMonth":1,"interval":1,"type":"absoluteMonthly"},"range":{"numberOfOccurrences":2,"startDate":"2027-02-01","type":"numbered"}}`,
		},
		"on a weekday of the month": {
			`{"pattern":{"type":"relativeMonthly","interval":1,"daysOfWeek":["tuesday"],"index":"first"},"range":{"type":"endDate","endDate":"2027-03-31"}}`, "2027-02-02",
			`{"pattern":{"daysOfWeek":["tuesday"],"index":"first","interval":1,"type":"relativeMonthly"},"range":{"endDate":"2027-03-31","startDate":"2026-12-01","type":"endDate"}}`,
			`{"pattern":{"daysOfWeek":["tuesday"],"index":"first","interval":1,"type":"relativeMonthly"},"range":{"endDate":"2027-01-05","startDate":"2026-12-01","type":"endDate"}}`,
			`{"pattern":{"daysOfWeek":["tuesday"],"index":"first","interval":1,"type":"relativeMonthly"},"range":{"endDate":"2027-03-31","startDate":"2027-02-02","type":"endDate"}}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			story(t, func(h *house) {
				_, start := h.changes("")
				tells := func(r reply, want string) {
					t.Helper()
					h.want(r, r.status, "recurrence", want)
					if got := h.recurrence(r.text("id"), start); got != want {
						t.Errorf("got %s, want %s", got, want)
					}
					rule, _ := r.body["recurrence"].(map[string]any)
					h.again(r.body, rule)
					h.again(r.body, asGraph(rule))
				}
				asked := body("10:00", "11:00", "room", "peak", "recurrence", json.RawMessage(tt.asked))
				whole := h.call(alice, "POST", "/v1/bookings", asked, "Idempotency-Key", "key-1")
				h.want(whole, 201, "status", "confirmed")
				tells(whole, tt.whole)
				path := "/v1/bookings/" + whole.text("id")
				rest := h.call(alice, "PATCH", path+"/occurrences/"+url.PathEscape(tt.cut+"T10:00:00+08:00")+"?scope=following", `{"subject":"Budget"}`, "Prefer", "wait=30")
				h.want(rest, 200, "status", "confirmed")
				tells(rest, tt.rest)
				tells(h.call(alice, "GET", path, ""), tt.before)
				h.want(h.patch(whole.text("id"), `{"start":"2026-12-01T12:00:00+08:00","end":"2026-12-01T13:00:00+08:00"}`, "Prefer", "wait=30"), 200, "start", "2026-12-01T12:00:00+08:00")
				tells(h.call(alice, "GET", path, ""), tt.before)
				h.want(h.call(alice, "POST", "/v1/bookings", asked, "Idempotency-Key", "key-1"), 200, "id", whole.text("id"), "recurrence", tt.before)
			})
		})
	}
}

// A series that begins on another day says so, and so does one that lasts whole days.
func TestRecurrenceIsToldOfAMovedSeries(t *testing.T) {
	story(t, func(h *house) {
		r := h.book("10:00", "11:00", daily(2, "room", "peak")...)
		h.want(r, 201, "recurrence.range.startDate", "2026-12-01")
		r = h.patch(r.text("id"), `{"start":"2026-12-04T10:00:00+08:00","end":"2026-12-04T11:00:00+08:00"}`, "Prefer", "wait=30")
		h.want(r, 200, "recurrence.range.startDate", "2026-12-04", "recurrence.range.numberOfOccurrences", "2")
		h.again(r.body, asGraph(r.body["recurrence"].(map[string]any)))
		r = h.book("", "", daily(2, "room", "peak", "start", "2026-12-10", "end", "2026-12-11", "all_day", true)...)
		h.want(r, 201, "recurrence.range.startDate", "2026-12-10")
		rule := asGraph(r.body["recurrence"].(map[string]any))
		h.again(r.body, rule)
		rule["range"].(map[string]any)["recurrenceTimeZone"] = "UTC" // as its event is written
		h.again(r.body, rule)
	})
}

// Nothing of how a series was asked for holds it to a day or a zone when it is changed.
func TestChangeOfASeriesThatHasSaidItsZone(t *testing.T) {
	story(t, func(h *house) {
		h.world.Rooms["quay"] = Room{Name: "quay", Integration: "contoso", Address: "quay@contoso.com", TimeZone: mustLocation("Asia/Tokyo")}
		changes := daily(2)
		maps.Copy(changes[1].(map[string]any)["range"].(map[string]any), map[string]any{"startDate": "2026-12-01", "recurrenceTimeZone": "China Standard Time"})
		id := h.book("10:00", "11:00", changes...).text("id")
		h.want(h.patch(id, `{"room":"quay","end":"2026-12-01T11:30:00+08:00"}`, "Prefer", "wait=30"), 200, "room", "quay", "time_zone", "Asia/Tokyo", "recurrence.range.startDate", "2026-12-01")
	})
}

// A series that was journalled before answers were made from its rule is told whole.
func TestRecurrenceOfAnOldRecord(t *testing.T) {
	const old = `{"id":"b1","request":{"room":"peak","subject":"Weekly","start":"2026-12-01T10:00:00+08:00","end":"2026-12-01T11:00:00+08:00",
		"recurrence":{"pattern":{"type":"daily","interval":1},"range":{"type":"numbered","numberOfOccurrences":3}}},
		"start":"2026-12-01T02:00:00Z","end":"2026-12-01T03:00:00Z","zone":"Asia/Hong_Kong","status":"confirmed",
		"rule":{"pattern":{"type":"daily","interval":1},"range":{"type":"numbered","startDate":"2026-12-01","numberOfOccurrences":3}}}`
	var r record
	if err := json.Unmarshal([]byte(old), &r); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r.booking(true).Recurrence)
	if want := `{"pattern":{"type":"daily","interval":1},"range":{"type":"numbered","startDate":"2026-12-01","numberOfOccurrences":3}}`; err != nil || string(b) != want {
		t.Errorf("got %s %v, want %s", b, err, want)
	}
}
