package booking

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/store"
)

func TestRefusedRequests(t *testing.T) {
	long := strings.Repeat("x", 256)
	tests := []struct {
		name, body, code, location string
		status                     int
	}{
		{"broken JSON", `{"room":`, "malformed", "", 400},
		{"no body", ``, "malformed", "", 400},
		{"no room", body("10:00", "11:00", "room", nil), "invalid_request", "body", 422},
		{"unknown field", body("10:00", "11:00", "rooom", "x"), "invalid_request", "body.rooom", 422},
		{"wrong type", body("10:00", "11:00", "private", "yes"), "invalid_request", "body.private", 422},
		{"unknown room", body("10:00", "11:00", "room", "cellar"), "unknown_room", "", 404},
		{"room of another integration", body("10:00", "11:00", "room", "other"), "unknown_room", "", 404},
		{"series", body("10:00", "11:00", "recurrence", map[string]any{"pattern": 1}), "invalid_request", "body.recurrence.pattern", 422},
		{"blank subject", body("10:00", "11:00", "subject", " "), "invalid_request", "body.subject", 422},
		{"long subject", body("10:00", "11:00", "subject", long), "invalid_request", "body.subject", 422},
		{"line break in the subject", body("10:00", "11:00", "subject", "a\nb"), "invalid_request", "body.subject", 422},
		{"attendee that is none", body("10:00", "11:00", "attendees", []string{"bob"}), "invalid_request", "body.attendees", 422},
		{"attendee with a name", body("10:00", "11:00", "attendees", []string{"Bob <bob@x.com>"}), "invalid_request", "body.attendees", 422},
		{"attendee twice", body("10:00", "11:00", "attendees", []string{"b@x.com", "B@x.com"}), "invalid_request", "body.attendees", 422},
		{"another room as attendee", body("10:00", "11:00", "attendees", []string{"PEAK@contoso.com"}), "invalid_request", "body.attendees", 422},
		{"past", body("08:00", "10:00"), "invalid_request", "body.start", 422},
		{"too long", body("10:00", "14:01"), "invalid_request", "body.end", 422},
		{"too far ahead", body("10:00", "11:00", "start", "2027-03-01T10:00:00+08:00", "end", "2027-03-01T11:00:00+08:00"), "invalid_request", "body.start", 422},
		{"all day in a room of four hours", body("10:00", "11:00", "start", "2026-12-02", "end", "2026-12-03", "all_day", true), "invalid_request", "body.end", 422},
		{"external id of a person", body("10:00", "11:00", "external_id", "x"), "invalid_request", "body.external_id", 422},
	}
	story(t, func(h *house) {
		for _, tt := range tests {
			r := h.call(alice, "POST", "/v1/bookings", tt.body)
			if r.status != tt.status || r.text("code") != tt.code {
				t.Errorf("%s: got %d %s, want %d %s; body %v", tt.name, r.status, r.text("code"), tt.status, tt.code, r.body)
			}
			if tt.location != "" && !strings.Contains(r.text("errors"), `"location":"`+tt.location+`"`) {
				t.Errorf("%s: got errors %s, want one at %s", tt.name, r.text("errors"), tt.location)
			}
			if got := r.header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("%s: Content-Type: got %q, want application/problem+json", tt.name, got)
			}
		}
		if n := len(h.graph.calls); n != 0 {
			t.Errorf("calls of Graph: got %d, want none", n)
		}
	})
}

