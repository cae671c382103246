package recurrence

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDates(t *testing.T) {
	tests := []struct {
		name    string
		pattern Pattern
		start   string
		want    string // the first five
	}{
		{"daily", Pattern{Type: Daily, Interval: 1}, "2026-12-30", "2026-12-30 2026-12-31 2027-01-01 2027-01-02 2027-01-03"},
		{"every third day", Pattern{Type: Daily, Interval: 3}, "2028-02-26", "2028-02-26 2028-02-29 2028-03-03 2028-03-06 2028-03-09"},
		{
			"on some days of the week",
			Pattern{Type: Weekly, Interval: 1, DaysOfWeek: []string{"friday", "monday"}},
			"2026-12-04", "2026-12-04 2026-12-07 2026-12-11 2026-12-14 2026-12-18",
		},
		{ // 2026-12-06 is a Sunday
			"fortnightly, weeks begin on Sunday",
			Pattern{Type: Weekly, Interval: 2, DaysOfWeek: []string{"sunday", "tuesday"}},
			"2026-12-01", "2026-12-01 2026-12-13 2026-12-15 2026-12-27 2026-12-29",
		},
		{
			"fortnightly, weeks begin on Monday",
			Pattern{Type: Weekly, Interval: 2, DaysOfWeek: []string{"sunday", "tuesday"}, FirstDayOfWeek: "monday"},
			"2026-12-01", "2026-12-01 2026-12-06 2026-12-15 2026-12-20 2026-12-29",
		},
		{
			"on the 31st, or the last day",
			Pattern{Type: AbsoluteMonthly, Interval: 1, DayOfMonth: 31},
			"2027-01-31", "2027-01-31 2027-02-28 2027-03-31 2027-04-30 2027-05-31",
		},
		{
			"on the 31st, from a shorter month on",
			Pattern{Type: AbsoluteMonthly, Interval: 1, DayOfMonth: 31},
			"2028-02-29", "2028-02-29 2028-03-31 2028-04-30 2028-05-31 2028-06-30",
		},
		{"on the 29th", Pattern{Type: AbsoluteMonthly, Interval: 1, DayOfMonth: 29}, "2027-01-29", "2027-01-29 2027-02-28 2027-03-29 2027-04-29 2027-05-29"},
		{"quarterly", Pattern{Type: AbsoluteMonthly, Interval: 3, DayOfMonth: 15}, "2026-12-15", "2026-12-15 2027-03-15 2027-06-15 2027-09-15 2027-12-15"},
		{
			"the second Tuesday",
			Pattern{Type: RelativeMonthly, Interval: 1, DaysOfWeek: []string{"tuesday"}, Index: "second"},
			"2026-12-08", "2026-12-08 2027-01-12 2027-02-09 2027-03-09 2027-04-13",
		},
		{ // the fifth where there are five
			"the last Monday",
			Pattern{Type: RelativeMonthly, Interval: 1, DaysOfWeek: []string{"monday"}, Index: "last"},
			"2026-11-30", "2026-11-30 2026-12-28 2027-01-25 2027-02-22 2027-03-29",
		},
		{
			"the last working day",
			Pattern{Type: RelativeMonthly, Interval: 1, DaysOfWeek: weekdays[1:6], Index: "last"},
			"2026-12-31", "2026-12-31 2027-01-29 2027-02-26 2027-03-31 2027-04-30",
		},
		{
			"the first of two days",
			Pattern{Type: RelativeMonthly, Interval: 1, DaysOfWeek: []string{"thursday", "friday"}},
			"2026-12-03", "2026-12-03 2027-01-01 2027-02-04 2027-03-04 2027-04-01",
		},
		{"29 February, or the 28th", Pattern{Type: AbsoluteYearly, Interval: 1, DayOfMonth: 29, Month: 2}, "2028-02-29", "2028-02-29 2029-02-28 2030-02-28 2031-02-28"},
		{
			"the first Sunday of May, every other year",
			Pattern{Type: RelativeYearly, Interval: 2, Month: 5, DaysOfWeek: []string{"sunday"}},
			"2026-05-03", "2026-05-03 2028-05-07",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := date(t, tt.start)
			first := Span{start.Add(10 * time.Hour), start.Add(11 * time.Hour), time.UTC, false}
			last := start.AddDate(MaxYears, 0, 0)
			if tt.pattern.Type == Daily {
				last = start.AddDate(1, 0, 0)
			}
			r, wrong := Rule{tt.pattern, Range{Type: EndDate, EndDate: last.Format(time.DateOnly)}}.For(first)
			if wrong != nil {
				t.Fatal(wrong)
			}
			var got []string
			for _, o := range r.Occurrences(first) {
				if got = append(got, o.Start.Format(time.DateOnly)); len(got) == 5 {
					break
				}
			}
			if got := strings.Join(got, " "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// walk finds the days of a rule by looking at every single one.
func walk(r Rule, start time.Time) (dates []time.Time) {
	weekday := func(day time.Time) bool {
		return slices.Contains(r.Pattern.DaysOfWeek, strings.ToLower(day.Weekday().String()))
	}
	week := func(day time.Time) int {
		for strings.ToLower(day.Weekday().String()) != r.Pattern.FirstDayOfWeek {
			day = day.AddDate(0, 0, -1)
		}
		return int(day.Unix() / 86400 / 7)
	}
	months := func(day time.Time) int { return day.Year()*12 + int(day.Month()) }
	inMonth := func(day time.Time, from, until int) (n int) { // how many days of the week
		for d := from; d <= until; d++ {
			if at := time.Date(day.Year(), day.Month(), d, 0, 0, 0, 0, time.UTC); at.Month() == day.Month() && weekday(at) {
				n++
			}
		}
		return n
	}
	absolute := func(day time.Time) bool {
		return day.Day() == r.Pattern.DayOfMonth || day.Day() < r.Pattern.DayOfMonth && day.AddDate(0, 0, 1).Day() == 1
	}
	relative := func(day time.Time) bool {
		if r.Pattern.Index == "last" {
			return weekday(day) && inMonth(day, day.Day()+1, 31) == 0
		}
		return weekday(day) && inMonth(day, 1, day.Day()-1) == slices.Index(indexes, r.Pattern.Index)
	}
	for day := start; !day.After(start.AddDate(MaxYears, 0, 0)); day = day.AddDate(0, 0, 1) {
		var periods int
		var is bool
		switch r.Pattern.Type {
		case Daily:
			periods, is = int(day.Sub(start)/(24*time.Hour)), true
		case Weekly:
			periods, is = week(day)-week(start), weekday(day)
		case AbsoluteMonthly:
			periods, is = months(day)-months(start), absolute(day)
		case RelativeMonthly:
			periods, is = months(day)-months(start), relative(day)
		case AbsoluteYearly:
			periods, is = day.Year()-start.Year(), int(day.Month()) == r.Pattern.Month && absolute(day)
		case RelativeYearly:
			periods, is = day.Year()-start.Year(), int(day.Month()) == r.Pattern.Month && relative(day)
		}
		if r.Range.Type == EndDate && day.Format(time.DateOnly) > r.Range.EndDate || r.Range.Type == Numbered && len(dates) == r.Range.NumberOfOccurrences {
			break
		}
		if is && periods%r.Pattern.Interval == 0 {
			dates = append(dates, day)
		}
	}
	return dates
}

// anyRule draws a rule all of whose members are in order, and which uses no more
// than its type does.
func anyRule(t *rapid.T, start time.Time) Rule {
	p := Pattern{Type: rapid.SampledFrom(patternTypes).Draw(t, "pattern"), Interval: rapid.IntRange(1, 8).Draw(t, "interval")}
	uses := usages[p.Type]
	if uses.days {
		p.DaysOfWeek = rapid.SliceOfNDistinct(rapid.SampledFrom(weekdays), 1, 7, rapid.ID[string]).Draw(t, "days of week")
		slices.SortFunc(p.DaysOfWeek, func(a, b string) int { return slices.Index(weekdays, a) - slices.Index(weekdays, b) })
	}
	if uses.firstDay {
		p.FirstDayOfWeek = rapid.SampledFrom(weekdays).Draw(t, "first day of week")
	}
	if uses.dayOfMonth {
		p.DayOfMonth = rapid.IntRange(1, 31).Draw(t, "day of month")
	}
	if uses.month {
		p.Month = rapid.IntRange(1, 12).Draw(t, "month")
	}
	if uses.index {
		p.Index = rapid.SampledFrom(indexes).Draw(t, "index")
	}
	g := Range{Type: rapid.SampledFrom([]string{EndDate, Numbered}).Draw(t, "range"), StartDate: start.Format(time.DateOnly)}
	if g.Type == EndDate {
		g.EndDate = start.AddDate(0, 0, rapid.IntRange(0, 1095).Draw(t, "days")).Format(time.DateOnly)
	} else {
		g.NumberOfOccurrences = rapid.IntRange(1, MaxOccurrences).Draw(t, "number")
	}
	return Rule{p, g}
}

func anyDate(t *rapid.T) time.Time {
	return time.Date(2026, 1, 1+rapid.IntRange(0, 3000).Draw(t, "day"), 0, 0, 0, 0, time.UTC)
}

func TestDatesAreThoseOfAWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := anyDate(t)
		r := anyRule(t, start)
		if got, want := r.dates(2000), walk(r, start); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func date(t fataler, text string) time.Time {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t.Fatal(err)
	}
	return day
}
