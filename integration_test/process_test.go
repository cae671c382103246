package integration_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/onesgate/onesgate/integration_test/freeport"
)

// patience bounds every wait; what is awaited comes far sooner.
const patience = time.Minute

// A process is a running onesgate.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	lines  chan string // of standard output
	exited chan struct{}

	mu     sync.Mutex
	more   *sync.Cond // told when something is written to it
	stderr bytes.Buffer
}

// start starts the binary; it is killed at the end of the test.
func start(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	return startAs(t, binary, env, args...)
}

// startAs starts a binary of another version.
func startAs(t testing.TB, binary string, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(binary, args...), lines: make(chan string, 256), exited: make(chan struct{})}
	p.more = sync.NewCond(&p.mu)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = p
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			select {
			case p.lines <- s.Text():
			default: // nobody reads that far
			}
		}
		_, _ = io.Copy(io.Discard, out)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.kill()
		if log := p.errors(); t.Failed() && log != "" {
			t.Logf("%s %s wrote:\n%s", binary, strings.Join(args, " "), log)
		}
	})
	return p
}

// Write collects standard error.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.more.Broadcast()
	return p.stderr.Write(b)
}

// logs waits until standard error holds a text.
func (p *process) logs(text string) {
	p.t.Helper()
	late := time.AfterFunc(patience, p.more.Broadcast)
	defer late.Stop()
	deadline := time.Now().Add(patience)
	p.mu.Lock()
	defer p.mu.Unlock()
	for !strings.Contains(p.stderr.String(), text) {
		if !time.Now().Before(deadline) {
			p.t.Fatalf("the log does not tell %q:\n%s", text, p.stderr.String())
		}
		p.more.Wait()
	}
}

func (p *process) errors() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// forget drops what was written to standard error.
func (p *process) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stderr = bytes.Buffer{}
}

// line waits for a line of standard output that begins with prefix.
func (p *process) line(prefix string) string {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case l, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("the process ended before it wrote %q:\n%s", prefix, p.errors())
			}
			if strings.HasPrefix(l, prefix) {
				return l
			}
		case <-timeout:
			p.t.Fatalf("no line %q came", prefix)
		}
	}
}

// kill ends the process without a warning, as a power cut would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// stop asks the process to end, and returns its exit status.
func (p *process) stop() int {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	return p.wait()
}

func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.t.Fatal("the process does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

// command runs the binary to its end.
func command(t testing.TB, env []string, args ...string) (output string, status int) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// freePort returns a port that nobody listens on.
func freePort(t testing.TB) int {
	t.Helper()
	port, err := freeport.Next()
	if err != nil {
		t.Fatal(err)
	}
	return port
}
