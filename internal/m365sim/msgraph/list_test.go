package msgraph

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A filled mailbox has twelve events, m0 to m11, by the hour.
func filled(t *testing.T) mailbox {
	t.Helper()
	m := newSim(t).as(alice)
	for i := range 12 {
		hour := 11 - i // made from the last to the first
		body := plain(fmt.Sprintf("m%d", hour), hour, hour+1)
		body["reminderMinutesBeforeStart"], body["importance"] = hour, []string{"low", "high"}[hour%2]
		body["singleValueExtendedProperties"] = []any{record{"id": oursID, "value": fmt.Sprintf("V%d", hour)}, record{"id": oursID + "2", "value": "x"}}
		body["location"] = record{"displayName": fmt.Sprintf("Room %d", hour)}
		m.create(body)
	}
	return m
}

func TestPages(t *testing.T) {
	m := filled(t)
	for name, tt := range map[string]struct {
		query string
		pages int
	}{
		"by default": {"", 2}, "by five": {"&$top=5", 3}, "from the third": {"&$TOP=5&$Skip=2", 2}, "all": {"&$top=1000", 1}, "beyond": {"&$skip=50", 1},
	} {
		subjects, pages, skipped := []string{}, 0, strings.Contains(tt.query, "Skip")
		for next := "/me/calendarView?" + thatDay + "&$select=subject,start" + tt.query; next != ""; pages++ {
			a := m.must(http.StatusOK, http.MethodGet, next, nil)
			for _, e := range a.value(t) {
				subjects = append(subjects, e["subject"].(string))
				if _, there := e["end"]; there || e["id"] == nil || e["@odata.etag"] == nil {
					t.Errorf("$select=subject,start answers %v", e)
				}
			}
			next, _ = a.json(t)["@odata.nextLink"].(string)
		}
		want := 12
		switch {
		case skipped:
			want = 10
		case name == "beyond":
			want = 0
		}
		if pages != tt.pages || len(subjects) != want || want == 12 && subjects[11] != "m11" {
			t.Errorf("%s: %d pages of %v, want %d of %d events", name, pages, subjects, tt.pages, want)
		}
	}
}

func TestViewWindow(t *testing.T) {
	m := filled(t)
	for query, want := range map[string][]any{
		"startdatetime=2026-11-24T10:00:00%2B08:00&enddatetime=2026-11-24T03:00:00": {"m2"},
		"startDateTime=2026-11-24T02:30&endDateTime=2026-11-24T03:30:00Z":           {"m2", "m3"},
		"startDateTime=2026-11-25&endDateTime=2026-11-26":                           {},
		"startDateTime=2026-11-24&endDateTime=2031-11-23":                           {"m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9"},
	} {
		// The zone of the answer has no say in what the window means.
		got := pick(m.must(http.StatusOK, http.MethodGet, "/me/calendarView?"+query, nil, "Prefer", `outlook.timezone="Tokyo Standard Time"`).value(t), "subject")
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
}

func TestFilters(t *testing.T) {
	m := filled(t)
	for filter, want := range map[string]int{
		"subject eq 'm3'": 1, "subject ne 'M3'": 11, "startswith(subject,'m1')": 3, "contains(subject, '1')": 3,
		"start/dateTime ge '2026-11-24T10:00:00Z'":                                                2,
		"start/dateTime gt '2026-11-24T10:00:00'":                                                 1,
		"start/dateTime eq '2026-11-24T10:00:00Z'":                                                1,
		"start/dateTime le '2026-11-24T01:00'":                                                    2,
		"start/dateTime lt '2026-11-24T01:00:00.0000000'":                                         1,
		"start/dateTime ge '2026-11-24T10:00:00+08:00' and end/dateTime le '2026-11-24T04:00:00'": 2,
		"reminderMinutesBeforeStart gt 9":                                                         2,
		"reminderMinutesBeforeStart le 9 and importance eq 'high'":                                5,
		"(subject eq 'm1' or subject eq 'm2') and not (subject eq 'm2')":                          1,
		"isAllDay eq false":      12,
		"seriesMasterId eq null": 12,
		"seriesMasterId ne null": 0,
		"organizer/emailAddress/address eq 'alice@contoso.example'": 12,
		"location/displayName eq 'room 4'":                          1,
		"responseStatus/response eq 'organizer'":                    12,
		"location/nothing eq 'x'":                                   0,
		"subject eq 'it''s'":                                        0,
		// What is null is equal to null only, and no less and no more than anything.
		"seriesMasterId eq 'null'": 0, "seriesMasterId ne 'x'": 12, "not seriesMasterId eq 'x'": 12, "subject ne null": 12, "subject eq null": 0,
		"seriesMasterId gt 'a' or seriesMasterId le 'z'": 0, "seriesMasterId ge null": 0, "contains(seriesMasterId,'n')": 0,
		"createdDateTime ge 2026-11-23T00:00:00Z":                                                                   12,
		"singleValueExtendedProperties/Any(ep: ep/id eq '" + oursID + "' and ep/value eq 'v4')":                     1,
		"singleValueExtendedProperties/any(x:x/id eq '" + strings.ToLower(oursID) + "' and x/value eq 'v4')":        0,
		"singleValueExtendedProperties/any(x:x/id eq '" + oursID + "' and x/value eq 'v4') or subject eq 'm5'":      2,
		"singleValueExtendedProperties/any(x:x/id eq '" + oursID + "' and x/value eq 'v4') and not subject eq 'm4'": 0,
	} {
		a := m.must(http.StatusOK, http.MethodGet, "/me/events?$count=true&$top=1000&$filter="+escaped(filter), nil, "Prefer", `outlook.timezone="Tokyo Standard Time"`)
		if got := len(a.value(t)); got != want || a.json(t)["@odata.count"] != float64(want) {
			t.Errorf("%s: %d events, counted %v, want %d", filter, got, a.json(t)["@odata.count"], want)
		}
		if strings.Contains(a.body, "singleValueExtendedProperties") {
			t.Errorf("%s: extended properties come unasked", filter)
		}
	}
}

func TestFilterRefusals(t *testing.T) {
	m := newSim(t).as(alice)
	for _, filter := range []string{
		"colour eq 'red'", "subject eq red", "subject is 'red'", "subject eq", "eq", "(subject eq 'a'", "subject eq 'a')", "subject eq 'a' and",
		"not", "startswith(subject 'a')", "startswith(subject,'a'", "contains(colour,'a')", "startswith subject", "contains(subject,a)", "subject eq 'a",
		"attendees/any(a: a/emailAddress/address eq 'x')", "singleValueExtendedProperties/any(a: b/id eq 'x' and a/value eq 'y')",
		"subject eq '" + strings.Repeat("x", maxFilter) + "'",
		"subject eq 5", "isAllDay eq 'true'", "isAllDay eq 1", "reminderMinutesBeforeStart gt '9'", "start/dateTime ge 2026-11-24T10:00:00Z",
		"createdDateTime ge '2026-11-23T00:00:00Z'", "contains(isAllDay,'t')", "startswith(subject,true)", "startswith(subject,null)",
	} {
		if a := m.call(http.MethodGet, "/me/events?$filter="+escaped(filter), nil); !a.is(http.StatusBadRequest, "BadRequest") {
			t.Errorf("%.80s: %d %s", filter, a.StatusCode, a.body)
		}
	}
}

func TestOrders(t *testing.T) {
	m := filled(t)
	for order, want := range map[string][]any{
		"start/dateTime": {"m0", "m1", "m2"}, "start/dateTime desc": {"m11", "m10", "m9"}, "subject DESC": {"m9", "m8", "m7"},
		"reminderMinutesBeforeStart desc": {"m11", "m10", "m9"}, "importance, reminderMinutesBeforeStart asc": {"m1", "m3", "m5"}, "seriesMasterId desc,subject": {"m0", "m1", "m10"}, ",": {"m0", "m1", "m2"},
	} {
		if got := pick(m.must(http.StatusOK, http.MethodGet, "/me/events?$top=3&$orderby="+escaped(order), nil).value(t), "subject"); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", order, got, want)
		}
	}
}

