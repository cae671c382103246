package exchange

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/teambition/rrule-go"
	"pgregory.net/rapid"
)

func TestDays(t *testing.T) {
	from := func(start string) Range { return Range{Type: NoEnd, StartDate: start} }
	tests := []struct {
		name    string
		pattern Pattern
		over    Range
		want    string // the first five
	}{
		{"daily", Pattern{Type: Daily, Interval: 1}, from("2026-12-30"), "2026-12-30 2026-12-31 2027-01-01 2027-01-02 2027-01-03"},
		{"every third day", Pattern{Type: Daily, Interval: 3}, from("2026-02-26"), "2026-02-26 2026-03-01 2026-03-04 2026-03-07 2026-03-10"},
		{
			"on some days of the week",
			Pattern{Type: Weekly, Interval: 1, DaysOfWeek: []string{"friday", "monday"}},
			from("2026-12-01"), "2026-12-04 2026-12-07 2026-12-11 2026-12-14 2026-12-18",
		},
		{ // 2026-12-06 is a Sunday
			"fortnightly, weeks begin on Sunday",
			Pattern{Type: Weekly, Interval: 2, DaysOfWeek: []string{"sunday", "tuesday"}},
			from("2026-12-01"), "2026-12-01 2026-12-13 2026-12-15 2026-12-27 2026-12-29",
		},
		{
			"fortnightly, weeks begin on Monday",
			Pattern{Type: Weekly, Interval: 2, DaysOfWeek: []string{"sunday", "tuesday"}, FirstDayOfWeek: "monday"},
			from("2026-12-01"), "2026-12-01 2026-12-06 2026-12-15 2026-12-20 2026-12-29",
		},
		{"on the 31st, or the last day", Pattern{Type: AbsoluteMonthly, Interval: 1, DayOfMonth: 31}, from("2027-01-01"), "2027-01-31 2027-02-28 2027-03-31 2027-04-30 2027-05-31"},
		{"quarterly", Pattern{Type: AbsoluteMonthly, Interval: 3, DayOfMonth: 15}, from("2026-12-16"), "2027-03-15 2027-06-15 2027-09-15 2027-12-15 2028-03-15"},
		{
			"the second Tuesday",
			Pattern{Type: RelativeMonthly, Interval: 1, DaysOfWeek: []string{"tuesday"}, Index: "second"},
			from("2026-12-01"), "2026-12-08 2027-01-12 2027-02-09 2027-03-09 2027-04-13",
		},
		{ // the fifth where there are five
			"the last Monday",
			Pattern{Type: RelativeMonthly, Interval: 1, DaysOfWeek: []string{"monday"}, Index: "last"},
			from("2026-10-27"), "2026-11-30 2026-12-28 2027-01-25 2027-02-22 2027-03-29",
		},
		{
			"the last working day",
			Pattern{Type: RelativeMonthly, Interval: 1, DaysOfWeek: weekdays[1:6], Index: "last"},
			from("2026-12-01"), "2026-12-31 2027-01-29 2027-02-26 2027-03-31 2027-04-30",
		},
		{"29 February", Pattern{Type: AbsoluteYearly, Interval: 1, DayOfMonth: 29, Month: 2}, from("2027-03-01"), "2028-02-29 2029-02-28 2030-02-28 2031-02-28 2032-02-29"},
		{
			"the first Sunday of May",
			Pattern{Type: RelativeYearly, Interval: 2, Month: 5, DaysOfWeek: []string{"sunday"}, Index: "first"},
			from("2026-01-01"), "2026-05-03 2028-05-07 2030-05-05 2032-05-02 2034-05-07",
		},
		{"until a day, which counts", Pattern{Type: Daily, Interval: 2}, Range{Type: EndDate, StartDate: "2026-12-01", EndDate: "2026-12-05"}, "2026-12-01 2026-12-03 2026-12-05"},
		{
			"so many times, from the first match",
			Pattern{Type: Weekly, Interval: 1, DaysOfWeek: []string{"monday"}},
			Range{Type: Numbered, StartDate: "2026-12-01", NumberOfOccurrences: 3},
			"2026-12-07 2026-12-14 2026-12-21",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &Recurrence{tt.pattern, tt.over}
			if err := r.normalize(); err != nil {
				t.Fatal(err)
			}
			var got []string
			for day := range r.days(0) {
				if got = append(got, day.String()); len(got) == 5 {
					break
				}
			}
			equal(t, "days", strings.Join(got, " "), tt.want)
		})
	}
}

