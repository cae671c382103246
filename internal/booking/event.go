package booking

import (
	"context"
	"sync"
	"time"

	"github.com/onesgate/onesgate/internal/graph"
)

// propertyID names the extended property that holds a booking's id on its
// event. It never changes: it is how our events are recognised.
const propertyID = "String {5b2f0c1e-7d64-4b0e-9c53-0a4e6f7d2a91} Name OnesBookingId"

// findEvent looks for the booking's event: where it was to be, as that is seen at once,
// and by our property, should it be a series or have been moved.
func findEvent(ctx context.Context, g *graph.Client, mailbox graph.Mailbox, r *record) (e graph.Event, found bool, err error) {
	if !r.isSeries() {
		e, found, err = g.FindEvent(ctx, mailbox, r.TransactionID, r.Start, r.End)
	}
	if err == nil && !found {
		e, found, err = g.FindByProperty(ctx, mailbox, propertyID, r.ID)
	}
	return e, found, err
}

// event is the meeting to create: the person's own, with the room invited.
func (r *record) event() graph.Event {
	newTimes := false
	e := graph.Event{
		TransactionID:   r.TransactionID,
		Subject:         r.Request.Subject,
		IsAllDay:        r.Request.AllDay,
		Location:        &graph.Location{DisplayName: r.RoomTitle, LocationEmailAddress: r.RoomAddress},
		Attendees:       []graph.Attendee{r.invitation()},
		Sensitivity:     "normal",
		IsOnlineMeeting: r.Request.OnlineMeeting,
		AllowNewTimes:   &newTimes,
		Properties:      []graph.ExtendedProperty{{ID: propertyID, Value: r.ID}},
	}
	if r.Request.Private {
		e.Sensitivity = "private"
	}
	if r.Request.Body != "" {
		e.Body = &graph.Body{ContentType: "text", Content: r.Request.Body}
	}
	e.Start, e.End = r.times()
	if r.isSeries() {
		e.Recurrence = graphRule(r.Rule)
	}
	for _, address := range r.Request.Attendees {
		e.Attendees = append(e.Attendees, graph.Attendee{Type: graph.Required, EmailAddress: graph.EmailAddress{Address: address}})
	}
	return e
}

// invitation is the room's.
func (r *record) invitation() graph.Attendee {
	return graph.Attendee{Type: graph.Resource, EmailAddress: graph.EmailAddress{Name: r.RoomTitle, Address: r.RoomAddress}}
}

// times are the event's: in the booking's own zone, as far as Microsoft knows it, so that
// people see that one; of an all-day event dates.
func (r *record) times() (start, end graph.DateTime) {
	zone := r.location()
	if r.Request.AllDay {
		return graph.DateTime{Time: floating(r.Start, zone)}, graph.DateTime{Time: floating(r.End, zone)}
	}
	name, ok := graph.ZoneName(zone, r.Start, r.lastEnd())
	if !ok {
		zone = time.UTC
	}
	return graph.DateTime{Time: r.Start.In(zone), Zone: name}, graph.DateTime{Time: r.End.In(zone), Zone: name}
}

// location is the booking's time zone; UTC if the zone data has lost it since.
func (r *record) location() *time.Location {
	if zone, ok := zones.Load(r.Zone); ok {
		return zone.(*time.Location)
	}
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		return time.UTC
	}
	zones.Store(r.Zone, zone)
	return zone
}

// zones are those that have been loaded, which reads a file each time: the names are those
// of zones that there are, so they are few.
var zones sync.Map
