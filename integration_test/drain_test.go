package integration_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// heldAt has a server hold requests to a path until they are let go. Each that
// arrives is told.
func heldAt(handler *http.Handler, method, path string) (arrived chan struct{}, letGo func()) {
	arrived, gate := make(chan struct{}, 16), make(chan struct{})
	next := *handler
	*handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == method && r.URL.Path == path {
			arrived <- struct{}{}
			<-gate
		}
		next.ServeHTTP(w, r)
	})
	return arrived, sync.OnceFunc(func() { close(gate) })
}

// firstHeld has the first creation of an event stand still until it is let go.
func firstHeld(handler *http.Handler) (arrived chan struct{}, letGo func()) {
	arrived, gate := make(chan struct{}), make(chan struct{})
	var first sync.Once
	next := *handler
	*handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/v1.0/me/events" {
			first.Do(func() {
				close(arrived)
				<-gate
			})
		}
		next.ServeHTTP(w, r)
	})
	return arrived, sync.OnceFunc(func() { close(gate) })
}

// draining has the Caddyfile bound a shutdown as the production example does.
func draining(grace string) map[string]any { return map[string]any{"Global": "grace_period " + grace} }

// refused waits until nothing listens at a port any more.
func refused(t *testing.T, port int) {
	t.Helper()
	within(t, "the end of the listener", func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			conn.Close()
			return false
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
}

// SIGTERM: what is under way ends well, of people and of ONES; what is new is
// refused at the door; whoever only waits is not waited for; and the exit status
// is 0 long before the grace period is over.
func TestTerminatedWhileServing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	live := liveONES(w)
	pages, letPages := heldAt(&w.ones.Config.Handler, http.MethodGet, "/slow")
	t.Cleanup(letPages)
	events, letEvents := heldAt(&w.microsoft.Config.Handler, http.MethodPost, "/v1.0/me/events")
	t.Cleanup(letEvents)
	w.write(draining("10m"))
	p := w.gateway()
	v := newVisitor(t, w.home)
	v.signIn(alice)
	socket := v.socket()

	var asking sync.WaitGroup
	ask := func(what string, status int, call func() (answer, error)) {
		asking.Go(func() {
			if a, err := call(); err != nil || a.StatusCode != status {
				t.Errorf("%s: %v %v %s", what, err, a.Response, a.body)
			}
		})
	}
	page := v.request(http.MethodGet, "/slow", nil)
	ask("a page", http.StatusOK, func() (answer, error) { return v.try(page) })
	<-pages
	booking := v.request(http.MethodPost, "/api/m365/v1/bookings", meeting("boardroom", 5, 9), "Origin", w.home, "Prefer", "wait=30")
	ask("a booking", http.StatusCreated, func() (answer, error) { return v.try(booking) })
	<-events
	ones := newVisitor(t, fmt.Sprintf("http://127.0.0.1:%d", w.service))
	cursor := w.serve(http.MethodGet, "/v1/changes", nil).json(t)["next_cursor"].(string)
	changes := ones.request(http.MethodGet, "/v1/changes?wait=30&cursor="+cursor, nil, "Authorization", "Bearer "+serviceToken)
	ask("ONES, which waits for changes", http.StatusOK, func() (answer, error) { return ones.try(changes) })
	within(t, "the gateway at the call for changes", func() bool {
		return strings.Contains(w.admin("/debug/pprof/goroutine?debug=1"), "booking.(*Service).Changes")
	})

	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	refused(t, w.port)
	refused(t, w.service)
	select {
	case <-p.exited:
		t.Fatal("the gateway has ended while requests were under way")
	default:
	}
	letPages()
	letEvents()
	asking.Wait()
	if status := p.wait(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if _, err := io.Copy(io.Discard, socket); err != nil {
		t.Errorf("the WebSocket: %v", err)
	}
	if at := <-live; at != "socket" {
		t.Errorf("ONES was left by %s", at)
	}
	if p.told("graceful shutdown") != 0 {
		t.Error("the grace period ran out")
	}
	if n := w.eventsNamed(alice, "Quarterly review"); n != 1 {
		t.Errorf("%d events, want one", n)
	}
}

// A call to Microsoft that outlasts the grace period: the process ends all the
// same, without an error, and what was accepted is in the calendar exactly once
// after the restart, whether Microsoft has carried out the cut call or not.
func TestTerminatedWhileMicrosoftIsSlow(t *testing.T) {
	t.Parallel()
	for name, reaches := range map[string]bool{"carried out": true, "lost": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			arrived, gate := make(chan struct{}), make(chan struct{})
			var first sync.Once
			microsoft := w.microsoft.Config.Handler
			w.microsoft.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				cut := false
				if r.Method == http.MethodPost && r.URL.Path == "/v1.0/me/events" {
					first.Do(func() {
						body, err := io.ReadAll(r.Body)
						if err != nil {
							t.Error(err)
						}
						r.Body = io.NopCloser(strings.NewReader(string(body)))
						close(arrived)
						<-gate
						cut = !reaches
					})
				}
				if !cut {
					microsoft.ServeHTTP(rw, r)
				}
			})
			open := sync.OnceFunc(func() { close(gate) })
			t.Cleanup(open)
			w.write(draining("1s"))
			p := w.gateway()
			newVisitor(t, w.home).signIn(alice)

			id := w.asks(alice, meeting("boardroom", 1, 10))
			<-arrived
			if status := p.stop(); status != 0 {
				t.Errorf("exit status %d:\n%s", status, p.errors())
			}
			open()
			w.gateway()
			w.until(id, confirmed)
			for mailbox, want := range map[string]int{alice: 1, "boardroom@contoso.example": 1} {
				if n := w.eventsNamed(mailbox, "Quarterly review"); n != want {
					t.Errorf("%d events at %s, want %d", n, mailbox, want)
				}
			}
		})
	}
}