func TestHTTP(t *testing.T) {
	tests := []struct {
		name, method, target, body, contentType string
		status                                  int
		code, header, value                     string
	}{
		{"unknown path", "GET", "/v1/nothing", "", "", 404, "not_found", "", ""},
		{"unclean path", "GET", "/v1//rooms", "", "", 404, "not_found", "", ""},
		{"method", "PUT", "/v1/bookings", "{}", "", 405, "method_not_allowed", "Allow", "GET, POST"},
		{"method of one", "POST", "/v1/bookings/x", "{}", "", 405, "method_not_allowed", "Allow", "GET, PATCH, DELETE"},
		{"page by PUT", "PUT", "/docs", "", "", 405, "method_not_allowed", "Allow", "GET"},
		{"description by POST", "POST", "/openapi.json", "", "", 405, "method_not_allowed", "Allow", "GET"},
		{"too large", "POST", "/v1/bookings", `{"body":"` + strings.Repeat("x", maxBody) + `"}`, "", 413, "request_entity_too_large", "", ""},
		{"not JSON", "POST", "/v1/bookings", "room=x", "application/x-www-form-urlencoded", 415, "unsupported_media_type", "", ""},
		{"unknown query", "GET", "/v1/bookings?form=x", "", "", 422, "invalid_request", "", ""},
		{"bad limit", "GET", "/v1/bookings?limit=201", "", "", 422, "invalid_request", "", ""},
		{"bad cursor", "GET", "/v1/bookings?cursor=AAAA", "", "", 422, "invalid_request", "", ""},
		{"bad from", "GET", "/v1/bookings?from=now", "", "", 422, "invalid_request", "", ""},
		{"bad status", "GET", "/v1/bookings?status=lost", "", "", 422, "invalid_request", "", ""},
		{"long window", "GET", "/v1/rooms/boardroom/schedule?from=2026-12-01T00:00:00Z&to=2027-12-01T00:00:00Z", "", "", 422, "invalid_request", "", ""},
		{"turned window", "GET", "/v1/rooms/boardroom/schedule?from=2026-12-02T00:00:00Z&to=2026-12-01T00:00:00Z", "", "", 422, "invalid_request", "", ""},
		{"unescaped plus", "GET", "/v1/bookings?from=2026-12-01T00:00:00+08:00", "", "", 200, "", "Cache-Control", "no-store"},
		{"unknown room", "GET", "/v1/rooms/cellar", "", "", 404, "unknown_room", "", ""},
		{"unknown booking", "GET", "/v1/bookings/x", "", "", 404, "not_found", "", ""},
	}
	story(t, func(h *house) {
		for _, tt := range tests {
			var header []string
			if tt.contentType != "" {
				header = []string{"Content-Type", tt.contentType}
			}
			r := h.call(alice, tt.method, tt.target, tt.body, header...)
			code := r.text("code")
			if r.status != tt.status || tt.code != "" && code != tt.code {
				t.Errorf("%s: got %d %s, want %d %s; body %v", tt.name, r.status, code, tt.status, tt.code, r.body)
			}
			if got := r.header.Get(tt.header); tt.header != "" && got != tt.value {
				t.Errorf("%s: %s: got %q, want %q", tt.name, tt.header, got, tt.value)
			}
		}
	})
}

