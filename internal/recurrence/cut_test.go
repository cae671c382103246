package recurrence

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func marshal(t fataler, r Rule) string {
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCut(t *testing.T) {
	weekly := Pattern{Type: Weekly, Interval: 2, DaysOfWeek: []string{"tuesday", "thursday"}}
	tests := map[string]struct {
		rng           Range
		at            string // in Hong Kong
		until, from   string
		wrong, wrong2 error
	}{
		"so many": {
			Range{Type: Numbered, NumberOfOccurrences: 5},
			"2026-12-15 10:00",
			`{"type":"numbered","startDate":"2026-12-01","numberOfOccurrences":2}`, `{"type":"numbered","startDate":"2026-12-15","numberOfOccurrences":3}`, nil, nil,
		},
		"until a date": {
			Range{Type: EndDate, EndDate: "2026-12-31"},
			"2026-12-17 10:00",
			`{"type":"endDate","startDate":"2026-12-01","endDate":"2026-12-15"}`, `{"type":"endDate","startDate":"2026-12-17","endDate":"2026-12-31"}`, nil, nil,
		},
		"at the last": {
			Range{Type: Numbered, NumberOfOccurrences: 2},
			"2026-12-03 10:00",
			`{"type":"numbered","startDate":"2026-12-01","numberOfOccurrences":1}`, `{"type":"numbered","startDate":"2026-12-03","numberOfOccurrences":1}`, nil, nil,
		},
		"at the first": {
			Range{Type: Numbered, NumberOfOccurrences: 2},
			"2026-12-01 10:00",
			"", `{"type":"numbered","startDate":"2026-12-01","numberOfOccurrences":2}`, ErrFirst, nil,
		},
		"after the last":   {Range{Type: Numbered, NumberOfOccurrences: 2}, "2026-12-15 10:00", "", "", ErrNoOccurrence, ErrNoOccurrence},
		"in a week off":    {Range{Type: Numbered, NumberOfOccurrences: 9}, "2026-12-08 10:00", "", "", ErrNoOccurrence, ErrNoOccurrence},
		"at another time":  {Range{Type: Numbered, NumberOfOccurrences: 9}, "2026-12-03 10:15", "", "", ErrNoOccurrence, ErrNoOccurrence},
		"before the first": {Range{Type: Numbered, NumberOfOccurrences: 9}, "2026-11-19 10:00", "", "", ErrNoOccurrence, ErrNoOccurrence},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			first := hongKong(t)
			r, wrong := Rule{weekly, tt.rng}.For(first)
			if wrong != nil {
				t.Fatal(words(wrong))
			}
			original := wallTime(t, tt.at, first.Zone)
			check := func(what string, got Rule, err error, want string, wantErr error) {
				if !errors.Is(err, wantErr) {
					t.Errorf("%s: got %v, want %v", what, err, wantErr)
				}
				if want == "" {
					return
				}
				if b, _ := json.Marshal(got.Range); string(b) != want {
					t.Errorf("%s: got %s, want %s", what, b, want)
				}
			}
			until, err := r.Until(first, original)
			check("until", until, err, tt.until, tt.wrong)
			from, span, err := r.From(first, original)
			check("from", from, err, tt.from, tt.wrong2)
			if err == nil && (!span.Start.Equal(original) || span.End.Sub(span.Start) != time.Hour || span.Zone != first.Zone) {
				t.Errorf("the rest begins with %v", span)
			}
		})
	}
}

func TestNoSeriesBeginsInAGap(t *testing.T) {
	in := zone(t, "Europe/London")
	first := Span{wallTime(t, "2026-03-28 01:30", in), wallTime(t, "2026-03-28 04:00", in), in, false}
	r, wrong := Rule{Pattern{Type: Daily, Interval: 1}, Range{Type: Numbered, NumberOfOccurrences: 3}}.For(first)
	if wrong != nil {
		t.Fatal(words(wrong))
	}
	gap := r.Occurrences(first)[1].Start
	if _, _, err := r.From(first, gap); !errors.Is(err, ErrGap) {
		t.Errorf("got %v", err)
	}
	if _, err := r.Until(first, gap); err != nil {
		t.Error(err)
	}
}

// The two parts of a series are the series.
func TestPartsAreTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, first := anySeries(t)
		before := marshal(t, r)
		all := r.Occurrences(first)
		i := rapid.IntRange(0, len(all)-1).Draw(t, "at")
		var parts []Occurrence
		until, err := r.Until(first, all[i].Start)
		if i == 0 {
			if !errors.Is(err, ErrFirst) {
				t.Fatal(err)
			}
		} else {
			if err != nil {
				t.Fatal(err)
			}
			parts = until.Occurrences(first)
			checkSeries(t, until, first, parts)
		}
		rest, span, err := r.From(first, all[i].Start)
		switch {
		case errors.Is(err, ErrGap):
			if clock(all[i].Start, first.Zone).Sub(midnight(clock(all[i].Start, first.Zone))) == clock(first.Start, first.Zone).Sub(midnight(clock(first.Start, first.Zone))) &&
				clock(all[i].End, first.Zone).Sub(clock(all[i].Start, first.Zone)) == clock(first.End, first.Zone).Sub(clock(first.Start, first.Zone)) {
				t.Fatalf("%v is in no gap", all[i])
			}
			return
		case err != nil:
			t.Fatal(err)
		}
		if parts = append(parts, rest.Occurrences(span)...); !slices.Equal(parts, all) {
			t.Fatalf("got %v, want %v", parts, all)
		}
		if marshal(t, r) != before {
			t.Fatal("the rule was changed")
		}
	})
}
