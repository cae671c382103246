package msgraph

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

func TestCallersAreRefused(t *testing.T) {
	s := newSim(t)
	for name, tt := range map[string]struct {
		who          mailbox
		method, path string
		status       int
		code         string
	}{
		"no token":                {mailbox{sim: s}, http.MethodGet, "/me/calendar", 401, "InvalidAuthenticationToken"},
		"no token, and no path":   {mailbox{sim: s}, http.MethodGet, "/me/calender", 401, "InvalidAuthenticationToken"},
		"the app alone":           {s.as("-"), http.MethodGet, "/users/" + alice + "/calendar", 400, "BadRequest"},
		"the app alone, a batch":  {s.as("-"), http.MethodPost, "/$batch", 400, "BadRequest"},
		"no User.Read":            {s.as(alice), http.MethodGet, "/me", 403, "Authorization_RequestDenied"},
		"somebody else's profile": {s.as(alice, "User.Read"), http.MethodGet, "/users/" + bob, 403, "Authorization_RequestDenied"},
		"only reading":            {s.as(alice, "Calendars.Read"), http.MethodPost, "/me/events", 403, "ErrorAccessDenied"},
		"no mailbox":              {s.as(eve), http.MethodGet, "/me/calendar", 404, "MailboxNotEnabledForRESTAPI"},
		"somebody without one":    {s.as(alice), http.MethodGet, "/users/" + eve + "/calendar", 404, "MailboxNotEnabledForRESTAPI"},
		"nobody":                  {s.as(alice), http.MethodGet, "/users/nobody@contoso.example/events", 404, "ErrorInvalidUser"},
	} {
		a := tt.who.call(tt.method, tt.path, record{})
		if !a.is(tt.status, tt.code) {
			t.Errorf("%s: %d %s, want %d %s", name, a.StatusCode, a.body, tt.status, tt.code)
		}
		if tt.status == http.StatusUnauthorized && !strings.HasPrefix(a.Header.Get("Www-Authenticate"), `Bearer realm="", authorization_uri="`+s.base+"/common/") {
			t.Errorf("%s: WWW-Authenticate = %q", name, a.Header.Get("Www-Authenticate"))
		}
	}
	me := s.as(alice, "User.Read").must(http.StatusOK, http.MethodGet, "/me", nil).json(t)
	if me["mail"] != alice || me["displayName"] != "Alice Chan" {
		t.Errorf("/me: %v", me)
	}
}

func TestClaimsChallenge(t *testing.T) {
	s := newSim(t)
	m := mailbox{sim: s, token: "challenged 0"}
	const claims = `error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="`
	if a := m.call(http.MethodGet, "/me/calendar", nil); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.Header.Get("Www-Authenticate"), claims) {
		t.Errorf("%d, WWW-Authenticate = %q", a.StatusCode, a.Header.Get("Www-Authenticate"))
	}
	s.fail(front.Fault{Match: "GET /v1.0/me/calendar", Code: "InvalidAuthenticationToken", Claims: `{"access_token":{}}`})
	if a := s.as(alice).call(http.MethodGet, "/me/calendar", nil); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.Header.Get("Www-Authenticate"), claims) {
		t.Errorf("a fault: %d, WWW-Authenticate = %q", a.StatusCode, a.Header.Get("Www-Authenticate"))
	}
}

func TestErrorShape(t *testing.T) {
	s := newSim(t)
	const id = "5ec2e710-1111-4000-8000-000000000001"
	a := s.as(eve).call(http.MethodGet, "/me/calendar", nil, "client-request-id", id)
	inner := a.json(t)["error"].(record)["innerError"].(record)
	if inner["client-request-id"] != id || inner["request-id"] != a.Header.Get("request-id") || inner["date"] != "2026-11-23T01:00:00" ||
		a.Header.Get("client-request-id") != id {
		t.Errorf("innerError = %v", inner)
	}
	a = s.as(alice).call(http.MethodGet, "/me/calendar", nil)
	if a.Header.Get("request-id") == "" || a.Header.Get("client-request-id") != a.Header.Get("request-id") || a.Header.Get("x-ms-ags-diagnostic") == "" {
		t.Errorf("the headers of a good answer: %v", a.Header)
	}
}

