package caddymodule

import (
	"bytes"
	"net/http"
	"runtime/pprof"
	"sync"
)

// Bounds of the lines that are kept.
const (
	maxLines      = 1000
	maxLineLength = 8 << 10 // in bytes
)

// lines are the last lines of the gateway's own log, each in JSON. They may be written
// and read concurrently; the zero value has none.
type lines struct {
	mu   sync.Mutex
	all  []string
	next int // where the oldest stands, once there are maxLines
}

// Write keeps one line. What is too long is left out as a whole.
func (l *lines) Write(line []byte) (int, error) {
	if len(line) > maxLineLength {
		return len(line), nil
	}
	text := string(bytes.TrimRight(line, "\n"))
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) < maxLines {
		l.all = append(l.all, text)
		return len(line), nil
	}
	l.all[l.next] = text
	l.next = (l.next + 1) % maxLines
	return len(line), nil
}

// last returns them, the oldest first.
func (l *lines) last() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append(append([]string{}, l.all[l.next:]...), l.all[:l.next]...)
}

// diagnostics are what a gateway knows of itself besides its status.
type diagnostics struct {
	Version string `json:"version"`
	// Log has the last lines of the gateway's own log, each in JSON.
	Log []string `json:"log"`
	// Goroutines tells how many there are at which place, as Go's profile has it.
	Goroutines string `json:"goroutines"`
}

func serveDiagnostics(w http.ResponseWriter, _ *http.Request, e *engine) error {
	var stacks bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&stacks, 1); err != nil {
		return err
	}
	return answer(w, diagnostics{Version: version(), Log: e.lines.last(), Goroutines: stacks.String()})
}
