package m365sim

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

func TestLostReply(t *testing.T) {
	s := newSite(t)
	token := s.as(alice)
	s.command("faults", map[string]any{"match": "POST /v1.0/me/events", "times": 1, "lost_reply": true})
	body := meeting("Review", boardroom, 2, 3)
	body["transactionId"] = "t-1"
	if a, err := s.try(http.MethodPost, "/v1.0/me/events", body, "Authorization", "Bearer "+token); err == nil {
		t.Fatalf("the reply was not lost: %d %s", a.StatusCode, a.body)
	}
	made := s.events(alice)
	if len(made) != 1 {
		t.Fatalf("%d events were made, want 1", len(made))
	}
	if again := s.book(token, body); again != made[0]["id"] {
		t.Error("the second attempt made another event")
	}
}

// events is what stands in a calendar.
func (s *site) events(mailbox string) []map[string]any {
	s.t.Helper()
	var events []map[string]any
	for _, e := range s.send(http.MethodGet, "/_sim/events?mailbox="+mailbox, nil).want(s.t, http.StatusOK).json(s.t)["value"].([]any) {
		events = append(events, e.(map[string]any))
	}
	return events
}

// A fault that says no more than its code is answered as it usually is.
func TestFaultsByTheirCode(t *testing.T) {
	s := newSite(t)
	tokens := s.signIn(s.home(), alice, threeOnly)
	token, refresh := tokens["access_token"].(string), tokens["refresh_token"].(string)
	s.command("faults", map[string]any{"match": "GET /v1.0/users/*/calendar", "times": 1, "code": "ErrorServerBusy", "retry_after": "2.128"})
	a := s.graph(token, http.MethodGet, "/Users('"+alice+"')/Calendar", nil).want(t, http.StatusServiceUnavailable) // another spelling
	if a.Header.Get("Retry-After") != "2.128" || a.json(t)["error"].(map[string]any)["code"] != "ErrorServerBusy" {
		t.Errorf("%v %s", a.Header, a.body)
	}
	s.command("faults", map[string]any{"match": "GET /v1.0/me/calendar", "times": 1, "status": 401, "claims": `{"access_token":{"nbf":{"essential":true,"value":"1"}}}`})
	a = s.graph(token, http.MethodGet, "/me/calendar", nil).want(t, http.StatusUnauthorized)
	if header := a.Header.Get("Www-Authenticate"); !strings.Contains(header, `error="insufficient_claims"`) || !strings.Contains(header, "claims=") {
		t.Errorf("WWW-Authenticate = %s", header)
	}
	s.command("faults", map[string]any{"match": "POST /*/oauth2/v2.0/token", "contains": "grant_type=refresh_token", "code": "AADSTS50076"})
	a = s.refresh(refresh).want(t, http.StatusBadRequest)
	if m := a.json(t); m["error"] == "" || !strings.HasPrefix(m["error_description"].(string), "AADSTS50076: ") {
		t.Errorf("%s", a.body)
	}
	if n := len(s.status()["faults"].([]any)); n != 1 {
		t.Errorf("%d faults are on, want 1", n)
	}
	s.send(http.MethodDelete, "/_sim/faults", nil).want(t, http.StatusNoContent)
	s.command("faults", map[string]any{"match": "POST /*/oauth2/v2.0/token", "times": 1, "status": 400, "code": "AADSTS123456", "error": "invalid_grant", "message": "New."})
	if m := s.refresh(refresh).want(t, http.StatusBadRequest).json(t); m["error_codes"].([]any)[0] != 123456.0 || !strings.HasPrefix(m["error_description"].(string), "AADSTS123456: New.") {
		t.Errorf("a number of our own: %v", m)
	}
	s.command("faults", map[string]any{"match": "POST /*/oauth2/v2.0/token", "times": 1, "status": 400, "claims": `{"access_token":{}}`})
	if m := s.refresh(refresh).want(t, http.StatusBadRequest).json(t); m["error"] != "interaction_required" || m["claims"] != `{"access_token":{}}` {
		t.Errorf("a claims challenge: %v", m)
	}
	s.send(http.MethodDelete, "/_sim/faults", nil).want(t, http.StatusNoContent)
	s.refresh(refresh).want(t, http.StatusOK)
}

