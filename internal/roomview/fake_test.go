package roomview

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A fakeGraph has one calendar, and answers its changes as Graph does: without a
// network, so that it can stand in a bubble of virtual time.
type fakeGraph struct {
	mu      sync.Mutex
	log     []map[string]any // all that was ever told, oldest first
	calls   []string         // and by whom
	at      []time.Time
	page    int
	refuse  func(r *http.Request) (status int, code, retryAfter string)
	forgets bool // where rounds stand
}

// RoundTrip implements http.RoundTripper.
func (g *fakeGraph) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	g.serve(w, r)
	res := w.Result()
	res.Request = r
	return res, nil
}

func (g *fakeGraph) serve(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	who := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	q := r.URL.Query()
	kind := "round"
	switch {
	case !strings.HasSuffix(r.URL.Path, "/delta"):
		kind = "view"
	case q.Has("startDateTime"):
		kind = "first"
	case q.Has("$skiptoken"):
		kind = "page"
	}
	g.calls = append(g.calls, who+" "+kind+" "+strings.TrimPrefix(r.URL.Path, "/v1.0"))
	g.at = append(g.at, time.Now())
	fail := func(status int, code string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":{"code":%q}}`, code)
	}
	if g.refuse != nil {
		if status, code, after := g.refuse(r); status != 0 {
			if after != "" {
				w.Header().Set("Retry-After", after)
			}
			fail(status, code)
			return
		}
	}
	if kind == "round" && g.forgets {
		g.forgets = false
		fail(http.StatusGone, "SyncStateNotFound")
		return
	}
	since, _ := strconv.Atoi(q.Get("$skiptoken") + q.Get("$deltatoken"))
	var told []map[string]any
	if kind == "first" || kind == "view" { // what is there now
		last := map[any]map[string]any{}
		for _, e := range g.log {
			last[e["id"]] = e
		}
		for _, e := range last {
			if e["@removed"] == nil && last[e["seriesMasterId"]]["@removed"] == nil {
				told = append(told, e)
			}
		}
		since = len(g.log)
	} else {
		told = g.log[since:]
		if g.page > 0 && len(told) > g.page {
			told = told[:g.page]
		}
		since += len(told)
	}
	answer := map[string]any{"value": told}
	if told == nil {
		answer["value"] = []any{}
	}
	name, token := "@odata.deltaLink", "$deltatoken="
	if since < len(g.log) {
		name, token = "@odata.nextLink", "$skiptoken="
	}
	answer[name] = "https://graph.example.com" + r.URL.EscapedPath() + "?" + token + strconv.Itoa(since)
	if kind == "view" {
		delete(answer, name)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// tell notes changes of events: pairs of names and values beside id and times.
func (g *fakeGraph) tell(events ...map[string]any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.log = append(g.log, events...)
}

func (g *fakeGraph) setRefuse(f func(r *http.Request) (int, string, string)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refuse = f
}

// asked returns the calls since the last time.
func (g *fakeGraph) asked() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	calls := g.calls
	g.calls, g.at = nil, nil
	return calls
}

// meeting is an event at an hour of the day of opening, for an hour, in UTC.
func meeting(id string, hour int, pairs ...any) map[string]any {
	at := func(hour int) map[string]any {
		t := time.Date(2026, 12, 1, hour, 0, 0, 0, time.UTC)
		return map[string]any{"dateTime": t.Format("2006-01-02T15:04:05.0000000"), "timeZone": "UTC"}
	}
	e := map[string]any{
		"id": id, "type": "singleInstance", "iCalUId": "uid-" + id, "subject": "About " + id, "start": at(hour), "end": at(hour + 1),
		"showAs": "busy", "sensitivity": "normal", "organizer": map[string]any{"emailAddress": map[string]any{"address": "bob@contoso.com"}},
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		e[pairs[i].(string)] = pairs[i+1]
	}
	return e
}

func occurrence(id, master string, hour int) map[string]any {
	e := meeting(id, hour)
	return map[string]any{"id": id, "type": "occurrence", "seriesMasterId": master, "start": e["start"], "end": e["end"]}
}

func removed(id string) map[string]any {
	return map[string]any{"id": id, "@removed": map[string]any{"reason": "deleted"}}
}
