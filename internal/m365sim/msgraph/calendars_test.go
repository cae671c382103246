package msgraph

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

func TestCalendars(t *testing.T) {
	s := newSim(t, share(alice, bob, world.RoleRead))
	m := s.as(alice)
	first := m.must(http.StatusOK, http.MethodGet, "/me/calendar", nil).json(t)
	owner := first["owner"].(record)
	if owner["address"] != alice || owner["name"] != "Alice Chan" || first["name"] != "Calendar" || first["isDefaultCalendar"] != true || first["canEdit"] != true {
		t.Errorf("the default one: %v", first)
	}
	made := m.must(http.StatusCreated, http.MethodPost, "/me/calendars", record{"name": "Volunteer", "color": "auto"}).json(t)
	id := made["id"].(string)
	if made["name"] != "Volunteer" || made["isDefaultCalendar"] != false || made["isRemovable"] != true {
		t.Errorf("made: %v", made)
	}
	for name, tt := range map[string]struct {
		body   any
		status int
		code   string
	}{
		"the same name":    {record{"name": "Volunteer"}, 409, "ErrorFolderExists"},
		"no name":          {record{}, 400, "ErrorPropertyValidationFailure"},
		"a name of blanks": {record{"name": " "}, 400, "ErrorPropertyValidationFailure"},
		"an unknown word":  {record{"name": "x", "size": 3}, 400, "RequestBodyRead"},
		"a wrong type":     {record{"name": 3}, 400, "RequestBodyRead"},
		"no JSON":          {"{", 400, "BadRequest"},
	} {
		if a := m.call(http.MethodPost, "/me/calendars", tt.body); !a.is(tt.status, tt.code) {
			t.Errorf("%s: %d %s, want %d %s", name, a.StatusCode, a.body, tt.status, tt.code)
		}
	}
	e := m.must(http.StatusCreated, http.MethodPost, "/me/calendars/"+id+"/events", plain("Elsewhere", 2, 3)).json(t)["id"].(string)
	for path, want := range map[string]int{
		"/me/calendars/" + id + "/events": 1, "/me/calendars/" + id + "/calendarView?" + thatDay: 1, "/me/calendar/events": 0,
		"/me/calendarView?" + thatDay: 0, "/me/events": 1, "/me/calendars/" + first["id"].(string) + "/events": 0,
	} {
		if got := len(m.must(http.StatusOK, http.MethodGet, path, nil).value(t)); got != want {
			t.Errorf("%s has %d events, want %d", path, got, want)
		}
	}
	m.must(http.StatusOK, http.MethodGet, "/me/events/"+e, nil)
	if a := m.call(http.MethodGet, "/me/calendar/events/"+e, nil); !a.is(http.StatusNotFound, "ErrorItemNotFound") {
		t.Errorf("in the wrong calendar: %d %s", a.StatusCode, a.body)
	}
	if renamed := m.must(http.StatusOK, http.MethodPatch, "/me/calendars/"+id, record{"name": "Social"}).json(t); renamed["name"] != "Social" || renamed["id"] != id {
		t.Errorf("renamed: %v", renamed)
	}
	if renamed := m.must(http.StatusOK, http.MethodPatch, "/me/calendar", record{"name": "Kalender"}).json(t); renamed["name"] != "Kalender" {
		t.Errorf("the default one renamed: %v", renamed)
	}
	// Others see the one that is shared.
	other := s.as(bob)
	if got := pick(other.must(http.StatusOK, http.MethodGet, "/users/"+alice+"/calendars", nil).value(t), "name"); !slices.Equal(got, []any{"Kalender"}) {
		t.Errorf("bob sees %v", got)
	}
	if a := other.call(http.MethodGet, "/users/"+alice+"/calendars/"+id, nil); !a.is(http.StatusNotFound, "ErrorItemNotFound") {
		t.Errorf("bob looks into the other: %d %s", a.StatusCode, a.body)
	}
	if a := other.call(http.MethodPatch, "/users/"+alice+"/calendar", record{"name": "Mine"}); !a.is(http.StatusForbidden, "ErrorAccessDenied") {
		t.Errorf("bob renames it: %d %s", a.StatusCode, a.body)
	}
	if a := m.call(http.MethodDelete, "/me/calendar", nil); !a.is(http.StatusBadRequest, "ErrorInvalidRequest") {
		t.Errorf("deleting the default one: %d %s", a.StatusCode, a.body)
	}
	m.must(http.StatusNoContent, http.MethodDelete, "/me/calendars/"+id, nil)
	if len(s.eventsOf(alice)) != 0 {
		t.Error("the deleted calendar's events are still there")
	}
	if a := m.call(http.MethodGet, "/me/calendars/"+id, nil); !a.is(http.StatusNotFound, "ErrorItemNotFound") {
		t.Errorf("the deleted one: %d %s", a.StatusCode, a.body)
	}
}

