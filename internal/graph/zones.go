package graph

import (
	_ "embed"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones must not depend on the machine
)

//go:generate go run zones_gen.go

// windowsZones has a line "Windows name=IANA zone …" for each zone of Windows,
// by CLDR; the first one is the zone that stands for it.
//
//go:embed windowszones.txt
var windowsZones string

// A windowsZone is what Windows calls a zone, and a zone whose clocks show the
// same.
type windowsZone struct {
	name string
	zone func() *time.Location
}

// windowsZoneOf finds the zone of Windows by an IANA name, current or old.
var windowsZoneOf = sync.OnceValue(func() map[string]windowsZone {
	m := map[string]windowsZone{}
	for line := range strings.Lines(windowsZones) {
		name, zones, found := strings.Cut(strings.TrimSpace(line), "=")
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		names := strings.Fields(zones)
		w := windowsZone{name, sync.OnceValue(func() *time.Location {
			zone, err := time.LoadLocation(names[0])
			if err != nil {
				panic("graph: " + err.Error()) // a test reads them all
			}
			return zone
		})}
		for _, iana := range names {
			m[iana] = w
		}
	}
	return m
})

// ZoneName returns what Graph calls a zone: the name that Windows has for it, as
// Graph takes all of those and few IANA names: Asia/Hong_Kong is refused
// (https://learn.microsoft.com/graph/api/resources/datetimetimezone).
//
// It is false where Windows has no such zone, or one whose clocks show
// something else at any time between from and until, which happens for months
// after a country has changed its mind. A single event is then written in UTC;
// a series, whose occurrences would be moved, can't be.
func ZoneName(zone *time.Location, from, until time.Time) (name string, ok bool) {
	w, found := windowsZoneOf()[zone.String()]
	if !found || !showSame(zone, w.zone(), from, until) {
		return "", false
	}
	return w.name, true
}

// showSame says whether clocks in two zones show the same between two instants,
// both included.
func showSame(a, b *time.Location, from, until time.Time) bool {
	for t := from; ; {
		if offset(t.In(a)) != offset(t.In(b)) {
			return false
		}
		next := until.Add(1)
		for _, zone := range []*time.Location{a, b} {
			_, end := t.In(zone).ZoneBounds()
			if !end.IsZero() && !end.After(t) {
				end = t.Add(time.Hour) // the last day of a leap year: https://go.dev/issue/81583
			}
			if !end.IsZero() && end.Before(next) {
				next = end
			}
		}
		if next.After(until) {
			return true
		}
		t = next
	}
}

// shownTwice says whether clocks show t's date and time at another instant too,
// since they are put back.
func shownTwice(t time.Time) bool {
	for _, near := range []time.Time{t.Add(-12 * time.Hour), t.Add(12 * time.Hour)} {
		other := t.Add(offset(t) - offset(near))
		if !other.Equal(t) && offset(other) == offset(near) {
			return true
		}
	}
	return false
}

func offset(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}
