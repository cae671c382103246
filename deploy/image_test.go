package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// nonroot is the user in the image.
const nonroot = 65532

func TestContainerfile(t *testing.T) {
	t.Parallel()
	works(t, tool(t, "lint", "containerfile", "Containerfile"))
	wrong := write(t, filepath.Join(t.TempDir(), "Containerfile"), "FROM scratch\nENTRYPOINT run\n")
	fails(t, tool(t, "lint", "containerfile", wrong), "JSONArgsRecommended")
}

// standIn makes an image in place of the one that the Containerfile builds in, which can't be
// had without a registry: a shell, git and certificates. The compiler is mounted.
func (e engine) standIn(name string) {
	e.t.Helper()
	dir := e.t.TempDir()
	copied := func(from, to string) {
		e.t.Helper()
		to = filepath.Join(dir, to)
		content, err := os.ReadFile(from)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(to), 0o755)
		}
		if err == nil {
			err = os.WriteFile(to, content, 0o755)
		}
		if err != nil {
			e.t.Fatal(err)
		}
	}
	copied("/usr/bin/busybox", "bin/busybox")
	for _, command := range []string{"sh", "mkdir", "cp"} {
		if err := os.Symlink("busybox", filepath.Join(dir, "bin", command)); err != nil {
			e.t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o777); err != nil {
		e.t.Fatal(err)
	}
	copied("/etc/ssl/certs/ca-certificates.crt", "etc/ssl/certs/ca-certificates.crt")
	copied("/usr/bin/git", "usr/bin/git")
	libraries := works(e.t, exec.CommandContext(e.t.Context(), "ldd", "/usr/bin/git"))
	for _, library := range regexp.MustCompile(`/\S+`).FindAllString(libraries, -1) {
		copied(library, library)
	}
	file := write(e.t, filepath.Join(e.t.TempDir(), "Containerfile"),
		"FROM scratch\nCOPY . /\nENV PATH=/usr/local/go/bin:/usr/bin:/bin GOPATH=/go HOME=/root\n")
	works(e.t, e.podman("build", "--isolation=chroot", "--file", file, "--tag", name, dir))
}

// build builds the image, with the compiler of this machine and what that keeps.
func (e engine) build(tag string) {
	e.t.Helper()
	from := regexp.MustCompile(`(?m)^FROM --platform=\$BUILDPLATFORM (\S+) AS build$`).FindStringSubmatch(read(e.t, "Containerfile"))
	if from == nil {
		e.t.Fatal("the Containerfile builds in no image")
	}
	e.standIn(from[1])
	goes := func(name string) string {
		return strings.TrimSpace(works(e.t, exec.CommandContext(e.t.Context(), "go", "env", name)))
	}
	works(e.t, e.podman("build", "--format=docker", "--isolation=chroot", "--pull=never",
		"--volume", goes("GOROOT")+":/usr/local/go:ro", "--volume", goes("GOMODCACHE")+":/go/pkg/mod", "--volume", goes("GOCACHE")+":/root/.cache/go-build",
		"--file", "Containerfile", "--tag", tag, ".."))
}

// The image is built from the Containerfile and started as Kubernetes would: nothing may be
// written but two folders, no capability is left, and secrets belong to root and to a group of
// the user's.
func TestImage(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.build("onesgate")

	e.holds("onesgate", map[string]int{
		"etc/group": 0, "etc/passwd": 0, "etc/ssl/certs/ca-certificates.crt": 0,
		"usr/bin/onesgate": 0, "usr/share/doc/onesgate/LICENSE": 0, "data": nonroot, "etc/onesgate": 0, "run/onesgate": nonroot,
	})
	var images []struct {
		Config struct {
			User       string
			Env        []string
			WorkingDir string
		}
		Healthcheck *struct{ Test []string }
	}
	if err := json.Unmarshal([]byte(works(t, e.podman("image", "inspect", "onesgate"))), &images); err != nil {
		t.Fatal(err)
	}
	if i := images[0]; i.Config.User != fmt.Sprintf("%d:%[1]d", nonroot) || !slices.Contains(i.Config.Env, "XDG_DATA_HOME=/data") || i.Healthcheck == nil {
		t.Errorf("%+v", i)
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	home := "http://localhost:" + fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
	listener.Close()
	etc, run := setUp(t, "systemd", home), t.TempDir()
	// Where the image may write; another port than that of other tests' ONES.
	file := filepath.Join(etc, "Caddyfile")
	write(t, file, strings.NewReplacer("/var/lib/onesgate/store", "/data/store", "http://:8090 {", "http://:18090 {").Replace(read(t, file)))
	likeASecret(t, etc)
	if err := errors.Join(os.Chown(run, 0, nonroot), os.Chmod(run, 0o770)); err != nil { // an emptyDir with fsGroup
		t.Fatal(err)
	}
	works(t, e.podman("run", "--detach", "--name", "gateway", "--network=host", "--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL",
		"--security-opt=no-new-privileges", "--volume", run+":/run/onesgate", "--volume", "data:/data",
		"--volume", etc+":/etc/onesgate:ro", "--env", "CREDENTIALS_DIRECTORY=/etc/onesgate", "onesgate"))
	defer func() {
		if t.Failed() {
			out, _ := e.podman("logs", "gateway").CombinedOutput()
			t.Logf("the gateway wrote:\n%s", out)
		}
	}()
	ready(t, home)
	if out := works(t, e.podman("exec", "gateway", "/usr/bin/onesgate", "ones", "keys", "list")); !strings.Contains(out, "/etc/onesgate/keyset.json") {
		t.Errorf("the keyset: %s", out)
	}
	works(t, e.podman("healthcheck", "run", "gateway"))
	works(t, e.podman("stop", "--time=60", "gateway"))
	if status := strings.TrimSpace(works(t, e.podman("inspect", "--format={{.State.ExitCode}}", "gateway"))); status != "0" {
		t.Errorf("exit status %s", status)
	}
	fails(t, e.podman("healthcheck", "run", "gateway"), "not running")
}

// holds demands that an image has these files and empty folders, by whose they are, and
// nothing else.
func (e engine) holds(image string, want map[string]int) {
	e.t.Helper()
	root := strings.TrimSpace(works(e.t, e.podman("image", "mount", image)))
	defer works(e.t, e.podman("image", "unmount", image))
	got := map[string]int{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if entries, err := os.ReadDir(path); err != nil || len(entries) > 0 {
				return err
			}
		}
		got[name], err = owner(path)
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	for name, uid := range want {
		if has, ok := got[name]; !ok || has != uid {
			e.t.Errorf("the image has %s, %v, of %d; want it of %d", name, ok, has, uid)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		e.t.Errorf("the image also has %v", got)
	}
}

// ready waits until a gateway is.
func ready(t *testing.T, home string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		res, err := http.Get(home + "/.ones/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the gateway does not become ready: %v", err)
		}
	}
}
