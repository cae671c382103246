package booking

import (
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
)

// weekly is a series from 1 December on, every Tuesday.
func weekly(times int, changes ...any) []any {
	return append([]any{"recurrence", map[string]any{
		"pattern": map[string]any{"type": "weekly", "interval": 1, "daysOfWeek": []string{"tuesday"}},
		"range":   map[string]any{"type": "numbered", "numberOfOccurrences": times},
	}}, changes...)
}

// outlookDate changes an occurrence of the first series as its organizer does in Outlook.
func (h *house) outlookDate(i int, f func(*fakeEvent)) *fakeEvent {
	h.graph.mu.Lock()
	defer h.graph.mu.Unlock()
	e := h.graph.occurrences(h.graph.events[0])[i]
	e.Patches++
	f(e)
	return e
}

// fourDaysLater moves an event.
func fourDaysLater(e *fakeEvent) { e.Start, e.End = e.Start.AddDate(0, 0, 4), e.End.AddDate(0, 0, 4) }

// A meeting that was moved in Outlook isn't released at the time before, but at its own, if
// that could be learnt.
func TestReleaseOfWhatWasMoved(t *testing.T) {
	for _, tt := range []struct {
		grant error
		want  Status
	}{{nil, Released}, {grant.ErrNeedsSignIn, Confirmed}} {
		t.Run(string(tt.want), func(t *testing.T) {
			story(t, func(h *house) {
				h.checkIn(10 * time.Minute)
				h.connect("boardroom", grant.Connected)
				id := h.book("10:00", "11:00").text("id")
				h.outlook(func(e *fakeEvent) { e.Start, e.End = opening.Add(6*time.Hour), opening.Add(7*time.Hour) })
				h.kill(alice, tt.grant)
				h.until("15:09:00")
				h.want(h.call("", "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed")
				h.outlook(func(e *fakeEvent) {
					if e.Room == "" || e.Response != "accepted" {
						t.Errorf("the room is released: %+v", e)
					}
				})
				h.until("15:12:00")
				h.want(h.call("", "GET", "/v1/bookings/"+id, ""), 200, "status", string(tt.want))
			})
		})
	}
}

// Nor is a date of a series.
func TestReleaseOfADateThatWasMoved(t *testing.T) {
	story(t, func(h *house) {
		h.checkIn(10 * time.Minute)
		id := h.book("10:00", "11:00", weekly(3)...).text("id")
		e := h.outlookDate(0, func(e *fakeEvent) { e.Start, e.End = e.Start.Add(5*time.Hour), e.End.Add(5*time.Hour) })
		h.until("14:59:00")
		h.want(h.door(id, "check-in", ""), 200)
		h.until("16:30:00")
		got := h.statuses(id)
		h.graph.mu.Lock()
		defer h.graph.mu.Unlock()
		if got != "confirmed confirmed confirmed" || e.Room == "" {
			t.Errorf("occurrences: %s; the room is %q", got, e.Room)
		}
	})
}

// A date of a series is found wherever it was moved in Outlook.
func TestCancelADateThatWasMoved(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", weekly(3)...).text("id")
		e := h.outlookDate(1, fourDaysLater)
		h.want(h.call(alice, "DELETE", date(id, "08"), "", "Prefer", "wait=30"), 200, "last_change.status", "made")
		h.graph.mu.Lock()
		defer h.graph.mu.Unlock()
		if !e.Cancelled {
			t.Error("it is in the calendar still")
		}
	})
}

// Who moves a date of a series in Outlook frees its time here, and takes the other one.
func TestDateMovedInOutlook(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", weekly(3)...).text("id")
		h.outlookDate(1, fourDaysLater)
		h.want(h.call(bob, "POST", "/v1/bookings", body("", "", "start", "2026-12-08T10:30:00+08:00", "end", "2026-12-08T11:30:00+08:00"), "Prefer", "respond-async"), 202)
		if got := h.statuses(id); got != "confirmed confirmed confirmed" {
			t.Errorf("occurrences: %s", got)
		}
		h.want(h.call(bob, "POST", "/v1/bookings", body("", "", "start", "2026-12-12T10:30:00+08:00", "end", "2026-12-12T11:30:00+08:00")), 409)
	})
}

