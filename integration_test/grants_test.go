package integration_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/badgerstore"
	"github.com/onesgate/onesgate/internal/store/pgstore"
)

// What the log says once of an integration whose secret has expired, and of a grant
// that is lost.
const (
	alarm   = "Microsoft gives no tokens to the integration"
	allGood = "Microsoft gives tokens to the integration again"
	lost    = "a connection was refused by Microsoft"
)

// staff has so many more people work there.
func staff(n int) func(*m365.Config) {
	return func(c *m365.Config) {
		for i := range n {
			c.Tenants[0].People = append(c.Tenants[0].People, m365.Person{
				ID: fmt.Sprintf("57aff000-0000-4000-8000-%012d", i), Name: fmt.Sprintf("Person %d", i), Mail: employee(i),
			})
		}
	}
}

func employee(i int) string { return fmt.Sprintf("person%d@contoso.example", i) }

// received counts the calls that Microsoft got, by a part of their pattern.
func (w *world) received(pattern string) int {
	w.t.Helper()
	n := 0
	for p, count := range w.sim(http.MethodGet, "/_sim", nil)["counters"].(map[string]any) {
		if strings.Contains(p, pattern) {
			n += int(count.(float64))
		}
	}
	return n
}

// told counts how often the log says something.
func (p *process) told(text string) int { return strings.Count(p.errors(), text) }

