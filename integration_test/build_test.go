package integration_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The binary that xcaddy.json describes has our modules in it.
func TestXcaddyBuild(t *testing.T) {
	output := filepath.Join(t.TempDir(), "caddy")
	build := exec.CommandContext(t.Context(), "go", "run", "./cmd/build", "-output", output)
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
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
