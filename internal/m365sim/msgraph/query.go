package msgraph

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
)

// Limits of lists (https://learn.microsoft.com/graph/api/user-list-calendarview).
const (
	defaultPage = 10
	maxPage     = 1000
)

// A query is what a request asks of a list or an entity
// (https://learn.microsoft.com/graph/query-parameters).
type query struct {
	values  url.Values // with names in lower case
	top     int
	skip    int
	count   bool
	fields  []string // of $select; nil: all
	filter  condition
	orderBy []order
	expands string // the id of an extended property, or ""
}

var expandProperties = regexp.MustCompile(`^singleValueExtendedProperties\(\$filter=id eq '([^']+)'\)$`)

// parseQuery reads a query; known says which properties there are.
func parseQuery(given url.Values, known func(property string) bool) (*query, error) {
	q := &query{values: url.Values{}}
	for name, values := range given {
		lower := strings.ToLower(name)
		if strings.HasPrefix(name, "$") && (len(values) > 1 || q.values.Has(lower)) {
			return nil, badRequest("BadRequest", "Query option '%s' was specified more than once, but it must be specified at most once.", name)
		}
		q.values[lower] = values
	}
	var err error
	if q.top, err = q.number("$top", defaultPage, 1, maxPage); err != nil {
		return nil, err
	}
	if q.skip, err = q.number("$skip", 0, 0, 1<<30); err != nil {
		return nil, err
	}
	q.count = strings.EqualFold(q.values.Get("$count"), "true")
	for name := range strings.SplitSeq(q.values.Get("$select"), ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !known(name) {
			return nil, badRequest("RequestBroker--ParseUri", "Could not find a property named '%s'.", name)
		}
		q.fields = append(q.fields, name)
	}
	if text := q.values.Get("$expand"); text != "" {
		match := expandProperties.FindStringSubmatch(text)
		if match == nil {
			return nil, badRequest("RequestBroker--ParseUri", "The $expand '%s' is not supported; m365sim knows singleValueExtendedProperties($filter=id eq '…').", text)
		}
		q.expands = match[1]
	}
	if q.values.Has("$search") {
		return nil, badRequest("ErrorInvalidUrlQuery", "The query parameter $search is not supported here.")
	}
	if q.filter, err = parseFilter(q.values.Get("$filter"), known); err != nil {
		return nil, err
	}
	q.orderBy, err = parseOrder(q.values.Get("$orderby"), known)
	return q, err
}

func (q *query) number(name string, otherwise, least, most int) (int, error) {
	if !q.values.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.Atoi(q.values.Get(name))
	if err != nil || n < least || n > most {
		return 0, badRequest("ErrorInvalidUrlQuery", "The value '%s' of %s is not between %d and %d.", q.values.Get(name), name, least, most)
	}
	return n, nil
}

// selected keeps what $select names; ids and annotations always stay.
func (q *query) selected(m map[string]any) {
	if q.fields == nil {
		return
	}
	wanted := append([]string{"id", "singleValueExtendedProperties"}, q.fields...)
	if slices.Contains(q.fields, "location") {
		wanted = append(wanted, "locations") // comes with it in all examples
	}
	maps.DeleteFunc(m, func(name string, _ any) bool {
		return !slices.Contains(wanted, name) && !strings.HasPrefix(name, "@odata.")
	})
}

// cancelledOccurrences of a series, by their occurrenceIds.
func cancelledOccurrences(it exchange.Item, immutable bool) []string {
	ids := []string{}
	for _, day := range slices.Sorted(maps.Keys(it.Gone)) {
		ids = append(ids, fmt.Sprintf("OID.%s.%s", it.ID(immutable), day))
	}
	return ids
}

// shown is an item with what the query selects and expands.
func (v *call) shown(q *query, it exchange.Item) map[string]any {
	m := v.render(it)
	if q.expands != "" { // never there unasked
		for _, p := range v.extendedProperties(it) {
			if p.ID == q.expands {
				m["singleValueExtendedProperties"] = []exchange.Property{p}
			}
		}
	}
	if slices.Contains(q.fields, "cancelledOccurrences") { // nor this
		m["cancelledOccurrences"] = cancelledOccurrences(it, v.prefer.immutableID)
	}
	q.selected(m)
	return m
}
