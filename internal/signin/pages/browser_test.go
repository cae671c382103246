package pages

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// axe-core, which integration_test's package.json pins.
const axeFile = "../../../integration_test/clients/node_modules/axe-core/axe.min.js"

// runAxe tells what axe finds wrong, or can't judge, by the criteria of WCAG 2.2 at
// levels A and AA.
const runAxe = `axe.run(document, {
	runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations", "incomplete"], preload: false,
}).then(r => [...r.violations, ...r.incomplete].flatMap(v => v.nodes.map(n => v.id + ": " + n.target + ": " + n.failureSummary)))`

// A window is a tab of a real Chromium, in front of a server of pages.
type window struct {
	t   *testing.T
	ctx context.Context
	url string
}

func openWindow(t *testing.T, handler http.Handler) *window {
	t.Helper()
	axe, err := os.ReadFile(axeFile)
	if err != nil {
		t.Fatalf("axe-core is missing; make deps installs it: %v", err)
	}
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.NoSandbox, chromedp.DisableGPU)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	// It is there in every page, past its policy: pages themselves run no script.
	if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: string(axe)}); err != nil {
		t.Fatal(err)
	}
	return &window{t, ctx, srv.URL}
}

func (w *window) do(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	if err := chromedp.Do(w.ctx, steps...); err != nil {
		w.t.Fatal(err)
	}
}

