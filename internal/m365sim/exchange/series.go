package exchange

import (
	"cmp"
	"iter"
	"slices"
	"time"
)

// An Item is what an id stands for: an event, a series' master, or one of its
// occurrences.
type Item struct {
	*Event        // as it is shown
	Master *Event // of an occurrence, else nil
	Day    Day    // of an occurrence: when it was due
}

// Types of items (https://learn.microsoft.com/graph/api/resources/event).
const (
	SingleInstance = "singleInstance"
	SeriesMaster   = "seriesMaster"
	Occurrence     = "occurrence"
	Exception      = "exception"
)

// Type returns which of the four it is.
func (it Item) Type() string {
	switch {
	case it.Master == nil && it.Recurrence == nil:
		return SingleInstance
	case it.Master == nil:
		return SeriesMaster
	case it.Master.Exceptions[it.Day] == it.Event:
		return Exception
	}
	return Occurrence
}

// stored is the record that the item is part of.
func (it Item) stored() *Event {
	if it.Master != nil {
		return it.Master
	}
	return it.Event
}

// ICalUID of the item: an occurrence has one of its own.
func (it Item) ICalUID() string {
	if it.Master != nil {
		return uidOn(it.Master.UID, it.Day)
	}
	return it.UID
}

// MasterItem returns the series of an occurrence.
func (it Item) MasterItem() Item { return Item{Event: it.Master} }

// zone is where the series' clock hangs. It may be used of an event whose zones
// are known.
func (e *Event) zone() *time.Location {
	if e.AllDay {
		return time.UTC
	}
	name := e.StartZone
	if e.Recurrence != nil && e.Recurrence.Range.RecurrenceTimeZone != "" {
		name = e.Recurrence.Range.RecurrenceTimeZone
	}
	zone, err := Zone(name)
	if err != nil {
		return time.UTC // Check has refused it
	}
	return zone
}

// checkSeries says what is wrong with a series, and moves its start to the
// first day that its pattern names.
func (e *Event) checkSeries() error {
	r := *e.Recurrence
	if r.Range.RecurrenceTimeZone == "" {
		r.Range.RecurrenceTimeZone = e.StartZone
	}
	if _, err := Zone(r.Range.RecurrenceTimeZone); err != nil {
		return err
	}
	if err := r.normalize(); err != nil {
		return err
	}
	e.Recurrence = &r
	begins := DayOf(e.Start.In(e.zone()))
	if begins.String() != r.Range.StartDate {
		return Refuse("ErrorPropertyValidationFailure", "The recurrence's range.startDate has to be the date of the event's start.")
	}
	next, stop := iter.Pull(r.days(begins))
	defer stop()
	first, some := next()
	if !some {
		return Refuse("ErrorCalendarInvalidRecurrence", "The recurrence has no occurrence at all.")
	}
	o := e.regular(first)
	e.Start, e.End, r.Range.StartDate = o.Start, o.End, first.String()
	for before := first; ; {
		day, more := next()
		if !more || day > first+400 {
			return nil
		}
		if time.Duration(day-before)*secondsOfDay*time.Second < e.End.Sub(e.Start) {
			return Refuse("ErrorOccurrenceTimeSpanTooBig", "The event is longer than the time between two of its occurrences.")
		}
		before = day
	}
}

// sameSeries says whether two events happen on the same days at the same time,
// as far as they are series.
func sameSeries(a, b *Event) bool {
	if a.Recurrence == nil || b.Recurrence == nil {
		return a.Recurrence == b.Recurrence
	}
	p, q := a.Recurrence.Pattern, b.Recurrence.Pattern
	return p.Type == q.Type && p.Interval == q.Interval && p.Month == q.Month && p.DayOfMonth == q.DayOfMonth &&
		slices.Equal(p.DaysOfWeek, q.DaysOfWeek) && p.FirstDayOfWeek == q.FirstDayOfWeek && p.Index == q.Index &&
		a.Recurrence.Range == b.Recurrence.Range && a.Start.Equal(b.Start) && a.End.Equal(b.End)
}

