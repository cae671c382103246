package front

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// begin is when the tests' clock stands.
var begin = time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)

// A house is a door with one part behind it: POST /things counts, GET /things
// tells.
type house struct {
	t         *testing.T
	door      *Door
	url       string
	client    *http.Client
	part      Part
	things    int
	committed int
	settled   time.Time
	commitErr error
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t}
	h.door = NewDoor(Options{
		Now:    func() time.Time { return begin },
		Settle: func(now time.Time) { h.settled = now },
		Commit: func() error { h.committed = h.things; return h.commitErr },
		Log:    slog.New(slog.DiscardHandler),
	})
	var mux Mux
	mux.Handle("GET /things", func(*Call) Reply { return JSON(http.StatusOK, map[string]int{"things": h.things}) })
	mux.Handle("POST /things", func(*Call) Reply { h.things++; return JSON(http.StatusCreated, map[string]int{"things": h.things}) })
	h.part = Part{
		Serve: mux.Serve, Pattern: mux.Pattern,
		Refuse: func(_ *Call, f Fault) Reply { return JSON(f.Status, map[string]string{"code": f.Code}) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.door.Serve(w, r, h.part, world.Cloud{}, "", r.URL.EscapedPath())
	}))
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	h.url, h.client = server.URL, &http.Client{Transport: transport}
	return h
}

// send makes a request; the error is that of the connection.
func (h *house) send(method, path, body string) (status int, text string, header http.Header, err error) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	res, err := h.client.Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), res.Header, err
}

// inside runs a function as a call would be.
func (h *house) inside(f func()) {
	h.t.Helper()
	if err := h.door.Do(func(time.Time) { f() }); err != nil {
		h.t.Fatal(err)
	}
}

// log is what the door has written down.
func (h *house) log() (l Log) {
	h.t.Helper()
	h.inside(func() { l = h.door.Log() })
	return l
}

func (h *house) fault(f Fault) {
	h.t.Helper()
	if err := f.Validate(func(string) bool { return false }); err != nil {
		h.t.Fatal(err)
	}
	h.inside(func() {
		if !h.door.AddFault(f) {
			h.t.Error("too many faults")
		}
	})
}

func TestFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		fault  Fault
		status int // 0: the connection is cut
		body   string
		things int
	}{
		"a refusal":            {Fault{Status: 503, Code: "busy"}, 503, `{"code":"busy"}`, 0},
		"HTML":                 {Fault{Status: 502, HTML: true}, 502, "<h1>Bad Gateway</h1>", 0},
		"a lost request":       {Fault{LostRequest: true}, 0, "", 0},
		"a lost reply":         {Fault{LostReply: true}, 0, "", 1},
		"a truncated reply":    {Fault{Truncate: 5}, 0, `{"thi`, 1},
		"a delay":              {Fault{Delay: world.Duration(time.Millisecond)}, 201, `{"things":1}`, 1},
		"another body":         {Fault{Status: 503, Contains: "x=1"}, 201, `{"things":1}`, 1},
		"a body that fits":     {Fault{Status: 503, Contains: "y=1"}, 503, "", 0},
		"not the first":        {Fault{Status: 503, After: 1}, 201, `{"things":1}`, 1},
		"another method":       {Fault{Match: "GET /things", Status: 503}, 201, `{"things":1}`, 1},
		"any method, any path": {Fault{Match: "* /*", Status: 503}, 503, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			if tt.fault.Match == "" {
				tt.fault.Match = "POST /Things"
			}
			tt.fault.Times = 1
			h.fault(tt.fault)
			status, text, _, err := h.send(http.MethodPost, "/things", "y=1")
			if tt.status == 0 {
				if err == nil {
					t.Errorf("the connection was not cut: %d %s", status, text)
				}
			} else if err != nil || status != tt.status {
				t.Errorf("%d %s, %v; want %d", status, text, err, tt.status)
			}
			if !strings.Contains(text, tt.body) {
				t.Errorf("body = %q, want %q", text, tt.body)
			}
			h.inside(func() {
				if h.things != tt.things || h.committed != tt.things {
					t.Errorf("%d things, %d kept, want %d", h.things, h.committed, tt.things)
				}
			})
		})
	}
}

func TestFaultsAreUsedUp(t *testing.T) {
	h := newHouse(t)
	h.fault(Fault{Match: "GET /things", After: 1, Times: 2, Status: 429, RetryAfter: "2.128"})
	var got []int
	for range 5 {
		status, _, header, err := h.send(http.MethodGet, "/things", "")
		if err != nil {
			t.Fatal(err)
		}
		if status == 429 && header.Get("Retry-After") != "2.128" {
			t.Errorf("Retry-After = %q", header.Get("Retry-After"))
		}
		got = append(got, status)
	}
	if want := []int{200, 429, 429, 200, 200}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	h.inside(func() {
		if left := h.door.Faults(); len(left) != 0 {
			t.Errorf("still on: %v", left)
		}
	})
}

