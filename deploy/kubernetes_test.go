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

	// The Caddyfile in it, with a token of ours in place of the cluster's.
	_, rest, found := strings.Cut(manifest, "\n  Caddyfile: |\n")
	indented, _, ended := strings.Cut(rest, "\n---\n")
	if !found || !ended {
		t.Fatal("the manifest has no Caddyfile")
	}
	const token = "/run/secrets/azure/token"
	if !strings.Contains(indented, token) {
		t.Errorf("nothing in the Caddyfile names %s", token)
	}
	dir := t.TempDir()
	text := regexp.MustCompile(`(?m)^    `).ReplaceAllString(indented, "") + "\n"
	text = strings.ReplaceAll(text, token, write(t, filepath.Join(dir, "token"), "header.claims.signature"))
	c := checkCaddyfile(t, write(t, filepath.Join(dir, "Caddyfile"), text))

	var provided []string
	for _, m := range regexp.MustCompile(`--from-file=(\w+)`).FindAllStringSubmatch(manifest, -1) {
		provided = append(provided, m[1])
	}
	wants(t, c, provided)
	m := regexp.MustCompile(`terminationGracePeriodSeconds: (\d+)`).FindStringSubmatch(manifest)
	if m == nil {
		t.Fatal("the manifest has no terminationGracePeriodSeconds")
	}
	stop, err := time.ParseDuration(m[1] + "s")
	if err != nil {
		t.Fatal(err)
	}
	outlasts(t, stop, c)
}
