package integration_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// tab opens another tab of the same window, which shares its cookies.
func (b *browser) tab() *browser {
	b.t.Helper()
	ctx, stop := chromedp.NewContext(b.ctx)
	b.t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		b.t.Fatal(err)
	}
	return &browser{t: b.t, ctx: ctx, dir: b.dir}
}

func (b *browser) goes(to string) {
	b.t.Helper()
	b.do("going to "+to, chromedp.Navigate(to))
}

// at waits until the tab is at an address.
func (b *browser) at(address string) {
	b.t.Helper()
	where := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		where, _ = chromedp.Run(b.ctx, chromedp.Location())
		if where == address {
			return
		}
	}
	text, _ := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("body")))
	b.t.Fatalf("the tab is at %s, want %s:\n%s", where, address, text)
}

// titled waits until the page has a title.
func (b *browser) titled(want string) {
	b.t.Helper()
	got := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if got, _ = chromedp.Run(b.ctx, chromedp.Title()); got == want {
			return
		}
	}
	b.t.Fatalf("the page is called %q, want %q", got, want)
}

// paged has ONES answer with pages, one of which holds a WebSocket open.
func paged(t *testing.T, change ...func(*m365.Config)) *world {
	t.Helper()
	w := newWorld(t, change...)
	liveONES(w)
	live := w.ones.Config.Handler
	w.ones.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/socket", "/events":
			live.ServeHTTP(rw, r)
		case "/live":
			rw.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(rw, `<title>opening</title><script>
				const s = new WebSocket("ws://" + location.host + "/socket")
				s.onopen = () => { document.title = "open" }
				s.onclose = () => { document.title = "closed" }
			</script>`)
		default:
			rw.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(rw, `<title>ONES</title><p id="who">%s</p><a id="out" href="/.ones/logout">out</a>`, r.Header.Get("X-Ones-User-Email"))
		}
	})
	return w
}

// signsIn chooses an account at Microsoft.
func (b *browser) signsIn(home string) {
	b.t.Helper()
	b.goes(home)
	b.click("#login-contoso")
	b.click("#account-alice")
	b.see("#who")
}

// What people do with a browser leads them on, always.
func TestBrowser(t *testing.T) {
	w := paged(t)
	w.write(nil)
	w.gateway()
	first := newBrowser(t)

	t.Run("parallel tabs", func(t *testing.T) {
		one := first.private()
		tabs := []*browser{one, one.tab(), one.tab(), one.tab()}
		for i, tab := range tabs {
			tab.goes(fmt.Sprintf("%s/rooms/%d", w.home, i))
			tab.click("#login-contoso")
			tab.see("#account-alice")
		}
		for i := len(tabs) - 1; i >= 0; i-- { // each where it was, whichever comes first
			tabs[i].click("#account-alice")
			tabs[i].at(fmt.Sprintf("%s/rooms/%d", w.home, i))
		}
	})

	t.Run("back button", func(t *testing.T) {
		b := first.private()
		b.signsIn(w.home)
		b.do("going back", chromedp.NavigateBack())
		b.see("#account-alice")
		b.click("#account-alice") // the attempt is used up, and they are signed in
		b.at(w.home + "/")
		b.see("#who")
	})

	t.Run("double click", func(t *testing.T) {
		b := first.private()
		b.goes(w.home)
		b.do("clicking twice", chromedp.DoubleClick(chromedp.CSS("#login-contoso")))
		b.see("#account-alice")
		b.do("clicking twice", chromedp.DoubleClick(chromedp.CSS("#account-alice")))
		b.at(w.home + "/")
		b.see("#who")
	})

	t.Run("expired attempt", func(t *testing.T) {
		b := first.private()
		b.goes(w.home + "/rooms")
		b.click("#login-contoso")
		b.see("#account-alice")
		if _, err := chromedp.Call(b.ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
			t.Fatal(err)
		}
		b.click("#account-alice")
		b.see(`main[data-kind="no_cookies"]`)
		b.click("main a.button") // and on
		b.click("#login-contoso")
		b.click("#account-alice")
		b.see("#who")
	})

	t.Run("WebSocket through a sign-out", func(t *testing.T) {
		b := first.private()
		b.signsIn(w.home)
		live := b.tab()
		live.goes(w.home + "/live")
		live.titled("open")
		b.goes(w.home + "/.ones/logout")
		b.click("#logout-confirm")
		b.see(`main[data-kind="signed_out"]`)
		live.titled("closed")
	})

	t.Run("account page", func(t *testing.T) {
		b := first.private()
		b.signsIn(w.home)
		other := first.private()
		other.signsIn(w.home)
		b.goes(w.home + "/.ones/account")
		b.shoot("e-account")
		end := `form[action="/.ones/account/end"] button`
		which, err := chromedp.Run(b.ctx, chromedp.AttributeValue(chromedp.CSS(end), "value"))
		if err != nil {
			t.Fatal(err)
		}
		b.click(end)
		// The page comes again: only a session that is missing tells that it has come.
		b.do("seeing that it is gone", chromedp.WaitNotPresent(chromedp.CSS(fmt.Sprintf("button[value=%q]", which.Value))))
		b.click("#end-others") // there are those of the other stories, too
		b.do("seeing that they are gone", chromedp.WaitNotPresent(chromedp.CSS("#end-others")))
		other.goes(w.home)
		other.see("#login-contoso")
		b.click(`a[href="/.ones/account/disconnect"]`)
		b.see(`main[data-kind="disconnect"]`)
		b.shoot("f-disconnect")
		b.click(`form[action="/.ones/account/disconnect"] button`)
		b.see(`main[data-kind="signed_out"]`)
	})

	t.Run("inside another site's page", func(t *testing.T) {
		other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(rw, `<title>evil</title><iframe id="f" src="%s/.ones/login"></iframe>`, w.home)
		}))
		defer other.Close()
		b := first.private()
		b.goes(strings.Replace(other.URL, "127.0.0.1", "localhost", 1)) // another origin, the same process: its frames can be seen
		tree, err := chromedp.Call(b.ctx, page.GetFrameTree, cdp.Empty{})
		if err != nil {
			t.Fatal(err)
		}
		if frames := tree.FrameTree.ChildFrames; len(frames) != 1 || !strings.HasPrefix(frames[0].Frame.URL, "chrome-error://") {
			t.Errorf("the login page is shown in another site's frame: %+v", frames)
		}
	})
}

// Third-party cookies are blocked by most browsers: a sign-out at Microsoft, whose
// page has ours in a hidden frame, ends the session all the same.
func TestBrowserWithoutThirdPartyCookies(t *testing.T) {
	w := paged(t, frontchannel, func(c *m365.Config) { c.AccountChooser = "" })
	w.write(nil)
	w.gateway()
	b := newBrowser(t, chromedp.Flag("test-third-party-cookie-phaseout", true))
	b.signsIn(w.home)
	out := b.tab()
	out.goes(strings.TrimSuffix(w.issuer, "/v2.0") + "/oauth2/v2.0/logout")
	b.goes(w.home + "/rooms")
	b.see("#login-contoso")
}
