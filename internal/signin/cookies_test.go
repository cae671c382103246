package signin

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/seal"
)

func TestHideCookies(t *testing.T) {
	https := newCookies(&url.URL{Scheme: "https", Host: "ones.example"})
	tests := []struct {
		name  string
		lines []string
		want  []string
	}{
		{"ours alone", []string{"__Host-onesgate=abc"}, nil},
		{"ours among others", []string{"a=1; __Host-onesgate=abc; __Host-onesgate-login-x-y=z; b=2"}, []string{"a=1; b=2"}},
		{"two lines", []string{"a=1", "__Host-onesgate=abc; b=2"}, []string{"a=1; b=2"}},
		{"none of ours", []string{"a=1; b=2"}, []string{"a=1; b=2"}},
		{"a value that only mentions us", []string{"theme=onesgate"}, []string{"theme=onesgate"}},
		{"a name with a space", []string{"__Host-onesgate =abc; b=2"}, []string{"b=2"}},
		{"an empty pair", []string{"; __Host-onesgate=abc;;"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{"Cookie": tt.lines}
			https.hide(h)
			if got := h["Cookie"]; !slices.Equal(got, tt.want) {
				t.Errorf("Cookie = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTwoSessionCookiesAreNone(t *testing.T) {
	c := newCookies(&url.URL{Scheme: "https", Host: "ones.example"})
	r := &http.Request{Header: http.Header{"Cookie": {"__Host-onesgate=a; __Host-onesgate=b"}}}
	if got := c.sessionValue(r); got != "" {
		t.Errorf("sessionValue = %q, want none: one of the two was planted", got)
	}
}

// A return_to that fills the cookie must not make the sign-in impossible.
func TestLongReturnToStillSignsIn(t *testing.T) {
	keys, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c := newCookies(&url.URL{Scheme: "https", Host: "ones.example"})
	for back, want := range map[string]string{
		"/rooms?day=1":                    "/rooms?day=1",
		"/x?" + strings.Repeat("&", 500):  "/",
		"/x?" + strings.Repeat("a", 1000): "/x?" + strings.Repeat("a", 1000),
	} {
		a := attempt{State: "state", Nonce: "n", Verifier: strings.Repeat("v", 43), Integration: "contoso", ReturnTo: back, Expires: now.Add(attemptLife)}
		w := httptest.NewRecorder()
		if err := c.begin(w, httptest.NewRequest(http.MethodGet, "/", nil), keys, a); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/.ones/callback", nil)
		for _, cookie := range w.Result().Cookies() {
			r.AddCookie(cookie)
		}
		got, err := c.finish(httptest.NewRecorder(), r, keys, "state", now)
		if err != nil || got.ReturnTo != want {
			t.Errorf("%d bytes: back to %q, %v", len(back), got.ReturnTo, err)
		}
		if _, err := c.finish(httptest.NewRecorder(), r, keys, "another", now); err == nil {
			t.Error("an attempt serves another state")
		}
		if _, err := c.finish(httptest.NewRecorder(), r, keys, "state", now.Add(attemptLife)); err == nil {
			t.Error("an attempt serves for ever")
		}
	}
}

// At most five sign-ins are under way in one browser; the oldest goes.
func TestTooManyAttempts(t *testing.T) {
	keys, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	c := newCookies(&url.URL{Scheme: "https", Host: "ones.example"})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	began := time.Unix(1_800_000_000, 0)
	for i := range 7 {
		w := httptest.NewRecorder()
		a := attempt{State: fmt.Sprint("state", i), Expires: began.Add(time.Duration(i)*time.Second + attemptLife)}
		if err := c.begin(w, r, keys, a); err != nil {
			t.Fatal(err)
		}
		jar := map[string]*http.Cookie{}
		for _, cookie := range append(r.Cookies(), w.Result().Cookies()...) {
			if jar[cookie.Name] = cookie; cookie.MaxAge < 0 {
				delete(jar, cookie.Name)
			}
		}
		r = httptest.NewRequest(http.MethodGet, "/", nil)
		for _, cookie := range jar {
			r.AddCookie(cookie)
		}
	}
	if n := len(r.Cookies()); n != maxAttempts {
		t.Errorf("%d attempts are remembered, want %d", n, maxAttempts)
	}
	for i, want := range []bool{false, false, true, true, true, true, true} {
		_, err := c.finish(httptest.NewRecorder(), r, keys, fmt.Sprint("state", i), began.Add(time.Minute))
		if (err == nil) != want {
			t.Errorf("attempt %d: %v, want it remembered: %v", i, err, want)
		}
	}
}

// What a page loads besides itself begins no sign-in, and leaves no cookie.
func TestNoAttemptByTheWay(t *testing.T) {
	f := newFlow(t, nil)
	for _, mode := range []string{"no-cors", "cors", "same-origin", "websocket"} {
		w := f.send(t, http.MethodGet, "/.ones/login/contoso", false, "Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", mode)
		if w.Code != http.StatusForbidden || len(w.Result().Cookies()) != 0 {
			t.Errorf("%s: %d, cookies %v", mode, w.Code, w.Result().Cookies())
		}
	}
	f.begin(t, "/", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate") // a link in a mail
}
