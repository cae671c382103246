package booking

import (
	"net/http"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
)

// inVain has Alice and Bob book a room by turns, from each time to the next, while Microsoft
// takes no bookings.
func (h *house) inVain(room string, at ...string) (ids []string) {
	h.t.Helper()
	h.graph.setFault(onCreate(answers(503, "ServiceUnavailable")))
	for i := range at[1:] {
		who := []identity.Person{alice, bob}[i%2]
		r := h.call(who, "POST", "/v1/bookings", body(at[i], at[i+1], "room", room), "Prefer", "respond-async")
		h.want(r, 202)
		ids = append(ids, r.text("id"))
	}
	return ids
}

// Bookings that wait in a line since the integration is refused go on at once, all of them,
// when it is mended: also those that a gateway before has left.
func TestLineGoesOnWhenMended(t *testing.T) {
	story(t, func(h *house) {
		h.stop()
		h.stop = run(false, h.svc) // there may be others
		ids := h.inVain("boardroom", "10:00", "10:15", "10:30", "10:45", "11:00", "11:15", "11:30", "11:45", "12:00", "12:15", "12:30", "12:45", "13:00")
		h.settle(5 * time.Second)
		h.stop()
		h.kill(alice, grant.ErrIntegrationDown)
		h.kill(bob, grant.ErrIntegrationDown)
		h.graph.setFault(nil)
		h.svc = h.service()
		h.stop = run(false, h.svc)
		h.settle(time.Minute)
		h.kill(alice, nil)
		h.kill(bob, nil)
		h.svc.ResumeAll()
		h.settle(20 * time.Second)
		for i, id := range ids {
			r, err := h.svc.journal.get(t.Context(), id)
			if err != nil || r.Status != Confirmed {
				t.Errorf("booking %d is %s, %s, due at %v; %v", i, r.Status, r.Reason, time.Until(r.NextAt), err)
			}
		}
	})
}

