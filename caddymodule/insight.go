package caddymodule

import (
	"cmp"
	"context"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/offboard"
	"github.com/onesgate/onesgate/internal/signin"
	"github.com/onesgate/onesgate/internal/signin/pages"
)

// insight is what the pages for operators are made from.
func (e *engine) insight() signin.Insight {
	i := signin.Insight{
		Picture: e.picture, People: e.findPeople, Bookings: e.findBookings, Booking: e.tellBooking, Retry: e.retryBooking,
	}
	for _, s := range booking.States() {
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

// findBookings lists bookings for a page.
func (e *engine) findBookings(ctx context.Context, f signin.BookingsFilter) ([]pages.Booking, string, error) {
	o := booking.Overview{State: booking.State(f.State), Cursor: f.Cursor, Limit: f.Limit}
	if f.State == "" {
		o.From = time.Now()
	}
	list, next, err := e.bookings.Overview(ctx, o)
	var found []pages.Booking
	for _, b := range list {
		found = append(found, pageBooking(b))
	}
	return found, next, err
}

func pageBooking(b booking.Progress) pages.Booking {
	return pages.Booking{
		ID: b.ID, State: string(b.State), Status: string(b.Status), Change: b.Change, Reason: b.Reason, Integration: b.Integration, Room: b.Room,
		Organizer: cmp.Or(b.Organizer.Email, b.Organizer.Name, b.Organizer.ID), Start: b.Start, End: b.End, Series: b.Series, Private: b.Private,
		Created: b.CreatedAt, Tries: b.Tries, Error: b.Error, NextAt: b.NextAt, Working: b.Working,
	}
}

// tellBooking tells of one booking.
func (e *engine) tellBooking(ctx context.Context, id string) (pages.Journal, bool, error) {
	b, err := e.bookings.Journal(ctx, id)
	if _, _, refused := booking.Refusal(err); refused {
		return pages.Journal{}, false, nil
	}
	told := pages.Journal{
		Booking: pageBooking(b.Progress), Next: b.Next, Ahead: b.Ahead, RoomResponse: b.RoomResponse.Status,
		Service: b.Service, ExternalID: b.ExternalID, EventID: b.EventID, ICalUID: b.ICalUID, CheckedIn: b.CheckedInAt,
	}
	for _, s := range b.Steps {
		told.Steps = append(told.Steps, pages.Step{At: s.At, What: s.What, By: s.By, Code: s.Code, Times: s.Times, Until: s.Until})
	}
	return told, err == nil, err
}

// retryBooking has a booking carried on now.
func (e *engine) retryBooking(ctx context.Context, id string) (refused string, err error) {
	_, err = e.bookings.RetryNow(ctx, offboard.ByOperator, id)
	if _, words, ok := booking.Refusal(err); ok {
		return words, nil
	}
	return "", err
}
