package booking

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/store"
)

// traces are the keys of the records that have one of the words in them.
func (h *house) traces(words ...string) (found []string) {
	h.t.Helper()
	err := h.store.Snapshot(context.Background(), func(r store.Record) error {
		text := strings.ToLower(r.Key + " " + string(r.Value))
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, strings.ToLower(w)) }) {
			found = append(found, r.Key)
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return found
}

// strike begins the erasure of somebody.
func (h *house) strike(p identity.Person) people.Struck {
	h.t.Helper()
	d := people.New(h.store, time.Now)
	e, err := d.Get(h.t.Context(), p.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	struck, err := d.Strike(h.t.Context(), e, "operator")
	if err != nil {
		h.t.Fatal(err)
	}
	return struck
}

// erase does all of it that is about bookings and the directory.
func (h *house) erase(p identity.Person) (bookings int) {
	h.t.Helper()
	struck := h.strike(p)
	bookings, err := h.svc.Erase(h.t.Context(), struck)
	if err == nil {
		err = people.New(h.store, time.Now).Remove(h.t.Context(), struck)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return bookings
}

func TestErase(t *testing.T) {
	story(t, func(h *house) {
		var made []string // ids of Alice's
		ofAlice := func(r reply) {
			t.Helper()
			if r.status != 201 && r.status != 202 {
				t.Fatalf("%d %v", r.status, r.body)
			}
			made = append(made, r.text("id"))
		}
		ofAlice(h.book("10:00", "11:00", "subject", "Merger with Fabrikam"))
		ofAlice(h.call("alice@contoso.com", "POST", "/v1/bookings", body("11:00", "12:00", "external_id", "ONES-1", "subject", "Merger"), "Idempotency-Key", "key-1"))
		h.want(h.call(alice, "DELETE", "/v1/bookings/"+made[0], ""), 200)
		h.kill(alice, errLost)
		ofAlice(h.book("14:00", "15:00", "subject", "Merger, again"))
		h.want(h.call(bob, "POST", "/v1/bookings", body("15:00", "16:00", "subject", "Standup"), "Idempotency-Key", "key-1"), 201)
		others := h.traces(bob.ID)

		if n := h.erase(alice); n != 3 {
			t.Errorf("%d bookings erased, want 3", n)
		}
		for _, key := range h.traces(append(made, alice.ID, alice.Mailbox, alice.Name, "card/"+alice.CardNumber+"/", "merger", "ONES-1")...) {
			if !strings.HasPrefix(key, "booking-last/") { // it tells an id that leads nowhere
				t.Errorf("left: %s", key)
			}
		}
		if got := h.traces(bob.ID); !slices.Equal(got, others) {
			t.Errorf("somebody else's records: %v, before %v", got, others)
		}
		h.kill(alice, nil)
		calls := h.graph.count("")
		h.settle(24 * time.Hour)
		if n := h.graph.count(""); n != calls {
			t.Errorf("%d calls of Graph afterwards", n-calls)
		}
		if n := len(h.graph.live()); n != 2 { // one of hers is cancelled, one was never made
			t.Errorf("%d events at Microsoft, want those of both", n)
		}
		// Nothing more can be booked, neither with a session nor by a service.
		for as, code := range map[any]int{"alice@contoso.com": 404, alice.ID: 404} {
			h.want(h.call(as, "POST", "/v1/bookings", body("17:00", "18:00")), code, "code", "unknown_user")
		}
		h.want(h.call(alice, "POST", "/v1/bookings", body("17:00", "18:00", "start", "2026-12-03T17:00:00+08:00", "end", "2026-12-03T18:00:00+08:00")), 404, "code", "unknown_user")
		if left := h.traces(alice.ID); left != nil {
			t.Errorf("after a try to book: %v", left)
		}
	})
}

// What is at Microsoft in the moment in which somebody is erased is not written back.
func TestEraseWhileABookingIsSent(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setFault(slowCreations)
		h.want(h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async"), 202)
		time.Sleep(time.Second)
		if n := h.erase(alice); n != 1 {
			t.Errorf("%d bookings erased, want 1", n)
		}
		h.settle(24 * time.Hour)
		if left := h.traces(alice.ID, alice.Mailbox); left != nil {
			t.Errorf("left: %v", left)
		}
		if n := h.graph.count("POST /me/events"); n != 1 || strings.Contains(h.log.text(), "could not be read or written") {
			t.Errorf("%d creations, want the one that was under way; log: %s", n, h.log.text())
		}
		h.graph.setFault(nil)
		h.want(h.call(bob, "POST", "/v1/bookings", body("10:00", "11:00", "start", "2026-12-03T10:00:00+08:00", "end", "2026-12-03T11:00:00+08:00")), 201)
	})
}

// However many bookings are being accepted while somebody is erased, none stays.
func TestEraseWhileTheyBook(t *testing.T) {
	story(t, func(h *house) {
		h.store.setPause(time.Millisecond)
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 300 * time.Microsecond)
				from := fmt.Sprintf("%02d:%02d", 10+i/10, i%10*5)
				to := fmt.Sprintf("%02d:%02d", 10+i/10, i%10*5+5)
				h.call(alice, "POST", "/v1/bookings", body(from, to), "Prefer", "respond-async", "Idempotency-Key", from)
			})
		}
		time.Sleep(10 * time.Millisecond)
		n := h.erase(alice)
		all.Wait()
		h.settle(time.Hour)
		if left := h.traces(alice.ID); left != nil || n == 0 || n == 30 {
			t.Errorf("%d of 30 erased, left: %v; want some to come before and some after", n, left)
		}
	})
}

