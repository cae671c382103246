package recurrence

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// For says what is wrong with a rule for a series whose first occurrence is
// given. What it returns is completed, for Occurrences, and for Graph:
//
//   - range.startDate is filled in. A date that doesn't fit the pattern is
//     refused: Graph would move the first occurrence, and say nothing.
//   - range.recurrenceTimeZone has to be the span's, by its own name or one of
//     zoneNames, and is left out: Graph takes that of the event, which has to be
//     written in the zone of the span.
//   - Members that the type doesn't use are refused if they say something, and
//     left out if they say what Graph fills in: Graph would check them and go by
//     none.
//
// An occurrence has to end before the next one begins (Graph:
// ErrorOccurrenceTimeSpanTooBig).
func (r Rule) For(first Span, zoneNames ...string) (Rule, []FieldError) {
	c := &checker{first: first, zoneNames: append([]string{first.Zone.String()}, zoneNames...)}
	c.pattern(&r.Pattern)
	c.bounds(&r.Range)
	if c.wrong == nil {
		c.series(r)
	}
	if c.wrong != nil {
		return Rule{}, c.wrong
	}
	return r, nil
}

type checker struct {
	first     Span
	zoneNames []string
	wrong     []FieldError
}

func (c *checker) refuse(field, value, format string, args ...any) {
	c.wrong = append(c.wrong, FieldError{field, fmt.Sprintf(format, args...), short([]byte(value))})
}

// word checks a word of an enumeration; what is left out is filled in.
func (c *checker) word(field string, w *string, known []string, missing string) {
	if *w == "" {
		*w = missing
	}
	if !slices.Contains(known, *w) {
		c.refuse(field, *w, "write %s", list("or", known))
	}
}

func (c *checker) number(field string, n, from, to int, what string) {
	if n < from || n > to {
		c.refuse(field, strconv.Itoa(n), "write %s: a number from %d to %d", what, from, to)
	}
}

// A usage says which members a type of patterns uses beside its interval.
type usage struct{ days, firstDay, dayOfMonth, month, index bool }

var usages = map[string]usage{
	Daily:           {},
	Weekly:          {days: true, firstDay: true},
	AbsoluteMonthly: {dayOfMonth: true},
	RelativeMonthly: {days: true, index: true},
	AbsoluteYearly:  {dayOfMonth: true, month: true},
	RelativeYearly:  {days: true, month: true, index: true},
}

func (c *checker) pattern(p *Pattern) {
	const path = "recurrence.pattern."
	c.word(path+"type", &p.Type, patternTypes, "")
	uses, known := usages[p.Type]
	if !known {
		return // the rest means nothing
	}
	unit := map[string]string{Daily: "days", Weekly: "weeks", AbsoluteMonthly: "months", RelativeMonthly: "months"}[p.Type]
	if unit == "" {
		unit = "years"
	}
	c.number(path+"interval", p.Interval, 1, maxInterval, "every how many "+unit+" it happens")
	unused := func(name, value string) {
		c.refuse(path+name, value, "a pattern of the type %s has no %s: leave it out", p.Type, name)
	}

	switch {
	case uses.days:
		c.days(path+"daysOfWeek", p)
	case len(p.DaysOfWeek) > 0:
		unused("daysOfWeek", strings.Join(p.DaysOfWeek, ","))
	default:
		p.DaysOfWeek = nil
	}
	c.word(path+"firstDayOfWeek", &p.FirstDayOfWeek, weekdays, weekdays[0])
	if !uses.firstDay {
		p.FirstDayOfWeek = "" // has no bearing on any other type
	}
	switch {
	case uses.dayOfMonth:
		c.number(path+"dayOfMonth", p.DayOfMonth, 1, 31, "the day of the month")
	case p.DayOfMonth != 0:
		unused("dayOfMonth", strconv.Itoa(p.DayOfMonth))
	}
	switch {
	case uses.month:
		c.number(path+"month", p.Month, 1, 12, "the month")
	case p.Month != 0:
		unused("month", strconv.Itoa(p.Month))
	}
	switch {
	case uses.index:
		c.word(path+"index", &p.Index, indexes, indexes[0])
	case p.Index != "" && p.Index != indexes[0]:
		unused("index", p.Index)
	default:
		p.Index = ""
	}
}

