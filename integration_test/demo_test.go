package integration_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// screenshots is where the pictures of the story go.
func screenshots(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("ONESGATE_SCREENSHOTS")
	if dir == "" {
		dir = "screenshots"
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A browser is a window of a real Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context
	dir string
}

// newBrowser starts Chromium, with more flags.
func newBrowser(t *testing.T, flags ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1360, 900),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en"))
	options = append(options, flags...)
	alloc, stopAlloc := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stopAlloc)
	ctx, stop := chromedp.NewContext(alloc)
	t.Cleanup(stop)
	// The first run starts it, and bounds its life: no timeout here.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, ctx: ctx, dir: screenshots(t)}
}

// private opens a window that shares no cookies with the others.
func (b *browser) private() *browser {
	b.t.Helper()
	ctx, stop := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	b.t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		b.t.Fatal(err)
	}
	return &browser{t: b.t, ctx: ctx, dir: b.dir}
}

// do takes one step. If the page is replaced between finding a place in it and doing
// something there, nothing was done, and the place is found anew.
func (b *browser) do(what string, step chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	err := chromedp.Do(ctx, step)
	for replaced(err) && ctx.Err() == nil {
		err = chromedp.Do(ctx, step)
	}
	if err != nil {
		where, _ := chromedp.Run(b.ctx, chromedp.Location())
		text, _ := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("body")))
		b.shoot("failed")
		b.t.Fatalf("%s: %v\nat %s:\n%s", what, err, where, text)
	}
}

// replaced tells whether Chromium doesn't know the node any more that it was asked about.
func replaced(err error) bool {
	var refusal *cdproto.Error
	return errors.As(err, &refusal) && refusal.Code == -32000 // JSON-RPC's "server error"
}

func (b *browser) see(selector string) {
	b.t.Helper()
	b.do("seeing "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
}

func (b *browser) click(selector string) {
	b.t.Helper()
	b.do("clicking "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// press clicks what may be drawn anew at any moment: it is found and clicked in one step.
func (b *browser) press(selector string) {
	b.t.Helper()
	b.see(selector)
	b.do("pressing "+selector, chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.querySelector(%q).click()", selector)))
}

// text reads what stands there. The page may be drawn anew between finding the place
// and reading it; then it is found again.
func (b *browser) text(selector string) string {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		b.see(selector)
		text, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS(selector)))
		if err == nil {
			return strings.TrimSpace(text)
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("reading %s: %v", selector, err)
		}
	}
}

// says waits until something says that.
func (b *browser) says(selector, words string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		got := b.text(selector)
		if strings.Contains(got, words) {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s says %q, want %q", selector, got, words)
		}
	}
}

// shoot takes a picture of the whole page. A headless Chromium sometimes never draws one, and
// does when it is asked again.
func (b *browser) shoot(name string) {
	b.t.Helper()
	var png []byte
	var err error
	for range 3 {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		png, err = chromedp.Run(ctx, chromedp.FullScreenshot(100))
		cancel()
		if err == nil {
			break
		}
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(b.dir, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Errorf("picture %s: %v", name, err)
	}
}

// dark and phone set what the page is shown on.
func (b *browser) dark(on bool) {
	b.t.Helper()
	scheme := "light"
	if on {
		scheme = "dark"
	}
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) phone() {
	b.t.Helper()
	b.do("turning into a phone", chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2), chromedp.EmulateMobile))
}

// signIn goes from the first page of ONES to being greeted.
func (b *browser) signIn(home, account, name string) {
	b.t.Helper()
	b.do("opening "+home, chromedp.Navigate(home))
	b.see("#sign-in")
	b.shoot("1-welcome-" + account)
	b.click("#sign-in")
	b.see("#account-" + account)
	b.shoot("2-accounts-" + account)
	b.click("#account-" + account)
	if got := b.text("#greeting"); !strings.Contains(got, name) {
		b.t.Errorf("greeted by %q, want %s", got, name)
	}
}

// book fills the form in and sends it.
func (b *browser) book(subject string, day time.Time, from, until string) {
	b.t.Helper()
	b.do("waiting for the rooms", chromedp.WaitReady(chromedp.CSS("#booking-form option[value=boardroom]")))
	for _, field := range []struct{ name, value string }{
		{"room", "boardroom"}, {"subject", subject}, {"date", day.Format(time.DateOnly)}, {"start", from}, {"end", until},
	} {
		b.do("filling in "+field.name, chromedp.SetValue(chromedp.CSS("#booking-form [name="+field.name+"]"), field.value))
	}
	b.click("#book")
}

