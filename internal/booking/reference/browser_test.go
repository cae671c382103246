package reference

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// axe-core, which integration_test's package.json pins.
const axeFile = "../../../integration_test/clients/node_modules/axe-core/axe.min.js"

// runAxe tells what axe finds wrong by the criteria of WCAG 2.2 at levels A and AA.
const runAxe = `axe.run(document, {
	runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations", "incomplete"], preload: false,
}).then(r => [...r.violations, ...r.incomplete].flatMap(v => v.nodes.map(n => v.id + ": " + n.target + ": " + n.failureSummary)))`

// In a browser, under its own policy, the page has its style, can be read by everybody,
// and is no wider than the window.
func TestInABrowser(t *testing.T) {
	axe, err := os.ReadFile(axeFile)
	if err != nil {
		t.Fatalf("axe-core is missing; make deps installs it: %v", err)
	}
	text, _ := written(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", Policy)
		_, _ = w.Write([]byte(text))
	}))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.NoSandbox, chromedp.DisableGPU)...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	// It is there in every page, past its policy: the page itself runs no script.
	if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: string(axe)}); err != nil {
		t.Fatal(err)
	}
	for scheme, paper := range map[string]string{"light": "rgb(245, 241, 234)", "dark": "rgb(18, 26, 24)"} {
		for _, width := range []int64{320, 1280} {
			name := scheme + "-" + strconv.FormatInt(width, 10)
			media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
			if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
				t.Fatal(err)
			}
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 800), chromedp.Navigate(srv.URL)); err != nil {
				t.Fatal(err)
			}
			eval := func(expression string) string {
				v, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			if got := eval(`getComputedStyle(document.body).backgroundColor`); got != paper {
				t.Errorf("%s: the paper is %s, want %s", name, got, paper)
			}
			if got := eval(`String(document.documentElement.scrollWidth)`); got != strconv.FormatInt(width, 10) {
				t.Errorf("%s: the page is %s wide", name, got)
			}
			if wrong := eval(runAxe + `.then(String)`); wrong != "" {
				t.Errorf("%s: %s", name, wrong)
			}
			if dir := os.Getenv("ONESGATE_SCREENSHOTS"); dir != "" {
				png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "reference-"+name+".png"), png, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
