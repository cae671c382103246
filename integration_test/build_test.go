package integration_test

import (
	"debug/buildinfo"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// The binary that xcaddy.json describes has our modules in it, and is optimised as ours is.
func TestXcaddyBuild(t *testing.T) {
	output := filepath.Join(t.TempDir(), "caddy")
	build := exec.CommandContext(t.Context(), "go", "run", "./cmd/build", "-output", output)
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := buildinfo.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(info.Settings, debug.BuildSetting{Key: "-pgo", Value: "default.pgo"}) {
		t.Errorf("it was not built with our profile: %v", info.Settings)
	}
	list, err := exec.CommandContext(t.Context(), output, "list-modules").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, list)
	}
	for _, module := range []string{"ones", "ones.stores.badger", "http.handlers.ones_auth", "http.handlers.ones_bookings", "admin.api.ones"} {
		if !strings.Contains("\n"+string(list), "\n"+module+"\n") {
			t.Errorf("module %s is not in it", module)
		}
	}
}
