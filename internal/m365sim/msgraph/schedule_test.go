package msgraph

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

func TestScheduleShows(t *testing.T) {
	s := newSim(t, share(carol, "default", world.RoleNone))
	m := s.as(alice)
	private := meeting("Secret", boardroom, 2, 3)
	private["sensitivity"] = "private"
	m.create(private)
	open := meeting("Review", boardroom, 4, 5)
	open["location"] = record{"displayName": "Boardroom"}
	m.create(open)
	m.create(meeting("Elsewhere", peak, 6, 7))
	s.clock.advance(time.Minute)
	const nobody = "nobody@contoso.example"
	a := s.as(bob).must(http.StatusOK, http.MethodPost, "/me/calendar/getschedule", scheduleOf(boardroom, peak, alice, nobody, eve, carol))
	value := a.value(t)
	items := func(i int) []any { return value[i]["scheduleItems"].([]any) }
	first, second, third := items(0)[0].(record), items(0)[1].(record), items(1)[0].(record)
	if _, there := first["subject"]; there || first["isPrivate"] != true || first["status"] != "busy" || first["location"] != nil {
		t.Errorf("a private event: %v", first)
	}
	if second["subject"] != "Review" || second["location"] != "Boardroom" || second["isPrivate"] != false {
		t.Errorf("an open event: %v", second)
	}
	if len(third) != 3 {
		t.Errorf("a room without details: %v", third)
	}
	for _, item := range items(2) {
		if len(item.(record)) != 3 {
			t.Errorf("alice to bob: %v", item)
		}
	}
	for i, want := range map[int]string{3: "5016", 4: "5016", 5: "5009"} {
		failed, _ := value[i]["error"].(record)
		if value[i]["scheduleId"] != []string{3: nobody, 4: eve, 5: carol}[i] || value[i]["scheduleItems"] != nil || failed["responseCode"] != want {
			t.Errorf("%v, want %s", value[i], want)
		}
	}
	if strings.Contains(a.body, `"id"`) {
		t.Error("getSchedule tells ids")
	}
	if got, want := value[0]["availabilityView"], "0000220022"+strings.Repeat("0", 38); got != want {
		t.Errorf("availabilityView = %v, want %v", got, want)
	}
	zone := value[0]["workingHours"].(record)["timeZone"].(record)
	if zone["bias"] != -480.0 || zone["@odata.type"] != "#microsoft.graph.customTimeZone" {
		t.Errorf("Hong Kong's zone: %v", zone)
	}
	if zone := value[2]["workingHours"].(record)["timeZone"].(record); zone["name"] != "UTC" {
		t.Errorf("alice's zone: %v", zone)
	}
}

func TestAvailabilityDigits(t *testing.T) {
	m := newSim(t).as(alice)
	for i, status := range []string{"free", "tentative", "busy", "oof", "workingElsewhere", "unknown"} {
		body := plain(status, 2*i, 2*i+1)
		body["showAs"] = status
		m.create(body)
	}
	over := plain("over", 2, 5) // over the tentative and the busy one
	over["showAs"] = "tentative"
	m.create(over)
	body := scheduleOf(alice)
	body["availabilityViewInterval"] = 60
	got := m.must(http.StatusOK, http.MethodPost, "/me/calendar/getSchedule", body).value(t)[0]
	if want := "0011203" + strings.Repeat("0", 17); got["availabilityView"] != want {
		t.Errorf("availabilityView = %v, want %s", got["availabilityView"], want)
	}
	if statuses := m.busy(alice); slices.Contains(statuses, "free") || len(statuses) != 6 {
		t.Errorf("statuses: %v", statuses)
	}
	body["availabilityViewInterval"], body["endTime"] = 1440, at(3)
	if got := m.must(http.StatusOK, http.MethodPost, "/me/calendar/getSchedule", body).value(t)[0]["availabilityView"]; got != "1" {
		t.Errorf("one slot: %v", got)
	}
}

