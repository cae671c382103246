package booking

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
)

// journalOf is what operators are told of a booking.
func (h *house) journalOf(id string) Journal {
	h.t.Helper()
	j, err := h.svc.Journal(context.Background(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return j
}

// overview lists, as operators do, all parts of a list: ids, by a space.
func (h *house) overview(o Overview) (ids string, pages int) {
	h.t.Helper()
	var all []string
	for {
		found, next, err := h.svc.Overview(context.Background(), o)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, p := range found {
			all = append(all, p.ID)
		}
		if pages++; next == "" {
			return strings.Join(all, " "), pages
		}
		o.Cursor = next
	}
}

// steps tells them, without their times.
func steps(all []Step) string {
	var told []string
	for _, s := range all {
		word := s.What
		if s.By != "" {
			word += " by " + s.By
		}
		if s.Code != "" {
			word += " (" + s.Code + ")"
		}
		if s.Times > 0 {
			word += fmt.Sprint(" x", s.Times)
		}
		told = append(told, word)
	}
	return strings.Join(told, ", ")
}

func TestOperatorRetries(t *testing.T) {
	story(t, func(h *house) {
		h.graph.setFault(answers(503, "ServiceUnavailable"))
		id := h.book("14:00", "15:00", "attendees", []string{"carol@contoso.com"}, "body", "Salaries").text("id")
		h.call(bob, "POST", "/v1/bookings", body("16:00", "17:00"), "Prefer", "respond-async") // an outage, not somebody's own trouble
		second := h.call(bob, "POST", "/v1/bookings", body("18:00", "19:00"), "Prefer", "respond-async").text("id")
		h.settle(20 * time.Minute)
		j := h.journalOf(id)
		if j.State != StateWaiting || j.Status != Accepted || j.Error != "503 ServiceUnavailable" || j.Tries < 3 || j.NextAt.IsZero() {
			t.Errorf("in an outage: %+v", j)
		}
		if got := steps(j.Steps); got != fmt.Sprintf("accepted by session, tried (503 ServiceUnavailable) x%d", j.Tries) {
			t.Errorf("steps: %s", got)
		}
		if first, last := j.Steps[1].At, j.Steps[1].Until; !last.After(first) || time.Since(last) > 16*time.Minute {
			t.Errorf("tried from %v to %v", first, last)
		}
		if told, _ := json.Marshal(j); strings.Contains(string(told), "Quarterly") || strings.Contains(string(told), "Salaries") || strings.Contains(string(told), "carol") {
			t.Errorf("operators are told what it is about: %s", told)
		}
		if k := h.journalOf(second); k.Ahead != 2 || k.Next != "It waits for the bookings of its room that were made before it." {
			t.Errorf("behind it: %+v", k)
		}

		h.graph.setFault(nil)
		// The one behind is retried: what it waits for goes first.
		j, err := h.svc.RetryNow(t.Context(), "operator", second)
		if err != nil || j.State != StateWaiting {
			t.Errorf("retried: %+v, %v", j, err)
		}
		h.settle(2 * time.Second)
		for _, id := range []string{id, second} {
			if j := h.journalOf(id); j.Status != Confirmed || j.Error != "" || j.Next != "Nothing is left to do: the room has accepted." {
				t.Errorf("after that: %+v", j)
			}
		}
		if got := steps(h.journalOf(second).Steps); got != "accepted by session, retry_asked by operator, confirmed" {
			t.Errorf("steps: %s", got)
		}
		if n := strings.Count(h.log.text(), `"action":"retry","by":"operator"`); n != 1 {
			t.Errorf("%d lines of the audit log tell of it", n)
		}
		for _, id := range []string{id, "nobody's"} {
			status := map[bool]int{true: 409, false: 404}[id != "nobody's"]
			_, err := h.svc.RetryNow(t.Context(), "operator", id)
			if got, words, ok := Refusal(err); got != status || !ok || words == "" {
				t.Errorf("retrying %s: %v", id, err)
			}
		}
		if n := len(h.graph.live()); n != 3 || h.graph.duplicates > 0 {
			t.Errorf("%d events, %d made twice", n, h.graph.duplicates)
		}
	})
}

// What a gateway is at is not begun a second time.
func TestRetryOfWhatIsUnderWay(t *testing.T) {
	story(t, func(h *house) {
		hang := make(chan struct{})
		h.graph.setFault(onCreate(func(_ *http.Request, done bool) (*http.Response, error, bool) {
			if !done {
				<-hang
			}
			return nil, nil, false
		}))
		id := h.book("14:00", "15:00", "private", true).text("id")
		h.settle(time.Second)
		j, err := h.svc.RetryNow(t.Context(), "operator", id)
		if err != nil || !j.Working || j.State != StateWaiting || !j.Private {
			t.Errorf("retried: %+v, %v", j, err)
		}
		close(hang)
		h.settle(2 * time.Second)
		if got := steps(h.journalOf(id).Steps); got != "accepted by session, confirmed" || h.graph.duplicates > 0 || h.graph.count("POST /me/events") != 1 {
			t.Errorf("steps: %s; %d creations", got, h.graph.count("POST /me/events"))
		}
	})
}

func TestOperatorCancels(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("14:00", "15:00").text("id")
		h.kill(alice, grant.ErrNeedsSignIn)
		h.state[alice.ID] = grant.NeedsSignIn
		j, err := h.svc.CancelAs(t.Context(), "operator", id, "The room is closed.")
		if err != nil || j.State != StateWaiting || j.Change != "cancel" || !strings.Contains(j.Next, "once the organizer has signed in") {
			t.Errorf("without a connection: %+v, %v", j, err)
		}
		h.settle(time.Minute)
		if j := h.journalOf(id); j.Error != "needs_sign_in" {
			t.Errorf("a minute later: %+v", j)
		}
		h.kill(alice, nil)
		delete(h.state, alice.ID)
		j, err = h.svc.CancelAs(t.Context(), "operator", id, "") // asked for already
		if err != nil || j.Next != "It is cancelled in the organizer's calendar; Microsoft 365 tells the room and the attendees." {
			t.Errorf("once more: %+v, %v", j, err)
		}
		h.svc.Resume(alice.ID)
		h.settle(2 * time.Second)
		j = h.journalOf(id)
		if j.State != State(Cancelled) || j.Next != "Nothing more happens to it." || h.graph.events[0].Comment != "The room is closed." || len(h.graph.live()) > 0 {
			t.Errorf("in the end: %+v, %+v", j, h.graph.events[0])
		}
		if !strings.HasPrefix(steps(j.Steps), "accepted by session, confirmed, cancel_asked by operator, tried (needs_sign_in)") || !strings.HasSuffix(steps(j.Steps), ", cancelled") {
			t.Errorf("steps: %s", steps(j.Steps))
		}
		if n := strings.Count(h.log.text(), `"action":"cancel","by":"operator"`); n != 1 {
			t.Errorf("%d lines of the audit log tell of it", n)
		}

		h.graph.setFault(onCreate(answers(403, "ErrorAccessDenied")))
		h.book("16:00", "17:00")
		h.settle(time.Second)
		id, _ = h.overview(Overview{State: State(Failed), Limit: 2})
		_, err = h.svc.CancelAs(t.Context(), "operator", id, "")
		if status, _, ok := Refusal(err); status != 409 || !ok {
			t.Errorf("cancelling what has failed: %v", err)
		}
		if got := steps(h.journalOf(id).Steps); got != "accepted by session, failed (403 ErrorAccessDenied)" {
			t.Errorf("steps: %s", got)
		}
	})
}

