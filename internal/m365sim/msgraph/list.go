package msgraph

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
)

// maxView is the longest window of a view.
const maxView = 1825 * 24 * time.Hour

func (q *query) window() (from, to time.Time, err error) {
	return window(q.values.Get("startdatetime"), q.values.Get("enddatetime"))
}

// window reads the two parameters of a view.
func window(begin, end string) (from, to time.Time, err error) {
	if begin == "" || end == "" {
		return from, to, badRequest("ErrorInvalidParameter", "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.")
	}
	if from, err = parseInstant(begin); err != nil {
		return from, to, err
	}
	if to, err = parseInstant(end); err != nil {
		return from, to, err
	}
	switch {
	case to.Before(from):
		err = badRequest("ErrorInvalidRequest", "Your request can't be completed. The end of the window is before its start.")
	case to.Sub(from) > maxView:
		err = badRequest("ErrorInvalidRequest", "Your request can't be completed. The range between the start and end dates is greater than the allowed range. Maximum number of days: 1825")
	}
	return from, to, err
}

// parseInstant reads a window's end: with an offset, or in UTC. The zone that
// Prefer asks for has no say.
func parseInstant(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, badRequest("ErrorInvalidParameter", "The value '%s' is not a date and time. Is a + in it not written as %%2B?", text)
}

// calendarView lists the events and occurrences that touch a window, by their
// starts.
func (g *Graph) calendarView(v *call) (front.Reply, error) {
	q, err := parseQuery(v.URL.Query(), v.isEventProperty)
	if err != nil {
		return front.Reply{}, err
	}
	from, to, err := q.window()
	if err != nil {
		return front.Reply{}, err
	}
	return v.list(q, "calendarView", v.box.View(v.calendar(), from, to))
}

// listEvents lists events and masters.
func (g *Graph) listEvents(v *call) (front.Reply, error) {
	q, err := parseQuery(v.URL.Query(), v.isEventProperty)
	if err != nil {
		return front.Reply{}, err
	}
	return v.list(q, "events", v.box.Items(v.calendar()))
}

// instances lists a series' occurrences in a window.
func (g *Graph) instances(v *call) (front.Reply, error) {
	it, err := v.item()
	if err != nil {
		return front.Reply{}, err
	}
	q, err := parseQuery(v.URL.Query(), v.isEventProperty)
	if err != nil {
		return front.Reply{}, err
	}
	from, to, err := q.window()
	if err != nil {
		return front.Reply{}, err
	}
	if it.Recurrence == nil {
		return front.Reply{}, badRequest("ErrorInvalidRequest", "Your request can't be completed. The event is not a series master.")
	}
	return v.list(q, "events/instances", it.Occurrences(from, to))
}

// arranged are the items that pass the query's filter, in its order.
func (v *call) arranged(q *query, items []exchange.Item) []exchange.Item {
	if q.filter == nil && len(q.orderBy) == 0 {
		return items
	}
	type row struct {
		item exchange.Item
		subject
	}
	var rows []row
	inUTC := *v
	inUTC.prefer.zone = nil // the zone that Prefer asks for concerns answers only
	for _, it := range items {
		if r := (row{it, subject{inUTC.render(it), v.extendedProperties(it)}}); q.passes(r.subject) {
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return q.compare(a.shown, b.shown) })
	arranged := make([]exchange.Item, 0, len(rows))
	for _, r := range rows {
		arranged = append(arranged, r.item)
	}
	return arranged
}

// list answers a page of events.
func (v *call) list(q *query, what string, items []exchange.Item) (front.Reply, error) {
	items = v.arranged(q, items)
	return v.page(q, what, len(items), func(i int) map[string]any { return v.shown(q, items[i]) }), nil
}

// page answers the part of a list that a query asks for.
func (v *call) page(q *query, what string, total int, show func(i int) map[string]any) front.Reply {
	page := map[string]any{"@odata.context": v.context(what)}
	if q.count {
		page["@odata.count"] = total
	}
	end := min(q.skip+q.top, total)
	if end < total {
		next := v.URL.Query()
		maps.DeleteFunc(next, func(name string, _ []string) bool { return strings.EqualFold(name, "$skip") })
		next.Set("$skip", strconv.Itoa(end))
		page["@odata.nextLink"] = v.Cloud.Graph + v.URL.EscapedPath() + "?" + next.Encode()
	}
	value := []any{}
	for i := q.skip; i < end; i++ {
		value = append(value, show(i))
	}
	page["value"] = value
	return front.JSON(http.StatusOK, page)
}
