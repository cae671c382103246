package integration_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/graph"
)

// Our own client of Graph, against the simulator that it shares nothing with.
func TestGraphClient(t *testing.T) {
	m := newMicrosoft(t)
	m.Client().Timeout = patience
	c := graph.NewClient(m.URL, m.Client(), time.Now)
	as := func(mail string) graph.Mailbox {
		token := m.token(mail)
		return graph.Mailbox{Key: mail, Token: func(context.Context, graph.Refused) (string, error) { return token, nil }}
	}
	const propertyID = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Ours"
	alice, room := as(m.tenant.People[0].Mail), m.tenant.Rooms[0].Address
	start := time.Date(time.Now().Year()+1, time.March, 3, 2, 0, 0, 0, time.UTC) // 10:00 in Hong Kong
	for start.Weekday() != time.Tuesday {
		start = start.AddDate(0, 0, 1)
	}
	end := start.Add(time.Hour)
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	wantFree := func(want bool) {
		t.Helper()
		free, known, err := c.RoomFree(t.Context(), alice, room, start, end)
		if free != want || !known || err != nil {
			t.Errorf("room free: got %v, known %v, %v; want %v", free, known, err, want)
		}
	}
	wantFree(true)

	invited := []graph.Attendee{{Type: graph.Resource, EmailAddress: graph.EmailAddress{Address: room}}}
	made, err := c.CreateEvent(t.Context(), alice, graph.Event{
		Subject: "Review", Body: &graph.Body{ContentType: "text", Content: "old"}, TransactionID: "6f1c9e2a-0000-4000-8000-000000000001",
		Start: graph.DateTime{Time: start}, End: graph.DateTime{Time: end}, Attendees: invited, IsOnlineMeeting: true,
		Properties: []graph.ExtendedProperty{{ID: propertyID, Value: "b '1'"}},
	})
	ok(err)
	var e graph.Event
	within(t, "the room's answer", func() bool {
		var err error
		e, err = c.EventWithBody(t.Context(), alice, made.ID)
		ok(err)
		return e.Attendees[0].Status.Response == graph.Accepted
	})
	wantFree(false)
	if found, ok, err := c.FindByProperty(t.Context(), alice, propertyID, "b '1'"); err != nil || !ok || found.ID != made.ID {
		t.Errorf("by property: got %q, %v, %v", found.ID, ok, err)
	}
	if found, ok, err := c.EventByICalUID(t.Context(), alice, e.ICalUID); err != nil || !ok || found.ID != made.ID {
		t.Errorf("by iCalUId: got %q, %v, %v", found.ID, ok, err)
	}

	if e.OnlineMeeting == nil {
		t.Fatalf("no online meeting: %+v", e)
	}
	if _, err := c.UpdateEvent(t.Context(), alice, made.ID, graph.EventChanges{Subject: new("x")}, made.ETag); !graph.IsConflict(err) {
		t.Errorf("with an ETag of before the room's answer: got %v, want a conflict", err)
	}
	body, kept := e.Body.WithText("new\ntext", e.OnlineMeeting.JoinURL)
	changed, err := c.UpdateEvent(t.Context(), alice, made.ID, graph.EventChanges{Subject: new("Renamed"), Body: &body}, e.ETag)
	ok(err)
	if !kept || changed.Subject != "Renamed" || changed.OnlineMeeting == nil || !strings.Contains(changed.Body.Content, "<div>new<br/>text</div>") ||
		strings.Contains(changed.Body.Content, "old") {
		t.Errorf("changed: got %+v, %+v; want the new text and the meeting", changed, changed.Body)
	}
	ok(c.DeleteEvent(t.Context(), alice, made.ID))
	ok(c.DeleteEvent(t.Context(), alice, made.ID))

	series, err := c.CreateEvent(t.Context(), alice, graph.Event{
		Subject: "Weekly", Start: graph.DateTime{Time: start}, End: graph.DateTime{Time: end}, Attendees: invited,
		Properties: []graph.ExtendedProperty{{ID: propertyID, Value: "b-2"}},
		Recurrence: &graph.PatternedRecurrence{
			Pattern: graph.RecurrencePattern{Type: "weekly", Interval: 1, DaysOfWeek: []string{"tuesday"}},
			Range:   graph.RecurrenceRange{Type: "numbered", StartDate: start.Format(time.DateOnly), NumberOfOccurrences: 3},
		},
	})
	ok(err)
	if found, ok, err := c.FindByProperty(t.Context(), alice, propertyID, "b-2"); err != nil || !ok || found.ID != series.ID || found.Type != "seriesMaster" || found.Recurrence == nil {
		t.Errorf("series by property: got %+v, %v, %v", found, ok, err)
	}
	var occurrences []graph.Event
	ok(c.Instances(t.Context(), alice, series.ID, start, start.AddDate(0, 1, 0), func(o graph.Event) bool {
		occurrences = append(occurrences, o)
		return true
	}))
	if len(occurrences) != 3 || occurrences[1].SeriesMasterID != series.ID || !occurrences[1].OriginalStart.Equal(start.AddDate(0, 0, 7)) {
		t.Fatalf("instances: got %+v", occurrences)
	}
	var refused *graph.Error
	if _, err := c.UpdateEvent(t.Context(), alice, occurrences[1].ID, graph.EventChanges{
		Start: &graph.DateTime{Time: start.AddDate(0, 0, 15)}, End: &graph.DateTime{Time: end.AddDate(0, 0, 15)},
	}, ""); !errors.As(err, &refused) || refused.Code != graph.CodeOccurrenceCrossing {
		t.Errorf("an occurrence beyond the next: got %v", err)
	}
	ok(c.CancelEvent(t.Context(), alice, series.ID, "sorry"))
}