func TestCalendarsHavePages(t *testing.T) {
	m := newSim(t).as(alice)
	for i := range 11 {
		m.must(http.StatusCreated, http.MethodPost, "/me/calendars", record{"name": fmt.Sprintf("C%02d", i)})
	}
	a := m.must(http.StatusOK, http.MethodGet, "/me/calendars?$select=name&$count=true", nil)
	next, _ := a.json(t)["@odata.nextLink"].(string)
	if got := a.value(t); len(got) != 10 || got[0]["canEdit"] != nil || a.json(t)["@odata.count"] != 12.0 {
		t.Errorf("the first page: %v", got)
	}
	if got := pick(m.must(http.StatusOK, http.MethodGet, next, nil).value(t), "name"); !slices.Equal(got, []any{"C09", "C10"}) {
		t.Errorf("the second page: %v", got)
	}
	got := m.must(http.StatusOK, http.MethodGet, "/me/calendars?$orderby=name%20desc&$filter="+escaped("startswith(name,'C0') or name eq 'C10'"), nil).value(t)
	if len(got) != 10 || got[0]["name"] != "C10" {
		t.Errorf("filtered: %v", pick(got, "name"))
	}
}

func TestCalendarPermissions(t *testing.T) {
	s := newSim(t, share(alice, "default", world.RoleLimitedRead), share(alice, bob, world.RoleWrite))
	list := s.as(alice).must(http.StatusOK, http.MethodGet, "/me/calendar/calendarPermissions", nil).value(t)
	if got := pick(list, "role"); !slices.Equal(got, []any{"write", "limitedRead"}) {
		t.Errorf("roles: %v", got)
	}
	if got := list[0]["emailAddress"].(record); got["address"] != bob || got["name"] != "Bob Lee" || list[1]["id"] != "RGVmYXVsdA==" {
		t.Errorf("%v", list)
	}
	if got := pick(s.as(bob).must(http.StatusOK, http.MethodGet, "/me/calendar/calendarPermissions", nil).value(t), "role"); !slices.Equal(got, []any{"freeBusyRead"}) {
		t.Errorf("without a share: %v", got)
	}
	for body, want := range map[string]bool{"limitedRead": false, "write": true} {
		who := map[string]string{"limitedRead": carol, "write": bob}[body]
		if c := s.as(who).must(http.StatusOK, http.MethodGet, "/users/"+alice+"/calendar", nil).json(t); c["canEdit"] != want || c["canShare"] != false {
			t.Errorf("%s: %v", body, c)
		}
	}
}

