package integration_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A terminal is a program that runs on one, and what it shows.
type terminal struct {
	t    *testing.T
	keys *os.File
	cmd  *exec.Cmd

	mu     sync.Mutex
	more   *sync.Cond
	screen bytes.Buffer
	typed  int // how much was shown when a line was typed last
	ended  bool
}

// onTerminal starts the binary in a folder, on a terminal of its own (ptmx(4)).
func onTerminal(t *testing.T, dir string, env []string, args ...string) *terminal {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close() })
	if err := unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	line, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	term := &terminal{t: t, keys: keys, cmd: exec.Command(binary, args...)}
	term.more = sync.NewCond(&term.mu)
	term.cmd.Dir, term.cmd.Env = dir, append(append(os.Environ(), "TERM=xterm"), env...)
	term.cmd.Stdin, term.cmd.Stdout, term.cmd.Stderr = line, line, line
	term.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := term.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(term, keys) // an error is its end
		term.mu.Lock()
		defer term.mu.Unlock()
		term.ended = true
		term.more.Broadcast()
	}()
	t.Cleanup(func() {
		_ = term.cmd.Process.Kill()
		_ = term.cmd.Wait()
		keys.Close()
		<-read
	})
	return term
}

// Write is what the program shows.
func (term *terminal) Write(b []byte) (int, error) {
	term.mu.Lock()
	defer term.mu.Unlock()
	defer term.more.Broadcast()
	return term.screen.Write(b)
}

// answer waits until the program asks, by the beginning of its question, and types a line.
func (term *terminal) answer(asked, line string) {
	term.t.Helper()
	late := time.AfterFunc(patience, term.more.Broadcast)
	defer late.Stop()
	deadline := time.Now().Add(patience)
	term.mu.Lock()
	for {
		shown := term.screen.String()
		start := strings.LastIndex(shown, "\n") + 1
		if last := shown[start:]; start >= term.typed && strings.HasPrefix(strings.TrimLeft(last, " \r"), asked) && strings.HasSuffix(last, ": ") {
			break
		}
		if term.ended || !time.Now().Before(deadline) {
			term.mu.Unlock()
			term.t.Fatalf("it does not ask %q:\n%s", asked, shown)
		}
		term.more.Wait()
	}
	term.typed = term.screen.Len()
	term.mu.Unlock()
	if _, err := io.WriteString(term.keys, line+"\r"); err != nil {
		term.t.Fatal(err)
	}
}

// end waits for the program, and returns all that was sent to the screen.
func (term *terminal) end() (screen string, status int) {
	term.t.Helper()
	late := time.AfterFunc(patience, func() { _ = term.cmd.Process.Kill() })
	defer late.Stop()
	_ = term.cmd.Wait()
	term.mu.Lock()
	defer term.mu.Unlock()
	for !term.ended {
		term.more.Wait()
	}
	return term.screen.String(), term.cmd.ProcessState.ExitCode()
}

// Somebody answers at a terminal: mistakes are asked for again, and the secret is shown
// neither there nor in any file but the one for the service.
func TestSetupOnATerminal(t *testing.T) {
	t.Parallel()
	const secret = "Abc8Q~typed-and-not-shown"
	dir := t.TempDir()
	term := onTerminal(t, dir, nil, "ones", "setup", "--out", "gateway")
	for _, step := range [][2]string{
		{"Address of ONES", "http://ones.contoso.com"},
		{"Address of ONES", "https://ones.contoso.com"},
		{"ONES itself", ""},
		{"Folder", ""},
		{"Integration name", ""},
		{"Service operator", ""},
		{"Tenant ID", "common"},
		{"Tenant ID", "contoso.onmicrosoft.com"},
		{"Client ID", "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c20"},
		{"Client secret", "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c20"},
		{"Client secret", secret},
		{"It expires on", "soon"},
		{"It expires on", "2020-01-01"},
		{"It expires on", nextYear()},
		{"Address of a room", "boardroom@contoso.com"},
		{"Its name", ""},
		{"What people call it", ""},
		{"Time zone", "Hong Kong"},
		{"Time zone", "Asia/Hong_Kong"},
		{"How many", "12"},
		{"Rooms that can", ""},
		{"The longest", ""},
		{"How far", "60d"},
		{"Address of a room", ""},
		{"Default user groups", "staff"},
		{"Card number", "pager"},
		{"Text of the login button", ""},
		{"Administrators", ""},
	} {
		term.answer(step[0], step[1])
	}
	screen, status := term.end()
	if status != 0 || strings.Contains(screen, secret) {
		t.Errorf("%d, and the secret is shown: %v\n%s", status, strings.Contains(screen, secret), screen)
	}
	for _, want := range []string{"must be https", "every tenant", "the secret's id", "not a date", "2020-01-01 is over", "Asia/Hong_Kong", "Written to gateway"} {
		if !strings.Contains(screen, want) {
			t.Errorf("it does not say %q:\n%s", want, screen)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "gateway", "*"))
	if err != nil || len(files) != 4 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if has := bytes.Contains(b, []byte(secret)); has != (filepath.Base(file) == "onesgate.env") {
			t.Errorf("%s has the secret: %v", file, has)
		}
	}
	if out, status := command(t, nil, "validate", "--config", filepath.Join(dir, "gateway", "Caddyfile"), "--envfile", filepath.Join(dir, "gateway", "onesgate.env")); status != 0 {
		t.Errorf("it is no configuration: %s", out)
	}
}

// Ctrl-C while the secret is typed leaves the terminal as it was, and nothing else.
func TestSetupIsBrokenOff(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	term := onTerminal(t, dir, nil, "ones", "setup")
	before, err := unix.IoctlGetTermios(int(term.keys.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	for _, asked := range []string{"Address of ONES", "ONES itself", "Folder", "Integration", "Service operator", "Tenant ID", "Client ID"} {
		term.answer(asked, map[string]string{"Address of ONES": "https://ones.contoso.com", "Tenant ID": "contoso.com"}[asked])
	}
	term.answer("Client secret", "half of\x03")
	screen, status := term.end()
	after, err := unix.IoctlGetTermios(int(term.keys.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if status != 1 || !strings.Contains(screen, "nothing is written") || *before != *after {
		t.Errorf("%d, the terminal is as it was: %v\n%s", status, *before == *after, screen)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
}