func TestCallers(t *testing.T) {
	story(t, func(h *house) {
		sessionsOnly := NewAPI(h.svc, APIOptions{})
		tests := []struct {
			name   string
			api    http.Handler
			person *identity.Person
			gate   []string // what the gate has kept of Ones-Act-As
			header []string
			target string
			status int
			code   string
			login  bool
		}{
			{name: "nobody", api: sessionsOnly, target: "/v1/rooms", status: 401, code: "sign_in_required", login: true},
			{name: "nobody, services expected", api: h.api, target: "/v1/rooms", status: 401, code: "invalid_token"},
			{name: "bearer, no services", api: sessionsOnly, header: []string{"Authorization", "Bearer x"}, target: "/v1/rooms", status: 401, code: "invalid_token"},
			{name: "wrong token", api: h.api, header: []string{"Authorization", "Bearer x"}, target: "/v1/rooms", status: 401, code: "invalid_token"},
			{name: "wrong token beside a session", api: h.api, person: &alice, header: []string{"Authorization", "Bearer x"}, target: "/v1/rooms", status: 401, code: "invalid_token"},
			{name: "older token", api: h.api, header: []string{"Authorization", "bearer an-older-token-that-is-still-valid!!"}, target: "/v1/rooms", status: 200},
			{name: "session", api: sessionsOnly, person: &alice, target: "/v1/rooms", status: 200},
			{name: "session that acts", api: sessionsOnly, person: &alice, header: []string{"Ones-Act-As", "bob@contoso.com"}, target: "/v1/rooms", status: 403, code: "forbidden"},
			{name: "session that acts, through the gate", api: h.api, person: &alice, gate: []string{"bob@contoso.com"}, target: "/v1/rooms", status: 403, code: "forbidden"},
			{name: "session that acts as itself, through the gate", api: h.api, person: &alice, gate: []string{alice.ID}, target: "/v1/rooms", status: 403, code: "forbidden"},
			{name: "nobody who acts, through the gate", api: h.api, gate: []string{alice.ID}, target: "/v1/rooms", status: 401, code: "invalid_token"},
			{name: "nobody who acts, through the gate, no services", api: sessionsOnly, gate: []string{alice.ID}, target: "/v1/rooms", status: 401, code: "sign_in_required", login: true},
			{name: "wrong token that acts, through the gate", api: h.api, person: &alice, gate: []string{bob.ID}, header: []string{"Authorization", "Bearer x"}, target: "/v1/rooms", status: 401, code: "invalid_token"},
			{name: "act through the gate", api: h.api, gate: []string{"Alice@contoso.com"}, header: service(""), target: "/v1/users/me", status: 200},
			{name: "act through the gate, beside a session", api: h.api, person: &bob, gate: []string{alice.ID}, header: service(""), target: "/v1/users/me", status: 200},
			{name: "act as a stranger, through the gate", api: h.api, gate: []string{"zoe@contoso.com"}, header: service(""), target: "/v1/bookings", status: 404, code: "unknown_user", login: true},
			{name: "act as nobody, through the gate", api: h.api, gate: []string{""}, header: service(""), target: "/v1/bookings", status: 404, code: "unknown_user", login: true},
			{name: "act as no room, through the gate", api: h.api, gate: []string{"room:cellar"}, header: service(""), target: "/v1/rooms", status: 404, code: "unknown_room"},
			{name: "act on both ways", api: h.api, gate: []string{alice.ID}, header: service(alice.ID), target: "/v1/users/me", status: 400, code: "malformed"},
			{name: "act as a stranger", api: h.api, header: service("zoe@contoso.com"), target: "/v1/rooms", status: 404, code: "unknown_user", login: true},
			{name: "act as nobody", api: h.api, header: service(" "), target: "/v1/rooms", status: 404, code: "unknown_user", login: true},
			{name: "act as a room", api: h.api, header: service(" room:boardroom"), target: "/v1/rooms", status: 200},
			{name: "act as no room", api: h.api, header: service("room:cellar"), target: "/v1/rooms", status: 404, code: "unknown_room"},
			{name: "act as a room without a token", api: sessionsOnly, person: &alice, header: []string{"Ones-Act-As", "room:boardroom"}, target: "/v1/rooms", status: 403, code: "forbidden"},
			{name: "act as one of two", api: h.api, header: service("BOB@contoso.com"), target: "/v1/rooms", status: 409, code: "ambiguous_user"},
			{name: "act by e-mail", api: h.api, header: service("Alice@contoso.com"), target: "/v1/users/me", status: 200},
			{name: "act by card", api: h.api, header: service("card:1002"), target: "/v1/users/me", status: 200},
			{name: "act by id", api: h.api, header: service(eve.ID), target: "/v1/users/me", status: 200},
			{name: "me of a service", api: h.api, header: service(""), target: "/v1/users/me", status: 403, code: "forbidden"},
			{name: "stranger", api: h.api, header: service(""), target: "/v1/users/zoe@contoso.com", status: 404, code: "unknown_user", login: true},
			{name: "user by card", api: h.api, header: service(""), target: "/v1/users/card:1001", status: 200},
			{name: "another person of a session", api: sessionsOnly, person: &alice, target: "/v1/users/" + bob.ID, status: 403, code: "forbidden"},
			{name: "the description is open", api: sessionsOnly, target: "/openapi.json", status: 200},
		}
		for _, tt := range tests {
			r := httptest.NewRequestWithContext(context.Background(), "GET", tt.target, nil)
			if tt.person != nil {
				r = r.WithContext(identity.NewContext(r.Context(), tt.person))
			}
			if tt.gate != nil {
				r = r.WithContext(identity.WithActAs(r.Context(), tt.gate))
			}
			for i := 0; i+1 < len(tt.header); i += 2 {
				r.Header.Set(tt.header[i], tt.header[i+1])
			}
			w := httptest.NewRecorder()
			tt.api.ServeHTTP(w, r)
			var p Problem
			_ = json.Unmarshal(w.Body.Bytes(), &p)
			if w.Code != tt.status || p.Code != tt.code && tt.code != "" {
				t.Errorf("%s: got %d %s, want %d %s", tt.name, w.Code, p.Code, tt.status, tt.code)
			}
			if (p.LoginURL != "") != tt.login {
				t.Errorf("%s: login_url: got %q, want one: %v", tt.name, p.LoginURL, tt.login)
			}
			if challenge := w.Header().Get("WWW-Authenticate"); (challenge != "") != (tt.status == http.StatusUnauthorized) {
				t.Errorf("%s: WWW-Authenticate: got %q", tt.name, challenge)
			}
		}
	})
}

