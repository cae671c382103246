package msgraph

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// batch sends items and returns their answers by id.
func (m mailbox) batch(items ...any) map[string]record {
	m.t.Helper()
	a := m.must(http.StatusOK, http.MethodPost, "/$batch", record{"requests": items})
	answers := map[string]record{}
	for _, r := range a.json(m.t)["responses"].([]any) {
		answers[r.(record)["id"].(string)] = r.(record)
	}
	return answers
}

func item(id, method, url string, more ...record) record {
	r := record{"id": id, "method": method, "url": url}
	for _, m := range more {
		for name, value := range m {
			r[name] = value
		}
	}
	return r
}

func withBody(body any) record {
	return record{"body": body, "headers": record{"content-type": "application/json"}}
}

// verdict is the status and the code of an item's answer.
func verdict(r record) string {
	body, _ := r["body"].(record)
	failure, _ := body["error"].(record)
	code, _ := failure["code"].(string)
	return strings.TrimSpace(fmt.Sprintf("%v %s", r["status"], code))
}

func TestBatch(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	got := m.batch(
		item("a", "POST", "/me/events", withBody(plain("Review", 2, 3))),
		item("b", "get", "/me/calendarView?"+thatDay+"&$select=subject", record{"headers": record{"Prefer": `outlook.timezone="Asia/Tokyo"`}}),
		item("c", "GET", "/me/calender"),
		item("d", "PUT", "/me/calendar"),
		item("e", "GET", "/Users('"+alice+"')/Calendar", record{"body": nil}),
		item("f", "GET", "/me"),
		item("g", "POST", "/$batch", withBody(record{"requests": []any{}})),
		item("h", "GET", "/me/events/%zz"),
		item("i", "POST", "/subscriptions", withBody(subscriptionTo("http://localhost:1"))),
	)
	for id, want := range map[string]string{
		"a": "201", "b": "200", "c": "400 BadRequest", "d": "405 Request_BadRequest", "e": "200", "f": "403 Authorization_RequestDenied",
		"g": "400 BadRequest", "h": "400 RequestBroker--ParseUri", "i": "400 ExtensionError",
	} {
		if verdict(got[id]) != want {
			t.Errorf("%s: %v, want %s", id, got[id], want)
		}
	}
	headers := got["b"]["headers"].(record)
	if headers["Preference-Applied"] != `outlook.timezone="Asia/Tokyo"` || !strings.HasPrefix(headers["Content-Type"].(string), "application/json") {
		t.Errorf("headers of b: %v", headers)
	}
	if got["a"]["headers"].(record)["Location"] == nil {
		t.Errorf("headers of a: %v", got["a"]["headers"])
	}
}

// No order is promised, so none is kept, unless items depend on each other.
func TestBatchOrder(t *testing.T) {
	m := newSim(t).as(alice)
	order := func(items ...any) []any {
		ids := []any{}
		for _, r := range m.must(http.StatusOK, http.MethodPost, "/$batch", record{"requests": items}).json(t)["responses"].([]any) {
			ids = append(ids, r.(record)["id"])
		}
		return ids
	}
	one, two := item("1", "GET", "/me/calendar"), item("2", "GET", "/me/calendar")
	if got := order(one, two); slices.Equal(got, []any{"1", "2"}) || len(got) != 2 {
		t.Errorf("without dependsOn: %v", got)
	}
	two["dependsOn"] = []string{"1"}
	if got := order(one, two); !slices.Equal(got, []any{"1", "2"}) {
		t.Errorf("with dependsOn: %v", got)
	}
}

