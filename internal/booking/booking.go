package booking

import (
	"cmp"
	"slices"
	"time"

	"github.com/onesgate/onesgate/internal/recurrence"
	"github.com/onesgate/onesgate/internal/trail"
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
	Released     Status = "released" // nobody checked in
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
	// Start, End and Zone are what the request's times mean: of a series, those of its
	// first occurrence.
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	Zone  string    `json:"zone"`
	// Rule says when a series happens, nil: it is none. Exceptions are what is different
	// about its occurrences, by their names. Surveyed says that it is known which of them
	// the room has declined though it accepted the series.
	Rule       *recurrence.Rule     `json:"rule,omitempty"`
	Exceptions map[string]exception `json:"exceptions,omitempty"`
	Surveyed   bool                 `json:"surveyed,omitempty"`

	Integration string `json:"integration"`
	PersonID    string `json:"person_id"`
	PersonName  string `json:"person_name,omitempty"`
	PersonEmail string `json:"person_email,omitempty"`
	// Moved says that the event, if there is one, was made with an account that the person
	// has no more.
	Moved bool `json:"moved,omitempty"`
	// Service that booked in the person's name; empty: the person's session.
	Service string `json:"service,omitempty"`
	// terms of the room, as they were when it was accepted.
	terms

	// Claims are the caller's keys that it was accepted with, as they lie in the store.
	Claims []string `json:"claims,omitempty"`
	// TransactionID is sent with every creation of the event and never changes.
	TransactionID string `json:"transaction_id"`
	// MaybeSent: a creation may have reached Graph. It is true before the first
	// one is sent, and then the event is looked for before it is sent again.
	MaybeSent bool `json:"maybe_sent"`
	// After is what has to be done of another booking first, whose rest this one is.
	After *predecessor `json:"after,omitempty"`
	// Place is where it stands in its room's line: what was accepted later has a higher one.
	Place uint64 `json:"place,omitempty"`
	// Aside says that those behind it there go before it.
	Aside bool `json:"aside,omitempty"`
	// Tries counts what was done in vain since the last progress, for the back-off.
	Tries int `json:"tries,omitempty"`

	Status  Status `json:"status"`
	Reason  string `json:"reason,omitempty"`
	EventID string `json:"event_id,omitempty"`
	ICalUID string `json:"ical_uid,omitempty"`
	WebLink string `json:"web_link,omitempty"`

	Response   string    `json:"response,omitempty"`
	ResponseAt time.Time `json:"response_at,omitzero"`
	Refusal    string    `json:"refusal,omitempty"` // why the room declined

	// Withdraw: the event is to be cancelled, because the person wants it (then
	// Status becomes Cancelled) or because the room has declined.
	Withdraw bool   `json:"withdraw,omitempty"`
	Comment  string `json:"comment,omitempty"`

	// Change is what it is to become; nil: it stays as it is.
	Change *change `json:"change,omitempty"`
	// Last is what became of the change before.
	Last *outcome `json:"last,omitempty"`
	// Uncut are the changes, the last few, by which the series was to end earlier and does
	// not, as those have to hear that were to be its rest.
	Uncut []outcome `json:"uncut,omitempty"`
	// CheckedInAt is when somebody was at the door; zero: nobody.
	CheckedInAt time.Time `json:"checked_in_at,omitzero"`

	// Trail is that of the request by which it was booked, or last changed.
	Trail trail.Mark `json:"trail,omitzero"`
	// GraphRequest is what Microsoft calls the last request that it has answered for it.
	GraphRequest string `json:"graph_request,omitempty"`

	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// Revision grows whenever the answer about the booking changes.
	Revision int `json:"revision"`
	// NextAt is when the booking has to be carried on; zero: there is nothing
	// more to do.
	NextAt time.Time `json:"next_at,omitzero"`
	// Turn is the instance that has the booking's turn until NextAt; empty: none.
	Turn string `json:"turn,omitempty"`

	// Steps are what has become of it, for operators: the first one and the last ones.
	Steps []Step `json:"steps,omitempty"`
	// What the steps of the change in hand tell, besides: who wants it, by which error
	// something was not done, and that it is to be done at once. They are not kept.
	by      string
	trouble string
	retried bool
}

// terms are what counts of a room for a booking of it.
type terms struct {
	RoomAddress  string `json:"room_address"`
	RoomTitle    string `json:"room_title"`
	KeepDeclined bool   `json:"keep_declined,omitempty"`
	// CheckIn is how long after its start it is released unless somebody has checked
	// in; zero: never.
	CheckIn time.Duration `json:"check_in,omitempty"`
}

func (r Room) terms() terms {
	return terms{RoomAddress: r.Address, RoomTitle: cmp.Or(r.Title, r.Name), KeepDeclined: r.KeepDeclined, CheckIn: r.CheckIn}
}

// A predecessor is the series whose rest has become a booking of its own, and the change
// by which it ends earlier.
type predecessor struct {
	Booking string `json:"booking"`
	Change  string `json:"change"`
}

// taken says whether another instance has the turn.
func (r *record) taken(instance string, now time.Time) bool {
	return r.Turn != "" && r.Turn != instance && now.Before(r.NextAt)
}

// working says whether any instance has the turn. Nobody else then writes when the booking
// is carried on: that is until when it is claimed.
func (r *record) working(now time.Time) bool { return r.taken("", now) }

func (r *record) open() bool { return !r.NextAt.IsZero() }

// beingCancelled says whether the person wants it cancelled, which Microsoft has not been
// told yet.
func (r *record) beingCancelled() bool { return r.Withdraw && r.Status.holdsRoom() }

// rests says whether nothing is under way for the booking: if it is open, then only to be
// looked at when its time has come.
func (r *record) rests() bool {
	if _, left := r.left(); left || r.isSeries() && !r.Surveyed {
		return false
	}
	return r.Status == Confirmed && r.Change == nil && !r.Withdraw
}

// rest ends what was under way for a confirmed booking, until it would be released.
func (r *record) rest(now time.Time) {
	r.NextAt, r.Tries = time.Time{}, 0
	if at, _, ok := r.release(now); ok {
		r.NextAt = at
	}
	if !r.rests() {
		r.NextAt = now
	}
}

// sendBy is when it is too late to send the event: its start, but a booking
// that begins at once gets a minute.
func (r *record) sendBy() time.Time {
	if grace := r.CreatedAt.Add(time.Minute); grace.After(r.Start) {
		return grace
	}
	return r.Start
}
