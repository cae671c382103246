package deploy

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// An engine is podman, with images and containers of its own: they go with the test.
type engine struct {
	t    *testing.T
	root string
}

func newEngine(t *testing.T) engine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may run containers")
	}
	root, err := os.MkdirTemp("", "podman-") // not t.TempDir: sockets have short names
	if err != nil {
		t.Fatal(err)
	}
	e := engine{t, root}
	t.Cleanup(func() {
		for _, what := range []string{"rm", "rmi"} {
			if out, err := e.command(exec.Command, what, "--all", "--force").CombinedOutput(); err != nil {
				t.Errorf("podman %s: %v %s", what, err, out)
			}
		}
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	})
	return e
}

// command makes a command with the engine's folders. It is content with control groups
// as they are, of whatever version, and with what the machine's limits allow.
func (e engine) command(make func(string, ...string) *exec.Cmd, what string, args ...string) *exec.Cmd {
	all := []string{"--root", e.root + "/images", "--runroot", e.root + "/run", "--tmpdir", e.root + "/tmp", "--runtime", "runc", "--cgroup-manager", "cgroupfs", "--events-backend", "none", what}
	if what == "run" {
		all = append(all, "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
	}
	return make("podman", append(all, args...)...)
}

func (e engine) podman(what string, args ...string) *exec.Cmd {
	return e.command(func(name string, args ...string) *exec.Cmd {
		return exec.CommandContext(e.t.Context(), name, args...)
	}, what, args...)
}

// owner is whose a file is, by user id.
func owner(path string) (int, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, err
	}
	return int(info.Sys().(*syscall.Stat_t).Uid), nil
}

// likeASecret makes the files of a folder what those of a Kubernetes secret are where the pod
// has an fsGroup: root's, and its group may read.
func likeASecret(t *testing.T, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		if err := errors.Join(os.Chown(path, 0, nonroot), os.Chmod(path, 0o440)); err != nil {
			t.Fatal(err)
		}
	}
}
