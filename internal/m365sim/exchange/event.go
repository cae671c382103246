package exchange

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Event is one mailbox's copy of a meeting, or of a whole series. Copies
// share UID.
type Event struct {
	Key       string    `json:"key"` // 32 hexadecimal digits; never changes
	Mailbox   string    `json:"mailbox"`
	Calendar  string    `json:"calendar,omitempty"` // "": the default one
	Moves     uint32    `json:"moves,omitempty"`    // how often its ordinary id has changed
	UID       string    `json:"uid"`
	ChangeKey string    `json:"change_key"`
	Sequence  int       `json:"sequence"` // of the mailbox's changes, the last of this event
	Created   time.Time `json:"created"`
	Modified  time.Time `json:"modified"`

	Subject string `json:"subject"`
	Body    Body   `json:"body"`
	// Start and End are instants, of a series those of the first occurrence.
	// Of an all-day event they float: they are the midnights of its dates in
	// UTC.
	Start     time.Time  `json:"start"`
	End       time.Time  `json:"end"`
	StartZone string     `json:"start_zone"` // as given
	EndZone   string     `json:"end_zone"`
	AllDay    bool       `json:"all_day,omitempty"`
	Locations []Location `json:"locations,omitempty"`
	Attendees []Attendee `json:"attendees,omitempty"`
	Organizer Address    `json:"organizer"`

	Response    string    `json:"response"` // of the mailbox's owner
	ResponseAt  time.Time `json:"response_at,omitzero"`
	Cancelled   bool      `json:"cancelled,omitempty"`
	ShowAs      string    `json:"show_as"`
	Intended    string    `json:"intended,omitempty"` // of an attendee's copy: what ShowAs is once it is accepted
	Sensitivity string    `json:"sensitivity"`
	Importance  string    `json:"importance"`
	Categories  []string  `json:"categories,omitempty"`

	ResponseRequested bool `json:"response_requested,omitempty"`
	AllowNewTimes     bool `json:"allow_new_times,omitempty"`
	HideAttendees     bool `json:"hide_attendees,omitempty"`
	ReminderOn        bool `json:"reminder_on,omitempty"`
	ReminderMinutes   int  `json:"reminder_minutes,omitempty"`
	// Online is the id of the online meeting; "": there is none.
	Online string `json:"online,omitempty"`

	TransactionID string                    `json:"transaction_id,omitempty"`
	Content       string                    `json:"content,omitempty"` // fingerprint of what it was created from
	Properties    []Property                `json:"properties,omitempty"`
	Extensions    map[string]map[string]any `json:"extensions,omitempty"` // open ones, by name

	Recurrence *Recurrence `json:"recurrence,omitempty"` // of a series' master
	// Of a master: occurrences that differ, and those that are gone, by the day
	// on which they were due.
	Exceptions map[Day]*Event `json:"exceptions,omitempty"`
	Gone       map[Day]bool   `json:"gone,omitempty"`

	// AnswerDue is when a room will answer; zero: it has, or never will.
	AnswerDue time.Time `json:"answer_due,omitzero"`
	// Pending: a room's delegate has to decide.
	Pending bool `json:"pending,omitempty"`
}

// A Body is an event's text; ContentType is "text" or "html".
type Body struct {
	ContentType string `json:"contentType"`
	Content     string `json:"content"`
}

// An Address is a mail address with the name that goes with it.
type Address struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address"`
}

// A Location is where an event happens. It books nothing.
type Location struct {
	DisplayName          string         `json:"displayName"`
	LocationEmailAddress string         `json:"locationEmailAddress,omitempty"`
	LocationURI          string         `json:"locationUri,omitempty"`
	LocationType         string         `json:"locationType,omitempty"`
	UniqueID             string         `json:"uniqueId,omitempty"`
	UniqueIDType         string         `json:"uniqueIdType,omitempty"`
	Address              map[string]any `json:"address,omitempty"`
	Coordinates          map[string]any `json:"coordinates,omitempty"`
}

// An Attendee of a meeting; Type is required, optional or resource.
type Attendee struct {
	Type         string  `json:"type"`
	EmailAddress Address `json:"emailAddress"`
	Status       Status  `json:"status"`
	// ProposedStart and ProposedEnd are another time that was proposed.
	ProposedStart time.Time `json:"proposed_start,omitzero"`
	ProposedEnd   time.Time `json:"proposed_end,omitzero"`
	// Reason is what the answer's mail says; no calendar shows it.
	Reason string `json:"reason,omitempty"`
}

// A Status is an attendee's answer and when it was given.
type Status struct {
	Response string    `json:"response"`
	Time     time.Time `json:"time"`
}

// A Property is an extended one, "String {GUID} Name NAME".
type Property struct {
	ID    string `json:"id"`
	Value string `json:"value"`
}

