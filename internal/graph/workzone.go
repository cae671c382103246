package graph

import (
	"strings"
	"time"
)

// A WorkZone is the zone of a mailbox's working hours, as getSchedule tells it: by a
// name of Windows' or IANA's, or by its bias alone
// (https://learn.microsoft.com/graph/api/resources/customtimezone).
type WorkZone struct {
	Name string `json:"name"`
	// Bias is how many minutes standard time there is behind UTC; nil: it isn't told.
	Bias *int `json:"bias"`
}

// String names the zone for people.
func (z WorkZone) String() string {
	if z.Bias == nil {
		return clean(z.Name)
	}
	return "UTC" + time.Unix(0, 0).In(time.FixedZone("", -60**z.Bias)).Format("-07:00")
}

// Shows says whether clocks in the zone show the same, in the year from an instant, as in
// another one; where only the bias is told, in standard time. known is false if nobody
// has a zone of that name.
func (z WorkZone) Shows(zone *time.Location, from time.Time) (same, known bool) {
	if z.Bias != nil {
		at := from
		if at.In(zone).IsDST() {
			_, at = at.In(zone).ZoneBounds()
		}
		return offset(at.In(zone)) == -time.Duration(*z.Bias)*time.Minute, true
	}
	until := from.AddDate(1, 0, 0)
	for _, w := range windowsZoneOf() {
		if strings.EqualFold(w.name, z.Name) {
			return showSame(zone, w.zone(), from, until), true
		}
	}
	other, err := time.LoadLocation(z.Name)
	if err != nil || z.Name == "" || z.Name == "Local" {
		return false, false
	}
	return showSame(zone, other, from, until), true
}
