package m365sim

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// BenchmarkStart is how long it takes from nothing to the first answer.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		s, err := New(world.Sample(), Options{BaseURL: "http://localhost:8081"})
		if err != nil {
			b.Fatal(err)
		}
		serveOnce(b, s, http.MethodGet, "/"+s.world.Tenants[0].ID+"/v2.0/.well-known/openid-configuration", "")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func serveOnce(b *testing.B, s *Server, method, path, body string) {
	b.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(b.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if s.ServeHTTP(w, r); w.Code/100 != 2 {
		b.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
}

// company is 1,000 people and 200 rooms.
func company() world.Config {
	cfg := world.Sample()
	t := &cfg.Tenants[0]
	t.People, t.Rooms, t.Events = nil, nil, nil
	for i := range 1000 {
		t.People = append(t.People, world.Person{
			ID: fmt.Sprintf("0b1ec700-0000-4000-8000-%012d", i), Name: fmt.Sprintf("Person %d", i), Mail: fmt.Sprintf("p%d@contoso.example", i),
		})
	}
	for i := range 200 {
		t.Rooms = append(t.Rooms, world.Room{
			ID: fmt.Sprintf("r%d", i), Name: fmt.Sprintf("Room %d", i), Address: fmt.Sprintf("r%d@contoso.example", i), TimeZone: "Asia/Hong_Kong",
		})
	}
	return cfg
}

// fill books rooms from 8 to 18 o'clock, day after day, until there are that
// many events in all calendars.
func fill(b *testing.B, s *Server, events int) {
	b.Helper()
	err := s.door.Do(func(now time.Time) {
		for i := 0; s.exchange.Len() < events; i++ {
			organizer, room := s.exchange.Mailbox(fmt.Sprintf("p%d@contoso.example", i%1000)), s.exchange.Mailbox(fmt.Sprintf("r%d@contoso.example", i%200))
			e := exchange.NewEvent(now, organizer.Owner)
			e.Subject, e.StartZone, e.EndZone = "Meeting", "UTC", "UTC"
			e.Start = now.Truncate(24*time.Hour).AddDate(0, 0, 1+i/2000).Add(time.Duration(i/200%10) * time.Hour)
			e.End = e.Start.Add(time.Hour)
			e.Attendees = []exchange.Attendee{{Type: "resource", EmailAddress: room.Owner, Status: exchange.Status{Response: exchange.None}}}
			if _, err := s.exchange.Create(organizer, e, now); err != nil {
				b.Fatal(err)
			}
		}
	})
	if err == nil {
		err = s.door.Do(func(time.Time) {}) // the rooms answer
	}
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkStartWithState is a start with 100,000 events in the state file.
func BenchmarkStartWithState(b *testing.B) {
	o := Options{BaseURL: "http://localhost:8081", StateFile: filepath.Join(b.TempDir(), "state")}
	open := func() *Server {
		s, err := New(company(), o)
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	s := open()
	fill(b, s, 100_000)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := open().Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOverview is the page of a company with 100,000 events.
func BenchmarkOverview(b *testing.B) {
	s, err := New(company(), Options{BaseURL: "http://localhost:8081"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	fill(b, s, 100_000)
	for b.Loop() {
		serveOnce(b, s, http.MethodGet, "/", "")
	}
}