// except makes an occurrence differ from its series.
func (e *Event) except(day Day, o *Event) {
	if e.Exceptions == nil {
		e.Exceptions = map[Day]*Event{}
	}
	e.Exceptions[day] = o
	delete(e.Gone, day)
}

// omit has nothing happen on one of a series' days.
func (e *Event) omit(day Day) {
	delete(e.Exceptions, day)
	if e.Gone == nil {
		e.Gone = map[Day]bool{}
	}
	e.Gone[day] = true
}

// occurrence returns what happens on one of the series' days; false: nothing.
func (e *Event) occurrence(day Day) (Item, bool) {
	if x := e.Exceptions[day]; x != nil {
		return Item{x, e, day}, true // also where a room has cut the series before it
	}
	for o := range e.since(day) {
		if o.Day == day {
			return o, true
		}
		break
	}
	return Item{}, false
}

// since yields a series' occurrences that were due on a day or later, in order;
// of other events nothing.
func (e *Event) since(from Day) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		if e.Recurrence == nil {
			return
		}
		for day := range e.Recurrence.days(from) {
			if e.Gone[day] {
				continue
			}
			o := Item{e.Exceptions[day], e, day}
			if o.Event == nil {
				o = e.regular(day)
			}
			if !yield(o) {
				return
			}
		}
	}
}

// regular is an occurrence as the series has it. Both its ends keep what a clock
// shows.
func (e *Event) regular(day Day) Item {
	o := *e
	o.Recurrence, o.Exceptions, o.Gone, o.TransactionID, o.AnswerDue = nil, nil, nil, "", time.Time{}
	zone := e.zone()
	nights := DayOf(e.End.In(zone)) - DayOf(e.Start.In(zone))
	o.Start, o.End = day.at(e.Start, zone), (day+nights).at(e.End, zone)
	if o.End.Before(o.Start) { // daylight saving time begins between them
		o.End = o.Start.Add(e.End.Sub(e.Start))
	}
	return Item{&o, e, day}
}

// within returns the items of an event that touch a half-open interval: itself,
// or its occurrences.
func (e *Event) within(from, to time.Time) []Item {
	if e.Recurrence == nil {
		if e.Overlaps(from, to) {
			return []Item{{Event: e}}
		}
		return nil
	}
	var items []Item
	for day, x := range e.Exceptions {
		if x.Overlaps(from, to) {
			items = append(items, Item{x, e, day})
		}
	}
	if !e.Start.Before(to) {
		return items
	}
	length := e.End.Sub(e.Start)
	for day := range e.Recurrence.days(DayOf(from.Add(-length)) - 2) { // zones and daylight saving time need less
		if e.Gone[day] || e.Exceptions[day] != nil {
			continue
		}
		o := e.regular(day)
		if !o.Start.Before(to) {
			break
		}
		if o.Overlaps(from, to) {
			items = append(items, o)
		}
	}
	return items
}

// Occurrences returns the occurrences of a series that touch a half-open
// interval, by their starts.
func (e *Event) Occurrences(from, to time.Time) []Item { return byStart(e.within(from, to)) }

func byStart(items []Item) []Item {
	slices.SortStableFunc(items, func(a, b Item) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.stored().Key, b.stored().Key), cmp.Compare(a.Day, b.Day))
	})
	return items
}

// checkNeighbours says whether an occurrence may be moved: not to or over the
// day of the one before or after it, nor into it.
func (it Item) checkNeighbours(moved *Event) error {
	zone := it.Master.zone()
	day := func(e *Event) Day {
		if e.AllDay {
			return DayOf(e.Start)
		}
		return DayOf(e.Start.In(zone))
	}
	follows := func(a, b *Event) bool { return day(b) > day(a) && !a.End.After(b.Start) }
	var before *Event
	for o := range it.Master.since(0) {
		if o.Day > it.Day {
			if !follows(moved, o.Event) {
				return ErrBoundary
			}
			break
		}
		if o.Day < it.Day {
			before = o.Event
		}
	}
	if before != nil && !follows(before, moved) {
		return ErrBoundary
	}
	return nil
}

// OriginalStart is when an occurrence would have begun if it had not been
// changed.
func (it Item) OriginalStart() time.Time { return it.Master.regular(it.Day).Start }