// A key of the caller's that has ended, and is another booking's by now, is left alone.
func TestEraseLeavesOthersClaims(t *testing.T) {
	story(t, func(h *house) {
		h.want(h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Idempotency-Key", "k"), 201)
		key := idempotencyKey(false, alice.ID, "k")
		if _, err := h.store.Commit(t.Context(), store.Write{Key: key, Value: []byte(`{"id":"another","request":"x"}`)}); err != nil {
			t.Fatal(err)
		}
		h.erase(alice)
		if _, err := h.store.Get(t.Context(), key); err != nil {
			t.Errorf("the key: %v", err)
		}
	})
}

// An erasure that breaks off is gone on with.
func TestEraseAgain(t *testing.T) {
	story(t, func(h *house) {
		for hour := range 3 {
			h.want(h.book(fmt.Sprintf("%d:00", 10+hour), fmt.Sprintf("%d:00", 11+hour)), 201)
		}
		struck := h.strike(alice)
		commits := 0
		h.store.setFail(func([]store.Write) error {
			if commits++; commits == 2 {
				return errLost
			}
			return nil
		})
		if n, err := h.svc.Erase(t.Context(), struck); err == nil || n != 1 {
			t.Errorf("%d, %v; want 1 and an error", n, err)
		}
		h.store.setFail(nil)
		if n, err := h.svc.Erase(t.Context(), struck); err != nil || n != 2 {
			t.Errorf("%d, %v; want the other 2", n, err)
		}
		if err := people.New(h.store, time.Now).Remove(t.Context(), struck); err != nil {
			t.Fatal(err)
		}
		if left := h.traces(alice.ID); left != nil {
			t.Errorf("left: %v", left)
		}
	})
}

// A series of which every date was given back is somebody's still: it is listed, and goes
// with them.
func TestNothingLeftOfASeries(t *testing.T) {
	story(t, func(h *house) {
		h.checkIn(10 * time.Minute)
		id := h.book("10:00", "11:00", daily(2)...).text("id")
		h.settle(2 * 24 * time.Hour)
		if got := h.statuses(id); got != "released released" {
			t.Fatalf("occurrences: %s", got)
		}
		for _, as := range []any{alice, ""} {
			list, _ := h.call(as, "GET", "/v1/bookings", "").body["bookings"].([]any)
			if len(list) != 1 {
				t.Errorf("listed: %v", list)
			}
		}
		if ids, _ := h.overview(Overview{PersonID: alice.ID, Limit: 10}); ids != id {
			t.Errorf("operators see %q", ids)
		}
		h.want(h.call(bob, "POST", "/v1/bookings", body("", "", "start", "2026-12-03T10:00:00+08:00", "end", "2026-12-03T11:00:00+08:00")), 201)
		if n := h.erase(alice); n != 1 {
			t.Errorf("%d bookings erased, want 1", n)
		}
		if left := h.traces(alice.ID); left != nil {
			t.Errorf("left: %v", left)
		}
	})
}