// counted counts what is read of single records.
type counted struct {
	store.Store
	gets atomic.Int64
}

func (c *counted) Get(ctx context.Context, key string) (store.Record, error) {
	c.gets.Add(1)
	return c.Store.Get(ctx, key)
}

func TestOverview(t *testing.T) {
	story(t, func(h *house) {
		h.stop()
		reads := &counted{Store: h.store}
		h.over = reads
		h.start()
		var made []string
		for i := range 8 { // the later start first
			r := h.book(fmt.Sprint(21-i, ":00"), fmt.Sprint(21-i, ":30"))
			h.want(r, 201)
			made = append(made, r.text("id"))
			h.settle(time.Second)
		}
		h.graph.setAnswer(func(*fakeEvent) string { return "none" })
		var waiting []string
		for i, room := range []string{"boardroom", "harbour", "peak"} {
			who := []any{alice, bob, bob}[i]
			waiting = append(waiting, h.call(who, "POST", "/v1/bookings", body(fmt.Sprint(13-i, ":00"), fmt.Sprint(13-i, ":45"), "room", room), "Prefer", "respond-async").text("id"))
			h.settle(time.Second)
		}
		h.graph.setFault(onCreate(answers(403, "ErrorAccessDenied")))
		h.call(eve, "POST", "/v1/bookings", body("10:00", "10:45", "room", "other"))
		h.settle(time.Second)
		failed, _ := h.overview(Overview{PersonID: eve.ID, Limit: 2})

		reversed := func(ids []string) (r []string) {
			for _, id := range ids {
				r = append([]string{id}, r...)
			}
			return r
		}
		day := func(hour int) time.Time { return time.Date(2026, 12, 1, hour, 0, 0, 0, hongKong) }
		for name, tt := range map[string]struct {
			o     Overview
			want  []string
			pages int
		}{
			"waiting, the oldest first": {Overview{State: StateWaiting}, waiting, 1},
			"in pages":                  {Overview{State: StateWaiting, Limit: 1}, waiting, 3},
			"for the room's answer":     {Overview{State: State(AwaitingRoom)}, waiting, 1},
			"for a sign-in":             {Overview{State: State(NeedsSignIn)}, nil, 1},
			"of a room":                 {Overview{State: StateWaiting, Room: "harbour"}, waiting[1:2], 1},
			"of a person":               {Overview{State: StateWaiting, PersonID: bob.ID}, reversed(waiting[1:]), 1}, // by start
			"before noon":               {Overview{State: StateWaiting, To: day(12)}, waiting[2:], 1},
			"not before noon":           {Overview{State: StateWaiting, From: day(12)}, waiting[:2], 1},
			"failed":                    {Overview{State: State(Failed)}, []string{failed}, 1},
			"of an integration":         {Overview{Integration: "fabrikam"}, []string{failed}, 1},
			"failed of another one":     {Overview{State: State(Failed), Integration: "contoso"}, nil, 1},
			"confirmed, by start":       {Overview{State: State(Confirmed)}, reversed(made), 1},
			"confirmed, in pages":       {Overview{State: State(Confirmed), Limit: 3}, reversed(made), 3},
			"of a room and a time":      {Overview{Room: "boardroom", From: day(20)}, reversed(made[:2]), 1},
			"all": {
				Overview{Limit: 5}, append(append([]string{failed}, reversed(waiting)...), reversed(made)...), 3,
			},
		} {
			if tt.o.Limit == 0 {
				tt.o.Limit = 50
			}
			before := reads.gets.Load()
			ids, pages := h.overview(tt.o)
			if ids != strings.Join(tt.want, " ") || pages != tt.pages {
				t.Errorf("%s: %s in %d pages, want %s in %d", name, ids, pages, tt.want, tt.pages)
			}
			if n := reads.gets.Load() - before; tt.o.State == StateWaiting && tt.o.PersonID == "" && n > int64(len(waiting)+pages) {
				t.Errorf("%s: %d records were read for %d that wait", name, n, len(waiting))
			}
		}
		// Nobody who is erased leaves a trace in it.
		h.erase(eve)
		if ids, _ := h.overview(Overview{State: State(Failed), Limit: 50}); ids != "" || h.traces("booking-state/failed/") != nil {
			t.Errorf("of who is erased: %s, %v", ids, h.traces("booking-state/failed/"))
		}
		h.store.setDown(true)
		if _, _, err := h.svc.Overview(t.Context(), Overview{State: StateWaiting, Limit: 1}); err == nil {
			t.Error("a store that is away lists nothing, and says nothing")
		} else if _, _, ok := Refusal(err); ok {
			t.Errorf("%v is a refusal", err)
		}
		h.store.setDown(false)
	})
}

