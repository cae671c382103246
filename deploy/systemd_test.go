package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// maxExposure is what "systemd-analyze security" may say of the unit, in tenths: it
// has a network, and listens at ports below 1024.
const maxExposure = "16"

func TestSystemd(t *testing.T) {
	t.Parallel()
	ending := checkCaddyfile(t, setUp(t, "systemd", "https://ones.contoso.com"))
	unit := read(t, "systemd/onesgate.service")
	m := regexp.MustCompile(`(?m)^TimeoutStopSec=(\w+)$`).FindStringSubmatch(unit)
	if m == nil {
		t.Fatal("the unit has no TimeoutStopSec")
	}
	stop, err := time.ParseDuration(m[1])
	if err != nil {
		t.Fatal(err)
	}
	outlasts(t, stop, ending)

	// As it is installed.
	root := t.TempDir()
	installed := func(file string, mode os.FileMode, at string) {
		t.Helper()
		to := filepath.Join(root, at)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(read(t, file)), mode); err != nil {
			t.Fatal(err)
		}
	}
	installed(filepath.Join(tools, "onesgate"), 0o755, "usr/bin/onesgate")
	installed("systemd/onesgate.service", 0o644, "etc/systemd/system/onesgate.service")
	installed("systemd/onesgate.sysusers", 0o644, "usr/lib/sysusers.d/onesgate.conf")
	verify := func() *exec.Cmd {
		return exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--root="+root, "--recursive-errors=no", "--man=no", "onesgate.service")
	}
	out, err := verify().CombinedOutput() // what it only warns of is no error to it
	if err != nil || strings.Contains(string(out), "onesgate") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	works(t, exec.CommandContext(t.Context(), "systemd-sysusers", "--root="+root))
	if users := read(t, filepath.Join(root, "etc/passwd")); !regexp.MustCompile(`(?m)^onesgate:.*:/var/lib/onesgate:/usr/sbin/nologin$`).MatchString(users) {
		t.Errorf("users: %s", users)
	}
	// Of the unit file alone; "offline" is asked of no service manager.
	security := func(file string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold="+maxExposure, file)
	}
	works(t, security("systemd/onesgate.service"))

	// Both notice when something is wrong.
	open := regexp.MustCompile(`(?m)^(Protect|CapabilityBoundingSet|SystemCallFilter).*\n`).ReplaceAllString(unit, "")
	fails(t, security(write(t, filepath.Join(t.TempDir(), "onesgate.service"), open)), "Overall exposure")
	if err := os.Remove(filepath.Join(root, "usr/bin/onesgate")); err != nil {
		t.Fatal(err)
	}
	fails(t, verify(), "not executable")
}
