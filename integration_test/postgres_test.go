package integration_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store/pgtest"
)

// A cluster is gateways that share a database. All have one public address, as
// behind a load balancer; here each is asked at its own.
type cluster struct {
	*world // of the first, whose address is the public one
	server *pgtest.Server
	values map[string]any
	others int
}

func newCluster(t testing.TB, change ...func(*m365.Config)) *cluster {
	t.Helper()
	server, err := pgtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	w := newWorld(t, change...)
	keyset := filepath.Join(w.dir, "shared-keyset.json")
	if _, err := seal.Create(keyset); err != nil {
		t.Fatal(err)
	}
	return &cluster{world: w, server: server, values: map[string]any{
		"Store": "postgres " + server.Database(t), "Keyset": keyset, "Home": w.home,
	}}
}

// next starts another gateway and returns it with its own address.
func (c *cluster) next() (*world, *process) {
	c.t.Helper()
	w := c.world
	if c.others++; c.others > 1 {
		another := &world{
			t: c.t, dir: c.t.TempDir(), host: c.host, port: freePort(c.t), service: freePort(c.t), microsoft: c.microsoft, issuer: c.issuer,
			secret: c.secret, ones: c.ones,
		}
		another.home = fmt.Sprintf("http://localhost:%d", another.port)
		w = another
	}
	w.write(c.values)
	return w, w.gateway()
}

// at asks one gateway, as a page of the public address does.
func (v *visitor) at(w *world, public, method, path string, body any, headers ...string) answer {
	v.t.Helper()
	return v.send(v.request(method, w.home+path, body, append([]string{"Origin", public}, headers...)...))
}

func TestTwoGatewaysOnOneDatabase(t *testing.T) {
	c := newCluster(t)
	first, firstProcess := c.next()
	second, _ := c.next()
	v := newVisitor(t, first.home)
	v.signIn(alice)
	if a := v.at(second, c.home, http.MethodGet, "/", nil); a.StatusCode != http.StatusOK || a.body != "ones" {
		t.Fatalf("signed in at the first, the second answers %d %s", a.StatusCode, a.body)
	}

	// However often and wherever ONES asks, it is one booking.
	var wg sync.WaitGroup
	for n := range 8 {
		w := []*world{first, second}[n%2]
		wg.Go(func() {
			caller := newVisitor(t, fmt.Sprintf("http://127.0.0.1:%d", w.service))
			a, err := caller.try(caller.request(http.MethodPost, "/v1/bookings", meeting("boardroom", 1, 10),
				"Authorization", "Bearer "+serviceToken, "Ones-Act-As", alice, "Idempotency-Key", "one", "Prefer", "wait=30"))
			if err != nil || a.StatusCode/100 != 2 {
				t.Errorf("booking: %v, %d %s", err, a.StatusCode, a.body)
			}
		})
	}
	wg.Wait()
	if n := c.eventsNamed(alice, "Quarterly review"); n != 1 {
		t.Errorf("alice's calendar has %d events, want 1", n)
	}

	// Signed out at one, signed out at the other.
	leaving := newVisitor(t, first.home)
	leaving.signIn(bob)
	if a := leaving.at(second, c.home, http.MethodGet, "/.ones/me", nil); a.StatusCode != http.StatusOK {
		t.Fatalf("bob at the second: %d %s", a.StatusCode, a.body)
	}
	cookies := leaving.client.Jar.Cookies(leaving.request(http.MethodGet, "/", nil).URL)
	if a := leaving.call(http.MethodPost, "/.ones/logout", nil); a.StatusCode >= http.StatusBadRequest {
		t.Fatalf("signing out: %d %s", a.StatusCode, a.body)
	}
	stolen := newVisitor(t, second.home) // the cookie is gone from the browser, but not from the world
	stolen.client.Jar.SetCookies(stolen.request(http.MethodGet, "/", nil).URL, cookies)
	for deadline := time.Now().Add(patience); stolen.at(second, c.home, http.MethodGet, "/.ones/me", nil).StatusCode != http.StatusUnauthorized; {
		if time.Now().After(deadline) {
			t.Fatal("signed out at the first, the session lives on at the second")
		}
	}

	// One is killed; the other goes on, with what both have, and with what the
	// first was at.
	c.sim(http.MethodPost, "/_sim/faults", map[string]any{"match": "POST /v1.0/me/events", "status": 503})
	open := v.call(http.MethodPost, "/api/m365/v1/bookings", meeting("harbour", 1, 14), "Prefer", "respond-async")
	if open.StatusCode != http.StatusAccepted {
		t.Fatalf("booking: %d %s", open.StatusCode, open.body)
	}
	id := open.json(t)["id"].(string)
	for deadline := time.Now().Add(patience); first.serve(http.MethodGet, "/v1/bookings/"+id, nil).json(t)["reason"] == nil; {
		if time.Now().After(deadline) {
			t.Fatal("the booking was never tried")
		}
	}
	firstProcess.kill()
	c.sim(http.MethodDelete, "/_sim/faults", nil)
	a := v.at(second, c.home, http.MethodPost, "/api/m365/v1/bookings", meeting("harbour", 1, 12), "Prefer", "wait=30")
	if a.StatusCode != http.StatusCreated {
		t.Errorf("after the first was killed: %d %s", a.StatusCode, a.body)
	}
	left := booked(t, func() answer {
		return second.serve(http.MethodGet, "/v1/bookings/"+id, nil)
	}, "accepted", "awaiting_room")
	if left["status"] != "confirmed" {
		t.Errorf("what the first was at: %s", pretty(left))
	}
}