// An all-day event takes the day of whoever asks.
func TestScheduleOfADay(t *testing.T) {
	m := newSim(t).as(alice)
	body := plain("Holiday", 0, 0)
	body["isAllDay"], body["end"], body["showAs"] = true, clockAt("2026-11-25T00:00:00", "UTC"), "oof"
	m.create(body)
	for zone, want := range map[string]string{"UTC": "2026-11-24T00:00:00", "China Standard Time": "2026-11-23T16:00:00", "Pacific Standard Time": "2026-11-24T08:00:00"} {
		ask := record{"schedules": []string{alice}, "startTime": clockAt("2026-11-24T00:00:00", zone), "endTime": clockAt("2026-11-25T00:00:00", zone), "availabilityViewInterval": 720}
		got := m.must(http.StatusOK, http.MethodPost, "/me/calendar/getSchedule", ask).value(t)[0]
		item := got["scheduleItems"].([]any)[0].(record)
		if got["availabilityView"] != "33" || item["start"].(record)["dateTime"] != want+".0000000" {
			t.Errorf("in %s: %v from %v, want 33 from %s", zone, got["availabilityView"], item["start"], want)
		}
		local := m.must(http.StatusOK, http.MethodPost, "/me/calendar/getSchedule", ask, "Prefer", `outlook.timezone="`+zone+`"`).value(t)[0]
		if at := local["scheduleItems"].([]any)[0].(record)["start"].(record)["dateTime"]; at != "2026-11-24T00:00:00.0000000" {
			t.Errorf("in %s, shown there: %v", zone, at)
		}
	}
}

func TestScheduleRefuses(t *testing.T) {
	m := newSim(t).as(alice)
	many := []string{}
	for i := range maxSchedules + 1 {
		many = append(many, fmt.Sprintf("room%d@contoso.example", i))
	}
	for name, tt := range map[string]struct {
		change record
		code   string // "": it passes
	}{
		"62 days":                   {record{"endTime": clockAt("2027-01-25T00:00:00", "UTC")}, ""},
		"an interval in quotes":     {record{"availabilityViewInterval": "15"}, ""},
		"capital letters":           {record{"AvailabilityViewInterval": 60}, ""},
		"as many as go":             {record{"schedules": many[1:]}, ""},
		"63 days":                   {record{"endTime": clockAt("2027-01-26T00:00:00", "UTC")}, "ErrorTimeIntervalTooBig"},
		"an end before the start":   {record{"endTime": clockAt("2026-11-23T00:00:00", "UTC")}, "ErrorInvalidTimeInterval"},
		"no time at all":            {record{"endTime": at(0)}, "ErrorInvalidTimeInterval"},
		"too many":                  {record{"schedules": many}, "ErrorMailboxDataArrayTooBig"},
		"none":                      {record{"schedules": []string{}}, "ErrorInvalidParameter"},
		"too short an interval":     {record{"availabilityViewInterval": 4}, "ErrorInvalidParameter"},
		"too long an interval":      {record{"availabilityViewInterval": 1441}, "ErrorInvalidParameter"},
		"a fraction of a minute":    {record{"availabilityViewInterval": 5.5}, "ErrorInvalidParameter"},
		"a zone that isn't":         {record{"startTime": clockAt("2026-11-24T00:00:00", "Asia/Hong_Kong")}, "TimeZoneNotSupportedException"},
		"an end that isn't":         {record{"endTime": clockAt("soon", "UTC")}, "ErrorInvalidParameter"},
		"no start":                  {record{"startTime": nil}, "ErrorInvalidParameter"},
		"something that isn't JSON": {record{"schedules": "x"}, "RequestBodyRead"},
	} {
		body := scheduleOf(boardroom)
		maps.Copy(body, tt.change)
		a := m.call(http.MethodPost, "/me/calendar/getSchedule", body)
		if want := map[bool]int{true: http.StatusOK, false: http.StatusBadRequest}[tt.code == ""]; !a.is(want, tt.code) {
			t.Errorf("%s: %d %s, want %d %s", name, a.StatusCode, a.body, want, tt.code)
		}
	}
}

func TestScheduleOfAFullCalendar(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	m.create(daily("Daily", 2, 3, 60))
	s.do(func(now time.Time) { s.fill(alice, maxScheduleItems-1) })
	got := m.must(http.StatusOK, http.MethodPost, "/me/calendar/getSchedule", scheduleOf(alice)).value(t)[0]
	if n := len(got["scheduleItems"].([]any)); n != maxScheduleItems {
		t.Errorf("%d items", n)
	}
	m.create(plain("One more", 2, 3))
	got = m.must(http.StatusOK, http.MethodPost, "/me/calendar/getSchedule", scheduleOf(alice, bob)).value(t)[0]
	if failed, _ := got["error"].(record); failed["responseCode"] != "5006" {
		t.Errorf("one more: %v", got["error"])
	}
}

// times are when suggestions begin.
func times(a answer, t *testing.T) []string {
	t.Helper()
	starts := []string{}
	for _, s := range a.json(t)["meetingTimeSuggestions"].([]any) {
		start := s.(record)["meetingTimeSlot"].(record)["start"].(record)["dateTime"].(string)
		starts = append(starts, start[len("2026-11-"):len("2026-11-24T00:00")])
	}
	return starts
}