// A key, or a version, that is there twice says nothing; preferences may come one by one
// (RFC 7240, section 2).
func TestDoubledHeaders(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("09:30", "09:45").text("id")
		send := func(method, target, in string, header http.Header) reply {
			r := httptest.NewRequestWithContext(identity.NewContext(context.Background(), &alice), method, target, strings.NewReader(in))
			r.Header = header
			return h.send(r)
		}
		for name, values := range map[string][]string{"different": {"1", "2"}, "the same": {"1", "1"}, "one of them empty": {"", "1"}} {
			for _, tt := range []struct{ header, method, target, in string }{
				{"Idempotency-Key", "POST", "/v1/bookings", body("10:00", "11:00")},
				{"Idempotency-Key", "POST", "/v1/bookings/" + id + "/extend", `{"minutes":15}`},
				{"If-Match", "PATCH", "/v1/bookings/" + id, `{"subject":"x"}`},
				{"If-Match", "DELETE", "/v1/bookings/" + id, ""},
			} {
				r := send(tt.method, tt.target, tt.in, http.Header{tt.header: values})
				if r.status != 400 || r.text("code") != "malformed" || !strings.Contains(r.text("detail"), tt.header) {
					t.Errorf("%s %s, two %s, %s: %d %v", tt.method, tt.target, tt.header, name, r.status, r.body)
				}
			}
		}
		list := h.call(alice, "GET", "/v1/bookings", "")
		if found, _ := list.body["bookings"].([]any); len(found) != 1 {
			t.Errorf("bookings: %v", list.body)
		}
		r := send("POST", "/v1/bookings", body("12:00", "13:00"), http.Header{"Prefer": {"return=minimal", "respond-async"}})
		h.want(r, 202)
		if got := r.header.Get("Preference-Applied"); got != "respond-async" {
			t.Errorf("Preference-Applied: %q", got)
		}
	})
}

// X22: a service acts for one person.
func TestX22OneActAs(t *testing.T) {
	story(t, func(h *house) {
		for _, twice := range [][]string{{"Alice@contoso.com", eve.ID}, {alice.ID, alice.ID}, {"", alice.ID}} {
			straight := httptest.NewRequestWithContext(context.Background(), "GET", "/v1/users/me", nil)
			straight.Header.Set("Authorization", "Bearer "+serviceToken)
			gated := straight.Clone(identity.WithActAs(straight.Context(), twice))
			straight.Header["Ones-Act-As"] = twice
			for way, r := range map[string]*http.Request{"straight here": straight, "through the gate": gated} {
				w := httptest.NewRecorder()
				h.api.ServeHTTP(w, r)
				if w.Code != http.StatusBadRequest {
					t.Errorf("%q %s: got %d %s, want 400", twice, way, w.Code, w.Body)
				}
			}
		}
	})
}

// Who names somebody sees what those see, also where the gate has taken the header away:
// never what the service sees that asks for itself.
func TestCallersThroughTheGate(t *testing.T) {
	story(t, func(h *house) {
		h.want(h.book("10:00", "11:00"), 201)
		h.want(h.call(bob, "POST", "/v1/bookings", body("12:00", "13:00")), 201)
		for named, want := range map[string]int{alice.ID: 1, "bob@contoso.com": -1, bob.ID: 1, "card:1002": 1, eve.ID: 0, "room:boardroom": 2, "room:peak": 0} {
			r := httptest.NewRequestWithContext(identity.WithActAs(context.Background(), []string{named}), "GET", "/v1/bookings", nil)
			r.Header.Set("Authorization", "Bearer "+serviceToken)
			list := h.send(r)
			if found, ok := list.body["bookings"].([]any); ok != (want >= 0) || ok && len(found) != want {
				t.Errorf("%s lists %d bookings, want %d: %v", named, len(found), want, list.body)
			}
		}
	})
}

