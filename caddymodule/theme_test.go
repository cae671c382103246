package caddymodule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheme(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	file := func(name, content string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	logo := "logo " + file("logo.svg", `<svg xmlns="http://www.w3.org/2000/svg"/>`)
	another := func(look string) string { return "\nother.example {\n ones_auth {\n" + look + "\n }\n}\n" }
	for _, tt := range []struct {
		name, look, another, want string
	}{
		{"a logo and a colour", logo + "\ncolor \"#0b5fff\"", "", ""},
		{"the same twice", logo, another(logo), ""},
		{"one of two", logo, another(""), ""},
		{"two looks", logo, another("color \"#ff0000\""), "logo and color differ from those of another ones_auth"},
		{"a logo that isn't there", "logo /nowhere/logo.png", "", "ones_auth: logo /nowhere/logo.png: the file can't be read by the service that runs onesgate: no such file"},
		{"a logo that is a folder", "logo " + t.TempDir(), "", "is a directory"},
		{"a logo that is no image", "logo " + file("logo.png", "not an image"), "", "the file is no image that every browser shows; use PNG, JPEG, WebP or SVG"},
		{"a logo that is too large", "logo " + file("large.png", "\x89PNG\r\n\x1a\n"+strings.Repeat("x", 256<<10)), "", "more than 256 KiB"},
		{"a logo of an unset variable", "logo {env.ONES_UNSET}", "", "logo: the environment variable ONES_UNSET is not set"},
		{"a colour by name", "color blue", "", "color: \"blue\" is not a colour; write it as #0b5fff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := load(t, with("", "", "", "", tt.look, "")+tt.another)
			if tt.want == "" && err != nil {
				t.Error(err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got  %v\nwant an error with: %s", err, tt.want)
			}
		})
	}
}
