package sampleones

import (
	"fmt"
	"net/http"
	"strings"
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

func TestBrowserSeries(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	chromium := browser(t)
	// fill writes a daily series of three into the form.
	fill := func(p *page) (day string) {
		day = p.fill("Stand-up")
		p.do(chromedp.SetValue(chromedp.CSS("#f-repeat"), "day"), chromedp.SetValue(chromedp.CSS("#f-count"), "3"))
		p.click("#book")
		return day
	}

	t.Run("booked, and cancelled by dates", func(t *testing.T) {
		p := open(t, chromium, alice(), nil)
		day := fill(p)
		p.see(`[data-booking="b1"]`)
		p.api.room("b1", "confirmed", "")
		p.see(`[data-booking="b1"][data-status="confirmed"]`)
		p.saying(`[data-booking="b1"] .what`, "daily, 3 dates")
		if got := fmt.Sprint(p.api.booking("b1")["recurrence"]); got != "map[pattern:map[interval:1 type:daily] range:map[numberOfOccurrences:3 type:numbered]]" {
			t.Errorf("recurrence = %s", got)
		}
		p.click("#day-next")
		p.see(`.lane[data-room="boardroom"] [data-block="b1"]`)
		p.press("#b1-more")
		second := later(day+"T10:00:00+08:00", 24*time.Hour)
		p.press(`[data-date="` + second + `"] [data-act=cancel]`)
		p.click("#cancel-confirm")
		p.see(`[data-date="` + second + `"][data-status="cancelled"]`)
		p.saying(`[data-booking="b1"] .what`, "daily, 2 dates")
		p.press(`[data-date="` + later(second, 24*time.Hour) + `"] [data-act=truncate]`)
		p.click("#cancel-confirm")
		p.saying(`[data-booking="b1"] .what`, "daily, 1 date")
		if got := p.api.requests()[1].URL.Query().Get("scope"); got != "following" {
			t.Errorf("scope = %q", got)
		}
	})

	t.Run("clashes are shown first", func(t *testing.T) {
		p := open(t, chromium, alice(), nil)
		day := p.fill("")
		at := func(date int, hour string) string {
			return later(day+"T"+hour+":00+08:00", time.Duration(date)*24*time.Hour)
		}
		p.api.clashing = map[string]any{
			"free": false, "alternatives": []any{map[string]any{"room": "harbour", "start": at(0, "10:00"), "end": at(0, "11:00")}},
			"occurrences": []any{map[string]any{"free": true}, map[string]any{"free": false, "clashes": []any{
				map[string]any{"start": at(1, "10:30"), "end": at(1, "12:00"), "organizer": map[string]any{"name": "Bob Lee"}},
			}}},
		}
		fill(p)
		p.saying("#clash", "10:30–12:00 by Bob Lee")
		p.see(`#clash .alternative[data-room="harbour"]`)
		if n := len(p.api.keys()); n != 0 {
			t.Errorf("%d bookings were sent, want none", n)
		}
		p.click("#book-once")
		p.see(`#booking-status[data-status="accepted"]`)
		if got := p.api.booking("b1")["recurrence"]; got != nil {
			t.Errorf("booked %v, want the first date only", got)
		}
	})

	t.Run("what is missing is asked for", func(t *testing.T) {
		p := open(t, chromium, alice(), nil)
		day := p.fill("Stand-up")
		saturday, _ := time.Parse(time.DateOnly, day)
		saturday = saturday.AddDate(0, 0, int(time.Saturday-saturday.Weekday()))
		for name, value := range map[string]string{"repeat": "weekday", "date": saturday.Format(time.DateOnly), "until": day} {
			p.do(chromedp.SetValue(chromedp.CSS("#booking-form [name="+name+"]"), value))
		}
		p.do(chromedp.SetValue(chromedp.CSS("#f-until"), saturday.AddDate(0, 0, -1).Format(time.DateOnly)))
		p.click("#book")
		p.saying("#e-date", "Begin on a weekday.")
		p.saying("#e-until", "Until which day")
		if got := evaluate[string](p, `document.getElementById("f-count").value`); strings.TrimSpace(got) != "" {
			t.Errorf("both an end and %s times", got)
		}
	})
}