func TestExpandedProperties(t *testing.T) {
	m := filled(t)
	expand := escaped("singleValueExtendedProperties($filter=id eq '" + oursID + "')")
	for _, e := range m.must(http.StatusOK, http.MethodGet, "/me/events?$select=subject&$expand="+expand, nil).value(t) {
		got := e["singleValueExtendedProperties"].([]any)
		if len(got) != 1 || got[0].(record)["value"] != "V"+e["subject"].(string)[1:] || e["start"] != nil {
			t.Errorf("%v", e)
		}
	}
	id := m.view()[0]["id"].(string)
	m.must(http.StatusOK, http.MethodPatch, "/me/events/"+id, record{"singleValueExtendedProperties": []any{record{"id": oursID, "value": "new"}}})
	e := m.must(http.StatusOK, http.MethodGet, "/me/events/"+id+"?$expand="+expand, nil).json(t)
	if got := e["singleValueExtendedProperties"].([]any)[0].(record)["value"]; got != "new" {
		t.Errorf("after a change: %v", got)
	}
}

func TestQueryRefusals(t *testing.T) {
	m := newSim(t).as(alice)
	view := "/me/calendarView?" + thatDay
	for path, code := range map[string]string{
		"/me/calendarView": "ErrorInvalidParameter",
		"/me/calendarView?startDateTime=2026-11-24T00:00:00+08:00&endDateTime=2026-11-25T00:00:00Z": "ErrorInvalidParameter",
		"/me/calendarView?startDateTime=2026-11-24T00:00:00Z&endDateTime=soon":                      "ErrorInvalidParameter",
		"/me/calendarView?startDateTime=2026-11-24&endDateTime=2026-11-23":                          "ErrorInvalidRequest",
		"/me/calendarView?startDateTime=2026-11-24&endDateTime=2031-11-24":                          "ErrorInvalidRequest",
		"/me/events/x/instances?" + thatDay:                                                         "ErrorInvalidIdMalformed",
		view + "&$top=0":                                                                            "ErrorInvalidUrlQuery",
		view + "&$top=1001":                                                                         "ErrorInvalidUrlQuery",
		view + "&$top=ten":                                                                          "ErrorInvalidUrlQuery",
		view + "&$skip=-1":                                                                          "ErrorInvalidUrlQuery",
		view + "&$top=1&$TOP=2":                                                                     "BadRequest",
		view + "&$top=1&$top=2":                                                                     "BadRequest",
		view + "&$select=colour":                                                                    "RequestBroker--ParseUri",
		view + "&$expand=attachments":                                                               "RequestBroker--ParseUri",
		view + "&$orderby=colour":                                                                   "BadRequest",
		view + "&$orderby=subject%20up":                                                             "BadRequest",
		view + "&$search=%22x%22":                                                                   "ErrorInvalidUrlQuery",
	} {
		if a := m.call(http.MethodGet, path, nil); !a.is(http.StatusBadRequest, code) {
			t.Errorf("%s: %d %s, want 400 %s", path, a.StatusCode, a.body, code)
		}
	}
}
