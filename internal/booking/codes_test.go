package booking

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/onesgate/onesgate/internal/booking/reference"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
)

// Each code can be met, with the status and the members that belong to it.
func TestEachCode(t *testing.T) {
	book := func(h *house) reply { return h.book("10:00", "11:00") }
	dead := func(state grant.State, err error) func(*house) reply {
		return func(h *house) reply {
			h.state[alice.ID] = state
			h.kill(alice, err)
			return book(h)
		}
	}
	failing := func(err error) func(*house) reply {
		return func(h *house) reply {
			h.store.setFail(func([]store.Write) error { return err })
			return book(h)
		}
	}
	met := map[code]bool{}
	for _, tt := range []struct {
		code    code
		meet    func(*house) reply
		members string // and headers, that have to be there
	}{
		{codeMalformed, func(h *house) reply { return h.call(alice, "POST", "/v1/bookings", "{") }, "errors"},
		{codeSignInRequired, func(h *house) reply {
			h.api = NewAPI(h.svc, APIOptions{})
			return h.call(nil, "GET", "/v1/rooms", "")
		}, "login_url"},
		{codeInvalidToken, func(h *house) reply { return h.call(nil, "GET", "/v1/rooms", "", "Authorization", "Bearer x") }, "Www-Authenticate"},
		{codeNeedsSignIn, dead(grant.NeedsSignIn, grant.ErrNeedsSignIn), "login_url"},
		{codeNeedsAdminConsent, dead(grant.NeedsAdminConsent, grant.ErrNeedsAdminConsent), "login_url"},
		{codeIntegrationDown, dead(grant.Unavailable, grant.ErrIntegrationDown), ""},
		{codeNotOrganizer, func(h *house) reply {
			return h.call(bob.ID, "DELETE", "/v1/bookings/"+book(h).text("id"), "")
		}, ""},
		{codeForbidden, func(h *house) reply { return h.call("", "POST", "/v1/bookings", body("10:00", "11:00")) }, ""},
		{codeNotFound, func(h *house) reply { return h.call(alice, "GET", "/v1/bookings/x", "") }, ""},
		{codeUnknownRoom, func(h *house) reply { return h.book("10:00", "11:00", "room", "cellar") }, ""},
		{codeUnknownUser, func(h *house) reply { return h.call("zoe@contoso.com", "POST", "/v1/bookings", body("10:00", "11:00")) }, "login_url"},
		{codeRoomConflict, func(h *house) reply {
			h.want(h.call(bob, "POST", "/v1/bookings", body("10:30", "11:30")), 201)
			return book(h)
		}, "clashes alternatives"},
		{codeRoomDeclined, func(h *house) reply {
			h.graph.setAnswer(func(*fakeEvent) string { return "declined" })
			return book(h)
		}, "booking Location"},
		{codeInvalidState, func(h *house) reply {
			h.graph.setAnswer(func(*fakeEvent) string { return "declined" })
			id := book(h).text("booking.id")
			return h.call(alice, "DELETE", "/v1/bookings/"+id, "")
		}, ""},
		{codeAmbiguousUser, func(h *house) reply { return h.call("bob@contoso.com", "GET", "/v1/rooms", "") }, ""},
		{codeCursorExpired, func(h *house) reply {
			return h.call("", "GET", "/v1/changes?cursor="+cursor(strings.Repeat("A", 26)+"/1"), "")
		}, ""},
		{codeVersionConflict, func(h *house) reply {
			return h.call(alice, "DELETE", "/v1/bookings/"+book(h).text("id"), "", "If-Match", `"99"`)
		}, ""},
		{codeInvalidRequest, func(h *house) reply { return h.book("11:00", "10:00") }, "errors"},
		{codeMismatch, func(h *house) reply {
			h.want(h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Idempotency-Key", "k"), 201)
			return h.call(alice, "POST", "/v1/bookings", body("12:00", "13:00"), "Idempotency-Key", "k")
		}, ""},
		{codeThrottled, func(h *house) reply {
			h.api.(API).persons = newThrottle(1, 1, time.Now)
			h.call(alice, "GET", "/v1/rooms", "")
			return h.call(alice, "GET", "/v1/rooms", "")
		}, "Retry-After"},
		{codeGraphUnavailable, func(h *house) reply {
			h.graph.setFault(answers(503, "ServiceUnavailable", "Retry-After", "99"))
			return h.call(alice, "GET", "/v1/rooms/boardroom/schedule", "")
		}, "Retry-After"},
		{codeGraphUnavailable, func(h *house) reply { // which gives no token either
			h.graph.setFault(answers(503, "ServiceUnavailable"))
			h.kill(alice, grant.ErrUnavailable)
			return h.call(alice, "GET", "/v1/rooms/boardroom/schedule", "")
		}, "Retry-After"},
		{codeStoreUnavailable, failing(store.ErrUnavailable), "Retry-After"},
		{codeStoreFull, failing(store.ErrFull), ""},
		{codeInternal, failing(errors.New("a slip")), ""},
		{"method_not_allowed", func(h *house) reply { return h.call(alice, "PUT", "/v1/rooms", "") }, "Allow"},
		{"request_timeout", func(h *house) reply {
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/bookings", iotest.ErrReader(os.ErrDeadlineExceeded))
			r.Header.Set("Authorization", "Bearer "+serviceToken)
			r.Header.Set("Ones-Act-As", alice.ID)
			return h.send(r)
		}, ""},
		{"request_entity_too_large", func(h *house) reply {
			return h.book("10:00", "11:00", "body", strings.Repeat("x", maxBody))
		}, ""},
		{"unsupported_media_type", func(h *house) reply {
			return h.call(alice, "POST", "/v1/bookings", "room=x", "Content-Type", "text/plain")
		}, ""},
	} {
		met[tt.code] = true
		t.Run(string(tt.code), func(t *testing.T) {
			story(t, func(h *house) {
				r := tt.meet(h)
				h.want(r, listed(tt.code), "code", string(tt.code), "title", http.StatusText(r.status))
				if got := r.header.Get("Content-Type"); got != "application/problem+json" {
					t.Errorf("Content-Type: %s", got)
				}
				if r.text("detail") == "" || r.text("detail") == "null" {
					t.Error("there is no word for people")
				}
				for _, member := range strings.Fields(tt.members) {
					if r.header.Get(member) == "" && r.body[member] == nil {
						t.Errorf("there is no %s", member)
					}
				}
				h.store.setFail(nil)
			})
		})
	}
	for _, c := range codes() {
		if !met[code(c.Name)] {
			t.Errorf("the code %s is never met", c.Name)
		}
	}
}

// listed is the status that a code is listed with.
func listed(c code) int {
	for _, l := range codes() {
		if l == (reference.Code{Name: string(c), Status: l.Status}) {
			return l.Status
		}
	}
	return 0
}

// The guide for ONES' developers says of each code what to do.
func TestCodesInTheGuide(t *testing.T) {
	guide, err := os.ReadFile("../../docs/ones-developers.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range codes() {
		if row := fmt.Sprintf("\n| %d | `%s` | ", c.Status, c.Name); !strings.Contains(string(guide), row) {
			t.Errorf("the guide has no row of %s, %d", c.Name, c.Status)
		}
	}
}
