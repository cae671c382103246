package booking

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onesgate/onesgate/internal/grant"
)

// ask asks when rooms are free, from one wall time to another on 1 December.
func (h *house) ask(as any, from, to string, changes ...any) reply {
	h.t.Helper()
	changes = append([]any{"room", nil, "subject", nil, "rooms", []string{"boardroom", "harbour"}}, changes...)
	return h.call(as, "POST", "/v1/availability", body(from, to, changes...))
}

func TestAvailability(t *testing.T) {
	story(t, func(h *house) {
		h.want(h.book("10:00", "11:00", "subject", "Salaries", "private", true), 201)
		h.taken("Board", false)                                            // 15:00 to 16:00
		seen := `"as_of":"` + time.Now().UTC().Format(time.RFC3339) + `",` // the booking took a moment
		free := func(room, from, to string) string {
			return fmt.Sprintf(`{%s"busy":[],"checked":true,"free":true,"next_free":{"end":"2026-12-01T%s:00+08:00","start":"2026-12-01T%s:00+08:00"},"room":%q}`, seen, to, from, room)
		}
		taken := `{` + seen + `"busy":[{"end":"2026-12-01T11:00:00+08:00","start":"2026-12-01T10:00:00+08:00"}],"checked":true,"free":false,` +
			`"next_free":{"end":"2026-12-01T12:30:00+08:00","start":"2026-12-01T11:00:00+08:00"},"room":"boardroom"}`
		h.want(h.ask(bob, "10:30", "12:00"), 200, "rooms", "["+taken+","+free("harbour", "10:30", "12:00")+"]")
		// It is the same for who owns the booking, and in wall time.
		h.want(h.ask(alice, "10:30", "12:00", "start", "2026-12-01T10:30", "end", "2026-12-01T12:00", "time_zone", "Asia/Hong_Kong"), 200,
			"rooms", "["+taken+","+free("harbour", "10:30", "12:00")+"]")
		// The end of one booking is the start of the next; what is between two is too short.
		h.want(h.ask(bob, "11:00", "15:00", "rooms", []string{"boardroom"}), 200, "rooms", "["+free("boardroom", "11:00", "15:00")+"]")
		got := h.ask(bob, "13:00", "15:30", "rooms", []string{"boardroom"}).text("rooms")
		if !strings.Contains(got, `"free":false`) || !strings.Contains(got, `"start":"2026-12-01T16:00:00+08:00"},"room"`) {
			t.Errorf("between two: %s", got)
		}
		// Nothing that begins now is offered in the past.
		if got := h.ask(bob, "08:30", "09:30", "rooms", []string{"harbour"}).text("rooms"); !strings.Contains(got, `"start":"2026-12-01T09:00:00+08:00"},"room"`) {
			t.Errorf("begun already: %s", got)
		}
		// A room that can't be booked for so long is free, but has no slot.
		if got := h.ask(bob, "16:00", "21:00", "rooms", []string{"boardroom"}).text("rooms"); !strings.Contains(got, `"free":true`) || strings.Contains(got, "next_free") {
			t.Errorf("longer than one may book: %s", got)
		}
		if strings.Contains(h.log.text(), "Salaries") || strings.Contains(h.log.text(), "Board\"") {
			t.Error("a subject is logged")
		}
	})
}

// Where nobody's grant can look, the answer says so.
func TestAvailabilityUnchecked(t *testing.T) {
	story(t, func(h *house) {
		h.want(h.book("15:00", "16:00"), 201)
		h.taken("Board", false)
		check := func(what string, r reply, want ...string) {
			t.Helper()
			h.want(r, 200)
			rooms, _ := r.body["rooms"].([]any)
			var got []string
			for _, room := range rooms {
				m := room.(map[string]any)
				got = append(got, fmt.Sprintf("%v free %v checked %v seen %v", m["room"], m["free"], m["checked"], m["as_of"] != nil))
			}
			if strings.Join(got, "; ") != strings.Join(want, "; ") {
				t.Errorf("%s: got %q, want %q", what, got, want)
			}
		}
		check("a service without accounts", h.ask("", "15:30", "16:30"),
			"boardroom free false checked false seen false", "harbour free true checked false seen false")
		h.connect("harbour", grant.Connected)
		check("a service with one", h.ask("", "15:30", "16:30"),
			"boardroom free false checked false seen false", "harbour free true checked true seen true")
		check("of two integrations", h.ask("", "15:30", "16:30", "rooms", []string{"other", "harbour"}),
			"other free true checked false seen false", "harbour free true checked true seen true")

		h.graph.setFault(only("/getSchedule", answers(403, "ErrorAccessDenied")))
		check("a person without the permission", h.ask(alice, "15:30", "16:30"),
			"boardroom free false checked false seen false", "harbour free true checked true seen true")
		h.graph.setFault(answers(503, "ServiceUnavailable"))
		h.want(h.ask("", "15:30", "16:30"), 503, "code", "graph_unavailable")
		h.settle(refusedFor)
		h.want(h.ask(alice, "15:30", "16:30"), 503, "code", "graph_unavailable")

		// One ill mailbox hides no other room.
		h.connect("boardroom", grant.Connected)
		h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
			if r.Header.Get("Authorization") == "Bearer room:contoso/harbour" {
				return answers(429, "ApplicationThrottled", "Retry-After", "99")(r, done)
			}
			return nil, nil, false
		})
		check("one throttled", h.ask("", "15:30", "16:30"),
			"boardroom free false checked true seen true", "harbour free true checked false seen false")
		h.graph.setFault(nil)
		h.kill(alice, grant.ErrNeedsSignIn)
		h.want(h.ask(alice, "15:30", "16:30"), 403, "code", "needs_sign_in")
	})
}