// Answers of an attendee.
const (
	None         = "none"         // as the organizer sees it
	NotResponded = "notResponded" // as the attendee sees it
	Organizer    = "organizer"
	Accepted     = "accepted"
	Tentative    = "tentativelyAccepted"
	Declined     = "declined"
)

// MaxAttendees of an event (https://learn.microsoft.com/graph/api/resources/event).
const MaxAttendees = 500

// NewEvent returns an event as it is before anything is said of it.
func NewEvent(now time.Time, organizer Address) *Event {
	return &Event{
		Key: newKey(), UID: newUID(), Created: now, Organizer: organizer, Response: Organizer,
		ShowAs: "busy", Sensitivity: "normal", Importance: "normal", Body: Body{ContentType: "text"},
		ResponseRequested: true, AllowNewTimes: true, ReminderOn: true, ReminderMinutes: 15,
	}
}

// Organized says whether the mailbox's owner is the organizer.
func (e *Event) Organized() bool { return e.Response == Organizer }

// ETag is the version of the event (RFC 9110 section 8.8.3).
func (e *Event) ETag() string { return `W/"` + e.ChangeKey + `"` }

// Private says whether others see no more of it than that the time is taken.
func (e *Event) Private() bool { return e.Sensitivity == "private" || e.Sensitivity == "confidential" }

// Overlaps says whether the event and a half-open interval have a moment in common.
func (e *Event) Overlaps(from, to time.Time) bool { return e.Start.Before(to) && e.End.After(from) }

// touch marks a change.
func (e *Event) touch(at time.Time) {
	key := make([]byte, 22)
	_, _ = rand.Read(key)
	e.ChangeKey, e.Modified = base64.StdEncoding.EncodeToString(key), at
}

// Clone shares nothing with the event that anybody changes.
func (e *Event) Clone() *Event {
	c := *e
	c.Locations, c.Attendees = slices.Clone(e.Locations), slices.Clone(e.Attendees)
	c.Categories, c.Properties = slices.Clone(e.Categories), slices.Clone(e.Properties)
	c.Extensions, c.Gone = maps.Clone(e.Extensions), maps.Clone(e.Gone)
	if e.Exceptions != nil {
		c.Exceptions = make(map[Day]*Event, len(e.Exceptions))
		for day, x := range e.Exceptions {
			c.Exceptions[day] = x.Clone()
		}
	}
	return &c
}

// attendee returns the attendee with an address, or nil.
func (e *Event) attendee(address string) *Attendee {
	for i := range e.Attendees {
		if strings.EqualFold(e.Attendees[i].EmailAddress.Address, address) {
			return &e.Attendees[i]
		}
	}
	return nil
}

// Check says what is wrong with an event as a whole.
func (e *Event) Check() error {
	if e.AllDay {
		if e.StartZone != e.EndZone {
			return Refuse("ErrorPropertyValidationFailure", "The Event.Start and Event.End properties of an all-day event have to be midnight in the same time zone.")
		}
		if !e.End.After(e.Start) || !DayOf(e.Start).midnight().Equal(e.Start) || !DayOf(e.End).midnight().Equal(e.End) {
			return ErrValidation
		}
	}
	if e.Start.IsZero() || e.End.Before(e.Start) {
		return ErrValidation
	}
	if len(e.Attendees) > MaxAttendees {
		return Refuse("ErrorInvalidRequest", "Your request can't be completed. An event has at most %d attendees.", MaxAttendees)
	}
	if e.Recurrence != nil {
		return e.checkSeries()
	}
	return nil
}

func newKey() string {
	key := make([]byte, 16)
	_, _ = rand.Read(key)
	return hex.EncodeToString(key)
}

// uidLength is how many hexadecimal digits a UID has.
const uidLength = 112

// newUID has the form of Exchange's global object id (MS-OXOCAL 2.2.1.27).
func newUID() string {
	return "040000008200E00074C5B7101A82E008" + "00000000" + "0000000000000000000000000000000010000000" + strings.ToUpper(newKey())
}

// uidOn is the UID of a series' occurrence: it has the day in it, in four bytes.
func uidOn(series string, day Day) string {
	y, m, d := day.Date()
	return series[:32] + fmt.Sprintf("%04X%02X%02X", y, int(m), d) + series[40:]
}

// splitUID takes a UID apart into the one of its series and the day of an
// occurrence; 0: it is not an occurrence's.
func splitUID(uid string) (series string, day Day) {
	if len(uid) != uidLength {
		return uid, 0
	}
	date, err := strconv.ParseUint(uid[32:40], 16, 32)
	if err != nil || date == 0 {
		return uid, 0
	}
	return uid[:32] + "00000000" + uid[40:], newDay(int(date>>16), time.Month(date>>8&0xff), int(date&0xff))
}
