package caddymodule

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/signin"
)

// Operators see how bookings stand, and never what they are about.
func TestBookingsForAPage(t *testing.T) {
	st := newStage(t)
	s := settingsOf("https://ones.example.com")
	s.world.Rooms = map[string]booking.Room{"boardroom": {Name: "boardroom", Integration: "contoso", TimeZone: time.UTC}}
	e := st.acquire(s)
	defer st.release(e, s)
	start := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Hour)
	for id, status := range map[string]string{"b1": "failed", "b2": "confirmed"} {
		put(t, e.store, "booking/"+id, fmt.Sprintf(`{"id":%q,"integration":"contoso","status":%q,"reason":"why","person_id":"t.alice","person_email":"alice@contoso.com","zone":"UTC",
			"request":{"room":"boardroom","subject":"top-secret","body":"top-secret","attendees":["top-secret@contoso.com"]},"start":%q,"end":%q,"created_at":%q,"updated_at":%q,
			"steps":[{"at":"2026-11-26T08:00:00Z","what":"accepted","by":"ones"},{"at":"2026-11-26T08:01:00Z","what":"tried","code":"503 x","times":3}]}`,
			id, status, start.Format(time.RFC3339), start.Add(time.Hour).Format(time.RFC3339), start.Add(-48*time.Hour).Format(time.RFC3339), start.Add(-47*time.Hour).Format(time.RFC3339)))
		put(t, e.store, fmt.Sprintf("booking-state/%s/%020d/%s", status, start.UnixMilli(), id), fmt.Sprintf("%020d", start.Add(time.Hour).UnixMilli()))
		put(t, e.store, fmt.Sprintf("booking-start/%020d/%s", start.UnixMilli(), id), fmt.Sprintf("%020d", start.Add(time.Hour).UnixMilli()))
	}
	i := e.insight()
	for state, want := range map[string]string{"": "b1 b2", "failed": "b1", "confirmed": "b2", "declined": ""} {
		found, next, err := i.Bookings(t.Context(), signin.BookingsFilter{State: state, Limit: 50})
		var ids []string
		for _, b := range found {
			if ids = append(ids, b.ID); b.Organizer != "alice@contoso.com" || b.Room != "boardroom" || b.Integration != "contoso" || strings.Contains(fmt.Sprint(b), "top-secret") {
				t.Errorf("told %+v", b)
			}
		}
		if got := strings.Join(ids, " "); got != want || next != "" || err != nil {
			t.Errorf("in state %q: %q, %q, %v; want %q", state, got, next, err, want)
		}
	}
	told, ok, err := i.Booking(t.Context(), "b1")
	if err != nil || !ok || told.State != "failed" || told.Reason != "why" || len(told.Steps) != 2 || told.Steps[1].Code != "503 x" || told.Error != "503 x" || told.Next == "" || strings.Contains(fmt.Sprint(told), "top-secret") {
		t.Errorf("told %+v, %t, %v", told, ok, err)
	}
	if _, ok, err := i.Booking(t.Context(), "b3"); ok || err != nil {
		t.Errorf("one that there is not: %t, %v", ok, err)
	}
	for _, id := range []string{"b1", "b2", "b3"} {
		if refused, err := i.Retry(t.Context(), id); refused == "" || err != nil {
			t.Errorf("nothing is to be done for %s, and yet: %q, %v", id, refused, err)
		}
	}
}

// People are found by what a page asks for, a part at a time.
func TestPeopleForAPage(t *testing.T) {
	st := newStage(t)
	s := settingsOf("https://ones.example.com")
	e := st.acquire(s)
	defer st.release(e, s)
	for _, name := range []string{"alice", "bob", "carol"} {
		put(t, e.store, "person/t."+name, fmt.Sprintf(`{"id":"t.%s","integration":"contoso","name":"%s","email":"%s@contoso.com"}`, name, name, name))
	}
	i := e.insight()
	for _, tt := range []struct {
		filter signin.PeopleFilter
		want   string
	}{
		{signin.PeopleFilter{Limit: 50}, "t.alice t.bob t.carol"},
		{signin.PeopleFilter{Limit: 2}, "t.alice t.bob ..t.bob"},
		{signin.PeopleFilter{Limit: 2, Cursor: "t.bob"}, "t.carol"},
		{signin.PeopleFilter{Limit: 50, Search: "BOB@"}, "t.bob"},
		{signin.PeopleFilter{Limit: 50, State: "needs_sign_in"}, "t.alice t.bob t.carol"},
		{signin.PeopleFilter{Limit: 50, State: "connected"}, ""},
		{signin.PeopleFilter{Limit: 50, Integration: "fabrikam"}, ""},
	} {
		found, next, err := i.People(t.Context(), tt.filter)
		var got []string
		for _, p := range found {
			got = append(got, p.ID)
		}
		if next != "" {
			got = append(got, ".."+next)
		}
		if strings.Join(got, " ") != tt.want || err != nil {
			t.Errorf("%+v: %q, %v; want %q", tt.filter, got, err, tt.want)
		}
	}
}
