package booking

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// paused is for how long an instance stands still: longer than its claim, so that
// another one takes up what it was at.
const paused = claimLife + 2*time.Minute

// A dozing store stands still before or after the next commit, as the process does.
type dozing struct {
	store.Store
	before, after atomic.Bool
}

func (d *dozing) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	if d.before.CompareAndSwap(true, false) {
		time.Sleep(paused)
	}
	v, err := d.Store.Commit(context.WithoutCancel(ctx), writes...) // what has left comes to pass
	if d.after.CompareAndSwap(true, false) {
		time.Sleep(paused)
	}
	return v, err
}

// pausing has the first call that fits stand still, whatever its context says, before
// or after it is carried out.
func pausing(method, suffix string, after bool) func(*http.Request, bool) (*http.Response, error, bool) {
	var once atomic.Bool
	return func(r *http.Request, done bool) (*http.Response, error, bool) {
		if r.Method == method && strings.HasSuffix(r.URL.Path, suffix) && done == after && once.CompareAndSwap(false, true) {
			time.Sleep(paused)
		}
		return nil, nil, false
	}
}

// An instance stands still for longer than its claim, and wakes up in the middle of what
// another one has done meanwhile: what it does then changes nothing any more.
func TestPausedLongerThanItsClaim(t *testing.T) {
	for name, tt := range map[string]struct {
		fault func(*http.Request, bool) (*http.Response, error, bool)
		doze  func(*dozing)
		// cancelled at another instance meanwhile.
		cancelled bool
	}{
		"before it sends":                  {fault: pausing("POST", "/me/events", false)},
		"before it hears of the event":     {fault: pausing("POST", "/me/events", true)},
		"before it asks the room":          {fault: pausing("GET", "event-1=", false)},
		"before it writes down the event":  {doze: func(d *dozing) { d.before.Store(true) }},
		"after it has written it down":     {doze: func(d *dozing) { d.after.Store(true) }},
		"before it sends, and cancelled":   {fault: pausing("POST", "/me/events", false), cancelled: true},
		"before it hears, and cancelled":   {fault: pausing("POST", "/me/events", true), cancelled: true},
		"before it asks, and cancelled":    {fault: pausing("GET", "event-1=", false), cancelled: true},
		"before it writes, and cancelled":  {doze: func(d *dozing) { d.before.Store(true) }, cancelled: true},
		"after it has written, cancelled":  {doze: func(d *dozing) { d.after.Store(true) }, cancelled: true},
		"before it withdraws, by a cancel": {fault: pausing("POST", "/cancel", false), cancelled: true},
		"after it has withdrawn":           {fault: pausing("POST", "/cancel", true), cancelled: true},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(h *house) {
				h.stop()
				h.shared = true
				other := h.second()
				d := &dozing{Store: h.store}
				h.over = d
				h.start()
				h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
					if tt.doze != nil && done && r.Method == "POST" && strings.HasSuffix(r.URL.Path, "/me/events") {
						tt.doze(d)
					}
					if tt.fault != nil {
						return tt.fault(r, done)
					}
					return nil, nil, false
				})
				r := h.call(alice, "POST", "/v1/bookings", body("13:00", "14:00"), "Prefer", "respond-async")
				h.want(r, 202)
				time.Sleep(time.Second)
				id, status := r.text("id"), Confirmed
				if tt.cancelled {
					status = Cancelled
					if r := other.call(alice, "DELETE", "/v1/bookings/"+id, "", "Prefer", "respond-async"); r.status/100 != 2 {
						t.Errorf("cancelling: %d %v", r.status, r.body)
					}
				}
				h.settle(time.Hour)
				h.want(other.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", string(status))
				want := map[bool]int{false: 1, true: 0}[tt.cancelled]
				if n := len(h.graph.live()); n != want {
					t.Errorf("%d events live, want %d", n, want)
				}
				if open, _, err := h.svc.journal.openAfter(context.Background(), ""); err != nil || len(open) > 0 {
					t.Errorf("open: %v %v", open, err)
				}
				other.stop()
			})
		})
	}
}
