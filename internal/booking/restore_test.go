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
