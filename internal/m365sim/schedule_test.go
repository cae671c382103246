package m365sim

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestScheduleShows(t *testing.T) {
	w := newWorld(t)
	m := w.as(alice)
	private := meeting("Secret", boardroom, 2, 3)
	private["sensitivity"] = "private"
	m.create(private)
	open := meeting("Review", boardroom, 4, 5)
	open["location"] = map[string]any{"displayName": "Boardroom"}
	m.create(open)
	m.create(meeting("Elsewhere", "peak@contoso.example", 6, 7))
	w.clock.advance(time.Minute)
	a := w.as(bob).call(http.MethodPost, "/me/calendar/getschedule", scheduleBody(boardroom, "peak@contoso.example", alice, "nobody@contoso.example", eve))
	value := a.json(t)["value"].([]any)
	items := func(i int) []any { return value[i].(map[string]any)["scheduleItems"].([]any) }
	first, second, third := items(0)[0].(map[string]any), items(0)[1].(map[string]any), items(1)[0].(map[string]any)
	if _, there := first["subject"]; there || first["isPrivate"] != true || first["status"] != "busy" {
		t.Errorf("a private event: %v", first)
	}
	if second["subject"] != "Review" || second["location"] != "Boardroom" || second["isPrivate"] != false {
		t.Errorf("an open event: %v", second)
	}
	if len(third) != 3 {
		t.Errorf("a room without details: %v", third)
	}
	for _, item := range items(2) {
		if len(item.(map[string]any)) != 3 {
			t.Errorf("alice to bob: %v", item)
		}
	}
	for i, address := range []string{"nobody@contoso.example", eve} {
		info := value[3+i].(map[string]any)
		failed, _ := info["error"].(map[string]any)
		if info["scheduleId"] != address || info["scheduleItems"] != nil || failed["responseCode"] != "5016" {
			t.Errorf("%s: %v", address, info)
		}
	}
	if strings.Contains(a.body, `"id"`) {
		t.Error("getSchedule tells ids")
	}
	info := value[0].(map[string]any)
	if got, want := info["availabilityView"], "0000220022"+strings.Repeat("0", 38); got != want {
		t.Errorf("availabilityView = %v, want %v", got, want)
	}
	zone := info["workingHours"].(map[string]any)["timeZone"].(map[string]any)
	if zone["bias"] != -480.0 || zone["@odata.type"] != "#microsoft.graph.customTimeZone" {
		t.Errorf("Hong Kong's zone: %v", zone)
	}
}

func TestScheduleRefuses(t *testing.T) {
	w := newWorld(t)
	m := w.as(alice)
	at := func(text string) map[string]any { return map[string]any{"dateTime": text, "timeZone": "UTC"} }
	many := []string{}
	for i := range maxSchedules + 1 {
		many = append(many, fmt.Sprintf("room%d@contoso.example", i))
	}
	for name, tt := range map[string]struct {
		change map[string]any
		code   string // "": it passes
	}{
		"62 days":                   {map[string]any{"endTime": at("2027-01-25T00:00:00")}, ""},
		"an interval in quotes":     {map[string]any{"availabilityViewInterval": "15"}, ""},
		"capital letters":           {map[string]any{"AvailabilityViewInterval": 60}, ""},
		"63 days":                   {map[string]any{"endTime": at("2027-01-26T00:00:00")}, "ErrorTimeIntervalTooBig"},
		"an end before the start":   {map[string]any{"endTime": at("2026-11-23T00:00:00")}, "ErrorInvalidTimeInterval"},
		"too many":                  {map[string]any{"schedules": many}, "ErrorMailboxDataArrayTooBig"},
		"none":                      {map[string]any{"schedules": []string{}}, "ErrorInvalidParameter"},
		"too short an interval":     {map[string]any{"availabilityViewInterval": 4}, "ErrorInvalidParameter"},
		"too long an interval":      {map[string]any{"availabilityViewInterval": 1441}, "ErrorInvalidParameter"},
		"a zone that isn't":         {map[string]any{"startTime": map[string]any{"dateTime": "2026-11-24T00:00:00", "timeZone": "Asia/Hong_Kong"}}, "TimeZoneNotSupportedException"},
		"something that isn't JSON": {map[string]any{"schedules": "x"}, "RequestBodyRead"},
	} {
		body := scheduleBody(boardroom)
		for k, v := range tt.change {
			body[k] = v
		}
		a := m.call(http.MethodPost, "/me/calendar/getSchedule", body)
		if tt.code == "" {
			if a.StatusCode != http.StatusOK {
				t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
			}
			continue
		}
		if a.StatusCode != http.StatusBadRequest || a.errorCode(t) != tt.code {
			t.Errorf("%s: %d %s, want 400 %s", name, a.StatusCode, a.body, tt.code)
		}
	}
}
