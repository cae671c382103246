package recurrence

import (
	"strings"
	"testing"
	"time"
)

// hongKong is an hour on a Tuesday.
func hongKong(t fataler) Span {
	in := zone(t, "Asia/Hong_Kong")
	start := time.Date(2026, 12, 1, 10, 0, 0, 0, in)
	return Span{start, start.Add(time.Hour), in, false}
}

func TestRefusals(t *testing.T) {
	const daily, weekly, nine = `"type":"daily","interval":1`, `"type":"weekly","interval":1,"daysOfWeek":["tuesday"]`, `"type":"numbered","numberOfOccurrences":9`
	rule := func(pattern, rng string) string { return `{"pattern":{` + pattern + `},"range":{` + rng + `}}` }
	tests := map[string]struct{ rule, want string }{
		"no object":                     {`[]`, "recurrence: write an object with pattern and range"},
		"null":                          {`null`, "recurrence: write an object"},
		"no JSON":                       {`{`, "recurrence: write an object"},
		"no pattern":                    {`{"range":{` + nine + `}}`, "recurrence.pattern: write an object with dayOfMonth, daysOfWeek"},
		"no range":                      {`{"pattern":{` + daily + `}}`, "recurrence.range: write an object with endDate"},
		"an unknown member":             {`{"pattern":{` + daily + `},"range":{` + nine + `},"count":1}`, "recurrence: it has no member count, only pattern and range"},
		"one of the pattern":            {rule(daily+`,"Interval":2`, nine), "recurrence.pattern: it has no member Interval"},
		"one of the range":              {rule(daily, nine+`,"until":"2027-01-01"`), "recurrence.range: it has no member until"},
		"a text for a number":           {rule(`"type":"daily","interval":"1"`, nine), "recurrence.pattern.interval: write a whole number"},
		"half a number":                 {rule(`"type":"daily","interval":1.5`, nine), "recurrence.pattern.interval: write a whole number"},
		"a number for a text":           {rule(`"type":1,"interval":1`, nine), "recurrence.pattern.type: write a text"},
		"one day, not a list":           {rule(`"type":"weekly","interval":1,"daysOfWeek":"tuesday"`, nine), "recurrence.pattern.daysOfWeek: write a list"},
		"no type":                       {rule(`"interval":1`, nine), "recurrence.pattern.type: write daily, weekly,"},
		"an unknown type":               {rule(`"type":"hourly","interval":1`, nine), "recurrence.pattern.type: write daily, weekly,"},
		"no interval":                   {rule(`"type":"daily"`, nine), "recurrence.pattern.interval: write every how many days it happens: a number from 1 to 99"},
		"a negative interval":           {rule(`"type":"daily","interval":-1`, nine), "recurrence.pattern.interval: write every how many days"},
		"a long interval":               {rule(`"type":"relativeYearly","interval":100,"month":12,"daysOfWeek":["tuesday"]`, nine), "recurrence.pattern.interval: write every how many years"},
		"weekly, on no day":             {rule(`"type":"weekly","interval":1,"daysOfWeek":[]`, nine), "recurrence.pattern.daysOfWeek: write the days on which"},
		"on an unknown day":             {rule(`"type":"weekly","interval":1,"daysOfWeek":["tuesday","Friday"]`, nine), "recurrence.pattern.daysOfWeek: write days such as sunday"},
		"an unknown first day":          {rule(weekly+`,"firstDayOfWeek":"funday"`, nine), "recurrence.pattern.firstDayOfWeek: write sunday"},
		"a wrong first day, unused":     {rule(daily+`,"firstDayOfWeek":"funday"`, nine), "recurrence.pattern.firstDayOfWeek: write sunday"},
		"no day of the month":           {rule(`"type":"absoluteMonthly","interval":1`, nine), "recurrence.pattern.dayOfMonth: write the day of the month: a number from 1 to 31"},
		"day 32":                        {rule(`"type":"absoluteMonthly","interval":1,"dayOfMonth":32`, nine), "recurrence.pattern.dayOfMonth: write"},
		"no month":                      {rule(`"type":"absoluteYearly","interval":1,"dayOfMonth":1`, nine), "recurrence.pattern.month: write the month: a number from 1 to 12"},
		"an unknown index":              {rule(`"type":"relativeMonthly","interval":1,"daysOfWeek":["tuesday"],"index":"fifth"`, nine), "recurrence.pattern.index: write first, second, third, fourth or last"},
		"days that are not used":        {rule(daily+`,"daysOfWeek":["monday","friday"]`, nine), "recurrence.pattern.daysOfWeek: a pattern of the type daily has no daysOfWeek"},
		"a day of the month, not used":  {rule(weekly+`,"dayOfMonth":1`, nine), "recurrence.pattern.dayOfMonth: a pattern of the type weekly has no"},
		"a month, not used":             {rule(weekly+`,"month":12`, nine), "recurrence.pattern.month: a pattern of the type weekly has no"},
		"an index, not used":            {rule(weekly+`,"index":"last"`, nine), "recurrence.pattern.index: a pattern of the type weekly has no"},
		"no end":                        {rule(daily, `"type":"noEnd"`), "recurrence.range.type: a series without an end would keep its room for ever"},
		"no range's type":               {rule(daily, `"numberOfOccurrences":9`), "recurrence.range.type: write endDate or numbered"},
		"another start":                 {rule(daily, nine+`,"startDate":"2026-11-30"`), "recurrence.range.startDate: write the date on which the first booking begins, 2026-12-01"},
		"another zone":                  {rule(daily, nine+`,"recurrenceTimeZone":"UTC"`), "recurrence.range.recurrenceTimeZone: write the time zone of the booking, Asia/Hong_Kong or China Standard Time, or leave it out"},
		"a zone in another case":        {rule(daily, nine+`,"recurrenceTimeZone":"china standard time"`), "recurrence.range.recurrenceTimeZone: write the time zone of the booking"},
		"a zone of somebody's own":      {rule(daily, nine+`,"recurrenceTimeZone":"tzone://Microsoft/Custom"`), "recurrence.range.recurrenceTimeZone: write the time zone of the booking"},
		"no number":                     {rule(daily, `"type":"numbered"`), "recurrence.range.numberOfOccurrences: write how many bookings there are: a number from 1 to 366"},
		"too many":                      {rule(daily, `"type":"numbered","numberOfOccurrences":367`), "recurrence.range.numberOfOccurrences: write how many"},
		"a number and an end":           {rule(daily, nine+`,"endDate":"2026-12-31"`), "recurrence.range.endDate: a range of the type numbered has no endDate"},
		"an end and a number":           {rule(daily, `"type":"endDate","endDate":"2026-12-31","numberOfOccurrences":3`), "recurrence.range.numberOfOccurrences: a range of the type endDate has no"},
		"no end date":                   {rule(daily, `"type":"endDate"`), "recurrence.range.endDate: write the date of the last booking like 2026-12-31, from 2026-12-01 to 2029-12-01"},
		"an end that is no date":        {rule(daily, `"type":"endDate","endDate":"2027-02-29"`), "recurrence.range.endDate: write the date"},
		"an end before the start":       {rule(daily, `"type":"endDate","endDate":"2026-11-30"`), "recurrence.range.endDate: write the date"},
		"an end too late":               {rule(weekly, `"type":"endDate","endDate":"2029-12-02"`), "recurrence.range.endDate: write the date"},
		"more than fit into the years":  {rule(`"type":"absoluteMonthly","interval":6,"dayOfMonth":1`, nine), "recurrence.range.numberOfOccurrences: a series lasts at most 3 years, in which there are 7: write a number from 1 to 7"},
		"too many until its end":        {rule(daily, `"type":"endDate","endDate":"2027-12-02"`), "recurrence.range.endDate: a series has at most 366 bookings: end it on 2027-12-01"},
		"a start on another day":        {rule(`"type":"weekly","interval":1,"daysOfWeek":["friday"]`, nine), "recurrence.pattern: 2026-12-01, when the first booking begins, is not one of its days: begin on 2026-12-04"},
		"a start in another month":      {rule(`"type":"absoluteYearly","interval":1,"dayOfMonth":1,"month":7`, nine), "recurrence.pattern: 2026-12-01, when the first booking begins, is not one of its days: begin on 2027-07-01"},
		"no day before the end":         {rule(`"type":"weekly","interval":1,"daysOfWeek":["monday"]`, `"type":"endDate","endDate":"2026-12-06"`), "recurrence.pattern: no day fits it between 2026-12-01"},
		"two mistakes, of which a type": {rule(`"type":"hourly"`, `"type":"numbered"`), "recurrence.pattern.type: write daily, weekly, absoluteMonthly, relativeMonthly, absoluteYearly or relativeYearly; recurrence.range.numberOfOccurrences: write"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, wrong := Parse([]byte(tt.rule))
			if wrong == nil {
				_, wrong = r.For(hongKong(t), "China Standard Time")
			}
			if got := words(wrong); !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func words(wrong []FieldError) string {
	all := make([]string, len(wrong))
	for i, w := range wrong {
		all[i] = w.Field + ": " + w.Message
	}
	return strings.Join(all, "; ")
}

func TestCompleted(t *testing.T) {
	tests := map[string]struct{ given, want string }{
		"the least that is needed": {
			`{"pattern":{"type":"weekly","interval":1,"daysOfWeek":["tuesday"]},"range":{"type":"numbered","numberOfOccurrences":2}}`,
			`{"pattern":{"type":"weekly","interval":1,"daysOfWeek":["tuesday"],"firstDayOfWeek":"sunday"},"range":{"type":"numbered","startDate":"2026-12-01","numberOfOccurrences":2}}`,
		},
		"what Graph answers": {
			`{"pattern":{"type":"daily","interval":2,"month":0,"dayOfMonth":0,"firstDayOfWeek":"sunday","index":"first","daysOfWeek":[]},
			"range":{"type":"numbered","startDate":"2026-12-01","endDate":"0001-01-01","recurrenceTimeZone":"China Standard Time","numberOfOccurrences":2}}`,
			`{"pattern":{"type":"daily","interval":2},"range":{"type":"numbered","startDate":"2026-12-01","numberOfOccurrences":2}}`,
		},
		"the booking's own zone": {
			`{"pattern":{"type":"daily","interval":2},"range":{"type":"endDate","endDate":"2026-12-31","recurrenceTimeZone":"Asia/Hong_Kong"}}`,
			`{"pattern":{"type":"daily","interval":2},"range":{"type":"endDate","startDate":"2026-12-01","endDate":"2026-12-31"}}`,
		},
		"an empty zone": {
			`{"pattern":{"type":"daily","interval":2},"range":{"type":"endDate","endDate":"2026-12-31","recurrenceTimeZone":""}}`,
			`{"pattern":{"type":"daily","interval":2},"range":{"type":"endDate","startDate":"2026-12-01","endDate":"2026-12-31"}}`,
		},
		"null is nothing": {
			`{"pattern":{"type":"daily","interval":2,"month":null,"daysOfWeek":null,"index":null},"range":{"type":"endDate","endDate":"2026-12-31","numberOfOccurrences":null}}`,
			`{"pattern":{"type":"daily","interval":2},"range":{"type":"endDate","startDate":"2026-12-01","endDate":"2026-12-31"}}`,
		},
		"days in order, each once": {
			`{"pattern":{"type":"relativeMonthly","interval":1,"daysOfWeek":["wednesday","tuesday","wednesday"]},"range":{"type":"endDate","endDate":"2026-12-31"}}`,
			`{"pattern":{"type":"relativeMonthly","interval":1,"daysOfWeek":["tuesday","wednesday"],"index":"first"},"range":{"type":"endDate","startDate":"2026-12-01","endDate":"2026-12-31"}}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, wrong := Parse([]byte(tt.given))
			if wrong == nil {
				r, wrong = r.For(hongKong(t), "China Standard Time")
			}
			if wrong != nil {
				t.Fatal(words(wrong))
			}
			if got := marshal(t, r); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestRefusedSpans(t *testing.T) {
	tests := map[string]struct{ zone, start, end, want string }{
		"just as long as a day": {"Asia/Hong_Kong", "2026-12-01 10:00", "2026-12-02 10:00", ""},
		"longer than a day":     {"Asia/Hong_Kong", "2026-12-01 10:00", "2026-12-02 10:15", "recurrence.pattern: a booking ends after the next one begins, on 2026-12-02"},
		"a start shown twice":   {"Europe/London", "2026-10-25 01:30", "2026-10-25 03:00", "start: clocks in Europe/London show this time twice"},
		"an end shown twice":    {"Europe/London", "2026-10-25 00:30", "2026-10-25 01:30", "end: clocks in Europe/London show this time twice"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in := zone(t, tt.zone)
			first := Span{wallTime(t, tt.start, in), wallTime(t, tt.end, in), in, false}
			_, wrong := Rule{Pattern{Type: Daily, Interval: 1}, Range{Type: Numbered, NumberOfOccurrences: 3}}.For(first)
			if got := words(wrong); !strings.HasPrefix(got, tt.want) || (got == "") != (tt.want == "") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// An all-day series may begin on a day whose first hour clocks show twice.
func TestAllDayBeginsAtAMidnightThatIsTwice(t *testing.T) {
	in := zone(t, "America/Havana")
	start, _ := At(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), in)
	end, _ := At(time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC), in)
	if end.Sub(start) != 25*time.Hour {
		t.Fatalf("the day has %v", end.Sub(start))
	}
	rule := Rule{Pattern{Type: Daily, Interval: 1}, Range{Type: Numbered, NumberOfOccurrences: 3}}
	if _, wrong := rule.For(Span{start, end, in, true}); wrong != nil {
		t.Error(words(wrong))
	}
	if _, wrong := rule.For(Span{start, end, in, false}); wrong == nil {
		t.Error("a series by the clock begins then")
	}
}
