package exchange

import (
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// seed fills the calendars of a world that has no state yet.
func (x *Exchange) seed(w *world.World, now time.Time) {
	for i := range w.Tenants {
		t := &w.Tenants[i]
		for _, m := range t.Events {
			x.seedMeeting(t, m, now)
		}
	}
	for _, m := range x.boxes {
		x.records.Put(m.address, m.record) // so that nothing is seeded twice
	}
}

func (x *Exchange) seedMeeting(t *world.Tenant, m world.Meeting, now time.Time) {
	room, organizer := x.Mailbox(m.Room), x.Mailbox(m.Organizer)
	y, month, d := (DayOf(now.In(room.zone)) + Day(m.Day)).Date()
	at := func(clock string) time.Time {
		c, _ := time.Parse(world.ClockTime, clock) // validated
		return time.Date(y, month, d, c.Hour(), c.Minute(), 0, 0, room.zone).UTC()
	}
	e := NewEvent(now, organizer.Owner)
	e.Subject, e.StartZone, e.EndZone = m.Subject, "UTC", "UTC"
	e.Start, e.End = at(m.Start), at(m.End)
	e.Locations = []Location{{DisplayName: room.Owner.Name, LocationEmailAddress: room.Owner.Address}}
	e.Attendees = []Attendee{{Type: "resource", EmailAddress: room.Owner}}
	if m.Private {
		e.Sensitivity = "private"
	}
	if _, err := x.Create(organizer, e, now); err != nil {
		return // validated
	}
	if invitation := x.copyIn(room, e.UID); invitation != nil {
		x.conclude(room, Item{Event: invitation}, verdict{answer: Accepted}, now)
	}
}
