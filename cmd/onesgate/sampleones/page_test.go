package sampleones

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser starts a headless Chromium, which the test ends. Without one installed
// the test is skipped.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium on this machine")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// A page is the sample opened in a tab of its own, in front of its own API.
type page struct {
	t   *testing.T
	ctx context.Context
	api *fakeAPI
	url string
	mu  sync.Mutex
	log []string // what the console said
}

func open(t *testing.T, browser context.Context, identity http.Header, prepare func(*fakeAPI)) *page {
	t.Helper()
	p := &page{t: t, api: &fakeAPI{now: time.Now, bookings: []map[string]any{}}}
	if prepare != nil {
		prepare(p.api)
	}
	srv := httptest.NewServer(behindGateway(New(Options{}), p.api.handler(), identity))
	t.Cleanup(srv.Close)
	p.url = srv.URL
	ctx, cancel := chromedp.NewContext(browser)
	var done sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		done.Wait()
		for _, line := range p.log {
			if strings.Contains(line, "exception") || strings.Contains(line, "Content Security Policy") {
				t.Errorf("console: %s", line)
			}
		}
	})
	p.ctx = ctx
	messages := chromedp.Console(ctx)
	done.Go(func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			p.mu.Lock()
			p.log = append(p.log, fmt.Sprintf("%s: %s", m.Type, m.Text))
			p.mu.Unlock()
		}
	})
	p.do(chromedp.Navigate(srv.URL + "/"))
	return p
}

func (p *page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// see waits until something that matches the selector is visible.
func (p *page) see(selector string) {
	p.t.Helper()
	p.await(selector, chromedp.NodeVisible)
}

func (p *page) await(selector string, state chromedp.QueryOption) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 15*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Query(chromedp.CSS(selector), state)); err != nil {
		p.t.Fatalf("never saw %s: %v", selector, err)
	}
}

func (p *page) click(selector string) {
	p.t.Helper()
	p.see(selector)
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// press clicks what may be drawn anew at any moment: it is found and clicked in one step.
func (p *page) press(selector string) {
	p.t.Helper()
	p.see(selector)
	evaluate[any](p, fmt.Sprintf("document.querySelector(%q).click()", selector))
}

// saying waits until something says that.
func (p *page) saying(selector, words string) {
	p.t.Helper()
	p.until(fmt.Sprintf("[...document.querySelectorAll(%q)].some((e) => e.textContent.includes(%q))", selector, words))
}

// gone waits until nothing matches the selector.
func (p *page) gone(selector string) {
	p.t.Helper()
	p.until(fmt.Sprintf("!document.querySelector(%q)", selector))
}

func (p *page) until(condition string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 15*time.Second)
	defer cancel()
	wait := "new Promise((seen) => { const look = () => " + condition + " ? seen(true) : setTimeout(look, 20); look(); })"
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](wait, chromedp.EvalAwaitPromise)); err != nil {
		p.t.Fatalf("never became true: %s: %v\n%s", condition, err, p.text("main"))
	}
}

func (p *page) text(selector string) string {
	p.t.Helper()
	return evaluate[string](p, fmt.Sprintf("document.querySelector(%q).textContent", selector))
}

func evaluate[T any](p *page, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// fill writes into the booking form, for the boardroom tomorrow from 10 to 11. An
// empty subject is left out.
func (p *page) fill(subject string) (day string) {
	p.t.Helper()
	day = time.Now().In(time.FixedZone("HKT", 8*60*60)).AddDate(0, 0, 1).Format(time.DateOnly)
	p.await("#booking-form option[value=boardroom]", chromedp.NodeReady)
	// In the order a person would: the end follows when the start moves.
	for _, field := range []struct{ name, value string }{
		{"room", "boardroom"},
		{"subject", subject},
		{"date", day},
		{"start", "10:00"},
		{"end", "11:00"},
		{"attendees", "bob@contoso.com; carol@contoso.com"},
	} {
		if field.value != "" {
			p.do(chromedp.SetValue(chromedp.CSS("#booking-form [name="+field.name+"]"), field.value))
		}
	}
	return day
}
