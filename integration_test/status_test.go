package integration_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// An operator connects a room from the page that shows how the gateway stands, sees it
// there, and takes it away again. Nobody else sees the page, and no page tells a secret, or
// what somebody's meeting is about.
func TestStatusPage(t *testing.T) {
	w := paged(t, func(c *m365.Config) {
		tenant := &c.Tenants[0]
		app := &tenant.Apps[0]
		app.RedirectURIs = append(app.RedirectURIs, strings.Replace(app.RedirectURIs[0], "/.ones/callback", "/.ones/rooms/callback", 1))
		tenant.Rooms[0].Account = "0b1ec700-0000-4000-8000-00000000b0a2"
	})
	w.write(map[string]any{"Auth": "admins contoso/role:Ones.Admin"})
	p := w.gateway()

	other := newVisitor(t, w.home)
	other.signIn(bob)
	for _, path := range []string{"/.ones/status", "/.ones/status/people"} {
		if a := other.page(path); a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, `data-kind="not_admin"`) {
			t.Errorf("bob sees %s: %d %s", path, a.StatusCode, a.body)
		}
	}
	if a := w.serve(http.MethodPost, "/v1/bookings", meeting("harbour", 2, 10), "Ones-Act-As", bob, "Prefer", "wait=30"); a.StatusCode != http.StatusCreated {
		t.Fatalf("booking: %d %s", a.StatusCode, a.body)
	}

	b := newBrowser(t)
	b.signsIn(w.home)
	b.goes(w.home + "/.ones/account")
	b.click("#status")
	b.see(`main[data-kind="status"]`)
	b.says("#integrations", "contoso\nworks")
	b.says("#redirects-title + p + dl", w.home+"/.ones/rooms/callback")
	b.says("#rooms", "Boardroom\nnot connected")
	b.click(`#rooms form[action="/.ones/rooms/boardroom/connect"] button`) // the page's policy lets the form go to Microsoft
	b.click("#account-boardroom")
	b.see(`main[data-kind="room"]`)
	b.says("#account", boardroom)
	b.goes(w.home + "/.ones/status")
	b.says("#rooms", "Boardroom\nconnected")
	b.says("#problems", "Nothing, as far as this gateway knows.")
	b.shoot("g-status-light")
	b.dark(true)
	b.shoot("g-status-dark")
	b.phone()
	b.shoot("g-status-phone")

	// It is live: what happens is seen without loading the page anew.
	b.do("marking the page", chromedp.Evaluate[chromedp.Void](`document.body.dataset.mark = "same"`))
	other.send(other.request(http.MethodPost, "/.ones/account/disconnect", "", "Origin", w.home, "Content-Type", "application/x-www-form-urlencoded"))
	b.says("#integrations", "disconnected")
	b.see(`body[data-mark="same"]`)

	b.press(`#rooms form[action="/.ones/rooms/boardroom/disconnect"] button`)
	b.at(w.home + "/.ones/status#rooms")
	b.says("#rooms", "Boardroom\nnot connected")
	b.goes(w.home + "/.ones/status/people")
	b.do("looking for bob", chromedp.SendKeys(chromedp.CSS("#search"), "BOB@"))
	b.click(".search button")
	b.says("#people", bob)
	for deadline := time.Now().Add(patience); strings.Contains(b.text("#people"), alice); { // the page from before has both
		if time.Now().After(deadline) {
			t.Fatalf("alice is found as well: %s", b.text("#people"))
		}
	}
	b.shoot("g-people-phone")

	admin := newVisitor(t, w.home)
	admin.signIn(alice)
	shown := admin.page("/.ones/status").body + admin.page("/.ones/status/people").body + w.admin("/ones/status") + w.succeeds(`(?s)contoso: works.*room +boardroom`, "status")
	for what, secret := range map[string]string{"the client secret": w.secret, "the service token": serviceToken, "a subject": "Quarterly review", "a token": "eyJ"} {
		if strings.Contains(shown, secret) {
			t.Errorf("%s is shown", what)
		}
	}
	p.stop()
	for _, line := range []string{`"msg":"people were shown to an admin"`, `"msg":"room disconnected"`, `"msg":"room connected"`, `"msg":"a page for admins was refused"`} {
		if !strings.Contains(p.errors(), line) {
			t.Errorf("the audit log lacks %s", line)
		}
	}
	if log := p.errors(); strings.Contains(log, "BOB@") || strings.Contains(log, "bob%40") {
		t.Errorf("who was looked for stands in the log: %s", log)
	}
}