func service(actAs string) []string {
	h := []string{"Authorization", "Bearer " + serviceToken}
	if actAs != "" {
		h = append(h, "Ones-Act-As", actAs)
	}
	return h
}

func TestVisibility(t *testing.T) {
	story(t, func(h *house) {
		mine := h.book("10:00", "11:00", "subject", "Salaries", "private", true, "attendees", []string{"carol@contoso.com"})
		h.want(mine, 201, "subject", "Salaries")
		h.want(h.call(bob, "POST", "/v1/bookings", body("12:00", "13:00", "subject", "Open day")), 201)
		path := "/v1/bookings/" + mine.text("id")

		h.want(h.call(alice, "GET", path, ""), 200, "subject", "Salaries")
		h.want(h.call(alice.ID, "GET", path, ""), 200, "subject", "Salaries")
		h.want(h.call(bob, "GET", path, ""), 404, "code", "not_found")
		h.want(h.call(bob.ID, "GET", path, ""), 404, "code", "not_found")
		h.want(h.call("", "GET", path, ""), 200, "subject", "", "attendees", "[]", "organizer.id", alice.ID)

		for name, want := range map[string]struct {
			as    any
			count int
		}{"alice": {alice, 1}, "bob": {bob, 1}, "service": {"", 2}, "service as bob": {bob.ID, 1}, "eve": {eve, 0}} {
			list := h.call(want.as, "GET", "/v1/bookings", "")
			if found, _ := list.body["bookings"].([]any); len(found) != want.count {
				t.Errorf("%s lists %d bookings, want %d", name, len(found), want.count)
			}
		}

		// The room's mailbox shows subjects, also of a booking that was private here.
		schedule := "/v1/rooms/boardroom/schedule?from=2026-12-01T00:00:00%2B08:00&to=2026-12-02T00:00:00%2B08:00"
		h.graph.foreign["boardroom@contoso.com"] = []period{{opening.Add(6 * time.Hour), opening.Add(7 * time.Hour)}}
		h.graph.subject, h.graph.private = "Board", true
		for name, tt := range map[string]struct {
			as             any
			want, mustHide string
		}{
			"alice":   {alice, "Salaries", "Board"},
			"bob":     {bob, "Open day", "Salaries"},
			"service": {"", "Open day", "Salaries"},
		} {
			r := h.call(tt.as, "GET", schedule, "")
			blocks := r.text("blocks")
			if r.status != 200 || !strings.Contains(blocks, tt.want) || strings.Contains(blocks, tt.mustHide) {
				t.Errorf("%s: got %d %s, want %q and not %q", name, r.status, blocks, tt.want, tt.mustHide)
			}
		}
		h.want(h.call(eve, "GET", schedule, ""), 404, "code", "unknown_room")
	})
}

func TestScheduleWithoutGraph(t *testing.T) {
	story(t, func(h *house) {
		h.want(h.book("10:00", "11:00", "subject", "Mine"), 201)
		refuse := answers(403, "ErrorAccessDenied")
		h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
			if strings.HasSuffix(r.URL.Path, "/getSchedule") {
				return refuse(r, done)
			}
			return nil, nil, false
		})
		target := "/v1/rooms/boardroom/schedule?from=2026-12-01T09:00:00%2B08:00&to=2026-12-01T18:00:00%2B08:00"
		r := h.call(alice, "GET", target, "")
		h.want(r, 200, "as_of", "null") // nobody has looked
		if !strings.Contains(r.text("blocks"), "Mine") {
			t.Errorf("blocks: got %s, want our own", r.text("blocks"))
		}
		h.want(h.call(bob, "POST", "/v1/bookings", body("10:00", "11:00")), 409, "code", "room_conflict")
		h.want(h.call(bob, "POST", "/v1/bookings", body("11:00", "12:00")), 201)
		h.settle(refusedFor) // it is asked again then
		h.graph.setFault(func(r *http.Request, _ bool) (*http.Response, error, bool) {
			<-r.Context().Done()
			return nil, r.Context().Err(), true
		})
		h.want(h.call(alice, "GET", target, ""), 503, "code", "graph_unavailable")
		h.graph.setFault(answers(429, "ApplicationThrottled", "Retry-After", "99"))
		r = h.call(alice, "GET", target, "")
		h.want(r, 429, "code", "throttled")
		if got := r.header.Get("Retry-After"); got != "99" {
			t.Errorf("Retry-After: got %q, want 99", got)
		}
		h.graph.setFault(nil)
		n := len(h.graph.calls)
		if r = h.call(alice, "GET", target, ""); r.header.Get("Retry-After") != "99" || len(h.graph.calls) != n {
			t.Errorf("meanwhile: got Retry-After %q after %d calls, want 99 and none", r.header.Get("Retry-After"), len(h.graph.calls)-n)
		}
		h.want(r, 429, "code", "throttled")
	})
}

