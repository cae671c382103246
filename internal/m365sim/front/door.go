package front

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// A Door lets calls in, one at a time. It may be used concurrently.
type Door struct {
	now    func() time.Time
	settle func(now time.Time)
	commit func() error
	log    *slog.Logger

	mu     sync.Mutex // guards what follows, and all that parts keep; never held while waiting
	shift  time.Duration
	faults []*Fault
	calls  Log
	closed bool
}

// Options of a Door.
type Options struct {
	Now func() time.Time
	// Settle carries out what has fallen due.
	Settle func(now time.Time)
	// Commit keeps what was changed.
	Commit func() error
	Log    *slog.Logger
}

// NewDoor returns an open door.
func NewDoor(o Options) *Door {
	return &Door{now: o.Now, settle: o.Settle, commit: o.Commit, log: o.Log, calls: newLog()}
}

// A Part of the simulator serves calls. Its functions run one at a time.
type Part struct {
	Serve func(*Call) Reply
	// Pattern returns by which pattern a request would be served: a call that
	// comes to nothing is counted too.
	Pattern func(*http.Request) string
	// Refuse words what a fault says.
	Refuse func(*Call, Fault) Reply
	// Admit, if set, is asked as a call comes in. It may refuse it; else leave
	// is called when the call is over.
	Admit func(*Call) (leave func(), refusal *Reply)
}

// maxBody bounds a request's body, in bytes.
const maxBody = 4 << 20

// Serve answers a request; rest is its path within the cloud. What the call has
// changed is kept before the answer goes out.
func (d *Door) Serve(w http.ResponseWriter, r *http.Request, p Part, at world.Cloud, root, rest string) {
	sent := r.URL.EscapedPath()
	c := &Call{Request: within(r, rest), ID: uuid.NewString(), Cloud: at, Root: root}
	var err error
	if c.Body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		status := http.StatusBadRequest
		var tooLong *http.MaxBytesError
		if errors.As(err, &tooLong) {
			status = http.StatusRequestEntityTooLarge
		}
		Text(status, "the request's body can't be read: "+err.Error()).write(w, d.now(), 0)
		return
	}
	fault, leave, rep := d.enter(c, p)
	defer d.leave(leave)
	if !fault.wait(r.Context()) {
		return
	}
	if rep == nil {
		answered := d.serve(c, p.serve(fault))
		for answered.Detour != nil {
			answered = d.serve(c, answered.Detour(r.Context()))
		}
		rep = &answered
	}
	if c.Pattern == "" {
		c.Pattern = p.Pattern(c.Request)
	}
	d.note(c, rep.Status, fault, sent)
	if fault.LostRequest || fault.LostReply {
		panic(http.ErrAbortHandler)
	}
	rep.write(w, c.Now, fault.Truncate)
}

// within returns the request as the cloud sees it.
func within(r *http.Request, rest string) *http.Request {
	if rest == r.URL.EscapedPath() {
		return r
	}
	clone, u := *r, *r.URL
	clone.URL = &u
	u.RawPath = rest
	if path, err := url.PathUnescape(rest); err == nil {
		u.Path = path
	}
	return &clone
}

// enter finds out what happens to a call.
func (d *Door) enter(c *Call, p Part) (fault Fault, leave func(), refusal *Reply) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c.Now = d.time()
	if d.closed {
		closing := Text(http.StatusServiceUnavailable, "m365sim is closing")
		return Fault{}, nil, &closing
	}
	d.settle(c.Now)
	if p.Admit != nil {
		leave, refusal = p.Admit(c)
	}
	if refusal == nil {
		fault = d.take(c, false)
	}
	return fault, leave, refusal
}

func (d *Door) leave(leave func()) {
	if leave == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	leave()
}

// serve returns who serves a call to which a fault happens.
func (p Part) serve(f Fault) func(*Call) Reply {
	switch {
	case f.LostRequest:
		return func(*Call) Reply { return Reply{} }
	case f.refuses():
		return func(c *Call) Reply { return f.refusal(c, p.Refuse) }
	}
	return p.Serve
}

func (d *Door) serve(c *Call, serve func(*Call) Reply) Reply {
	d.mu.Lock()
	defer d.mu.Unlock()
	c.Now = d.time()
	d.settle(c.Now)
	rep := serve(c)
	if err := d.commit(); err != nil {
		d.log.Error("the state can't be kept", "error", err)
		return Text(http.StatusInternalServerError, "m365sim: "+err.Error())
	}
	return rep
}

// note writes a call down. Looking at the simulator itself doesn't count.
func (d *Door) note(c *Call, status int, f Fault, path string) {
	if path == "/" || strings.HasPrefix(path, "/_sim") {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.calls.note(c, status, f.Match, false, path)
	d.log.Debug("answered", "method", e.Method, "path", e.Path, "status", e.Status)
}

// NoteItem writes down a call that came in a batch. Only parts may call it.
func (d *Door) NoteItem(c *Call, status int, f Fault) {
	d.calls.note(c, status, f.Match, true, c.URL.EscapedPath())
}

// Do runs a function as a call would be, at the present time.
func (d *Door) Do(f func(now time.Time)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.time()
	d.settle(now)
	f(now)
	return d.commit()
}

// time is the simulator's clock. d.mu must be held.
func (d *Door) time() time.Time { return d.now().Add(d.shift) }

// Now is the simulator's time. Only parts may call it.
func (d *Door) Now() time.Time { return d.time() }

// Shift moves the simulator's clock and returns how far it is off now. Only
// parts may call it.
func (d *Door) Shift(by time.Duration) time.Duration {
	d.shift += by
	return d.shift
}

// Log is what has been received. Only parts may call it.
func (d *Door) Log() Log { return d.calls.shown() }

// ClearLog begins a new log. Only parts may call it.
func (d *Door) ClearLog() { d.calls = newLog() }

// Close keeps the state once more and refuses later calls. Calls under way are
// the HTTP server's to wait for.
func (d *Door) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	d.settle(d.time())
	return d.commit()
}

// wait waits out the delay. false: the caller has gone.
func (f Fault) wait(ctx context.Context) bool {
	if f.Delay == 0 {
		return true
	}
	timer := time.NewTimer(time.Duration(f.Delay))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