func TestBatchDependencies(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	after := func(id string) record { return record{"dependsOn": []string{id}} }
	got := m.batch(
		item("bad", "GET", "/me/events/abc"), item("next", "DELETE", "/me/events/abc", after("bad")), item("last", "GET", "/me/calendar", after("next")),
		item("good", "GET", "/me/calendar"), item("fine", "POST", "/me/events", after("good"), withBody(plain("x", 2, 3))),
	)
	for id, want := range map[string]string{
		"bad": "400 ErrorInvalidIdMalformed", "next": "424 FailedDependency", "last": "424 FailedDependency", "good": "200", "fine": "201",
	} {
		if verdict(got[id]) != want {
			t.Errorf("%s: %v, want %s", id, got[id], want)
		}
	}
}

func TestBatchRefusals(t *testing.T) {
	m := newSim(t).as(alice)
	many := []any{}
	for i := range maxBatch + 1 {
		many = append(many, item(fmt.Sprint(i), "GET", "/me/calendar"))
	}
	m.batch(many[1:]...)
	get := item("1", "GET", "/me/calendar")
	for name, requests := range map[string][]any{
		"none":                  {},
		"too many":              many,
		"an id twice":           {get, get},
		"no id":                 {item("", "GET", "/me/calendar")},
		"no method":             {item("1", "", "/me/calendar")},
		"an absolute address":   {item("1", "GET", "https://graph.microsoft.com/v1.0/me")},
		"a host":                {item("1", "GET", "//example.com/me")},
		"no content type":       {item("1", "POST", "/me/events", record{"body": plain("x", 2, 3)})},
		"depends on a later":    {item("1", "GET", "/me/calendar", record{"dependsOn": []string{"2"}}), item("2", "GET", "/me/calendar")},
		"depends on itself":     {item("1", "GET", "/me/calendar", record{"dependsOn": []string{"1"}})},
		"depends on several":    {get, item("2", "GET", "/me/calendar"), item("3", "GET", "/me/calendar", record{"dependsOn": []string{"1", "2"}})},
		"an id that's a number": {record{"id": 1, "method": "GET", "url": "/me/calendar"}},
	} {
		if a := m.call(http.MethodPost, "/$batch", record{"requests": requests}); !a.is(http.StatusBadRequest, "BadRequest") {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	if a := m.call(http.MethodPost, "/$batch", "{"); !a.is(http.StatusBadRequest, "BadRequest") {
		t.Errorf("no JSON: %d %s", a.StatusCode, a.body)
	}
}

// Faults and limits hit items as if they had come alone.
func TestBatchFaults(t *testing.T) {
	s := newSim(t, func(s *sim) { s.cfg.Throttling = world.Throttling{Requests: 3, Window: world.Duration(time.Minute)} })
	m := s.as(alice)
	s.fail(front.Fault{Match: "GET /v1.0/me/calendars", Code: "ErrorServerBusy", RetryAfter: "7", Times: 1})
	s.fail(front.Fault{Match: "GET /v1.0/me/events", Status: http.StatusBadGateway, HTML: true, Times: 1})
	got := m.batch(item("1", "GET", "/me/calendars"), item("2", "GET", "/me/events"), item("3", "GET", "/me/calendar"), item("4", "GET", "/me/calendar"))
	for id, want := range map[string]string{"1": "503 ErrorServerBusy", "2": "502", "3": "200", "4": "429 ApplicationThrottled"} {
		if verdict(got[id]) != want {
			t.Errorf("%s: %v, want %s", id, got[id], want)
		}
	}
	if page, is := got["2"]["body"].(string); !is || !strings.HasPrefix(page, "<html>") {
		t.Errorf("a page in a batch: %v", got["2"])
	}
	if after := got["1"]["headers"].(record)["Retry-After"]; after != "7" || got["4"]["headers"].(record)["Retry-After"] != "6" {
		t.Errorf("Retry-After %v and %v, want 7 and 6", after, got["4"]["headers"])
	}
	s.do(func(time.Time) {
		items := 0
		for _, e := range s.door.Log().Calls {
			if e.Batch {
				items++
			}
		}
		if items != 4 {
			t.Errorf("%d items are written down, want 4", items)
		}
	})
}