// Which scope is enough for which call, as the superset and as the tables say.
func TestScopes(t *testing.T) {
	calls := map[string]struct {
		method, path     string
		body             any
		superset, tables []string // what is enough
	}{
		"read": {
			http.MethodGet, "/me/events", nil,
			[]string{"Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite", "Calendars.Read.Shared", readWrite},
			[]string{"Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite", "Calendars.Read.Shared", readWrite},
		},
		"write": {
			http.MethodPost, "/me/events", plain("x", 2, 3),
			[]string{"Calendars.ReadWrite", readWrite},
			[]string{"Calendars.ReadWrite", readWrite},
		},
		"getSchedule": {
			http.MethodPost, "/me/calendar/getSchedule", scheduleOf(bob),
			[]string{"Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite", "Calendars.Read.Shared", readWrite},
			[]string{"Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite"},
		},
		"the default calendar": {
			http.MethodGet, "/me/calendar", nil,
			[]string{"Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite", "Calendars.Read.Shared", readWrite},
			[]string{"Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite"},
		},
		"findMeetingTimes": {
			http.MethodPost, "/me/findMeetingTimes",
			record{},
			[]string{"Calendars.Read.Shared", readWrite},
			[]string{"Calendars.Read.Shared", readWrite},
		},
		"a check-in": {
			http.MethodGet, "/places/boardroom/checkIns/x", nil,
			[]string{"Calendars.ReadWrite", readWrite},
			[]string{"Calendars.ReadWrite"},
		},
		"a subscription": {
			http.MethodPost, "/subscriptions",
			record{},
			[]string{"Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite", "Calendars.Read.Shared", readWrite},
			[]string{"Calendars.Read", "Calendars.ReadBasic"},
		},
		"profile": {http.MethodGet, "/me", nil, []string{"User.Read"}, []string{"User.Read"}},
	}
	all := []string{"openid", "User.Read", "Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite", "Calendars.Read.Shared", readWrite}
	for _, mode := range []string{world.ScopesSuperset, world.ScopesTables} {
		s := newSim(t, func(s *sim) { s.cfg.Scopes = mode })
		for name, c := range calls {
			enough := c.superset
			if mode == world.ScopesTables {
				enough = c.tables
			}
			for _, scope := range all {
				a := s.as(alice, scope).call(c.method, c.path, c.body)
				if passed := a.StatusCode != http.StatusForbidden; passed != slices.Contains(enough, scope) {
					t.Errorf("%s with %s, by the %s: %d %s", name, scope, mode, a.StatusCode, a.body)
				}
			}
		}
	}
}

// What each role on somebody else's calendar opens.
func TestRoles(t *testing.T) {
	for _, tt := range []struct {
		role             world.Role
		look, read, edit bool
		open             bool // sees private appointments
	}{
		{world.RoleNone, false, false, false, false},
		{world.RoleFreeBusy, false, false, false, false},
		{world.RoleLimitedRead, true, false, false, false},
		{world.RoleRead, true, true, false, false},
		{world.RoleWrite, true, true, true, false},
		{world.RoleDelegate, true, true, true, false},
		{world.RoleDelegateAll, true, true, true, true},
	} {
		for _, owner := range []string{bob, peak} {
			t.Run(string(tt.role)+" on "+owner, func(t *testing.T) {
				s := newSim(t, share(owner, alice, tt.role), share(owner, carol, world.RoleDelegateAll))
				path, m := "/users/"+owner+"/events", s.as(alice)
				body := plain("Open", 2, 3)
				body["body"], body["location"] = record{"contentType": "text", "content": "agenda"}, record{"displayName": "Here"}
				s.as(carol).must(http.StatusCreated, http.MethodPost, path, body)
				body = plain("Secret", 4, 5)
				body["sensitivity"], body["location"] = "private", record{"displayName": "Doctor"}
				body["singleValueExtendedProperties"] = []any{record{"id": oursID, "value": "hidden"}}
				private := s.as(carol).must(http.StatusCreated, http.MethodPost, path, body).json(t)["id"].(string)
				refusal := "403 ErrorAccessDenied"
				if owner == peak && !tt.look {
					refusal = "404 ErrorItemNotFound"
				}
				verdict := func(method, path string, body any) string {
					t.Helper()
					a := m.call(method, path, body)
					if a.StatusCode < 300 {
						return ""
					}
					return a.Status[:4] + a.errorCode()
				}
				wants := map[bool]string{true: "", false: refusal}
				for what, got := range map[string]string{
					"listing events":   verdict(http.MethodGet, path, nil),
					"a view":           verdict(http.MethodGet, "/users/"+owner+"/calendarView?"+thatDay, nil),
					"the calendar":     verdict(http.MethodGet, "/users/"+owner+"/calendar", nil),
					"the calendarView": verdict(http.MethodGet, "/users/"+owner+"/calendar/calendarView?"+thatDay, nil),
				} {
					if got != wants[tt.look] {
						t.Errorf("%s: %q, want %q", what, got, wants[tt.look])
					}
				}
				if got := verdict(http.MethodGet, path+"/delta", nil); got != wants[tt.read] {
					t.Errorf("change tracking: %q, want %q", got, wants[tt.read])
				}
				if got := verdict(http.MethodPost, path, plain("Mine", 6, 7)); got != wants[tt.edit] {
					t.Errorf("creating: %q, want %q", got, wants[tt.edit])
				}
				if got, want := verdict(http.MethodPatch, path+"/"+private, record{"subject": "Mine"}), wants[tt.open]; got != want {
					t.Errorf("changing a private one: %q, want %q", got, want)
				}
				if tt.look {
					tt.open = tt.open && verdict(http.MethodGet, path+"/"+private+"/extensions", nil) == ""
					s.checkShown(m, path, tt.read, tt.open)
				}
			})
		}
	}
}