func TestThrottledBatchItems(t *testing.T) {
	s := newSite(t)
	token := s.as(alice)
	s.command("faults", map[string]any{"match": "GET /v1.0/me/calendar", "times": 1, "status": 429, "retry_after": "3"})
	// An item has no connection that could be cut; this waits for a call of its own.
	s.command("faults", map[string]any{"match": "GET /v1.0/me/calendars", "times": 1, "lost_reply": true})
	item := func(id string) any { return map[string]any{"id": id, "method": "GET", "url": "/me/calendar"} }
	a := s.graph(token, http.MethodPost, "/$batch", map[string]any{"requests": []any{item("1"), item("2"), map[string]any{"id": "3", "method": "GET", "url": "/me/calendars"}}}).want(t, http.StatusOK)
	got := map[string]float64{}
	for _, r := range a.json(t)["responses"].([]any) {
		r := r.(map[string]any)
		got[r["id"].(string)] = r["status"].(float64)
	}
	if got["1"] != 429 || got["2"] != 200 || got["3"] != 200 || len(s.status()["faults"].([]any)) != 1 {
		t.Errorf("%v: %s", got, a.body)
	}
	if n := s.status()["counters"].(map[string]any)["GET /v1.0/me/calendar"]; n != 2.0 {
		t.Errorf("items are counted %v times", n)
	}
}

func TestClockMoves(t *testing.T) {
	s := newSite(t)
	token := s.as(alice)
	id := s.book(token, meeting("Review", boardroom, 2, 3))
	if got := s.roomSays(token, id); got != "none" {
		t.Errorf("at once the room says %s", got)
	}
	s.command("clock", map[string]string{"advance": "10s"})
	if got := s.roomSays(token, id); got != "accepted" {
		t.Errorf("ten seconds later the room says %s", got)
	}
	s.command("clock", map[string]string{"advance": "2h"})
	a := s.graph(token, http.MethodGet, "/me/calendar", nil).want(t, http.StatusUnauthorized)
	if got, want := a.Header.Get("Date"), begin.Add(2*time.Hour+10*time.Second).Format(http.TimeFormat); got != want {
		t.Errorf("Date = %s, want %s", got, want)
	}
	if got := s.status()["shift"]; got != "2h0m10s" {
		t.Errorf("shift = %v", got)
	}
}