func TestEndlessSeriesEndIn4500(t *testing.T) {
	r := &Recurrence{Pattern{Type: AbsoluteYearly, Interval: 1, DayOfMonth: 1, Month: 7}, Range{Type: NoEnd, StartDate: "2026-01-01"}}
	if err := r.normalize(); err != nil {
		t.Fatal(err)
	}
	all := slices.Collect(r.days(0))
	equal(t, "the last day", all[len(all)-1].String(), "4500-07-01")
}

func anyRecurrence(t *rapid.T) *Recurrence {
	start := Day(rapid.IntRange(1, 40000).Draw(t, "start"))
	r := &Recurrence{
		Pattern{
			Type: rapid.SampledFrom(patternTypes).Draw(t, "pattern"), Interval: rapid.IntRange(1, 15).Draw(t, "interval"),
			Month: rapid.IntRange(1, 12).Draw(t, "month"), DayOfMonth: rapid.IntRange(1, 31).Draw(t, "day of month"),
			DaysOfWeek:     rapid.SliceOfNDistinct(rapid.SampledFrom(weekdays), 1, 7, rapid.ID[string]).Draw(t, "days of week"),
			FirstDayOfWeek: rapid.SampledFrom(weekdays).Draw(t, "first day of week"), Index: rapid.SampledFrom(indexes).Draw(t, "index"),
		},
		Range{
			Type: rapid.SampledFrom(rangeTypes).Draw(t, "range"), StartDate: start.String(),
			EndDate:             (start + Day(rapid.IntRange(0, 5000).Draw(t, "length"))).String(),
			NumberOfOccurrences: rapid.IntRange(1, 60).Draw(t, "number"),
		},
	}
	if err := r.normalize(); err != nil {
		t.Fatal(err)
	}
	return r
}

// rfc5545 says the same as a recurrence. RFC 5545 leaves out the 31st of short
// months, where Outlook takes their last day.
func rfc5545(t *rapid.T, r *Recurrence) *rrule.RRule {
	p := r.Pattern
	names := []rrule.Weekday{rrule.SU, rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA}
	weekday := func(name string) rrule.Weekday { return names[slices.Index(weekdays, name)] }
	start, _ := ParseDay(r.Range.StartDate)
	option := rrule.ROption{Dtstart: start.midnight(), Interval: p.Interval, Wkst: weekday(p.FirstDayOfWeek)}
	switch p.Type {
	case Daily:
		option.Freq = rrule.DAILY
	case Weekly:
		option.Freq = rrule.WEEKLY
	case AbsoluteMonthly, RelativeMonthly:
		option.Freq = rrule.MONTHLY
	default:
		option.Freq, option.Bymonth = rrule.YEARLY, []int{p.Month}
	}
	switch p.Type {
	case Weekly, RelativeMonthly, RelativeYearly:
		for _, name := range p.DaysOfWeek {
			option.Byweekday = append(option.Byweekday, weekday(name))
		}
	case AbsoluteMonthly, AbsoluteYearly:
		for day := min(p.DayOfMonth, 28); day <= p.DayOfMonth; day++ {
			option.Bymonthday = append(option.Bymonthday, day)
		}
		option.Bysetpos = []int{-1}
	}
	if p.Type == RelativeMonthly || p.Type == RelativeYearly {
		option.Bysetpos = []int{map[string]int{"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}[p.Index]}
	}
	switch r.Range.Type {
	case EndDate:
		end, _ := ParseDay(r.Range.EndDate)
		option.Until = end.midnight()
	case Numbered:
		option.Count = r.Range.NumberOfOccurrences
	}
	rule, err := rrule.NewRRule(option)
	if err != nil {
		t.Fatal(err)
	}
	return rule
}

func TestDaysAreThoseOfRFC5545(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRecurrence(t)
		first, _ := ParseDay(r.Range.StartDate)
		from := first + Day(rapid.IntRange(-10, 6000).Draw(t, "from"))
		next := rfc5545(t, r).Iterator()
		want := func() (Day, bool) {
			for {
				at, more := next()
				if !more || DayOf(at) >= from {
					return DayOf(at), more
				}
			}
		}
		n := 0
		for got := range r.days(from) {
			if got.midnight().Year() > 2200 { // the library counts in nanoseconds
				return
			}
			if day, more := want(); !more || got != day {
				t.Fatalf("the %dth day from %s on is %s, want %s (%v)", n, from, got, day, more)
			}
			if n++; n == 40 {
				return
			}
		}
		if day, more := want(); more {
			t.Fatalf("nothing after %d days from %s on, want %s", n, from, day)
		}
	})
}

