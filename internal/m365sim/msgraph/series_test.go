package msgraph

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// daily is a body of a series on as many days.
func daily(subject string, from, to, days int) record {
	body := plain(subject, from, to)
	body["recurrence"] = record{
		"pattern": record{"type": "daily", "interval": 1},
		"range":   record{"type": "numbered", "startDate": "2026-11-24", "numberOfOccurrences": days},
	}
	return body
}

const week = "startDateTime=2026-11-23T00:00:00Z&endDateTime=2026-11-30T00:00:00Z"

// occurrences of a series in its week.
func (m mailbox) occurrences(id string) []map[string]any {
	m.t.Helper()
	return m.must(http.StatusOK, http.MethodGet, "/me/events/"+id+"/instances?"+week, nil).value(m.t)
}

func TestSeries(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	e := m.create(daily("Stand-up", 2, 3, 4))
	id := e["id"].(string)
	recurrence := e["recurrence"].(record)["range"].(record)
	if e["type"] != "seriesMaster" || recurrence["recurrenceTimeZone"] != "UTC" || recurrence["numberOfOccurrences"] != 4.0 {
		t.Errorf("the master: %v", e)
	}
	all := m.occurrences(id)
	if len(all) != 4 {
		t.Fatalf("%d occurrences, want 4", len(all))
	}
	uids := map[any]bool{}
	for _, o := range all {
		uids[o["iCalUId"]] = true
		if o["type"] != "occurrence" || o["seriesMasterId"] != id || o["recurrence"] != nil {
			t.Errorf("an occurrence: %v", o)
		}
	}
	if len(uids) != 4 || uids[e["iCalUId"]] {
		t.Errorf("iCalUIds: %v", uids)
	}
	if list := m.must(http.StatusOK, http.MethodGet, "/me/events", nil).value(t); len(list) != 1 || list[0]["type"] != "seriesMaster" {
		t.Errorf("/me/events: %v", list)
	}
	second := "/me/events/" + all[1]["id"].(string)
	changed := m.must(http.StatusOK, http.MethodPatch, second, record{"subject": "Retrospective", "start": clockAt("2026-11-25T04:00:00", "UTC"), "end": clockAt("2026-11-25T05:00:00", "UTC")}).json(t)
	if changed["type"] != "exception" || changed["originalStart"] != "2026-11-25T02:00:00.0000000Z" || changed["id"] != all[1]["id"] {
		t.Errorf("the exception: %v", changed)
	}
	for name, tt := range map[string]struct {
		change record
		code   string
	}{
		"to the day before": {record{"start": at(5), "end": at(6)}, "ErrorOccurrenceCrossingBoundary"},
		"over the next":     {record{"start": clockAt("2026-11-28T05:00:00", "UTC"), "end": clockAt("2026-11-28T06:00:00", "UTC")}, "ErrorOccurrenceCrossingBoundary"},
		"a series in it":    {record{"recurrence": daily("", 2, 3, 4)["recurrence"]}, "ErrorInvalidRequest"},
	} {
		if a := m.call(http.MethodPatch, second, tt.change); !a.is(http.StatusBadRequest, tt.code) {
			t.Errorf("%s: %d %s, want %s", name, a.StatusCode, a.body, tt.code)
		}
	}
	m.must(http.StatusAccepted, http.MethodPost, "/me/events/"+all[2]["id"].(string)+"/cancel", record{"comment": "not today"})
	left := m.occurrences(id)
	if got := pick(left, "subject"); !slices.Equal(got, []any{"Stand-up", "Retrospective", "Stand-up"}) {
		t.Errorf("what is left: %v", got)
	}
	if a := m.call(http.MethodGet, "/me/events/"+all[2]["id"].(string), nil); !a.is(http.StatusNotFound, "ErrorItemNotFound") {
		t.Errorf("the cancelled one: %d %s", a.StatusCode, a.body)
	}
	master := m.must(http.StatusOK, http.MethodGet, "/me/events/"+id+"?$select=cancelledOccurrences", nil).json(t)
	if got := master["cancelledOccurrences"].([]any); len(got) != 1 || got[0] != "OID."+id+".2026-11-26" {
		t.Errorf("cancelledOccurrences: %v", got)
	}
	single := m.must(http.StatusOK, http.MethodPatch, "/me/events/"+id, record{"recurrence": nil}).json(t)
	if single["type"] != "singleInstance" {
		t.Errorf("without its recurrence: %v", single["type"])
	}
	if a := m.call(http.MethodGet, "/me/events/"+id+"/instances?"+week, nil); !a.is(http.StatusBadRequest, "ErrorInvalidRequest") {
		t.Errorf("instances of a single event: %d %s", a.StatusCode, a.body)
	}
}

