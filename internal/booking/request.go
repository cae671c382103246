package booking

import (
	"encoding/json"
	"net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/recurrence"
)

// A Request is what a caller wants to book. Lengths are in characters.
type Request struct {
	Room          string         `json:"room" maxLength:"128" doc:"Name of a configured room" example:"boardroom"`
	Subject       string         `json:"subject" maxLength:"255" example:"Quarterly review"`
	Start         string         `json:"start" maxLength:"64" doc:"With an offset, or wall time in time_zone; a date if all_day" example:"2026-12-01T10:00:00+08:00"`
	End           string         `json:"end" maxLength:"64" doc:"As start; not part of the booking" example:"2026-12-01T11:00:00+08:00"`
	TimeZone      string         `json:"time_zone,omitempty" maxLength:"64" doc:"IANA name; the room's if left out" example:"Asia/Hong_Kong"`
	AllDay        bool           `json:"all_day,omitempty"`
	Attendees     []string       `json:"attendees,omitempty" maxItems:"200" doc:"E-mail addresses of those to invite, without the organizer and the room"`
	Body          string         `json:"body,omitempty" maxLength:"16000" doc:"Plain text"`
	Private       bool           `json:"private,omitempty"`
	OnlineMeeting bool           `json:"online_meeting,omitempty"`
	Recurrence    map[string]any `json:"recurrence,omitempty" nullable:"true" doc:"Graph's patternedRecurrence, {pattern, range}: a series, of at most 366 occurrences and 3 years, never without an end. range.startDate and range.recurrenceTimeZone can be left out, or are those of start: the zone by its IANA name, or as Microsoft 365 calls it"`
	ExternalID    string         `json:"external_id,omitempty" maxLength:"255" doc:"The service's own id of the booking, unique per integration; service callers only"`
}

// hash identifies what is asked for and for whom, whatever the order and
// spacing of its JSON.
func (r Request) hash(personID string) (string, error) {
	b, err := json.Marshal(r)
	return hash(personID, string(b)), err
}

// A fieldError says what is wrong with one field of a request.
type fieldError struct{ field, message, value string }

// maxAddress is the longest e-mail address (RFC 5321, section 4.5.3.1.3).
const maxAddress = 254

// check says what is wrong with a request for a room, and what its times mean.
// It refuses other configured rooms as attendees: a room is booked by name, so
// that its slot is ours to know. had is when the booking was before, nil for a new one:
// what has begun may go on.
func (r Request) check(room Room, rooms map[string]Room, now time.Time, had *period) (span, []fieldError) {
	var wrong []fieldError
	if strings.TrimSpace(r.Subject) == "" {
		wrong = append(wrong, fieldError{"body.subject", "a booking needs a subject", r.Subject})
	}
	for _, f := range []struct {
		name, value string
		limit       int
		lines       bool
	}{{"subject", r.Subject, 255, false}, {"external_id", r.ExternalID, 255, false}, {"body", r.Body, 16000, true}} {
		if utf8.RuneCountInString(f.value) > f.limit {
			wrong = append(wrong, fieldError{"body." + f.name, "it is too long", ""})
		}
		if !printable(f.value, f.lines) {
			wrong = append(wrong, fieldError{"body." + f.name, "it must not hold control characters", ""})
		}
	}
	wrong = append(wrong, checkAttendees(r.Attendees, rooms)...)
	s, badTimes := parseSpan(r.Start, r.End, r.TimeZone, r.AllDay, room.TimeZone)
	if badTimes == nil && (had == nil || !s.start.Equal(had.start)) {
		badTimes = notPast(s, r.AllDay, now)
	}
	if badTimes == nil && (had == nil || !s.start.Equal(had.start) || !s.end.Equal(had.end)) {
		badTimes = room.allows(s, r.AllDay, now)
	}
	if badTimes == nil && r.Recurrence != nil {
		badTimes = r.checkSeries(&s, room, now)
	}
	return s, append(wrong, badTimes...)
}

// checkSeries says what is wrong with a recurrence, and reads it into the span.
func (r Request) checkSeries(s *span, room Room, now time.Time) []fieldError {
	b, err := json.Marshal(r.Recurrence)
	if err != nil {
		return []fieldError{{"body.recurrence", "it can't be read", ""}}
	}
	first := recurrence.Span{Start: s.start.In(s.zone), End: s.end.In(s.zone), Zone: s.zone, AllDay: r.AllDay}
	rule, wrong := recurrence.Parse(b)
	if wrong == nil {
		rule, wrong = rule.For(first, s.graphNames(r.AllDay)...)
	}
	if wrong != nil {
		var all []fieldError
		for _, w := range wrong {
			all = append(all, fieldError{"body." + w.Field, w.Message, w.Value})
		}
		return all
	}
	s.rule = &rule
	all := rule.Occurrences(first)
	last := all[len(all)-1]
	if !r.AllDay {
		if _, ok := graph.ZoneName(s.zone, s.start, last.End); !ok {
			return []fieldError{{"body.time_zone", "Microsoft 365 doesn't know this time zone, so the series would not keep its time of day: use another one of the same times", s.zone.String()}}
		}
	}
	if room.BookingWindow > 0 && last.Start.After(now.Add(room.BookingWindow)) {
		return []fieldError{{"body.recurrence.range", "this room is booked at most " + words(room.BookingWindow) + " ahead: the series has to end before " +
			now.Add(room.BookingWindow).In(s.zone).Format(time.DateOnly), ""}}
	}
	return nil
}

func checkAttendees(attendees []string, rooms map[string]Room) []fieldError {
	var wrong []fieldError
	seen := map[string]bool{}
	roomOf := map[string]bool{}
	for _, room := range rooms {
		roomOf[strings.ToLower(room.Address)] = true
	}
	for _, a := range attendees {
		parsed, err := mail.ParseAddress(a)
		folded := strings.ToLower(a)
		switch {
		case err != nil || parsed.Address != a || len(a) > maxAddress || !printable(a, false):
			wrong = append(wrong, fieldError{"body.attendees", "this is no e-mail address", a})
		case seen[folded]:
			wrong = append(wrong, fieldError{"body.attendees", "this address comes twice", a})
		case roomOf[folded]:
			wrong = append(wrong, fieldError{"body.attendees", "this is a room: book it by its name instead of inviting it", a})
		}
		seen[folded] = true
	}
	return wrong
}

// printable refuses control characters; lines allows line breaks and tabs.
func printable(s string, lines bool) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && !(lines && (r == '\n' || r == '\r' || r == '\t'))
	})
}
