package booking

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/store"
)

// anew is Alice with the account that was made anew for her.
var anew = identity.Person{ID: "t1.alice-anew", TenantID: "t1", Integration: "contoso", Email: "alice@contoso.com", Mailbox: "alice@contoso.com", Name: "Alice Chan-Lee"}

// merge begins to make one of Alice and the account that was made anew for her.
func (h *house) merge() people.Struck {
	h.t.Helper()
	d := people.New(h.store, time.Now)
	if err := d.SignedIn(h.t.Context(), anew); err != nil {
		h.t.Fatal(err)
	}
	old, err := d.Get(h.t.Context(), alice.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	into, err := d.Get(h.t.Context(), anew.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	struck, err := d.Merge(h.t.Context(), old, into, "operator")
	if err != nil {
		h.t.Fatal(err)
	}
	return struck
}

// What was booked is theirs again, and nothing is done with the old account any more: what
// waited for it goes on with the new one.
func TestMoveToTheNewAccount(t *testing.T) {
	story(t, func(h *house) {
		made := h.book("10:00", "11:00", "private", true).text("id")
		left := h.book("12:00", "13:00").text("id")
		h.want(h.call(alice, "POST", "/v1/bookings", body("16:00", "16:30", daily(3)...)), 201)
		bobs := h.call(bob, "POST", "/v1/bookings", body("14:00", "15:00")).text("id")
		h.graph.setFault(onCreate(answers(503, "ServiceUnavailable")))
		asked := h.call(alice, "POST", "/v1/bookings", body("18:00", "19:00"), "Prefer", "respond-async")
		h.want(asked, 202)
		waits := asked.text("id")
		h.kill(alice, grant.ErrNeedsSignIn)
		h.settle(time.Minute)

		struck := h.merge()
		h.kill(alice, nil) // whatever it could still do
		h.graph.setFault(func(r *http.Request, _ bool) (*http.Response, error, bool) {
			if r.Header.Get("Authorization") == "Bearer "+alice.ID {
				t.Errorf("the old account is used: %s %s", r.Method, r.URL.Path)
			}
			return nil, nil, false
		})
		n, err := h.svc.Move(context.Background(), struck)
		if err != nil || n != 4 {
			t.Errorf("%d moved, %v", n, err)
		}
		h.settle(3 * time.Second)
		h.want(h.call(anew, "GET", "/v1/bookings/"+made, ""), 200, "status", "confirmed", "organizer.id", anew.ID, "organizer.name", anew.Name, "subject", "Quarterly review")
		h.want(h.call(anew, "GET", "/v1/bookings/"+waits, ""), 200, "status", "confirmed")
		if e := h.graph.live()[len(h.graph.live())-1]; e.Owner != anew.ID {
			t.Errorf("what waited was made for %s", e.Owner)
		}
		h.want(h.call(alice, "GET", "/v1/bookings/"+made, ""), 404)
		h.want(h.call(bob, "GET", "/v1/bookings/"+bobs, ""), 200, "organizer.id", bob.ID)
		if keys := h.traces(alice.ID+"\"", "booking-person/"+alice.ID+"/"); len(keys) != 1 || keys[0] != "person/"+alice.ID {
			t.Errorf("the old id is left in %v", keys)
		}
		if got := steps(h.journalOf(waits).Steps); !strings.HasSuffix(got, "moved by operator, confirmed") {
			t.Errorf("steps: %s", got)
		}
		// The event of another one stayed in the old calendar: to cancel it shows that.
		h.call(anew, "DELETE", "/v1/bookings/"+left, "", "Prefer", "wait=5")
		h.want(h.call(anew, "GET", "/v1/bookings/"+left, ""), 200, "status", "cancelled", "reason", reasonLeft)
		if n, err := h.svc.Move(context.Background(), struck); err != nil || n != 0 {
			t.Errorf("again: %d moved, %v", n, err)
		}
	})
}

// The event is looked for before the booking is made anew, and never made twice where a
// gateway is at it with the old account.
func TestMoveWaitsForATurn(t *testing.T) {
	story(t, func(h *house) {
		hang := make(chan struct{})
		h.graph.setFault(onCreate(func(_ *http.Request, done bool) (*http.Response, error, bool) {
			if !done {
				<-hang
			}
			return nil, nil, false
		}))
		id := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async").text("id")
		h.settle(time.Second)
		struck := h.merge()
		moved := make(chan error)
		go func() {
			_, err := h.svc.Move(context.Background(), struck)
			moved <- err
		}()
		h.settle(10 * time.Second)
		if r, err := h.svc.journal.get(t.Context(), id); err != nil || r.PersonID != alice.ID {
			t.Errorf("moved while its event was being made: %s, %v", r.PersonID, err)
		}
		close(hang)
		if err := <-moved; err != nil {
			t.Error(err)
		}
		h.settle(time.Minute)
		if r, err := h.svc.journal.get(t.Context(), id); err != nil || r.PersonID != anew.ID || r.Status != Confirmed || !r.Moved || len(h.graph.live()) != 1 {
			t.Errorf("in the end: %+v, %v; %d events", r, err, len(h.graph.live()))
		}
	})
}

// Nothing goes to somebody who has gone, or from somebody who is back.
func TestMoveIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		meanwhile func(h *house)
		want      error
	}{
		"they are back":         {func(h *house) { _ = people.New(h.store, time.Now).SignedIn(h.t.Context(), alice) }, store.ErrConflict},
		"the other one is gone": {func(h *house) { h.erase(anew) }, people.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(h *house) {
				id := h.book("10:00", "11:00").text("id")
				struck := h.merge()
				tt.meanwhile(h)
				if n, err := h.svc.Move(context.Background(), struck); n != 0 || !errors.Is(err, tt.want) {
					t.Errorf("%d moved, %v; want %v", n, err, tt.want)
				}
				h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "organizer.id", alice.ID)
			})
		})
	}
}

// The event that stayed in the old account's calendar is not said to have been deleted.
func TestWhyGone(t *testing.T) {
	story(t, func(h *house) {
		h.withCheckIn()
		id := h.book("10:00", "11:00").text("id")
		if _, err := h.svc.Move(context.Background(), h.merge()); err != nil {
			t.Fatal(err)
		}
		h.want(h.call(anew, "PATCH", "/v1/bookings/"+id, `{"subject":"Budget"}`, "Content-Type", "application/merge-patch+json", "Prefer", "wait=5"), 409)
		h.want(h.call(anew, "GET", "/v1/bookings/"+id, ""), 200, "status", "cancelled", "reason", reasonLeft)
	})
}
