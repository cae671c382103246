package integration_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// X7: where the corpus of return_to leads to, a real browser stays on the origin
// that it comes from. The unit test shows that the gateway answers as the corpus says.
func TestX7ReturnToInABrowser(t *testing.T) {
	text, err := os.ReadFile("../internal/signin/testdata/return_to.txt")
	if err != nil {
		t.Fatal(err)
	}
	var asked, led []string
	for line := range strings.SplitSeq(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatal(err)
		}
		to, err := strconv.Unquote(strings.TrimSpace(line[len(quoted):]))
		if err != nil {
			t.Fatal(err)
		}
		asked, led = append(asked, raw), append(led, to)
	}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<!doctype html><title>here</title>"))
	}))
	defer site.Close()
	b := newBrowser(t)
	b.do("opening a page", chromedp.Navigate(site.URL+"/.ones/callback"))

	// origins are what the browser makes of each: as a script, as a link and as a form.
	origins := func(paths []string) []string {
		t.Helper()
		list, err := json.Marshal(paths)
		if err != nil {
			t.Fatal(err)
		}
		found, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`(`+string(list)+`).map(to => {
			const a = document.createElement("a"), f = document.createElement("form")
			a.setAttribute("href", to)
			f.setAttribute("action", to)
			const origin = make => { try { return new URL(make()).origin } catch { return "none" } }
			const all = new Set([origin(() => new URL(to, location)), origin(() => a.href), origin(() => f.action)])
			return [...all].join(" ")
		})`))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != len(paths) {
			t.Fatalf("%d answers for %d paths", len(found), len(paths))
		}
		return found
	}
	for i, origin := range origins(led) {
		if origin != site.URL {
			t.Errorf("%.80q is led to %.80q, which is at %s", asked[i], led[i], origin)
		}
	}
	// The corpus has what leads away, or the above would prove nothing.
	away := 0
	for _, origin := range origins(asked) {
		if origin != site.URL {
			away++
		}
	}
	if away < 100 {
		t.Errorf("only %d of %d leave the origin as they stand", away, len(asked))
	}
}
