package msgraph

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// The check itself can fail.
func TestContractRefuses(t *testing.T) {
	d := needsContract(t)
	s := newSim(t)
	m := s.as(alice)
	calendar := m.call(http.MethodGet, "/me/calendar", nil)
	created := m.call(http.MethodPost, "/me/events", plain("Review", 2, 3))
	request := encoded(t, plain("Review", 2, 3))
	for name, w := range map[string]wire{
		"a wrong type":             s.exchangeOf(answer{calendar.Response, strings.Replace(calendar.body, `"canEdit":true`, `"canEdit":"yes"`, 1)}, nil),
		"an unknown property":      s.exchangeOf(answer{calendar.Response, strings.Replace(calendar.body, `"canEdit"`, `"mayEdit"`, 1)}, nil),
		"an unknown inner one":     s.exchangeOf(answer{created.Response, strings.Replace(created.body, `"dateTime"`, `"date"`, 1)}, request),
		"a word that isn't one":    s.exchangeOf(answer{created.Response, strings.Replace(created.body, `"singleInstance"`, `"single"`, 1)}, request),
		"a request with a mistake": s.exchangeOf(created, []byte(`{"subject":3}`)),
	} {
		if err := d.check(w); err == nil {
			t.Errorf("%s passes", name)
		}
	}
	created.StatusCode = http.StatusOK
	if err := d.check(s.exchangeOf(created, request)); err == nil {
		t.Error("a status that isn't described passes")
	}
}

// bodies of requests, by what is called.
var bodies = map[string]any{
	"POST calendars": record{"name": "Other"}, "PATCH calendar": record{"name": "Renamed"}, "PATCH {calendar-id}": record{"name": "Renamed"},
	"POST events": plain("New", 4, 5), "PATCH {event-id}": record{"subject": "Renamed"},
	"POST getSchedule": scheduleOf(alice), "POST findMeetingTimes": record{},
	"POST accept": record{}, "POST decline": record{}, "POST tentativelyAccept": record{}, "POST cancel": record{},
	"POST forward":        record{"ToRecipients": []any{record{"emailAddress": record{"address": carol}}}},
	"POST snoozeReminder": record{"NewReminderTime": at(1)},
	"POST extensions":     record{"extensionName": "com.example.new"}, "PATCH {extension-id}": record{"extensionName": "com.example.ones", "b": 2},
	"PATCH {subscription-id}": record{"expirationDateTime": "2026-11-24T01:00:00Z"},
	"POST $batch":             record{"requests": []any{record{"id": "1", "method": "GET", "url": "/me/calendar"}}},
}

// Every operation of the document is served, and answers what it promises.
func TestEveryOperation(t *testing.T) {
	d := needsContract(t)
	operations := 0
	for path, entry := range d.doc.Paths.Map() {
		for method, op := range entry.Operations() {
			operations++
			t.Run(method+" "+path, func(t *testing.T) {
				f := newFixture(t)
				segments := strings.Split(path, "/")
				last := segments[len(segments)-1]
				body := bodies[method+" "+last]
				switch method + " " + last {
				case "POST checkIns":
					body = record{"calendarEventId": f.uid, "checkInMethod": "verified"}
				case "POST subscriptions":
					body = subscriptionTo(f.hook.url + "/other")
				}
				a := f.call(method, f.path(method, path), body)
				if op.Responses.Value(strconv.Itoa(a.StatusCode)) == nil {
					t.Errorf("%d %s", a.StatusCode, a.body)
				}
			})
		}
	}
	t.Logf("%d operations on %d paths", operations, d.doc.Paths.Len())
}

// A fixture has one of everything.
type fixture struct {
	mailbox
	hook                                     *hook
	own, invited, series                     string // ids of events
	uid                                      string // of the one in a room
	defaultCalendar, calendar, extension, id string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	s := newSim(t, share(alice, bob, world.RoleRead))
	f := &fixture{mailbox: s.as(alice, readWrite, "User.Read"), hook: newHook(t), extension: "com.example.ones"}
	own := f.create(meeting("Own", boardroom, 2, 3))
	f.own, f.uid = own["id"].(string), own["iCalUId"].(string)
	s.as(bob).create(record{"subject": "Invited", "start": at(5), "end": at(6), "attendees": []any{attendee(alice, "required")}})
	for _, e := range f.view() {
		if e["subject"] == "Invited" {
			f.invited = e["id"].(string)
		}
	}
	f.series = f.create(daily("Series", 7, 8, 3))["id"].(string)
	f.must(http.StatusCreated, http.MethodPost, "/me/events/"+f.own+"/extensions", record{"extensionName": f.extension, "a": 1})
	f.must(http.StatusCreated, http.MethodPost, "/places/boardroom/checkIns", record{"calendarEventId": f.uid, "checkInMethod": "manual"})
	f.id = f.must(http.StatusCreated, http.MethodPost, "/subscriptions", subscriptionTo(f.hook.url)).json(t)["id"].(string)
	f.defaultCalendar = f.must(http.StatusOK, http.MethodGet, "/me/calendar", nil).json(t)["id"].(string)
	f.calendar = f.must(http.StatusCreated, http.MethodPost, "/me/calendars", record{"name": "Another"}).json(t)["id"].(string)
	return f
}

// path fills in a path of the document.
func (f *fixture) path(method, template string) string {
	event, calendar := f.own, f.defaultCalendar
	switch {
	case strings.HasSuffix(template, "ccept"), strings.HasSuffix(template, "/decline"):
		event = f.invited
	case strings.HasSuffix(template, "/instances"):
		event = f.series
	case method == http.MethodDelete:
		calendar = f.calendar
	}
	if strings.Contains(template, "/{event-id}") {
		calendar = f.defaultCalendar
	}
	path := strings.NewReplacer(
		"{user-id}", f.world.Tenants[0].Person(alice).ID, "{event-id}", event, "{calendar-id}", calendar, "{extension-id}", f.extension,
		"{subscription-id}", f.id, "{place-id}", "boardroom", "{calendar-event-id}", f.uid,
	).Replace(template)
	switch last := path[strings.LastIndex(path, "/")+1:]; {
	case last == "calendarView", last == "instances", strings.HasSuffix(path, "calendarView/delta()"):
		path += "?" + thatDay
	}
	return path
}
