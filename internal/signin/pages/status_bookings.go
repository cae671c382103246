package pages

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Bookings is the page that shows how bookings stand. It never shows what they are about.
type Bookings struct {
	Found []Booking
	// State is what was asked for; "": all that are to come. States are all that can be.
	State  string
	States []string
	// First and Next are as in People.
	First bool
	Next  string
	Now   time.Time
	Zone  *time.Location
}

// A Booking is one in a list of them.
type Booking struct {
	ID string
	// State tells whether something is under way for it, else how it has ended; Status is
	// that of the booking API, and Change the kind of what it is to become.
	State, Status, Change string
	// Reason is why, for people.
	Reason            string
	Integration, Room string
	Organizer         string // what people know them by
	Start, End        time.Time
	Series, Private   bool
	Created           time.Time
	// Tries were in vain; Error is the code of the last.
	Tries int
	Error string
	// NextAt is when it is carried on; zero: it isn't. Working: a gateway is at it.
	NextAt  time.Time
	Working bool
}

// Journal is the page that shows what was done for a booking.
type Journal struct {
	Booking
	// Next says what happens next.
	Next  string
	Steps []Step
	// Ahead are those that it waits for in its room's line.
	Ahead int
	// RoomResponse is the room's answer.
	RoomResponse        string
	Service, ExternalID string
	EventID, ICalUID    string
	CheckedIn           time.Time
	Refused             string // why what was asked for was not done; "": nothing was
	Now                 time.Time
	Zone                *time.Location
}

// A Step is something that has become of a booking.
type Step struct {
	At time.Time
	// What is a status, KIND_asked, KIND_made, KIND_declined or KIND_failed of a change, or
	// another word of the journal.
	What, By, Code string
	// Times it came one after the other, until Until; zero: once.
	Times int
	Until time.Time
}

// Bookings writes the page with status 200.
func (r *Renderer) Bookings(w http.ResponseWriter, req *http.Request, data Bookings) {
	v := r.operatorsView(req, "bookings", "Bookings", data.Zone)
	v.Data = bookingsView{Bookings: data, clockwork: clockwork{data.Now}}
	write(w, r.bookings, http.StatusOK, formAction(nil), v)
}

// Journal writes the page with status 200, or 409 if something was refused.
func (r *Renderer) Journal(w http.ResponseWriter, req *http.Request, data Journal) {
	v := r.operatorsView(req, "booking", "A booking of "+data.Room, data.Zone)
	v.Data = journalView{Journal: data, clockwork: clockwork{data.Now}}
	code := http.StatusOK
	if data.Refused != "" {
		code = http.StatusConflict
	}
	write(w, r.journal, code, formAction(nil), v)
}

// bookingWords are states, statuses and steps in words.
var bookingWords = map[string]string{
	"waiting":         "under way",
	"accepted":        "accepted, to be sent",
	"awaiting_room":   "sent, to be answered by the room",
	"needs_sign_in":   "waits for the organizer's sign-in",
	"unanswered":      "never answered by the room",
	"tried":           "tried in vain",
	"room_asked":      "asked the room, which had not answered yet",
	"cancel_asked":    "to be cancelled",
	"retry_asked":     "to be tried at once",
	"checked_in":      "checked in",
	"update_asked":    "to be changed",
	"update_made":     "changed",
	"update_declined": "the change was declined by the room",
	"update_failed":   "the change failed",
}

// bookingState says a word of the journal to people.
func bookingState(word string) string {
	if told, ok := bookingWords[word]; ok {
		return told
	}
	return strings.ReplaceAll(word, "_", " ")
}

// badge is how a booking stands.
func (b Booking) badge() badge {
	told := bookingState(b.State)
	switch {
	case b.State == "waiting" && b.Change != "":
		told = b.Change + " under way"
	case b.State == "waiting":
		told = bookingState(b.Status)
	}
	switch {
	case b.State == "confirmed":
		return badge{"good", told}
	case slices.Contains([]string{"failed", "expired", "declined", "unanswered"}, b.State), b.Status == "needs_sign_in", b.Tries > 0:
		return badge{"bad", told}
	}
	return badge{"", told}
}

type bookingsView struct {
	Bookings
	clockwork
}

// Badge is how a booking stands.
func (bookingsView) Badge(b Booking) badge { return b.badge() }

// Words are those for a state.
func (bookingsView) Words(state string) string {
	if state == "" {
		return "All to come"
	}
	return upper(bookingState(state))
}

type journalView struct {
	Journal
	clockwork
}

// Badge is how the booking stands.
func (j journalView) Badge() badge { return j.badge() }

// Words are those for a step.
func (journalView) Words(step string) string { return upper(bookingState(step)) }

// Waits says whether it can be carried on sooner.
func (j journalView) Waits() bool { return j.State == "waiting" && !j.Working }

// upper is a sentence's beginning.
func upper(words string) string {
	return strings.ToUpper(words[:min(1, len(words))]) + words[min(1, len(words)):]
}
