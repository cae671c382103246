package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The unit under a real systemd, of Debian's oldest release that we support, in a container:
// hardened as it is, the service starts with its credentials, reloads, keeps on through a
// Caddyfile that can't be taken, stops in order, and does not start on that Caddyfile.
func TestSystemdRuns(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	debian := filepath.Join(cache, "onesgate", "debian")
	if _, err := os.Stat(debian); err != nil {
		t.Fatalf("no Debian to start: run .ci/deps: %v", err)
	}
	etc := credentials(t)
	if err := os.Rename(filepath.Join(etc, "keyset"), filepath.Join(etc, "keyset.json")); err != nil {
		t.Fatal(err)
	}
	// On a loopback address, for there is no network; all else as it ships.
	good := strings.NewReplacer("https://ones.contoso.com", "http://localhost", "\nones.contoso.com {", "\nhttp://localhost {").Replace(read(t, "systemd/Caddyfile"))
	caddyfile := write(t, filepath.Join(etc, "Caddyfile"), good)
	for file, mode := range map[string]os.FileMode{etc: 0o755, caddyfile: 0o644} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
	}
	here, err := filepath.Abs("systemd")
	if err != nil {
		t.Fatal(err)
	}
	works(t, e.podman("run", "--detach", "--name", "machine", "--systemd=always", "--network=none", "--cap-add=ALL",
		"--security-opt=seccomp=unconfined", "--security-opt=unmask=/proc/*",
		"--volume", filepath.Join(tools, "onesgate")+":/usr/bin/onesgate:ro", "--volume", etc+":/etc/onesgate:ro",
		"--volume", here+"/onesgate.service:/etc/systemd/system/onesgate.service:ro", "--volume", here+"/onesgate.sysusers:/usr/lib/sysusers.d/onesgate.conf:ro",
		"--rootfs", debian+":O", "/sbin/init"))
	on := func(command ...string) string {
		t.Helper()
		return works(t, e.podman("exec", append([]string{"machine"}, command...)...))
	}
	defer func() {
		if t.Failed() {
			out, _ := e.podman("exec", "machine", "journalctl", "--no-pager", "--unit=onesgate").CombinedOutput()
			t.Logf("the journal:\n%s", out)
		}
	}()
	// What systemd does where it isn't in a container: credentials are mounted from elsewhere.
	on("mount", "--make-rshared", "/")
	_ = e.podman("exec", "machine", "systemctl", "is-system-running", "--wait").Run() // "degraded" is a status, too
	on("systemd-sysusers")
	isReady := func() {
		t.Helper()
		if out := on("onesgate", "ones", "ready", "--address", "unix//run/onesgate/admin.sock"); out != "ready\n" {
			t.Errorf("ones ready: %s", out)
		}
	}

	on("systemctl", "start", "onesgate")
	isReady()
	pid := strings.TrimSpace(on("systemctl", "show", "--property=MainPID", "--value", "onesgate"))
	// CAP_NET_BIND_SERVICE is 1<<10.
	for _, want := range []string{"NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000400", "CapBnd:\t0000000000000400"} {
		if out := on("cat", "/proc/"+pid+"/status"); !strings.Contains(out, want) {
			t.Errorf("the process has no %q:\n%s", want, out)
		}
	}
	if out := on("stat", "--format=%U %a", "/var/lib/onesgate", "/run/onesgate/admin.sock"); out != "onesgate 700\nonesgate 600\n" {
		t.Errorf("whose its files are:\n%s", out)
	}
	on("systemctl", "reload", "onesgate")
	write(t, caddyfile, good+"\nnonsense {\n")
	fails(t, e.podman("exec", "machine", "systemctl", "reload", "onesgate"), "onesgate.service")
	isReady()
	on("systemctl", "stop", "onesgate")
	if out := on("systemctl", "show", "--property=Result,ExecMainStatus", "onesgate"); out != "Result=success\nExecMainStatus=0\n" {
		t.Errorf("stopped: %s", out)
	}
	fails(t, e.podman("exec", "machine", "systemctl", "start", "onesgate"), "onesgate.service")
}
