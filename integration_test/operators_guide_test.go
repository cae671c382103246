package integration_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// operatorsGuide is what operators read.
const operatorsGuide = "../docs/guide.md"

// A shell runs one block after another, as somebody does who copies them.
type shell struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Reader
	dir string
}

func newShell(t *testing.T, dir string, env ...string) *shell {
	t.Helper()
	cmd := exec.Command("bash")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // with all windows
		_ = cmd.Wait()
	})
	return &shell{t, in, bufio.NewReader(out), dir}
}

// window runs what does not end, and returns the file of what it says.
func (s *shell) window(block string) string {
	s.t.Helper()
	said := filepath.Join(s.t.TempDir(), "said")
	fmt.Fprintf(s.in, "{ %s\n} >%s 2>&1 </dev/null &\n", strings.TrimSpace(block), said)
	return said
}

// run runs a block to its end, and returns what it prints to standard output.
func (s *shell) run(block string) string {
	s.t.Helper()
	printed, wrong := filepath.Join(s.t.TempDir(), "printed"), filepath.Join(s.t.TempDir(), "wrong")
	fmt.Fprintf(s.in, "set -e -o pipefail; trap 'echo failed' EXIT; { %s\n} >%s 2>%s </dev/null; trap - EXIT; set +e; echo done\n", strings.TrimSpace(block), printed, wrong)
	line, err := s.out.ReadString('\n')
	b, readErr := os.ReadFile(printed)
	if err != nil || readErr != nil || line != "done\n" {
		said, _ := os.ReadFile(wrong)
		s.t.Fatalf("%q, %v: %s\n%s%s", line, err, block, b, said)
	}
	return string(b)
}

// The operators' guide works from its first line to its last, with the simulator as the
// trial's tenant, and a stand-in for the Azure CLI that registers the app.
func TestOperatorsGuide(t *testing.T) {
	t.Parallel()
	dir, bin := t.TempDir(), t.TempDir()
	home, sim, service, ones := freePort(t), freePort(t), freePort(t), freePort(t)
	// Ports are not those of the guide: other tests run beside this one.
	moved := strings.NewReplacer("localhost:8080", fmt.Sprint("localhost:", home), "localhost:8081", fmt.Sprint("localhost:", sim),
		"127.0.0.1:8090", fmt.Sprint("127.0.0.1:", service), ":8000", fmt.Sprint(":", ones),
		"go run ./cmd/m365sim", fmt.Sprintf("m365sim -addr 127.0.0.1:%d -config world.json", sim),
		`"data": "data",`, fmt.Sprintf(`"data": "data", "service_port": %d,`, service))

	world, err := os.ReadFile("../internal/m365sim/world/sample.json")
	if err != nil {
		t.Fatal(err)
	}
	quick := strings.NewReplacer("localhost:8080", fmt.Sprint("localhost:", home), `"3s"`, `"100ms"`)
	if err := os.WriteFile(filepath.Join(dir, "world.json"), []byte(quick.Replace(string(world))), 0o600); err != nil {
		t.Fatal(err)
	}
	const az = "#!/bin/sh\ncase \"$*\" in\n\"account show \"*) echo c0970500-5c41-4b8e-9f6a-3d1c7e2a9b10 ;;\n\"ad app create \"*) echo a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c20 ;;\n" +
		"\"ad app credential reset \"*) echo 'New8Q~made-by-azure' ;;\nesac\n"
	if err := os.WriteFile(filepath.Join(bin, "az"), []byte(az), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binary, filepath.Join(bin, "onesgate")); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "m365sim"), "../cmd/m365sim").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := newShell(t, dir, "PATH="+bin+":"+os.Getenv("PATH"), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)

	blocks := readFenced(t, operatorsGuide)
	run := 0
	for i, b := range blocks {
		text := moved.Replace(b.text)
		var got string
		switch {
		case b.language == "sh window":
			said := s.window(text)
			run++
			await := map[bool]string{true: "m365sim ready", false: "serving initial configuration"}[strings.Contains(text, "m365sim")]
			if strings.Contains(text, "respond") {
				await = "Server address"
			}
			awaitText(t, said, await)
			if strings.Contains(text, "onesgate run") {
				newVisitor(t, fmt.Sprint("http://localhost:", home)).signIn(alice)
			}
			continue
		case b.language == "sh" && strings.Contains(text, "ones setup --out"):
			got = answerSetup(t, dir)
			run++
		case b.language == "sh":
			got = s.run(text)
			run++
		default:
			continue
		}
		want := fenced{}
		if i+1 < len(blocks) {
			want = blocks[i+1]
		}
		switch want.language {
		case "text":
			want.text = strings.Replace(want.text, "It expires on […]: 2027-05-01", "It expires on […]: "+nextYear(), 1)
			if !like(moved.Replace(want.text), got) && !like(want.text, got) {
				t.Errorf("line %d: it prints\n%s\nwant\n%s", want.line, got, want.text)
			}
		case "json":
			var now, then any
			if err := errors.Join(json.Unmarshal([]byte(got), &now), json.Unmarshal([]byte(want.text), &then)); err != nil {
				t.Errorf("line %d: %v in %s", want.line, err, got)
			}
			if difference := differs("", then, now); difference != "" {
				t.Errorf("line %d: %s; it prints %s", want.line, difference, got)
			}
		default:
			if strings.TrimSpace(got) != "" {
				t.Errorf("line %d: it prints %s, and the guide does not show that", b.line, got)
			}
		}
	}
	if run < 12 {
		t.Errorf("only %d examples are run", run)
	}
	policy, err := os.ReadFile(filepath.Join(dir, "room-policy.ps1"))
	if err != nil {
		t.Fatal(err)
	}
	if commands := judgePowerShell(t, string(policy)); len(commands) < 5 {
		t.Errorf("the rooms' policy: %v", commands)
	}
	env, err := os.ReadFile(filepath.Join(dir, "gateway", "onesgate.env"))
	if err != nil || !strings.Contains(string(env), "ONES_CLIENT_SECRET=New8Q~made-by-azure\n") {
		t.Errorf("%s, %v", env, err)
	}
}

