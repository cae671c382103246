package booking

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// planned are the times at which a daily or weekly series with a number of occurrences
// starts, in a zone without daylight saving time.
func (e *fakeEvent) planned() (starts []time.Time) {
	rule, _ := e.Body["recurrence"].(map[string]any)
	pattern, _ := rule["pattern"].(map[string]any)
	rng, _ := rule["range"].(map[string]any)
	n, _ := rng["numberOfOccurrences"].(float64)
	days := 1
	if pattern["type"] == "weekly" {
		days = 7
	}
	for i := range int(n) {
		starts = append(starts, e.Start.AddDate(0, 0, i*days))
	}
	return starts
}

// occurrences are the instances of a series that are not cancelled.
func (g *fakeGraph) occurrences(master *fakeEvent) (all []*fakeEvent) {
	for _, at := range master.planned() {
		id := fmt.Sprintf("%s.%d", master.ID, at.Unix())
		if g.instances[id] == nil {
			g.instances[id] = &fakeEvent{
				ID: id, Owner: master.Owner, Body: maps.Clone(master.Body), Response: "none",
				Start: at, End: at.Add(master.End.Sub(master.Start)), Original: at,
			}
			delete(g.instances[id].Body, "recurrence")
		}
		e := g.instances[id]
		if e.Patches == 0 && !e.Cancelled { // as its series
			e.Room, e.People, e.Body["subject"] = master.Room, master.People, master.Body["subject"]
			if e.Response == "none" && master.Response != "none" {
				e.Response, e.AnsweredAt = master.Response, master.AnsweredAt
				if declined := g.answer(e); declined == "declined" { // by its rules for conflicts
					e.Response = declined
				}
			}
		}
		if e.Patches > 0 && e.Response == "none" {
			e.Response, e.AnsweredAt = g.answer(e), time.Now()
		}
		if !e.Cancelled {
			all = append(all, e)
		}
	}
	return all
}

// forget has the instances of a series be as it is planned again, where that has another
// time or end.
func (g *fakeGraph) forget(master *fakeEvent) {
	maps.DeleteFunc(g.instances, func(id string, _ *fakeEvent) bool { return strings.HasPrefix(id, master.ID+".") })
}

func (g *fakeGraph) serveInstances(w http.ResponseWriter, r *http.Request, id, owner string) {
	from, _ := time.Parse(time.RFC3339, r.URL.Query().Get("startDateTime"))
	to, _ := time.Parse(time.RFC3339, r.URL.Query().Get("endDateTime"))
	for _, e := range g.events {
		if e.ID == id && e.Owner == owner && !e.Cancelled {
			var found []any
			for _, o := range g.occurrences(e) {
				if o.Start.Before(to) && o.End.After(from) {
					found = append(found, o.wire())
				}
			}
			write(w, 200, map[string]any{"value": found})
			return
		}
	}
	write(w, 404, map[string]any{"error": map[string]any{"code": "ErrorItemNotFound"}})
}

// onInstances makes a fault of reading the instances of series only.
func onInstances(f func(r *http.Request, done bool) (*http.Response, error, bool)) func(*http.Request, bool) (*http.Response, error, bool) {
	return func(r *http.Request, done bool) (*http.Response, error, bool) {
		if strings.HasSuffix(r.URL.Path, "/instances") {
			return f(r, done)
		}
		return nil, nil, false
	}
}

// writes counts the commits while f runs.
func (h *house) writes(f func()) (n int) {
	h.store.setAfter(func([]store.Write) error {
		n++
		return nil
	})
	f()
	h.store.setAfter(nil)
	return n
}
