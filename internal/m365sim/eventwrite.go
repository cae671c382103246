package m365sim

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// maxAttendees of an event (https://learn.microsoft.com/graph/api/resources/event).
const maxAttendees = 500

// A properties is a request's body: names and JSON, without annotations.
type properties map[string]json.RawMessage

// parseProperties reads an entity. Annotations (@odata.type) say nothing here.
func parseProperties(body []byte) (properties, *graphError) {
	var raw map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&raw); err != nil || raw == nil {
		return nil, badRequest("BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
	}
	props := properties{}
	for name, value := range withoutAnnotations(raw).(map[string]any) {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, badRequest("BadRequest", "Unable to read JSON request payload.")
		}
		props[name] = text
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

// readOnly properties may be sent and are ignored.
var readOnly = []string{
	"id", "changeKey", "iCalUId", "bodyPreview", "hasAttachments", "isCancelled", "isDraft", "isOrganizer", "onlineMeeting",
	"onlineMeetingUrl", "originalStart", "originalStartTimeZone", "originalEndTimeZone", "responseStatus", "seriesMasterId", "type",
	"webLink", "createdDateTime", "lastModifiedDateTime", "organizer", "onlineMeetingProvider",
}

// writable maps a property to what sets it.
var writable = map[string]func(*event, json.RawMessage) *graphError{
	"subject":                    set(func(e *event) *string { return &e.Subject }),
	"isAllDay":                   set(func(e *event) *bool { return &e.AllDay }),
	"categories":                 set(func(e *event) *[]string { return &e.Categories }),
	"responseRequested":          set(func(e *event) *bool { return &e.ResponseRequested }),
	"allowNewTimeProposals":      set(func(e *event) *bool { return &e.AllowNewTimes }),
	"hideAttendees":              set(func(e *event) *bool { return &e.HideAttendees }),
	"isReminderOn":               set(func(e *event) *bool { return &e.ReminderOn }),
	"reminderMinutesBeforeStart": set(func(e *event) *int { return &e.ReminderMinutes }),
	"isOnlineMeeting":            set(func(e *event) *bool { return &e.Online }),
	"transactionId":              set(func(e *event) *string { return &e.TransactionID }),
	"showAs":                     choose(func(e *event) *string { return &e.ShowAs }, "unknown", "free", "tentative", "busy", "oof", "workingElsewhere"),
	"sensitivity":                choose(func(e *event) *string { return &e.Sensitivity }, "normal", "personal", "private", "confidential"),
	"importance":                 choose(func(e *event) *string { return &e.Importance }, "low", "normal", "high"),
	"body":                       setBody,
	"start":                      setTime(func(e *event) (*time.Time, *string) { return &e.Start, &e.StartZone }),
	"end":                        setTime(func(e *event) (*time.Time, *string) { return &e.End, &e.EndZone }),
	"location":                   setLocation,
	"locations":                  set(func(e *event) *[]location { return &e.Locations }),
	"attendees":                  setAttendees,

	"singleValueExtendedProperties": setExtendedProperties,
	"recurrence": func(_ *event, raw json.RawMessage) *graphError {
		if string(raw) == "null" {
			return nil
		}
		return badRequest("ErrorInvalidRequest", "Your request can't be completed. m365sim does not simulate recurrence yet.")
	},
}

// apply sets the given properties, then checks the whole.
func (e *event) apply(props properties) *graphError {
	for _, name := range slices.Sorted(maps.Keys(props)) {
		if slices.Contains(readOnly, name) {
			continue
		}
		setter, known := writable[name]
		if !known {
			return badRequest("RequestBodyRead", "The property '%s' does not exist on type 'microsoft.graph.event'. Make sure to only use property names that are defined by the type.", name)
		}
		if refusal := setter(e, props[name]); refusal != nil {
			return refusal
		}
	}
	_, dayGiven := props["isAllDay"]
	_, startGiven := props["start"]
	_, endGiven := props["end"]
	if dayGiven && startGiven != endGiven {
		return errValidation
	}
	if e.AllDay && (startGiven || endGiven) {
		if e.StartZone != e.EndZone || !e.float() {
			return badRequest("ErrorPropertyValidationFailure", "The Event.Start and Event.End properties of an all-day event have to be midnight in the same time zone.")
		}
	}
	if e.Start.IsZero() || e.End.Before(e.Start) || e.AllDay && e.End.Equal(e.Start) {
		return errValidation
	}
	if len(e.Attendees) > maxAttendees {
		return badRequest("ErrorInvalidRequest", "Your request can't be completed. An event has at most %d attendees.", maxAttendees)
	}
	return nil
}

// float turns the times of an all-day event into the midnights of its dates.
func (e *event) float() bool {
	for _, at := range []*time.Time{&e.Start, &e.End} {
		zone, refusal := graphZone(e.StartZone)
		if refusal != nil {
			return false
		}
		wall := at.In(zone)
		if wall.Hour() != 0 || wall.Minute() != 0 || wall.Second() != 0 || wall.Nanosecond() != 0 {
			return false
		}
		*at = time.Date(wall.Year(), wall.Month(), wall.Day(), 0, 0, 0, 0, time.UTC)
	}
	return true
}

func set[T any](field func(*event) *T) func(*event, json.RawMessage) *graphError {
	return func(e *event, raw json.RawMessage) *graphError { return readProperty(raw, field(e)) }
}

// readProperty reads a value of which every member is known.
func readProperty(raw json.RawMessage, v any) *graphError {
	if err := decodeStrictly(raw, v); err != nil {
		return badRequest("RequestBodyRead", "Cannot convert a value to the expected type: %v", err)
	}
	return nil
}

func choose(field func(*event) *string, values ...string) func(*event, json.RawMessage) *graphError {
	return func(e *event, raw json.RawMessage) *graphError {
		var value string
		if refusal := readProperty(raw, &value); refusal != nil {
			return refusal
		}
		i := slices.IndexFunc(values, func(v string) bool { return strings.EqualFold(v, value) })
		if i < 0 {
			return badRequest("RequestBodyRead", "Requested value '%s' was not found.", value)
		}
		*field(e) = values[i]
		return nil
	}
}

func setBody(e *event, raw json.RawMessage) *graphError {
	body := itemBody{ContentType: "text"}
	if refusal := readProperty(raw, &body); refusal != nil {
		return refusal
	}
	body.ContentType = strings.ToLower(body.ContentType)
	if body.ContentType != "text" && body.ContentType != "html" {
		return badRequest("RequestBodyRead", "Requested value '%s' was not found.", body.ContentType)
	}
	e.Body = body
	return nil
}

// setTime reads a dateTimeTimeZone; without a zone it is UTC.
func setTime(field func(*event) (*time.Time, *string)) func(*event, json.RawMessage) *graphError {
	return func(e *event, raw json.RawMessage) *graphError {
		at, zone := field(e)
		var refusal *graphError
		*at, *zone, refusal = parseClock(raw)
		return refusal
	}
}

func parseClock(raw json.RawMessage) (time.Time, string, *graphError) {
	given := dateTimeTimeZone{TimeZone: "UTC"}
	if refusal := readProperty(raw, &given); refusal != nil {
		return time.Time{}, "", refusal
	}
	zone, refusal := graphZone(given.TimeZone)
	if refusal != nil {
		return time.Time{}, "", refusal
	}
	at, err := time.ParseInLocation("2006-01-02T15:04:05", given.DateTime, zone)
	if err != nil {
		return time.Time{}, "", badRequest("ErrorInvalidParameter", "The DateTime '%s' is not a date and time without an offset.", given.DateTime)
	}
	return at.UTC(), given.TimeZone, nil
}

func setLocation(e *event, raw json.RawMessage) *graphError {
	var l location
	if refusal := readProperty(raw, &l); refusal != nil {
		return refusal
	}
	e.Locations = []location{l}
	return nil
}

// setAttendees replaces the list; those who stay keep their answers.
func setAttendees(e *event, raw json.RawMessage) *graphError {
	var given []struct {
		Type            string          `json:"type"`
		EmailAddress    emailAddress    `json:"emailAddress"`
		Status          json.RawMessage `json:"status"`
		ProposedNewTime json.RawMessage `json:"proposedNewTime"`
	}
	if refusal := readProperty(raw, &given); refusal != nil {
		return refusal
	}
	before := e.Attendees
	e.Attendees = nil
	for _, g := range given {
		a := attendee{Type: strings.ToLower(g.Type), EmailAddress: g.EmailAddress, Status: responseStatus{Response: answerNone}}
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
				a.Status = b.Status
			}
		}
		e.Attendees = append(e.Attendees, a)
	}
	return nil
}

// setExtendedProperties adds to those that are there.
func setExtendedProperties(e *event, raw json.RawMessage) *graphError {
	var given []extendedProperty
	if refusal := readProperty(raw, &given); refusal != nil {
		return refusal
	}
	for _, g := range given {
		if !extendedPropertyID.MatchString(g.ID) {
			return badRequest("ErrorInvalidParameter", "The extended property id '%s' is not of the form String {GUID} Name NAME.", g.ID)
		}
		e.Properties = slices.DeleteFunc(e.Properties, func(p extendedProperty) bool { return p.ID == g.ID })
		e.Properties = append(e.Properties, g)
	}
	return nil
}
