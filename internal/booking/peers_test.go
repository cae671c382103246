package booking

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Instances that share a store leave a booking's turn to one of them, and take up
// what one has left behind when its claim runs out.
func TestInstancesTakeTurns(t *testing.T) {
	story(t, func(h *house) {
		h.stop() // accepted, and killed at once
		h.graph.setAnswer(func(*fakeEvent) string { return "none" })
		r := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async")
		h.want(r, 202)
		others := []*Service{h.service(), h.service(), h.service()}
		h.stop = run(false, others...)
		h.settle(claimLife - time.Second)
		if n := h.graph.count("POST /me/events"); n != 0 {
			t.Errorf("creations while the claim of the dead lasts: %d, want 0", n)
		}
		h.settle(3 * time.Second)
		if n := h.graph.count("POST /me/events"); n != 1 || h.graph.duplicates != 0 {
			t.Errorf("creations: %d, %d in vain, want 1 and 0", n, h.graph.duplicates)
		}
		// The room is asked at once, and then 1, 2, 4, 8, 15, 30 and 60 s after each other.
		h.settle(80 * time.Second)
		if n := h.graph.count("GET /me/events/"); n != 7 {
			t.Errorf("looks for the room's answer: %d, want 7", n)
		}
		// Whoever waits at one instance hears what another one has found out.
		h.graph.setAnswer(func(*fakeEvent) string { return "accepted" })
		b, settled, err := others[0].Wait(context.Background(), Caller{Person: &alice}, r.text("id"), 10*time.Minute)
		if err != nil || !settled || b.Status != Confirmed {
			t.Errorf("Wait = %v, %v, %v, want confirmed", b.Status, settled, err)
		}
	})
}

// However many instances are asked for one slot at once, one booking is made.
func TestInstancesShareRooms(t *testing.T) {
	story(t, func(h *house) {
		other := h.second()
		h.store.setPause(time.Millisecond)
		var all sync.WaitGroup
		var mu sync.Mutex
		statuses := map[int]int{}
		for i, at := range slices.Repeat([]*house{h, other}, 20) {
			all.Go(func() {
				// Half of them for another time in the room: these all meet in the store.
				from, to := "10:00", "11:00"
				if i%4 > 1 {
					from, to = fmt.Sprintf("%02d:%02d", 12+i/8, i%8*5), fmt.Sprintf("%02d:%02d", 12+i/8, i%8*5+5)
				}
				r := at.call(alice, "POST", "/v1/bookings", body(from, to), "Prefer", "wait=30")
				mu.Lock()
				defer mu.Unlock()
				statuses[r.status]++
			})
		}
		all.Wait()
		other.stop()
		if want := map[int]int{201: 1 + 20, 409: 19}; !maps.Equal(statuses, want) || len(h.graph.events) != 21 {
			t.Errorf("answers: %v, %d events; want %v, and 21", statuses, len(h.graph.events), want)
		}
	})
}

// slowCreations has each creation take five seconds and a half.
func slowCreations(r *http.Request, done bool) (*http.Response, error, bool) {
	if !done && r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/me/events") {
		time.Sleep(5*time.Second + look/2) // not when whoever waits looks for itself
	}
	return nil, nil, false
}

// second is another instance on the same store, which works.
func (h *house) second() *house {
	other := &house{t: h.t, graph: h.graph, store: h.store, world: h.world, log: h.log, dead: h.dead, state: h.state, shared: true}
	other.start()
	return other
}

// What is cancelled at one instance while another one makes its event is withdrawn
// by that one.
func TestCancelledWhileAnotherInstanceSends(t *testing.T) {
	story(t, func(h *house) {
		other := h.second()
		h.graph.setFault(slowCreations)
		r := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async")
		h.want(r, 202)
		time.Sleep(time.Second)
		h.want(other.call(alice, "DELETE", "/v1/bookings/"+r.text("id"), ""), 200, "status", "cancelled")
		h.settle(10 * time.Second)
		h.want(other.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "cancelled")
		if n := len(h.graph.live()); n != 0 || len(h.graph.events) != 1 {
			t.Errorf("events: %d live of %d, want none of one", n, len(h.graph.events))
		}
		other.stop()
	})
}