// A gateway moves from its own disk to a database, as docs/scaling.md says, and back: nobody
// is let in, a backup is made and restored. Nothing is lost.
func TestMoveToPostgres(t *testing.T) {
	c := newCluster(t)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file, secret := filepath.Join(c.dir, "backup.age"), filepath.Join(c.dir, "key.txt")
	if err := os.WriteFile(secret, []byte(key.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.write(map[string]any{"Keyset": c.values["Keyset"]})
	before := c.gateway()
	v := newVisitor(t, c.home)
	v.signIn(alice)
	confirmed := v.call(http.MethodPost, "/api/m365/v1/bookings", meeting("boardroom", 2, 10), "Prefer", "wait=30")
	if confirmed.StatusCode != http.StatusCreated {
		t.Fatalf("booking: %d %s", confirmed.StatusCode, confirmed.body)
	}
	move := func(p *process, file string) {
		t.Helper()
		c.closes()
		if a := c.serve(http.MethodGet, "/v1/rooms", nil); a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") != "60" {
			t.Errorf("ONES, while the store moves: %d %s", a.StatusCode, a.body)
		}
		if a := v.page("/"); a.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("a page, while the store moves: %d %s", a.StatusCode, a.body)
		}
		c.succeeds(`\.age: .* encrypted`, "backup", "--recipient", key.Recipient().String(), "--output", file)
		if status := p.stop(); status != 0 {
			t.Errorf("stopped with %d", status)
		}
	}
	move(before, file)

	restore := []string{"restore", file, "--identity-file", secret}
	c.write(c.values)
	another := c.gateway()
	c.fails("the store is in use by the gateway on", restore...)
	another.stop()
	c.fails("the store is not empty", restore...)
	c.values["Store"] = "postgres " + c.server.Database(t)
	c.write(c.values)
	c.succeeds(`(?s)Restored into the postgres store postgres://.*1 person, 1 grant, 1 booking.*1 session`, restore...)

	moved := func(hour int) *process {
		t.Helper()
		p := c.gateway()
		c.succeeds(`gateway +.*, process \d+, `, "status")
		a := c.serve(http.MethodGet, "/v1/bookings/"+confirmed.json(t)["id"].(string), nil)
		if a.StatusCode != http.StatusOK || a.json(t)["status"] != "confirmed" {
			t.Errorf("the booking from before: %d %s", a.StatusCode, a.body)
		}
		a = c.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 3, hour), "Ones-Act-As", alice, "Prefer", "wait=30")
		if a.StatusCode != http.StatusCreated {
			t.Errorf("booking for alice with her grant of before: %d %s", a.StatusCode, a.body)
		}
		return p
	}
	shared := moved(9)

	back := filepath.Join(c.dir, "back.age")
	move(shared, back)
	c.write(map[string]any{"Keyset": c.values["Keyset"], "Store": "badger " + c.dir + "/back"})
	c.succeeds(`(?s)Restored into the badger store .*1 person, 1 grant, 2 bookings`, "restore", back, "--identity-file", secret)
	moved(11)
}

// closes has the gateway let nobody in, by a reload, and go on with what it has: each of its
// sites says for how long, as docs/scaling.md has it.
func (w *world) closes() {
	w.t.Helper()
	file := filepath.Join(w.dir, "Caddyfile")
	text, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	var closed string
	for _, b := range readFenced(w.t, "../docs/scaling.md") {
		if strings.Contains(b.text, "respond 503") {
			closed = b.text
		}
	}
	here := strings.NewReplacer("ones.contoso.com", fmt.Sprintf("http://localhost:%d", w.port), "http://:8090", fmt.Sprintf("http://127.0.0.1:%d", w.service)).Replace(closed)
	global, _, _ := strings.Cut(string(text), "\nhttp://")
	if err := os.WriteFile(file, []byte(global+"\n"+here), 0o600); err != nil {
		w.t.Fatal(err)
	}
	out, status := command(w.t, w.env(), "reload", "--config", file, "--adapter", "caddyfile", "--address", "unix/"+w.dir+"/admin.sock")
	if status != 0 || here == closed {
		w.t.Fatalf("reload: %d %s", status, out)
	}
}

// While the database is away people go on looking at pages, bookings are refused
// with when to try again, and afterwards all is as before.
func TestDatabaseAway(t *testing.T) {
	c := newCluster(t)
	w, p := c.next()
	v := newVisitor(t, w.home)
	v.signIn(alice)
	book := func(hour int) answer {
		return v.call(http.MethodPost, "/api/m365/v1/bookings", meeting("harbour", 1, hour), "Prefer", "wait=30")
	}
	if a := book(9); a.StatusCode != http.StatusCreated {
		t.Fatalf("booking: %d %s", a.StatusCode, a.body)
	}
	c.server.Crash()
	p.logs("the store can't be followed")
	if a := v.page("/"); a.StatusCode != http.StatusOK || a.body != "ones" {
		t.Errorf("a page without the database: %d %s", a.StatusCode, a.body)
	}
	if a := book(10); a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || a.json(t)["code"] != "store_unavailable" {
		t.Errorf("booking without the database: %d %v %s", a.StatusCode, a.Header, a.body)
	}
	c.fails("the store does not answer", "status")
	if err := c.server.Run(); err != nil {
		t.Fatal(err)
	}
	p.logs("the store can be followed again")
	if a := book(11); a.StatusCode != http.StatusCreated {
		t.Errorf("booking after that: %d %s", a.StatusCode, a.body)
	}
}
