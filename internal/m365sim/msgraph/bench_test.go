package msgraph

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// fill puts events into somebody's mailbox, an hour each, on the day of
// meetings.
func (s *sim) fill(address string, n int) {
	s.t.Helper()
	box := s.exchange.Mailbox(address)
	for i := range n {
		e := exchange.NewEvent(s.now(), box.Owner)
		e.Subject, e.StartZone, e.EndZone = fmt.Sprint(i), "UTC", "UTC"
		e.Start = begin.AddDate(0, 0, 1).Truncate(time.Hour)
		e.End = e.Start.Add(time.Hour)
		if _, err := s.exchange.Create(box, e, s.now()); err != nil {
			s.t.Fatal(err)
		}
	}
}

// big is a large organisation: a thousand people, two hundred rooms, a hundred
// thousand events, an hour each over the days, half of them in a room.
func big(b *testing.B) *sim {
	s := newSim(b, func(s *sim) {
		t := s.tenant()
		t.People, t.Rooms = nil, nil
		for i := range 1000 {
			t.People = append(t.People, world.Person{ID: fmt.Sprintf("0b1ec700-0000-4000-8000-%012d", i), Mail: fmt.Sprintf("p%d@contoso.example", i)})
		}
		for i := range 200 {
			t.Rooms = append(t.Rooms, world.Room{
				ID: fmt.Sprintf("r%d", i), Address: fmt.Sprintf("r%d@contoso.example", i), TimeZone: "Asia/Hong_Kong",
				Shares: []world.Share{{With: "default", Role: world.RoleRead}},
			})
		}
		unlimited(s)
	})
	for n := 0; s.exchange.Len() < 100_000; n++ {
		box := s.exchange.Mailbox(fmt.Sprintf("p%d@contoso.example", n%1000))
		e := exchange.NewEvent(begin, box.Owner)
		e.Subject, e.StartZone, e.EndZone = fmt.Sprint(n), "UTC", "UTC"
		e.Start = begin.Add(time.Duration(n/200) * time.Hour)
		e.End = e.Start.Add(time.Hour)
		e.Attendees = []exchange.Attendee{{Type: "resource", EmailAddress: exchange.Address{Address: fmt.Sprintf("r%d@contoso.example", n%200)}}}
		if _, err := s.exchange.Create(box, e, begin); err != nil {
			b.Fatal(err)
		}
	}
	s.exchange.Settle(begin)
	return s
}

func BenchmarkBigOrganisation(b *testing.B) {
	s := big(b)
	day := "startDateTime=2026-11-25T00:00:00Z&endDateTime=2026-11-26T00:00:00Z&$top=100"
	rooms := []string{}
	for i := range 20 {
		rooms = append(rooms, fmt.Sprintf("r%d@contoso.example", i))
	}
	schedule, booking := string(encoded(b, scheduleOf(rooms...))), string(encoded(b, meeting("Booking", rooms[0], 2, 3)))
	delta := "/users/r1@contoso.example/calendarView/delta?startDateTime=2026-11-23T00:00:00Z&endDateTime=2027-01-01T00:00:00Z"
	for name, c := range map[string]struct{ method, path, body string }{
		"view of a room's day":  {http.MethodGet, "/users/r1@contoso.example/calendarView?" + day, ""},
		"getSchedule of twenty": {http.MethodPost, "/me/calendar/getSchedule", schedule},
		"delta, a first page":   {http.MethodGet, delta, ""},
		"create with a room":    {http.MethodPost, "/me/events", booking},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				req := httptest.NewRequest(c.method, s.base+"/v1.0"+c.path, io.NopCloser(strings.NewReader(c.body)))
				req.Header.Set("Authorization", "Bearer p1@contoso.example 0 "+readWrite)
				w := httptest.NewRecorder()
				s.ServeHTTP(w, req)
				if w.Code >= 300 {
					b.Fatalf("%d %s", w.Code, w.Body)
				}
			}
		})
	}
}
