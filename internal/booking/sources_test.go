package booking

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
)

const boardroomToday = "/v1/rooms/boardroom/schedule?from=2026-12-01T09:00:00%2B08:00&to=2026-12-01T18:00:00%2B08:00"

// taken has somebody hold the boardroom from 15:00 to 16:00, in Outlook.
func (h *house) taken(subject string, private bool) {
	h.graph.mu.Lock()
	defer h.graph.mu.Unlock()
	h.graph.foreign["boardroom@contoso.com"] = []period{{opening.Add(6 * time.Hour), opening.Add(7 * time.Hour)}}
	h.graph.subject, h.graph.private, h.graph.organizer = subject, private, "carol@contoso.com"
}

// watch runs the views of the rooms.
func (h *house) watch() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { h.views.Run(ctx) })
	synctest.Wait()
	return func() {
		cancel()
		work.Wait()
	}
}

// only makes a fault of the calls whose path ends so, and of no others.
func only(suffix string, f func(*http.Request, bool) (*http.Response, error, bool)) func(*http.Request, bool) (*http.Response, error, bool) {
	return func(r *http.Request, done bool) (*http.Response, error, bool) {
		if strings.HasSuffix(r.URL.Path, suffix) {
			return f(r, done)
		}
		return nil, nil, false
	}
}

// unknownRoom is what getSchedule says of a mailbox that it can't find.
func unknownRoom(r *http.Request, done bool) (*http.Response, error, bool) {
	return &http.Response{StatusCode: 200, Request: r, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(
		`{"value":[{"scheduleId":"boardroom@contoso.com","error":{"responseCode":"5016","message":"Proxy web request failed."}}]}`))}, nil, !done
}

// Where Microsoft doesn't show somebody a room, its own account does; where that may
// not either, our journal is all that is known, and the room has the last word.
func TestSourcesInOrder(t *testing.T) {
	permission := answers(403, "ErrorAccessDenied")
	for name, refuse := range map[string]func(*http.Request, bool) (*http.Response, error, bool){
		"no permission": permission, "no such room": unknownRoom, "no mailbox": answers(404, "MailboxNotEnabledForRESTAPI"),
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(h *house) {
				h.taken("Board", false)
				h.graph.setFault(only("/getSchedule", refuse))
				h.want(h.call(alice, "GET", boardroomToday, ""), 200, "as_of", "null", "blocks", "[]")

				h.connect("boardroom", grant.Connected)
				r := h.call(alice, "GET", boardroomToday, "")
				h.want(r, 200, "as_of", "2026-12-01T01:00:00Z")
				if got := r.text("blocks"); !strings.Contains(got, "15:00:00+08:00") || strings.Contains(got, "Board") {
					t.Errorf("alice: %s", got)
				}
				h.want(h.book("15:30", "16:30"), 409, "code", "room_conflict",
					"clashes", `[{"end":"2026-12-01T16:00:00+08:00","organizer":{"email":"carol@contoso.com","id":"","name":"Somebody"},"start":"2026-12-01T15:00:00+08:00"}]`)

				h.connect("boardroom", grant.NeedsSignIn)
				h.want(h.call(alice, "GET", boardroomToday, ""), 200, "as_of", "null", "blocks", "[]")
				h.want(h.book("15:30", "16:30"), 201)

				h.connect("boardroom", grant.Connected)
				h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
					if strings.HasSuffix(r.URL.Path, "/getSchedule") {
						return refuse(r, done)
					}
					return only("/calendarView", permission)(r, done)
				})
				r = h.call(alice, "GET", boardroomToday, "")
				h.want(r, 200, "as_of", "null")
			})
		})
	}
}

// Whoever waits for Microsoft in vain is told so, also where it is a token that doesn't come:
// the store has nothing to do with it, and what was only read needs no key.
func TestLookThatTakesTooLong(t *testing.T) {
	story(t, func(h *house) {
		h.svc.token = func(ctx context.Context, _ string, _ grant.Ask) (string, error) {
			<-ctx.Done()
			return "", fmt.Errorf("wait for an access token: %w", ctx.Err())
		}
		slot := `{"rooms":["boardroom"],"start":"2026-12-01T10:00:00+08:00","end":"2026-12-01T11:00:00+08:00"}`
		one := strings.Replace(slot, `"rooms":["boardroom"]`, `"room":"boardroom","subject":"Budget"`, 1)
		for _, r := range []reply{
			h.call(alice, "GET", boardroomToday, ""),
			h.call(alice, "POST", "/v1/availability", slot),
			h.call(alice, "POST", "/v1/bookings/check", one),
		} {
			h.want(r, 503, "code", "graph_unavailable")
		}
	})
}

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

