package sampleones

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"
)

// changes are the calls that change a booking.
func (f *fakeAPI) changes(mux *http.ServeMux) {
	const one = "/api/m365/v1/bookings/{id}"
	mux.HandleFunc("POST "+one+"/extend", f.changing(func(b, body map[string]any, _ *http.Request) {
		b["end"] = later(b["end"], time.Duration(body["minutes"].(float64))*time.Minute)
	}))
	mux.HandleFunc("POST "+one+"/check-in", f.changing(func(b, _ map[string]any, _ *http.Request) { b["checked_in_at"] = f.now() }))
	mux.HandleFunc("POST "+one+"/end", f.changing(func(b, _ map[string]any, _ *http.Request) { b["end"] = f.now().Format(time.RFC3339) }))
	mux.HandleFunc("PATCH "+one, f.changing(func(b, body map[string]any, _ *http.Request) {
		body["kind"] = "update"
		b["pending_change"] = body
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
