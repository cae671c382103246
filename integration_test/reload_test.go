package integration_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// reloads is how often the gateway is reloaded; ONESGATE_RELOADS is another
// number, for a soak.
func reloads(t *testing.T) int {
	t.Helper()
	text := os.Getenv("ONESGATE_RELOADS")
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("ONESGATE_RELOADS=%q is not a number of reloads", text)
	}
	return n
}

// openLocks counts how often a process has the lock of the store open: once for
// each database.
func openLocks(t *testing.T, pid int) int {
	t.Helper()
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && strings.HasSuffix(to, "LOCK.onesgate") {
			n++
		}
	}
	return n
}

// A load is people and ONES' server using the gateway all the time. Nothing of
// theirs may fail.
type load struct {
	t     *testing.T
	over  chan struct{}
	users sync.WaitGroup
	calls atomic.Int64
}

// use calls again and again until the load is over.
func (l *load) use(name string, call func(n int) error) {
	l.users.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-l.over:
				return
			default:
			}
			if err := call(n); err != nil {
				l.t.Errorf("%s, call %d: %v", name, n, err)
				return
			}
			l.calls.Add(1)
		}
	})
}

func wants(a answer, status int) error {
	if a.StatusCode != status {
		return fmt.Errorf("%d %s, want %d", a.StatusCode, a.body, status)
	}
	return nil
}

// A gateway that is reloaded again and again refuses nothing, and has one
// database open throughout, whatever the configuration is worth.
func TestReloadUnderLoad(t *testing.T) {
	w := newWorld(t)
	file := w.write(nil)
	p := w.gateway()
	l := &load{t: t, over: make(chan struct{})}
	for i, mail := range []string{alice, bob} {
		v := newVisitor(t, w.home)
		v.signIn(mail)
		l.use(mail+" looks at a page", func(int) error { return wants(v.call(http.MethodGet, "/", nil), http.StatusOK) })
		l.use(mail+" books and cancels", func(n int) error {
			a := v.call(http.MethodPost, "/api/m365/v1/bookings", meeting("boardroom", 2+n%40, 8+2*i), "Prefer", "wait=30")
			if err := wants(a, http.StatusCreated); err != nil {
				return err
			}
			return wants(v.call(http.MethodDelete, "/api/m365/v1/bookings/"+a.json(t)["id"].(string), nil), http.StatusOK)
		})
	}
	l.use("ONES' server looks at the rooms", func(int) error {
		return wants(w.serve(http.MethodGet, "/v1/rooms", nil), http.StatusOK)
	})
	for round := range reloads(t) {
		bad := round%5 == 4
		change := map[string]any{"Label": fmt.Sprintf("Sign in, %d", round)}
		if bad {
			change["MinFree"] = "32MiB"
		}
		w.write(change)
		out, status := command(t, w.env(), "reload", "--config", file, "--adapter", "caddyfile", "--address", "unix/"+w.dir+"/admin.sock")
		if bad == (status == 0) {
			t.Errorf("reload %d: %d %s", round, status, out)
		}
		if n := openLocks(t, p.cmd.Process.Pid); n != 1 {
			t.Errorf("after reload %d %d databases are open, want 1", round, n)
		}
	}
	close(l.over)
	l.users.Wait()
	if p.stop() != 0 {
		t.Errorf("stopped with %d:\n%s", p.cmd.ProcessState.ExitCode(), p.errors())
	}
	t.Logf("%d reloads, %d calls", reloads(t), l.calls.Load())
}
