package booking

import (
	"strings"
	"testing"
)

// The zone of a series may be called as the booking is, or as Graph calls that.
func TestZoneOfARecurrence(t *testing.T) {
	const refused = "write the time zone of the booking, Asia/Hong_Kong or China Standard Time, or leave it out"
	tests := map[string]struct {
		booked any // time_zone; nil: the room's
		zone   string
		want   string // of the refusal
	}{
		"as Graph calls it":               {"Asia/Hong_Kong", "China Standard Time", ""},
		"as the booking does":             {"Asia/Hong_Kong", "Asia/Hong_Kong", ""},
		"as Graph calls the room's":       {nil, "China Standard Time", ""},
		"left out":                        {"Asia/Hong_Kong", "", ""},
		"another name of the same clocks": {"Asia/Hong_Kong", "Asia/Shanghai", refused},
		"another zone":                    {"Asia/Hong_Kong", "Tokyo Standard Time", refused},
		"UTC":                             {"Asia/Hong_Kong", "UTC", refused},
		"the other name is elsewhere's":   {"Asia/Singapore", "China Standard Time", "write the time zone of the booking, Asia/Singapore or Singapore Standard Time, or leave it out"},
		"nobody knows":                    {"Asia/Hong_Kong", "tzone://Microsoft/Custom", refused},
		"one name for both":               {"UTC", "Asia/Hong_Kong", "write the time zone of the booking, UTC, or leave it out"},
	}
	story(t, func(h *house) {
		for name, tt := range tests {
			changes := daily(2, "time_zone", tt.booked)
			changes[1].(map[string]any)["range"].(map[string]any)["recurrenceTimeZone"] = tt.zone
			asked := body("10:00", "11:00", changes...)
			if tt.booked == "UTC" {
				asked = strings.NewReplacer("T10:00:00+08:00", "T02:00:00Z", "T11:00:00+08:00", "T03:00:00Z").Replace(asked)
			}
			r := h.call(alice, "POST", "/v1/bookings/check", asked)
			switch {
			case tt.want == "" && r.status != 200:
				t.Errorf("%s: got %d %v", name, r.status, r.body)
			case tt.want != "" && (r.status != 422 || !strings.Contains(r.text("errors"), `"message":"`+tt.want+`"`) || !strings.Contains(r.text("errors"), "body.recurrence.range.recurrenceTimeZone")):
				t.Errorf("%s: got %d %v, want %s", name, r.status, r.body, tt.want)
			}
		}
	})
}