// A sign-in at one instance doesn't take the turn that another one has.
func TestSignedInWhileAnotherInstanceSends(t *testing.T) {
	story(t, func(h *house) {
		other := h.second()
		var tries atomic.Int64
		h.graph.setFault(onCreate(func(r *http.Request, done bool) (*http.Response, error, bool) {
			if done {
				return nil, nil, false
			}
			if tries.Add(1) == 1 {
				return refused(r, 503, "x"), nil, true
			}
			return slowCreations(r, done)
		}))
		h.want(h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async"), 202)
		for tries.Load() < 2 {
			time.Sleep(100 * time.Millisecond)
		}
		other.svc.Resume(alice.ID) // one of the two is not where the turn is
		h.svc.Resume(alice.ID)
		h.settle(time.Minute)
		if h.graph.duplicates > 0 || len(h.graph.live()) != 1 {
			t.Errorf("%d creations in vain, %d events, want none and one", h.graph.duplicates, len(h.graph.live()))
		}
		other.stop()
	})
}

// A new configuration at one instance, after which all that is open may be worth a try,
// doesn't take the turns that another one has.
func TestNewWorldWhileAnotherInstanceSends(t *testing.T) {
	story(t, func(h *house) {
		other := h.second()
		h.graph.setFault(slowCreations)
		h.want(h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async"), 202)
		time.Sleep(time.Second)
		other.svc.ResumeAll()
		h.settle(time.Minute)
		if n := h.graph.count("POST /me/events"); n != 1 || len(h.graph.live()) != 1 {
			t.Errorf("%d creations, %d events, want one and one", n, len(h.graph.live()))
		}
		other.stop()
	})
}

// What a process that was killed was at goes on at once where it was the only one, also if
// all that is open is asked for meanwhile.
func TestNewWorldRightAfterTheStart(t *testing.T) {
	story(t, func(h *house) {
		h.stop() // accepted, and killed at once
		h.want(h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async"), 202)
		h.svc = h.service()
		h.svc.ResumeAll()
		h.stop = run(true, h.svc)
		h.svc.ResumeAll()
		h.settle(5 * time.Second)
		if n := len(h.graph.live()); n != 1 {
			t.Errorf("%d events, want one", n)
		}
	})
}

// A booking that was accepted here, but waits for long until it is sent, is sent by
// whoever has its turn then.
func TestUrgentAfterItsClaim(t *testing.T) {
	story(t, func(h *house) {
		h.onlyAsked()
		other := h.second()
		h.graph.setFault(slowCreations)
		others := func(do func(id string)) {
			h.svc.queue.mu.Lock()
			defer h.svc.queue.mu.Unlock()
			for i := range maxUrgent {
				do(fmt.Sprint("another ", i))
			}
		}
		others(func(id string) { h.svc.queue.running[id] = true })
		h.want(h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async"), 202)
		time.Sleep(claimLife + 2*time.Second) // the other instance sends it
		others(func(id string) { delete(h.svc.queue.running, id) })
		notify(h.svc.queue.asked)
		h.settle(time.Minute)
		if h.graph.duplicates > 0 || len(h.graph.live()) != 1 {
			t.Errorf("%d creations in vain, %d events, want none and one", h.graph.duplicates, len(h.graph.live()))
		}
		other.stop()
	})
}

// What comes next in the same turn is done once, however long it takes.
func TestWithdrawnOnce(t *testing.T) {
	story(t, func(h *house) {
		other := h.second()
		var cancels atomic.Int64
		h.graph.setAnswer(func(*fakeEvent) string { return "declined" })
		h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
			if !done && strings.HasSuffix(r.URL.Path, "/cancel") {
				cancels.Add(1)
				time.Sleep(5 * time.Second)
			}
			return nil, nil, false
		})
		h.want(h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async"), 202)
		h.settle(time.Minute)
		if n := cancels.Load(); n != 1 {
			t.Errorf("%d cancellations, want one", n)
		}
		other.stop()
	})
}

// An instance that stops hands back what it was at, and what it had not begun.
func TestStopHandsBack(t *testing.T) {
	story(t, func(h *house) {
		other := h.second()
		h.graph.setFault(slowCreations)
		r := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async")
		h.want(r, 202)
		time.Sleep(time.Second)
		h.graph.setFault(nil)
		h.stop()
		h.stop = func() {}
		unbegun := h.call(alice, "POST", "/v1/bookings", body("12:00", "13:00"), "Prefer", "respond-async")
		h.want(unbegun, 202)
		run(false, h.svc)() // it is stopped as soon as it runs
		h.settle(10 * time.Second)
		for _, r := range []reply{r, unbegun} {
			h.want(other.call(alice, "GET", "/v1/bookings/"+r.text("id"), ""), 200, "status", "confirmed")
		}
		if n := len(h.graph.live()); n != 2 || h.graph.duplicates != 0 {
			t.Errorf("%d events, %d creations in vain, want 2 and none", n, h.graph.duplicates)
		}
		other.stop()
	})
}

// What is asked for again while it is carried on is handed back when that has ended, and
// not before: two would be at it.
func TestStopHandsBackWhatRuns(t *testing.T) {
	story(t, func(h *house) {
		h.stop() // it is accepted, and not begun
		id := h.call(alice, "POST", "/v1/bookings", body("10:00", "11:00"), "Prefer", "respond-async").text("id")
		h.graph.setFault(slowCreations)
		h.start() // FollowUp finds it
		time.Sleep(time.Second)
		h.svc.queue.wake(id)
		other := h.second()
		h.stop()
		h.stop = func() {}
		h.settle(10 * time.Second)
		h.want(other.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed")
		if len(h.graph.live()) != 1 || h.graph.duplicates != 0 {
			t.Errorf("%d events, %d creations in vain, want one and none", len(h.graph.live()), h.graph.duplicates)
		}
		other.stop()
	})
}

// What is checked in to at one instance, while another one is about to release it, is
// changed and cancelled like any other booking.
func TestCheckedInWhileAnotherInstanceReleases(t *testing.T) {
	story(t, func(h *house) {
		h.shared = true
		h.checkIn(10 * time.Minute)
		other := h.second()
		id := h.book("10:00", "11:00", weekly(3)...).text("id")
		h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
			if !done && strings.HasSuffix(r.URL.Path, "/instances") {
				time.Sleep(5 * time.Second)
			}
			return nil, nil, false
		})
		h.until("10:10:03")
		at := h
		if h.record(id).Turn == h.svc.journal.instance {
			at = other
		}
		h.want(at.door(id, "check-in", ""), 200)
		h.settle(claimLife)
		h.want(at.call(alice, "DELETE", "/v1/bookings/"+id, "", "Prefer", "wait=30"), 200, "status", "cancelled")
		if n := len(h.graph.live()); n != 0 {
			t.Errorf("%d events, want none", n)
		}
		other.stop()
	})
}

// So is what was looked at anew while an instance had its turn.
func TestLookedAtWhileAnotherInstanceReleases(t *testing.T) {
	story(t, func(h *house) {
		h.shared = true
		h.checkIn(10 * time.Minute)
		id := h.book("10:00", "11:00").text("id")
		r, other := h.record(id), h.service()
		h.outlook(func(e *fakeEvent) { e.Start, e.End = e.Start.Add(5*time.Hour), e.End.Add(5*time.Hour) })
		turn, mine, _, err := other.journal.claim(t.Context(), id, nil, time.Now().UTC().Add(claimLife))
		if err != nil || !mine {
			t.Fatal(mine, err)
		}
		if err := h.svc.recheck(t.Context(), id, period{r.Start, r.End}); err != nil {
			t.Fatal(err)
		}
		if _, err := other.advance(t.Context(), turn, false); err != nil {
			t.Fatal(err)
		}
		h.want(h.call(alice, "DELETE", "/v1/bookings/"+id, "", "Prefer", "wait=30"), 200, "status", "cancelled")
		if n := len(h.graph.live()); n != 0 {
			t.Errorf("%d events, want none", n)
		}
	})
}

// What one instance has accepted and another one may have sent is looked for, also when
// that one takes its turn again.
func TestCancelledAfterAnotherInstanceSent(t *testing.T) {
	story(t, func(h *house) {
		h.shared = true
		h.restart()
		id := h.book("10:00", "11:00", daily(4)...).text("id")
		h.onlyAsked()
		other := h.second()
		h.graph.setFault(onPatch(notSent)) // the series can't be ended for its rest
		rest := h.call(alice, "PATCH", date(id, "03")+"?scope=following", `{"subject":"Budget"}`, "Prefer", "respond-async").text("id")
		time.Sleep(claimLife + 2*time.Second) // and the other instance goes on with both
		h.graph.setFault(func(r *http.Request, done bool) (*http.Response, error, bool) {
			// It is made, which nobody hears.
			return nil, errLost, done && strings.HasSuffix(r.URL.Path, "/me/events") && len(h.graph.live()) > 1
		})
		h.settle(3*claimLife + time.Second/2)
		if r := h.record(rest); len(h.graph.live()) != 2 || r.Turn != "" {
			t.Fatalf("%d events, the turn is %q's, want two and nobody's", len(h.graph.live()), r.Turn)
		}
		h.graph.setFault(nil)
		h.want(h.call(alice, "DELETE", "/v1/bookings/"+rest, "", "Prefer", "wait=30"), 200, "status", "cancelled")
		if n := len(h.graph.live()); n != 1 {
			t.Errorf("%d events, want that of the series alone", n)
		}
		other.stop()
	})
}

// onlyAsked has the instance carry on only what it is asked for, from now on.
func (h *house) onlyAsked() {
	h.stop()
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { h.svc.Run(ctx) })
	h.stop = func() {
		cancel()
		work.Wait()
	}
}

// record is a booking as the journal has it.
func (h *house) record(id string) record {
	h.t.Helper()
	r, err := h.svc.journal.get(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}
