package pages

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/onesgate/onesgate/internal/status"
)

// until waits for a condition of the page.
func (w *window) until(condition string) {
	w.t.Helper()
	if !eval[bool](w, `new Promise((done, failed) => {
		const end = Date.now() + 20000;
		const look = () => { if (`+condition+`) done(true); else if (Date.now() > end) done(false); else setTimeout(look, 20); };
		look();
	})`) {
		w.t.Fatalf("it never came to %s; the page says %s", condition, eval[string](w, "document.body.innerText"))
	}
}

// A gateway in trouble gets well while somebody looks at its page: each part of it
// follows, except where they are just then, and nothing is against the page's policy.
func TestStatusIsLive(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	var stage atomic.Int32
	mux := http.NewServeMux()
	mux.Handle("/", serve(renderer, nil))
	mux.HandleFunc(StatusPath, func(w http.ResponseWriter, req *http.Request) {
		shown := busy()
		switch stage.Load() {
		case 1:
			shown.Picture.Own = nil
		case 2:
			shown.Picture.Rooms[0].Title = "Another name"
			shown.Picture.Own = append(shown.Picture.Own, status.Problem{What: "one more", Whose: status.Operator, Do: "nothing"})
		case 3:
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		case 4:
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		renderer.Status(w, req, shown)
	})
	w := openWindow(t, mux)
	if _, err := chromedp.Call(w.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `window.violations = []; document.addEventListener("securitypolicyviolation", e => violations.push(e.violatedDirective + " " + e.blockedURI));`,
	}); err != nil {
		t.Fatal(err)
	}
	w.look(1280)
	w.do(chromedp.Navigate(w.url + StatusPath))
	const refresh = `for (const i of [1, 2]) document.getElementById("pause").click()` // pause, and go on at once
	w.until(`!document.getElementById("live").hidden`)
	if hidden := eval[int](w, `document.querySelectorAll("[data-copy][hidden]").length`); hidden != 0 {
		t.Errorf("%d buttons to copy stay hidden", hidden)
	}

	stage.Store(1)
	eval[any](w, refresh)
	w.until(`document.getElementById("problems").dataset.count === "3" && document.getElementById("tiles").innerText.startsWith("3")`)
	w.until(`document.getElementById("said").textContent === "3 problems now."`)

	eval[any](w, `document.querySelector("#rooms button").focus()`)
	stage.Store(2)
	eval[any](w, refresh)
	w.until(`document.getElementById("problems").dataset.count === "5"`)
	if eval[bool](w, `document.getElementById("rooms").textContent.includes("Another name")`) || !eval[bool](w, `document.activeElement.matches("#rooms button")`) {
		t.Error("the part that somebody is at was taken away from them")
	}
	eval[any](w, `document.activeElement.blur()`)
	eval[any](w, refresh)
	w.until(`document.getElementById("rooms").textContent.includes("Another name")`)

	eval[any](w, `document.querySelector("#integrations [data-copy]").click()`)
	w.until(`/Copied|Marked/.test(document.getElementById("said").textContent)`)
	link := busy().Picture.Integrations[0].ConsentURL
	if eval[string](w, `document.getElementById("said").textContent`) != "Copied." && eval[string](w, `getSelection().toString()`) != link {
		t.Errorf("neither copied nor marked: %q", eval[string](w, `getSelection().toString()`))
	}

	eval[any](w, `document.getElementById("pause").click()`)
	if got := eval[string](w, `document.getElementById("live").innerText`); !strings.Contains(got, "Paused.") || !strings.Contains(got, "Go on") {
		t.Errorf("while it is paused: %q", got)
	}
	stage.Store(3)
	eval[any](w, `document.getElementById("pause").click()`)
	w.until(`document.getElementById("live-says").textContent.includes("no answer")`)
	stage.Store(4)
	eval[any](w, refresh)
	w.until(`document.getElementById("live-says").textContent.includes("your session has ended") && document.getElementById("pause").hidden`)
	if got := eval[[]string](w, "violations"); len(got) > 0 {
		t.Errorf("against the policy: %q", got)
	}

	stage.Store(0)
	if _, err := chromedp.Call(w.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	w.do(chromedp.Navigate(w.url + StatusPath))
	if shown := eval[int](w, `[...document.querySelectorAll("[data-copy], #live")].filter(e => e.checkVisibility()).length`); shown != 0 {
		t.Errorf("without a script, %d things are shown that need one", shown)
	}
}
