package recurrence

import (
	"slices"
	"time"

	"github.com/teambition/rrule-go"
)

// A Rule says on which days a series happens. Its JSON is Graph's. Pattern and
// Range can be converted to what package graph sends, field by field the same.
type Rule struct {
	Pattern Pattern `json:"pattern"`
	Range   Range   `json:"range"`
}

// A Pattern is how the days follow each other
// (https://learn.microsoft.com/graph/api/resources/recurrencepattern).
type Pattern struct {
	Type           string   `json:"type"`
	Interval       int      `json:"interval"`
	DaysOfWeek     []string `json:"daysOfWeek,omitempty"`
	DayOfMonth     int      `json:"dayOfMonth,omitempty"`
	Month          int      `json:"month,omitempty"`
	Index          string   `json:"index,omitempty"`
	FirstDayOfWeek string   `json:"firstDayOfWeek,omitempty"`
}

// A Range is when a series begins and ends. Dates are like 2026-12-01
// (https://learn.microsoft.com/graph/api/resources/recurrencerange).
type Range struct {
	Type                string `json:"type"`
	StartDate           string `json:"startDate,omitempty"`
	EndDate             string `json:"endDate,omitempty"`
	NumberOfOccurrences int    `json:"numberOfOccurrences,omitempty"`
	TimeZone            string `json:"recurrenceTimeZone,omitempty"`
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
	Numbered = "numbered"
	noEnd    = "noEnd" // refused
)

// Bounds of a series.
const (
	MaxOccurrences = 366
	MaxYears       = 3 // between the dates of the first occurrence and the last one
	maxInterval    = 99
)

var (
	patternTypes = []string{Daily, Weekly, AbsoluteMonthly, RelativeMonthly, AbsoluteYearly, RelativeYearly}
	weekdays     = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
	indexes      = []string{"first", "second", "third", "fourth", "last"}
)

// dates returns the days of a valid rule, as midnights in UTC: at most limit,
// and none after MaxYears.
func (r Rule) dates(limit int) []time.Time {
	start, _ := time.Parse(time.DateOnly, r.Range.StartDate) // check has read both
	until := start.AddDate(MaxYears, 0, 0)
	if r.Range.Type == EndDate {
		if end, _ := time.Parse(time.DateOnly, r.Range.EndDate); end.Before(until) {
			until = end
		}
	} else {
		limit = min(limit, r.Range.NumberOfOccurrences)
	}
	rule, err := rrule.NewRRule(r.Pattern.rfc5545(start, until))
	if err != nil {
		panic("recurrence: a rule that was found valid: " + err.Error())
	}
	var dates []time.Time
	for next := rule.Iterator(); len(dates) < limit; {
		date, more := next()
		if !more {
			break
		}
		dates = append(dates, date)
	}
	return dates
}

// rfc5545 says the same as the pattern in the words of RFC 5545, section 3.3.10.
func (p Pattern) rfc5545(start, until time.Time) rrule.ROption {
	names := []rrule.Weekday{rrule.SU, rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA}
	o := rrule.ROption{Dtstart: start, Until: until, Interval: p.Interval}
	switch p.Type {
	case Daily:
		o.Freq = rrule.DAILY
	case Weekly:
		o.Freq = rrule.WEEKLY
		o.Wkst = names[slices.Index(weekdays, p.FirstDayOfWeek)]
	case AbsoluteMonthly, RelativeMonthly:
		o.Freq = rrule.MONTHLY
	case AbsoluteYearly, RelativeYearly:
		o.Freq, o.Bymonth = rrule.YEARLY, []int{p.Month}
	}
	for _, day := range p.DaysOfWeek {
		o.Byweekday = append(o.Byweekday, names[slices.Index(weekdays, day)])
	}
	switch p.Type {
	case AbsoluteMonthly, AbsoluteYearly:
		// A month without such a day has it on its last one
		// (https://learn.microsoft.com/exchange/client-developer/web-service-reference/absolutemonthlyrecurrence).
		for day := min(p.DayOfMonth, 28); day <= p.DayOfMonth; day++ {
			o.Bymonthday = append(o.Bymonthday, day)
		}
		o.Bysetpos = []int{-1}
	case RelativeMonthly, RelativeYearly:
		o.Bysetpos = []int{slices.Index(indexes, p.Index) + 1}
		if p.Index == "last" {
			o.Bysetpos = []int{-1}
		}
	}
	return o
}