func TestAvailabilityRefused(t *testing.T) {
	story(t, func(h *house) {
		many := make([]string, 51)
		for i := range many {
			many[i] = fmt.Sprint(i)
		}
		for name, tt := range map[string]struct {
			r      reply
			status int
			code   string
		}{
			"no rooms":             {h.ask(alice, "10:00", "11:00", "rooms", []string{}), 422, "invalid_request"},
			"too many rooms":       {h.ask("", "10:00", "11:00", "rooms", many), 422, "invalid_request"},
			"a room twice":         {h.ask(alice, "10:00", "11:00", "rooms", []string{"harbour", "harbour"}), 422, "invalid_request"},
			"no such room":         {h.ask(alice, "10:00", "11:00", "rooms", []string{"harbour", "cellar"}), 404, "unknown_room"},
			"another's room":       {h.ask(alice, "10:00", "11:00", "rooms", []string{"other"}), 404, "unknown_room"},
			"the end first":        {h.ask(alice, "11:00", "10:00"), 422, "invalid_request"},
			"a wrong offset":       {h.ask(alice, "10:00", "11:00", "time_zone", "Europe/Zurich"), 422, "invalid_request"},
			"no such zone":         {h.ask(alice, "10:00", "11:00", "time_zone", "Mars/Olympus"), 422, "invalid_request"},
			"longer than a month":  {h.ask(alice, "10:00", "11:00", "end", "2027-01-02T10:00:00+08:00"), 422, "invalid_request"},
			"not a time":           {h.ask(alice, "10:00", "11:00", "start", "soon"), 422, "invalid_request"},
			"read instead of sent": {h.call(alice, "GET", "/v1/availability", ""), 405, "method_not_allowed"},
		} {
			if tt.r.status != tt.status || tt.r.text("code") != tt.code {
				t.Errorf("%s: got %d %v, want %d %s", name, tt.r.status, tt.r.body, tt.status, tt.code)
			}
		}
		if n := len(h.graph.calls); n != 0 {
			t.Errorf("calls of Graph: got %d, want none", n)
		}
	})
}

// Fifty rooms take three calls with the person's grant: getSchedule shows twenty.
func TestAvailabilityOfManyRooms(t *testing.T) {
	story(t, func(h *house) {
		var names []string
		for i := range 50 {
			name := fmt.Sprintf("room%d", i)
			names = append(names, name)
			h.world.Rooms[name] = Room{Name: name, Integration: "contoso", Address: name + "@contoso.com", TimeZone: hongKong}
		}
		r := h.ask(alice, "10:00", "11:00", "rooms", names)
		h.want(r, 200)
		rooms, _ := json.Marshal(r.body["rooms"])
		if n := h.graph.count("POST /me/calendar/getSchedule"); n != 3 || strings.Count(string(rooms), `"checked":true`) != 50 {
			t.Errorf("%d calls: %s", n, rooms)
		}
	})
}

// What is offered is free, and lies neither before what was asked nor in the past.
func TestNextFreeSlot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		quarter := func(n int) time.Time { return opening.Add(time.Duration(n) * 15 * time.Minute) }
		start := rapid.IntRange(-20, 40).Draw(t, "start")
		w := wish{Room{TimeZone: hongKong}, period{quarter(start), quarter(start + rapid.IntRange(1, 12).Draw(t, "length"))}}
		var blocks []block
		for range rapid.IntRange(0, 8).Draw(t, "blocks") {
			from := rapid.IntRange(-30, 80).Draw(t, "from")
			blocks = append(blocks, block{period: period{quarter(from), quarter(from + rapid.IntRange(1, 20).Draw(t, "long"))}})
		}
		told := w.among(blocks, opening)
		if told.Free != !taken(periods(blocks), w.period) || told.Free != (len(told.Busy) == 0) {
			t.Fatalf("free %t, busy %v", told.Free, told.Busy)
		}
		if told.NextFree == nil {
			t.Fatal("nothing is free in a week")
		}
		next := period{told.NextFree.Start, told.NextFree.End}
		if taken(periods(blocks), next) || next.start.Before(w.start) || next.start.Before(opening) || next.duration() != w.duration() {
			t.Fatalf("offered %v of %v among %v", next, w.period, blocks)
		}
		if told.Free && start >= 0 && !next.start.Equal(w.start) {
			t.Fatalf("%v is free, but %v is offered", w.period, next)
		}
	})
}
