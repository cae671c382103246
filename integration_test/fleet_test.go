package integration_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Three gateways on one database behind the balancer of docs/scaling.md, whatever happens to
// one of them. People who look at pages notice none of it.
func TestFleet(t *testing.T) {
	t.Parallel()
	upgraded := later(t)
	f := newFleet(t, staff(killPeople), quick)
	closed := liveONES(f.world)
	arrived, letGo := firstHeld(&f.microsoft.Config.Handler)
	t.Cleanup(letGo)
	people := []*visitor{newVisitor(t, f.home), newVisitor(t, f.home)}
	people[0].signIn(alice)
	people[1].signIn(bob)
	l := newLedger(f.world, killPeople, killRooms, rand.Uint64())

	id := f.killed(arrived, letGo, people)
	f.upgraded(upgraded, people)
	f.revoked(closed)
	f.stopped(l, people)
	f.cutOff(l, people)
	f.until(id, confirmed) // what the killed one was at, when its claim has run out, after 75 seconds
	l.check()
}

// killed: a gateway dies while it makes a booking. Its caller gets an error, asks once more,
// and it is the same booking. Whoever reads is answered by another gateway.
func (f *fleet) killed(arrived chan struct{}, letGo func(), people []*visitor) (id string) {
	t := f.t
	t.Helper()
	wanted := meeting("garden", 160, 10)
	wanted["subject"] = "in flight"
	ones := newVisitor(t, fmt.Sprintf("http://127.0.0.1:%d", f.service))
	book := func() (answer, error) {
		return ones.try(ones.request(http.MethodPost, "/v1/bookings", wanted, "Authorization", "Bearer "+serviceToken,
			"Ones-Act-As", employee(0), "Idempotency-Key", "in flight", "Prefer", "wait=1"))
	}
	load := f.looked(people...)
	f.read(load)
	answered := make(chan answer, 1)
	go func() {
		a, err := book()
		if err != nil {
			t.Errorf("the booking: %v", err)
		}
		answered <- a
	}()
	<-arrived
	victim := 0
	within(t, "the gateway that makes the booking", func() bool {
		for i, p := range f.processes {
			if p.told(`"msg":"booking","action":"create"`) == 1 {
				victim = i
				return true
			}
		}
		return false
	})
	f.processes[victim].kill()
	letGo()
	if a := <-answered; a.Response == nil || a.StatusCode != http.StatusBadGateway {
		t.Errorf("the killed gateway's booking: %v, want 502 of the balancer", a)
	}
	again, err := book()
	if err != nil || again.StatusCode/100 != 2 || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Fatalf("asked again: %v, %v", err, again)
	}
	f.processes[victim] = f.gateways[victim].launch()
	f.takesPart(victim)
	f.ended(load)
	return again.json(t)["id"].(string)
}

// later builds the binary as another version, which it calls after the last commit.
func later(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "onesgate")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=true", "-tags", "nobadger,nomysql,nopgx", "-o", file, "../cmd/onesgate")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

// upgraded: the gateways are upgraded and then restarted, one after the other, while people
// book and cancel, too. Nobody is refused anything, and nobody has to try twice. Gateways of
// both versions go on with each other's work.
func (f *fleet) upgraded(binary string, people []*visitor) {
	t := f.t
	t.Helper()
	load := f.looked(people...)
	f.read(load)
	for i, v := range people {
		load.use("somebody books and cancels", v.booksAndCancels(8+2*i))
	}
	replace := func(i int) {
		t.Helper()
		g := f.gateways[i]
		if status := f.processes[i].stop(); status != 0 {
			t.Errorf("gateway %d stopped with %d", i, status)
		}
		f.processes[i] = startAs(t, binary, g.env(), "run", "--config", filepath.Join(g.dir, "Caddyfile"), "--adapter", "caddyfile")
		f.takesPart(i)
	}
	replace(0)
	if out := f.gateways[1].succeeds(`onesgate +\(devel\)`, "status"); strings.Count(out, ", v") != 1 {
		t.Fatalf("one gateway of all is to be of another version:\n%s", out)
	}
	f.exchange(0, 1, employee(0), 161)
	f.exchange(1, 0, employee(1), 162)
	for _, i := range []int{1, 2, 0, 1, 2} {
		replace(i)
	}
	f.ended(load)
}

// exchange has one gateway read and go on with what another has written: a session, a
// person, a grant, a booking.
func (f *fleet) exchange(one, other int, mail string, days int) {
	t := f.t
	t.Helper()
	v := f.directly(newVisitor(t, f.home), one)
	v.signIn(mail)
	there := f.directly(v, other)
	if a := there.call(http.MethodGet, "/.ones/me", nil); a.StatusCode != http.StatusOK || a.json(t)["email"] != mail {
		t.Errorf("signed in at gateway %d, who is that at %d: %d %s", one, other, a.StatusCode, a.body)
	}
	wanted := meeting("harbour", days, 10)
	book := func(gateway int) answer {
		return f.gateways[gateway].as(mail, http.MethodPost, "/v1/bookings", wanted, "Idempotency-Key", "exchange", "Prefer", "wait=30")
	}
	made, again := book(one), book(other)
	if made.StatusCode != http.StatusCreated || again.StatusCode != http.StatusOK || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Fatalf("booked at gateway %d: %d %s; asked again at %d: %d %s", one, made.StatusCode, made.body, other, again.StatusCode, again.body)
	}
	at := "/v1/bookings/" + made.json(t)["id"].(string)
	longer := map[string]any{"end": meeting("harbour", days, 11)["end"]}
	if a := f.gateways[other].as(mail, http.MethodPatch, at, longer, "Prefer", "wait=30"); a.StatusCode != http.StatusOK {
		t.Errorf("prolonged at gateway %d: %d %s", other, a.StatusCode, a.body)
	}
	if a := f.gateways[one].as(mail, http.MethodDelete, at, nil, "Prefer", "wait=30"); a.StatusCode != http.StatusOK || a.json(t)["status"] != "cancelled" {
		t.Errorf("cancelled at gateway %d: %d %s", one, a.StatusCode, a.body)
	}
}