func TestLateAndDecliningRooms(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	kept := func(_ *world.Config, o *Options) { o.StateFile = file }
	s := newSite(t, kept)
	token, hour := s.as(alice), 0
	says := func(after string) string {
		t.Helper()
		hour++
		id := s.book(token, meeting("Review", boardroom, hour, hour+1))
		s.command("clock", map[string]string{"advance": after})
		return s.roomSays(token, id)
	}
	if got := says("3s"); got != "accepted" {
		t.Fatalf("after its own delay the room says %s", got)
	}
	waits := s.book(token, meeting("Review", boardroom, 20, 21))
	a := s.command("rooms", map[string]any{"room": "boardroom", "answer_delay": "10s"}).json(t)
	if a["address"] != boardroom || a["answer_delay"] != "10s" || a["declines"] != false {
		t.Errorf("the late room is told as %v", a)
	}
	if got := says("9s"); got != "none" {
		t.Errorf("before its new delay the room says %s", got)
	}
	if got := s.roomSays(token, waits); got != "accepted" {
		t.Errorf("who was invited before the switch, says %s", got)
	}
	if a := s.send(http.MethodGet, "/", nil); strings.Count(a.body, "answers after 10s") != 1 || strings.Contains(a.body, "declines everything") {
		t.Error("the overview doesn't show the one late room")
	}
	a = s.command("rooms", map[string]any{"room": boardroom, "declines": true}).json(t)
	if a["answer_delay"] != "10s" || a["declines"] != true {
		t.Errorf("the late and declining room is told as %v", a)
	}
	if got := says("9s"); got != "none" {
		t.Errorf("before its delay a declining room says %s", got)
	}
	if got := says("10s"); got != "declined" {
		t.Errorf("a declining room says %s", got)
	}

	// All of it outlives the process, however it ends.
	killed := s
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	file += "+"
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s = newSite(t, kept, func(_ *world.Config, o *Options) { o.Now = killed.clock.now })
	token = s.as(alice)
	if got := says("10s"); got != "declined" {
		t.Errorf("after a restart a declining room says %s", got)
	}
	s.command("rooms", map[string]any{"room": "boardroom", "declines": false})
	if got := says("9s"); got != "none" {
		t.Errorf("after a restart, before its new delay, the room says %s", got)
	}
	a = s.command("rooms", map[string]any{"room": "boardroom", "answer_delay": "3s"}).json(t)
	if a["answer_delay"] != "3s" || a["declines"] != false {
		t.Errorf("the room as it was is told as %v", a)
	}
	if got := says("3s"); got != "accepted" {
		t.Errorf("switched back, the room says %s", got)
	}
}

// What a room answers to is for its rules to say: a switch would be lost on one that
// answers nobody.
func TestSwitchesOfASilentRoom(t *testing.T) {
	s := newSite(t, func(c *world.Config, _ *Options) {
		c.Tenants[0].Rooms[0].Processing = world.NewRoomProcessing()
		c.Tenants[0].Rooms[0].Processing.Automate = world.AutoNone
	})
	if a := s.send(http.MethodPost, "/_sim/rooms", map[string]any{"room": boardroom, "declines": true}); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, "automate_processing") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

func TestRevokedPerson(t *testing.T) {
	s := newSite(t)
	tokens, other := s.signIn(s.home(), alice, threeOnly), s.as(bob)
	s.command("revoke", map[string]string{"mail": alice})
	if m := s.refresh(tokens["refresh_token"].(string)).want(t, http.StatusBadRequest).json(t); m["error"] != "invalid_grant" {
		t.Errorf("refresh: %v", m)
	}
	// without continuous access evaluation an access token lives on
	s.graph(tokens["access_token"].(string), http.MethodGet, "/me/calendar", nil).want(t, http.StatusOK)
	s.graph(other, http.MethodGet, "/me/calendar", nil).want(t, http.StatusOK)
	s.refresh(s.signIn(s.home(), alice, threeOnly)["refresh_token"].(string)).want(t, http.StatusOK)
}

func TestConditions(t *testing.T) {
	s := newSite(t)
	refresh := s.signIn(s.home(), alice, threeOnly)["refresh_token"].(string)
	s.command("people", map[string]string{"mail": alice, "condition": "AADSTS53003"})
	if m := s.refresh(refresh).want(t, http.StatusBadRequest).json(t); m["error_codes"].([]any)[0] != 53003.0 {
		t.Errorf("%v", m)
	}
	s.command("people", map[string]string{"mail": alice, "condition": ""})
	s.refresh(refresh).want(t, http.StatusOK)
	s.command("people", map[string]string{"mail": alice, "event": "password_changed"})
	s.refresh(refresh).want(t, http.StatusOK)
	s.command("people", map[string]string{"mail": alice, "event": "disabled"})
	if m := s.refresh(refresh).want(t, http.StatusBadRequest).json(t); m["error_codes"].([]any)[0] != 50057.0 {
		t.Errorf("%v", m)
	}
}

