package booking

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/recurrence"
)

// span is what the start and end of a request mean, and its recurrence, if any.
type span struct {
	start, end time.Time
	zone       *time.Location
	rule       *recurrence.Rule
}

// graphNames is what Graph calls the zone where that is not what we call it: a series that was
// read from a calendar has that name in it. One that lasts all day stands there in UTC.
func (s span) graphNames(allDay bool) (names []string) {
	if name, ok := graph.ZoneName(s.zone, s.start, s.end); ok {
		names = append(names, name)
	}
	if allDay {
		names = append(names, "UTC")
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == s.zone.String() })
}

// Errors of reading times; the words are for the caller.
var (
	errTimeForm = errors.New("write it like 2026-12-01T10:00:00+08:00, or like 2026-12-01T10:00:00 in time_zone")
	errDateForm = errors.New("an all-day booking starts and ends at midnight: write the date like 2026-12-01")
)

// location finds a time zone by its IANA name.
func location(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("%q is no time zone", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is no time zone of the IANA list, such as Asia/Hong_Kong", name)
	}
	return zone, nil
}

// instant reads a time with an offset, or wall time in zone. An offset has to
// be that of the zone at that time if strict.
func instant(value string, zone *time.Location, strict bool) (time.Time, error) {
	if t, ok := withOffset(value); ok {
		_, given := t.Zone()
		if _, real := t.In(zone).Zone(); strict && given != real {
			return time.Time{}, fmt.Errorf("the offset %s is not that of %s at that time, which is %s: send one or the other",
				t.Format("-07:00"), zone, t.In(zone).Format("-07:00"))
		}
		return plausible(t.In(zone).Truncate(time.Second))
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04"} {
		wall, err := time.Parse(layout, value)
		if err != nil {
			continue
		}
		t, ok := wallTime(wall.Truncate(time.Second), zone)
		if !ok {
			return time.Time{}, fmt.Errorf("there is no %s in %s on that day: the clocks are put forward over it", wall.Format("15:04"), zone)
		}
		return plausible(t)
	}
	return time.Time{}, errTimeForm
}

// withOffset reads a time that says by itself which instant it is.
func withOffset(value string) (t time.Time, ok bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, value); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// inZone is a time with an offset as zone has it; any other stays as it is.
func inZone(value string, zone *time.Location) string {
	t, ok := withOffset(strings.TrimSpace(value))
	if !ok {
		return value
	}
	return t.In(zone).Format(time.RFC3339)
}

// plausible bounds years to those that Exchange and our keys hold easily.
func plausible(t time.Time) (time.Time, error) {
	if y := t.Year(); y < 2000 || y > 2100 {
		return time.Time{}, errors.New("the year must be between 2000 and 2100")
	}
	return t, nil
}

// wallTime finds the instant at which a clock in zone shows wall's date and
// time. Where it shows them twice, the first; ok is false where it never does.
func wallTime(wall time.Time, zone *time.Location) (t time.Time, ok bool) {
	t, times := recurrence.At(wall, zone)
	return t.In(zone), times > 0
}

// day reads a date, or a time that is midnight in zone, and returns the first
// instant of that day.
func day(value string, zone *time.Location, strict bool) (time.Time, error) {
	date, err := time.Parse(time.DateOnly, value)
	if err != nil {
		t, err := instant(value, zone, strict)
		if err != nil {
			return time.Time{}, err
		}
		if first := dayStart(t, zone); !first.Equal(t) {
			return time.Time{}, errDateForm
		}
		return t, nil
	}
	return plausible(atMidnight(date, zone))
}

// dayStart is the first instant of the day that t is on in zone: midnight, or
// where the clocks are put forward over midnight, what comes instead.
func dayStart(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	for minute := 0; minute <= 120; minute += 30 {
		wall := time.Date(y, m, d, 0, minute, 0, 0, time.UTC)
		if first, ok := wallTime(wall, zone); ok {
			return first
		}
	}
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

// parseSpan reads the times of a request for a room whose zone is the default.
// Its errors are for the fields they name.
func parseSpan(start, end, zoneName string, allDay bool, roomZone *time.Location) (span, []fieldError) {
	zone, strict := roomZone, false
	if zoneName != "" {
		z, err := location(zoneName)
		if err != nil {
			return span{}, []fieldError{{"body.time_zone", err.Error(), zoneName}}
		}
		zone, strict = z, true
	}
	read := instant
	if allDay { // it is of dates where the room is, whose calendar has no other
		read, zone, strict = day, roomZone, false
	}
	var wrong []fieldError
	s := span{zone: zone}
	var err error
	if s.start, err = read(strings.TrimSpace(start), zone, strict); err != nil {
		wrong = append(wrong, fieldError{"body.start", err.Error(), start})
	}
	if s.end, err = read(strings.TrimSpace(end), zone, strict); err != nil {
		wrong = append(wrong, fieldError{"body.end", err.Error(), end})
	}
	if wrong == nil && !s.start.Before(s.end) {
		wrong = append(wrong, fieldError{"body.end", "the end must come after the start", end})
	}
	return s, wrong
}