// revoked: what is open of a session ends at all gateways when an operator ends it at one,
// and none of them knows it after that.
func (f *fleet) revoked(closed chan string) {
	t := f.t
	t.Helper()
	var slowest time.Duration
	for round := range 10 {
		v := newVisitor(t, f.home)
		v.signIn(employee(2))
		sockets, ended := [len(f.gateways)]*stream{}, make(chan error)
		for i := range f.gateways {
			sockets[i] = f.directly(v, i).socket()
		}
		for _, s := range sockets {
			go func() {
				_, err := s.ReadByte()
				ended <- err
			}()
		}
		began := time.Now()
		if told := f.gateways[round%len(f.gateways)].tell(http.MethodPost, "/ones/sessions/revoke", `{"user":"`+employee(2)+`"}`); !strings.Contains(told, `"ended":`) {
			t.Fatalf("revoked: %s", told)
		}
		for range sockets {
			if err := <-ended; err == nil || strings.Contains(err.Error(), "timeout") {
				t.Errorf("a WebSocket of a session that has ended: %v", err)
			}
		}
		slowest = max(slowest, time.Since(began))
		for range sockets {
			<-closed // at ONES, too
		}
		for i := range f.gateways {
			if a := f.directly(v, i).call(http.MethodGet, "/.ones/me", nil); a.StatusCode != http.StatusUnauthorized {
				t.Errorf("gateway %d knows a session that has ended: %d %s", i, a.StatusCode, a.body)
			}
		}
	}
	t.Logf("a session ends at all gateways within %s of the call, the slowest of 10", slowest)
}

// booked has ONES' server book, prolong and cancel meanwhile. What isn't answered within
// 10 seconds, or with an error of the server's, it asks once more, and no third time: after
// Retry-After, when the balancer knows of the gateway.
func (f *fleet) booked(l *ledger, load *load, known chan struct{}) (again *atomic.Int64) {
	again = new(atomic.Int64)
	l.ones.client.Timeout = 10 * time.Second
	for range 4 {
		load.use("ONES' server books", func(int) error {
			o := l.next(int(f.round.Add(1)))
			if l.place(f.t.Context(), l.service(f.service), o) == nil {
				return nil
			}
			again.Add(1)
			<-known
			return l.place(f.t.Context(), l.service(f.service), o)
		})
	}
	return again
}

// stopped: a gateway stands still, with all that it was asked, and goes on later.
func (f *fleet) stopped(l *ledger, people []*visitor) {
	t := f.t
	t.Helper()
	load, known := f.looked(people...), make(chan struct{})
	f.read(load)
	again := f.booked(l, load, known)
	if err := f.processes[1].cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	f.leaves(1)
	close(known)
	f.ended(load) // what stands still is answered by another gateway
	if err := f.processes[1].cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	load = f.looked(people...)
	f.takesPart(1)
	f.ended(load)
	t.Logf("a gateway stood still: ONES asked again %d times", again.Load())
}

// cutOff: a gateway no longer reaches the database, and is not told so; then it does again.
// ONES' server is told by that gateway to come again, until the balancer knows.
func (f *fleet) cutOff(l *ledger, people []*visitor) {
	t := f.t
	t.Helper()
	for _, v := range people { // whom it knows without the database, too
		if err := f.directly(v, 2).looks(0); err != nil {
			t.Error(err)
		}
	}
	load, known := f.looked(people...), make(chan struct{})
	again := f.booked(l, load, known)
	f.cables[2].cut.Lock()
	mend := sync.OnceFunc(f.cables[2].cut.Unlock)
	t.Cleanup(mend)
	wanted := meeting("harbour", 163, 10)
	wanted["subject"] = "cut off"
	ask := func(service string) (answer, error) {
		ones := newVisitor(t, service)
		return ones.try(ones.request(http.MethodPost, "/v1/bookings", wanted, "Authorization", "Bearer "+serviceToken,
			"Ones-Act-As", employee(3), "Idempotency-Key", "cut off", "Prefer", "wait=30"))
	}
	var asking sync.WaitGroup
	asking.Go(func() { // past the balancer
		a, err := ask(fmt.Sprintf("http://%s:%d", f.gateways[2].host, f.gateways[2].service))
		if err != nil || a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
			t.Errorf("a booking without the database: %v, %v %s", err, a.Response, a.body)
		}
	})
	f.leaves(2)
	close(known)
	f.read(load)
	asking.Wait()
	if a, err := ask(fmt.Sprintf("http://127.0.0.1:%d", f.service)); err != nil || a.StatusCode/100 != 2 {
		t.Errorf("asked again: %v, %v %s", err, a.Response, a.body)
	}
	mend()
	f.takesPart(2)
	f.ended(load)
	t.Logf("a gateway was cut off: ONES asked again %d times", again.Load())
}
