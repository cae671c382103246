package booking

import (
	"strings"
	"testing"
	"time"
)

func TestParseSpan(t *testing.T) {
	tests := []struct {
		name             string
		start, end, zone string
		allDay           bool
		room             string // its zone
		wantStart, want  string // UTC; or what the error speaks of
	}{
		{"offset", "2026-12-01T10:00:00+08:00", "2026-12-01T11:00:00+08:00", "", false, "Asia/Hong_Kong", "2026-12-01T02:00:00Z", "2026-12-01T03:00:00Z"},
		{"UTC without a zone", "2026-12-01T02:00:00.000Z", "2026-12-01T03:00:00Z", "", false, "Asia/Hong_Kong", "2026-12-01T02:00:00Z", "2026-12-01T03:00:00Z"},
		{"wall time of the room", "2026-12-01T10:00", "2026-12-01T11:00:00", "", false, "Asia/Hong_Kong", "2026-12-01T02:00:00Z", "2026-12-01T03:00:00Z"},
		{"wall time of a zone", "2026-12-01T10:00", "2026-12-01T11:00", "Europe/London", false, "Asia/Hong_Kong", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z"},
		{"offset and zone agree", "2026-07-01T10:00:00+01:00", "2026-07-01T11:00:00+01:00", "Europe/London", false, "UTC", "2026-07-01T09:00:00Z", "2026-07-01T10:00:00Z"},
		{"offset and zone disagree", "2026-12-01T10:00:00+01:00", "2026-12-01T11:00:00+01:00", "Europe/London", false, "UTC", "", "body.start: the offset +01:00 is not that of Europe/London"},
		{"Z and zone disagree", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z", "Asia/Hong_Kong", false, "UTC", "", "body.start: the offset"},
		{"over the change of clocks", "2026-10-25T00:30", "2026-10-25T03:00", "Europe/London", false, "UTC", "2026-10-24T23:30:00Z", "2026-10-25T03:00:00Z"},
		{"in the gap", "2026-03-29T01:30", "2026-03-29T03:00", "Europe/London", false, "UTC", "", "body.start: there is no 01:30"},
		{"in the repeated hour: the first", "2026-10-25T01:30", "2026-10-25T02:30", "Europe/London", false, "UTC", "2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z"},
		{"repeated half hour", "2026-04-05T01:45", "2026-04-05T03:00", "Australia/Lord_Howe", false, "UTC", "2026-04-04T14:45:00Z", "2026-04-04T16:30:00Z"},
		{"end before start", "2026-12-01T11:00", "2026-12-01T10:00", "", false, "UTC", "", "body.end: the end must come after"},
		{"end equals start", "2026-12-01T11:00", "2026-12-01T11:00", "", false, "UTC", "", "body.end: the end must come after"},
		{"no time", "tomorrow", "2026-12-01T11:00", "", false, "UTC", "", "body.start: write it like"},
		{"a date alone", "2026-12-01", "2026-12-02", "", false, "UTC", "", "body.start: write it like"},
		{"no such day", "2026-02-30T10:00", "2026-12-01T11:00", "", false, "UTC", "", "body.start: write it like"},
		{"Windows zone", "2026-12-01T10:00", "2026-12-01T11:00", "China Standard Time", false, "UTC", "", "body.time_zone:"},
		{"zone that leaves the folder", "2026-12-01T10:00", "2026-12-01T11:00", "../../etc/passwd", false, "UTC", "", "body.time_zone:"},
		{"Local", "2026-12-01T10:00", "2026-12-01T11:00", "Local", false, "UTC", "", "body.time_zone:"},
		{"far future", "2926-12-01T10:00", "2926-12-01T11:00", "", false, "UTC", "", "body.start: the year"},
		{"all day", "2026-12-01", "2026-12-02", "", true, "Asia/Hong_Kong", "2026-11-30T16:00:00Z", "2026-12-01T16:00:00Z"},
		{"all day by times", "2026-12-01T00:00:00+08:00", "2026-12-02T00:00:00+08:00", "", true, "Asia/Hong_Kong", "2026-11-30T16:00:00Z", "2026-12-01T16:00:00Z"},
		{"all day, not midnight", "2026-12-01T01:00:00+08:00", "2026-12-02", "", true, "Asia/Hong_Kong", "", "body.start: an all-day booking"},
		{"all day, in another zone", "2026-12-01", "2026-12-02", "America/New_York", true, "Asia/Hong_Kong", "2026-11-30T16:00:00Z", "2026-12-01T16:00:00Z"},
		{"all day, in no zone", "2026-12-01", "2026-12-02", "New York", true, "Asia/Hong_Kong", "", "body.time_zone:"},
		{"all day where midnight is skipped", "2026-03-29", "2026-03-30", "", true, "Asia/Beirut", "2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, wrong := parseSpan(tt.start, tt.end, tt.zone, tt.allDay, mustLocation(tt.room))
			if wrong != nil {
				got := wrong[0].field + ": " + wrong[0].message
				if tt.wantStart != "" || !strings.HasPrefix(got, tt.want) {
					t.Errorf("error: got %q, want %q", got, tt.want)
				}
				return
			}
			start, end := s.start.UTC().Format(time.RFC3339), s.end.UTC().Format(time.RFC3339)
			if start != tt.wantStart || end != tt.want {
				t.Errorf("got %s to %s, want %s to %s", start, end, tt.wantStart, tt.want)
			}
		})
	}
}

func TestAllDayFloats(t *testing.T) {
	for _, zone := range []string{"Asia/Hong_Kong", "America/Los_Angeles", "Asia/Beirut", "UTC"} {
		s, wrong := parseSpan("2026-03-29", "2026-03-31", "", true, mustLocation(zone))
		if wrong != nil {
			t.Fatal(wrong)
		}
		if got, want := floating(s.start, s.zone).Format(time.RFC3339), "2026-03-29T00:00:00Z"; got != want {
			t.Errorf("%s: got %s, want %s", zone, got, want)
		}
		if got := days(s); got != 2 {
			t.Errorf("%s: got %d days, want 2", zone, got)
		}
		if got := atMidnight(floating(s.start, s.zone), s.zone); !got.Equal(s.start) {
			t.Errorf("%s: there and back: got %v, want %v", zone, got, s.start)
		}
	}
}

func FuzzParseSpan(f *testing.F) {
	f.Add("2026-12-01T10:00:00+08:00", "2026-12-01T11:00", "Asia/Hong_Kong", false)
	f.Add("2026-10-25T01:30", "2026-10-25T02:30", "Europe/London", false)
	f.Add("2026-03-29", "2026-03-30", "Asia/Beirut", true)
	f.Add("2011-12-29", "2011-12-31", "Pacific/Apia", true)
	f.Fuzz(func(t *testing.T, start, end, zone string, allDay bool) {
		s, wrong := parseSpan(start, end, zone, allDay, time.UTC)
		if wrong != nil {
			return
		}
		if !s.start.Before(s.end) || s.start.Nanosecond() != 0 {
			t.Errorf("got %v to %v, want whole seconds in order", s.start, s.end)
		}
		if allDay && (!dayStart(s.start, s.zone).Equal(s.start) || days(s) < 1) {
			t.Errorf("all day: got %v to %v, want days", s.start, s.end)
		}
		// What is told to the caller means the same when it comes back.
		again, wrong := parseSpan(s.start.Format(time.RFC3339), s.end.Format(time.RFC3339), "", false, s.zone)
		if wrong != nil || !again.start.Equal(s.start) || !again.end.Equal(s.end) {
			t.Errorf("there and back: got %v to %v (%v), want %v to %v", again.start, again.end, wrong, s.start, s.end)
		}
	})
}
