package booking

import (
	"slices"
	"time"
)

// A Status of a booking.
type Status string

// The statuses. Accepted is durably ours but not yet at Microsoft; AwaitingRoom
// has an event that the room has not answered yet.
const (
	Accepted     Status = "accepted"
	AwaitingRoom Status = "awaiting_room"
	Confirmed    Status = "confirmed"
	Declined     Status = "declined"
	NeedsSignIn  Status = "needs_sign_in"
	Failed       Status = "failed"
	Expired      Status = "expired"
	Cancelled    Status = "cancelled"
)

// holdsRoom says whether a booking in that status keeps its slot to itself.
func (s Status) holdsRoom() bool {
	return slices.Contains([]Status{Accepted, AwaitingRoom, Confirmed, NeedsSignIn}, s)
}

// onItsWay says whether a booking in that status is going to have another.
func (s Status) onItsWay() bool { return s.holdsRoom() && s != Confirmed }

// A record is a booking as the journal keeps it.
type record struct {
	ID      string  `json:"id"`
	Request Request `json:"request"`
	// Start, End and Zone are what the request's times mean.
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	Zone  string    `json:"zone"`

	Integration string `json:"integration"`
	PersonID    string `json:"person_id"`
	PersonName  string `json:"person_name,omitempty"`
	PersonEmail string `json:"person_email,omitempty"`
	// Service that booked in the person's name; empty: the person's session.
	Service string `json:"service,omitempty"`
	// RoomAddress and RoomTitle as they were when it was accepted.
	RoomAddress  string `json:"room_address"`
	RoomTitle    string `json:"room_title"`
	KeepDeclined bool   `json:"keep_declined,omitempty"`

	// Claims are the caller's keys that it was accepted with, as they lie in the store.
	Claims []string `json:"claims,omitempty"`
	// TransactionID is sent with every creation of the event and never changes.
	TransactionID string `json:"transaction_id"`
	// MaybeSent: a creation may have reached Graph. It is true before the first
	// one is sent, and then the event is looked for before it is sent again.
	MaybeSent bool `json:"maybe_sent"`
	// Tries counts what was done in vain since the last progress, for the back-off.
	Tries int `json:"tries,omitempty"`

	Status  Status `json:"status"`
	Reason  string `json:"reason,omitempty"`
	EventID string `json:"event_id,omitempty"`
	ICalUID string `json:"ical_uid,omitempty"`
	WebLink string `json:"web_link,omitempty"`

	Response   string    `json:"response,omitempty"`
	ResponseAt time.Time `json:"response_at,omitzero"`

	// Withdraw: the event is to be cancelled, because the person wants it (then
	// Status becomes Cancelled) or because the room has declined.
	Withdraw bool   `json:"withdraw,omitempty"`
	Comment  string `json:"comment,omitempty"`

	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// Revision grows whenever the answer about the booking changes.
	Revision int `json:"revision"`
	// NextAt is when the booking has to be carried on; zero: there is nothing
	// more to do.
	NextAt time.Time `json:"next_at,omitzero"`
	// Turn is the instance that has the booking's turn until NextAt; empty: none.
	Turn string `json:"turn,omitempty"`
}

// taken says whether another instance has the turn.
func (r *record) taken(instance string, now time.Time) bool {
	return r.Turn != "" && r.Turn != instance && now.Before(r.NextAt)
}

func (r *record) open() bool { return !r.NextAt.IsZero() }

// sendBy is when it is too late to send the event: its start, but a booking
// that begins at once gets a minute.
func (r *record) sendBy() time.Time {
	if grace := r.CreatedAt.Add(time.Minute); grace.After(r.Start) {
		return grace
	}
	return r.Start
}

// A Booking is what callers are told.
type Booking struct {
	ID            string         `json:"id"`
	Status        Status         `json:"status" enum:"accepted,awaiting_room,confirmed,declined,needs_sign_in,failed,expired,cancelled,released"`
	Reason        string         `json:"reason,omitempty" doc:"Why it is not confirmed, for people"`
	Room          string         `json:"room"`
	Subject       string         `json:"subject"`
	Start         time.Time      `json:"start"`
	End           time.Time      `json:"end"`
	TimeZone      string         `json:"time_zone"`
	AllDay        bool           `json:"all_day"`
	Attendees     []string       `json:"attendees" nullable:"false"`
	Body          string         `json:"body,omitempty"`
	Private       bool           `json:"private"`
	OnlineMeeting bool           `json:"online_meeting"`
	Recurrence    map[string]any `json:"recurrence" nullable:"true" doc:"Always null: series are not supported yet"`
	ExternalID    string         `json:"external_id,omitempty"`
	Organizer     Organizer      `json:"organizer"`
	RoomResponse  RoomResponse   `json:"room_response"`
	Graph         GraphIDs       `json:"graph"`
	CreatedAt     time.Time      `json:"created_at"`
	UpdatedAt     time.Time      `json:"updated_at"`
	Version       int            `json:"version" doc:"Also the ETag"`
	CheckedInAt   *time.Time     `json:"checked_in_at"`
}

// An Organizer is the person a booking was made by or for.
type Organizer struct {
	ID    string `json:"id"`
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
}

// A RoomResponse is the room's answer to the invitation.
type RoomResponse struct {
	Status string     `json:"status" enum:"none,accepted,tentative,declined"`
	Reason string     `json:"reason,omitempty"`
	At     *time.Time `json:"at"`
}

// GraphIDs lead to the event in the organizer's calendar.
type GraphIDs struct {
	EventID string `json:"event_id,omitempty"`
	ICalUID string `json:"ical_uid,omitempty"`
	WebLink string `json:"web_link,omitempty"`
}

// booking is the answer about r for somebody who may see it; withPrivate tells
// whether a private one shows what it is about.
func (r *record) booking(withPrivate bool) Booking {
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		zone = time.UTC // the zone data has lost a zone since
	}
	b := Booking{
		ID: r.ID, Status: r.Status, Reason: r.Reason,
		Room: r.Request.Room, Subject: r.Request.Subject, Body: r.Request.Body,
		Start: r.Start.In(zone), End: r.End.In(zone), TimeZone: r.Zone, AllDay: r.Request.AllDay,
		Attendees: r.Request.Attendees, Private: r.Request.Private, OnlineMeeting: r.Request.OnlineMeeting,
		ExternalID: r.Request.ExternalID,
		Organizer:  Organizer{ID: r.PersonID, Name: r.PersonName, Email: r.PersonEmail},
		RoomResponse: RoomResponse{
			Status: r.Response,
		},
		Graph:     GraphIDs{EventID: r.EventID, ICalUID: r.ICalUID, WebLink: r.WebLink},
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Version: r.Revision,
	}
	if b.RoomResponse.Status == "" {
		b.RoomResponse.Status = "none"
	}
	if !r.ResponseAt.IsZero() {
		b.RoomResponse.At = &r.ResponseAt
	}
	if r.Status == Declined {
		b.RoomResponse.Reason = r.Reason
	}
	if b.Attendees == nil {
		b.Attendees = []string{}
	}
	if r.Request.Private && !withPrivate {
		b.Subject, b.Body, b.Attendees, b.Graph.WebLink = "", "", []string{}, ""
	}
	return b
}
