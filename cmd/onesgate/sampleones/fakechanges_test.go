package sampleones

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"
)

// changes are the calls that change a booking, and those about series.
func (f *fakeAPI) changes(mux *http.ServeMux) {
	const one = "/api/m365/v1/bookings/{id}"
	mux.HandleFunc("POST /api/m365/v1/bookings/check", f.check)
	mux.HandleFunc("POST "+one+"/extend", f.changing(func(b, body map[string]any, _ *http.Request) {
		b["end"] = later(b["end"], time.Duration(body["minutes"].(float64))*time.Minute)
	}))
	mux.HandleFunc("POST "+one+"/check-in", f.changing(func(b, _ map[string]any, _ *http.Request) { b["checked_in_at"] = f.now() }))
	mux.HandleFunc("POST "+one+"/end", f.changing(func(b, _ map[string]any, _ *http.Request) { b["end"] = f.now().Format(time.RFC3339) }))
	mux.HandleFunc("PATCH "+one, f.changing(func(b, body map[string]any, _ *http.Request) {
		body["kind"] = "update"
		b["pending_change"] = body
	}))
	mux.HandleFunc("GET "+one+"/occurrences", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		answer(w, http.StatusOK, map[string]any{"occurrences": f.occurrences(r.PathValue("id"))})
	})
	mux.HandleFunc("DELETE "+one+"/occurrences/{original_start}", f.changing(func(b, _ map[string]any, r *http.Request) {
		gone, _ := b["gone"].([]string)
		for _, date := range f.occurrences(r.PathValue("id")) {
			start := date["original_start"].(string)
			if start == r.PathValue("original_start") || r.FormValue("scope") == "following" && start > r.PathValue("original_start") {
				gone = append(gone, start)
			}
		}
		b["gone"] = gone
	}))
}

// changing is a call that changes one booking, unless it is refused.
func (f *fakeAPI) changing(change func(b, body map[string]any, r *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.changed = append(f.changed, r)
		body := map[string]any{}
		_ = json.NewDecoder(r.Body).Decode(&body) // some have none
		if f.refused(w) {
			return
		}
		b := f.find(r.PathValue("id"))
		change(b, body, r)
		version, _ := b["version"].(int)
		b["version"] = version + 1
		status := http.StatusOK
		if b["pending_change"] != nil {
			status = http.StatusAccepted
		}
		answer(w, status, b)
	}
}

// check finds what the test says that clashes; else all is free.
func (f *fakeAPI) check(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.clashing != nil {
		answer(w, http.StatusOK, f.clashing)
		return
	}
	answer(w, http.StatusOK, map[string]any{"free": true, "checked": true, "occurrences": []any{}})
}

// occurrences of a series that is daily or weekly, and so many times; the caller holds mu.
func (f *fakeAPI) occurrences(id string) (dates []map[string]any) {
	b := f.find(id)
	recurrence := b["recurrence"].(map[string]any)
	days := map[any]time.Duration{"daily": 1, "weekly": 7}[recurrence["pattern"].(map[string]any)["type"]]
	gone, _ := b["gone"].([]string)
	for i := range int(recurrence["range"].(map[string]any)["numberOfOccurrences"].(float64)) {
		by := time.Duration(i) * days * 24 * time.Hour
		date := map[string]any{"original_start": later(b["start"], by), "start": later(b["start"], by), "end": later(b["end"], by), "status": b["status"]}
		if slices.Contains(gone, date["start"].(string)) {
			date["status"] = "cancelled"
		}
		dates = append(dates, date)
	}
	return dates
}

// decide lets the room answer a change: with a reason it declines.
func (f *fakeAPI) decide(id, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.find(id)
	pending := b["pending_change"].(map[string]any)
	delete(b, "pending_change")
	b["last_change"] = map[string]any{"kind": pending["kind"], "status": "declined", "reason": reason}
	if reason == "" {
		b["last_change"] = map[string]any{"kind": pending["kind"], "status": "made"}
		delete(pending, "kind")
		maps.Copy(b, pending)
	}
	b["version"] = b["version"].(int) + 1
}

// requests are the changes asked for so far.
func (f *fakeAPI) requests() []*http.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.changed)
}

// later is a time by so much later, in its zone.
func later(at any, by time.Duration) string {
	t, err := time.Parse(time.RFC3339, at.(string))
	if err != nil {
		panic(err)
	}
	return t.Add(by).Format(time.RFC3339)
}