func TestExtensions(t *testing.T) {
	s := newSim(t)
	hers, his := s.invite()
	m := s.as(alice)
	path := "/me/events/" + hers + "/extensions"
	made := m.must(http.StatusCreated, http.MethodPost, path, record{"@odata.type": "microsoft.graph.openTypeExtension", "extensionName": "Com.Contoso.Deal", "value": 3}).json(t)
	if made["id"] != "Microsoft.OutlookServices.OpenTypeExtension.Com.Contoso.Deal" || made["value"] != 3.0 || made["@odata.type"] != "#microsoft.graph.openTypeExtension" {
		t.Errorf("made: %v", made)
	}
	for name, tt := range map[string]struct {
		method, path string
		body         any
		want         string
	}{
		"twice":       {http.MethodPost, path, record{"extensionName": "Com.Contoso.Deal"}, "409 Conflict"},
		"no name":     {http.MethodPost, path, record{"value": 3}, "400 BadRequest"},
		"no JSON":     {http.MethodPost, path, "[]", "400 BadRequest"},
		"change it":   {http.MethodPatch, path + "/Com.Contoso.Deal", record{"value": 4}, "200 "},
		"change none": {http.MethodPatch, path + "/other", record{"value": 4}, "404 ErrorItemNotFound"},
		"a word":      {http.MethodPost, path, record{"extensionName": "Calendar"}, "201 "},
		"on a ghost":  {http.MethodGet, "/me/events/" + his + "/extensions", nil, "404 ErrorItemNotFound"},
	} {
		if a := m.call(tt.method, tt.path, tt.body); a.Status[:4]+a.errorCode() != tt.want {
			t.Errorf("%s: %d %s, want %s", name, a.StatusCode, a.body, tt.want)
		}
	}
	for _, name := range []string{"/Com.Contoso.Deal", "/Com.Contoso.Deal/", "/" + made["id"].(string)} {
		if got := m.must(http.StatusOK, http.MethodGet, path+name, nil).json(t); got["value"] != 4.0 {
			t.Errorf("%s: %v", name, got)
		}
	}
	m.must(http.StatusOK, http.MethodGet, path+"/Calendar", nil)
	if list := s.as(bob).must(http.StatusOK, http.MethodGet, "/me/events/"+his+"/extensions", nil).value(t); len(list) != 0 {
		t.Errorf("bob's copy has %v", list)
	}
	m.must(http.StatusNoContent, http.MethodDelete, path+"/Com.Contoso.Deal", nil)
	if list := m.must(http.StatusOK, http.MethodGet, path, nil).value(t); len(list) != 1 {
		t.Errorf("after deleting one: %v", list)
	}
}

func TestCheckIns(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	uid := m.create(meeting("Review", boardroom, 2, 3))["iCalUId"].(string)
	claim := record{"@odata.type": "#microsoft.graph.checkInClaim", "calendarEventId": uid, "checkInMethod": "verified"}
	if a := m.call(http.MethodGet, "/places/boardroom/checkIns/"+uid, nil); !a.is(http.StatusNotFound, "ResourceNotFound") {
		t.Errorf("before: %d %s", a.StatusCode, a.body)
	}
	m.must(http.StatusCreated, http.MethodPost, "/places/"+boardroom+"/checkIns", claim)
	got := m.must(http.StatusOK, http.MethodGet, "/places('Boardroom')/checkins('"+uid+"')", nil).json(t)
	if got["calendarEventId"] != uid || got["checkInMethod"] != "verified" || got["createdDateTime"] != "2026-11-23T01:00:00.0000000Z" {
		t.Errorf("%v", got)
	}
	for name, tt := range map[string]struct {
		place string
		claim record
		want  string
	}{
		"another room":   {"garden", claim, "404 ResourceNotFound"},
		"no room":        {"attic", claim, "404 ResourceNotFound"},
		"unknown method": {"boardroom", record{"calendarEventId": uid, "checkInMethod": "guessed"}, "400 BadRequest"},
		"no event":       {"boardroom", record{"calendarEventId": "x", "checkInMethod": "manual"}, "404 ResourceNotFound"},
	} {
		if a := m.call(http.MethodPost, "/places/"+tt.place+"/checkIns", tt.claim); a.Status[:4]+a.errorCode() != tt.want {
			t.Errorf("%s: %d %s, want %s", name, a.StatusCode, a.body, tt.want)
		}
	}
}