// checkShown compares what somebody sees of the open and of the private event.
func (s *sim) checkShown(m mailbox, path string, read, open bool) {
	t := s.t
	t.Helper()
	expand := "?$orderby=start/dateTime&$expand=" + escaped("singleValueExtendedProperties($filter=id eq '"+oursID+"')")
	events := m.must(http.StatusOK, http.MethodGet, path+expand, nil).value(t)
	if events[0]["subject"] != "Open" || events[0]["location"].(record)["displayName"] != "Here" {
		t.Errorf("the open one: %v", events[0])
	}
	if seen := events[0]["organizer"] != nil && strings.Contains(events[0]["bodyPreview"].(string), "agenda"); seen != read {
		t.Errorf("the open one's body is seen: %t, want %t: %v", seen, read, events[0])
	}
	private := events[1]
	_, extended := private["singleValueExtendedProperties"]
	if (private["subject"] == "Private Appointment") == open || (private["location"].(record)["displayName"] == "Doctor") != open || extended != open {
		t.Errorf("the private one, seen %t: %v", open, private)
	}
	found := m.must(http.StatusOK, http.MethodGet, path+"?$filter="+escaped("singleValueExtendedProperties/Any(ep: ep/id eq '"+oursID+"' and ep/value eq 'hidden')"), nil)
	if got := len(found.value(t)) == 1; got != open {
		t.Errorf("the private one is found by what it hides: %t, want %t", got, open)
	}
}

// Others' calendars need a scope for others, a writing one to write.
func TestSharedScopes(t *testing.T) {
	s := newSim(t, share(bob, "default", world.RoleWrite))
	for _, tt := range []struct {
		scopes      []string
		read, write int
	}{
		{[]string{"Calendars.ReadWrite"}, 403, 403},
		{[]string{"Calendars.Read.Shared"}, 200, 403},
		{[]string{"Calendars.ReadWrite", "Calendars.Read.Shared"}, 200, 403},
		{[]string{readWrite}, 200, 201},
	} {
		m := s.as(alice, tt.scopes...)
		read := m.call(http.MethodGet, "/users/"+bob+"/events", nil).StatusCode
		write := m.call(http.MethodPost, "/users/"+bob+"/events", plain("x", 2, 3)).StatusCode
		if read != tt.read || write != tt.write {
			t.Errorf("%v: reading %d, writing %d, want %d and %d", tt.scopes, read, write, tt.read, tt.write)
		}
	}
	for _, path := range []string{"/calendar/getSchedule", "/findMeetingTimes"} {
		if a := s.as(alice).call(http.MethodPost, "/users/"+bob+path, scheduleOf(bob)); !a.is(http.StatusForbidden, "ErrorAccessDenied") {
			t.Errorf("%s of somebody else: %d %s", path, a.StatusCode, a.body)
		}
	}
}

// Who writes straight into a room's calendar makes the room the organizer, and
// nobody looks whether it is free.
func TestWritingIntoARoom(t *testing.T) {
	s := newSim(t, share(peak, alice, world.RoleWrite))
	m := s.as(alice)
	for range 2 {
		e := m.must(http.StatusCreated, http.MethodPost, "/users/"+peak+"/calendar/events", plain("Double", 2, 3)).json(t)
		organizer := e["organizer"].(record)["emailAddress"].(record)
		if organizer["address"] != peak || e["isOrganizer"] != true || e["responseStatus"].(record)["response"] != "organizer" {
			t.Errorf("%v", e)
		}
	}
	if got := m.busy(peak); !slices.Equal(got, []string{"busy", "busy"}) {
		t.Errorf("the room is %v, want taken twice", got)
	}
	id := s.eventsOf(peak)[0].ID(false)
	if a := m.call(http.MethodGet, "/me/events/"+id, nil); !a.is(http.StatusNotFound, "ErrorItemNotFound") {
		t.Errorf("the room's id in one's own mailbox: %d %s", a.StatusCode, a.body)
	}
	m.must(http.StatusNoContent, http.MethodDelete, "/users/"+peak+"/events/"+id, nil)
}
