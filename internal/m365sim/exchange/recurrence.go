package exchange

import (
	"iter"
	"math"
	"slices"
	"strings"
	"time"
)

// A Recurrence says on which days a series happens
// (https://learn.microsoft.com/graph/api/resources/patternedrecurrence).
type Recurrence struct {
	Pattern Pattern `json:"pattern"`
	Range   Range   `json:"range"`
}

// A Pattern is how the days follow each other. Fields that a type doesn't use
// are checked all the same.
type Pattern struct {
	Type           string   `json:"type"`
	Interval       int      `json:"interval"`
	Month          int      `json:"month"`
	DayOfMonth     int      `json:"dayOfMonth"`
	DaysOfWeek     []string `json:"daysOfWeek"`
	FirstDayOfWeek string   `json:"firstDayOfWeek"`
	Index          string   `json:"index"`
}

// A Range is when a series begins and ends.
type Range struct {
	Type                string `json:"type"`
	StartDate           string `json:"startDate"`
	EndDate             string `json:"endDate"`
	RecurrenceTimeZone  string `json:"recurrenceTimeZone"`
	NumberOfOccurrences int    `json:"numberOfOccurrences"`
}

// Types of patterns and ranges.
const (
	Daily           = "daily"
	Weekly          = "weekly"
	AbsoluteMonthly = "absoluteMonthly"
	RelativeMonthly = "relativeMonthly"
	AbsoluteYearly  = "absoluteYearly"
	RelativeYearly  = "relativeYearly"

	EndDate  = "endDate"
	NoEnd    = "noEnd"
	Numbered = "numbered"
)

// Limits of Outlook's dialogue.
const (
	maxInterval    = 999
	maxOccurrences = 999
)

var (
	patternTypes = []string{Daily, Weekly, AbsoluteMonthly, RelativeMonthly, AbsoluteYearly, RelativeYearly}
	rangeTypes   = []string{EndDate, NoEnd, Numbered}
	indexes      = []string{"first", "second", "third", "fourth", "last"}
	weekdays     = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
)

// word brings a word of an enumeration into its spelling; "" stays.
func word(w *string, known []string) bool {
	for _, k := range known {
		if strings.EqualFold(k, *w) {
			*w = k
			return true
		}
	}
	return *w == ""
}

// normalize fills in what may be left out, clears what the type of the range
// doesn't use, and says what is wrong.
func (r *Recurrence) normalize() error {
	p, g := &r.Pattern, &r.Range
	ok := word(&p.Type, patternTypes) && word(&g.Type, rangeTypes) && word(&p.Index, indexes) && word(&p.FirstDayOfWeek, weekdays)
	p.DaysOfWeek = slices.Clone(p.DaysOfWeek)
	for i := range p.DaysOfWeek {
		ok = ok && word(&p.DaysOfWeek[i], weekdays) && p.DaysOfWeek[i] != ""
	}
	if !ok || p.Type == "" || g.Type == "" {
		return Refuse("RequestBodyRead", "A requested value of the recurrence was not found.")
	}
	if p.FirstDayOfWeek == "" {
		p.FirstDayOfWeek = weekdays[0]
	}
	if p.Index == "" {
		p.Index = indexes[0]
	}
	start, err := ParseDay(g.StartDate)
	end, err2 := start, error(nil)
	switch {
	case g.Type == EndDate:
		end, err2 = ParseDay(g.EndDate)
	case g.EndDate != "":
		_, err2 = time.Parse(time.DateOnly, g.EndDate)
		g.EndDate = ""
	}
	needsDays := p.Type == Weekly || p.Type == RelativeMonthly || p.Type == RelativeYearly
	switch {
	case err != nil, err2 != nil, end < start, end > newDay(lastYear, time.December, 31),
		p.Interval < 1 || p.Interval > maxInterval,
		needsDays && len(p.DaysOfWeek) == 0,
		p.DayOfMonth < 0 || p.DayOfMonth > 31, p.DayOfMonth == 0 && (p.Type == AbsoluteMonthly || p.Type == AbsoluteYearly),
		p.Month < 0 || p.Month > 12, p.Month == 0 && (p.Type == AbsoluteYearly || p.Type == RelativeYearly),
		g.NumberOfOccurrences < 0 || g.NumberOfOccurrences > maxOccurrences, g.Type == Numbered && g.NumberOfOccurrences == 0:
		return Refuse("ErrorCalendarInvalidRecurrence", "The recurrence pattern or range is not valid.")
	}
	if g.Type != Numbered {
		g.NumberOfOccurrences = 0
	}
	return nil
}

// days yields the days of a valid recurrence from a day on.
func (r *Recurrence) days(from Day) iter.Seq[Day] {
	first, _ := ParseDay(r.Range.StartDate) // normalize has read it
	last, left := newDay(lastYear, time.December, 31), math.MaxInt
	switch r.Range.Type {
	case EndDate:
		last, _ = ParseDay(r.Range.EndDate)
	case Numbered:
		left = r.Range.NumberOfOccurrences
	}
	n := 0
	if left == math.MaxInt {
		n = r.Pattern.periodsBefore(first, from)
	}
	return func(yield func(Day) bool) {
		for ; ; n++ {
			for _, day := range r.Pattern.period(first, n) {
				switch {
				case day < first:
					continue
				case day > last || left == 0:
					return
				}
				left--
				if day >= from && !yield(day) {
					return
				}
			}
		}
	}
}

// lastYear of endless series, as Exchange has it.
const lastYear = 4500

// periodsBefore is a number of whole periods that lie before a day.
func (p *Pattern) periodsBefore(first, from Day) int {
	days := int(from - first)
	length := map[string]int{Daily: 1, Weekly: 7, AbsoluteMonthly: 31, RelativeMonthly: 31, AbsoluteYearly: 366, RelativeYearly: 366}[p.Type]
	return max(0, days/(length*p.Interval)-1)
}

// period returns the days of the nth period, in order; some may lie before the
// first day.
func (p *Pattern) period(first Day, n int) []Day {
	year, month, _ := first.Date()
	switch p.Type {
	case Daily:
		return []Day{first + Day(n*p.Interval)}
	case Weekly:
		begins := time.Weekday(slices.Index(weekdays, p.FirstDayOfWeek))
		week := first - Day((first.weekday()-begins+7)%7) + Day(7*n*p.Interval)
		return p.among(week, week+7)
	case AbsoluteMonthly, RelativeMonthly:
		month += time.Month(n * p.Interval)
	default:
		year, month = year+n*p.Interval, time.Month(p.Month)
	}
	begin, end := newDay(year, month, 1), newDay(year, month+1, 1)
	if p.Type == AbsoluteMonthly || p.Type == AbsoluteYearly {
		return []Day{min(begin+Day(p.DayOfMonth)-1, end-1)} // the last one of a short month
	}
	matching := p.among(begin, end)
	i := min(slices.Index(indexes, p.Index), len(matching)-1)
	if p.Index == "last" {
		i = len(matching) - 1
	}
	return matching[i : i+1]
}

// among returns the days of a half-open interval that are of the pattern's
// days of the week.
func (p *Pattern) among(from, to Day) []Day {
	var days []Day
	for day := from; day < to; day++ {
		if slices.Contains(p.DaysOfWeek, weekdays[day.weekday()]) {
			days = append(days, day)
		}
	}
	return days
}