func TestSecretsAndKeys(t *testing.T) {
	s := newSite(t)
	refresh := s.signIn(s.home(), alice, threeOnly)["refresh_token"].(string)
	s.command("secrets", map[string]string{"client_id": s.home().app.ClientID, "expire": s.home().app.Secrets[0].ID})
	if m := s.refresh(refresh).want(t, http.StatusUnauthorized).json(t); m["error_codes"].([]any)[0] != 7000222.0 {
		t.Errorf("%v", m)
	}
	s.command("secrets", map[string]string{"client_id": s.home().app.ClientID, "value": "new"})
	if m := s.refresh(refresh).want(t, http.StatusUnauthorized).json(t); m["error_codes"].([]any)[0] != 7000215.0 {
		t.Errorf("%v", m)
	}
	keys := func() []any {
		return s.send(http.MethodGet, "/"+s.home().tenant.ID+"/discovery/v2.0/keys", nil).want(t, http.StatusOK).json(t)["keys"].([]any)
	}
	before := len(keys())
	s.command("keys", map[string]string{"mode": "add"})
	if got := len(keys()); got != before+1 {
		t.Errorf("%d keys, want %d", got, before+1)
	}
	s.command("keys", map[string]string{"mode": "emergency"})
	if got := len(keys()); got != 1 {
		t.Errorf("%d keys after an emergency, want 1", got)
	}
}

func TestRoomsChangeTheirMind(t *testing.T) {
	s := newSite(t)
	token := s.as(alice)
	id := s.book(token, meeting("Review", boardroom, 2, 3))
	s.clock.advance(time.Minute)
	if got := s.roomSays(token, id); got != "accepted" {
		t.Fatalf("the room says %s", got)
	}
	s.command("rooms", map[string]string{"room": s.home().tenant.Rooms[0].ID, "event": id, "answer": "declined", "reason": "Painting."})
	if got := s.roomSays(token, id); got != "declined" {
		t.Errorf("the room says %s", got)
	}
	if reasons := s.events(alice)[0]["m365sim.reasons"].(map[string]any); reasons[boardroom] != "Painting." {
		t.Errorf("reasons = %v", reasons)
	}
	if left := s.events(boardroom); len(left) != 0 {
		t.Errorf("the room holds %v", left)
	}
}

func TestMoveAndSync(t *testing.T) {
	s := newSite(t)
	token := s.as(alice)
	id := s.book(token, meeting("Review", boardroom, 2, 3))
	round := s.graph(token, http.MethodGet, "/me/calendarView/delta?startDateTime=2026-11-24T00:00:00Z&endDateTime=2026-11-25T00:00:00Z", nil).want(t, http.StatusOK)
	link := round.json(t)["@odata.deltaLink"].(string)
	moved := s.command("move", map[string]string{"mailbox": alice, "id": id}).json(t)["id"].(string)
	s.graph(token, http.MethodGet, "/me/events/"+id, nil).want(t, http.StatusNotFound)
	s.graph(token, http.MethodGet, "/me/events/"+moved, nil).want(t, http.StatusOK)
	s.send(http.MethodGet, link, nil, "Authorization", "Bearer "+token).want(t, http.StatusOK)
	s.command("sync", map[string]string{})
	s.send(http.MethodGet, link, nil, "Authorization", "Bearer "+token).want(t, http.StatusGone)
}