func TestFindMeetingTimes(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	m.create(plain("Hers", 8, 9))
	s.as(bob).create(plain("His", 9, 10))
	s.as(bob).create(meeting("In the room", boardroom, 10, 11))
	slot := func(from, to int) record {
		return record{"timeSlots": []any{record{"start": at(from), "end": at(to)}}}
	}
	room := record{"locations": []any{record{"displayName": "Boardroom", "locationEmailAddress": boardroom}}, "isRequired": true}
	outsider := []any{attendee("zoe@elsewhere.example", "required")}
	both := []any{attendee(bob, "required"), attendee(carol, "optional")}
	for name, tt := range map[string]struct {
		body record
		want []string
	}{
		"oneself":                       {record{"timeConstraint": slot(7, 11), "meetingDuration": "PT1H"}, []string{"24T09:00", "24T09:30", "24T10:00"}},
		"with bob":                      {record{"timeConstraint": slot(7, 13), "attendees": []any{attendee(bob, "required")}, "meetingDuration": "PT1H"}, []string{"24T11:00", "24T11:30", "24T12:00"}},
		"half of two, the surer first":  {record{"timeConstraint": slot(9, 12), "attendees": both, "meetingDuration": "PT1H", "maxCandidates": 3}, []string{"24T11:00", "24T09:00", "24T09:30"}},
		"an organizer who needn't come": {record{"timeConstraint": slot(8, 9), "isOrganizerOptional": "true"}, []string{"24T08:00", "24T08:30"}},
		"in the room":                   {record{"timeConstraint": slot(9, 12), "locationConstraint": room, "meetingDuration": "PT1H"}, []string{"24T09:00", "24T11:00"}},
		"after work":                    {record{"timeConstraint": slot(16, 20), "meetingDuration": "PT1H"}, []string{"24T16:00"}},
		"at any hour":                   {record{"timeConstraint": record{"activityDomain": "unrestricted", "timeSlots": slot(18, 19)["timeSlots"]}, "meetingDuration": "PT1H"}, []string{"24T18:00"}},
		"an outsider, likely enough":    {record{"timeConstraint": slot(9, 10), "attendees": outsider, "minimumAttendeePercentage": "49", "meetingDuration": "PT1H"}, []string{"24T09:00"}},
		"an outsider, not so":           {record{"timeConstraint": slot(9, 10), "attendees": outsider}, []string{}},
		"in the coming week":            {record{"maxCandidates": 2}, []string{"23T08:00", "23T08:30"}},
	} {
		a := m.must(http.StatusOK, http.MethodPost, "/me/findMeetingTimes", tt.body)
		if got := times(a, t); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
		if reason := a.json(t)["emptySuggestionsReason"]; (reason == "attendeesUnavailable") != (len(tt.want) == 0) {
			t.Errorf("%s: the reason is %v", name, reason)
		}
	}
	reasons := m.must(http.StatusOK, http.MethodPost, "/me/findMeetingTimes", record{"returnSuggestionReasons": true, "maxCandidates": 1, "attendees": both})
	first := reasons.json(t)["meetingTimeSuggestions"].([]any)[0].(record)
	if first["suggestionReason"] == nil || first["order"] != 1.0 || first["confidence"] != 100.0 || len(first["attendeeAvailability"].([]any)) != 2 {
		t.Errorf("%v", first)
	}
	for name, tt := range map[string]struct {
		body any
		code string
	}{
		"no duration":   {record{"meetingDuration": "an hour"}, "ErrorInvalidParameter"},
		"no time":       {record{"meetingDuration": "PT0M"}, "ErrorInvalidParameter"},
		"no percentage": {`{"minimumAttendeePercentage": 1e999}`, "ErrorInvalidParameter"},
		"a bad slot":    {record{"timeConstraint": record{"timeSlots": []any{record{"start": at(1)}}}}, "RequestBodyRead"},
		"a bad zone":    {record{"timeConstraint": record{"timeSlots": []any{record{"start": clockAt("2026-11-24T01:00:00", "Mars"), "end": at(2)}}}}, "TimeZoneNotSupportedException"},
		"no JSON":       {"[", "RequestBodyRead"},
	} {
		if a := m.call(http.MethodPost, "/me/findMeetingTimes", tt.body); !a.is(http.StatusBadRequest, tt.code) {
			t.Errorf("%s: %d %s, want %s", name, a.StatusCode, a.body, tt.code)
		}
	}
}
