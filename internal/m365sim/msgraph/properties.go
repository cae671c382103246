package msgraph

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
)

// A properties is a request's body: names and JSON, without annotations.
type properties map[string]json.RawMessage

// parseProperties reads an entity. Annotations (@odata.type) say nothing here.
func parseProperties(body []byte) (properties, error) {
	var raw map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&raw); err != nil || raw == nil {
		return nil, badRequest("BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
	}
	props := properties{}
	for name, value := range withoutAnnotations(raw).(map[string]any) {
		props[name], _ = json.Marshal(value) // it was JSON a moment ago
	}
	return props, nil
}

func withoutAnnotations(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if strings.Contains(name, "@odata.") {
				delete(v, name)
				continue
			}
			v[name] = withoutAnnotations(value)
		}
	case []any:
		for i, value := range v {
			v[i] = withoutAnnotations(value)
		}
	}
	return v
}

// fingerprint tells whether two creations are the same.
func (p properties) fingerprint() string {
	text, _ := json.Marshal(p) // it was JSON a moment ago; keys come sorted
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// readOnly properties may be sent and are ignored.
var readOnly = []string{
	"id", "changeKey", "iCalUId", "bodyPreview", "hasAttachments", "isCancelled", "isDraft", "isOrganizer", "onlineMeeting",
	"onlineMeetingUrl", "originalStart", "originalStartTimeZone", "originalEndTimeZone", "responseStatus", "seriesMasterId", "type",
	"webLink", "createdDateTime", "lastModifiedDateTime", "organizer", "onlineMeetingProvider", "cancelledOccurrences",
}

// writable maps a property to what sets it.
var writable = map[string]func(*exchange.Event, json.RawMessage) error{
	"subject":                    set(func(e *exchange.Event) *string { return &e.Subject }),
	"isAllDay":                   set(func(e *exchange.Event) *bool { return &e.AllDay }),
	"categories":                 set(func(e *exchange.Event) *[]string { return &e.Categories }),
	"responseRequested":          set(func(e *exchange.Event) *bool { return &e.ResponseRequested }),
	"allowNewTimeProposals":      set(func(e *exchange.Event) *bool { return &e.AllowNewTimes }),
	"hideAttendees":              set(func(e *exchange.Event) *bool { return &e.HideAttendees }),
	"isReminderOn":               set(func(e *exchange.Event) *bool { return &e.ReminderOn }),
	"reminderMinutesBeforeStart": set(func(e *exchange.Event) *int { return &e.ReminderMinutes }),
	"transactionId":              set(func(e *exchange.Event) *string { return &e.TransactionID }),
	"showAs":                     choose(func(e *exchange.Event) *string { return &e.ShowAs }, "unknown", "free", "tentative", "busy", "oof", "workingElsewhere"),
	"sensitivity":                choose(func(e *exchange.Event) *string { return &e.Sensitivity }, "normal", "personal", "private", "confidential"),
	"importance":                 choose(func(e *exchange.Event) *string { return &e.Importance }, "low", "normal", "high"),
	"body":                       setBody,
	"start":                      setTime(func(e *exchange.Event) (*time.Time, *string) { return &e.Start, &e.StartZone }),
	"end":                        setTime(func(e *exchange.Event) (*time.Time, *string) { return &e.End, &e.EndZone }),
	"location":                   setLocation,
	"locations":                  set(func(e *exchange.Event) *[]exchange.Location { return &e.Locations }),
	"attendees":                  setAttendees,
	"recurrence":                 setRecurrence,

	"singleValueExtendedProperties": setExtendedProperties,
}

// ignored properties may be sent too: isOnlineMeeting is looked at after all
// others, extensions have calls of their own.
var ignored = []string{"isOnlineMeeting", "extensions"}

// isEventProperty says whether an event has a property of that name. National
// clouds don't know which occurrences were cancelled.
func (v *call) isEventProperty(name string) bool {
	if name == "cancelledOccurrences" && v.Cloud.Name != "microsoft" {
		return false
	}
	return writable[name] != nil || slices.Contains(readOnly, name) || slices.Contains(ignored, name)
}

// apply sets the given properties.
func apply(e *exchange.Event, props properties) error {
	wasAllDay := e.AllDay
	for _, name := range slices.Sorted(maps.Keys(props)) {
		if slices.Contains(readOnly, name) || slices.Contains(ignored, name) {
			continue
		}
		setter, known := writable[name]
		if !known {
			return badRequest("RequestBodyRead", "The property '%s' does not exist on type 'microsoft.graph.event'. Make sure to only use property names that are defined by the type.", name)
		}
		if err := setter(e, props[name]); err != nil {
			return err
		}
	}
	if err := applyAllDay(e, props, e.AllDay != wasAllDay); err != nil {
		return err
	}
	var online bool
	if raw, given := props["isOnlineMeeting"]; given {
		if err := readProperty(raw, &online); err != nil {
			return err
		}
	}
	if online && e.Online == "" {
		addOnlineMeeting(e, strings.ReplaceAll(uuid.NewString(), "-", ""))
	}
	return nil
}

// applyAllDay turns the given times of an all-day event into the midnights of
// its dates. Who changes whether it is one has to give both times.
func applyAllDay(e *exchange.Event, props properties, changes bool) error {
	_, startGiven := props["start"]
	_, endGiven := props["end"]
	if changes && (!startGiven || !endGiven) {
		return exchange.ErrValidation
	}
	if !e.AllDay {
		return nil
	}
	if startGiven && !toMidnight(&e.Start, e.StartZone) || endGiven && !toMidnight(&e.End, e.EndZone) || e.StartZone != e.EndZone {
		return badRequest("ErrorPropertyValidationFailure", "The Event.Start and Event.End properties of an all-day event have to be midnight in the same time zone.")
	}
	return nil
}

// toMidnight makes a day's beginning in a zone the midnight of that date in
// UTC; false: it is no midnight.
func toMidnight(at *time.Time, zoneName string) bool {
	zone, err := exchange.Zone(zoneName)
	wall := at.In(cmp.Or(zone, time.UTC))
	if h, m, s := wall.Clock(); err != nil || h+m+s+wall.Nanosecond() != 0 {
		return false
	}
	*at = time.Date(wall.Year(), wall.Month(), wall.Day(), 0, 0, 0, 0, time.UTC)
	return true
}

// set replaces a field; null empties it.
func set[T any](field func(*exchange.Event) *T) func(*exchange.Event, json.RawMessage) error {
	return func(e *exchange.Event, raw json.RawMessage) error {
		var value T // encoding/json would leave members of old elements in new ones
		err := readProperty(raw, &value)
		*field(e) = value
		return err
	}
}

// readProperty reads a value of which every member is known.
func readProperty(raw json.RawMessage, v any) error {
	if err := front.DecodeStrictly(raw, v); err != nil {
		return badRequest("RequestBodyRead", "Cannot convert a value to the expected type: %v", err)
	}
	return nil
}

func choose(field func(*exchange.Event) *string, values ...string) func(*exchange.Event, json.RawMessage) error {
	return func(e *exchange.Event, raw json.RawMessage) error {
		var value string
		if err := readProperty(raw, &value); err != nil {
			return err
		}
		i := slices.IndexFunc(values, func(v string) bool { return strings.EqualFold(v, value) })
		if i < 0 {
			return badRequest("RequestBodyRead", "Requested value '%s' was not found.", value)
		}
		*field(e) = values[i]
		return nil
	}
}

func setBody(e *exchange.Event, raw json.RawMessage) error {
	body := exchange.Body{ContentType: "text"}
	if err := readProperty(raw, &body); err != nil {
		return err
	}
	body.ContentType = strings.ToLower(body.ContentType)
	if body.ContentType != "text" && body.ContentType != "html" {
		return badRequest("RequestBodyRead", "Requested value '%s' was not found.", body.ContentType)
	}
	e.Body = body
	if !strings.Contains(body.Content, e.Online) { // the blob is gone
		e.Online = ""
	}
	return nil
}

// setTime reads a dateTimeTimeZone; without a zone it is UTC.
func setTime(field func(*exchange.Event) (*time.Time, *string)) func(*exchange.Event, json.RawMessage) error {
	return func(e *exchange.Event, raw json.RawMessage) error {
		at, zone := field(e)
		var err error
		*at, *zone, err = parseClock(raw)
		return err
	}
}

func parseClock(raw json.RawMessage) (time.Time, string, error) {
	given := dateTimeTimeZone{TimeZone: "UTC"}
	if err := readProperty(raw, &given); err != nil {
		return time.Time{}, "", err
	}
	zone, err := exchange.Zone(given.TimeZone)
	if err != nil {
		return time.Time{}, "", err
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05Z"} {
		if layout == "2006-01-02T15:04:05Z" && !strings.EqualFold(given.TimeZone, "UTC") {
			break
		}
		if at, err := time.ParseInLocation(layout, given.DateTime, zone); err == nil {
			return at.UTC(), given.TimeZone, nil
		}
	}
	return time.Time{}, "", badRequest("ErrorInvalidParameter", "The DateTime '%s' is not a date and time without an offset.", given.DateTime)
}

// setLocation replaces all locations.
func setLocation(e *exchange.Event, raw json.RawMessage) error {
	var l exchange.Location
	if err := readProperty(raw, &l); err != nil {
		return err
	}
	e.Locations = []exchange.Location{l}
	return nil
}

func setRecurrence(e *exchange.Event, raw json.RawMessage) error {
	e.Recurrence = nil
	return readProperty(raw, &e.Recurrence)
}

// setAttendees replaces the list; those who stay keep their answers.
func setAttendees(e *exchange.Event, raw json.RawMessage) error {
	var given []struct {
		Type            string           `json:"type"`
		EmailAddress    exchange.Address `json:"emailAddress"`
		Status          json.RawMessage  `json:"status"`
		ProposedNewTime json.RawMessage  `json:"proposedNewTime"`
	}
	if err := readProperty(raw, &given); err != nil {
		return err
	}
	before := e.Attendees
	e.Attendees = nil
	for _, g := range given {
		a := exchange.Attendee{Type: strings.ToLower(g.Type), EmailAddress: g.EmailAddress, Status: exchange.Status{Response: exchange.None}}
		if a.Type == "" {
			a.Type = "required"
		}
		if !slices.Contains([]string{"required", "optional", "resource"}, a.Type) {
			return badRequest("RequestBodyRead", "Requested value '%s' was not found.", g.Type)
		}
		if local, domain, _ := strings.Cut(a.EmailAddress.Address, "@"); local == "" || domain == "" {
			return badRequest("ErrorInvalidRecipients", "At least one recipient isn't valid.")
		}
		for _, b := range before {
			if strings.EqualFold(b.EmailAddress.Address, a.EmailAddress.Address) {
				a.Status, a.Reason, a.ProposedStart, a.ProposedEnd = b.Status, b.Reason, b.ProposedStart, b.ProposedEnd
			}
		}
		e.Attendees = append(e.Attendees, a)
	}
	return nil
}

var extendedPropertyID = regexp.MustCompile(`^[A-Za-z]+ (\{[0-9A-Fa-f-]{36}\} (Name .+|Id 0x[0-9A-Fa-f]+)|0x[0-9A-Fa-f]+)$`)

// setExtendedProperties adds to those that are there.
func setExtendedProperties(e *exchange.Event, raw json.RawMessage) error {
	var given []exchange.Property
	if err := readProperty(raw, &given); err != nil {
		return err
	}
	for _, g := range given {
		if !extendedPropertyID.MatchString(g.ID) {
			return badRequest("ErrorInvalidParameter", "The extended property id '%s' is not of the form String {GUID} Name NAME.", g.ID)
		}
		e.Properties = slices.DeleteFunc(e.Properties, func(p exchange.Property) bool { return p.ID == g.ID })
		e.Properties = append(e.Properties, g)
	}
	return nil
}
