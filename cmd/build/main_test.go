package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What is composed with other modules has to be the Caddy that we are tested with.
func TestVersionsAgree(t *testing.T) {
	b, err := read("../../xcaddy.json")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`github.com/caddyserver/caddy/v2 (v\S+)`).FindStringSubmatch(string(mod))
	if want == nil || b.CaddyVersion != want[1] {
		t.Errorf("xcaddy.json has Caddy %s, go.mod %v", b.CaddyVersion, want)
	}
	if len(b.Plugins) != 1 || b.Plugins[0].PackagePath != "github.com/onesgate/onesgate/caddymodule" {
		t.Errorf("plugins: %+v", b.Plugins)
	}
	// The build happens in a temporary folder: a relative one would miss.
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Replacements[0].New.String(); got != root {
		t.Errorf("the module is replaced by %s, want %s", got, root)
	}
	// Likewise the profile, without which what is composed would be slower than ours.
	if want := "'-pgo=" + filepath.Join(root, "cmd/onesgate/default.pgo") + "'"; !strings.HasSuffix(b.BuildFlags, want) {
		t.Errorf("the build flags are %s, want %s among them", b.BuildFlags, want)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"an unknown word": {`{"caddy_versoin": "v2.11.9"}`, "caddy_versoin"},
		"broken JSON":     {`{"caddy_version": `, "xcaddy.json"},
	} {
		file := filepath.Join(t.TempDir(), "xcaddy.json")
		if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := read(file); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, tt.want)
		}
	}
	if _, err := read("nowhere.json"); err == nil || !strings.Contains(err.Error(), "nowhere.json") {
		t.Errorf("a missing file: %v", err)
	}
}
