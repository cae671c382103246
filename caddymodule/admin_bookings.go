package caddymodule

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/offboard"
)

// bookingList is a part of the bookings that operators ask for.
type bookingList struct {
	Bookings []booking.Progress `json:"bookings"`
	// Next is the cursor of the next part; missing: there is none.
	Next string `json:"next,omitempty"`
}

// bookingFilter says which bookings are listed; what is empty doesn't matter.
type bookingFilter struct {
	Integration string        `json:"integration,omitempty"`
	State       booking.State `json:"state,omitempty"`
	Room        string        `json:"room,omitempty"`
	User        string        `json:"user,omitempty"` // as in userRequest
	From        time.Time     `json:"from,omitzero"`
	To          time.Time     `json:"to,omitzero"`
	Cursor      string        `json:"cursor,omitempty"`
	Limit       int           `json:"limit,omitempty"` // 0: the usual one
}

// Bounds of one answer.
const (
	defaultBookings = 50
	maxBookings     = 200
)

// bookingRequest says which booking is meant, and what its attendees are told where it
// is cancelled.
type bookingRequest struct {
	Booking string `json:"booking"`
	Comment string `json:"comment,omitempty"`
}

// maxComment bounds a comment to attendees, in bytes, as the booking API does.
const maxComment = 1000

// serveBookings lists bookings. A part may be short, or empty, and not the last: much
// was looked at in vain then. Rooms and integrations may be ones that are not
// configured any more.
func serveBookings(w http.ResponseWriter, r *http.Request, e *engine) error {
	var f bookingFilter
	if err := question(w, r, &f); err != nil {
		return err
	}
	switch {
	case f.State != "" && !slices.Contains(booking.States(), f.State):
		return refuse(http.StatusBadRequest, "no booking has the state %q; it is one of %s", f.State, bookingStates())
	case f.Limit < 0 || f.Limit > maxBookings:
		return refuse(http.StatusBadRequest, "limit must be a number from 1 to %d", maxBookings)
	}
	o := booking.Overview{
		Integration: f.Integration, Room: f.Room, State: f.State, From: f.From, To: f.To, Cursor: f.Cursor, Limit: cmp.Or(f.Limit, defaultBookings),
	}
	if f.User != "" {
		p, err := e.user(r.Context(), f.User)
		if err != nil {
			return err
		}
		o.PersonID = p.ID
	}
	var list bookingList
	var err error
	if list.Bookings, list.Next, err = e.bookings.Overview(r.Context(), o); err != nil {
		return storeUnavailable(err)
	}
	if len(list.Bookings) == 0 && list.Next == "" && f.Cursor == "" {
		if err := e.roomKnown(f.Room); err != nil {
			return err
		}
	}
	return answer(w, list)
}

// roomKnown says whether a room is configured; "" is no question.
func (e *engine) roomKnown(name string) error {
	known := e.now.Load().world.Rooms
	if _, ok := known[name]; ok || name == "" {
		return nil
	}
	return refuse(http.StatusNotFound, "no room %q is configured, and no such booking is in one of that name; there are %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
}

// bookingStates lists them for people.
func bookingStates() string { return listed(booking.States()) }

// serveBooking tells of one booking.
func serveBooking(w http.ResponseWriter, r *http.Request, e *engine) error {
	return aboutBooking(w, r, func(asked bookingRequest) (booking.Journal, error) {
		return e.bookings.Journal(r.Context(), asked.Booking)
	})
}

// serveBookingRetry has a booking carried on now.
func serveBookingRetry(w http.ResponseWriter, r *http.Request, e *engine) error {
	return aboutBooking(w, r, func(asked bookingRequest) (booking.Journal, error) {
		return e.bookings.RetryNow(r.Context(), offboard.ByOperator, asked.Booking)
	})
}

// serveBookingCancel wants a booking cancelled.
func serveBookingCancel(w http.ResponseWriter, r *http.Request, e *engine) error {
	return aboutBooking(w, r, func(asked bookingRequest) (booking.Journal, error) {
		return e.bookings.CancelAs(r.Context(), offboard.ByOperator, asked.Booking, asked.Comment)
	})
}

// aboutBooking answers with what do tells of the booking that is meant.
func aboutBooking(w http.ResponseWriter, r *http.Request, do func(bookingRequest) (booking.Journal, error)) error {
	var asked bookingRequest
	if err := question(w, r, &asked); err != nil {
		return err
	}
	if len(asked.Comment) > maxComment {
		return refuse(http.StatusBadRequest, "the comment is longer than %d bytes", maxComment)
	}
	told, err := do(asked)
	if status, words, ok := booking.Refusal(err); ok {
		return refuse(status, "%s", words)
	}
	if err != nil {
		return storeUnavailable(err)
	}
	return answer(w, told)
}
