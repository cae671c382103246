package recurrence

import "time"

// A Span is when the first occurrence of a series is. Of an all-day series,
// Start and End are the first instants of days in Zone.
type Span struct {
	Start, End time.Time
	Zone       *time.Location
	AllDay     bool
}

// An Occurrence of a series, in UTC. Its Start is also its name, which it keeps
// wherever it is moved: Graph's originalStart, unless it lasts all day, which
// Graph counts in UTC.
type Occurrence struct {
	Start, End time.Time
}

// Occurrences returns all occurrences of a rule that was made for the span of
// the first one, in order: at least one, at most MaxOccurrences.
func (r Rule) Occurrences(first Span) []Occurrence {
	return first.on(r.dates(MaxOccurrences))
}

// on returns the occurrences that begin on some dates.
func (s Span) on(dates []time.Time) []Occurrence {
	start, end := clock(s.Start, s.Zone), clock(s.End, s.Zone)
	if s.AllDay { // a day may begin later than at midnight
		start, end = midnight(start), midnight(end)
	}
	sinceMidnight := start.Sub(midnight(start))
	length := end.Sub(start)
	occurrences := make([]Occurrence, len(dates))
	for i, date := range dates {
		from, _ := At(date.Add(sinceMidnight), s.Zone)
		to, _ := At(date.Add(sinceMidnight+length), s.Zone)
		if !to.After(from) { // the clocks are put forward between them
			to = from.Add(s.End.Sub(s.Start))
		}
		occurrences[i] = Occurrence{from.UTC(), to.UTC()}
	}
	return occurrences
}

// clock is what clocks in a zone show at an instant, as if it were in UTC.
func clock(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

func midnight(wall time.Time) time.Time { return wall.Truncate(24 * time.Hour) }

// At returns when clocks in a zone show what wall shows in UTC, and how often
// they do: the first time, if twice; moved on by the gap, if never.
func At(wall time.Time, zone *time.Location) (t time.Time, times int) {
	// Clocks are not changed twice within two days.
	before, after := wall.Add(-offset(wall.AddDate(0, 0, -1), zone)), wall.Add(-offset(wall.AddDate(0, 0, 1), zone))
	isBefore, isAfter := clock(before, zone).Equal(wall), clock(after, zone).Equal(wall)
	switch {
	case isBefore && isAfter && !before.Equal(after):
		return before, 2
	case isBefore:
		return before, 1
	case isAfter:
		return after, 1
	}
	return before, 0
}

func offset(t time.Time, zone *time.Location) time.Duration {
	_, seconds := t.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}
