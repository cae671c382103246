package recurrence

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"
)

// A fataler is a test, of Go's or of rapid's.
type fataler interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func zone(t fataler, name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func wallTime(t *testing.T, text string, in *time.Location) time.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", text, in)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestClocksChange(t *testing.T) {
	tests := []struct {
		name, zone, start, end string
		allDay                 bool
		want                   []string // day after day: start in UTC, and how long
	}{
		{
			"it keeps what the clock shows", "Europe/London", "2026-03-28 10:00", "2026-03-28 11:00", false,
			[]string{"03-28 10:00 1h0m0s", "03-29 09:00 1h0m0s", "03-30 09:00 1h0m0s"},
		},
		{
			"also in autumn, over noon in New York", "America/New_York", "2026-10-31 12:00", "2026-10-31 13:30", false,
			[]string{"10-31 16:00 1h30m0s", "11-01 17:00 1h30m0s", "11-02 17:00 1h30m0s"},
		},
		{
			"the start is left out", "Europe/London", "2026-03-28 01:30", "2026-03-28 03:00", false,
			[]string{"03-28 01:30 1h30m0s", "03-29 01:30 30m0s", "03-30 00:30 1h30m0s"},
		},
		{
			"the start is left out, west of UTC", "America/New_York", "2026-03-07 02:30", "2026-03-07 04:00", false,
			[]string{"03-07 07:30 1h30m0s", "03-08 07:30 30m0s", "03-09 06:30 1h30m0s"},
		},
		{
			"the end is left out", "Europe/London", "2026-03-28 00:30", "2026-03-28 01:30", false,
			[]string{"03-28 00:30 1h0m0s", "03-29 00:30 1h0m0s", "03-29 23:30 1h0m0s"},
		},
		{
			"the end would come before the start", "Europe/London", "2026-03-28 01:30", "2026-03-28 02:15", false,
			[]string{"03-28 01:30 45m0s", "03-29 01:30 45m0s", "03-30 00:30 45m0s"},
		},
		{
			"the start is shown twice: the first one", "Europe/London", "2026-10-24 01:30", "2026-10-24 03:00", false,
			[]string{"10-24 00:30 1h30m0s", "10-25 00:30 2h30m0s", "10-26 01:30 1h30m0s"},
		},
		{
			"half an hour is shown twice", "Australia/Lord_Howe", "2026-04-04 01:45", "2026-04-04 02:15", false,
			[]string{"04-03 14:45 30m0s", "04-04 14:45 1h0m0s", "04-05 15:15 30m0s"},
		},
		{
			"half an hour is left out", "Australia/Lord_Howe", "2026-10-03 02:15", "2026-10-03 03:00", false,
			[]string{"10-02 15:45 45m0s", "10-03 15:45 15m0s", "10-04 15:15 45m0s"},
		},
		{
			"over midnight", "Europe/London", "2026-03-27 23:00", "2026-03-28 02:00", false,
			[]string{"03-27 23:00 3h0m0s", "03-28 23:00 2h0m0s", "03-29 22:00 3h0m0s"},
		},
		{
			"a whole day long touches the next one", "Europe/London", "2026-10-24 09:00", "2026-10-25 09:00", false,
			[]string{"10-24 08:00 25h0m0s", "10-25 09:00 24h0m0s", "10-26 09:00 24h0m0s"},
		},
		{
			"where the clocks are left alone", "Asia/Hong_Kong", "2026-03-28 10:00", "2026-03-28 11:00", false,
			[]string{"03-28 02:00 1h0m0s", "03-29 02:00 1h0m0s", "03-30 02:00 1h0m0s"},
		},
		{
			"all day", "America/New_York", "2026-03-07 00:00", "2026-03-08 00:00", true,
			[]string{"03-07 05:00 24h0m0s", "03-08 05:00 23h0m0s", "03-09 04:00 24h0m0s"},
		},
		{
			"all day, where a day begins at one o'clock", "Asia/Beirut", "2026-03-28 00:00", "2026-03-29 01:00", true,
			[]string{"03-27 22:00 24h0m0s", "03-28 22:00 23h0m0s", "03-29 21:00 24h0m0s"},
		},
		{
			"all day, from a day that begins at one o'clock on", "Asia/Beirut", "2026-03-29 01:00", "2026-03-30 00:00", true,
			[]string{"03-28 22:00 23h0m0s", "03-29 21:00 24h0m0s", "03-30 21:00 24h0m0s"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := zone(t, tt.zone)
			first := Span{wallTime(t, tt.start, in), wallTime(t, tt.end, in), in, tt.allDay}
			r, wrong := Rule{Pattern{Type: Daily, Interval: 1}, Range{Type: Numbered, NumberOfOccurrences: len(tt.want)}}.For(first)
			if wrong != nil {
				t.Fatal(wrong)
			}
			var got []string
			for _, o := range r.Occurrences(first) {
				got = append(got, o.Start.Format("01-02 15:04 ")+o.End.Sub(o.Start).String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

var someZones = []string{"Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Hong_Kong", "Asia/Beirut", "America/Havana", "Africa/Casablanca", "Asia/Kathmandu", "Pacific/Apia"}

// anySeries draws a series that For takes, which begins when a clock shows its
// start and end once.
func anySeries(t *rapid.T) (Rule, Span) {
	in := zone(t, rapid.SampledFrom(someZones).Draw(t, "zone"))
	r := anyRule(t, anyDate(t))
	dates := r.dates(1)
	if len(dates) == 0 {
		t.Skip("no day fits")
	}
	allDay := rapid.Bool().Draw(t, "all day")
	start, length := dates[0], time.Duration(rapid.IntRange(1, 3).Draw(t, "days"))*24*time.Hour
	if !allDay {
		start = start.Add(time.Duration(rapid.IntRange(0, 95).Draw(t, "quarters since midnight")) * 15 * time.Minute)
		length = time.Duration(rapid.IntRange(1, 120).Draw(t, "quarters long")) * 15 * time.Minute
	}
	from, _ := At(start, in)
	to, _ := At(start.Add(length), in)
	if !to.After(from) {
		t.Skip("it ends before it begins")
	}
	first := Span{from.In(in), to.In(in), in, allDay}
	r.Range.StartDate = ""
	r, wrong := r.For(first)
	if wrong != nil {
		t.Skip(wrong)
	}
	return r, first
}

// shown are the instants near one at which clocks in a zone show a time.
func shown(wall, near time.Time, in *time.Location) (times []time.Time) {
	for t := near.Add(-4 * time.Hour); !t.After(near.Add(4 * time.Hour)); t = t.Add(15 * time.Minute) {
		if t.In(in).Format(time.DateTime) == wall.Format(time.DateTime) {
			times = append(times, t)
		}
	}
	return times
}

func TestOccurrencesAreWhenClocksSaySo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, first := anySeries(t)
		occurrences := r.Occurrences(first)
		checkSeries(t, r, first, occurrences)
		dates := walk(r, date(t, r.Range.StartDate))
		if len(dates) != len(occurrences) {
			t.Fatalf("%d occurrences on %d days", len(occurrences), len(dates))
		}
		for i, o := range occurrences {
			wall := dates[i]
			if !first.AllDay {
				wall = wall.Add(time.Duration(first.Start.Hour())*time.Hour + time.Duration(first.Start.Minute())*time.Minute)
			}
			times := shown(wall, o.Start, first.Zone)
			if len(times) > 0 && !o.Start.Equal(times[0]) {
				t.Fatalf("clocks show %v first at %v, not at %v", wall, times[0], o.Start)
			}
			if gap := offset(o.Start, first.Zone) - offset(o.Start.Add(-4*time.Hour), first.Zone); len(times) == 0 &&
				(gap <= 0 || o.Start.In(first.Zone).Format(time.DateTime) != wall.Add(gap).Format(time.DateTime)) {
				t.Fatalf("clocks never show %v, and it is moved to %v", wall, o.Start.In(first.Zone))
			}
		}
	})
}

// checkSeries checks what is true of all series.
func checkSeries(t fataler, r Rule, first Span, occurrences []Occurrence) {
	n := len(occurrences)
	if n < 1 || n > MaxOccurrences {
		t.Fatalf("%d occurrences", n)
	}
	if !occurrences[0].Start.Equal(first.Start) || !occurrences[0].End.Equal(first.End) {
		t.Fatalf("the first is %v, want %v", occurrences[0], first)
	}
	for i, o := range occurrences {
		if !o.End.After(o.Start) {
			t.Fatalf("it begins at %v and ends at %v", o.Start, o.End)
		}
		if i > 0 && o.Start.Before(occurrences[i-1].End) {
			t.Fatalf("%v overlaps with %v", o, occurrences[i-1])
		}
	}
	if last := occurrences[n-1].Start.In(first.Zone); last.Format(time.DateOnly) > first.Start.In(first.Zone).AddDate(MaxYears, 0, 0).Format(time.DateOnly) {
		t.Fatalf("the last is on %v", last)
	}
	again, wrong := r.For(first)
	if a, b := fmt.Sprint(again), fmt.Sprint(r); wrong != nil || a != b {
		t.Fatalf("looked at again: %v, %v, want %v", a, wrong, b)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatalf("%v", err)
	}
	read, wrong := Parse(b)
	if a, b := fmt.Sprint(read), fmt.Sprint(r); wrong != nil || a != b {
		t.Fatalf("written and read: %v, %v, want %v", a, wrong, b)
	}
}

func FuzzRule(f *testing.F) {
	for _, pattern := range []string{
		`{"type":"daily","interval":1}`, `{"type":"weekly","interval":2,"daysOfWeek":["tuesday"],"firstDayOfWeek":"monday"}`,
		`{"type":"absoluteMonthly","interval":1,"dayOfMonth":1}`, `{"type":"relativeMonthly","interval":1,"daysOfWeek":["tuesday"],"index":"first"}`,
		`{"type":"absoluteYearly","interval":1,"dayOfMonth":1,"month":12}`, `{"type":"relativeYearly","interval":1,"daysOfWeek":["tuesday"],"month":12}`,
		`{"type":"daily","interval":1,"month":0,"dayOfMonth":0,"daysOfWeek":[],"firstDayOfWeek":"sunday","index":"first"}`, `[]`,
	} {
		for _, rng := range []string{`{"type":"numbered","numberOfOccurrences":9}`, `{"type":"endDate","startDate":"2026-12-01","endDate":"2027-10-31"}`, `{"type":"noEnd"}`} {
			f.Add([]byte(`{"pattern":`+pattern+`,"range":`+rng+`}`), int64(1796090400), uint16(60), byte(0), false)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, start int64, minutes uint16, inZone byte, allDay bool) {
		r, wrong := Parse(b)
		if wrong != nil {
			for _, w := range wrong {
				if !strings.HasPrefix(w.Field, "recurrence") || w.Message == "" || len(w.Value) > 80 {
					t.Fatalf("%+v", w)
				}
			}
			return
		}
		in := zone(t, someZones[int(inZone)%len(someZones)])
		from := time.Unix(946684800+(start%3155760000+3155760000)%3155760000, 0).In(in) // the years 2000 to 2100
		to := from.Add(time.Duration(minutes+1) * time.Minute)
		if allDay {
			from, _ = At(midnight(clock(from, in)), in)
			to, _ = At(midnight(clock(from, in)).AddDate(0, 0, 1+int(minutes)%9), in)
		}
		first := Span{from, to, in, allDay}
		if r, wrong = r.For(first); wrong == nil {
			checkSeries(t, r, first, r.Occurrences(first))
		}
	})
}
