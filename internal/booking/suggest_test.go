package booking

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
)

// findMeetingTimes is asked whether a room is free where nothing shows its calendar.
func TestSuggestions(t *testing.T) {
	suggestion := func(availability string) string {
		slot := `{"start":{"dateTime":"2026-12-01T07:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-12-01T08:00:00.0000000","timeZone":"UTC"}}`
		return `{"meetingTimeSuggestions":[{"meetingTimeSlot":` + slot + `,"attendeeAvailability":[{"availability":"` + availability +
			`","attendee":{"emailAddress":{"address":"boardroom@contoso.com"}}}]}]}`
	}
	for name, tt := range map[string]struct {
		root   string
		answer string // "": refused
		status int
		asked  int // also about what is offered instead
	}{
		"free":              {"https://graph.microsoft.com", suggestion("free"), 201, 1},
		"taken":             {"https://graph.microsoft.com", suggestion("busy"), 409, 1 + 3},
		"nobody can":        {"https://graph.microsoft.com", `{"meetingTimeSuggestions":[],"emptySuggestionsReason":"attendeesUnavailable"}`, 409, 1 + maxNext + 2},
		"unknown":           {"https://graph.microsoft.com", suggestion("unknown"), 201, 1},
		"refused":           {"https://graph.microsoft.com", "", 201, 1},
		"not there: China":  {"https://microsoftgraph.chinacloudapi.cn", "", 201, 0},
		"not there anymore": {"https://graph.microsoft.com", "down", 201, 1},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(h *house) {
				contoso := h.world.Integrations["contoso"]
				contoso.Graph = graph.NewClient(tt.root, &http.Client{Transport: h.graph}, time.Now)
				h.world.Integrations["contoso"] = contoso
				asked := 0
				h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
					switch {
					case strings.HasSuffix(r.URL.Path, "/findMeetingTimes"):
						asked++
						if tt.answer == "" {
							return answers(403, "ErrorAccessDenied")(r, done)
						}
						if tt.answer == "down" {
							return answers(500, "InternalServerError")(r, done)
						}
						return &http.Response{StatusCode: 200, Request: r, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(tt.answer))}, nil, true
					case strings.HasSuffix(r.URL.Path, "/getSchedule"):
						return answers(403, "ErrorAccessDenied")(r, done)
					}
					return nil, nil, false
				})
				h.want(h.book("15:00", "16:00"), tt.status)
				if tt.answer == "" { // it is remembered
					h.want(h.book("16:00", "17:00"), 201)
				}
				if asked != tt.asked {
					t.Errorf("findMeetingTimes was asked %d times, want %d", asked, tt.asked)
				}
				// Where the room's own account shows it, that is enough.
				h.connect("boardroom", grant.Connected)
				asked = 0
				h.want(h.book("17:00", "18:00"), 201)
				if asked != 0 {
					t.Error("findMeetingTimes was asked though the calendar was seen")
				}
			})
		})
	}
}

