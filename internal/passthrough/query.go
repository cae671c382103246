package passthrough

import (
	"net/url"
	"slices"
	"strings"
)

// maxQuery bounds a query, in bytes. Tokens of change tracking take a few
// thousand.
const maxQuery = 16 << 10

// options are the query options that calendar calls know, in lower case; the $ may
// be left out (https://learn.microsoft.com/graph/query-parameters).
var options = []string{
	"select", "filter", "orderby", "top", "skip", "count", "search", "expand", "skiptoken", "deltatoken",
	"startdatetime", "enddatetime",
}

// expandable are the relations of calendars and events that lead to nothing but
// calendars and events.
var expandable = []string{
	"calendar", "calendars", "events", "calendarview", "instances", "exceptionoccurrences", "extensions",
	"singlevalueextendedproperties", "multivalueextendedproperties",
}

// checkQuery refuses options that could lead out of calendars, or that nobody
// knows here.
func checkQuery(raw string) *Refusal {
	if len(raw) > maxQuery {
		return malformed("The query is longer than %d bytes.", maxQuery)
	}
	if strings.ContainsFunc(raw, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '#' || c == '\\' }) {
		return malformed("The query has characters that have to be escaped.")
	}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return malformed("The query can't be read.")
		}
		name = strings.TrimPrefix(strings.ToLower(name), "$")
		if !slices.Contains(options, name) {
			return forbidden("The query has an option that the gateway doesn't know. Known are: $%s.", strings.Join(options, ", $"))
		}
		if name != "expand" {
			continue
		}
		value, err = url.QueryUnescape(value)
		if err != nil {
			return malformed("The query can't be read.")
		}
		if !mayExpand(value) {
			return forbidden("Only %s can be expanded, one level deep.", strings.Join(expandable, ", "))
		}
	}
	return nil
}

// mayExpand says whether an $expand stays in the calendar: a list of relations,
// each with options in parentheses that expand nothing more.
func mayExpand(list string) bool {
	for list != "" {
		end := strings.IndexAny(list, ",(")
		if end < 0 {
			end = len(list)
		}
		if !slices.Contains(expandable, strings.ToLower(strings.TrimSpace(list[:end]))) {
			return false
		}
		list = list[end:]
		if strings.HasPrefix(list, "(") {
			inner, rest, ok := parenthesised(list)
			if !ok || strings.Contains(strings.ToLower(inner), "expand") || strings.Contains(strings.ToLower(inner), "levels") {
				return false
			}
			list = rest
		}
		if list == "" {
			return true
		}
		var more bool
		if list, more = strings.CutPrefix(list, ","); !more {
			return false
		}
	}
	return false
}

// parenthesised cuts off what stands in parentheses. In quotes, which are doubled
// to stand for themselves, they count for nothing.
func parenthesised(s string) (inner, rest string, ok bool) {
	depth, quoted := 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return s[1:i], s[i+1:], true
			}
		}
	}
	return "", "", false
}