func TestSeriesRefusals(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	for name, tt := range map[string]struct {
		pattern, limits record
		code            string
	}{
		"another first day":  {record{"type": "daily", "interval": 1}, record{"type": "noEnd", "startDate": "2026-11-25"}, "ErrorPropertyValidationFailure"},
		"no interval":        {record{"type": "daily"}, record{"type": "noEnd", "startDate": "2026-11-24"}, "ErrorCalendarInvalidRecurrence"},
		"an ignored mistake": {record{"type": "daily", "interval": 1, "dayOfMonth": 32}, record{"type": "noEnd", "startDate": "2026-11-24"}, "ErrorCalendarInvalidRecurrence"},
		"weekly on no day":   {record{"type": "weekly", "interval": 1}, record{"type": "noEnd", "startDate": "2026-11-24"}, "ErrorCalendarInvalidRecurrence"},
		"an unknown type":    {record{"type": "hourly", "interval": 1}, record{"type": "noEnd", "startDate": "2026-11-24"}, "RequestBodyRead"},
		"an unknown zone": {
			record{"type": "daily", "interval": 1},
			record{"type": "noEnd", "startDate": "2026-11-24", "recurrenceTimeZone": "Asia/Hong_Kong"},
			"TimeZoneNotSupportedException",
		},
	} {
		body := plain("Series", 2, 3)
		body["recurrence"] = record{"pattern": tt.pattern, "range": tt.limits}
		if a := m.call(http.MethodPost, "/me/events", body); !a.is(http.StatusBadRequest, tt.code) {
			t.Errorf("%s: %d %s, want %s", name, a.StatusCode, a.body, tt.code)
		}
	}
	body := daily("Long", 0, 0, 3)
	body["end"] = clockAt("2026-11-25T12:00:00", "UTC")
	if a := m.call(http.MethodPost, "/me/events", body); !a.is(http.StatusBadRequest, "ErrorOccurrenceTimeSpanTooBig") {
		t.Errorf("longer than a day: %d %s", a.StatusCode, a.body)
	}
}

// A series keeps its wall clock when summer begins.
func TestSeriesOverSummerTime(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	body := record{
		"subject": "Morning", "start": clockAt("2027-03-27T09:00:00", "W. Europe Standard Time"), "end": clockAt("2027-03-27T10:00:00", "W. Europe Standard Time"),
		"recurrence": record{
			"pattern": record{"type": "weekly", "interval": 1, "daysOfWeek": []string{"Saturday", "sunday", "monday"}},
			"range":   record{"type": "endDate", "startDate": "2027-03-27", "endDate": "2027-03-29"},
		},
	}
	id := m.create(body)["id"].(string)
	list := m.must(http.StatusOK, http.MethodGet, "/me/events/"+id+"/instances?startDateTime=2027-03-01&endDateTime=2027-04-01", nil).value(t)
	var starts []string
	for _, o := range list {
		starts = append(starts, strings.TrimSuffix(o["start"].(record)["dateTime"].(string), ":00.0000000"))
	}
	if want := []string{"2027-03-27T08:00", "2027-03-28T07:00", "2027-03-29T07:00"}; !slices.Equal(starts, want) {
		t.Errorf("in UTC it begins at %v, want %v", starts, want)
	}
}

// A room answers for a series, and the answer is on its occurrences.
func TestSeriesInARoom(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	body := daily("Stand-up", 2, 3, 4)
	body["attendees"] = []any{attendee(boardroom, "resource")}
	id := m.create(body)["id"].(string)
	s.clock.advance(time.Minute)
	for _, o := range m.occurrences(id) {
		if got := o["attendees"].([]any)[0].(record)["status"].(record)["response"]; got != "accepted" {
			t.Errorf("on %v the room says %v", o["start"], got)
		}
	}
	first := m.occurrences(id)[0]["id"].(string)
	m.must(http.StatusAccepted, http.MethodPost, "/me/events/"+first+"/cancel", record{})
	if got := m.busy(boardroom); len(got) != 0 {
		t.Errorf("on the cancelled day the room is %v", got)
	}
}