// ONES' own server sees a room with the account that stands for it, as long as that is good.
func TestScheduleByTheRoomsAccount(t *testing.T) {
	story(t, func(h *house) {
		const target = "/v1/rooms/boardroom/schedule?from=2026-12-01T09:00:00%2B08:00&to=2026-12-01T18:00:00%2B08:00"
		room := identity.Person{ID: "room:contoso/boardroom"}
		h.graph.foreign["boardroom@contoso.com"] = []period{{opening.Add(6 * time.Hour), opening.Add(7 * time.Hour)}}
		h.graph.subject = "Board"
		wants := func(what, subject string, keys ...string) {
			t.Helper()
			r := h.call("", "GET", target, "")
			h.want(r, 200, keys...)
			if got := r.text("blocks"); subject == "" && got != "[]" || !strings.Contains(got, subject) {
				t.Errorf("%s: blocks: got %s", what, got)
			}
		}
		wants("no account", "", "as_of", "null")
		h.state[room.ID] = grant.Connected
		h.graph.setFault(func(r *http.Request, _ bool) (*http.Response, error, bool) {
			if got := r.Header.Get("Authorization"); got != "Bearer "+room.ID {
				t.Errorf("%s was asked for as %q", r.URL, got)
			}
			return nil, nil, false
		})
		wants("an account", "Board", "as_of", "2026-12-01T01:00:00Z")
		h.graph.setFault(nil)
		h.kill(room, grant.ErrNeedsSignIn) // it has died meanwhile
		wants("an account that has died", "", "as_of", "null")
		h.kill(room, grant.ErrUnavailable)
		h.want(h.call("", "GET", target, ""), 503, "code", "graph_unavailable")
		h.state[room.ID] = grant.Unavailable
		h.kill(room, nil)
		wants("an account that has recovered", "Board", "as_of", "2026-12-01T01:00:00Z")
		h.state[room.ID] = grant.NeedsAdminConsent
		wants("an account without consent", "", "as_of", "null")
		// A person looks with their own grant all the same.
		h.want(h.call(alice, "GET", target, ""), 200, "as_of", "2026-12-01T01:00:00Z")
	})
}

func TestList(t *testing.T) {
	story(t, func(h *house) {
		for hour := 10; hour < 20; hour++ {
			room := []string{"boardroom", "harbour"}[hour%2]
			r := h.call("card:1001", "POST", "/v1/bookings", body(fmt.Sprintf("%d:00", hour), fmt.Sprintf("%d:00", hour+1),
				"room", room, "external_id", fmt.Sprintf("E/%d", hour)))
			h.want(r, 201)
		}
		tests := []struct {
			query, want string
		}{
			{"", "10 11 12 13 14 15 16 17 18 19"},
			{"room=harbour", "11 13 15 17 19"},
			{"from=2026-12-01T12:30:00%2B08:00&to=2026-12-01T14:00:00%2B08:00", "12 13"},
			{"room=harbour&from=2026-12-01T12:00:00%2B08:00", "13 15 17 19"},
			{"external_id=E/14", "14"},
			{"external_id=E/14&room=harbour", ""},
			{"external_id=none", ""},
			{"status=declined", ""},
			{"status=confirmed&to=2026-12-01T11:00:00%2B08:00", "10"},
		}
		for _, tt := range tests {
			for _, limit := range []int{1, 3, 50} {
				for _, who := range []string{"", alice.ID} {
					if got := h.pages(who, tt.query, limit); got != tt.want {
						t.Errorf("%q as %q by %d: got %q, want %q", tt.query, who, limit, got, tt.want)
					}
				}
			}
		}
	})
}

