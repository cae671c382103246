package graph

import (
	"encoding/json"
	"fmt"
	"time"
)

// An Event of a calendar, as far as we use it
// (https://learn.microsoft.com/graph/api/resources/event).
type Event struct {
	ID            string `json:"id,omitempty"`
	TransactionID string `json:"transactionId,omitempty"`
	// ICalUID is the same for a meeting in every mailbox; an occurrence has its own.
	ICalUID string `json:"iCalUId,omitempty"`
	// ETag changes with each change, also with an attendee's answer.
	ETag         string    `json:"@odata.etag,omitempty"`
	LastModified time.Time `json:"lastModifiedDateTime,omitzero"` // not known from a calendarView
	WebLink      string    `json:"webLink,omitempty"`
	Subject      string    `json:"subject"`
	Body         *Body     `json:"body,omitempty"`
	// Start and End are instants; of an all-day event they are midnights of
	// its dates in UTC, whatever zone it is looked at from.
	Start       DateTime   `json:"start"`
	End         DateTime   `json:"end"`
	IsAllDay    bool       `json:"isAllDay,omitempty"`
	IsCancelled bool       `json:"isCancelled,omitempty"`
	Location    *Location  `json:"location,omitempty"`
	Attendees   []Attendee `json:"attendees,omitempty"`
	Sensitivity string     `json:"sensitivity,omitempty"`
	// Type is "singleInstance", "seriesMaster", or "occurrence" or "exception" of
	// the series whose master's id is SeriesMasterID.
	Type           string               `json:"type,omitempty"`
	SeriesMasterID string               `json:"seriesMasterId,omitempty"`
	Recurrence     *PatternedRecurrence `json:"recurrence,omitempty"` // of a master only
	// OriginalStart is when an exception was to begin by its series' pattern.
	OriginalStart   time.Time          `json:"originalStart,omitzero"`
	IsOnlineMeeting bool               `json:"isOnlineMeeting,omitempty"`
	OnlineMeeting   *OnlineMeeting     `json:"onlineMeeting,omitempty"`
	AllowNewTimes   *bool              `json:"allowNewTimeProposals,omitempty"`
	Properties      []ExtendedProperty `json:"singleValueExtendedProperties,omitempty"`
}

// An OnlineMeeting is where people meet who are not in the room.
type OnlineMeeting struct {
	JoinURL string `json:"joinUrl"`
}

// A Body of an event; ContentType is "text" or "html".
type Body struct {
	ContentType string `json:"contentType"`
	Content     string `json:"content"`
}

// A Location is where an event happens. It books nothing by itself: the room
// has to be an attendee too.
type Location struct {
	DisplayName          string `json:"displayName"`
	LocationEmailAddress string `json:"locationEmailAddress,omitempty"`
}

// An EmailAddress with the name that goes with it.
type EmailAddress struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address"`
}

// Types of attendees.
const (
	Required = "required"
	Resource = "resource"
)

// An Attendee and their answer.
type Attendee struct {
	Type         string       `json:"type"`
	EmailAddress EmailAddress `json:"emailAddress"`
	Status       *Response    `json:"status,omitempty"`
}

// Answers of an attendee; any other word means that there is none yet.
const (
	Accepted            = "accepted"
	TentativelyAccepted = "tentativelyAccepted"
	Declined            = "declined"
)

// A Response of an attendee; Time is the year 1 until there is one.
type Response struct {
	Response string    `json:"response"`
	Time     time.Time `json:"time"`
}

// An ExtendedProperty of ours on an event. ID is "String {GUID} Name NAME".
type ExtendedProperty struct {
	ID    string `json:"id"`
	Value string `json:"value"`
}

// A DateTime is an instant, written as Graph's dateTimeTimeZone. One that is read
// is in UTC: we ask for no other zone, so Graph sends no other.
type DateTime struct {
	time.Time
	// Zone is what Graph calls the Time's Location (see ZoneName). The time is
	// written as clocks there show it; in UTC, if it is "" or they show it twice,
	// as Microsoft doesn't say which one it takes.
	Zone string
}

type dateTimeTimeZone struct {
	DateTime string `json:"dateTime"`
	TimeZone string `json:"timeZone"`
}

// graphTime has no offset; a fraction is read though the layout shows none.
const graphTime = "2006-01-02T15:04:05"

// MarshalJSON implements json.Marshaler.
func (d DateTime) MarshalJSON() ([]byte, error) {
	if d.Zone == "" || shownTwice(d.Time) {
		return json.Marshal(dateTimeTimeZone{d.UTC().Format(graphTime), "UTC"})
	}
	return json.Marshal(dateTimeTimeZone{d.Format(graphTime), d.Zone})
}

// UnmarshalJSON implements json.Unmarshaler. It refuses other zones than UTC,
// lest a time be read wrong silently.
func (d *DateTime) UnmarshalJSON(b []byte) error {
	var v dateTimeTimeZone
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if v.TimeZone != "UTC" {
		return fmt.Errorf("time %q is in zone %q, not in UTC as asked", v.DateTime, v.TimeZone)
	}
	t, err := time.Parse(graphTime, v.DateTime)
	if err != nil {
		return err
	}
	*d = DateTime{Time: t}
	return nil
}
