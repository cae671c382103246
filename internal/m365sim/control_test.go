package m365sim

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func (w *world) fault(f Fault) {
	w.t.Helper()
	if a := w.send(http.MethodPost, "/_sim/faults", f); a.StatusCode != http.StatusCreated {
		w.t.Fatalf("switching a fault on: %d %s", a.StatusCode, a.body)
	}
}

func TestLostReply(t *testing.T) {
	w := newWorld(t)
	m := w.as(alice)
	w.fault(Fault{Match: "POST /v1.0/me/events", Times: 1, LostReply: true})
	body := meeting("Review", boardroom, 2, 3)
	body["transactionId"] = "t-1"
	if a, err := m.try(http.MethodPost, "/v1.0/me/events", body, "Authorization", "Bearer "+m.token); err == nil {
		t.Fatalf("the reply was not lost: %d %s", a.StatusCode, a.body)
	}
	made := w.eventsOf(alice)
	if len(made) != 1 {
		t.Fatalf("%d events were made, want 1", len(made))
	}
	if again := m.create(body); again["id"] != made[0].ID {
		t.Error("the second attempt made another event")
	}
}

func TestFaultsOfGraph(t *testing.T) {
	w := newWorld(t)
	m := w.as(alice)
	w.fault(Fault{Match: "* /v1.0/me/*", Times: 2, Status: 429, RetryAfter: "2.5", Code: "ApplicationThrottled", Message: "Too much."})
	for range 2 {
		a := m.call(http.MethodGet, "/me/calendar", nil)
		if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") != "2.5" || a.errorCode(t) != "ApplicationThrottled" {
			t.Errorf("%d %v %s", a.StatusCode, a.Header, a.body)
		}
	}
	if a := m.call(http.MethodGet, "/me/calendar", nil); a.StatusCode != http.StatusOK {
		t.Errorf("a third time: %d %s", a.StatusCode, a.body)
	}
	w.fault(Fault{Match: "GET /v1.0/me/calendar", Status: 503})
	for range 3 {
		if a := m.call(http.MethodGet, "/me/calendar", nil); a.StatusCode != http.StatusServiceUnavailable || a.errorCode(t) != "ServiceUnavailable" {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	}
	if a := m.call(http.MethodGet, "/me/calendars", nil); a.StatusCode != http.StatusOK {
		t.Errorf("another path: %d %s", a.StatusCode, a.body)
	}
	if faults := w.send(http.MethodGet, "/_sim", nil).json(t)["faults"].([]any); len(faults) != 1 {
		t.Errorf("active faults: %v", faults)
	}
	if a := w.send(http.MethodDelete, "/_sim/faults", nil); a.StatusCode != http.StatusNoContent {
		t.Fatalf("clearing: %d %s", a.StatusCode, a.body)
	}
	if a := m.call(http.MethodGet, "/me/calendar", nil); a.StatusCode != http.StatusOK {
		t.Errorf("after clearing: %d %s", a.StatusCode, a.body)
	}
}

func TestFaultsOfTheTokenEndpoint(t *testing.T) {
	w := newWorld(t)
	refresh := w.signIn(alice)["refresh_token"].(string)
	w.fault(Fault{
		Match: "POST /*/oauth2/v2.0/token", Times: 1, Status: 400, Error: "invalid_grant", Code: "AADSTS50076",
		Suberror: "basic_action", Message: "Use multi-factor authentication.",
	})
	w.token(w.refreshForm(refresh)).refusal(t, 400, "invalid_grant", "50076", "basic_action")
	w.fault(Fault{Match: "POST /*/oauth2/v2.0/token", Times: 1, Status: 503, RetryAfter: "1"})
	a := w.token(w.refreshForm(refresh))
	if a.StatusCode != http.StatusServiceUnavailable || a.json(t)["error"] != "temporarily_unavailable" || a.Header.Get("Retry-After") != "1" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	w.fault(Fault{Match: "POST /*/oauth2/v2.0/token", Times: 1, Delay: Duration(time.Millisecond)})
	if a := w.token(w.refreshForm(refresh)); a.StatusCode != http.StatusOK {
		t.Errorf("a delay: %d %s", a.StatusCode, a.body)
	}
}