// days checks the days of the week, and puts them in order.
func (c *checker) days(field string, p *Pattern) {
	if len(p.DaysOfWeek) == 0 {
		c.refuse(field, "", `write the days on which it happens, such as ["monday","friday"]`)
		return
	}
	for i := range p.DaysOfWeek {
		if !slices.Contains(weekdays, p.DaysOfWeek[i]) {
			c.refuse(field, p.DaysOfWeek[i], "write days such as %s", list("or", weekdays))
			return
		}
	}
	var days []string
	for _, day := range weekdays {
		if slices.Contains(p.DaysOfWeek, day) {
			days = append(days, day)
		}
	}
	p.DaysOfWeek = days
}

// noDate is what Graph writes for an end date that there is not.
const noDate = "0001-01-01"

func (c *checker) bounds(g *Range) {
	const path = "recurrence.range."
	start := c.first.Start.In(c.first.Zone)
	date := start.Format(time.DateOnly)
	if g.StartDate != "" && g.StartDate != date {
		c.refuse(path+"startDate", g.StartDate, "write the date on which the first booking begins, %s, or leave it out", date)
	}
	g.StartDate = date
	if g.TimeZone != "" && !slices.Contains(c.zoneNames, g.TimeZone) {
		c.refuse(path+"recurrenceTimeZone", g.TimeZone, "write the time zone of the booking, %s, or leave it out", strings.Join(c.zoneNames, " or "))
	}
	g.TimeZone = ""
	switch g.Type {
	case EndDate:
		if g.NumberOfOccurrences != 0 {
			c.refuse(path+"numberOfOccurrences", strconv.Itoa(g.NumberOfOccurrences), "a range of the type endDate has no numberOfOccurrences: leave it out, or write numbered")
		}
		last := start.AddDate(MaxYears, 0, 0).Format(time.DateOnly)
		if _, err := time.Parse(time.DateOnly, g.EndDate); err != nil || g.EndDate < date || g.EndDate > last {
			c.refuse(path+"endDate", g.EndDate, "write the date of the last booking like 2026-12-31, from %s to %s", date, last)
		}
	case Numbered:
		if g.EndDate != "" && g.EndDate != noDate {
			c.refuse(path+"endDate", g.EndDate, "a range of the type numbered has no endDate: leave it out, or write endDate as the type")
		}
		g.EndDate = ""
		c.number(path+"numberOfOccurrences", g.NumberOfOccurrences, 1, MaxOccurrences, "how many bookings there are")
	case noEnd:
		c.refuse(path+"type", g.Type, "a series without an end would keep its room for ever: write endDate with the endDate, or numbered with the numberOfOccurrences")
	default:
		c.refuse(path+"type", g.Type, "write endDate or numbered")
	}
}

// series looks at the occurrences of a rule whose members are in order.
func (c *checker) series(r Rule) {
	if !c.first.AllDay {
		c.once("start", c.first.Start)
		c.once("end", c.first.End)
	}
	dates := r.dates(MaxOccurrences + 1)
	if len(dates) == 0 {
		c.refuse("recurrence.pattern", "", "no day fits it between %s and the end: change the pattern or the end", r.Range.StartDate)
		return
	}
	if first := dates[0].Format(time.DateOnly); first != r.Range.StartDate {
		c.refuse("recurrence.pattern", "", "%s, when the first booking begins, is not one of its days: begin on %s, or change the pattern", r.Range.StartDate, first)
		return
	}
	switch n := len(dates); {
	case r.Range.Type == EndDate && n > MaxOccurrences:
		c.refuse("recurrence.range.endDate", r.Range.EndDate, "a series has at most %d bookings: end it on %s", MaxOccurrences, dates[MaxOccurrences-1].Format(time.DateOnly))
		return
	case r.Range.Type == Numbered && n < r.Range.NumberOfOccurrences:
		c.refuse("recurrence.range.numberOfOccurrences", strconv.Itoa(r.Range.NumberOfOccurrences), "a series lasts at most %d years, in which there are %d: write a number from 1 to %d", MaxYears, n, n)
		return
	}
	occurrences := c.first.on(dates)
	for i := range occurrences[1:] {
		if end, next := occurrences[i].End, occurrences[i+1].Start; end.After(next) {
			c.refuse("recurrence.pattern", "", "a booking ends after the next one begins, on %s: make them shorter, or have them follow each other less often", next.In(c.first.Zone).Format(time.DateOnly))
			return
		}
	}
}

// once refuses a time that clocks show twice: a series is told by what they show,
// and Microsoft doesn't say which time Graph would take.
func (c *checker) once(field string, t time.Time) {
	if _, times := At(clock(t, c.first.Zone), c.first.Zone); times == 2 {
		c.refuse(field, t.In(c.first.Zone).Format(time.RFC3339),
			"clocks in %s show this time twice on that day, so no series can begin there: take another day or time", c.first.Zone)
	}
}
