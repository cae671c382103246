package sampleones

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A fakeAPI answers as the gateway's booking API does, for one signed-in person,
// from memory. Rooms answer when the test says so.
type fakeAPI struct {
	mu       sync.Mutex
	now      func() time.Time
	bookings []map[string]any
	blocks   map[string][]map[string]any // by room
	posts    []*http.Request             // every POST of a booking, bodies consumed
	changed  []*http.Request             // every call that changes one, bodies consumed
	refuse   []refusal                   // answers to the next of either
	clashing map[string]any              // the answer to a check; nil: all is free
}

// A refusal is an answer other than success.
type refusal struct {
	status int
	body   map[string]any
}

func (f *fakeAPI) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/m365/v1/rooms", func(w http.ResponseWriter, _ *http.Request) {
		room := func(id, name, group string, seats int) map[string]any {
			return map[string]any{"room": id, "name": name, "time_zone": "Asia/Hong_Kong", "capacity": seats, "group": group}
		}
		answer(w, http.StatusOK, map[string]any{"rooms": []any{
			room("boardroom", "Boardroom", "10th floor", 12), room("harbour", "Harbour", "10th floor", 8),
			room("peak", "Peak", "11th floor", 4), room("studio", "Studio", "11th floor", 20),
		}})
	})
	mux.HandleFunc("GET /api/m365/v1/rooms/{room}/schedule", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		blocks := f.blocks[r.PathValue("room")]
		if blocks == nil {
			blocks = []map[string]any{}
		}
		answer(w, http.StatusOK, map[string]any{"room": r.PathValue("room"), "as_of": f.now(), "blocks": blocks})
	})
	mux.HandleFunc("GET /api/m365/v1/bookings", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		answer(w, http.StatusOK, map[string]any{"bookings": f.bookings, "next_cursor": ""})
	})
	mux.HandleFunc("POST /api/m365/v1/bookings", f.book)
	mux.HandleFunc("GET /api/m365/v1/bookings/{id}", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		answer(w, http.StatusOK, f.find(r.PathValue("id")))
	})
	mux.HandleFunc("DELETE /api/m365/v1/bookings/{id}", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		b := f.find(r.PathValue("id"))
		b["status"] = "cancelled"
		answer(w, http.StatusOK, b)
	})
	f.changes(mux)
	mux.HandleFunc("GET /.ones/integrations", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"integrations": []any{
			map[string]any{"name": "contoso", "label": "Contoso staff", "login_url": "/.ones/login/contoso"},
			map[string]any{"name": "evil", "label": "Elsewhere", "login_url": "https://evil.example/login"},
		}})
	})
	return mux
}

func (f *fakeAPI) book(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.posts = append(f.posts, r)
	var b map[string]any
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		answer(w, http.StatusBadRequest, map[string]any{"code": "malformed", "detail": err.Error()})
		return
	}
	if f.refused(w) {
		return
	}
	b["id"] = fmt.Sprintf("b%d", len(f.bookings)+1)
	b["status"], b["version"] = "accepted", 1
	b["organizer"] = map[string]any{"name": "Alice Chan", "email": "alice@contoso.com"}
	f.bookings = append(f.bookings, b)
	w.Header().Set("Location", "/v1/bookings/"+b["id"].(string))
	answer(w, http.StatusAccepted, b)
}

// refused answers with the next refusal, if there is one; the caller holds mu.
func (f *fakeAPI) refused(w http.ResponseWriter) bool {
	if len(f.refuse) == 0 {
		return false
	}
	no := f.refuse[0]
	f.refuse = f.refuse[1:]
	answer(w, no.status, no.body)
	return true
}

// find returns a booking; the caller holds mu.
func (f *fakeAPI) find(id string) map[string]any {
	for _, b := range f.bookings {
		if b["id"] == id {
			return b
		}
	}
	return map[string]any{}
}

// booking returns a copy of a booking as it stands.
func (f *fakeAPI) booking(id string) map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.find(id))
}

// room lets the room answer a booking.
func (f *fakeAPI) room(id, status, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.find(id)
	b["status"], b["version"] = status, b["version"].(int)+1
	b["room_response"] = map[string]any{"status": status, "reason": reason}
}

// refuseNext makes the next POST or change fail.
func (f *fakeAPI) refuseNext(status int, body map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = append(f.refuse, refusal{status, body})
}

// keys are the idempotency keys of the POSTs so far.
func (f *fakeAPI) keys() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var keys []string
	for _, r := range f.posts {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
	}
	return keys
}

func answer(w http.ResponseWriter, status int, body any) {
	kind := "application/json"
	if status >= http.StatusBadRequest {
		kind = "application/problem+json"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// behindGateway puts the sample and the API on one origin, as the gateway does,
// and sets the identity headers given; none is anonymous.
func behindGateway(sample, api http.Handler, identity http.Header) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.URL.Path, "/.ones/") {
			api.ServeHTTP(w, r)
			return
		}
		for name, values := range identity {
			r.Header[name] = values
		}
		sample.ServeHTTP(w, r)
	})
}
