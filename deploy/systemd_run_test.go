package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// From what setup writes, by the commands of docs/deploy.md, to a service under a real systemd,
// of Debian's oldest release that we support, in a container: hardened as it is, the service
// starts with its secrets, which nobody else sees, reloads, keeps on through a Caddyfile that
// can't be taken, stops in order, and does not start on that Caddyfile.
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
	// On a loopback address, for there is no network; all else as the guide has it.
	gateway := setUp(t, "systemd", "http://localhost")
	if err := os.Remove(filepath.Join(gateway, "keyset.json")); err != nil { // the commands make it
		t.Fatal(err)
	}
	here, err := filepath.Abs("systemd")
	if err != nil {
		t.Fatal(err)
	}
	works(t, e.podman("run", "--detach", "--name", "machine", "--systemd=always", "--network=none", "--cap-add=ALL",
		"--security-opt=seccomp=unconfined", "--security-opt=unmask=/proc/*",
		"--volume", filepath.Join(tools, "onesgate")+":/release/bin/onesgate:ro", "--volume", here+":/release/deploy/systemd:ro", "--volume", gateway+":/release/gateway",
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
	isReady := func() {
		t.Helper()
		if out := on("onesgate", "ones", "ready", "--address", "unix//run/onesgate/admin.sock"); out != "ready\n" {
			t.Errorf("ones ready: %s", out)
		}
	}

	commands := blocks(t, "systemd")
	if len(commands) != 3 {
		t.Fatalf("docs/deploy.md has %d blocks of commands", len(commands))
	}
	shell := func(command string) *exec.Cmd {
		return e.podman("exec", "--workdir=/release", "machine", "bash", "-euxo", "pipefail", "-c", command)
	}
	// The doctor, where nothing is known of Microsoft, before the first start ...
	install, start, cut := strings.Cut(commands[0], "systemctl daemon-reload\n")
	if !cut {
		t.Fatal("docs/deploy.md does not start the service")
	}
	works(t, shell(install))
	doctor, _ := shell(commands[1]).Output() // fails, as there is no network
	for _, want := range []string{"/etc/onesgate/Caddyfile can be loaded", "keyset            ok: /etc/onesgate/keyset.json can be read"} {
		if !strings.Contains(string(doctor), want) {
			t.Errorf("the doctor does not say %q:\n%s", want, doctor)
		}
	}
	works(t, shell("systemctl daemon-reload\n"+start))
	isReady()
	// ... and beside the gateway: what the Caddyfile says is what it runs by.
	doctor, _ = shell(commands[1]).Output()
	for _, want := range []string{"/etc/onesgate/Caddyfile is what the gateway runs by", "keyset            ok: /etc/onesgate/keyset.json is in use"} {
		if !strings.Contains(string(doctor), want) {
			t.Errorf("beside the gateway, the doctor does not say %q:\n%s", want, doctor)
		}
	}
	pid := strings.TrimSpace(on("systemctl", "show", "--property=MainPID", "--value", "onesgate"))
	// CAP_NET_BIND_SERVICE is 1<<10.
	for _, want := range []string{"NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000400", "CapBnd:\t0000000000000400"} {
		if out := on("cat", "/proc/"+pid+"/status"); !strings.Contains(out, want) {
			t.Errorf("the process has no %q:\n%s", want, out)
		}
	}
	const secret = "Abc8Q~not-a-real-one" // as setUp has it
	for _, command := range []string{"cat /proc/" + pid + "/environ /proc/" + pid + "/cmdline", "systemctl show onesgate", "journalctl --no-pager"} {
		if out := on("sh", "-c", command); strings.Contains(out, secret) {
			t.Errorf("%s shows the secret", command)
		}
	}
	fails(t, shell("runuser -u nobody -- cat /etc/onesgate/onesgate.env"), "Permission denied")
	fails(t, shell("runuser -u nobody -- cat /etc/onesgate/keyset.json"), "Permission denied")
	// The keys are changed while it runs.
	on("onesgate", "ones", "keys", "add", "/etc/onesgate/keyset.json")
	if out := on("onesgate", "ones", "keys", "promote", "--config", "/etc/onesgate/Caddyfile"); strings.Count(out, "yes") != 1 {
		t.Errorf("keys: %s", out)
	}
	if out := on("stat", "--format=%U %a", "/var/lib/onesgate", "/run/onesgate/admin.sock"); out != "onesgate 700\nonesgate 600\n" {
		t.Errorf("whose its files are:\n%s", out)
	}
	on("systemctl", "reload", "onesgate")
	if out := on("onesgate", "ones", "status", "--config", "/etc/onesgate/Caddyfile"); !strings.Contains(out, "contoso") {
		t.Errorf("status: %s", out)
	}
	on("sh", "-c", "echo 'nonsense {' >>/etc/onesgate/Caddyfile")
	fails(t, e.podman("exec", "machine", "systemctl", "reload", "onesgate"), "onesgate.service")
	isReady()
	on("systemctl", "stop", "onesgate")
	if out := on("systemctl", "show", "--property=Result,ExecMainStatus", "onesgate"); out != "Result=success\nExecMainStatus=0\n" {
		t.Errorf("stopped: %s", out)
	}
	fails(t, e.podman("exec", "machine", "systemctl", "start", "onesgate"), "onesgate.service")
}