func TestControlRefuses(t *testing.T) {
	w := newWorld(t)
	for name, tt := range map[string]struct {
		path    string
		body    any
		headers []string
		status  int
	}{
		"an unknown word":         {"/_sim/faults", `{"match": "GET /x", "status": 500, "colour": "red"}`, nil, 400},
		"no method":               {"/_sim/faults", Fault{Match: "/x", Status: 500}, nil, 400},
		"a broken pattern":        {"/_sim/faults", Fault{Match: "GET /[", Status: 500}, nil, 400},
		"nothing wrong":           {"/_sim/faults", Fault{Match: "GET /x"}, nil, 400},
		"a status of success":     {"/_sim/faults", Fault{Match: "GET /x", Status: 200}, nil, 400},
		"an endless delay":        {"/_sim/faults", Fault{Match: "GET /x", Delay: Duration(time.Hour)}, nil, 400},
		"a form":                  {"/_sim/faults", "x=1", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		"another site":            {"/_sim/faults", Fault{Match: "GET /x", Status: 500}, []string{"Origin", "http://evil.example"}, 403},
		"nobody's grants":         {"/_sim/revoke", `{}`, nil, 400},
		"an unknown app's secret": {"/_sim/secrets", map[string]string{"client_id": "x", "value": "y"}, nil, 404},
		"an empty secret":         {"/_sim/secrets", map[string]string{"client_id": w.app().ClientID}, nil, 400},
		"too long a body":         {"/_sim/faults", strings.Repeat(" ", maxBody+1), nil, 413},
	} {
		if a := w.send(http.MethodPost, tt.path, tt.body, tt.headers...); a.StatusCode != tt.status {
			t.Errorf("%s: %d %s, want %d", name, a.StatusCode, a.body, tt.status)
		}
	}
	if len(w.sim.faults) != 0 {
		t.Errorf("faults were switched on: %v", w.sim.faults)
	}
}

func TestJournalCountsAndKeepsNoSecret(t *testing.T) {
	w := newWorld(t)
	m := w.as(alice)
	m.create(meeting("Review", boardroom, 2, 3))
	for range keptCalls {
		m.call(http.MethodGet, "/me/calendar?$select=id", nil)
	}
	a := w.send(http.MethodGet, "/_sim", nil)
	status := a.json(t)
	counters := status["counters"].(map[string]any)
	if counters["POST /v1.0/me/events"] != 1.0 || counters["GET /v1.0/me/calendar"] != float64(keptCalls) || counters["/{tenant}/oauth2/v2.0/token"] != 1.0 {
		t.Errorf("counters = %v", counters)
	}
	if calls := status["calls"].([]any); len(calls) != keptCalls {
		t.Errorf("%d calls are listed, want %d", len(calls), keptCalls)
	}
	if status["people"] != 5.0 || status["rooms"] != 4.0 || !slices.Equal(status["tenants"].([]any), []any{w.tenant().ID}) {
		t.Errorf("the world: %s", a.body)
	}
	for _, secret := range []string{m.token, w.app().Secrets[0].Value, "select"} {
		if strings.Contains(a.body, secret) {
			t.Errorf("the journal tells %q", secret)
		}
	}
	events := w.send(http.MethodGet, "/_sim/events?mailbox="+boardroom, nil).json(t)["value"].([]any)
	if len(events) != 1 || events[0].(map[string]any)["subject"] != "Review" {
		t.Errorf("the room's calendar: %v", events)
	}
}

func TestOverview(t *testing.T) {
	w := newWorld(t, func(c *Config, _ *Options) { c.Tenants[0].Events = SampleConfig().Tenants[0].Events })
	w.as(alice).call(http.MethodGet, "/me/calendar", nil)
	a := w.send(http.MethodGet, "/", nil)
	for _, text := range []string{"Contoso", "Dan Müller", "Release planning", "09:30–10:30", "GET /v1.0/me/calendar"} {
		if !strings.Contains(a.body, text) {
			t.Errorf("the overview does not show %q", text)
		}
	}
	if strings.Contains(a.body, w.app().Secrets[0].Value) || strings.Contains(a.body, "Architecture") {
		t.Error("the overview shows a secret, or tomorrow")
	}
	if a := w.send(http.MethodGet, "/_sim/style.css", nil); a.StatusCode != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/css") {
		t.Errorf("the stylesheet: %d", a.StatusCode)
	}
	if a := w.send(http.MethodGet, "/nowhere", nil); a.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown page: %d", a.StatusCode)
	}
}
