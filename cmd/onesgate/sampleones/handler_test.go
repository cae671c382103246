package sampleones

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var testNow = time.Date(2026, time.December, 1, 2, 0, 0, 0, time.UTC)

// get asks the sample for a page with the given headers.
func get(t *testing.T, path string, h http.Header) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, path, nil)
	for name, values := range h {
		req.Header[name] = values
	}
	rec := httptest.NewRecorder()
	New(Options{Now: func() time.Time { return testNow }}).ServeHTTP(rec, req)
	return rec
}

func alice() http.Header {
	return http.Header{
		"X-Ones-User-Id":     {"8f1a.sub-alice"},
		"X-Ones-User-Email":  {"alice@contoso.com"},
		"X-Ones-User-Name":   {"Alice Chan %E9%99%B3"},
		"X-Ones-User-Groups": {"staff,Marketing%2C Asia"},
		"X-Ones-Card-Number": {"004217"},
		"X-Ones-Connection":  {"connected"},
	}
}

func TestHome(t *testing.T) {
	for _, tt := range []struct {
		name     string
		header   http.Header
		want     []string
		unwanted []string
	}{
		{
			"anonymous", nil,
			[]string{`id="sign-in" href="/.ones/login?return_to=/"`, `<p id="received-headers">`},
			[]string{`id="greeting"`, `id="sign-out"`, `id="booking-form"`},
		},
		{
			"signed in", alice(),
			[]string{
				`<h1 id="greeting">Hello, Alice Chan 陳</h1>`, `id="user-email">alice@contoso.com<`,
				`<span class="tag">staff</span> <span class="tag">Marketing, Asia</span>`, `id="user-card">004217<`,
				`data-connection="connected">Connected<`, `id="sign-out" href="/.ones/logout"`, `id="your-account" href="/.ones/account"`,
				`<table id="received-headers">`, `id="booking-form"`, `id="book"`, `id="booking-status"`, `id="clash"`,
				`name="room"`, `name="subject"`, `name="date"`, `name="start"`, `name="end"`, `name="attendees"`, `name="private"`,
			},
			[]string{`id="sign-in"`, `id="trouble"`},
		},
		{
			"without name and mail",
			http.Header{"X-Ones-User-Id": {"t.s"}},
			[]string{"Hello, colleague", `id="user-email">not known<`, `id="user-groups">none<`, `id="user-card">none<`},
			[]string{`id="sign-in"`},
		},
		{
			"connection ended",
			http.Header{"X-Ones-User-Id": {"t.s"}, "X-Ones-Connection": {"needs_sign_in"}},
			[]string{`id="trouble"`, `<a href="/.ones/login?return_to=/">Sign in again</a>`},
			nil,
		},
		{
			"a name without a user id is nobody",
			http.Header{"X-Ones-User-Name": {"Alice"}},
			[]string{`id="sign-in"`, `<table id="received-headers">`},
			[]string{`id="greeting"`},
		},
		{
			"an id that can't be decoded is nobody",
			http.Header{"X-Ones-User-Id": {"%zz"}},
			[]string{`id="sign-in"`},
			[]string{`id="greeting"`},
		},
		{
			"headers under other names",
			http.Header{"X-Forwarded-User": {"alice"}, "X-One": {"x"}},
			[]string{`id="sign-in"`, `<p id="received-headers">`},
			[]string{"X-Forwarded-User"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := get(t, "/", tt.header)
			if rec.Code != http.StatusOK {
				t.Errorf("status = %d, want 200", rec.Code)
			}
			if got := rec.Header().Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control = %q, want no-store", got)
			}
			body := rec.Body.String()
			for _, s := range tt.want {
				if !strings.Contains(body, s) {
					t.Errorf("%s is not in the page", s)
				}
			}
			for _, s := range tt.unwanted {
				if strings.Contains(body, s) {
					t.Errorf("%s is in the page", s)
				}
			}
		})
	}
}

func TestHostileHeaders(t *testing.T) {
	const hostile = `"><script>alert(1)</script>`
	h := http.Header{}
	for name := range alice() {
		h.Set(name, hostile)
	}
	h.Set("X-Ones-Assertion", hostile)
	h.Set("X-Ones-"+"Script", hostile)
	body := get(t, "/", h).Body.String()
	if strings.Contains(body, "<script>") || !strings.Contains(body, "&lt;script&gt;") {
		t.Error("a header's value is not escaped, or not shown at all")
	}
	if strings.Contains(body, " style=") || strings.Contains(body, " onclick=") {
		t.Error("the page holds what its own policy blocks")
	}
}

func TestEveryAnswerIsSafe(t *testing.T) {
	for path, want := range map[string]struct {
		status      int
		contentType string
	}{
		"/":                 {http.StatusOK, "text/html; charset=utf-8"},
		"/display/10":       {http.StatusNotFound, "text/html; charset=utf-8"},
		"/assets/nothing":   {http.StatusNotFound, "text/html; charset=utf-8"},
		"/assets/style.css": {http.StatusOK, "text/css; charset=utf-8"},
		"/assets/app.js":    {http.StatusOK, "text/javascript; charset=utf-8"},
		"/assets/mark.svg":  {http.StatusOK, "image/svg+xml"},
	} {
		t.Run(path, func(t *testing.T) {
			rec := get(t, path, nil)
			if rec.Code != want.status {
				t.Errorf("status = %d, want %d", rec.Code, want.status)
			}
			for name, value := range map[string]string{
				"Content-Type": want.contentType, "Content-Security-Policy": policy,
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			} {
				if got := rec.Header().Get(name); got != value {
					t.Errorf("%s = %q, want %q", name, got, value)
				}
			}
		})
	}
}

func TestAssetNotModified(t *testing.T) {
	etag := get(t, "/assets/app.js", nil).Header().Get("ETag")
	if etag == "" {
		t.Fatal("no ETag")
	}
	if got := get(t, "/assets/app.js", http.Header{"If-None-Match": {etag}}).Code; got != http.StatusNotModified {
		t.Errorf("status with its ETag = %d, want 304", got)
	}
	if got := get(t, "/assets/style.css", http.Header{"If-None-Match": {etag}}).Code; got != http.StatusOK {
		t.Errorf("status with another's ETag = %d, want 200", got)
	}
}

func TestOtherMethods(t *testing.T) {
	rec := httptest.NewRecorder()
	New(Options{}).ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/", nil))
	if rec.Code != http.StatusMethodNotAllowed {
		t.Errorf("status = %d, want 405", rec.Code)
	}
}
