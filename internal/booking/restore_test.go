package booking

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/memstore"
)

// A backup is made while a booking waits for its person. They sign in, it is
// sent and confirmed, and the journal is lost. What comes back from the backup
// says that it was never sent, which is no longer true.
func TestRestored(t *testing.T) {
	story(t, func(h *house) {
		closed := h.call(bob, "POST", "/v1/bookings", body("14:00", "15:00"))
		h.want(closed, 201, "status", "confirmed")
		h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
			if strings.HasSuffix(r.URL.Path, "/getSchedule") && done {
				h.kill(alice, grant.ErrNeedsSignIn)
			}
			return nil, nil, false
		})
		r := h.book("10:00", "11:00")
		h.want(r, 202, "status", "needs_sign_in")
		h.settle(time.Minute)
		var backup []store.Record
		err := h.store.Snapshot(t.Context(), func(r store.Record) error {
			backup = append(backup, r)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}

		h.graph.setFault(nil)
		h.kill(alice, nil)
		h.svc.Resume(alice.ID)
		h.settle(3 * time.Second)
		h.want(h.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "confirmed")

		h.stop()
		opened := 0
		var writes []store.Write
		for _, rec := range backup {
			restored, open, err := Restored(rec)
			if err != nil {
				t.Fatalf("Restored(%s): %v", rec.Key, err)
			}
			if open {
				opened++
			} else if !bytes.Equal(restored.Value, rec.Value) {
				t.Errorf("%s is not open, and was changed", rec.Key)
			}
			if restored.Key != rec.Key || !restored.Expires.Equal(rec.Expires) {
				t.Errorf("%s became %s until %v", rec.Key, restored.Key, restored.Expires)
			}
			writes = append(writes, store.Write{Key: restored.Key, Value: restored.Value, Expires: restored.Expires})
		}
		if opened != 1 {
			t.Errorf("%d bookings are open, want 1", opened)
		}
		h.store.Store = memstore.New(time.Now)
		if _, err := h.store.Commit(t.Context(), writes...); err != nil {
			t.Fatal(err)
		}
		h.start()
		h.settle(signInPoll + 3*time.Second)
		h.want(h.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "confirmed")
		h.want(h.call(bob, "GET", "/v1/bookings/"+closed.text("id"), ""), 200, "status", "confirmed")
		if n, again := len(h.graph.live()), h.graph.duplicates; n != 2 || again != 0 {
			t.Errorf("%d events, %d sent again; want 2 and none", n, again)
		}
	})
}

func TestRestoredUnreadable(t *testing.T) {
	if _, _, err := Restored(store.Record{Key: recordKey("x"), Value: []byte("{")}); err == nil {
		t.Error("a booking that can't be read is restored")
	}
}

// What was moved after the backup comes back at its time before, and is right again as soon
// as that is in somebody's way; its own time is kept free by the room's calendar meanwhile.
func TestRestoredFromBeforeAMove(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00").text("id")
		var backup []store.Write
		err := h.store.Snapshot(t.Context(), func(r store.Record) error {
			restored, open, err := Restored(r)
			if open {
				t.Errorf("%s is open", r.Key)
			}
			backup = append(backup, store.Write{Key: restored.Key, Value: restored.Value, Expires: restored.Expires})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		h.want(h.patch(id, `{"start":"2026-12-01T14:00:00+08:00","end":"2026-12-01T15:00:00+08:00"}`), 200, "last_change.status", "made")

		h.stop()
		h.store.Store = memstore.New(time.Now)
		if _, err := h.store.Commit(t.Context(), backup...); err != nil {
			t.Fatal(err)
		}
		h.start()
		h.want(h.call(bob, "POST", "/v1/bookings", body("14:30", "15:30")), 409, "code", "room_conflict")
		h.want(h.patch(id, `{"subject":"Budget"}`), 200, "last_change.status", "made")
		if at := h.graph.events[0].Start; !at.Equal(opening.Add(5 * time.Hour)) {
			t.Errorf("to rename it has moved its event to %v", at)
		}
		h.want(h.call(bob, "POST", "/v1/bookings", body("10:00", "11:00")), 201)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed", "start", "2026-12-01T14:00:00+08:00", "subject", "Budget")
	})
}
