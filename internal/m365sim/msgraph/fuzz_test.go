package msgraph

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// answered sends a request straight to the door, and returns its status and
// body. Nothing may be an error of the simulator.
func (s *sim) answered(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	req := httptest.NewRequest(method, "/v1.0/me", strings.NewReader(body))
	u, err := url.Parse(path)
	if err != nil || !strings.HasPrefix(u.EscapedPath(), "/v1.0/") {
		return 0, "" // no path that the HTTP server would hand over
	}
	req.URL = u
	req.Header.Set("Authorization", "Bearer "+alice+" 0 "+readWrite)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, req)
	if w.Code >= 500 || w.Code >= 300 && w.Code < 400 {
		t.Errorf("%s %q with %q: %d %s", method, path, body, w.Code, w.Body)
	}
	if w.Body.Len() > 0 && w.Header().Get("Content-Type") == "application/json; charset=utf-8" && !json.Valid(w.Body.Bytes()) {
		t.Errorf("%s %q: not JSON: %s", method, path, w.Body)
	}
	return w.Code, w.Body.String()
}

func unlimited(s *sim) { s.cfg.Throttling.Requests = 1 << 30 }

func FuzzFilter(f *testing.F) {
	for _, filter := range []string{
		"subject eq 'm3' and not (isAllDay eq true or start/dateTime ge '2026-11-24T10:00:00Z')", "contains(subject,'it''s')", "((((", "not not not",
		"singleValueExtendedProperties/Any(ep: ep/id eq '" + oursID + "' and ep/value eq 'v')", "location/displayName/x eq null", "''", "subject eq '",
		"body/content/content ne 3", "attendees/x eq 1", "end eq null or end/timeZone eq 'UTC'",
	} {
		f.Add(filter)
	}
	s := newSim(f, unlimited)
	s.as(alice).create(meeting("it's", boardroom, 2, 3))
	s.as(alice).create(daily("series", 4, 5, 3))
	f.Fuzz(func(t *testing.T, filter string) {
		for _, path := range []string{"/v1.0/me/events", "/v1.0/me/calendars"} {
			s.answered(t, http.MethodGet, path+"?$filter="+escaped(filter)+"&$orderby="+escaped(filter), "")
			s.answered(t, http.MethodGet, path+"?$filter="+escaped(filter), "")
		}
	})
}

func FuzzSyncToken(f *testing.F) {
	s := newSim(f, unlimited)
	m := s.as(alice)
	m.create(daily("series", 4, 5, 3))
	for _, path := range []string{"/me/calendarView/delta?" + thatDay, "/me/events/delta"} {
		_, link := m.round(path)
		f.Add(link[strings.Index(link, "=")+1:])
	}
	f.Add(syncToken{Mailbox: alice, View: true, From: begin, To: begin.AddDate(1, 0, 0), Since: -5, Until: 1 << 40, Skip: 1 << 40}.String())
	f.Add(syncToken{Mailbox: alice, View: true, From: begin.AddDate(1, 0, 0), To: begin, Since: 0, Until: -1}.String())
	f.Add("e30")
	f.Fuzz(func(t *testing.T, token string) {
		for _, path := range []string{"/v1.0/me/calendarView/delta", "/v1.0/me/events/delta"} {
			for _, parameter := range []string{"$deltatoken", "$skiptoken"} {
				s.answered(t, http.MethodGet, path+"?"+parameter+"="+escaped(token), "")
			}
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, path := range []string{
		"/v1.0/Users('o''neil@x')/Events('y')/accept", "/v1.0/me/../x", "/v1.0//me/./events/", "/v1.0/me/events/a%2Fb", "/v1.0/me/events/%2e%2e/x",
		"/v1.0/users('')/calendar", "/v1.0/microsoft.graph.me/delta()", "/v1.0/%", "/v1.0/me/events/delta('x')", "/v1.0/", "/v1.0/me/events/a+b?x=%zz", "/v1.0/$batch",
	} {
		f.Add(path)
	}
	s := newSim(f, unlimited)
	f.Fuzz(func(t *testing.T, path string) {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			s.answered(t, method, path, "{}")
		}
		u, err := url.Parse(path)
		if err != nil || !utf8.ValidString(path) {
			return
		}
		once := canonical(&http.Request{URL: u}).URL
		if strings.ContainsAny(once.Path, "()") {
			return // a key may look like a word with a key
		}
		if twice := canonical(&http.Request{URL: once}).URL; twice.Path != once.Path {
			t.Errorf("%q becomes %q, then %q", path, once.Path, twice.Path)
		}
	})
}

func FuzzBatch(f *testing.F) {
	for _, items := range []any{
		[]any{item("1", "GET", "/me/calendar"), item("2", "POST", "/me/events", withBody(plain("x", 2, 3)), record{"dependsOn": []string{"1"}})},
		[]any{item("1", "G ET", "/me/calendar?%zz"), item("", "", ""), nil},
		"x", nil,
		[]any{item("1", "POST", "/$batch", withBody(nil))},
		[]any{item("1", "CONNECT", "/../me"), item("2", "GET", "/%2e%2e/%00"), item("3", "GET", "/me/events#x", record{"headers": record{"a b": "c\nd", "Prefer": ","}})},
	} {
		text, _ := json.Marshal(record{"requests": items})
		f.Add(string(text))
	}
	s := newSim(f, unlimited)
	f.Fuzz(func(t *testing.T, body string) {
		status, got := s.answered(t, http.MethodPost, "/v1.0/$batch", body)
		if status != http.StatusOK {
			return
		}
		var answers struct{ Responses []struct{ Status int } }
		if err := json.Unmarshal([]byte(got), &answers); err != nil {
			t.Fatal(err)
		}
		for _, r := range answers.Responses {
			if r.Status >= 500 || r.Status >= 300 && r.Status < 400 || r.Status == 0 {
				t.Errorf("%q: %s", body, got)
			}
		}
	})
}

func FuzzEvent(f *testing.F) {
	for _, body := range []any{meeting("x", boardroom, 2, 3), daily("x", 2, 3, 4), record{"start": nil}, record{"locations": []any{nil}}, nil, record{"attendees": []any{nil}}} {
		text, _ := json.Marshal(body)
		f.Add(string(text))
	}
	s := newSim(f, unlimited)
	id := s.as(alice).create(daily("series", 4, 5, 3))["id"].(string)
	f.Fuzz(func(t *testing.T, body string) {
		s.answered(t, http.MethodPost, "/v1.0/me/events", body)
		s.answered(t, http.MethodPatch, "/v1.0/me/events/"+id, body)
		for _, action := range []string{"/me/calendar/getSchedule", "/me/findMeetingTimes", "/me/events/" + id + "/decline", "/me/events/" + id + "/extensions", "/subscriptions"} {
			s.answered(t, http.MethodPost, "/v1.0"+action, body)
		}
		s.answered(t, http.MethodGet, "/v1.0/me/calendarView?"+thatDay, "")
	})
}
