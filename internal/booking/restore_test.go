package booking

import (
	"bytes"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
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
		backup := maps.Clone(h.store.records)

		h.graph.setFault(nil)
		h.kill(alice, nil)
		h.svc.Resume(alice.ID)
		h.settle(3 * time.Second)
		h.want(h.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "confirmed")

		h.stop()
		opened := 0
		for key, rec := range backup {
			restored, open, err := Restored(rec)
			if err != nil {
				t.Fatalf("Restored(%s): %v", key, err)
			}
			if open {
				opened++
			} else if !bytes.Equal(restored.Value, rec.Value) {
				t.Errorf("%s is not open, and was changed", key)
			}
			if restored.Key != key || !restored.Expires.Equal(rec.Expires) {
				t.Errorf("%s became %s until %v", key, restored.Key, restored.Expires)
			}
			backup[key] = restored
		}
		if opened != 1 {
			t.Errorf("%d bookings are open, want 1", opened)
		}
		h.store.records = backup
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
