package sampleones

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// axe-core, which integration_test's package.json pins.
const axeFile = "../../../integration_test/clients/node_modules/axe-core/axe.min.js"

// runAxe tells what axe finds wrong by the criteria of WCAG 2.2 at levels A and AA.
const runAxe = `axe.run(document, {
	runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"], preload: false,
}).then(r => r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.target + ": " + n.failureSummary)))`

// Everything the page can show can be read by everybody, and is no wider than a phone.
func TestAccessibility(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	axe, err := os.ReadFile(axeFile)
	if err != nil {
		t.Fatalf("axe-core is missing; make deps installs it: %v", err)
	}
	chromium := browser(t)
	p := open(t, chromium, alice(), func(f *fakeAPI) { f.bookings = everyKind() })
	p.do(chromedp.Evaluate[chromedp.Void](string(axe)))
	day := p.fill("Stand-up")
	p.api.clashing = map[string]any{
		"free": false, "alternatives": []any{map[string]any{"room": "harbour", "start": day + "T10:00:00+08:00", "end": day + "T11:00:00+08:00"}},
		"occurrences": []any{map[string]any{"free": false, "clashes": []any{
			map[string]any{"start": day + "T10:30:00+08:00", "end": day + "T12:00:00+08:00", "organizer": map[string]any{"name": "Bob Lee"}},
		}}},
	}
	p.do(chromedp.SetValue(chromedp.CSS("#f-repeat"), "day"))
	p.click("#book")
	p.see("#clash .alternative")
	p.click("#now-more")
	p.click("#series-more")

	look := func(name string) {
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{1280, 390} {
				p.look(scheme, width)
				for _, wrong := range evaluate[[]string](p, runAxe) {
					t.Errorf("%s, %s, %d: %s", name, scheme, width, wrong)
				}
				if wide := evaluate[int64](p, "document.documentElement.scrollWidth"); wide > width {
					t.Errorf("%s: the page is %d px wide on a screen of %d", name, wide, width)
				}
				p.shoot(fmt.Sprintf("sample-%s-%s-%d", name, scheme, width))
			}
		}
	}
	look("all")
	p.click("#now-update")
	p.see("#move-dialog")
	p.do(chromedp.SetValue(chromedp.CSS("#m-end"), "00:00"))
	p.click("#move-confirm")
	p.saying("#move-error", "an end after the start")
	look("move")
}

// everyKind of row in the list of bookings.
func everyKind() []map[string]any {
	now := time.Now().In(time.FixedZone("HKT", 8*60*60)).Truncate(time.Minute)
	booking := func(id, subject string, hours int, more map[string]any) map[string]any {
		start := now.Add(time.Duration(hours)*time.Hour - 5*time.Minute)
		b := map[string]any{
			"id": id, "room": "peak", "subject": subject, "status": "confirmed", "version": 1, "time_zone": "Asia/Hong_Kong",
			"start": start.Format(time.RFC3339), "end": start.Add(time.Hour).Format(time.RFC3339), "graph": map[string]any{"web_link": "https://outlook.office365.com/"},
		}
		for name, value := range more {
			b[name] = value
		}
		return b
	}
	later := booking("", "", 50, nil)
	return []map[string]any{
		booking("now", "Interview", 0, nil),
		booking("waiting", "Planning", 24, map[string]any{"status": "awaiting_room"}),
		booking("moving", "Review", 26, map[string]any{"pending_change": map[string]any{
			"kind": "update", "room": "studio", "start": later["start"], "end": later["end"],
		}}),
		booking("unmoved", "Retrospective", 28, map[string]any{"last_change": map[string]any{
			"kind": "update", "status": "declined", "reason": "The room is closed on that day",
		}}),
		booking("series", "Weekly of the whole department", 30, map[string]any{"recurrence": map[string]any{
			"pattern": map[string]any{"type": "weekly", "interval": 1, "daysOfWeek": []string{"monday"}},
			"range":   map[string]any{"type": "numbered", "numberOfOccurrences": 4.0},
		}}),
		booking("declined", "Party", 32, map[string]any{"status": "declined", "room_response": map[string]any{"reason": "Longer than four hours"}}),
		booking("cancelled", "Lunch", 34, map[string]any{"status": "cancelled"}),
	}
}

// look sets what the page is shown on. Motion is reduced, so no colour is caught half-way.
func (p *page) look(scheme string, width int64) {
	p.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, media); err != nil {
		p.t.Fatal(err)
	}
	p.do(chromedp.EmulateViewport(width, 844))
}

// shoot takes a picture, if ONESGATE_SCREENSHOTS says where to.
func (p *page) shoot(name string) {
	p.t.Helper()
	dir := os.Getenv("ONESGATE_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		p.t.Error(err)
	}
}