func TestInvalidSeries(t *testing.T) {
	const invalid, unknown = "ErrorCalendarInvalidRecurrence", "RequestBodyRead"
	tests := map[string]struct {
		change func(*Event, *Recurrence)
		want   string
	}{
		"an unknown pattern":             {func(_ *Event, r *Recurrence) { r.Pattern.Type = "hourly" }, unknown},
		"no pattern":                     {func(_ *Event, r *Recurrence) { r.Pattern.Type = "" }, unknown},
		"no range":                       {func(_ *Event, r *Recurrence) { r.Range.Type = "" }, unknown},
		"an unknown day":                 {func(_ *Event, r *Recurrence) { r.Pattern.DaysOfWeek = []string{"funday"} }, unknown},
		"a day without a name":           {func(_ *Event, r *Recurrence) { r.Pattern.DaysOfWeek = []string{""} }, unknown},
		"an unknown index":               {func(_ *Event, r *Recurrence) { r.Pattern.Index = "fifth" }, unknown},
		"an unknown first day":           {func(_ *Event, r *Recurrence) { r.Pattern.FirstDayOfWeek = "funday" }, unknown},
		"interval 0":                     {func(_ *Event, r *Recurrence) { r.Pattern.Interval = 0 }, invalid},
		"interval 1000":                  {func(_ *Event, r *Recurrence) { r.Pattern.Interval = 1000 }, invalid},
		"weekly on no day":               {func(_ *Event, r *Recurrence) { r.Pattern.Type = Weekly }, invalid},
		"relative on no day":             {func(_ *Event, r *Recurrence) { r.Pattern.Type = RelativeMonthly }, invalid},
		"day 0 of a month":               {func(_ *Event, r *Recurrence) { r.Pattern.Type = AbsoluteMonthly }, invalid},
		"day 32 of a month":              {func(_ *Event, r *Recurrence) { r.Pattern.DayOfMonth = 32 }, invalid},
		"month 0":                        {func(_ *Event, r *Recurrence) { r.Pattern.Type, r.Pattern.DayOfMonth = AbsoluteYearly, 1 }, invalid},
		"month 13 where it says nothing": {func(_ *Event, r *Recurrence) { r.Pattern.Month = 13 }, invalid},
		"0 occurrences":                  {func(_ *Event, r *Recurrence) { r.Range.NumberOfOccurrences = 0 }, invalid},
		"1000 occurrences":               {func(_ *Event, r *Recurrence) { r.Range.NumberOfOccurrences = 1000 }, invalid},
		"an end that is no date":         {func(_ *Event, r *Recurrence) { r.Range.EndDate = "tomorrow" }, invalid},
		"no end":                         {func(_ *Event, r *Recurrence) { r.Range.Type = EndDate }, invalid},
		"an end before the start":        {func(_ *Event, r *Recurrence) { r.Range.Type, r.Range.EndDate = EndDate, "2026-11-30" }, invalid},
		"an end after 4500":              {func(_ *Event, r *Recurrence) { r.Range.Type, r.Range.EndDate = EndDate, "4501-01-01" }, invalid},
		"a start that is no date":        {func(_ *Event, r *Recurrence) { r.Range.StartDate = "" }, invalid},
		"another start than the event":   {func(_ *Event, r *Recurrence) { r.Range.StartDate = "2026-12-02" }, "ErrorPropertyValidationFailure"},
		"an unknown zone":                {func(_ *Event, r *Recurrence) { r.Range.RecurrenceTimeZone = "Mars" }, "TimeZoneNotSupportedException"},
		"no day that matches": {func(_ *Event, r *Recurrence) {
			r.Pattern.Type, r.Pattern.DaysOfWeek = Weekly, []string{"monday"}
			r.Range.Type, r.Range.EndDate = EndDate, "2026-12-03"
		}, invalid},
		"longer than a day, every day":   {func(e *Event, _ *Recurrence) { e.End = e.Start.Add(25 * time.Hour) }, "ErrorOccurrenceTimeSpanTooBig"},
		"just as long as a day":          {func(e *Event, _ *Recurrence) { e.End = e.Start.Add(24 * time.Hour) }, "<nil>"},
		"words in another case":          {func(_ *Event, r *Recurrence) { r.Pattern.Type, r.Range.Type = "DAILY", "Numbered" }, "<nil>"},
		"what a range without end shows": {func(_ *Event, r *Recurrence) { r.Range.Type, r.Range.EndDate = NoEnd, "0001-01-01" }, "<nil>"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := daily(newOffice(t).event(alice, "12-01 10:00"), 5)
			tt.change(e, e.Recurrence)
			if err := e.Check(); err == nil {
				equal(t, "no refusal", "<nil>", tt.want)
			} else {
				equal(t, "refused with", refusalCode(err), tt.want)
			}
		})
	}
}