// Behind a load balancer: for shutdown_delay, readyz says that the gateway is
// going, as the command for health checks does; healthz that it lives; and whoever
// still comes is served.
func TestTerminatedBehindALoadBalancer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(map[string]any{"Global": "grace_period 30s\n\tshutdown_delay 10s"})
	p := w.gateway()
	v := newVisitor(t, w.home)
	v.signIn(alice)
	ready := func() (string, int) {
		return command(t, nil, "ones", "ready", "--address", "unix/"+w.dir+"/admin.sock")
	}
	if out, status := ready(); status != 0 || out != "ready\n" {
		t.Errorf("ones ready: %d %s", status, out)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	within(t, "the gateway that says it is going", func() bool {
		a := v.call(http.MethodGet, "/.ones/readyz", nil)
		return a.StatusCode == http.StatusServiceUnavailable && a.json(t)["code"] == "not_ready"
	})
	if out, status := ready(); status != 1 || !strings.Contains(out, "the gateway is stopping") {
		t.Errorf("ones ready: %d %s", status, out)
	}
	for path, want := range map[string]int{"/.ones/healthz": http.StatusOK, "/": http.StatusOK} {
		if a := v.call(http.MethodGet, path, nil); a.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, a.StatusCode, want)
		}
	}
	if a := v.call(http.MethodPost, "/api/m365/v1/bookings", meeting("boardroom", 3, 9), "Prefer", "wait=30"); a.StatusCode != http.StatusCreated {
		t.Errorf("a booking: %d %s", a.StatusCode, a.body)
	}
	if status := p.wait(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// The service manager is told that the gateway is ready, each time it reloads, that
// a reload has failed, and that it stops: Type=notify of systemd.
func TestServiceManagerIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := w.write(nil)
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	said := func(want ...string) {
		t.Helper()
		for _, prefix := range want {
			_ = socket.SetReadDeadline(time.Now().Add(patience))
			b := make([]byte, 4096)
			n, err := socket.Read(b)
			if err != nil || !strings.HasPrefix(string(b[:n]), prefix) {
				t.Fatalf("told %q, %v, want %s", b[:n], err, prefix)
			}
		}
	}
	p := start(t, append(w.env(), "NOTIFY_SOCKET="+path), "run", "--config", file)
	said("RELOADING=1", "READY=1") // the first configuration is a load like any
	w.ready(p)
	reload := func() int {
		_, status := command(t, w.env(), "reload", "--config", file, "--force")
		return status
	}
	if status := reload(); status != 0 {
		t.Errorf("reload: %d", status)
	}
	said("RELOADING=1", "READY=1")
	w.write(map[string]any{"MinFree": "32MiB"})
	if status := reload(); status == 0 {
		t.Error("a configuration that can't be taken was taken")
	}
	said("RELOADING=1", "STATUS=", "READY=1")
	if status := p.stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	said("STOPPING=1")
}
