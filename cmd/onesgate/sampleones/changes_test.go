package sampleones

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// What a person does with a booking there is.
func TestBrowserChanges(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	chromium := browser(t)
	zone := time.FixedZone("HKT", 8*60*60)

	// with opens the page with an interview that begins in so many minutes, and is an hour long.
	with := func(t *testing.T, minutes int) (*page, time.Time) {
		start := time.Now().In(zone).Truncate(time.Minute).Add(time.Duration(minutes) * time.Minute)
		return open(t, chromium, alice(), func(f *fakeAPI) {
			f.bookings = append(f.bookings, map[string]any{
				"id": "b1", "room": "peak", "subject": "Interview", "status": "confirmed", "version": 1,
				"start": start.Format(time.RFC3339), "end": start.Add(time.Hour).Format(time.RFC3339), "time_zone": "Asia/Hong_Kong",
			})
		}), start
	}

	t.Run("what can be done depends on the time", func(t *testing.T) {
		for _, tt := range []struct {
			begins int
			want   string
		}{
			{-5, "checkIn cancel update extend end"},
			{5, "checkIn cancel update extend"},
			{15, "cancel update extend"},
			{-65, ""},
		} {
			p, _ := with(t, tt.begins)
			p.await(`[data-booking="b1"]`, chromedp.NodeReady)
			if got := evaluate[string](p, `[...document.querySelectorAll("[data-act]")].map((b) => b.dataset.act).join(" ")`); got != tt.want {
				t.Errorf("begins in %d minutes: %q, want %q", tt.begins, got, tt.want)
			}
		}
	})

	t.Run("longer, there, and over", func(t *testing.T) {
		p, start := with(t, -5)
		p.click("#b1-more")
		p.click("#b1-extend")
		p.saying("#mine-note", "is 15 minutes longer")
		if got, want := p.api.booking("b1")["end"], start.Add(75*time.Minute).Format(time.RFC3339); got != want {
			t.Errorf("ends at %v, want %s", got, want)
		}
		p.saying(`[data-booking="b1"] .when`, start.Add(75*time.Minute).Format("15:04"))
		if got := evaluate[string](p, "document.activeElement.id"); got != "b1-extend" {
			t.Errorf("drawn anew, the list has lost the focus to %q", got)
		}
		p.press("#b1-checkIn")
		p.saying("#mine-note", "is checked in")
		p.gone("#b1-checkIn")
		p.press("#b1-end")
		p.saying("#mine-note", "has ended")
		p.gone("#b1-cancel")
		extend := p.api.requests()[0].Header
		if got := extend.Get("Idempotency-Key") + " " + extend.Get("Prefer"); got != "extend-b1-1 wait=10" {
			t.Errorf("extended with %q", got)
		}
	})

	t.Run("refusals", func(t *testing.T) {
		p, start := with(t, -5)
		p.api.refuseNext(http.StatusConflict, map[string]any{"code": "room_conflict", "clashes": []any{map[string]any{
			"start": start.Add(time.Hour), "end": start.Add(2 * time.Hour), "organizer": map[string]any{"name": "Bob Lee"},
		}}})
		p.click("#b1-more")
		p.click("#b1-extend")
		p.saying("#mine-note", "The room is taken after that")
		p.saying("#mine-note", "by Bob Lee")
		p.api.refuseNext(http.StatusConflict, map[string]any{"code": "invalid_state", "detail": "The booking is over."})
		p.press("#b1-end")
		p.saying("#mine-note", "Not ended. Not possible: The booking is over.")
	})

	t.Run("moving waits for the room", func(t *testing.T) {
		p, start := with(t, 24*60)
		day := start.AddDate(0, 0, 1).Format(time.DateOnly)
		move := func() {
			p.press("#b1-update")
			p.see("#move-dialog")
			for _, field := range []struct{ name, value string }{{"room", "studio"}, {"date", day}, {"start", "14:00"}} {
				p.do(chromedp.SetValue(chromedp.CSS("#move-form [name="+field.name+"]"), field.value))
			}
			p.click("#move-confirm")
		}
		p.click("#b1-more")
		p.api.refuseNext(http.StatusPreconditionFailed, map[string]any{"code": "version_conflict"})
		move()
		p.saying("#move-error", "It has changed meanwhile")
		p.click("#move-dialog button[value=no]")

		move()
		p.see(`[data-booking="b1"][data-change="update"]`)
		if got := p.text(`[data-booking="b1"] .pill`); got != "Moving…" {
			t.Errorf("pill = %q", got)
		}
		p.gone("#b1-update")
		pending := p.api.booking("b1")["pending_change"].(map[string]any)
		if got, want := fmt.Sprint(pending["room"], pending["start"], pending["end"]), "studio"+day+"T14:00:00+08:00"+day+"T15:00:00+08:00"; got != want {
			t.Errorf("moved to %s, want %s", got, want)
		}
		requests := p.api.requests()
		if got := requests[len(requests)-1].Header.Get("If-Match"); got != `"1"` {
			t.Errorf("If-Match = %s", got)
		}
		p.api.decide("b1", "Studio is closed")
		p.saying(`[data-booking="b1"] .what`, "Not moved: Studio is closed")

		move()
		p.see(`[data-booking="b1"][data-change="update"]`)
		p.api.decide("b1", "")
		p.saying(`[data-booking="b1"] .what`, "Studio")
		p.saying(`[data-booking="b1"] .when`, "14:00–15:00")
	})
}
