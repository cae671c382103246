package recurrence

import (
	"errors"
	"slices"
	"time"
)

// Errors of cutting a series in two.
var (
	ErrNoOccurrence = errors.New("the series has no occurrence that was to start then")
	ErrFirst        = errors.New("it is the first occurrence: nothing of the series would be left")
	ErrGap          = errors.New("the clocks are put forward over the start or the end of this occurrence: take the one before it or after it")
)

// Until returns the rule of what is before an occurrence, which it finds by its
// original start. It fails with ErrNoOccurrence or ErrFirst.
func (r Rule) Until(first Span, original time.Time) (Rule, error) {
	dates, i, err := r.find(first, original)
	switch {
	case err != nil:
		return Rule{}, err
	case i == 0:
		return Rule{}, ErrFirst
	case r.Range.Type == Numbered:
		r.Range.NumberOfOccurrences = i
	default:
		r.Range.EndDate = dates[i-1].Format(time.DateOnly)
	}
	return r, nil
}

// From returns an occurrence and all after it as a series of its own, which has
// the same occurrences. It fails with ErrNoOccurrence, or with ErrGap if at that
// occurrence the clock doesn't show what it shows at the others. For may still
// refuse it, where the clock shows that twice.
func (r Rule) From(first Span, original time.Time) (Rule, Span, error) {
	dates, i, err := r.find(first, original)
	if err != nil {
		return Rule{}, Span{}, err
	}
	o := first.on(dates[i : i+1])[0]
	rest := Span{o.Start.In(first.Zone), o.End.In(first.Zone), first.Zone, first.AllDay}
	r.Range.StartDate = dates[i].Format(time.DateOnly)
	if r.Range.Type == Numbered {
		r.Range.NumberOfOccurrences -= i
	}
	if !slices.Equal(rest.on(dates[i:]), first.on(dates[i:])) {
		return Rule{}, Span{}, ErrGap
	}
	return r, rest, nil
}

// find returns the dates of a series, and which of them an occurrence is on.
func (r Rule) find(first Span, original time.Time) (dates []time.Time, i int, err error) {
	dates = r.dates(MaxOccurrences)
	i = slices.IndexFunc(first.on(dates), func(o Occurrence) bool { return o.Start.Equal(original) })
	if i < 0 {
		return nil, 0, ErrNoOccurrence
	}
	return dates, i, nil
}