// awaitText waits until a file holds a text.
func awaitText(t *testing.T, file, text string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		b, _ := os.ReadFile(file) // it may not be there yet
		if strings.Contains(string(b), text) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not say %q:\n%s", text, b)
		}
	}
}

// nextYear is a day on which a secret may end, whenever this is run.
func nextYear() string { return time.Now().AddDate(1, 0, 0).Format(time.DateOnly) }

// answerSetup answers at a terminal as the guide shows it, and returns the screen.
func answerSetup(t *testing.T, dir string) string {
	t.Helper()
	term := onTerminal(t, dir, nil, "ones", "setup", "--out", "gateway")
	for _, step := range [][2]string{
		{"Address of ONES", "https://ones.contoso.com"},
		{"ONES itself", ""},
		{"Folder", ""},
		{"Integration name", ""},
		{"Service operator", ""},
		{"Tenant ID", "c0970500-5c41-4b8e-9f6a-3d1c7e2a9b10"},
		{"Client ID", ""},
		{"Client secret", ""},
		{"It expires on", nextYear()},
		{"Address of a room", "boardroom@contoso.com"},
		{"Its name", ""},
		{"What people call it", ""},
		{"Time zone", "Asia/Hong_Kong"},
		{"How many", "12"},
		{"Rooms that can", "10th floor"},
		{"The longest", "4h"},
		{"How far", "60d"},
		{"Address of a room", ""},
		{"Default user groups", "staff"},
		{"Card number", "pager"},
		{"Text of the login button", ""},
		{"Administrators", "alice@contoso.com"},
	} {
		term.answer(step[0], step[1])
	}
	screen, status := term.end()
	if status != 0 {
		t.Fatalf("%d: %s", status, screen)
	}
	return regexp.MustCompile(`(?m) +$`).ReplaceAllString(strings.ReplaceAll(screen, "\r", ""), "")
}
