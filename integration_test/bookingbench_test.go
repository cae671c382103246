package integration_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/onesgate/onesgate/integration_test/seed"
	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/badgerstore"
)

// office has so many rooms, which answer at once.
func office(rooms int) (func(*m365.Config), string) {
	var words strings.Builder
	for i := range rooms {
		fmt.Fprintf(&words, "room r%d r%d@contoso.example {\n time_zone Asia/Hong_Kong\n }\n", i, i)
	}
	return func(c *m365.Config) {
		c.Throttling.Requests = 10_000_000
		for i := range rooms {
			c.Tenants[0].Rooms = append(c.Tenants[0].Rooms, m365.Room{
				ID: fmt.Sprintf("r%d", i), Address: fmt.Sprintf("r%d@contoso.example", i), Name: fmt.Sprintf("Room %d", i), TimeZone: "Asia/Hong_Kong",
			})
		}
	}, words.String()
}

// quarter is the n-th of the quarters of an hour from tomorrow on, in some room.
func quarter(room, n int) map[string]any {
	begin := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1).Add(time.Duration(n) * 15 * time.Minute)
	return map[string]any{
		"room": fmt.Sprintf("r%d", room), "subject": "Quarterly review",
		"start": begin.Format(time.RFC3339), "end": begin.Add(15 * time.Minute).Format(time.RFC3339),
	}
}

// A tape keeps what a gateway sends to Graph.
type tape struct {
	microsoft http.Handler
	mu        sync.Mutex
	calls     []*http.Request
	bodies    []string
}

// ServeHTTP implements http.Handler.
func (t *tape) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/v1.0/") {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		t.mu.Lock()
		t.calls, t.bodies = append(t.calls, r), append(t.bodies, string(body))
		t.mu.Unlock()
	}
	t.microsoft.ServeHTTP(w, r)
}

func (t *tape) take() (calls []*http.Request, bodies []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	calls, bodies = t.calls, t.bodies
	t.calls, t.bodies = nil, nil
	return calls, bodies
}

// millis is the median in milliseconds.
func millis(d []time.Duration) float64 { return median(d) / 1000 }

// BenchmarkBooking is one booking after the other, until the room has accepted; beside it
// the same calls of Graph, sent by the same caller, and a durable commit of the same size
// on the same disk. Caller, gateway and simulator are three processes.
func BenchmarkBooking(b *testing.B) {
	rooms, words := office(20)
	w := newWorld(b, rooms)
	tape := &tape{microsoft: w.microsoft.Config.Handler}
	w.microsoft.Config.Handler = tape
	w.write(map[string]any{"Rooms": words})
	w.gateway()
	newVisitor(b, w.home).signIn(alice)
	ones, caller := newVisitor(b, fmt.Sprintf("http://127.0.0.1:%d", w.service)), newCaller(b)
	var through, itself, calls []time.Duration
	n := 0
	for b.Loop() {
		req := ones.request(http.MethodPost, "/v1/bookings", quarter(n%20, n/20), "Authorization", "Bearer "+serviceToken, "Ones-Act-As", alice, "Prefer", "wait=30")
		n++
		tape.take()
		_, took := caller.send(req)
		through = append(through, took)
		sent, bodies := tape.take()
		calls = append(calls, time.Duration(len(sent))*time.Millisecond)
		var alone time.Duration
		for i, call := range sent {
			body := bodies[i]
			if _, after, ok := strings.Cut(body, `"transactionId":"`); ok {
				body = strings.Replace(body, after[:36], uuid.NewString(), 1)
			}
			again := ones.request(call.Method, w.microsoft.URL+call.URL.RequestURI(), body)
			again.Header = call.Header.Clone()
			_, took := caller.send(again)
			alone += took
		}
		itself = append(itself, alone)
	}
	s, err := badgerstore.Open(badgerstore.Options{Dir: b.TempDir(), MinFree: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var commits []time.Duration
	for i := range 200 {
		began := time.Now()
		if _, err := s.Commit(b.Context(), store.Write{Key: fmt.Sprint(i), Value: make([]byte, 1500)}); err != nil {
			b.Fatal(err)
		}
		commits = append(commits, time.Since(began))
	}
	b.ReportMetric(millis(through), "ms/booking")
	b.ReportMetric(millis(itself), "ms/calls-directly")
	b.ReportMetric(millis(commits), "ms/commit")
	b.ReportMetric(millis(through)-millis(itself)-millis(commits), "ms-added")
	b.ReportMetric(millis(calls), "calls/booking")
}

// BenchmarkBookings is many bookings at once, by 500 people in 200 rooms, until all rooms
// have accepted. The simulator takes its part of the two cores.
func BenchmarkBookings(b *testing.B) {
	const people, callers = 500, 64
	rooms, words := office(200)
	w := newWorld(b, rooms, staff(people))
	w.write(map[string]any{"Rooms": words})
	w.gateway()
	for i := range people {
		newVisitor(b, w.home).signIn(employee(i))
	}
	transport := &http.Transport{MaxIdleConnsPerHost: callers}
	defer transport.CloseIdleConnections()
	ones := newVisitor(b, fmt.Sprintf("http://127.0.0.1:%d", w.service))
	ones.client.Transport = transport
	var next atomic.Int64
	var took [callers][]time.Duration
	var working sync.WaitGroup
	b.ResetTimer()
	for c := range callers {
		working.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= b.N {
					return
				}
				began := time.Now()
				a, err := ones.try(ones.request(http.MethodPost, "/v1/bookings", quarter(n%200, n/200), "Authorization", "Bearer "+serviceToken,
					"Ones-Act-As", employee(n%people), "Prefer", "wait=30"))
				if err != nil || a.StatusCode != http.StatusCreated {
					b.Errorf("%v %v", err, a)
					return
				}
				took[c] = append(took[c], time.Since(began))
			}
		})
	}
	working.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "bookings/s")
	b.ReportMetric(millis(slices.Concat(took[:]...)), "ms/booking")
}

