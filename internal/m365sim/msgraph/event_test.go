package msgraph

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// oursID is an extended property's.
const oursID = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Ours"

func escaped(s string) string { return url.QueryEscape(s) }

func frontCall(c world.Cloud, now time.Time) *front.Call { return &front.Call{Cloud: c, Now: now} }

func TestEventRefusals(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	many := []any{}
	for range 501 {
		many = append(many, attendee(bob, "required"))
	}
	for name, tt := range map[string]struct {
		change record
		code   string
	}{
		"Hong Kong's own zone":      {record{"start": clockAt("2026-11-24T10:00:00", "Asia/Hong_Kong")}, "TimeZoneNotSupportedException"},
		"a legacy zone":             {record{"start": clockAt("2026-11-24T10:00:00", "tzone://Microsoft/Custom")}, "TimeZoneNotSupportedException"},
		"an empty zone":             {record{"start": clockAt("2026-11-24T10:00:00", "")}, "TimeZoneNotSupportedException"},
		"an offset":                 {record{"start": clockAt("2026-11-24T10:00:00+08:00", "UTC")}, "ErrorInvalidParameter"},
		"UTC's letter elsewhere":    {record{"start": clockAt("2026-11-24T01:00:00Z", "Asia/Tokyo")}, "ErrorInvalidParameter"},
		"end before start":          {record{"end": at(1)}, "ErrorPropertyValidationFailure"},
		"no start":                  {record{"start": nil}, "ErrorInvalidParameter"},
		"an unknown property":       {record{"colour": "red"}, "RequestBodyRead"},
		"an unknown inner property": {record{"location": record{"floor": 3}}, "RequestBodyRead"},
		"a wrong type":              {record{"subject": 3}, "RequestBodyRead"},
		"an unknown value":          {record{"sensitivity": "secret"}, "RequestBodyRead"},
		"a value of another type":   {record{"showAs": 3}, "RequestBodyRead"},
		"an unknown kind of body":   {record{"body": record{"contentType": "rtf"}}, "RequestBodyRead"},
		"an unknown kind of guest":  {record{"attendees": []any{record{"type": "room"}}}, "RequestBodyRead"},
		"no address":                {record{"attendees": []any{record{"type": "required"}}}, "ErrorInvalidRecipients"},
		"too many attendees":        {record{"attendees": many}, "ErrorInvalidRequest"},
		"a series without pattern":  {record{"recurrence": record{}}, "RequestBodyRead"},
		"all day from two":          {record{"isAllDay": true}, "ErrorPropertyValidationFailure"},
		"a truth that isn't":        {record{"isOnlineMeeting": "maybe"}, "RequestBodyRead"},
		"a bad property id":         {record{"singleValueExtendedProperties": []any{record{"id": "x", "value": "y"}}}, "ErrorInvalidParameter"},
	} {
		t.Run(name, func(t *testing.T) {
			body := meeting("Review", boardroom, 2, 3)
			maps.Copy(body, tt.change)
			if a := m.call(http.MethodPost, "/me/events", body); !a.is(http.StatusBadRequest, tt.code) {
				t.Errorf("%d %s, want 400 %s", a.StatusCode, a.body, tt.code)
			}
		})
	}
	for _, body := range []string{`{"subject": `, `null`, `[]`, ``} {
		if a := m.call(http.MethodPost, "/me/events", body); !a.is(http.StatusBadRequest, "BadRequest") {
			t.Errorf("%q: %d %s", body, a.StatusCode, a.body)
		}
	}
	if n := len(s.eventsOf(alice)); n != 0 {
		t.Errorf("%d events were made", n)
	}
}

