package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// tools are the programs that were built for the tests: onesgate as it ships, and lint.
var tools string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if tools, err = os.MkdirTemp("", "onesgate-deploy-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(tools)
	onesgate := exec.Command("go", "build", "-trimpath", "-tags", "nobadger,nomysql,nopgx", "-o", tools, "../cmd/onesgate")
	onesgate.Env = append(os.Environ(), "CGO_ENABLED=0")
	lint := exec.Command("go", "build", "-C", "lint", "-o", tools, ".")
	for _, build := range []*exec.Cmd{onesgate, lint} {
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, build, err)
			return 1
		}
	}
	return m.Run()
}

// tool is a command that runs one of the tools.
func tool(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), filepath.Join(tools, name), args...)
}

// works runs a command, which has to succeed, and returns its standard output.
func works(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, stderr.String())
	}
	return string(out)
}

// fails runs a command, which has to fail and to say why.
func fails(t *testing.T, cmd *exec.Cmd, why string) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(out), why) {
		t.Errorf("%s: %v\n%s\nwant it to fail with %q", cmd, err, out, why)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func write(t *testing.T, file, content string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// credential is a placeholder in a Caddyfile that names a secret's file.
var credential = regexp.MustCompile(`\{\$CREDENTIALS_DIRECTORY\}/(\w+)\}|\{env\.CREDENTIALS_DIRECTORY\}/(\w+)`)

// A caddyfile is one that ships with a way to run onesgate.
type caddyfile struct {
	credentials []string      // files that it needs
	ending      time.Duration // how long a shutdown may take: shutdown_delay and grace_period
}

// checkCaddyfile demands that a Caddyfile is formatted, and taken where its credentials are
// and only there.
func checkCaddyfile(t *testing.T, file string) caddyfile {
	t.Helper()
	if out := works(t, tool(t, "onesgate", "fmt", "--diff", file)); regexp.MustCompile(`(?m)^[+-]`).MatchString(out) {
		t.Errorf("not formatted:\n%s", out)
	}
	var c caddyfile
	for _, m := range credential.FindAllStringSubmatch(read(t, file), -1) {
		c.credentials = append(c.credentials, m[1]+m[2])
	}
	slices.Sort(c.credentials)
	c.credentials = slices.Compact(c.credentials)

	secrets := credentials(t)
	onesgate := func(args ...string) *exec.Cmd {
		cmd := tool(t, "onesgate", args...)
		cmd.Env = []string{"CREDENTIALS_DIRECTORY=" + secrets, "XDG_DATA_HOME=" + t.TempDir(), "XDG_CONFIG_HOME=" + t.TempDir()}
		return cmd
	}
	works(t, onesgate("validate", "--config", file))
	for _, name := range c.credentials {
		if name == "keyset" { // is opened at the start
			continue
		}
		path := filepath.Join(secrets, name)
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		fails(t, onesgate("validate", "--config", file), path)
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
	}
	var adapted struct {
		Apps struct {
			HTTP struct {
				Grace time.Duration `json:"grace_period"`
				Delay time.Duration `json:"shutdown_delay"`
			} `json:"http"`
		} `json:"apps"`
	}
	if err := json.Unmarshal([]byte(works(t, onesgate("adapt", "--config", file))), &adapted); err != nil {
		t.Fatal(err)
	}
	if adapted.Apps.HTTP.Grace == 0 {
		t.Errorf("%s: without grace_period a shutdown waits for ever", file)
	}
	c.ending = adapted.Apps.HTTP.Grace + adapted.Apps.HTTP.Delay
	return c
}

// credentials makes a folder with each secret that a Caddyfile of ours may want.
func credentials(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	works(t, tool(t, "onesgate", "ones", "keys", "init", filepath.Join(dir, "keyset")))
	for name, content := range map[string]string{
		"client_secret": "secret\n", "service_token": "a-service-token-of-more-than-32-bytes\n",
		"database_url": "postgres://onesgate:password@database/onesgate?sslmode=disable\n",
	} {
		write(t, filepath.Join(dir, name), content)
	}
	return dir
}

// outlasts demands that whoever stops onesgate waits longer than a shutdown takes, and
// has some seconds left to close the store.
func outlasts(t *testing.T, patience time.Duration, c caddyfile) {
	t.Helper()
	if patience < c.ending+10*time.Second {
		t.Errorf("killed after %s, while a shutdown may take %s and the store some seconds", patience, c.ending)
	}
}

// wants demands that what is provided is what a Caddyfile needs.
func wants(t *testing.T, c caddyfile, provided []string) {
	t.Helper()
	slices.Sort(provided)
	if !slices.Equal(c.credentials, provided) {
		t.Errorf("the Caddyfile needs %q, and %q are provided", c.credentials, provided)
	}
}