// Also calls that came to nothing are counted, and written down without their
// queries.
func TestLog(t *testing.T) {
	h := newHouse(t)
	h.fault(Fault{Match: "POST /things", Times: 1, LostRequest: true})
	_, _, _, _ = h.send(http.MethodPost, "/things", "")
	for range keptCalls + 1 {
		if _, _, _, err := h.send(http.MethodGet, "/things?code=secret", ""); err != nil {
			t.Fatal(err)
		}
	}
	log := h.log()
	if log.Counters["POST /things"] != 1 || log.Counters["GET /things"] != keptCalls+1 {
		t.Errorf("counters = %v", log.Counters)
	}
	if len(log.Calls) != keptCalls {
		t.Errorf("%d calls are kept, want %d", len(log.Calls), keptCalls)
	}
	last := log.Calls[keptCalls-1]
	if last.Number != keptCalls+2 || last.Path != "/things" || last.Status != 200 || !last.Time.Equal(begin) {
		t.Errorf("the last call: %+v", last)
	}
	h.inside(h.door.ClearLog)
	if log := h.log(); len(log.Calls)+len(log.Counters) != 0 {
		t.Errorf("after clearing: %v", log)
	}
}

func TestWhatCannotBeKeptIsNotAnswered(t *testing.T) {
	h := newHouse(t)
	h.commitErr = errors.New("no space left")
	status, text, _, err := h.send(http.MethodPost, "/things", "")
	if err != nil || status != http.StatusInternalServerError || !strings.Contains(text, "no space left") {
		t.Errorf("%d %s, %v", status, text, err)
	}
}

func TestClock(t *testing.T) {
	h := newHouse(t)
	h.inside(func() { h.door.Shift(48 * time.Hour) })
	_, _, header, err := h.send(http.MethodGet, "/things", "")
	if err != nil {
		t.Fatal(err)
	}
	later := begin.Add(48 * time.Hour)
	if got := header.Get("Date"); got != later.Format(http.TimeFormat) {
		t.Errorf("Date = %s", got)
	}
	if !h.settled.Equal(later) {
		t.Errorf("settled at %s, want %s", h.settled, later)
	}
}

// A detour lets other calls in meanwhile.
func TestDetour(t *testing.T) {
	h := newHouse(t)
	serve := h.part.Serve
	h.part.Serve = func(c *Call) Reply {
		if c.Method != http.MethodPut {
			return serve(c)
		}
		return Reply{Detour: func(context.Context) func(*Call) Reply {
			status, _, _, err := h.send(http.MethodPost, "/things", "")
			return func(*Call) Reply {
				if err != nil || status != http.StatusCreated {
					return Text(http.StatusInternalServerError, "the other call")
				}
				return JSON(http.StatusOK, h.things)
			}
		}}
	}
	status, text, _, err := h.send(http.MethodPut, "/things", "")
	if err != nil || status != http.StatusOK || text != "1" {
		t.Errorf("%d %s, %v", status, text, err)
	}
}

func TestAdmit(t *testing.T) {
	h := newHouse(t)
	inside := 0
	h.part.Admit = func(c *Call) (func(), *Reply) {
		if c.Method == http.MethodGet {
			no := Text(http.StatusTooManyRequests, "full")
			return nil, &no
		}
		inside++
		return func() { inside-- }, nil
	}
	if status, _, _, err := h.send(http.MethodGet, "/things", ""); err != nil || status != http.StatusTooManyRequests {
		t.Errorf("%d %v", status, err)
	}
	h.fault(Fault{Match: "POST /things", LostReply: true})
	_, _, _, _ = h.send(http.MethodPost, "/things", "")
	h.inside(func() {
		if inside != 0 {
			t.Errorf("%d calls are inside after a lost reply", inside)
		}
	})
	if h.log().Counters["GET /things"] != 1 {
		t.Error("a call that wasn't let in is not counted")
	}
}

func TestBounds(t *testing.T) {
	h := newHouse(t)
	if status, _, _, err := h.send(http.MethodPost, "/things", string(bytes.Repeat([]byte("x"), maxBody+1))); err != nil || status != http.StatusRequestEntityTooLarge {
		t.Errorf("too long a body: %d %v", status, err)
	}
	for range maxFaults {
		h.fault(Fault{Match: "GET /x", Status: 500})
	}
	h.inside(func() {
		if h.door.AddFault(Fault{Match: "GET /x", Status: 500}) {
			t.Error("there is no end to faults")
		}
	})
	if err := h.door.Close(); err != nil {
		t.Fatal(err)
	}
	if status, _, _, err := h.send(http.MethodGet, "/things", ""); err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("after Close: %d %v", status, err)
	}
}

func TestValidateFault(t *testing.T) {
	known := func(code string) bool { return code == "ErrorServerBusy" }
	for name, tt := range map[string]struct {
		fault Fault
		want  string // "": it is valid
	}{
		"a known code alone":    {Fault{Match: "GET /x", Code: "ErrorServerBusy"}, ""},
		"an unknown code alone": {Fault{Match: "GET /x", Code: "ErrorColour"}, "usual status"},
		"a code and a status":   {Fault{Match: "GET /x", Code: "ErrorColour", Status: 400}, ""},
		"no method":             {Fault{Match: "/x", Status: 500}, "a method and a path"},
		"a broken pattern":      {Fault{Match: "GET /[", Status: 500}, "a method and a path"},
		"nothing":               {Fault{Match: "GET /x"}, "nothing goes wrong"},
		"success":               {Fault{Match: "GET /x", Status: 204}, "not an error"},
		"an hour":               {Fault{Match: "GET /x", Delay: world.Duration(time.Hour)}, "delay"},
		"two ends":              {Fault{Match: "GET /x", Status: 500, LostReply: true}, "one way only"},
		"claims that aren't":    {Fault{Match: "GET /x", Status: 401, Claims: "{"}, "not JSON"},
		"a negative number":     {Fault{Match: "GET /x", Status: 500, Times: -1}, "negative"},
	} {
		err := tt.fault.Validate(known)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want something about %q", name, err, tt.want)
		}
	}
}
