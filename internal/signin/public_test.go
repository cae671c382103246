package signin

import (
	"net/url"
	"strings"
	"testing"
)

func TestPublic(t *testing.T) {
	p, err := ParsePublic([]string{"/API/external/*", "/display/*", "/robots.txt"})
	if err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]bool{
		"/display/1":                  true,
		"/display/":                   true,
		"/API/external/system/v1?x=1": true,
		"/robots.txt":                 true,
		"/display/caf%C3%A9":          true,
		"/display":                    false,
		"/displays/1":                 false,
		"/Display/1":                  false,
		"/api/external/x":             false,
		"/robots.txt/x":               false,
		"/":                           false,
		"/admin?/display/":            false,
		// X2: what can be read in two ways is never public.
		"/display/../admin":       false,
		"/display/%2e%2e/admin":   false,
		"/display/..%2fadmin":     false,
		"/display/%5c..%5cadmin":  false,
		"/display//admin":         false,
		"/display/./x":            false,
		"/display/x;y":            false,
		"/display/%3b":            false,
		"/display/%00":            false,
		"/display/%3fx":           false,
		"/display/a%2fb":          false,
		"/display/%2ex":           false,
		"/display/.x":             true,
		"/display/.%0a./admin":    false,
		"/display/%7f":            false,
		"/display/%c2%85":         false,
		"/display/%23x":           false,
		"/display/%252e%252e/x":   false,
		"/display/%c0%ae%c0%ae/x": false,
		"//display/1":             false,
		"/%64isplay/1":            true, // one reading: every server decodes it once
		"/API/external/..\\admin": false,
	} {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Match(u); got != want {
			t.Errorf("Match(%s) = %v, want %v", target, got, want)
		}
	}
	if (Public{}).Match(&url.URL{Path: "/display/1"}) {
		t.Error("with no patterns nothing is public")
	}
}

func TestParsePublicRefuses(t *testing.T) {
	for pattern, why := range map[string]string{
		"display/*": "begin with /", "/*": "open everything", "*": "open everything", "": "begin with /", "/.ones": "ones_auth itself", "/.ones/": "ones_auth itself", "/.ones/*": "ones_auth itself", "/.ones/me": "ones_auth itself", "/a*": "/*", "/a/*/b": "at the end", "/a/../b": "plain form", "/a//b": "plain form", "/a%20b": "plain form",
	} {
		if _, err := ParsePublic([]string{pattern}); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("ParsePublic(%q): %v, want an error with %q", pattern, err, why)
		}
	}
}
