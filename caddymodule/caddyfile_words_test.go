package caddymodule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"pgregory.net/rapid"
)

func TestNearest(t *testing.T) {
	known := []string{"tenant_id", "client_id", "client_secret", "scopes", "cae"}
	for text, want := range map[string]string{
		"tenant_id": "tenant_id", "tennant_id": "tenant_id", "Tenant_ID": "tenant_id", "tenat_id": "tenant_id", "client_di": "client_id",
		"scope": "scopes", "scpoes": "scopes", "secret": "client_secret", "tenant": "tenant_id", "caa": "cae", "ca": "",
		"operator": "", "x": "", "": "", "id": "tenant_id",
	} {
		if got := nearest(text, known); got != want {
			t.Errorf("nearest(%q) = %q, want %q", text, got, want)
		}
	}
}

// A distance is one: from nowhere to itself, the same both ways, and no detour is shorter.
func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"scpoes", "scopes", 2}, {"abc", "abd", 1}, {"abc", "xabc", 1}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[abc]{0,6}`)
		a, b, c := word.Draw(t, "a"), word.Draw(t, "b"), word.Draw(t, "c")
		ab, ba := distance(a, b), distance(b, a)
		if ab != ba || (ab == 0) != (a == b) || ab > distance(a, c)+distance(c, b) {
			t.Fatalf("distance(%q, %q) = %d, back %d", a, b, ab, ba)
		}
	})
}

// Whatever stands in the file, one gets a configuration or an error with its place.
func FuzzCaddyfile(f *testing.F) {
	files, err := filepath.Glob("testdata/caddyfile/*/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		text, _, _ := strings.Cut(string(content), "----------\n")
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		blocks, err := caddyfile.Parse("Caddyfile", []byte(text))
		if err != nil {
			return
		}
		for _, block := range blocks {
			for _, segment := range block.Segments {
				d := caddyfile.NewDispenser(segment)
				switch segment.Directive() {
				case "ones":
					_, err = parseOnes(d, nil)
				case "ones_auth":
					err = new(Auth).UnmarshalCaddyfile(d)
				case "ones_bookings":
					err = new(Bookings).UnmarshalCaddyfile(d)
				}
				if err != nil && !strings.Contains(err.Error(), ", at Caddyfile:") {
					t.Errorf("an error without a place: %v", err)
				}
			}
		}
	})
}