// Whoever has to call the next in a line may die before it does. Nobody behind waits longer
// for that than until the lines are looked at.
func TestLineGoesOnWhenNobodyCalls(t *testing.T) {
	story(t, func(h *house) {
		h.stop()
		h.stop = run(false, h.svc) // there may be others
		ids := h.inVain("boardroom", "10:00", "10:15", "10:30", "10:45", "11:00", "11:15", "11:30")
		h.settle(5 * time.Second)
		h.stop()
		h.graph.setFault(nil)
		// The first ones have been confirmed, and who should have called the next has died.
		for _, id := range ids[:3] {
			if _, err := h.svc.journal.change(t.Context(), id, func(r *record) error {
				r.Status, r.EventID, r.MaybeSent, r.NextAt = Confirmed, "event", false, time.Time{}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		r, err := h.svc.journal.get(t.Context(), ids[3])
		if err != nil || r.Reason != reasonInLine || time.Until(r.NextAt) < time.Minute {
			t.Fatalf("the next one rests for %v: %s, %v", time.Until(r.NextAt), r.Reason, err)
		}
		h.svc = h.service()
		h.stop = run(false, h.svc)
		h.settle(20 * time.Second)
		for _, id := range ids[3:] {
			if r, err := h.svc.journal.get(t.Context(), id); err != nil || r.Status != Confirmed {
				t.Errorf("%s, %s, due in %v; %v", r.Status, r.Reason, time.Until(r.NextAt), err)
			}
		}
	})
}

// The rest of a series, and who has to sign in again, hold up nobody, but may stand in line: they
// are called all the same when their turn has come.
func TestLineGoesOnWithWhoHoldsUpNobody(t *testing.T) {
	story(t, func(h *house) {
		series := h.book("10:00", "10:15", daily(4)...).text("id")
		ids := h.inVain("boardroom", "11:00", "11:15", "11:30", "11:45", "12:00", "12:15", "12:30", "12:45", "13:00")
		r := h.call(alice, "PATCH", date(series, "03")+"?scope=following", `{"subject":"Rest"}`, "Prefer", "respond-async")
		h.want(r, 202)
		ids = append(ids, r.text("id"))
		h.settle(5 * time.Minute)
		if r := h.read(r.text("id")); r.Reason != reasonInLine || time.Until(r.NextAt) < 3*time.Minute {
			t.Errorf("the rest is %s, %q, due in %v", r.Status, r.Reason, time.Until(r.NextAt))
		}
		h.graph.setFault(nil)
		h.settle(tendEvery + 5*time.Second)
		for i, id := range ids {
			if r := h.read(id); r.Status != Confirmed {
				t.Errorf("booking %d is %s, %s, due in %v", i, r.Status, r.Reason, time.Until(r.NextAt))
			}
		}
	})
	story(t, func(h *house) {
		h.stop()
		ids := h.inVain("boardroom", "15:00", "15:30", "16:00")
		h.kill(alice, grant.ErrNeedsSignIn)
		h.kill(bob, grant.ErrNeedsSignIn)
		h.start()
		h.svc.reach.failed("contoso", "t1.carol") // else it would be one person's own trouble
		h.settle(10 * time.Second)
		for _, p := range []identity.Person{alice, bob} {
			h.kill(p, nil)
			h.svc.Resume(p.ID)
			h.settle(5 * time.Second)
		}
		if r := h.read(ids[1]); r.Reason != reasonInLine {
			t.Errorf("the second is %s, %q", r.Status, r.Reason)
		}
		h.graph.setFault(nil)
		h.settle(tendEvery + 5*time.Second)
		for i, id := range ids {
			if r := h.read(id); r.Status != Confirmed {
				t.Errorf("booking %d is %s, %s, due in %v", i, r.Status, r.Reason, time.Until(r.NextAt))
			}
		}
	})
}

// Of an outage the gateway that comes after the one that went through it knows nothing, nor that
// Microsoft has refused the gateway itself. It carries on all lines all the same, as soon as Microsoft
// answers for one of them.
func TestLinesGoOnAfterAnothersOutage(t *testing.T) {
	for name, refused := range map[string]error{"no answer": nil, "the gateway is refused": grant.ErrIntegrationDown} {
		story(t, func(h *house) {
			h.stop()
			h.stop = run(false, h.svc) // there may be others
			var ids []string
			for _, room := range []string{"boardroom", "harbour", "peak"} {
				ids = append(ids, h.inVain(room, "15:00", "15:30", "16:00", "16:30")...)
			}
			h.kill(alice, refused)
			h.kill(bob, refused)
			h.settle(20 * time.Minute)
			h.stop()
			h.graph.setFault(nil)
			h.kill(alice, nil)
			h.kill(bob, nil)
			h.svc = h.service()
			h.stop = run(false, h.svc)
			h.settle(tendEvery + 5*time.Second)
			for i, id := range ids {
				if r, err := h.svc.journal.get(t.Context(), id); err != nil || r.Status != Confirmed {
					t.Errorf("%s: booking %d is %s, %s, due in %v; %v", name, i, r.Status, r.Reason, time.Until(r.NextAt), err)
				}
			}
		})
	}
}

// Those that Microsoft did not answer are tried by turns, so that one that it never answers keeps
// the end of an outage from nobody, though that begins soon and so rests least.
func TestEndOfAnOutageIsNoticedBesideWhoStaysIll(t *testing.T) {
	story(t, func(h *house) {
		h.stop()
		h.stop = run(false, h.svc) // there may be others
		well := h.inVain("boardroom", "15:00", "16:00")[0]
		ill := h.call(bob, "POST", "/v1/bookings", body("09:36", "10:00", "room", "peak"), "Prefer", "respond-async").text("id")
		for h.settle(25 * time.Minute); !h.read(well).NextAt.After(h.read(ill).NextAt); {
			h.settle(time.Second)
		}
		h.graph.setFault(onCreate(func(r *http.Request, done bool) (*http.Response, error, bool) {
			if r.Header.Get("Authorization") != "Bearer "+bob.ID {
				return nil, nil, false
			}
			return answers(503, "ServiceUnavailable")(r, done)
		}))
		h.settle(2*tendEvery + 5*time.Second)
		if r := h.read(well); r.Status != Confirmed {
			t.Errorf("it is %s, %s, due in %v", r.Status, r.Reason, time.Until(r.NextAt))
		}
	})
}

// That an outage is over which has met one person alone is noticed soon, too.
func TestOneBookingGoesOnAfterAnOutage(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setFault(onCreate(answers(503, "ServiceUnavailable")))
		id := h.book("15:00", "16:00").text("id")
		h.settle(20 * time.Minute)
		if r, err := h.svc.journal.get(t.Context(), id); err != nil || time.Until(r.NextAt) < 2*asideRest {
			t.Fatalf("due in %v; %v", time.Until(r.NextAt), err)
		}
		h.graph.setFault(nil)
		h.settle(asideRest + tendEvery)
		h.want(h.call(alice, "GET", "/v1/bookings/"+id, ""), 200, "status", "confirmed")
	})
}
