package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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

// answers are for "ones setup".
func answers(publicURL string) string {
	return fmt.Sprintf(`{
	"public_url": %q, "ones": "127.0.0.1:8080",
	"integration": "contoso", "operator": "microsoft", "tenant_id": "11111111-2222-3333-4444-555555555555",
	"client_id": "99999999-8888-7777-6666-555555555555", "client_secret_expires": %q,
	"rooms": [{"name": "boardroom", "address": "boardroom@contoso.com", "time_zone": "Asia/Hong_Kong"}]
}`, publicURL, time.Now().AddDate(1, 0, 0).Format(time.DateOnly))
}

// setUp makes the files of /etc/onesgate, as docs/deploy.md says: Caddyfile, onesgate.env and
// keyset.json, in a folder.
func setUp(t *testing.T, place, publicURL string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "gateway")
	from := write(t, filepath.Join(t.TempDir(), "answers.json"), answers(publicURL))
	cmd := tool(t, "onesgate", "ones", "setup", "--from", from, "--out", dir, "--for", place)
	cmd.Env = []string{"ONES_CLIENT_SECRET=Abc8Q~not-a-real-one"}
	works(t, cmd)
	works(t, tool(t, "onesgate", "ones", "keys", "init", filepath.Join(dir, "keyset.json")))
	env := filepath.Join(dir, "onesgate.env")
	write(t, env, strings.Replace(read(t, env), "ONES_DATABASE_URL=", "ONES_DATABASE_URL=postgres://onesgate:password@database/onesgate?sslmode=disable", 1))
	return dir
}

// checkCaddyfile demands that a Caddyfile is formatted, and taken with its variables and
// only with each of them. It returns how long a shutdown may take: shutdown_delay and
// grace_period.
func checkCaddyfile(t *testing.T, dir string) (ending time.Duration) {
	t.Helper()
	file, env := filepath.Join(dir, "Caddyfile"), filepath.Join(dir, "onesgate.env")
	if out := works(t, tool(t, "onesgate", "fmt", "--diff", file)); regexp.MustCompile(`(?m)^[+-]`).MatchString(out) {
		t.Errorf("not formatted:\n%s", out)
	}
	onesgate := func(args ...string) *exec.Cmd {
		cmd := tool(t, "onesgate", append(args, "--config", file, "--envfile", env)...)
		cmd.Env = []string{"XDG_DATA_HOME=" + t.TempDir(), "XDG_CONFIG_HOME=" + t.TempDir()}
		return cmd
	}
	works(t, onesgate("validate"))
	variables := read(t, env)
	for _, m := range regexp.MustCompile(`\{env\.(\w+)\}`).FindAllStringSubmatch(read(t, file), -1) {
		write(t, env, regexp.MustCompile(`(?m)^`+m[1]+`=.*$`).ReplaceAllString(variables, ""))
		fails(t, onesgate("validate"), m[1])
	}
	write(t, env, variables)
	var adapted struct {
		Apps struct {
			HTTP struct {
				Grace time.Duration `json:"grace_period"`
				Delay time.Duration `json:"shutdown_delay"`
			} `json:"http"`
		} `json:"apps"`
	}
	if err := json.Unmarshal([]byte(works(t, onesgate("adapt"))), &adapted); err != nil {
		t.Fatal(err)
	}
	if adapted.Apps.HTTP.Grace == 0 {
		t.Errorf("%s: without grace_period a shutdown waits for ever", file)
	}
	return adapted.Apps.HTTP.Grace + adapted.Apps.HTTP.Delay
}

// section is one of docs/deploy.md.
func section(t *testing.T, title string) string {
	t.Helper()
	_, rest, found := strings.Cut(read(t, "../docs/deploy.md"), "\n## "+title+"\n")
	if !found {
		t.Fatalf("docs/deploy.md says nothing of %s", title)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	return rest
}

// blocks are the shell commands of a section of docs/deploy.md.
func blocks(t *testing.T, title string) (all []string) {
	t.Helper()
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(section(t, title), -1) {
		all = append(all, m[1])
	}
	return all
}

// outlasts demands that whoever stops onesgate waits longer than a shutdown takes, and
// has some seconds left to close the store.
func outlasts(t *testing.T, patience, ending time.Duration) {
	t.Helper()
	if patience < ending+10*time.Second {
		t.Errorf("killed after %s, while a shutdown may take %s and the store some seconds", patience, ending)
	}
}