// Where nothing shows the rooms' calendars, findMeetingTimes answers whatever asks whether a room
// is free: nothing is said to be free, or offered, that it knows to be taken.
func TestSuggestionsStandInForCalendars(t *testing.T) {
	story(t, func(h *house) {
		slot := func(day, from, to string) string { return "2026-12-" + day + "T" + from + " " + to }
		// What takes them, in UTC; the harbour is free.
		taken := map[string][]string{
			"boardroom@contoso.com": {slot("01", "07:00", "08:00"), slot("01", "08:00", "09:00"), slot("02", "02:00", "03:00")},
			"peak@contoso.com":      {slot("01", "07:00", "08:00")},
		}
		var asked atomic.Int32
		h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
			switch {
			case strings.HasSuffix(r.URL.Path, "/getSchedule"):
				return answers(403, "ErrorAccessDenied")(r, done)
			case strings.HasSuffix(r.URL.Path, "/findMeetingTimes"):
				asked.Add(1)
				return suggest(t, r, taken), nil, true
			}
			return nil, nil, false
		})
		type times struct{ Start, End string }
		var told struct {
			Rooms []struct {
				Room          string
				Free, Checked bool
				NextFree      times `json:"next_free"`
			}
			Alternatives []struct{ Room, Start string }
			Occurrences  []struct{ Free bool }
			Checked      bool
		}
		read := func(r reply, status int) {
			t.Helper()
			told.Rooms, told.Alternatives, told.Occurrences = nil, nil, nil
			b, _ := json.Marshal(r.body)
			if err := json.Unmarshal(b, &told); err != nil || r.status != status {
				t.Fatalf("%d %s, want %d", r.status, b, status)
			}
		}
		offered := func(want ...string) {
			t.Helper()
			var got []string
			for _, a := range told.Alternatives {
				got = append(got, a.Room+" "+strings.TrimSuffix(strings.TrimPrefix(a.Start, "2026-12-01T"), ":00+08:00"))
			}
			if !slices.Equal(got, want) {
				t.Errorf("offered %q, want %q", got, want)
			}
		}

		read(h.call(alice, "POST", "/v1/availability", `{"rooms":["boardroom","harbour"],"start":"2026-12-01T15:00:00+08:00","end":"2026-12-01T16:00:00+08:00"}`), 200)
		if r := told.Rooms[0]; r.Free || !r.Checked || r.NextFree.Start != "2026-12-01T17:00:00+08:00" {
			t.Errorf("%+v", r)
		}
		if r := told.Rooms[1]; !r.Free || !r.Checked || r.NextFree.Start != "2026-12-01T15:00:00+08:00" {
			t.Errorf("%+v", r)
		}
		read(h.call(alice, "POST", "/v1/bookings/check", body("15:00", "16:00")), 200)
		if !told.Checked || told.Occurrences[0].Free {
			t.Errorf("%+v", told)
		}
		offered("boardroom 17:00", "harbour 15:00") // not the peak
		read(h.book("15:00", "16:00"), 409)
		offered("boardroom 17:00", "harbour 15:00")
		// Of a series, each date.
		read(h.call(alice, "POST", "/v1/bookings/check", body("10:00", "11:00", daily(3)...)), 200)
		if o := told.Occurrences; !told.Checked || !o[0].Free || o[1].Free || !o[2].Free {
			t.Errorf("%+v", o)
		}
		read(h.book("10:00", "11:00", daily(3)...), 409)
		offered("harbour 10:00", "peak 10:00")
		// Of one with many, none: each is a call of its own.
		asked.Store(0)
		read(h.call(alice, "POST", "/v1/bookings/check", body("10:00", "11:00", daily(maxSuggested+1)...)), 200)
		if n := asked.Load(); told.Checked || n != 0 {
			t.Errorf("checked %v with %d calls", told.Checked, n)
		}
	})
}

// Where findMeetingTimes is slow, a series waits for it once, not for each few dates.
func TestSeriesWaitsForSuggestionsOnce(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
			switch {
			case strings.HasSuffix(r.URL.Path, "/getSchedule"):
				return answers(403, "ErrorAccessDenied")(r, done)
			case strings.HasSuffix(r.URL.Path, "/findMeetingTimes"):
				select {
				case <-r.Context().Done():
				case <-time.After(30 * time.Second):
				}
				return nil, errLost, true
			}
			return nil, nil, false
		})
		monthly := map[string]any{"pattern": map[string]any{"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 1}, "range": map[string]any{"type": "numbered", "numberOfOccurrences": maxSuggested}}
		asked := body("10:00", "11:00", "room", "peak", "recurrence", monthly)
		began := time.Now()
		h.want(h.call(alice, "POST", "/v1/bookings/check", asked), 200, "free", "true", "checked", "false")
		if d := time.Since(began); d > readTimeout {
			t.Errorf("a check took %v", d)
		}
		began = time.Now()
		h.want(h.call(alice, "POST", "/v1/bookings", asked, "Prefer", "respond-async"), 202)
		if d := time.Since(began); d > lookTimeout {
			t.Errorf("to accept it took %v", d)
		}
	})
}

// suggest answers findMeetingTimes for one room that is taken at some times.
func suggest(t *testing.T, r *http.Request, taken map[string][]string) *http.Response {
	t.Helper()
	type moment struct {
		DateTime string `json:"dateTime"`
	}
	var asked struct {
		Attendees []struct {
			EmailAddress struct {
				Address string `json:"address"`
			} `json:"emailAddress"`
		} `json:"attendees"`
		Constraint struct {
			Slots []struct{ Start, End moment } `json:"timeSlots"`
		} `json:"timeConstraint"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		t.Error(err)
	}
	room, at := asked.Attendees[0].EmailAddress.Address, asked.Constraint.Slots[0]
	answer := `{"meetingTimeSuggestions":[],"emptySuggestionsReason":"attendeesUnavailable"}`
	if !slices.Contains(taken[room], at.Start.DateTime[:len("2026-12-01T00:00")]+" "+at.End.DateTime[len("2026-12-01T"):len("2026-12-01T00:00")]) {
		answer = fmt.Sprintf(`{"meetingTimeSuggestions":[{"meetingTimeSlot":{"start":{"dateTime":%q,"timeZone":"UTC"},"end":{"dateTime":%q,"timeZone":"UTC"}},
			"attendeeAvailability":[{"availability":"free","attendee":{"emailAddress":{"address":%q}}}]}]}`, at.Start.DateTime, at.End.DateTime, room)
	}
	return &http.Response{StatusCode: 200, Request: r, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer))}
}
