package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/identity"
)

// away is a Microsoft that gives no answer.
type away struct{}

func (away) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}

// book accepts a booking of Alice's while Microsoft is away.
func book(t *testing.T, e *engine, start string) string {
	t.Helper()
	at, err := time.Parse(time.RFC3339, start)
	if err != nil {
		t.Fatal(err)
	}
	alice := &identity.Person{ID: "t.alice", Integration: "contoso", Email: "alice@contoso.example", Mailbox: "alice@contoso.example"}
	b, _, err := e.bookings.Create(t.Context(), booking.Caller{Service: "ones", Person: alice}, booking.Request{
		Room: "boardroom", Subject: "Salaries", Body: "of all", Attendees: []string{"carol@contoso.example"},
		Start: start, End: at.Add(time.Hour).Format(time.RFC3339),
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	return b.ID
}

func TestAdminBookings(t *testing.T) {
	e, logs := populated(t)
	world := e.now.Load().world
	boardroom := booking.Room{Name: "boardroom", Integration: "contoso", Address: "boardroom@contoso.example", Title: "Boardroom", TimeZone: time.UTC}
	world.Rooms["boardroom"] = boardroom
	world.Integrations = map[string]booking.Integration{"contoso": {Name: "contoso", Graph: graph.NewClient("https://graph.example", &http.Client{Transport: away{}}, time.Now)}}
	tomorrow := time.Now().UTC().Add(24 * time.Hour).Truncate(time.Hour)
	first := book(t, e, tomorrow.Format(time.RFC3339))
	second := book(t, e, tomorrow.Add(-2*time.Hour).Format(time.RFC3339))
	c := adminServer(t, unchanged)

	for name, tt := range map[string]struct {
		f    bookingFilter
		n    int
		want []string
	}{
		"one of two":           {bookingFilter{Room: "boardroom", State: "accepted", User: "t.alice"}, 1, []string{second}},
		"of a person":          {bookingFilter{User: "alice@contoso.example"}, 9, []string{second, first}},
		"of nobody's":          {bookingFilter{User: "card:2"}, 0, nil},
		"of somebody else":     {bookingFilter{User: "t.bob1"}, 9, nil},
		"of a room":            {bookingFilter{Room: "boardroom"}, 9, []string{second, first}},
		"of another room":      {bookingFilter{Room: "closet"}, 0, nil},
		"later":                {bookingFilter{From: tomorrow}, 9, []string{first}},
		"earlier":              {bookingFilter{To: tomorrow}, 9, []string{second}},
		"failed":               {bookingFilter{State: "failed"}, 9, nil},
		"unknown state":        {bookingFilter{State: "fine"}, 0, nil},
		"of an integration":    {bookingFilter{Integration: "fabrikam"}, 9, nil},
		"too many":             {bookingFilter{Limit: 201}, -1, nil},
		"less than one":        {bookingFilter{Limit: -1}, -1, nil},
		"nobody of that name":  {bookingFilter{User: "zoe@contoso.example"}, 0, nil},
		"of another one still": {bookingFilter{User: "t.alice", Integration: "fabrikam"}, 9, nil},
	} {
		var all bookingList
		var err error
		if tt.n > 0 {
			all, err = c.bookings(t.Context(), tt.f, tt.n)
		} else {
			err = c.tell(t.Context(), bookingsPath, tt.f, &all)
		}
		var got []string
		for _, b := range all.Bookings {
			got = append(got, b.ID)
		}
		if (err == nil) != (tt.n > 0) || strings.Join(got, " ") != strings.Join(tt.want, " ") {
			t.Errorf("%s: %v, %v; want %v", name, got, err, tt.want)
		}
		if more := all.Next != ""; more != (name == "one of two") {
			t.Errorf("%s: next %q", name, all.Next)
		}
	}

	if _, err := c.bookings(t.Context(), bookingFilter{Room: "closet"}, 9); err == nil || !strings.Contains(err.Error(), `no room "closet" is configured`) {
		t.Errorf("of a room that is none: %v", err)
	}
	delete(world.Rooms, "boardroom")
	if all, err := c.bookings(t.Context(), bookingFilter{Room: "boardroom"}, 9); err != nil || len(all.Bookings) != 2 {
		t.Errorf("of a room that is not configured any more: %+v, %v", all, err)
	}
	world.Rooms["boardroom"] = boardroom

	// Both were made in the same second, so either may be the oldest.
	if all, err := c.bookings(t.Context(), bookingFilter{State: booking.StateWaiting}, 9); err != nil || len(all.Bookings) != 2 || all.Next != "" {
		t.Errorf("waiting: %+v, %v", all, err)
	}

	var whole json.RawMessage
	for path, asked := range map[string]any{bookingsPath: bookingFilter{}, bookingShowPath: bookingRequest{Booking: first}, bookingRetryPath: bookingRequest{Booking: first}} {
		if err := c.tell(t.Context(), path, asked, &whole); err != nil || !strings.Contains(string(whole), first) {
			t.Errorf("%s: %s, %v", path, whole, err)
		}
		for _, secret := range []string{"Salaries", "of all", "carol"} {
			if strings.Contains(string(whole), secret) {
				t.Errorf("%s tells %q: %s", path, secret, whole)
			}
		}
	}
	for _, path := range []string{bookingShowPath, bookingRetryPath, bookingCancelPath} {
		if err := c.tell(t.Context(), path, bookingRequest{Booking: "nobody's"}, &whole); err == nil || !strings.Contains(err.Error(), "There is no such booking.") {
			t.Errorf("%s of none: %v", path, err)
		}
	}
	if err := c.tell(t.Context(), bookingCancelPath, bookingRequest{Booking: first, Comment: strings.Repeat("x", maxComment+1)}, &whole); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("a long comment: %v", err)
	}

	var j booking.Journal
	if err := c.tell(t.Context(), bookingCancelPath, bookingRequest{Booking: first}, &j); err != nil || j.Steps[len(j.Steps)-1].By != "operator" {
		t.Errorf("cancelled: %+v, %v", j, err)
	}
	told := ""
	for _, l := range logs.FilterMessage("booking").All() {
		f := l.ContextMap()
		if f["action"] == "retry" || f["action"] == "cancel" {
			told += f["action"].(string) + " by " + f["by"].(string) + " "
		}
	}
	if !strings.HasSuffix(told, "cancel by operator ") {
		t.Errorf("the audit log tells %q", told)
	}
}

func TestBookingsForPeople(t *testing.T) {
	now := time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC)
	waits := booking.Progress{
		ID: "b-1", State: booking.StateWaiting, Status: booking.Accepted, Room: "boardroom", Integration: "contoso", Organizer: booking.Organizer{ID: "t.alice", Email: "alice@contoso.example"},
		Start: now.Add(time.Hour), End: now.Add(2 * time.Hour), CreatedAt: now.Add(-time.Hour), Tries: 3, Error: "503 ServiceUnavailable", NextAt: now.Add(time.Minute),
	}
	changes := waits
	changes.Status, changes.Change, changes.Working, changes.Organizer.Email = booking.Confirmed, "update", true, ""
	ended := booking.Progress{ID: "b-3", State: "failed", Status: booking.Failed, Room: "boardroom", Start: now, CreatedAt: now}
	for want, l := range map[string]bookingList{
		"There is no booking like that.\n": {},
		`^STATE +ROOM +START +WHO +MADE +TRIES +LAST ERROR +NEXT +BOOKING
waiting \(accepted\) +boardroom +2026-12-01 11:00 UTC +alice@contoso.example +1 hour ago +3 +503 ServiceUnavailable +1 minute from now +b-1
waiting \(update\) +boardroom +2026-12-01 11:00 UTC +t.alice +1 hour ago +3 +503 ServiceUnavailable +now +b-1
failed +boardroom +2026-12-01 10:00 UTC +now +0 +- +- +b-3
and more; --limit shows more of them\n$`: {Bookings: []booking.Progress{waits, changes, ended}, Next: "x"},
	} {
		var told bytes.Buffer
		if err := l.print(&told, now); err != nil || !regexp.MustCompile(want).Match(told.Bytes()) {
			t.Errorf("got\n%s%v\nwant\n%s", &told, err, want)
		}
	}
	var told bytes.Buffer
	j := booking.Journal{Progress: waits, Next: "The event is to be made.", Steps: []booking.Step{
		{At: now, What: "accepted", By: "ones"}, {At: now, What: "tried", Code: "503 ServiceUnavailable", Times: 3, Until: now.Add(time.Minute)},
	}}
	want := `(?s)booking +b-1\nstate +waiting \(accepted\)\nnext +The event is to be made\..*tries +3 in vain.*room +boardroom of contoso\n.*for +alice@contoso.example t.alice\nbooked by +themselves\n.*WHEN +WHAT +BY +CODE\n.*accepted +ones +-\n.*tried, 3 times until .* +- +503 ServiceUnavailable\n$`
	if err := printBooking(j, &told); err != nil || !regexp.MustCompile(want).Match(told.Bytes()) {
		t.Errorf("got\n%s%v", &told, err)
	}
}

func TestMoment(t *testing.T) {
	for text, want := range map[string]time.Time{
		"":                          {},
		"2026-12-01":                time.Date(2026, 12, 1, 0, 0, 0, 0, time.Local),
		"2026-12-01T10:00:00+08:00": time.Date(2026, 12, 1, 2, 0, 0, 0, time.UTC),
	} {
		if got, err := moment("from", text); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if _, err := moment("from", "tomorrow"); err == nil || !strings.Contains(err.Error(), `--from "tomorrow" is no time; write a day`) {
		t.Errorf("tomorrow: %v", err)
	}
}
