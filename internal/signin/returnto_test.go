package signin

import (
	"net/url"
	"strings"
	"testing"
)

func TestReturnTo(t *testing.T) {
	for raw, want := range map[string]string{
		"/":                             "/",
		"/rooms?day=2026-12-01":         "/rooms?day=2026-12-01",
		"/a%20b?q=%2F%2Fx":              "/a%20b?q=%2F%2Fx",
		"/rooms#top":                    "/rooms",
		"/.ones/account":                "/.ones/account",
		"":                              "/",
		"rooms":                         "/",
		"https://evil.example":          "/",
		"//evil.example":                "/",
		"///evil.example":               "/",
		"/\\evil.example":               "/",
		"\\/evil.example":               "/",
		"/%5cevil.example":              "/",
		"/%2f/evil.example":             "/",
		"/%2fevil.example":              "/",
		"/\t/evil.example":              "/",
		"/%09/evil.example":             "/",
		"/ /evil.example":               "/",
		" /evil.example":                "/",
		"/\n/evil.example":              "/",
		"javascript:alert(1)":           "/",
		"/\u2215evil.example":           "/",
		"http:/evil.example":            "/",
		"/.ones/login":                  "/",
		"/.ones/login/contoso":          "/",
		"/.ones/logout":                 "/",
		"/.ones/callback?code=x":        "/",
		"/x/../.ones/login/contoso":     "/", // as a browser resolves it
		"/x/%2e%2e/.ones/login":         "/",
		"/.ones//login":                 "/",
		"/.//evil.example":              "/",
		"/rooms/..":                     "/",
		"/rooms%1f":                     "/",
		"/" + strings.Repeat("a", 1100): "/",
	} {
		if got := returnTo(raw); got != want {
			t.Errorf("returnTo(%q) = %q, want %q", raw, got, want)
		}
	}
}

// X7: whatever is asked for, a browser that resolves the answer stays on this host.
func FuzzReturnTo(f *testing.F) {
	for _, s := range []string{"/", "//x", "/\\x", "/%5cx", "/a?b#c", "http://x", "/..//x", "/.//x"} {
		f.Add(s)
	}
	base, _ := url.Parse("https://ones.example/here")
	f.Fuzz(func(t *testing.T, raw string) {
		got := returnTo(raw)
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\t\r\n") {
			t.Fatalf("returnTo(%q) = %q", raw, got)
		}
		u, err := base.Parse(got)
		if err != nil || u.Host != "ones.example" || u.Scheme != "https" {
			t.Fatalf("returnTo(%q) = %q leads to %v (%v)", raw, got, u, err)
		}
	})
}
