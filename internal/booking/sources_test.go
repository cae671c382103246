package booking

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
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