// The story of the demo: what a newcomer sees, and what a power cut leaves.
func TestDemo(t *testing.T) {
	data, port := t.TempDir(), freePort(t)
	run := func() *process {
		p := start(t, nil, "demo", "--data", data, "--port", fmt.Sprint(port))
		p.line("demo ready: ")
		return p
	}
	home := fmt.Sprintf("http://localhost:%d", port)
	tomorrow := time.Now().In(time.FixedZone("HKT", 8*3600)).AddDate(0, 0, 1)
	p := run()

	alice := newBrowser(t)
	alice.do("going by another name", chromedp.Navigate(strings.Replace(home, "localhost", "127.0.0.1", 1)))
	if at, err := chromedp.Run(alice.ctx, chromedp.Location()); err != nil || at != home+"/" {
		t.Errorf("127.0.0.1 leads to %s, %v; want %s", at, err, home)
	}
	alice.signIn(home, "alice", "Alice Chan")
	if got := alice.text("#user-email"); got != "alice@contoso.example" {
		t.Errorf("mail %q", got)
	}
	if got := alice.text("#user-groups"); !strings.Contains(got, "staff") || !strings.Contains(got, "facilities") {
		t.Errorf("groups %q", got)
	}
	if got := alice.text("#user-card"); got != "0004711001" {
		t.Errorf("card %q", got)
	}
	alice.shoot("3-rooms")
	alice.book("Quarterly review", tomorrow, "10:00", "11:00")
	alice.see(`#booking-status[data-status="awaiting_room"]`)
	alice.shoot("4-waiting")
	alice.see(`#booking-status[data-status="confirmed"]`)
	alice.shoot("5-confirmed")

	// A second person wants the same slot.
	bob := alice.private()
	bob.signIn(home, "bob", "Bob Lee")
	bob.book("Design review", tomorrow, "10:00", "11:00")
	bob.see("#clash .alternative")
	if got := bob.text("#clash"); !strings.Contains(got, "Alice Chan") {
		t.Errorf("the clash %q doesn't say with whom", got)
	}
	bob.shoot("6-clash")
	bob.click("#clash .alternative")
	bob.see(`#booking-status[data-status="confirmed"]`)
	bob.shoot("7-alternative")

	// Killed and started again: nobody has to sign in.
	p.kill()
	p = run()
	alice.do("coming back", chromedp.Reload())
	if got := alice.text("#greeting"); !strings.Contains(got, "Alice Chan") {
		t.Errorf("after the restart alice is greeted by %q", got)
	}
	alice.book("After the restart", tomorrow, "16:00", "17:00")
	alice.see(`#booking-status[data-status="confirmed"]`)
	alice.shoot("8-after-restart")

	// What is booked is changed. After the first one the room is Bob's.
	alice.press(`[aria-label^="More: Quarterly review"]`)
	alice.press(`[aria-label^="+15 min: Quarterly review"]`)
	alice.says("#mine-note", "The room is taken after that")
	alice.press(`[aria-label^="More: After the restart"]`)
	alice.press(`[aria-label^="+15 min: After the restart"]`)
	alice.see(`[aria-label^="Cancel: After the restart"][aria-label*="16:00–17:15"]`)
	alice.press(`[aria-label^="Move: After the restart"]`)
	alice.do("moving", chromedp.SetValue(chromedp.CSS("#m-start"), "14:00"))
	alice.click("#move-confirm")
	alice.see(`[data-status="confirmed"]:not([data-change]) [aria-label^="Cancel: After the restart"][aria-label*="14:00–15:15"]`)

	// A series, of which one date is given up.
	alice.do("repeating", chromedp.SetValue(chromedp.CSS("#f-repeat"), "day"))
	alice.do("repeating", chromedp.SetValue(chromedp.CSS("#f-count"), "3"))
	alice.book("Hand-over", tomorrow, "10:30", "11:00")
	alice.see("#book-once")
	if got := alice.text("#clash"); !strings.Contains(got, "10:00–11:00 by Alice Chan") {
		t.Errorf("the clash of the series reads %q", got)
	}
	alice.shoot("9-series-clash")
	alice.book("Hand-over", tomorrow, "08:00", "08:30")
	alice.see(`#booking-status[data-status="confirmed"]`)
	alice.press(`[aria-label^="More: Hand-over"][aria-label$="daily, 3 dates"]`)
	alice.press(`[data-date]:nth-child(2) [data-act="cancel"]`)
	alice.click("#cancel-confirm")
	alice.see(`[aria-label^="More: Hand-over"][aria-label$="daily, 2 dates"]`)
	alice.see(`[data-date]:nth-child(2)[data-status="cancelled"]`)
	alice.shoot("9-series")

	for _, look := range []string{"dark", "phone", "phone-dark"} {
		alice.dark(strings.HasSuffix(look, "dark"))
		if strings.HasPrefix(look, "phone") {
			alice.phone()
		}
		alice.do("looking again", chromedp.Navigate(home))
		alice.see("[data-booking]")
		alice.shoot("a-rooms-" + look)
		alice.do("looking at the login page", chromedp.Navigate(home+"/.ones/login"))
		alice.see("#login-contoso")
		alice.shoot("b-login-" + look)
	}

	// She is an admin, and connects a room with its own account.
	connect := newBrowser(t)
	connect.signIn(home, "alice", "Alice Chan")
	connect.click("#your-account")
	connect.see(`main[data-kind="account"]`)
	connect.shoot("c-account")
	connect.click(`a[href="/.ones/rooms/boardroom/connect"]`)
	connect.see("#connect")
	connect.shoot("c-room")
	connect.click("#connect")
	connect.see("#account-carol")
	connect.click("#account-carol")
	connect.see("#refused")
	connect.shoot("c-room-refused")
	connect.click("#connect")
	connect.see("#account-boardroom")
	connect.click("#account-boardroom")
	connect.see("#disconnect")
	connect.shoot("c-room-connected")

	alice.do("signing out", chromedp.Navigate(home+"/.ones/logout"))
	alice.see("#logout-confirm")
	alice.shoot("c-logout")
	alice.click("#logout-confirm")
	alice.see(`main[data-kind="signed_out"]`)
	alice.shoot("d-signed-out")
	alice.do("coming back", chromedp.Navigate(home))
	alice.see("#sign-in")

	if status := p.stop(); status != 0 {
		t.Errorf("the demo ended with %d:\n%s", status, p.errors())
	}
}
