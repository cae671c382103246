package m365sim

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of lists (https://learn.microsoft.com/graph/api/user-list-calendarview).
const (
	defaultPage = 10
	maxPage     = 1000
	maxView     = 1825 * 24 * time.Hour
)

// calendarView lists the events that touch a window, by their starts.
func (s *Server) calendarView(g *graphCall) (reply, *graphError) {
	q := foldQuery(g.URL.Query())
	from, to := q.Get("startdatetime"), q.Get("enddatetime")
	if from == "" || to == "" {
		return reply{}, badRequest("ErrorInvalidParameter", "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.")
	}
	start, refusal := parseInstant(from)
	if refusal != nil {
		return reply{}, refusal
	}
	end, refusal := parseInstant(to)
	if refusal != nil {
		return reply{}, refusal
	}
	switch {
	case end.Before(start):
		return reply{}, badRequest("ErrorInvalidRequest", "Your request can't be completed. The end of the window is before its start.")
	case end.Sub(start) > maxView:
		return reply{}, badRequest("ErrorInvalidRequest", "Your request can't be completed. The range between the start and end dates is greater than the allowed range. Maximum number of days: 1825")
	}
	var found []*event
	for _, e := range g.box.Events {
		if e.overlaps(start, end) {
			found = append(found, e)
		}
	}
	return s.list(g, q, found)
}

// listEvents lists all events. $filter and $orderby are ignored without a
// word, as Graph does with what it does not support.
func (s *Server) listEvents(g *graphCall) (reply, *graphError) {
	return s.list(g, foldQuery(g.URL.Query()), slices.Clone(g.box.Events))
}

// list answers a page of events.
func (s *Server) list(g *graphCall, q url.Values, found []*event) (reply, *graphError) {
	slices.SortStableFunc(found, func(a, b *event) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID)) })
	top, refusal := number(q, "$top", defaultPage, 1, maxPage)
	if refusal != nil {
		return reply{}, refusal
	}
	skip, refusal := number(q, "$skip", 0, 0, 1<<30)
	if refusal != nil {
		return reply{}, refusal
	}
	page := map[string]any{"@odata.context": s.context(g, "calendarView")}
	if q.Get("$count") == "true" {
		page["@odata.count"] = len(found)
	}
	if rest := len(found) - skip; rest > top {
		next := g.URL.Query()
		next.Set("$skip", strconv.Itoa(skip+top))
		page["@odata.nextLink"] = s.base + g.URL.EscapedPath() + "?" + next.Encode()
	}
	value := []any{}
	for _, e := range found[min(skip, len(found)):min(skip+top, len(found))] {
		m := s.render(e, g.prefer)
		if refusal := expand(q, e, m); refusal != nil {
			return reply{}, refusal
		}
		if refusal := selectProperties(q, m); refusal != nil {
			return reply{}, refusal
		}
		value = append(value, m)
	}
	page["value"] = value
	return jsonReply(http.StatusOK, page), nil
}

// foldQuery returns the query with its names in lower case.
func foldQuery(q url.Values) url.Values {
	folded := url.Values{}
	for name, values := range q {
		folded[strings.ToLower(name)] = values
	}
	return folded
}

// parseInstant reads a window's end: with an offset, or in UTC. The zone that
// Prefer asks for has no say.
func parseInstant(text string) (time.Time, *graphError) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, badRequest("ErrorInvalidParameter", "The value '%s' is not a date and time. Is a + in it not written as %%2B?", text)
}

func number(q url.Values, name string, otherwise, least, most int) (int, *graphError) {
	if !q.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.Atoi(q.Get(name))
	if err != nil || n < least || n > most {
		return 0, badRequest("ErrorInvalidUrlQuery", "The value '%s' of %s is not between %d and %d.", q.Get(name), name, least, most)
	}
	return n, nil
}

// selectProperties keeps what $select names; ids and etags always stay.
func selectProperties(q url.Values, m map[string]any) *graphError {
	if q.Get("$select") == "" {
		return nil
	}
	wanted := map[string]bool{"id": true, "singleValueExtendedProperties": true}
	for name := range strings.SplitSeq(q.Get("$select"), ",") {
		name = strings.TrimSpace(name)
		if _, known := m[name]; !known {
			return badRequest("RequestBroker--ParseUri", "Could not find a property named '%s' on type 'microsoft.graph.event'.", name)
		}
		wanted[name] = true
	}
	maps.DeleteFunc(m, func(name string, _ any) bool { return !wanted[name] && !strings.HasPrefix(name, "@odata.") })
	return nil
}

var (
	extendedPropertyID = regexp.MustCompile(`^[A-Za-z]+ (\{[0-9A-Fa-f-]{36}\} (Name .+|Id 0x[0-9A-Fa-f]+)|0x[0-9A-Fa-f]+)$`)
	expandProperties   = regexp.MustCompile(`^singleValueExtendedProperties\(\$filter=id eq '([^']+)'\)$`)
)

// expand adds the extended properties that $expand asks for; they are never
// there unasked.
func expand(q url.Values, e *event, m map[string]any) *graphError {
	text := q.Get("$expand")
	if text == "" {
		return nil
	}
	match := expandProperties.FindStringSubmatch(text)
	if match == nil {
		return badRequest("RequestBroker--ParseUri", "The $expand '%s' is not supported; m365sim knows singleValueExtendedProperties($filter=id eq '…').", text)
	}
	for _, p := range e.Properties {
		if p.ID == match[1] {
			m["singleValueExtendedProperties"] = []extendedProperty{p}
		}
	}
	return nil
}
