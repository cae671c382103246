package booking

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A period is a half-open interval of time.
type period struct{ start, end time.Time }

func (p period) overlaps(q period) bool {
	return p.start.Before(q.end) && q.start.Before(p.end)
}

func (p period) duration() time.Duration { return p.end.Sub(p.start) }

// taken says whether one of the busy periods overlaps p.
func taken(busy []period, p period) bool {
	return slices.ContainsFunc(busy, p.overlaps)
}

// nextFree finds the first period as long as want, not before it, that is free
// and begins before until; ok is false if there is none.
func nextFree(busy []period, want period, until time.Time) (free period, ok bool) {
	busy = slices.Clone(busy)
	slices.SortFunc(busy, func(a, b period) int { return a.start.Compare(b.start) })
	at := want.start
	for _, b := range busy {
		if b.overlaps(period{at, at.Add(want.duration())}) {
			at = b.end
		}
	}
	return period{at, at.Add(want.duration())}, at.Before(until)
}

// rankRooms sorts the rooms that could stand in for another: those of its group
// first, then those that are large enough, then by how near the size is, then
// by name. The room itself is left out.
func rankRooms(rooms []Room, instead Room) []Room {
	others := slices.DeleteFunc(slices.Clone(rooms), func(r Room) bool {
		return r.Name == instead.Name || r.Integration != instead.Integration
	})
	slices.SortFunc(others, func(a, b Room) int {
		return cmp.Or(
			compareBool(instead.Group != "" && a.Group == instead.Group, instead.Group != "" && b.Group == instead.Group),
			compareBool(a.Capacity >= instead.Capacity, b.Capacity >= instead.Capacity),
			cmp.Compare(distance(a, instead), distance(b, instead)),
			strings.Compare(a.Name, b.Name),
		)
	})
	return others
}

// compareBool puts true first.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func distance(a, b Room) int { return max(a.Capacity-b.Capacity, b.Capacity-a.Capacity) }

// maxDuration is the longest booking that the room allows.
func (r Room) maxDuration() time.Duration {
	if r.MaxDuration == 0 {
		return 24 * time.Hour
	}
	return min(r.MaxDuration, maxSpan)
}

// takes says whether the room's limits allow a period, at the time now.
func (r Room) takes(p period, now time.Time) bool {
	return p.duration() <= r.maxDuration() && (r.BookingWindow == 0 || !p.start.After(now.Add(r.BookingWindow)))
}

// notPast says what is wrong with a span that would begin before now. A booking for
// "now" has its start rounded down to the minute.
func notPast(s span, allDay bool, now time.Time) []fieldError {
	if s.start.Before(now.Truncate(time.Minute)) && !allDay || !s.end.After(now) {
		return []fieldError{{"body.start", "the start is in the past", s.start.Format(time.RFC3339)}}
	}
	return nil
}

// allows says what of a span the room's limits refuse, at the time now.
func (r Room) allows(s span, allDay bool, now time.Time) []fieldError {
	var wrong []fieldError
	length := s.end.Sub(s.start)
	if allDay { // a day counts 24 hours, also when the clocks change
		length = time.Duration(days(s)) * 24 * time.Hour
	}
	if limit := r.maxDuration(); length > limit {
		wrong = append(wrong, fieldError{"body.end", "this room is booked for at most " + words(limit), s.end.Format(time.RFC3339)})
	}
	if r.BookingWindow > 0 && s.start.After(now.Add(r.BookingWindow)) {
		wrong = append(wrong, fieldError{
			"body.start", "this room is booked at most " + words(r.BookingWindow) + " ahead", s.start.Format(time.RFC3339),
		})
	}
	return wrong
}

// days counts the calendar days of an all-day span.
func days(s span) int {
	return int(floating(s.end, s.zone).Sub(floating(s.start, s.zone)) / (24 * time.Hour))
}

// floating is the midnight of UTC on the date that t has in zone: how Graph
// keeps the times of an all-day event.
func floating(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// words writes a duration as days, hours and minutes, without what is zero.
func words(d time.Duration) string {
	if n := d / (24 * time.Hour); n > 1 && d%(24*time.Hour) == 0 {
		return strconv.Itoa(int(n)) + " days"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