// What lacks a permission is not asked for in vain each time, but again after a while.
func TestRefusalIsRemembered(t *testing.T) {
	story(t, func(h *house) {
		asked := 0
		refuse := answers(403, "ErrorAccessDenied")
		h.graph.setFault(only("/getSchedule", func(r *http.Request, done bool) (*http.Response, error, bool) {
			asked++
			return refuse(r, done)
		}))
		for range 3 {
			h.want(h.call(alice, "GET", boardroomToday, ""), 200, "as_of", "null")
			h.want(h.call(bob, "GET", boardroomToday, ""), 200, "as_of", "null")
		}
		if asked != 1 {
			t.Errorf("getSchedule was asked %d times, want 1", asked)
		}
		h.settle(refusedFor - time.Second)
		h.want(h.call(alice, "GET", boardroomToday, ""), 200, "as_of", "null")
		h.graph.setFault(nil) // an administrator has consented to more
		h.settle(time.Second)
		h.want(h.call(alice, "GET", boardroomToday, ""), 200, "as_of", "2026-12-01T01:05:00Z")
	})
}

// Who sees what of a room's own calendar: ONES all that isn't private, a person no
// more than their own meetings.
func TestSubjectsOfTheRoomsCalendar(t *testing.T) {
	story(t, func(h *house) {
		h.connect("boardroom", grant.Connected)
		h.graph.setFault(only("/getSchedule", answers(403, "ErrorAccessDenied")))
		h.want(h.call(bob, "POST", "/v1/bookings", body("12:00", "13:00", "subject", "Salaries", "private", true)), 201)
		carol := alice
		carol.Email, carol.Mailbox, carol.ID = "Carol@contoso.com", "", "t1.carol"
		for _, private := range []bool{false, true} {
			h.taken("Board", private)
			for name, tt := range map[string]struct {
				as       any
				sees     bool
				salaries bool
			}{"service": {"", true, false}, "alice": {alice, false, false}, "as alice": {alice.ID, false, false}, "bob": {bob, false, true}, "carol": {carol, true, false}} {
				got := h.call(tt.as, "GET", boardroomToday, "").text("blocks")
				if strings.Contains(got, "Board") != (tt.sees && !private) || strings.Contains(got, "Salaries") != tt.salaries || strings.Count(got, `"start"`) != 2 {
					t.Errorf("private %t: %s sees %s", private, name, got)
				}
			}
			clash := h.book("15:30", "16:30")
			h.want(clash, 409)
			if got := clash.text("clashes"); strings.Contains(got, "Board") || strings.Contains(got, "carol") == private {
				t.Errorf("private %t: clashes %s", private, got)
			}
			if private && (strings.Contains(h.log.text(), "Board") || strings.Contains(h.log.text(), "Salaries")) {
				t.Error("a private subject is logged")
			}
		}
	})
}

// Something new in a connected room's calendar is seen within seconds, without a
// call of its own for each who looks, and the answer says how old it is.
func TestPictureOfARoom(t *testing.T) {
	story(t, func(h *house) {
		h.connect("boardroom", grant.Connected)
		defer h.watch()()
		sees := func(subject, asOf string) {
			t.Helper()
			r := h.call("", "GET", boardroomToday, "")
			h.want(r, 200)
			if got := r.text("blocks"); !strings.Contains(got, subject) || subject == "" && got != "[]" {
				t.Errorf("blocks: got %s, want %q", got, subject)
			}
			if got := r.text("as_of"); got != asOf && asOf != "" {
				t.Errorf("as_of: got %s, want %s", got, asOf)
			}
		}
		sees("", "2026-12-01T01:00:00Z")
		h.taken("Board", false)
		h.settle(10 * time.Second)
		sees("", "2026-12-01T01:00:00Z")
		h.settle(10 * time.Second)
		sees("Board", "")
		for range 20 {
			sees("Board", "")
		}
		if n := h.graph.count("GET /me/calendarView"); n != h.graph.count("GET /me/calendarView/delta") || n > 3 {
			t.Errorf("%d calls", n)
		}

		// Graph is away: the picture counts for a while.
		h.graph.setFault(answers(503, "ServiceUnavailable"))
		h.settle(20 * time.Second)
		sees("Board", "")
		r := h.call(alice, "GET", boardroomToday, "")
		h.want(r, 200)
		h.settle(40 * time.Second)
		h.want(h.call("", "GET", boardroomToday, ""), 503, "code", "graph_unavailable")
		h.want(h.call(alice, "GET", boardroomToday, ""), 503, "code", "graph_unavailable")
	})
}

