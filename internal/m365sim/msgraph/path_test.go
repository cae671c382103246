package msgraph

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestPathForms(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	id := m.create(plain("Review", 2, 3))["id"].(string)
	oid := s.world.Tenants[0].Person(alice).ID
	for _, path := range []string{
		"/users/" + alice + "/events/" + id, "/Users('" + alice + "')/Events('" + id + "')", "/users/" + strings.ToUpper(oid) + "/EVENTS/" + id,
		"/users%28%27" + oid + "%27%29/events/" + id, "/users/alice%40contoso.example/calendar/events/" + strings.ReplaceAll(id, "=", "%3D"),
		"/ME/events/" + id + "/", "//me//events/" + id, "/me/microsoft.graph.events/" + id,
	} {
		if got := m.must(http.StatusOK, http.MethodGet, path, nil).json(t)["id"]; got != id {
			t.Errorf("%s: %v", path, got)
		}
	}
	if a := m.call(http.MethodGet, s.base+"/V1.0/me/events/"+id, nil); a.StatusCode != http.StatusOK {
		t.Errorf("/V1.0: %d %s", a.StatusCode, a.body)
	}
	for _, path := range []string{"/me/calendar/microsoft.graph.getSchedule", "/me/Calendar/GETSCHEDULE", "/me/calendar/Microsoft.Graph.getSchedule()"} {
		m.must(http.StatusOK, http.MethodPost, path, scheduleOf(alice))
	}
	quoted := "o'neil@contoso.example"
	if got := canonicalPath("/v1.0/users('o''neil@contoso.example')/events"); got != "/v1.0/users/"+url.PathEscape(quoted)+"/events" {
		t.Errorf("a quote in a key: %s", got)
	}
}

func canonicalPath(path string) string {
	return canonical(&http.Request{URL: &url.URL{Path: unescaped(path), RawPath: path}}).URL.EscapedPath()
}

