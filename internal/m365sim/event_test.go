package m365sim

import (
	"maps"
	"net/http"
	"testing"
)

func TestEventRefusals(t *testing.T) {
	w := newWorld(t)
	m := w.as(alice)
	at := func(text, zone string) map[string]any { return map[string]any{"dateTime": text, "timeZone": zone} }
	many := []any{}
	for range 501 {
		many = append(many, map[string]any{"emailAddress": map[string]any{"address": bob}})
	}
	tests := map[string]struct {
		change map[string]any
		code   string
	}{
		"Hong Kong's own zone":      {map[string]any{"start": at("2026-11-24T10:00:00", "Asia/Hong_Kong")}, "TimeZoneNotSupportedException"},
		"an empty zone":             {map[string]any{"start": at("2026-11-24T10:00:00", "")}, "TimeZoneNotSupportedException"},
		"an offset":                 {map[string]any{"start": at("2026-11-24T10:00:00+08:00", "UTC")}, "ErrorInvalidParameter"},
		"end before start":          {map[string]any{"end": at("2026-11-24T01:00:00", "UTC")}, "ErrorPropertyValidationFailure"},
		"no start":                  {map[string]any{"start": nil}, "ErrorInvalidParameter"},
		"an unknown property":       {map[string]any{"colour": "red"}, "RequestBodyRead"},
		"an unknown inner property": {map[string]any{"location": map[string]any{"floor": 3}}, "RequestBodyRead"},
		"a wrong type":              {map[string]any{"subject": 3}, "RequestBodyRead"},
		"an unknown value":          {map[string]any{"sensitivity": "secret"}, "RequestBodyRead"},
		"an unknown kind of body":   {map[string]any{"body": map[string]any{"contentType": "rtf"}}, "RequestBodyRead"},
		"an unknown kind of guest":  {map[string]any{"attendees": []any{map[string]any{"type": "room"}}}, "RequestBodyRead"},
		"no address":                {map[string]any{"attendees": []any{map[string]any{"type": "required"}}}, "ErrorInvalidRecipients"},
		"too many attendees":        {map[string]any{"attendees": many}, "ErrorInvalidRequest"},
		"a series":                  {map[string]any{"recurrence": map[string]any{}}, "ErrorInvalidRequest"},
		"all day from ten":          {map[string]any{"isAllDay": true}, "ErrorPropertyValidationFailure"},
		"a bad property id":         {map[string]any{"singleValueExtendedProperties": []any{map[string]any{"id": "x", "value": "y"}}}, "ErrorInvalidParameter"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			body := meeting("Review", boardroom, 2, 3)
			maps.Copy(body, tt.change)
			a := m.call(http.MethodPost, "/me/events", body)
			if a.StatusCode != http.StatusBadRequest || a.errorCode(t) != tt.code {
				t.Errorf("%d %s, want 400 %s", a.StatusCode, a.body, tt.code)
			}
		})
	}
	if a := m.call(http.MethodPost, "/me/events", `{"subject": `); a.StatusCode != http.StatusBadRequest || a.errorCode(t) != "BadRequest" {
		t.Errorf("broken JSON: %d %s", a.StatusCode, a.body)
	}
	if n := len(w.eventsOf(alice)); n != 0 {
		t.Errorf("%d events were made", n)
	}
}

func TestTimesAreAnswered(t *testing.T) {
	w := newWorld(t)
	m := w.as(alice)
	body := meeting("Review", boardroom, 2, 3)
	body["start"] = map[string]any{"dateTime": "2026-11-24T10:00:00", "timeZone": "China Standard Time"}
	body["end"] = map[string]any{"dateTime": "2026-11-24T11:30:00.5", "timeZone": "Asia/Shanghai"}
	e := m.create(body)
	if got := e["start"]; !maps.Equal(got.(map[string]any), map[string]any{"dateTime": "2026-11-24T02:00:00.0000000", "timeZone": "UTC"}) {
		t.Errorf("start = %v", got)
	}
	if got := e["end"].(map[string]any)["dateTime"]; got != "2026-11-24T03:30:00.5000000" {
		t.Errorf("end = %v", got)
	}
	if e["originalStartTimeZone"] != "China Standard Time" || e["originalEndTimeZone"] != "Asia/Shanghai" {
		t.Errorf("original zones: %v, %v", e["originalStartTimeZone"], e["originalEndTimeZone"])
	}
	a := m.call(http.MethodGet, "/me/events/"+e["id"].(string), nil, "Prefer", `outlook.timezone="Tokyo Standard Time", IdType="ImmutableId"`)
	if got := a.json(t)["start"].(map[string]any); got["dateTime"] != "2026-11-24T11:00:00.0000000" || got["timeZone"] != "Tokyo Standard Time" {
		t.Errorf("in Tokyo: start = %v", got)
	}
	if got, want := a.Header.Get("Preference-Applied"), `outlook.timezone="Tokyo Standard Time", IdType="ImmutableId"`; got != want {
		t.Errorf("Preference-Applied = %s, want %s", got, want)
	}
	if a := m.call(http.MethodGet, "/me/events", nil, "Prefer", `outlook.timezone='Tokyo Standard Time'`); a.errorCode(t) != "TimeZoneNotSupportedException" {
		t.Errorf("with single quotes: %d %s", a.StatusCode, a.body)
	}
}

func TestAllDayFloats(t *testing.T) {
	w := newWorld(t)
	m := w.as(alice)
	body := meeting("Holiday", boardroom, 0, 0)
	body["isAllDay"] = true
	body["start"] = map[string]any{"dateTime": "2026-11-24T00:00:00", "timeZone": "China Standard Time"}
	body["end"] = map[string]any{"dateTime": "2026-11-25T00:00:00", "timeZone": "China Standard Time"}
	id := m.create(body)["id"].(string)
	for _, zone := range []string{"UTC", "Tokyo Standard Time", "Pacific Standard Time"} {
		e := m.call(http.MethodGet, "/me/events/"+id, nil, "Prefer", `outlook.timezone="`+zone+`"`).json(t)
		if got := e["start"].(map[string]any)["dateTime"]; got != "2026-11-24T00:00:00.0000000" {
			t.Errorf("in %s it begins at %v", zone, got)
		}
	}
}
