package signin

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
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
