package booking

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

// Whoever sends whatever call that there is gets an answer to it: a service that asks
// for itself, for a room, for a person, and a session.
func TestEveryCallOfEverybody(t *testing.T) {
	story(t, func(h *house) {
		h.connectRoom("boardroom", "boardroom@contoso.com")
		made := h.book("10:00", "11:00", "subject", "Review")
		h.want(made, 201)
		w := httptest.NewRecorder()
		h.api.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/openapi.json", nil))
		var doc struct {
			Paths map[string]map[string]struct{ OperationID string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		fill := strings.NewReplacer(
			"{id}", made.text("id"), "{room}", "boardroom", "{user}", alice.ID, "{original_start}", "2026-12-01T10:00:00%2B08:00",
		)
		bodies := map[string]string{
			"create-booking": body("12:00", "13:00"), "check-booking": body("12:00", "13:00"), "extend-booking": `{"minutes":15}`,
			"ask-availability": `{"rooms":["boardroom"],"start":"2026-12-01T10:00:00+08:00","end":"2026-12-01T11:00:00+08:00"}`,
			"update-booking":   `{"subject":"Changed"}`, "update-occurrence": `{"subject":"Changed"}`,
		}
		asked := 0
		for path, item := range doc.Paths {
			for method, operation := range item {
				for name, as := range map[string]any{"itself": "", "a room": theDoor, "bob": bob.ID, "eve": eve} {
					if name == "a room" && operation.OperationID == "cancel-booking" {
						continue // it gives the room back, as it may
					}
					r := h.call(as, strings.ToUpper(method), fill.Replace(path), bodies[operation.OperationID])
					if asked++; r.status >= 500 || r.text("code") == "malformed" {
						t.Errorf("%s as %s: %d %v", operation.OperationID, name, r.status, r.body)
					}
				}
			}
		}
		if asked < 40 {
			t.Errorf("only %d calls were made", asked)
		}
		// None of them is Alice, and none may change what is hers.
		h.want(h.call(alice, "GET", "/v1/bookings/"+made.text("id"), ""), 200, "status", "confirmed", "subject", "Review")
	})
}
