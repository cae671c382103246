package booking

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/store"
)

// lastSeen is when the directory says that somebody was seen.
func (h *house) lastSeen(p identity.Person) time.Time {
	h.t.Helper()
	e, err := people.New(h.store, time.Now).Get(h.t.Context(), p.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return e.LastSeen
}

// Who calls, or is called for, is seen; who is asked about is not.
func TestSeenByCalls(t *testing.T) {
	story(t, func(h *house) {
		for _, tt := range []struct {
			name   string
			as     any
			target string
			who    identity.Person
			seen   bool
		}{
			{"a session", alice, "/v1/bookings", alice, true},
			{"a service for somebody", bob.ID, "/v1/rooms", bob, true},
			{"a service that fails for somebody", "card:1001", "/v1/rooms/cellar", alice, true},
			{"a service about somebody", "", "/v1/users/" + alice.ID, alice, false},
			{"a service for somebody about them", alice.ID, "/v1/users/me", alice, false},
			{"a service for somebody else", bob.ID, "/v1/rooms", alice, false},
			{"a service for itself", "", "/v1/bookings", alice, false},
		} {
			time.Sleep(25 * time.Hour)
			before := h.lastSeen(tt.who)
			h.call(tt.as, "GET", tt.target, "")
			if after := h.lastSeen(tt.who); after.After(before) != tt.seen {
				t.Errorf("%s: seen %s, then %s; want seen anew: %v", tt.name, before, after, tt.seen)
			}
		}
	})
}

// No call fails since it could not be noted that somebody was seen.
func TestSeenInVain(t *testing.T) {
	story(t, func(h *house) {
		time.Sleep(25 * time.Hour)
		h.store.setFail(func([]store.Write) error { return errors.New("no room") })
		for _, as := range []any{alice, bob.ID} {
			h.want(h.call(as, "GET", "/v1/rooms", ""), 200)
		}
		if n := strings.Count(h.log.text(), "could not be noted"); n != 2 {
			t.Errorf("told %d times, want 2", n)
		}
		h.store.setFail(nil)
		h.call(alice, "GET", "/v1/rooms", "")
		if got := h.lastSeen(alice); !got.Equal(time.Now().Truncate(time.Second)) {
			t.Errorf("last seen %s", got)
		}
	})
}

// A handler beside the API hears who calls, and what to tell whom it refuses.
func TestCallersBesideTheAPI(t *testing.T) {
	story(t, func(h *house) {
		api := NewAPI(h.svc, APIOptions{ServiceTokens: []ServiceToken{{Name: "ones", SHA256: sha256.Sum256([]byte(serviceToken))}}})
		request := func(token, actAs string) *http.Request {
			r := httptest.NewRequestWithContext(h.t.Context(), "GET", "/graph/v1.0/me/events", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Ones-Act-As", actAs)
			return r
		}
		c, problem := api.Caller(request(serviceToken, alice.ID))
		if problem != nil || c.Service != "ones" || c.Person == nil || c.Person.ID != alice.ID {
			t.Errorf("the service for alice is %+v, %v", c, problem)
		}
		if _, problem := api.Caller(request("x", alice.ID)); problem == nil || problem.Status != 401 || problem.GetHeaders().Get("WWW-Authenticate") == "" {
			t.Errorf("a wrong token: %v", problem)
		}
		if n := strings.Count(h.log.text(), "bearer token refused"); n != 1 {
			t.Errorf("%d wrong tokens told, want 1", n)
		}
		if p := api.Problem(h.t.Context(), c, grant.ErrNeedsSignIn); p.Code != "needs_sign_in" || !strings.HasSuffix(p.LoginURL, "/"+alice.Integration) {
			t.Errorf("whose grant has ended is told %v", p)
		}
	})
}
