package caddymodule

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/roomview"
	"github.com/onesgate/onesgate/internal/status"
)

// A census counts the bookings that are on their way or have failed lately, and compares
// those that are confirmed with what the calendars of their rooms show.
func TestBookingsInACensus(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	now := time.Now().UTC().Truncate(time.Second)
	at := func(ago time.Duration) string { return `"` + now.Add(-ago).Format(time.RFC3339) + `"` }
	for id, value := range map[string]string{
		"young":     `"status":"accepted","created_at":` + at(time.Minute),
		"old":       `"status":"awaiting_room","created_at":` + at(time.Hour),
		"person":    `"status":"needs_sign_in","created_at":` + at(24*time.Hour),
		"failed":    `"status":"failed","updated_at":` + at(time.Hour),
		"long-ago":  `"status":"failed","updated_at":` + at(8*24*time.Hour),
		"taken":     `"status":"declined","refusal":"taken","updated_at":` + at(time.Hour),
		"policy":    `"status":"declined","refusal":"policy","updated_at":` + at(time.Hour),
		"policy-2":  `"status":"declined","refusal":"policy","updated_at":` + at(time.Hour),
		"forgotten": `"status":"declined","refusal":"policy","updated_at":` + at(8*24*time.Hour),
		"plain":     `"status":"confirmed","ical_uid":"U1","subject":"Review"`,
		"unseen":    `"status":"confirmed","ical_uid":"U2"`,
		"nameless":  `"status":"confirmed"`,
	} {
		put(t, e.store, "booking/"+id, `{"integration":"contoso","request":{"room":"boardroom","subject":"Review"},`+value+`}`)
	}
	put(t, e.store, "booking/private", `{"integration":"contoso","request":{"room":"boardroom","private":true},"status":"confirmed","ical_uid":"U3"}`)
	put(t, e.store, "booking/elsewhere", `{"integration":"contoso","request":{"room":"harbour"},"status":"confirmed","ical_uid":"U1"}`)
	alice := graph.EmailAddress{Name: "Alice", Address: "alice@contoso.com"}
	asked := 0
	var c census
	of := e.source()
	of.meetings = func(room string) map[string]roomview.Block {
		asked++
		if room != "boardroom" {
			return nil
		}
		return map[string]roomview.Block{"": {}, "U1": {Subject: "Alice", Organizer: alice}, "U3": {Subject: "Alice", Organizer: alice}}
	}
	found, err := c.take(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	want := status.Bookings{Waiting: 3, Accepted: 1, AwaitingRoom: 1, NeedsSignIn: 1, Oldest: new(now.Add(-time.Hour)), Failed: 1}
	if diff := cmp.Diff(want, found.bookings.told()); diff != "" {
		t.Errorf("bookings (-want +got):\n%s", diff)
	}
	seen := status.Observed{Meetings: 2, Replaced: 1, Exposed: 1, Declined: map[string]int{"taken": 1, "policy": 2}}
	if diff := cmp.Diff(seen, found.observed["boardroom"]); diff != "" {
		t.Errorf("of the boardroom (-want +got):\n%s", diff)
	}
	if got := found.observed["harbour"]; got.Meetings != 0 {
		t.Errorf("of a room without a picture: %+v", got)
	}
	if asked != 2 || found.waiting["contoso"] != 3 {
		t.Errorf("rooms were asked %d times; %d wait", asked, found.waiting["contoso"])
	}
	if told := (&bookingsFound{status: map[booking.Status]int{}}).told(); told.Oldest != nil || told.Waiting != 0 {
		t.Errorf("of none: %+v", told)
	}
}
