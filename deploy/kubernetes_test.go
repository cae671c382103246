package deploy

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// kubectlValidate has the checks of Kubernetes' API server and, for several versions of
// Kubernetes, what it knows; so it needs no cluster. It has hundreds of dependencies, so it
// is built by its own go.mod.
const kubectlValidate = "sigs.k8s.io/kubectl-validate@v0.0.4"

func TestKubernetes(t *testing.T) {
	t.Parallel()
	manifest := read(t, "kubernetes/onesgate.yaml")
	validate := func(version, file string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "go", "run", kubectlValidate, "--version", version, file)
	}
	for _, version := range []string{"1.29", "1.30"} { // the oldest that has sidecars, and the newest that it knows
		works(t, validate(version, "kubernetes/onesgate.yaml"))
	}
	wrong := strings.Replace(manifest, "readOnlyRootFilesystem", "readOnlyRootFileSystem", 1)
	fails(t, validate("1.30", write(t, filepath.Join(t.TempDir(), "onesgate.yaml"), wrong)), "readOnlyRootFileSystem")

	// What is mounted is what setup writes and the image expects.
	dir := setUp(t, "kubernetes", "https://ones.contoso.com")
	ending := checkCaddyfile(t, dir)
	for _, name := range []string{"Caddyfile", "onesgate.env", "keyset.json"} {
		if !strings.Contains(manifest, "--from-file=gateway/"+name) {
			t.Errorf("nothing says to bring %s", name)
		}
	}
	if !strings.Contains(manifest, "{name: etc, mountPath: /etc/onesgate, readOnly: true}") {
		t.Error("nothing is mounted at /etc/onesgate")
	}

	// And with a token of the cluster's in place of a secret, as docs/deploy.md has it.
	const token = "/run/secrets/azure/token"
	if line := "federated_token_file " + token; !strings.Contains(section(t, "Kubernetes"), line) || !strings.Contains(manifest, "mountPath: "+filepath.Dir(token)) {
		t.Errorf("%s is not told, or not mounted", line)
	}
	file := filepath.Join(dir, "Caddyfile")
	secret := regexp.MustCompile(`client_secret .*`)
	write(t, file, secret.ReplaceAllString(read(t, file), "federated_token_file "+write(t, filepath.Join(dir, "token"), "header.claims.signature")))
	checkCaddyfile(t, dir)

	m := regexp.MustCompile(`terminationGracePeriodSeconds: (\d+)`).FindStringSubmatch(manifest)
	if m == nil {
		t.Fatal("the manifest has no terminationGracePeriodSeconds")
	}
	stop, err := time.ParseDuration(m[1] + "s")
	if err != nil {
		t.Fatal(err)
	}
	outlasts(t, stop, ending)
}