func TestControlRefuses(t *testing.T) {
	s := newSite(t)
	for name, tt := range map[string]struct {
		path    string
		body    any
		headers []string
		status  int
	}{
		"an unknown word":         {"faults", `{"match": "GET /x", "status": 500, "colour": "red"}`, nil, 400},
		"nothing wrong":           {"faults", map[string]any{"match": "GET /x"}, nil, 400},
		"an unknown code":         {"faults", map[string]any{"match": "GET /v1.0/x", "code": "ErrorColour"}, nil, 400},
		"Entra's code for Graph":  {"faults", map[string]any{"match": "GET /v1.0/x", "code": "AADSTS50076"}, nil, 400},
		"Graph's code for Entra":  {"faults", map[string]any{"match": "* /*/oauth2/v2.0/token", "code": "ErrorServerBusy", "status": 503}, nil, 400},
		"a query":                 {"faults", map[string]any{"match": "GET /v1.0/me/events?$top=1", "status": 500}, nil, 400},
		"a small method":          {"faults", map[string]any{"match": "get /v1.0/me", "status": 500}, nil, 400},
		"a form":                  {"faults", "x=1", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		"another site":            {"faults", map[string]any{"match": "GET /x", "status": 500}, []string{"Origin", "http://evil.example"}, 403},
		"nobody's grants":         {"revoke", map[string]any{}, nil, 400},
		"somebody unknown":        {"people", map[string]any{"mail": "zoe@contoso.example", "event": "disabled"}, nil, 400},
		"nothing that happens":    {"people", map[string]any{"mail": alice}, nil, 400},
		"an unknown event":        {"people", map[string]any{"mail": alice, "event": "promoted"}, nil, 400},
		"an unknown condition":    {"people", map[string]any{"mail": alice, "condition": "AADSTS1"}, nil, 400},
		"an unknown app's secret": {"secrets", map[string]any{"client_id": "x", "value": "y"}, nil, 400},
		"an empty secret":         {"secrets", map[string]any{"client_id": s.home().app.ClientID}, nil, 400},
		"an unknown mode":         {"keys", map[string]any{"mode": "throw away"}, nil, 400},
		"an unknown tenant":       {"consent", map[string]any{"tenant": "x", "client_id": s.home().app.ClientID}, nil, 400},
		"an unknown room":         {"rooms", map[string]any{"room": alice, "event": "x", "answer": "declined"}, nil, 400},
		"an unknown answer":       {"rooms", map[string]any{"room": boardroom, "event": "x", "answer": "perhaps"}, nil, 400},
		"an unknown room's delay": {"rooms", map[string]any{"room": alice, "answer_delay": "1s"}, nil, 400},
		"a negative delay":        {"rooms", map[string]any{"room": boardroom, "answer_delay": "-1s"}, nil, 400},
		"no delay":                {"rooms", map[string]any{"room": boardroom, "answer_delay": "soon"}, nil, 400},
		"an answer and a switch":  {"rooms", map[string]any{"room": boardroom, "event": "x", "answer": "declined", "declines": true}, nil, 400},
		"a reason for a switch":   {"rooms", map[string]any{"room": boardroom, "declines": true, "reason": "x"}, nil, 400},
		"nobody's lifecycle":      {"lifecycle", map[string]any{"mailbox": "x", "event": "missed"}, nil, 400},
		"an unknown mailbox":      {"move", map[string]any{"mailbox": "x", "id": "x"}, nil, 400},
		"an unknown lifecycle":    {"lifecycle", map[string]any{"mailbox": alice, "event": "born"}, nil, 400},
		"an unknown command":      {"explode", map[string]any{}, nil, 404},
	} {
		if a := s.send(http.MethodPost, "/_sim/"+tt.path, tt.body, tt.headers...); a.StatusCode != tt.status {
			t.Errorf("%s: %d %s, want %d", name, a.StatusCode, a.body, tt.status)
		}
	}
	if a := s.send(http.MethodDelete, "/_sim/faults", nil, "Origin", "http://evil.example"); a.StatusCode != http.StatusForbidden {
		t.Errorf("clearing from another site: %d", a.StatusCode)
	}
	if on := s.status()["faults"].([]any); len(on) != 0 {
		t.Errorf("faults were switched on: %v", on)
	}
}

func TestStatusCountsAndKeepsNoSecret(t *testing.T) {
	s := newSite(t)
	tokens := s.signIn(s.home(), alice, threeOnly)
	token := tokens["access_token"].(string)
	s.book(token, meeting("Review", boardroom, 2, 3))
	for range 5 {
		s.graph(token, http.MethodGet, "/me/calendar?$select=id", nil)
	}
	a := s.send(http.MethodGet, "/_sim", nil)
	status := a.json(t)
	counters := status["counters"].(map[string]any)
	if counters["POST /v1.0/me/events"] != 1.0 || counters["GET /v1.0/me/calendar"] != 5.0 || counters["/{tenant}/oauth2/v2.0/token"] != 1.0 {
		t.Errorf("counters = %v", counters)
	}
	if status["people"] != 5.0 || status["rooms"] != 4.0 || status["events"] != 2.0 || !slices.Equal(status["tenants"].([]any), []any{s.home().tenant.ID}) {
		t.Errorf("the world: %s", a.body)
	}
	grants := s.send(http.MethodGet, "/_sim/grants?mail="+alice, nil)
	if !strings.Contains(grants.body, alice) {
		t.Errorf("grants: %s", grants.body)
	}
	page := s.send(http.MethodGet, "/", nil)
	for _, secret := range []string{token, tokens["refresh_token"].(string), s.home().app.Secrets[0].Value, "select"} {
		if strings.Contains(a.body, secret) || strings.Contains(grants.body, secret) || strings.Contains(page.body, `value="`+secret) {
			t.Errorf("the simulator tells %q", secret)
		}
	}
	s.send(http.MethodDelete, "/_sim/calls", nil).want(t, http.StatusNoContent)
	if calls := s.status()["calls"].([]any); len(calls) != 0 {
		t.Errorf("%d calls are left", len(calls))
	}
}

func TestOverview(t *testing.T) {
	s := newSite(t, func(c *world.Config, _ *Options) { c.Tenants[0].Events = world.Sample().Tenants[0].Events })
	s.graph(s.as(alice), http.MethodGet, "/me/calendar", nil)
	s.command("faults", map[string]any{"match": "GET /v1.0/me/events", "times": 2, "code": "ErrorServerBusy", "retry_after": "5", "delay": "1ms"})
	s.command("consent", map[string]any{"tenant": "contoso.example", "client_id": s.home().app.ClientID, "scopes": []string{"Calendars.ReadWrite.Shared", "User.Read"}})
	a := s.send(http.MethodGet, "/", nil).want(t, http.StatusOK)
	for _, text := range []string{
		"<td>everybody</td><td>" + s.home().app.Name + "</td><td>Calendars.ReadWrite.Shared, User.Read</td>",
		"Contoso", "Dan Müller", "Release planning", "09:30–10:30", "GET /v1.0/me/calendar", "waits 1ms, answers ErrorServerBusy Retry-After: 5", "refresh",
	} {
		if !strings.Contains(a.body, text) {
			t.Errorf("the overview does not show %q", text)
		}
	}
	if strings.Contains(a.body, s.home().app.Secrets[0].Value) || strings.Contains(a.body, "Architecture") {
		t.Error("the overview shows a secret, or tomorrow")
	}
	for _, mailbox := range []string{alice, boardroom} {
		link := regexp.MustCompile(`href="([^"]+` + strings.ReplaceAll(mailbox, "@", ".{1,3}") + `)"`).FindStringSubmatch(a.body)
		if link == nil {
			t.Fatalf("the overview does not lead to the calendar of %s", mailbox)
		}
		s.send(http.MethodGet, link[1], nil).want(t, http.StatusOK)
	}
	if a := s.send(http.MethodGet, "/?q=bob", nil); strings.Contains(a.body, "Dan Müller") || !strings.Contains(a.body, "Bob Lee") {
		t.Error("the overview shows others than were asked for")
	}
	if a := s.send(http.MethodGet, "/_sim/style.css", nil); a.StatusCode != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/css") {
		t.Errorf("the stylesheet: %d", a.StatusCode)
	}
	s.send(http.MethodGet, "/nowhere", nil).want(t, http.StatusNotFound)
}