// A key is left as it is, also where it looks like a word.
func TestKeysAreNoWords(t *testing.T) {
	for path, want := range map[string]string{
		"/V1.0/Users/ME/Events/Events":          "/v1.0/users/ME/events/Events",
		"/v1.0/me/events/DELTA":                 "/v1.0/me/events/delta",
		"/v1.0/me/events('DELTA')":              "/v1.0/me/events/DELTA",
		"/v1.0/me/events/x/Extensions/Calendar": "/v1.0/me/events/x/extensions/Calendar",
		"/v1.0/places/Users/checkins/A%2FB":     "/v1.0/places/Users/checkIns/A%2FB",
		"/v1.0/me/calendarview/Delta()":         "/v1.0/me/calendarView/delta",
		"/v1.0/Subscriptions('Me')/Reauthorize": "/v1.0/subscriptions/Me/reauthorize",
		"/v1.0/%24BATCH":                        "/v1.0/$batch",
		"/v1.0/me/microsoft.graph.":             "/v1.0/me/microsoft.graph.",
	} {
		if got := canonicalPath(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestUnknownPaths(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	for path, want := range map[string]string{
		"GET /me/calender":                        "400 BadRequest",
		"GET /":                                   "400 BadRequest",
		"GET /me/messages":                        "400 BadRequest",
		"GET /me/../me/calendar":                  "400 BadRequest",
		"GET /me/events/a%2Fb/c":                  "400 RequestBroker--ParseUri",
		"GET /me/events/abc/def":                  "400 RequestBroker--ParseUri",
		"GET /me/events/a%2Fb":                    "400 ErrorInvalidIdMalformed",
		"GET /me/events/a+b":                      "400 ErrorInvalidIdMalformed",
		"PUT /me/events":                          "405 Request_BadRequest",
		"GET /me/findMeetingTimes":                "405 Request_BadRequest",
		"DELETE /me/calendars":                    "405 Request_BadRequest",
		"POST /me/calendar":                       "405 Request_BadRequest",
		"GET /users/" + alice + "/subscriptions":  "400 BadRequest",
		"GET /$batch":                             "405 Request_BadRequest",
		"GET /places/microsoft.graph.room":        "400 BadRequest",
		"POST /me/calendar/getSchedule/something": "400 BadRequest",
	} {
		method, target, _ := strings.Cut(path, " ")
		if a := m.call(method, target, nil); a.Status[:4]+a.errorCode() != want {
			t.Errorf("%s: %d %s, want %s", path, a.StatusCode, a.body, want)
		}
	}
	if a := m.call(http.MethodGet, "/me/events/abc/def", nil); !strings.Contains(a.body, "Resource not found for the segment 'def'.") {
		t.Errorf("%s", a.body)
	}
}

func TestServes(t *testing.T) {
	for path, want := range map[string]bool{
		"/v1.0/me": true, "/V1.0/ME": true, "/oidc/userinfo": true, "/OIDC/Userinfo": true, "/v1.0": false, "/v2.0/me": false, "/common/oauth2/v2.0/token": false,
	} {
		if got := Serves(path); got != want {
			t.Errorf("Serves(%q) = %t", path, got)
		}
	}
	s := newSim(t)
	res, err := s.client.Get(s.base + "/oidc/UserInfo")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("userinfo: %d", res.StatusCode)
	}
}

// National clouds lack some calls and properties
// (https://learn.microsoft.com/graph/deployments).
func TestNationalClouds(t *testing.T) {
	s := newSim(t)
	hers, his := s.invite()
	h := newHook(t)
	uid := s.as(alice).create(meeting("Room", boardroom, 8, 9))["iCalUId"].(string)
	for i, tt := range []struct {
		cloud                             string
		find, checkIns, forward, proposal bool
	}{
		{"", true, true, true, true}, {"/21vianet", false, false, true, false}, {"/us_gov", true, true, false, false}, {"/us_gov_dod", true, true, false, false},
	} {
		m, other := s.as(alice), s.as(bob)
		m.cloud, other.cloud = tt.cloud, tt.cloud
		passes := func(what string, a answer, want bool) {
			t.Helper()
			if (a.StatusCode < 300) != want || !want && a.StatusCode != http.StatusBadRequest {
				t.Errorf("%s in %q: %d %s", what, tt.cloud, a.StatusCode, a.body)
			}
		}
		passes("findMeetingTimes", m.call(http.MethodPost, "/me/findMeetingTimes", record{}), tt.find)
		passes("a check-in", m.call(http.MethodPost, "/places/boardroom/checkIns", record{"calendarEventId": uid, "checkInMethod": "manual"}), tt.checkIns)
		passes("forward", m.call(http.MethodPost, "/me/events/"+hers+"/forward", record{"toRecipients": []any{record{"emailAddress": record{"address": carol}}}}), tt.forward)
		passes("a proposal", other.call(http.MethodPost, "/me/events/"+his+"/tentativelyAccept", record{"proposedNewTime": record{"start": at(4), "end": at(5)}}), tt.proposal)
		passes("cancelledOccurrences", m.call(http.MethodGet, "/me/events/"+hers+"?$select=cancelledOccurrences", nil), tt.cloud == "")
		passes("getSchedule", m.call(http.MethodPost, "/me/calendar/getSchedule", scheduleOf(alice)), true)
		view := m.must(http.StatusOK, http.MethodGet, "/me/calendarView?$top=1&"+thatDay, nil).json(t)
		if next, _ := view["@odata.nextLink"].(string); !strings.HasPrefix(next, s.base+tt.cloud+"/v1.0/me/calendarView?") {
			t.Errorf("nextLink in %q: %v", tt.cloud, next)
		}
		m.subscribe(h.url + strings.Repeat("/x", i))
		subscription := m.must(http.StatusOK, http.MethodGet, "/subscriptions", nil).value(t)[0]
		if _, there := subscription["notificationQueryOptions"]; there == (tt.cloud == "/21vianet") {
			t.Errorf("a subscription in %q: %v", tt.cloud, subscription)
		}
	}
}
