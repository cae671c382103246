package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// ErrMissing: the programs of a PostgreSQL server are not there.
var ErrMissing = errors.New("no PostgreSQL server on this machine; run: make deps")

// Roles that every server has. Both need the password, also on the socket.
const (
	superuser = "postgres"
	home      = "postgres" // database of every server
	// Role owns the databases that tests get.
	Role     = "gateway"
	password = "kept by pgtest / not secret"
)

// settings of the server, beside its defaults. Nothing here makes it less
// durable.
var settings = []string{
	"listen_addresses=",
	"unix_socket_permissions=0700",
	"max_connections=200",
	"shared_buffers=64MB",
	"logging_collector=off",
	"log_min_messages=warning",
	"lc_messages=C",
}

// A Server is a PostgreSQL server of this program's own. Its methods must not be
// called concurrently, but those that say so.
type Server struct {
	bin  string // folder of the programs
	dir  string // of its data and its socket
	user *syscall.Credential
	log  lines
	proc *process // nil while it doesn't run
}

// A process is one run of the server.
type process struct {
	pid   int
	ready chan struct{} // closed when it accepts connections
	ended chan struct{} // closed when it has ended
}

// Start makes a server and runs it. Close it.
func Start() (_ *Server, err error) {
	s := &Server{}
	if s.bin, err = programs(); err != nil {
		return nil, err
	}
	if s.user, err = credential(); err != nil {
		return nil, err
	}
	// The path of a Unix socket has little more than 100 bytes.
	if s.dir, err = os.MkdirTemp("", "pgtest"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
		return nil, err
	}
	if s.user != nil {
		for _, name := range []string{s.dir, secret} {
			if err := os.Chown(name, int(s.user.Uid), int(s.user.Gid)); err != nil {
				return nil, err
			}
		}
	}
	initdb := s.command("initdb", "--pgdata", s.data(), "--username", superuser, "--pwfile", secret,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	if err := s.Run(); err != nil {
		return nil, err
	}
	return s, s.exec(context.Background(), home, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", Role, password))
}

// programs finds the newest server that is installed. Debian keeps its programs
// outside of the path.
func programs() (string, error) {
	if postgres, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(postgres), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return "", ErrMissing
	}
	slices.SortFunc(found, func(a, b string) int { return major(a) - major(b) })
	return filepath.Dir(found[len(found)-1]), nil
}

func major(path string) int {
	n, _ := strconv.Atoi(strings.Split(path, "/")[4]) // what is no number comes first
	return n
}

// credential says as whom the server runs: it refuses to run as root.
func credential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("a server doesn't run as root: %w: %w", err, ErrMissing)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Tables is the folder of the databases, without the server's log.
func (s *Server) Tables() string { return filepath.Join(s.data(), "base") }

// command is a program of the server's, run as the server.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user}
	return cmd
}

// Run starts the server, again or for the first time, and waits until it accepts
// connections.
func (s *Server) Run() error {
	args := []string{"-D", s.data(), "-k", s.dir}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	cmd := s.command("postgres", args...)
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL // its other processes end when they see that
	out, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	p := &process{ready: make(chan struct{}), ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The signal comes when the thread dies that started the server.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.ended)
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			s.log.read(out, p.ready)
			_ = cmd.Wait() // how it ended stands in its log
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	select {
	case <-p.ready:
		s.proc = p
		return nil
	case <-p.ended:
		return fmt.Errorf("the server has not started: %s", s.log.last())
	}
}

// Stop ends the server as an operator does: what runs is broken off, and all is
// written.
func (s *Server) Stop() { s.end(syscall.SIGINT) }

// Crash ends the server at once: the next Run recovers from its log. Calls of
// Exec and Database may be under way.
func (s *Server) Crash() { s.end(syscall.SIGQUIT) }

// https://www.postgresql.org/docs/current/server-shutdown.html
func (s *Server) end(sig syscall.Signal) {
	if s.proc == nil {
		return
	}
	_ = syscall.Kill(s.proc.pid, sig)
	<-s.proc.ended
	s.proc = nil
}

// Pause makes all processes of the server stand still until Resume.
func (s *Server) Pause() error { return s.signal(syscall.SIGSTOP) }

// Resume ends Pause.
func (s *Server) Resume() error { return s.signal(syscall.SIGCONT) }

// signal sends sig to the server and then to its children, which can't become
// more meanwhile when it stands still.
func (s *Server) signal(sig syscall.Signal) error {
	if err := syscall.Kill(s.proc.pid, sig); err != nil {
		return err
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", s.proc.pid))
	if err != nil {
		return err
	}
	for _, child := range strings.Fields(string(children)) {
		pid, err := strconv.Atoi(child)
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

// Close ends the server and removes its folder.
func (s *Server) Close() error {
	s.end(syscall.SIGQUIT)
	return os.RemoveAll(s.dir)
}

// Dir is the folder of the server's socket.
func (s *Server) Dir() string { return s.dir }

// Log returns the last lines the server has said. It may be called any time.
func (s *Server) Log() string { return s.log.last() }

// URL is how a role with pgtest's password connects. It may be called any time.
func (s *Server) URL(role, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(role, password), Path: "/" + database,
		RawQuery: url.Values{"host": {s.dir}}.Encode(),
	}
	return u.String()
}

// lines keeps the last lines of a log.
type lines struct {
	mu   sync.Mutex
	kept []string
}

const maxLines = 50

// read keeps what r says until its end. It closes ready at the line that says
// that connections are accepted.
func (l *lines) read(r io.Reader, ready chan struct{}) {
	accepted := false
	for scanner := bufio.NewScanner(r); scanner.Scan(); {
		line := scanner.Text()
		if !accepted && strings.HasSuffix(line, "database system is ready to accept connections") {
			accepted = true
			close(ready)
		}
		l.mu.Lock()
		l.kept = append(l.kept, line)
		l.kept = l.kept[max(0, len(l.kept)-maxLines):]
		l.mu.Unlock()
	}
}

func (l *lines) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.kept, "\n")
}
