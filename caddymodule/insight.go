package caddymodule

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/offboard"
	"github.com/onesgate/onesgate/internal/signin"
	"github.com/onesgate/onesgate/internal/signin/pages"
)

// insight is what the pages for operators are made from.
func (e *engine) insight() signin.Insight {
	i := signin.Insight{Picture: e.picture, People: e.findPeople, Bookings: e.findBookings, Booking: e.tellBooking}
	for _, s := range bookingsListed {
		i.BookingStates = append(i.BookingStates, string(s))
	}
	return i
}

// findPeople lists people for a page. Who looks for an integration, or a state, that there
// is not finds nobody.
func (e *engine) findPeople(ctx context.Context, f signin.PeopleFilter) ([]pages.Person, string, error) {
	list, err := e.listUsers(ctx, userFilter{
		Integration: f.Integration, State: f.State, Search: identity.FoldCase(f.Search), Cursor: f.Cursor, Limit: f.Limit,
	})
	var found []pages.Person
	for _, u := range list.Users {
		found = append(found, pages.Person{
			ID: u.ID, Name: u.Name, Email: u.Email, CardNumber: u.CardNumber, Integration: u.Integration, Connection: u.Connection,
			Since: u.Since, LastSeen: u.LastSeen, Reason: u.Reason,
		})
	}
	return found, list.Next, err
}

// bookingsListed are the statuses that bookings are listed by; of those on their way
// something is under way.
var (
	bookingsOnTheirWay = []booking.Status{booking.Accepted, booking.AwaitingRoom, booking.NeedsSignIn}
	bookingsListed     = slices.Concat(bookingsOnTheirWay, []booking.Status{
		booking.Confirmed, booking.Failed, booking.Declined, booking.Expired, booking.Cancelled, booking.Released,
	})
)

// asOperator sees all bookings, and of none that is private what it is about.
var asOperator = booking.Caller{Service: offboard.ByOperator}

// findBookings lists bookings for a page.
func (e *engine) findBookings(ctx context.Context, f signin.BookingsFilter) ([]pages.Booking, string, error) {
	filter := booking.Filter{Status: booking.Status(f.State), Cursor: f.Cursor, Limit: f.Limit}
	if f.State == "" {
		filter.From = time.Now()
	}
	list, next, err := e.bookings.List(ctx, asOperator, filter)
	var found []pages.Booking
	for _, b := range list {
		found = append(found, e.pageBooking(b))
	}
	return found, next, err
}

// pageBooking is a booking without what it is about.
func (e *engine) pageBooking(b booking.Booking) pages.Booking {
	told := pages.Booking{
		ID: b.ID, State: string(b.Status), Status: string(b.Status), Reason: b.Reason,
		Integration: e.now.Load().world.Rooms[b.Room].Integration, Room: b.Room,
		Organizer: cmp.Or(b.Organizer.Email, b.Organizer.Name, b.Organizer.ID), Start: b.Start, End: b.End,
		Series: b.Recurrence != nil, Private: b.Private, Created: b.CreatedAt,
	}
	if b.PendingChange != nil {
		told.Change = b.PendingChange.Kind
	}
	if told.Change != "" || slices.Contains(bookingsOnTheirWay, b.Status) {
		told.State = "waiting"
	}
	return told
}

// tellBooking tells of one booking.
func (e *engine) tellBooking(ctx context.Context, id string) (pages.Journal, bool, error) {
	b, err := e.bookings.Get(ctx, asOperator, id)
	if err != nil {
		if booking.NotFound(err) {
			err = nil
		}
		return pages.Journal{}, false, err
	}
	told := pages.Journal{
		Booking: e.pageBooking(b), RoomResponse: b.RoomResponse.Status, ExternalID: b.ExternalID,
		EventID: b.Graph.EventID, ICalUID: b.Graph.ICalUID,
		Steps: []pages.Step{{At: b.CreatedAt, What: string(booking.Accepted)}},
	}
	if b.CheckedInAt != nil {
		told.CheckedIn = *b.CheckedInAt
	}
	if l := b.LastChange; l != nil {
		told.Steps = append(told.Steps, pages.Step{At: l.At, What: l.Kind + "_" + l.Status})
	}
	if b.Status != booking.Accepted {
		told.Steps = append(told.Steps, pages.Step{At: b.UpdatedAt, What: string(b.Status)})
	}
	return told, true, nil
}
