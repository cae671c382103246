package recurrence

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// A FieldError says what is wrong with a member of a request, and what to write
// instead. Field is a path such as recurrence.pattern.interval; Value is what
// was sent, if that is short.
type FieldError struct{ Field, Message, Value string }

// Parse reads a rule's JSON. It refuses members that it doesn't know, lest
// something be left out of a series unnoticed; the rule may still be none that
// For takes.
func Parse(b []byte) (Rule, []FieldError) {
	var pattern, rng json.RawMessage
	wrong := read("recurrence", b, map[string]any{"pattern": &pattern, "range": &rng})
	if wrong != nil {
		return Rule{}, wrong
	}
	var r Rule
	p, g := &r.Pattern, &r.Range
	wrong = append(read("recurrence.pattern", pattern, map[string]any{
		"type": &p.Type, "interval": &p.Interval, "month": &p.Month, "dayOfMonth": &p.DayOfMonth,
		"daysOfWeek": &p.DaysOfWeek, "firstDayOfWeek": &p.FirstDayOfWeek, "index": &p.Index,
	}), read("recurrence.range", rng, map[string]any{
		"type": &g.Type, "startDate": &g.StartDate, "endDate": &g.EndDate,
		"recurrenceTimeZone": &g.TimeZone, "numberOfOccurrences": &g.NumberOfOccurrences,
	})...)
	if wrong != nil {
		return Rule{}, wrong
	}
	return r, nil
}

// read reads the members of an object. Null is as good as nothing.
func read(path string, b []byte, into map[string]any) (wrong []FieldError) {
	var given map[string]json.RawMessage
	if json.Unmarshal(b, &given) != nil || given == nil {
		return []FieldError{{path, "write an object with " + list("and", slices.Sorted(maps.Keys(into))), short(b)}}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		field, value := path+"."+name, given[name]
		target, known := into[name]
		if !known {
			wrong = append(wrong, FieldError{path, "it has no member " + short([]byte(name)) + ", only " + list("and", slices.Sorted(maps.Keys(into))), ""})
			continue
		}
		if json.Unmarshal(value, target) == nil {
			continue
		}
		message := "write a text in quotes"
		switch target.(type) {
		case *int:
			message = "write a whole number"
		case *[]string:
			message = `write a list of days, such as ["monday","friday"]`
		}
		wrong = append(wrong, FieldError{field, message, short(value)})
	}
	return wrong
}

// short is a value as it is shown again.
func short(b []byte) string {
	const most = 64
	if len(b) <= most {
		return string(b)
	}
	return strings.ToValidUTF8(string(b[:most]), "") + "…"
}

// list joins words: "a, b or c".
func list(last string, words []string) string {
	n := len(words) - 1
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}