// BenchmarkRecovery is the start of a gateway that finds 1,000,000 bookings that are over
// and 10,000 that are open and due: until it answers, and until it has asked Microsoft
// about the first of these. At its first start the store still sorts what was written into it at
// once (a compaction); later starts are as any.
func BenchmarkRecovery(b *testing.B) {
	const finished, open = 1_000_000, 10_000
	rooms, words := office(200)
	w := newWorld(b, rooms)
	w.write(map[string]any{"Rooms": words})
	p := w.gateway()
	newVisitor(b, w.home).signIn(alice)
	for room, want := range []int{http.StatusCreated, http.StatusAccepted} {
		if want == http.StatusAccepted {
			w.sim(http.MethodPost, "/_sim/faults", map[string]any{"match": "GET /v1.0/me/events/*", "status": 503})
		}
		if a := w.serve(http.MethodPost, "/v1/bookings", quarter(room, 0), "Ones-Act-As", alice, "Prefer", fmt.Sprintf("wait=%d", 60-59*room)); a.StatusCode != want {
			b.Fatalf("%d %s", a.StatusCode, a.body)
		}
	}
	p.kill()
	dir := filepath.Join(w.dir, "store")
	s, err := badgerstore.Open(badgerstore.Options{Dir: dir, MinFree: 1})
	if err != nil {
		b.Fatal(err)
	}
	samples, err := s.Scan(b.Context(), "booking/", "", 10)
	if err != nil || len(samples) != 2 {
		b.Fatal(len(samples), err)
	}
	for _, sample := range samples {
		n := finished
		if !bytes.Contains(sample.Value, []byte(`"status":"confirmed"`)) {
			n = open
		}
		if err := seed.Bookings(b.Context(), s, sample, n); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	var ready, asked []time.Duration
	var memory []int64
	for b.Loop() {
		w.sim(http.MethodDelete, "/_sim/calls", nil)
		began := time.Now()
		p := w.gateway()
		ready = append(ready, time.Since(began))
		for w.received("/me/events/{") == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		asked = append(asked, time.Since(began))
		time.Sleep(5 * time.Second)
		memory = append(memory, anonymous(b, p)>>20)
		p.stop()
	}
	b.ReportMetric(millis(ready), "ms-until-ready")
	b.ReportMetric(millis(asked), "ms-until-the-first-is-asked-about")
	b.ReportMetric(float64(memory[0]), "MiB-anonymous-at-first")
	if later := memory[1:]; len(later) > 0 {
		b.ReportMetric(float64(slices.Max(later)), "MiB-anonymous-later")
	}
}

// anonymous is the memory of a process that is not of files, in bytes.
func anonymous(b *testing.B, p *process) int64 {
	b.Helper()
	bytes, err := anonymousOf(p.cmd.Process.Pid)
	if err != nil {
		b.Fatal(err)
	}
	return bytes
}

// anonymousOf is anonymous of a process that may be dead.
func anonymousOf(pid int) (bytes int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	_, err = fmt.Sscan(rest, &bytes)
	return bytes << 10, err
}