// grants returns the records of all grants in a store.
func grants(t *testing.T, s store.Store) (all []storedGrant) {
	t.Helper()
	if err := s.Snapshot(t.Context(), func(r store.Record) error {
		if !strings.HasPrefix(r.Key, "grant/") {
			return nil
		}
		var g storedGrant
		err := json.Unmarshal(r.Value, &g)
		all = append(all, g)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

type storedGrant struct {
	State    string
	Sealed   []byte
	Refusals int
}

// forgetAccess drops all access tokens from a store that no gateway uses, as if
// they had ended.
func forgetAccess(t testing.TB, s store.Store) {
	t.Helper()
	tokens, err := s.Scan(t.Context(), "grant-access/", "", 10_000)
	if err != nil || len(tokens) == 0 {
		t.Fatalf("there are %d access tokens: %v", len(tokens), err)
	}
	for _, token := range tokens {
		if _, err := s.Commit(t.Context(), store.Write{Op: store.Delete, Key: token.Key}); err != nil {
			t.Fatal(err)
		}
	}
}

// ended has all access tokens end while the gateway stands still, and something
// happen meanwhile. It returns the gateway that goes on.
func (w *world) ended(p *process, meanwhile func()) *process {
	w.t.Helper()
	p.stop()
	s, err := badgerstore.Open(badgerstore.Options{Dir: filepath.Join(w.dir, "store"), MinFree: 1})
	if err != nil {
		w.t.Fatal(err)
	}
	forgetAccess(w.t, s)
	if err := s.Close(); err != nil {
		w.t.Fatal(err)
	}
	meanwhile()
	return w.gateway()
}

func (c *cluster) store(t *testing.T) store.Store {
	t.Helper()
	s, err := pgstore.Open(t.Context(), pgstore.Options{URL: strings.TrimPrefix(c.values["Store"].(string), "postgres ")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// until asks for a booking until it is as wanted.
func (w *world) until(id string, want func(b map[string]any) bool) map[string]any {
	w.t.Helper()
	var b map[string]any
	within(w.t, "the booking "+id, func() bool {
		a := w.serve(http.MethodGet, "/v1/bookings/"+id, nil)
		b = a.json(w.t)
		return a.StatusCode == http.StatusOK && want(b)
	})
	return b
}

// waits says that a booking has been tried in vain.
func waits(b map[string]any) bool { return b["reason"] != nil }

func confirmed(b map[string]any) bool { return b["status"] == "confirmed" }

// asks has a booking made for somebody, which is accepted, and returns its id.
func (w *world) asks(mail string, meeting map[string]any) string {
	w.t.Helper()
	a := w.serve(http.MethodPost, "/v1/bookings", meeting, "Ones-Act-As", mail, "Prefer", "respond-async")
	if a.StatusCode != http.StatusAccepted {
		w.t.Fatalf("booking for %s: %d %s", mail, a.StatusCode, a.body)
	}
	return a.json(w.t)["id"].(string)
}

// A secret that expires stops everybody, and costs nobody their grant: once it is
// mended, at Microsoft or in the Caddyfile, all goes on and nobody signs in again.
func TestExpiredSecret(t *testing.T) {
	t.Parallel()
	const (
		people  = 1000
		bookers = 40
	)
	c := newCluster(t, staff(people))
	w, p := c.next()
	s := c.store(t)
	visitors := make([]*visitor, people)
	for i := range visitors {
		visitors[i] = newVisitor(t, w.home)
		visitors[i].signIn(employee(i))
	}
	signIns := w.received("/authorize")
	if signIns < people {
		t.Fatalf("%d people have signed in, want %d", signIns, people)
	}
	client := m365.Sample().Tenants[0].Apps[0].ClientID

	// expires lets the secret and all tokens expire while many bookings are on their
	// way.
	expires := func(room string) (bookings []string) {
		t.Helper()
		w.sim(http.MethodPost, "/_sim/faults", map[string]any{"match": "POST /v1.0/me/events", "status": 503})
		for i := range bookers {
			bookings = append(bookings, w.asks(employee(i), meeting(room, 2+i/8, 9+i%8)))
		}
		p.stop()
		forgetAccess(t, s)
		w.sim(http.MethodPost, "/_sim/secrets", map[string]any{"client_id": client, "expire": w.secret})
		w.sim(http.MethodDelete, "/_sim/faults", nil)
		p = w.gateway()
		// The first of the room's line is tried, and those behind it wait for it.
		refused := -1
		within(t, "the word of the one that is tried", func() bool {
			for i, id := range bookings {
				b := w.serve(http.MethodGet, "/v1/bookings/"+id, nil).json(t)
				if b["status"] != "accepted" {
					t.Errorf("a booking that waits: %s", pretty(b))
				}
				if reason, _ := b["reason"].(string); strings.Contains(reason, "its operator has to look at it") {
					refused = i
				}
			}
			return refused >= 0
		})
		if u := w.serve(http.MethodGet, "/v1/users/"+employee(refused), nil).json(t); u["connection"] != "unavailable" || u["login_url"] != nil {
			t.Errorf("ONES is told %s", pretty(u))
		}
		for i, v := range visitors {
			want := "connected" // nobody has asked for them
			if i < bookers {
				continue // for some of them
			}
			if a := v.call(http.MethodGet, "/", nil); a.body != "ones" || w.lastSeen().Header.Get("X-Ones-Connection") != want {
				t.Errorf("%s: %d, %s, want %s", employee(i), a.StatusCode, w.lastSeen().Header.Get("X-Ones-Connection"), want)
			}
		}
		a := w.serve(http.MethodPost, "/v1/bookings", meeting("harbour", 30, 9), "Ones-Act-As", employee(people-1))
		if a.StatusCode != http.StatusServiceUnavailable || a.json(t)["code"] != "integration_down" {
			t.Errorf("a new booking: %d %s", a.StatusCode, a.body)
		}
		if n := p.told(alarm); n != 1 {
			t.Errorf("%d alarms, want 1", n)
		}
		if n := p.told(lost); n != 0 {
			t.Errorf("%d grants are told to be lost", n)
		}
		all := grants(t, s)
		if len(all) != people {
			t.Errorf("%d grants, want %d", len(all), people)
		}
		for _, g := range all {
			if g.State != "connected" || len(g.Sealed) == 0 || g.Refusals != 0 {
				t.Errorf("a grant is %s now, with a token of %d bytes, refused %d times", g.State, len(g.Sealed), g.Refusals)
			}
		}
		return bookings
	}
	mended := func(bookings []string) {
		t.Helper()
		within(t, "the end of the alarm", func() bool { return p.told(allGood) == p.told(alarm) })
		for i, id := range bookings {
			w.until(id, confirmed)
			visitors[i].call(http.MethodGet, "/", nil)
			if got := w.lastSeen().Header.Get("X-Ones-Connection"); got != "connected" {
				t.Errorf("%s is %s", employee(i), got)
			}
		}
		if n := w.received("/authorize"); n != signIns {
			t.Errorf("%d people have signed in again", n-signIns)
		}
	}

	waiting := expires("boardroom")
	w.sim(http.MethodPost, "/_sim/secrets", map[string]any{"client_id": client, "value": w.secret})
	mended(waiting)

	waiting = expires("harbour")
	const another = "another-secret~of-this-test"
	w.sim(http.MethodPost, "/_sim/secrets", map[string]any{"client_id": client, "value": another})
	c.values["Credentials"] = "client_secret " + another + " 2099-01-01"
	file := w.write(c.values)
	if out, status := command(t, w.env(), "reload", "--config", file, "--adapter", "caddyfile", "--address", "unix/"+w.dir+"/admin.sock"); status != 0 {
		t.Fatalf("reload: %s", out)
	}
	mended(waiting)
}

// However many gateways want somebody's token, Microsoft is asked for it once.
func TestTwoGatewaysRefreshOnce(t *testing.T) {
	t.Parallel()
	const people = 50
	c := newCluster(t, staff(people))
	first, firstProcess := c.next()
	for i := range people {
		newVisitor(t, first.home).signIn(employee(i))
	}
	firstProcess.stop()
	forgetAccess(t, c.store(t))
	first.gateway()
	second, _ := c.next()
	c.sim(http.MethodDelete, "/_sim/calls", nil)

	var wg sync.WaitGroup
	for n := range 4 * people {
		w := []*world{first, second}[n%2]
		wg.Go(func() {
			ones := newVisitor(t, fmt.Sprintf("http://127.0.0.1:%d", w.service))
			a, err := ones.try(ones.request(http.MethodGet, "/v1/rooms/boardroom/schedule", nil,
				"Authorization", "Bearer "+serviceToken, "Ones-Act-As", employee(n/4)))
			if err != nil || a.StatusCode != http.StatusOK {
				t.Errorf("%s: %v, %v", employee(n/4), err, a)
			}
		})
	}
	wg.Wait()
	if n := c.received("/token"); n != people {
		t.Errorf("%d token calls for %d people", n, people)
	}
}

// within waits until something is so. A booking waits up to a minute between two
// tries.
func within(t testing.TB, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * patience); !so(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come", what)
		}
		time.Sleep(50 * time.Millisecond) // between two looks at another process
	}
}