func TestTimesAreAnswered(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	body := meeting("Review", boardroom, 2, 3)
	body["start"] = clockAt("2026-11-24T10:00:00", "China Standard Time")
	body["end"] = clockAt("2026-11-24T11:30:00.5", "Asia/Shanghai")
	e := m.create(body)
	if got := e["start"].(record); !maps.Equal(got, clockAt("2026-11-24T02:00:00.0000000", "UTC")) {
		t.Errorf("start = %v", got)
	}
	if got := e["end"].(record)["dateTime"]; got != "2026-11-24T03:30:00.5000000" {
		t.Errorf("end = %v", got)
	}
	if e["originalStartTimeZone"] != "China Standard Time" || e["originalEndTimeZone"] != "Asia/Shanghai" {
		t.Errorf("original zones: %v, %v", e["originalStartTimeZone"], e["originalEndTimeZone"])
	}
	path := "/me/events/" + e["id"].(string)
	const prefer = `outlook.timezone="Tokyo Standard Time", IdType="ImmutableId"`
	a := m.call(http.MethodGet, path, nil, "Prefer", prefer)
	if got := a.json(t)["start"].(record); !maps.Equal(got, clockAt("2026-11-24T11:00:00.0000000", "Tokyo Standard Time")) {
		t.Errorf("in Tokyo: start = %v", got)
	}
	if got := a.Header.Get("Preference-Applied"); got != prefer {
		t.Errorf("Preference-Applied = %s", got)
	}
	for _, zone := range []string{"'Tokyo Standard Time'", `"Asia/Hong_Kong"`, `""`} {
		if a := m.call(http.MethodGet, "/me/events", nil, "Prefer", "outlook.timezone="+zone); !a.is(http.StatusBadRequest, "TimeZoneNotSupportedException") {
			t.Errorf("Prefer %s: %d %s", zone, a.StatusCode, a.body)
		}
	}
	// Without a zone a change is in UTC.
	moved := m.must(http.StatusOK, http.MethodPatch, path, record{"start": record{"dateTime": "2026-11-24T01:00:00"}}).json(t)
	if moved["start"].(record)["dateTime"] != "2026-11-24T01:00:00.0000000" || moved["originalStartTimeZone"] != "UTC" {
		t.Errorf("moved: %v", moved)
	}
}

func TestPreferences(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	body := plain("Review", 2, 3)
	body["body"] = record{"contentType": "HTML", "content": "<p>one &amp; two</p>"}
	a := m.must(http.StatusNoContent, http.MethodPost, "/me/events", body, "Prefer", "return=minimal")
	if a.body != "" || a.Header.Get("Location") == "" || a.Header.Get("Preference-Applied") != "return=minimal" {
		t.Errorf("minimal: %s %v", a.body, a.Header)
	}
	path := "/me/events/" + s.eventsOf(alice)[0].ID(false)
	const text = `outlook.body-content-type="text"`
	a = m.must(http.StatusOK, http.MethodGet, path, nil, "Prefer", text+", return=minimal, odata.maxpagesize=2, respond-async")
	if got := a.json(t)["body"].(record); got["contentType"] != "text" || got["content"] != "one & two" || a.Header.Get("Preference-Applied") != text {
		t.Errorf("as text: %v, applied %q", got, a.Header.Get("Preference-Applied"))
	}
	if got := m.must(http.StatusOK, http.MethodGet, path, nil).json(t)["body"].(record); got["content"] != "<p>one &amp; two</p>" || got["contentType"] != "html" {
		t.Errorf("as HTML: %v", got)
	}
	m.must(http.StatusNoContent, http.MethodPatch, path, record{"body": record{"content": "a < b"}}, "Prefer", "return=minimal")
	if got := m.must(http.StatusOK, http.MethodGet, path, nil).json(t); !strings.Contains(got["body"].(record)["content"].(string), "a &lt; b") || got["bodyPreview"] != "a < b" {
		t.Errorf("text as HTML: %v", got["body"])
	}
}

