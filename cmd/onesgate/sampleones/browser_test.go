package sampleones

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	chromium := browser(t)

	t.Run("a booking is shown as it fares", func(t *testing.T) {
		p := open(t, chromium, alice(), nil)
		day := p.fill("Quarterly review")
		p.click("#book")
		p.see(`#booking-status[data-status="accepted"]`)
		p.see(`[data-booking="b1"][data-status="accepted"]`)
		p.api.room("b1", "awaiting_room", "")
		p.see(`#booking-status[data-status="awaiting_room"]`)
		p.api.room("b1", "confirmed", "")
		p.see(`#booking-status[data-status="confirmed"]`)
		p.see(`[data-booking="b1"][data-status="confirmed"]`)
		if got := p.text("#booking-status"); !strings.Contains(got, "Confirmed") || !strings.Contains(got, "10:00–11:00") {
			t.Errorf("status = %q, want the word and the time", got)
		}
		b := p.api.booking("b1")
		for name, want := range map[string]any{
			"room": "boardroom", "subject": "Quarterly review", "time_zone": "Asia/Hong_Kong", "private": false,
			"start": day + "T10:00:00+08:00", "end": day + "T11:00:00+08:00",
		} {
			if b[name] != want {
				t.Errorf("%s = %v, want %v", name, b[name], want)
			}
		}
		if got := fmt.Sprint(b["attendees"]); got != "[bob@contoso.com carol@contoso.com]" {
			t.Errorf("attendees = %s, want both", got)
		}
		if got := p.api.posts[0].Header.Get("Prefer"); got != "respond-async" {
			t.Errorf("Prefer = %q, want respond-async", got)
		}
	})

	t.Run("a declined booking says why", func(t *testing.T) {
		p := open(t, chromium, alice(), nil)
		p.fill("Quarterly review")
		p.click("#book")
		p.see(`#booking-status[data-status="accepted"]`)
		p.api.room("b1", "declined", "Longer than four hours")
		p.see(`#booking-status[data-status="declined"]`)
		if got, want := p.text("#booking-status strong"), "Declined: Longer than four hours"; got != want {
			t.Errorf("title = %q, want %q", got, want)
		}
	})

	t.Run("a conflict offers alternatives", func(t *testing.T) {
		p := open(t, chromium, alice(), nil)
		day := p.fill("Quarterly review")
		p.api.refuseNext(http.StatusConflict, map[string]any{
			"code":    "room_conflict",
			"clashes": []any{map[string]any{"start": day + "T10:30:00+08:00", "end": day + "T12:00:00+08:00", "organizer": map[string]any{"name": "Bob Lee"}}},
			"alternatives": []any{
				map[string]any{"room": "harbour", "start": day + "T10:00:00+08:00", "end": day + "T11:00:00+08:00"},
				map[string]any{"room": "boardroom", "start": day + "T12:00:00+08:00", "end": day + "T13:00:00+08:00"},
			},
		})
		p.click("#book")
		p.see("#clash .alternative")
		if got := p.text("#clash"); !strings.Contains(got, "10:30–12:00 by Bob Lee") {
			t.Errorf("clash = %q, want who and when", got)
		}
		p.click(`#clash .alternative[data-room="boardroom"]`)
		p.see(`#booking-status[data-status="accepted"]`)
		if got, want := p.api.booking("b1")["start"], day+"T12:00:00+08:00"; got != want {
			t.Errorf("booked at %v, want %v", got, want)
		}
		if keys := p.api.keys(); len(keys) != 2 || keys[0] == "" || keys[0] == keys[1] {
			t.Errorf("keys = %q, want two different ones", keys)
		}
	})

	t.Run("trying again keeps the key", func(t *testing.T) {
		p := open(t, chromium, alice(), nil)
		p.fill("Quarterly review")
		p.api.refuseNext(http.StatusServiceUnavailable, map[string]any{"code": "graph_unavailable"})
		p.click("#book")
		p.see(`#booking-status[data-status="unavailable"]`)
		p.click("#try-again")
		p.see(`#booking-status[data-status="accepted"]`)
		if keys := p.api.keys(); len(keys) != 2 || keys[0] == "" || keys[0] != keys[1] {
			t.Errorf("keys = %q, want the same one twice", keys)
		}
	})

	t.Run("refusals", func(t *testing.T) {
		p := open(t, chromium, alice(), nil)
		p.fill("Quarterly review")
		p.api.refuseNext(http.StatusUnprocessableEntity, map[string]any{
			"code": "invalid_request", "detail": "See the fields.",
			"errors": []any{map[string]any{"location": "body.end", "message": "Four hours at most."}},
		})
		p.click("#book")
		p.see(`#booking-status[data-status="invalid"]`)
		if got := p.text("#e-end"); got != "Four hours at most." {
			t.Errorf("error of the field = %q, want that of the API", got)
		}
		p.api.refuseNext(http.StatusForbidden, map[string]any{"code": "needs_sign_in", "login_url": "/.ones/login/contoso?return_to=/"})
		p.click("#book")
		p.see(`#booking-status[data-status="needs_sign_in"] a[href$="/.ones/login/contoso?return_to=/"]`)
		p.api.refuseNext(http.StatusUnauthorized, map[string]any{"code": "sign_in_required", "login_url": "https://evil.example/"})
		p.click("#book")
		p.see(`#booking-status[data-status="signed_out"]`)
		if got := evaluate[int](p, `document.querySelectorAll("#booking-status a").length`); got != 0 {
			t.Error("a link to another site is offered")
		}
	})

	t.Run("what is missing is asked for", func(t *testing.T) {
		p := open(t, chromium, alice(), nil)
		p.fill("")
		p.do(chromedp.SetValue(chromedp.CSS("#f-end"), "09:00"))
		p.click("#book")
		p.see("#e-subject")
		p.see("#e-end")
		if got := evaluate[string](p, "document.activeElement.name"); got != "subject" {
			t.Errorf("focus is on %q, want the first wrong field", got)
		}
		if n := len(p.api.keys()); n != 0 {
			t.Errorf("%d requests were sent, want none", n)
		}
	})

	t.Run("cancelling asks first", func(t *testing.T) {
		start := time.Now().Add(24 * time.Hour)
		p := open(t, chromium, alice(), func(f *fakeAPI) {
			f.bookings = append(f.bookings, map[string]any{
				"id": "b1", "room": "peak", "subject": "Interview", "status": "confirmed",
				"start": start, "end": start.Add(time.Hour), "time_zone": "Asia/Hong_Kong",
			})
		})
		p.click(`[data-booking="b1"] .cancel`)
		p.click(`#cancel-dialog button[value="no"]`)
		p.see(`[data-booking="b1"][data-status="confirmed"]`)
		p.click(`[data-booking="b1"] .cancel`)
		p.click("#cancel-confirm")
		p.see(`[data-booking="b1"][data-status="cancelled"]`)
	})

	t.Run("a free time prefills the form", func(t *testing.T) {
		p := open(t, chromium, alice(), nil)
		tomorrow := time.Now().In(time.FixedZone("HKT", 8*60*60)).AddDate(0, 0, 1).Format(time.DateOnly)
		slot := `.slot[data-room="peak"][data-start="` + tomorrow + `T08:30:00.000Z"]`
		p.await("#booking-form option[value=peak]", chromedp.NodeReady)
		p.click("#day-next")
		p.see(slot)
		p.do(chromedp.Focus(chromedp.CSS(slot)), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowUp))
		if got, want := evaluate[string](p, "document.activeElement.ariaLabel"), "Harbour, 17:00, free"; got != want {
			t.Errorf("the arrow keys lead to %q, want %q", got, want)
		}
		p.click(slot)
		got := evaluate[string](p, `[...new FormData(document.getElementById("booking-form")).values()].join(" ")`)
		if want := "peak  " + tomorrow + " 16:30 17:30   4 "; got != want {
			t.Errorf("the form holds %q, want %q", got, want)
		}
		p.see(".block.draft")
	})

	t.Run("subjects are text", func(t *testing.T) {
		const hostile = `<img src=x onerror="document.title='owned'">`
		now := time.Now()
		p := open(t, chromium, alice(), func(f *fakeAPI) {
			f.blocks = map[string][]map[string]any{"peak": {{"start": now.Add(-24 * time.Hour), "end": now.Add(24 * time.Hour), "subject": hostile}}}
		})
		p.see(".block.busy")
		if got := p.text(".block.busy strong"); got != hostile {
			t.Errorf("subject = %q, want it as it is", got)
		}
		if got := evaluate[int](p, `document.querySelectorAll(".block img").length`); got != 0 {
			t.Error("a subject was read as HTML")
		}
	})

	t.Run("anonymous: buttons of the integrations", func(t *testing.T) {
		p := open(t, chromium, nil, nil)
		p.see(`#sign-in[data-integration="contoso"]`)
		if got, want := evaluate[string](p, `document.getElementById("sign-in").getAttribute("href")`), "/.ones/login/contoso?return_to=%2F"; got != want {
			t.Errorf("button leads to %q, want %q", got, want)
		}
		if got := evaluate[int](p, `document.querySelectorAll("#ways a").length`); got != 1 {
			t.Errorf("%d buttons, want 1: the other leads to another site", got)
		}
	})

	t.Run("wall time", func(t *testing.T) {
		p := open(t, chromium, alice(), nil)
		for _, tt := range []struct{ expression, want string }{
			{`t.at("2026-12-01", "10:00", "Asia/Hong_Kong").toISOString()`, "2026-12-01T02:00:00.000Z"},
			{`t.at("2026-07-01", "00:30", "Europe/London").toISOString()`, "2026-06-30T23:30:00.000Z"},
			// The clock skips from 02:00 to 03:00, and shows 01:30 twice.
			{`t.rfc3339(t.at("2026-03-08", "02:30", "America/New_York"), "America/New_York")`, "2026-03-08T03:30:00-04:00"},
			{`t.rfc3339(t.at("2026-03-08", "03:00", "America/New_York"), "America/New_York")`, "2026-03-08T03:00:00-04:00"},
			{`t.rfc3339(t.at("2026-11-01", "01:30", "America/New_York"), "America/New_York")`, "2026-11-01T01:30:00-04:00"},
			{`t.rfc3339(t.at("2026-11-01", "03:00", "America/New_York"), "America/New_York")`, "2026-11-01T03:00:00-05:00"},
			{`t.rfc3339(new Date("2026-01-01T00:00:00Z"), "Asia/Kolkata")`, "2026-01-01T05:30:00+05:30"},
			{`t.rfc3339(new Date("2026-01-01T00:00:00Z"), "UTC")`, "2026-01-01T00:00:00+00:00"},
			{`t.addDays("2026-12-31", 1)`, "2027-01-01"},
			{`t.span("2026-12-01T23:00:00+08:00", "2026-12-02T01:00:00+08:00", "Asia/Hong_Kong")`, "Tue 1 Dec 23:00 – Wed 2 Dec 01:00"},
		} {
			if got := evaluate[string](p, `import("/assets/time.js").then((t) => `+tt.expression+`)`); got != tt.want {
				t.Errorf("%s = %s, want %s", tt.expression, got, tt.want)
			}
		}
	})
}
