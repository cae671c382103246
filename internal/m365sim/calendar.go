package m365sim

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// calendarData is the one calendar of a mailbox.
type calendarData struct {
	Events []*event `json:"events"`
}

// An event is one mailbox's copy of a meeting. Copies share ICalUID.
type event struct {
	ID        string    `json:"id"`
	ICalUID   string    `json:"ical_uid"`
	ChangeKey string    `json:"change_key"`
	Created   time.Time `json:"created"`
	Modified  time.Time `json:"modified"`

	Subject string   `json:"subject"`
	Body    itemBody `json:"body"`
	// Start and End are instants. Those of an all-day event float: they are
	// the midnights of its dates in UTC.
	Start     time.Time    `json:"start"`
	End       time.Time    `json:"end"`
	StartZone string       `json:"start_zone"` // as given
	EndZone   string       `json:"end_zone"`
	AllDay    bool         `json:"all_day"`
	Locations []location   `json:"locations"`
	Attendees []attendee   `json:"attendees"`
	Organizer emailAddress `json:"organizer"`

	Response    string    `json:"response"` // of the mailbox's owner
	ResponseAt  time.Time `json:"response_at"`
	Cancelled   bool      `json:"cancelled"`
	ShowAs      string    `json:"show_as"`
	Sensitivity string    `json:"sensitivity"`
	Importance  string    `json:"importance"`
	Categories  []string  `json:"categories"`

	ResponseRequested bool `json:"response_requested"`
	AllowNewTimes     bool `json:"allow_new_times"`
	HideAttendees     bool `json:"hide_attendees"`
	ReminderOn        bool `json:"reminder_on"`
	ReminderMinutes   int  `json:"reminder_minutes"`
	Online            bool `json:"online"`

	TransactionID string             `json:"transaction_id,omitempty"`
	Content       string             `json:"content,omitempty"` // fingerprint of what it was created from
	Properties    []extendedProperty `json:"properties,omitempty"`

	// AnswerDue is when a room will answer; zero: it has, or never will.
	AnswerDue time.Time `json:"answer_due,omitzero"`
}

type itemBody struct {
	ContentType string `json:"contentType"`
	Content     string `json:"content"`
}

type emailAddress struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address"`
}

type location struct {
	DisplayName          string         `json:"displayName"`
	LocationEmailAddress string         `json:"locationEmailAddress,omitempty"`
	LocationURI          string         `json:"locationUri,omitempty"`
	LocationType         string         `json:"locationType,omitempty"`
	UniqueID             string         `json:"uniqueId,omitempty"`
	UniqueIDType         string         `json:"uniqueIdType,omitempty"`
	Address              map[string]any `json:"address,omitempty"`
	Coordinates          map[string]any `json:"coordinates,omitempty"`
}

type attendee struct {
	Type         string         `json:"type"`
	EmailAddress emailAddress   `json:"emailAddress"`
	Status       responseStatus `json:"status"`
}

type responseStatus struct {
	Response string    `json:"response"`
	Time     time.Time `json:"time"`
}

type extendedProperty struct {
	ID    string `json:"id"`
	Value string `json:"value"`
}

// Answers of an attendee.
const (
	answerNone         = "none"         // as the organizer sees it
	answerNotResponded = "notResponded" // as the attendee sees it
	answerOrganizer    = "organizer"
	answerAccepted     = "accepted"
	answerDeclined     = "declined"
)

// organized says whether the mailbox's owner is the organizer.
func (e *event) organized() bool { return e.Response == answerOrganizer }

func (e *event) etag() string { return `W/"` + e.ChangeKey + `"` }

// touch marks a change.
func (e *event) touch(at time.Time) {
	key := make([]byte, 22)
	_, _ = rand.Read(key)
	e.ChangeKey, e.Modified = base64.StdEncoding.EncodeToString(key), at
}

// overlaps says whether the event and a half-open interval have a moment in common.
func (e *event) overlaps(from, to time.Time) bool { return e.Start.Before(to) && e.End.After(from) }

// newEventID is 152 characters of base64url, as Exchange's.
func newEventID() string {
	id := make([]byte, 113)
	_, _ = rand.Read(id)
	copy(id, []byte{0x00, 0x03, 0x24})
	return base64.URLEncoding.EncodeToString(id)
}

// newICalUID has the form of Exchange's global object id.
func newICalUID() string {
	unique := make([]byte, 16)
	_, _ = rand.Read(unique)
	return strings.ToUpper("040000008200e00074c5b7101a82e008" + "0000000000000000000000000000000010000000" + hex.EncodeToString(unique))
}

func (d *calendarData) byID(id string) *event {
	return d.find(func(e *event) bool { return e.ID == id })
}

func (d *calendarData) byICalUID(uid string) *event {
	return d.find(func(e *event) bool { return e.ICalUID == uid })
}

func (d *calendarData) find(is func(*event) bool) *event {
	if i := slices.IndexFunc(d.Events, is); i >= 0 {
		return d.Events[i]
	}
	return nil
}

func (d *calendarData) remove(e *event) {
	d.Events = slices.DeleteFunc(d.Events, func(other *event) bool { return other == e })
}

// calendarID of a person's only calendar: constant.
func (g *graphCall) calendarID() string {
	sum := sha256.Sum256([]byte(g.person.ID))
	return "AAMkA" + base64.URLEncoding.EncodeToString(append(sum[:], sum[:]...))
}

func (s *Server) calendar(g *graphCall) map[string]any {
	return map[string]any{
		"id": g.calendarID(), "name": "Calendar", "color": "auto", "hexColor": "", "changeKey": g.calendarID()[5:25],
		"isDefaultCalendar": true, "canShare": true, "canViewPrivateItems": true, "canEdit": true, "isRemovable": false,
		"isTallyingResponses":           true,
		"allowedOnlineMeetingProviders": []string{"teamsForBusiness"}, "defaultOnlineMeetingProvider": "teamsForBusiness",
		"owner": emailAddress{Name: g.person.Name, Address: g.person.Mail},
	}
}

func (s *Server) getCalendar(g *graphCall) (reply, *graphError) {
	c := s.calendar(g)
	c["@odata.context"] = s.context(g, "calendars/$entity")
	return jsonReply(http.StatusOK, c), nil
}

func (s *Server) listCalendars(g *graphCall) (reply, *graphError) {
	return jsonReply(http.StatusOK, map[string]any{
		"@odata.context": s.context(g, "calendars"), "value": []any{s.calendar(g)},
	}), nil
}

// context is an @odata.context below the caller.
func (s *Server) context(g *graphCall, what string) string {
	return fmt.Sprintf("%s%s$metadata#users('%s')/%s", s.base, graphRoot, g.person.ID, what)
}