// pages reads a list to its end and returns the hours at which bookings start.
func (h *house) pages(who, query string, limit int) string {
	var hours []string
	for cursor := ""; ; {
		r := h.call(who, "GET", fmt.Sprintf("/v1/bookings?%s&limit=%d&cursor=%s", query, limit, cursor), "")
		if r.status != 200 {
			return fmt.Sprint(r.status, r.body)
		}
		found, _ := r.body["bookings"].([]any)
		if len(found) > limit {
			return "too many on a page"
		}
		for _, b := range found {
			start, _ := time.Parse(time.RFC3339, b.(map[string]any)["start"].(string))
			hours = append(hours, fmt.Sprint(start.Hour()))
		}
		next, more := r.body["next_cursor"].(string)
		if !more {
			return strings.Join(hours, " ")
		}
		cursor = next
	}
}

func TestRooms(t *testing.T) {
	story(t, func(h *house) {
		h.want(h.call(alice, "GET", "/v1/rooms/boardroom", ""), 200, "room", "boardroom", "name", "Boardroom", "time_zone", "Asia/Hong_Kong",
			"capacity", "12", "max_duration_minutes", "240", "booking_window_days", "60", "as_of", "null")
		names := func(as any, query string) string {
			r := h.call(as, "GET", "/v1/rooms"+query, "")
			var names []string
			rooms, _ := r.body["rooms"].([]any)
			for _, room := range rooms {
				names = append(names, room.(map[string]any)["room"].(string))
			}
			return strings.Join(names, " ")
		}
		for _, tt := range []struct {
			as          any
			query, want string
		}{
			{alice, "", "boardroom harbour peak"},
			{eve, "", "other"},
			{"", "", "boardroom harbour other peak"},
			{"", "?limit=2", "boardroom harbour"},
			{"", "?limit=2&cursor=" + cursor("harbour"), "other peak"},
		} {
			if got := names(tt.as, tt.query); got != tt.want {
				t.Errorf("%q: got %q, want %q", tt.query, got, tt.want)
			}
		}
	})
}

func TestStoreFull(t *testing.T) {
	story(t, func(h *house) {
		h.store.setFail(func([]store.Write) error { return store.ErrFull })
		h.want(h.book("10:00", "11:00"), 507, "code", "store_full")
		h.settle(time.Minute)
		if n := h.graph.count("POST /me/events"); n != 0 {
			t.Errorf("creations: got %d, want none: nothing was accepted", n)
		}
	})
}

func TestOpenAPI(t *testing.T) {
	story(t, func(h *house) {
		r := h.call(alice, "GET", "/openapi.json", "")
		if r.body["openapi"] != "3.1.0" || r.text("servers") != `[{"url":"."}]` {
			t.Errorf("got openapi %v, servers %s; want 3.1.0 and a relative one", r.body["openapi"], r.text("servers"))
		}
		paths, _ := r.body["paths"].(map[string]any)
		for _, path := range []string{"/v1/bookings", "/v1/bookings/{id}", "/v1/rooms", "/v1/rooms/{room}", "/v1/rooms/{room}/schedule", "/v1/users/{user}", "/v1/availability"} {
			if paths[path] == nil {
				t.Errorf("the description lacks %s", path)
			}
		}
		text, _ := json.Marshal(r.body)
		for _, want := range []string{`"Idempotency-Key"`, `"Prefer"`, `"If-Match"`, `"application/problem+json"`, `"alternatives"`} {
			if !strings.Contains(string(text), want) {
				t.Errorf("the description lacks %s", want)
			}
		}
		if strings.Contains(string(text), "$schema") {
			t.Error("the description speaks of $schema links")
		}
	})
}

func TestPatience(t *testing.T) {
	for header, want := range map[string]string{
		"": "5s ", "wait=10": "10s wait=10", "wait=99": "30s wait=30", "wait=0": "0s wait=0", "wait=-1": "5s ", "wait=x": "5s ",
		"respond-async": "0s respond-async", "respond-async, wait=10": "0s respond-async", "handling=lenient, WAIT=3": "3s wait=3",
		"wait=99999999999999999999": "5s ", `wait="7"`: "7s wait=7",
	} {
		d, applied := patience(header)
		if got := d.String() + " " + applied; got != want {
			t.Errorf("patience(%q): got %q, want %q", header, got, want)
		}
	}
}