// eval evaluates an expression, or awaits what it promises.
func eval[T any](w *window, expression string) T {
	w.t.Helper()
	v, err := chromedp.Run(w.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// look sets what the page is shown on. Motion is reduced, so no colour is caught
// half-way.
func (w *window) look(width int64, features ...*emulation.MediaFeature) {
	w.t.Helper()
	features = append(features, &emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"})
	if _, err := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		w.t.Fatal(err)
	}
	if width < 640 {
		w.do(chromedp.EmulateViewport(width, 800, chromedp.EmulateScale(2), chromedp.EmulateMobile))
	} else {
		w.do(chromedp.EmulateViewport(width, 900))
	}
}

func scheme(value string) *emulation.MediaFeature {
	return &emulation.MediaFeature{Name: "prefers-color-scheme", Value: value}
}

// shoot takes a picture if somebody wants to look at it.
func (w *window) shoot(name string) {
	w.t.Helper()
	dir := os.Getenv("ONESGATE_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(w.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "pages-"+name+".png"), png, 0o644)
	}
	if err != nil {
		w.t.Error(err)
	}
}

// samples are all templates, filled as they are in life, by name.
func samples(r *Renderer) map[string]http.HandlerFunc {
	buttons := []Button{
		{Name: "contoso", Label: "Sign in with Microsoft 365", URL: "/.ones/login/contoso"},
		{Name: "fabrikam", Label: "Fabrikam staff", URL: "/.ones/login/fabrikam", Last: true},
		{Name: "tailspin", Label: "使用 Microsoft 365 登入", URL: "/.ones/login/tailspin"},
	}
	admin := account(NeedsConsent)
	admin.Admin = true
	admin.Rooms = append(admin.Rooms, AccountRoom{"Harbour 海港廳", Connected, "/.ones/rooms/harbour/connect"})
	room := Room{
		Title: "Boardroom 董事會議室", Address: "boardroom@contoso.onmicrosoft.com", Connection: NotConnected,
		ConnectAction: "/.ones/rooms/boardroom/connect", DisconnectAction: "/.ones/rooms/boardroom/disconnect", BackURL: "/.ones/account",
	}
	connected := room
	connected.Connection, connected.Account, connected.Connected = Connected, "rooms-service@contoso.onmicrosoft.com", noon
	refused := connected
	refused.Connection, refused.Refused = NeedsSignIn, "alice@contoso.com"
	consent := ConsentHelp{
		AdminURL: "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0/adminconsent?client_id=99999999-8888-7777-6666-555555555555" +
			"&redirect_uri=https%3A%2F%2Fones.contoso.com%2F.ones%2Fcallback&scope=openid+offline_access+Calendars.ReadWrite.Shared&state=x",
		Application: "99999999-8888-7777-6666-555555555555", Tenant: "11111111-2222-3333-4444-555555555555",
		Permissions: []string{"openid", "offline_access", "Calendars.ReadWrite.Shared", "GroupMember.Read.All"},
		Detail:      "AADSTS65001", Reference: "4bf92f35-77b3-4da6-a3ce-929d0e0e4736", Time: noon,
		TryAgainURL: "/.ones/login/contoso", OtherAccountURL: "/.ones/login/contoso?prompt=select_account",
	}
	draws := map[string]http.HandlerFunc{
		"login":         func(w http.ResponseWriter, req *http.Request) { r.Login(w, req, Login{Buttons: buttons[:1]}) },
		"login-last":    func(w http.ResponseWriter, req *http.Request) { r.Login(w, req, Login{buttons, ConnectionEnded}) },
		"login-none":    func(w http.ResponseWriter, req *http.Request) { r.Login(w, req, Login{Notice: JustSignedOut}) },
		"account":       func(w http.ResponseWriter, req *http.Request) { r.Account(w, req, account(Connected)) },
		"account-admin": func(w http.ResponseWriter, req *http.Request) { r.Account(w, req, admin) },
		"logout": func(w http.ResponseWriter, req *http.Request) {
			r.Logout(w, req, Logout{Name: "Alice Chan 陳", Email: "alice@contoso.com", Action: "/.ones/logout"})
		},
		"disconnect": func(w http.ResponseWriter, req *http.Request) {
			r.Disconnect(w, req, Disconnect{Name: "Alice Chan 陳", Email: "alice@contoso.com", Action: "/.ones/account/disconnect", BackURL: "/.ones/account"})
		},
		"consent":        func(w http.ResponseWriter, req *http.Request) { r.ConsentHelp(w, req, consent) },
		"room":           func(w http.ResponseWriter, req *http.Request) { r.Room(w, req, room) },
		"room-connected": func(w http.ResponseWriter, req *http.Request) { r.Room(w, req, connected) },
		"room-refused":   func(w http.ResponseWriter, req *http.Request) { r.Room(w, req, refused) },
		"status":         func(w http.ResponseWriter, req *http.Request) { r.Status(w, req, busy()) },
		"status-quiet":   func(w http.ResponseWriter, req *http.Request) { r.Status(w, req, quiet()) },
		"people":         func(w http.ResponseWriter, req *http.Request) { r.People(w, req, somebody()) },
		"bookings":       func(w http.ResponseWriter, req *http.Request) { r.Bookings(w, req, waiting()) },
		"booking":        func(w http.ResponseWriter, req *http.Request) { r.Journal(w, req, tried()) },
	}
	for k := range numKinds {
		draws["message-"+kinds[k].name] = func(w http.ResponseWriter, req *http.Request) {
			r.Message(w, req, Message{
				Kind: k, Detail: "AADSTS90002", Reference: "4bf92f35-77b3-4da6-a3ce-929d0e0e4736",
				Correlation: "8e8b2d6c-4b52-4c5a-9d2b-6f0a8f4f7c11", Time: noon,
				Actions: []Action{{ActionTryAgain, "/.ones/login"}, {ActionOtherAccount, "/.ones/login/contoso?prompt=select_account"}},
			})
		}
	}
	return draws
}

// operatorsPages are those that are in English only.
var operatorsPages = []string{"status", "status-quiet", "people", "bookings", "booking"}

// serve shows samples at /lang/name.
func serve(r *Renderer, draws map[string]http.HandlerFunc) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(StylePath, r.ServeStyle)
	mux.HandleFunc(MarkPath, r.ServeMark)
	mux.HandleFunc(LogoPath, r.ServeLogo)
	mux.HandleFunc(StatusStylePath, r.ServeStatusStyle)
	mux.HandleFunc(StatusScriptPath, r.ServeStatusScript)
	mux.HandleFunc("/{lang}/{name}", func(w http.ResponseWriter, req *http.Request) {
		req.Header.Set("Accept-Language", req.PathValue("lang"))
		draws[req.PathValue("name")](w, req)
	})
	return mux
}

// Every page in each language, every kind of message in English; light and dark, desktop
// and phone (in all four pairs where a page differs by more than its words, or somebody
// wants pictures). axe-core finds nothing wrong by WCAG 2.2 AA, nothing is wider than a phone
// of 320 px (1.4.10), also with text twice as large (1.4.4), and the Tab key reaches each
// link and button, in order and visibly (2.1.1, 2.4.3, 2.4.7).
func TestAccessibility(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	draws := samples(renderer)
	w := openWindow(t, serve(renderer, draws))
	const longest = "message-groups_not_told"
	pictures := os.Getenv("ONESGATE_SCREENSHOTS") != ""
	for _, lang := range langs {
		for _, name := range slices.Sorted(maps.Keys(draws)) {
			isMessage := strings.HasPrefix(name, "message-")
			if isMessage && name != longest && lang != English {
				continue // the same template and other words
			}
			if slices.Contains(operatorsPages, name) && lang != English {
				continue // it has no other words
			}
			t.Run(string(lang)+"/"+name, func(t *testing.T) {
				w := &window{t, w.ctx, w.url}
				w.do(chromedp.Navigate(fmt.Sprintf("%s/%s/%s", w.url, lang, name)))
				for _, look := range []struct {
					width   int64
					colours string
				}{{1280, "light"}, {320, "dark"}, {1280, "dark"}, {320, "light"}} {
					same := lang != English || isMessage && name != longest
					if same && !pictures && (look.width == 320) != (look.colours == "dark") {
						continue
					}
					w.look(look.width, scheme(look.colours))
					w.judge(look.colours, look.width)
					w.shoot(fmt.Sprintf("%s-%s-%s-%d", name, lang, look.colours, look.width))
				}
				w.look(320)
				if wide := eval[int](w, "document.documentElement.scrollWidth"); wide > 320 {
					t.Errorf("the page is %d px wide on a phone of 320", wide)
				}
				w.look(640)
				if wide := eval[int](w, "document.documentElement.style.fontSize = '200%', document.documentElement.scrollWidth"); wide > 640 {
					t.Errorf("with text twice as large the page is %d px wide in a window of 640", wide)
				}
				w.tabThrough()
			})
		}
	}
}

// judge has axe look at the page.
func (w *window) judge(look ...any) {
	w.t.Helper()
	for _, wrong := range eval[[]string](w, runAxe) {
		w.t.Errorf("%v: %s", look, wrong)
	}
}

// Operators like all kinds of colours.
func TestAccessibilityOfTheme(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	logo, err := NewLogo([]byte(svgLogo))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	w := openWindow(t, mux)
	for _, color := range []string{"#0b5fff", "#ffd400", "#d4145a", "#ffffff", "#000000"} {
		c, err := ParseColor(color)
		if err != nil {
			t.Fatal(err)
		}
		r := NewRenderer(Theme{logo, c})
		// The stylesheet has one address, so each colour is a host of its own.
		host := fmt.Sprintf("c%s.localhost", color[1:])
		mux.Handle(host+"/", serve(r, samples(r)))
		for _, name := range []string{"login-last", "account-admin"} {
			w.do(chromedp.Navigate(strings.Replace(w.url, "127.0.0.1", host, 1) + "/en/" + name))
			if shown := eval[int](w, `document.querySelector("img.logo").naturalWidth`); shown == 0 {
				t.Errorf("%s: the logo is not shown", color)
			}
			for _, colours := range []string{"light", "dark"} {
				w.look(1280, scheme(colours))
				w.judge(color, name, colours)
				w.shoot(fmt.Sprintf("theme-%s-%s-%s", color[1:], name, colours))
			}
		}
	}
}

// describe is how a script names the element that has the focus, or another one.
const describe = `(e => e.tagName + "#" + e.id + " " + (e.getAttribute("href") || e.value || ""))`

func (w *window) tabThrough() {
	w.t.Helper()
	want := eval[[]string](w, `[...document.querySelectorAll("a, button, input, select")].filter(e => e.checkVisibility() && e.type != "hidden").map(`+describe+`)`)
	var got []string
	for range want {
		w.do(chromedp.KeyEvent(kb.Tab))
		focused := eval[[2]string](w, `[`+describe+`(document.activeElement), getComputedStyle(document.activeElement).outline]`)
		got = append(got, focused[0])
		if !strings.Contains(focused[1], "solid 3px") {
			w.t.Errorf("%s has the focus and shows it by %q", focused[0], focused[1])
		}
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("the Tab key goes %q,\nwant %q", got, want)
	}
}

// In the colours of the system a button still looks like one.
func TestForcedColors(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	draws := samples(renderer)
	w := openWindow(t, serve(renderer, draws))
	for _, name := range []string{"login-last", "account-admin", "room-refused", "message-not_found"} {
		w.do(chromedp.Navigate(w.url + "/en/" + name))
		w.look(1280, &emulation.MediaFeature{Name: "forced-colors", Value: "active"})
		borderless := eval[[]string](w, `[...document.querySelectorAll(".button")].filter(b => {
			const s = getComputedStyle(b);
			return s.borderStyle != "solid" || s.borderTopColor == s.backgroundColor || s.borderTopColor == getComputedStyle(document.body).backgroundColor;
		}).map(`+describe+`)`)
		if len(borderless) > 0 {
			t.Errorf("%s: no border is seen around %q", name, borderless)
		}
		w.shoot(name + "-forced-colors")
	}
}
