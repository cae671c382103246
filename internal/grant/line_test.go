package grant_test

import (
	"net"
	"path/filepath"
	"sync"
	"testing"
)

// A line is an instance's own way to the database, which a test breaks.
type line struct {
	t    *testing.T
	path string // of the socket that the instance connects with
	to   string // of the server's

	silence sync.RWMutex // held for reading to pass something on
	passing sync.WaitGroup

	mu   sync.Mutex
	open net.Listener // nil: cut
	ends map[net.Conn]struct{}
}

// socket is how PostgreSQL names its own in a folder
// (https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-UNIX-SOCKET-DIRECTORIES).
const socket = ".s.PGSQL.5432"

func newLine(t *testing.T, dir string) *line {
	t.Helper()
	l := &line{t: t, path: filepath.Join(dir, socket), to: filepath.Join(server.Dir(), socket), ends: map[net.Conn]struct{}{}}
	l.listen()
	t.Cleanup(func() { l.cut() })
	return l
}

func (l *line) listen() {
	open, err := net.Listen("unix", l.path)
	if err != nil {
		l.t.Error(err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = open
	l.passing.Go(func() {
		for {
			near, err := open.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", l.to)
			if err != nil {
				_ = near.Close()
				continue
			}
			l.join(open, near, far)
		}
	})
}

// join passes on what comes from both ends, until one is closed.
func (l *line) join(of net.Listener, near, far net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open != of {
		_, _ = near.Close(), far.Close()
		return
	}
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		l.ends[way[0]] = struct{}{}
		l.passing.Go(func() { l.pass(way[0], way[1]) })
	}
}

func (l *line) pass(from, to net.Conn) {
	defer to.Close()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.ends, from)
	}()
	for b := make([]byte, 32<<10); ; {
		n, err := from.Read(b)
		l.silence.RLock()
		if err == nil {
			_, err = to.Write(b[:n])
		}
		l.silence.RUnlock()
		if err != nil {
			return
		}
	}
}

// cut breaks all connections, and refuses new ones until mend.
func (l *line) cut() (mend func()) {
	l.mu.Lock()
	if l.open != nil {
		_ = l.open.Close()
		l.open = nil
	}
	for end := range l.ends {
		_ = end.Close()
	}
	l.mu.Unlock()
	l.passing.Wait()
	return l.listen
}

// silent has nothing pass until mend: who asks hears nothing.
func (l *line) silent() (mend func()) {
	l.silence.Lock()
	mend = sync.OnceFunc(l.silence.Unlock)
	l.t.Cleanup(mend)
	return mend
}
