package booking

import (
	"errors"
	"strings"
	"testing"
	"time"

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