// Nobody is refused a slot for what a picture shows but the calendar does not any more.
func TestNoRefusalByAnOldPicture(t *testing.T) {
	story(t, func(h *house) {
		h.connect("boardroom", grant.Connected)
		h.graph.setFault(only("/getSchedule", answers(403, "ErrorAccessDenied")))
		h.taken("Board", false)
		defer h.watch()()
		h.want(h.book("15:30", "16:30"), 409)
		h.graph.mu.Lock()
		h.graph.foreign = map[string][]period{}
		h.graph.mu.Unlock()
		if got := h.call(alice, "GET", boardroomToday, "").text("blocks"); got == "[]" {
			t.Error("the picture is no older than the calendar: this proves nothing")
		}
		h.want(h.book("15:30", "16:30"), 201)
	})
}

func TestRoomConnections(t *testing.T) {
	story(t, func(h *house) {
		h.want(h.call("", "GET", "/v1/rooms/boardroom", ""), 200, "connection", "not_connected", "as_of", "null")
		h.connect("boardroom", grant.Connected)
		h.connect("harbour", grant.NeedsSignIn)
		stop := h.watch()
		h.want(h.call("", "GET", "/v1/rooms/boardroom", ""), 200, "connection", "connected", "as_of", "2026-12-01T01:00:00Z")
		h.want(h.call(alice, "GET", "/v1/rooms/harbour", ""), 200, "connection", "needs_sign_in", "as_of", "null")
		h.settle(idlePaceAtMost)
		r := h.call("", "GET", "/v1/rooms/boardroom", "")
		if at, err := time.Parse(time.RFC3339, r.text("as_of")); err != nil || !at.After(opening) {
			t.Errorf("as_of: %s", r.text("as_of"))
		}
		stop()
		list := h.call("", "GET", "/v1/rooms", "").text("rooms")
		for _, want := range []string{`"connection":"connected"`, `"connection":"needs_sign_in"`, `"connection":"not_connected"`} {
			if !strings.Contains(list, want) {
				t.Errorf("%s is not in %s", want, list)
			}
		}
	})
}

// idlePaceAtMost is longer than a room that nobody looks at is left alone.
const idlePaceAtMost = 6 * time.Minute

// A room's picture is renewed soon after a booking there has ended, though nobody looks.
func TestPictureFollowsOurBookings(t *testing.T) {
	story(t, func(h *house) {
		h.connect("boardroom", grant.Connected)
		stop := h.watch()
		defer stop()
		id := h.book("10:00", "11:00").text("id")
		h.settle(20 * time.Minute)
		reads := h.graph.count("GET /me/calendarView/delta")
		h.want(h.call(alice, "DELETE", "/v1/bookings/"+id, ""), 200, "status", "cancelled")
		h.settle(20 * time.Second)
		if n := h.graph.count("GET /me/calendarView/delta"); n == reads {
			t.Error("the picture is as it was")
		}
	})
}

// An all-day item stands at midnights of UTC, whatever the room's zone: it is found by the dates
// there, and no more is asked for.
func TestDatesOfAPeriod(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name                        string
		zones                       []*time.Location
		from, to, wantFrom, wantEnd string
	}{
		{"in the morning in Hong Kong", []*time.Location{hongKong}, "2026-12-01T01:00:00Z", "2026-12-01T02:00:00Z", "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z"},
		{"when it is the next day there", []*time.Location{hongKong}, "2026-12-01T16:00:00Z", "2026-12-01T17:00:00Z", "2026-12-01T16:00:00Z", "2026-12-03T00:00:00Z"},
		{"up to midnight there", []*time.Location{hongKong}, "2026-12-01T15:00:00Z", "2026-12-01T16:00:00Z", "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z"},
		{"across midnight there", []*time.Location{hongKong}, "2026-12-01T15:00:00Z", "2026-12-01T16:30:00Z", "2026-12-01T00:00:00Z", "2026-12-03T00:00:00Z"},
		{"in the evening in New York", []*time.Location{newYork}, "2026-12-02T01:00:00Z", "2026-12-02T02:00:00Z", "2026-12-01T00:00:00Z", "2026-12-02T02:00:00Z"},
		{"in both", []*time.Location{hongKong, newYork}, "2026-12-02T01:00:00Z", "2026-12-02T02:00:00Z", "2026-12-01T00:00:00Z", "2026-12-03T00:00:00Z"},
	} {
		var rooms []Room
		for _, z := range c.zones {
			rooms = append(rooms, Room{TimeZone: z})
		}
		at := func(s string) time.Time {
			got, err := time.Parse(time.RFC3339, s)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		from, to := withDates(at(c.from), at(c.to), rooms)
		if !from.Equal(at(c.wantFrom)) || !to.Equal(at(c.wantEnd)) {
			t.Errorf("%s: %v to %v", c.name, from, to)
		}
	}
}