// A date that lasts all day, of a series that doesn't, is looked at, too.
func TestAllDayDateCancelledInOutlook(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(4, "room", "peak")...).text("id")
		h.want(h.call(alice, "PATCH", date(id, "03"), `{"all_day":true,"start":"2026-12-03","end":"2026-12-04"}`, "Prefer", "wait=30"), 200)
		h.outlookDate(2, func(e *fakeEvent) { e.Cancelled = true })
		h.want(h.call(bob, "POST", "/v1/bookings", body("", "", "room", "peak", "start", "2026-12-03T15:00:00+08:00", "end", "2026-12-03T16:00:00+08:00")), 201)
		if got := h.statuses(id); got != "confirmed confirmed cancelled confirmed" {
			t.Errorf("occurrences: %s", got)
		}
	})
}

// What lasts all day is followed, too, and what lasts all day only since, or no more.
func TestAllDayMovedInOutlook(t *testing.T) {
	for name, tt := range map[string]struct {
		booked  []any
		outlook func(*fakeEvent)
		// free is when the room is not taken any more, and then when it is; as a booking of an hour.
		free, taken, want string
	}{
		"to another day": {
			[]any{"all_day", true, "start", "2026-12-05", "end", "2026-12-06"},
			func(e *fakeEvent) { e.Start, e.End = e.Start.AddDate(0, 0, 2), e.End.AddDate(0, 0, 2) },
			"2026-12-05T10", "2026-12-07T23", "2026-12-07T00:00:00+08:00",
		},
		"to times": {
			[]any{"all_day", true, "start", "2026-12-05", "end", "2026-12-06"},
			func(e *fakeEvent) {
				e.Body["isAllDay"], e.Start, e.End = false, opening.AddDate(0, 0, 4), opening.AddDate(0, 0, 4).Add(time.Hour)
			},
			"2026-12-05T10", "2026-12-05T09", "2026-12-05T09:00:00+08:00",
		},
		"to all day": {
			[]any{"start", "2026-12-05T10:00:00+08:00", "end", "2026-12-05T11:00:00+08:00"},
			func(e *fakeEvent) {
				day := time.Date(2026, 12, 7, 0, 0, 0, 0, time.UTC)
				e.Body["isAllDay"], e.Start, e.End = true, day, day.AddDate(0, 0, 1)
			},
			"2026-12-05T10", "2026-12-07T23", "2026-12-07T00:00:00+08:00",
		},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(h *house) {
				id := h.book("", "", append(tt.booked, "room", "peak")...).text("id")
				h.outlook(tt.outlook)
				book := func(hour string) reply {
					start, err := time.Parse("2006-01-02T15-07", hour+"+08")
					if err != nil {
						t.Fatal(err)
					}
					return h.call(bob, "POST", "/v1/bookings", body("", "", "room", "peak", "start", start.Format(time.RFC3339), "end", start.Add(time.Hour).Format(time.RFC3339)))
				}
				h.want(book(tt.free), 201)
				h.want(book(tt.taken), 409, "code", "room_conflict")
				h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed", "start", tt.want)
				h.want(h.patch(id, `{"subject":"Budget"}`, "Prefer", "wait=30"), 200, "start", tt.want, "last_change.status", "made")
			})
		})
	}
}

// So is a date of a series that lasts all day.
func TestAllDayDateMovedInOutlook(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("", "", weekly(3, "room", "peak", "all_day", true, "start", "2026-12-01", "end", "2026-12-02")...).text("id")
		h.outlookDate(1, fourDaysLater)
		h.want(h.call(bob, "POST", "/v1/bookings", body("", "", "room", "peak", "start", "2026-12-08T10:30:00+08:00", "end", "2026-12-08T11:30:00+08:00"), "Prefer", "respond-async"), 202)
		h.want(h.call(bob, "POST", "/v1/bookings", body("", "", "room", "peak", "start", "2026-12-12T22:30:00+08:00", "end", "2026-12-12T23:30:00+08:00")), 409)
		if got := h.statuses(id); got != "confirmed confirmed confirmed" {
			t.Errorf("occurrences: %s", got)
		}
	})
}