// However much happens to a booking, what it keeps of that is bounded, and begins with
// its beginning.
func TestStepsAreBounded(t *testing.T) {
	r := record{Status: Accepted, by: "ones"}
	r.remember(glimpse{}, opening)
	for i := range 100 {
		before := r.glimpse()
		r.by, r.trouble, r.Tries = "", fmt.Sprint(500+i%2, " Oops"), r.Tries+1
		r.remember(before, opening.Add(time.Duration(i)*time.Minute))
	}
	if n := len(r.Steps); n != maxSteps || steps(r.Steps[:1]) != "accepted by ones" || steps(r.Steps[n-1:]) != "tried (501 Oops)" {
		t.Errorf("%d steps: %s", n, steps(r.Steps))
	}
	for i := 1; i < len(r.Steps); i++ {
		if r.Steps[i].At.Before(r.Steps[i-1].At) {
			t.Errorf("step %d is before the one before", i)
		}
	}
}

func TestTroubleOf(t *testing.T) {
	for want, err := range map[string]error{
		"needs_sign_in":       fmt.Errorf("refused: %w", grant.ErrNeedsSignIn),
		"needs_admin_consent": grant.ErrNeedsAdminConsent,
		"integration_down":    grant.ErrIntegrationDown,
		"not_configured":      errUnconfigured,
		"graph_unavailable":   errors.New("connection reset by peer"),
	} {
		if got := troubleOf(err); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
}

// The rest of a series says what it waits for, and whoever retries it retries that.
func TestOperatorRetriesTheRestOfASeries(t *testing.T) {
	story(t, func(h *house) {
		id := h.book("10:00", "11:00", daily(4)...).text("id")
		h.graph.setFault(onPatch(answers(503, "ServiceUnavailable")))
		rest := h.call(alice, "PATCH", date(id, "03")+"?scope=following", `{"subject":"Budget"}`, "Prefer", "wait=1").text("id")
		h.settle(2 * time.Hour)
		if j := h.journalOf(rest); j.State != StateWaiting || j.Next != "It goes on once its series, the booking "+id+", has ended before it in the organizer's calendar." {
			t.Errorf("the rest: %+v", j)
		}
		h.graph.setFault(nil)
		if _, err := h.svc.RetryNow(t.Context(), "operator", rest); err != nil {
			t.Error(err)
		}
		h.settle(2 * time.Second)
		if j := h.journalOf(rest); j.Status != Confirmed || j.Next != "Nothing is left to do: the room has accepted." {
			t.Errorf("after that: %+v", j)
		}
	})
}