func TestAllDay(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	body := plain("Holiday", 0, 0)
	body["isAllDay"], body["start"], body["end"] = true, clockAt("2026-11-24T00:00:00", "China Standard Time"), clockAt("2026-11-25T00:00:00", "China Standard Time")
	path := "/me/events/" + m.create(body)["id"].(string)
	starts := func(want string) {
		t.Helper()
		for _, zone := range []string{"UTC", "Tokyo Standard Time", "Pacific Standard Time"} {
			e := m.must(http.StatusOK, http.MethodGet, path, nil, "Prefer", `outlook.timezone="`+zone+`"`).json(t)
			if got := e["start"].(record)["dateTime"]; got != want {
				t.Errorf("in %s it begins at %v, want %s", zone, got, want)
			}
		}
	}
	starts("2026-11-24T00:00:00.0000000")
	// One end can be moved alone; it stays a day elsewhere too.
	m.must(http.StatusOK, http.MethodPatch, path, record{"start": clockAt("2026-11-23T00:00:00", "China Standard Time")})
	starts("2026-11-23T00:00:00.0000000")
	m.must(http.StatusOK, http.MethodPatch, path, record{"isAllDay": true, "subject": "Same"})
	for name, change := range map[string]record{
		"a midnight elsewhere": {"start": clockAt("2026-11-22T00:00:00", "UTC")},
		"no midnight":          {"end": clockAt("2026-11-25T01:00:00", "China Standard Time")},
		"no day any more":      {"isAllDay": false},
		"no day at all":        {"end": clockAt("2026-11-23T00:00:00", "China Standard Time")},
	} {
		if a := m.call(http.MethodPatch, path, change); !a.is(http.StatusBadRequest, "ErrorPropertyValidationFailure") {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	timed := "/me/events/" + m.create(plain("Timed", 2, 3))["id"].(string)
	if a := m.call(http.MethodPatch, timed, record{"isAllDay": true}); !a.is(http.StatusBadRequest, "ErrorPropertyValidationFailure") {
		t.Errorf("from two to three becomes a day: %d %s", a.StatusCode, a.body)
	}
	m.must(http.StatusOK, http.MethodPatch, timed, record{"isAllDay": true, "start": at(0), "end": clockAt("2026-11-25T00:00:00", "UTC")})
}

func TestWritingProperties(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	body := plain("Review", 2, 3)
	body["locations"] = []any{record{"displayName": "A", "locationEmailAddress": boardroom, "coordinates": record{"latitude": 1.5}}, record{"displayName": "B"}}
	body["categories"] = []string{"Red", "Blue"}
	body["@odata.type"] = "microsoft.graph.event"
	e := m.create(body)
	path := "/me/events/" + e["id"].(string)
	if got := e["location"].(record)["displayName"]; got != "A; B" {
		t.Errorf("two locations are shown as %v", got)
	}
	e = m.must(http.StatusOK, http.MethodPatch, path, record{"locations": []any{record{"displayName": "C"}}, "categories": []string{"Green"}}).json(t)
	location := e["locations"].([]any)[0].(record)
	if location["displayName"] != "C" || location["locationEmailAddress"] != nil || location["coordinates"] != nil {
		t.Errorf("a new location keeps parts of the old one: %v", location)
	}
	if got := e["categories"].([]any); !slices.Equal(got, []any{"Green"}) {
		t.Errorf("categories: %v", got)
	}
	e = m.must(http.StatusOK, http.MethodPatch, path, record{"location": record{"displayName": "D"}, "subject": nil}).json(t)
	if len(e["locations"].([]any)) != 1 || e["subject"] != "" {
		t.Errorf("after changing the location: %v, %v", e["locations"], e["subject"])
	}
	// Somebody sends back all that they got.
	whole := m.must(http.StatusOK, http.MethodGet, path, nil).json(t)
	if again := m.must(http.StatusOK, http.MethodPatch, path, whole).json(t); again["subject"] != whole["subject"] || again["id"] != whole["id"] {
		t.Errorf("sent back: %v", again)
	}
}

func TestOnlineMeeting(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	body := plain("Call", 2, 3)
	body["isOnlineMeeting"], body["body"] = true, record{"contentType": "text", "content": "a < b"}
	e := m.create(body)
	path := "/me/events/" + e["id"].(string)
	join, _ := e["onlineMeeting"].(record)["joinUrl"].(string)
	if e["onlineMeetingProvider"] != "teamsForBusiness" || !strings.HasPrefix(join, "https://teams.microsoft.com/l/meetup-join/") {
		t.Fatalf("%v", e)
	}
	content := e["body"].(record)["content"].(string)
	if !strings.Contains(content, join) || !strings.Contains(content, "a &lt; b") {
		t.Errorf("the body: %s", content)
	}
	kept := m.must(http.StatusOK, http.MethodPatch, path, record{"isOnlineMeeting": false, "body": record{"contentType": "html", "content": "<p>new</p>" + content}}).json(t)
	if kept["onlineMeeting"].(record)["joinUrl"] != join {
		t.Errorf("with its blob the meeting is %v", kept["onlineMeeting"])
	}
	lost := m.must(http.StatusOK, http.MethodPatch, path, record{"body": record{"contentType": "html", "content": "<p>new</p>"}}).json(t)
	if lost["onlineMeeting"] != nil || lost["isOnlineMeeting"] != false {
		t.Errorf("without its blob the meeting is %v", lost["onlineMeeting"])
	}
}

func faultOf(code string) front.Fault { return front.Fault{Match: "* /v1.0/me/*", Code: code} }
