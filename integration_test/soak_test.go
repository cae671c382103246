package integration_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
	"github.com/onesgate/onesgate/internal/store/pgtest"
)

// A pace is how fast a soak goes through what happens in it.
type pace struct {
	length time.Duration // then it ends with the round
	round  time.Duration // between two changes of the Caddyfile
	spell  time.Duration // how long one fault of Microsoft's lasts, at most
	calm   time.Duration // between two of them, at most
	sample time.Duration // between two looks at the process
	check  int           // rounds after which ONES' ledger is compared with the calendars, besides the end
	// patient: what one of two gateways was at when it was killed, or when PostgreSQL crashed, is
	// due again after 75 seconds only, for which the end has to wait. Who can't doesn't kill one of
	// two, and lets PostgreSQL crash when nobody is at anything; others go through that.
	patient bool
}

// short is what is part of every run of the tests: each kind of trouble once, so that the
// soak itself can't rot.
var short = pace{length: 12 * time.Second, round: 2500 * time.Millisecond, spell: 700 * time.Millisecond, calm: 200 * time.Millisecond, sample: 250 * time.Millisecond, check: 1000}

// long goes on for so long.
func long(length time.Duration) pace {
	return pace{length: length, round: time.Minute, spell: 6 * time.Second, calm: 30 * time.Second, sample: 2 * time.Second, check: 10, patient: true}
}

// Everything at once, with everything failing around it: browsers, ONES' server, panels and
// WebSockets, while Microsoft throttles and fails, secrets end and are replaced, the Caddyfile
// changes, gateways are killed and PostgreSQL crashes. See soak.run for what must hold.
//
// ONESGATE_SOAK is how long it takes (1h), half on each engine; if it is not set, half a minute.
// ONESGATE_SOAK_SEED repeats the choices of another run, which it has printed. In ONESGATE_SOAK_PLOTS a picture is left of
// what the gateways took.
func TestSoak(t *testing.T) {
	p, inEarnest := short, os.Getenv("ONESGATE_SOAK")
	switch inEarnest {
	case "":
		t.Parallel()
	default:
		length, err := time.ParseDuration(inEarnest)
		if err != nil || length < 10*time.Minute {
			t.Fatalf("ONESGATE_SOAK=%q is not a time of 10m or more", inEarnest)
		}
		if dir := os.Getenv(plotsVariable); dir != "" && !filepath.IsAbs(dir) {
			t.Fatalf("%s=%q is not an absolute path", plotsVariable, dir)
		}
		p = long(length / 2)
	}
	for i, engine := range []string{"badger", "postgres"} {
		gateways := i + 1
		t.Run(engine, func(t *testing.T) {
			if inEarnest == "" {
				t.Parallel()
			}
			newSoak(t, p, gateways).run()
		})
	}
}

const (
	soakPeople   = 16 // whom ONES books for
	soakRooms    = 10 // and three more
	soakBrowsers = 8  // of the first of them
	soakClients  = 4  // of ONES' server, that book
)

// A soak is one of them, on one engine.
type soak struct {
	*world    // of the first gateway, whose address is the public one
	t         *testing.T
	pace      pace
	began     time.Time
	seed      uint64
	dices     atomic.Uint64
	lot       *rand.Rand     // of what is done to the gateways
	values    map[string]any // of the Caddyfile
	secret    int            // the number of the one that counts
	gateways  []*soaked
	server    *pgtest.Server // nil on Badger
	books     *ledger
	folder    string
	transport http.RoundTripper
	troubles  troubles
	readings  readings
	dealt     map[string]int // faults, how often
	feed      feed
	reloads   int // of gateways

	alive   context.Context // until something has failed
	giveUp  func()
	over    chan struct{} // closed when those who work have to come to an end
	working sync.WaitGroup
	turns   sync.RWMutex // read by whoever is at something: written by who wants rest
	weather sync.Mutex   // likewise of Microsoft's faults
	guests  []*browsing
}

// A soaked is a gateway in it.
type soaked struct {
	*world
	n       int
	process atomic.Pointer[process] // the present one
	lives   atomic.Int64            // before the present one
	base    reading                 // at the first rest of the present one
}

func soakSecret(i int) string { return fmt.Sprintf("soak-secret-%d~not-a-real-one", i) }

func newSoak(t *testing.T, p pace, gateways int) *soak {
	t.Helper()
	s := &soak{t: t, pace: p, seed: soakSeed(t), dealt: map[string]int{}, over: make(chan struct{}), folder: soakFolder(t)}
	s.alive, s.giveUp = context.WithCancel(t.Context())
	s.feed.told = map[string]bool{}
	s.lot = s.newDice()
	t.Logf("ONESGATE_SOAK_SEED=%d", s.seed)
	rooms, words := office(soakRooms)
	change := []func(*m365.Config){staff(soakPeople), quick, rooms, shortTokens, func(c *m365.Config) {
		tenant := &c.Tenants[0]
		app := &tenant.Apps[0]
		app.RedirectURIs = append(app.RedirectURIs, strings.Replace(app.RedirectURIs[0], "/.ones/callback", "/.ones/rooms/callback", 1))
		app.Secrets = nil
		for i := range 10 + 2*int(p.length/p.round) {
			app.Secrets = append(app.Secrets, m365.Secret{ID: fmt.Sprintf("5ec2e710-0000-4000-8000-%012d", i), Value: soakSecret(i)})
		}
		tenant.Rooms[0].Account = "0b1ec700-0000-4000-8000-00000000b0a2"
	}}
	s.values = map[string]any{"Rooms": garden + "\n" + words, "Auth": "admins contoso/" + alice, "Proxy": "{\n\t\tstream_close_delay 1h\n\t\tstream_buffer_size 4KiB\n\t}"}
	s.credentials(0)
	if gateways == 1 {
		s.world = newWorld(t, change...)
		s.write(s.values)
		s.gateways = []*soaked{{world: s.world}}
		s.gateways[0].process.Store(s.gateway())
	} else {
		c := newCluster(t, change...)
		maps.Copy(c.values, s.values)
		s.world, s.server, s.values = c.world, c.server, c.values
		for n := range gateways {
			w, p := c.next()
			s.gateways = append(s.gateways, &soaked{world: w, n: n})
			s.gateways[n].process.Store(p)
		}
	}
	s.upstream()
	names := append([]string{}, killRooms...)
	for i := range soakRooms {
		names = append(names, fmt.Sprintf("r%d", i))
	}
	s.books = newLedger(s.world, soakPeople, names, s.seed)
	admin := newVisitor(t, s.home)
	admin.signIn(alice)
	admin.connect("boardroom", boardroom)

	plain := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(plain.CloseIdleConnections)
	s.transport = &judge{soak: s, next: plain}
	s.books.ones.client.Transport = s.transport
	s.began = time.Now()
	return s
}

func soakSeed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("ONESGATE_SOAK_SEED")
	if text == "" {
		return rand.Uint64()
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("ONESGATE_SOAK_SEED: %v", err)
	}
	return seed
}

// soakFolder is where the last logs of the gateways lie. It stays if the test fails.
func soakFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "onesgate-soak-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last logs are in %s", dir)
			return
		}
		_ = os.RemoveAll(dir)
	})
	return dir
}

// newDice is for one who chooses.
func (s *soak) newDice() *rand.Rand {
	return rand.New(rand.NewPCG(s.seed, s.dices.Add(1)))
}

// fail tells of something that must not be, and ends the soak.
func (s *soak) fail(format string, args ...any) {
	s.t.Helper()
	if s.alive.Err() != nil {
		return // what follows from it, most likely
	}
	s.t.Errorf("after %v: %s\nLately: %s", time.Since(s.began).Round(time.Millisecond), fmt.Sprintf(format, args...), strings.Join(s.troubles.lately(), "; "))
	s.giveUp()
}

// sleep returns false if something has failed meanwhile.
func (s *soak) sleep(d time.Duration) bool {
	select {
	case <-time.After(d):
	case <-s.alive.Done():
	}
	return s.alive.Err() == nil && !s.t.Failed()
}

// works has somebody take turns until the soak is over, with a nap after each.
func (s *soak) works(nap time.Duration, turn func()) {
	dice := s.newDice()
	s.working.Go(func() {
		for {
			select {
			case <-s.over:
				return
			case <-s.alive.Done():
				return
			case <-time.After(time.Duration(dice.Int64N(int64(2 * nap)))):
			}
			if s.t.Failed() { // what a turn counts on may not be there any more
				return
			}
			func() {
				s.turns.RLock()
				defer s.turns.RUnlock()
				turn()
			}()
		}
	})
}

// run is the soak. Throughout:
//   - nobody is ever seen as somebody else, and no session is lost;
//   - each answer of the gateway is an answer, but for what the troubles of that moment explain
//     (judge).
//
// Whenever it rests, goroutines, open files and memory have come back to what they were (watch).
// At the end all that was acknowledged stands in the calendars exactly once and nothing is open
// (ledger), ONES was told of all of it (feed), and everybody still books.
func (s *soak) run() {
	defer s.working.Wait()
	defer s.giveUp()
	defer s.keepLogs()
	s.people()
	s.working.Go(s.sampling)
	s.working.Go(s.weathering)
	s.rest()
	for n := 0; n < 4 || time.Since(s.began) < s.pace.length; n++ {
		s.change(n)
		if !s.sleep(s.pace.round / 2) {
			return
		}
		switch {
		case n%4 == 3 && (s.server == nil || s.pace.patient):
			s.kill()
		case n%4 == 1 && s.server != nil:
			s.crash()
		}
		if !s.sleep(s.pace.round / 2) {
			return
		}
		s.rest()
		if (n+1)%s.pace.check == 0 {
			s.quiet(s.books.check)
		}
		if s.t.Failed() {
			return
		}
	}
	s.end()
}

// end is what must hold when all is well again.
func (s *soak) end() {
	close(s.over)
	s.working.Wait()
	if s.t.Failed() {
		return
	}
	began := time.Now()
	s.books.check()
	s.t.Logf("%v until nothing was open", time.Since(began).Round(time.Millisecond))
	s.feed.check(s)
	for i := range soakPeople {
		begin := s.books.began.AddDate(0, 0, daysAhead+i/8).Add(time.Duration(i%8) * time.Hour)
		s.expect(employee(i)+" still books", s.as(employee(i), http.MethodPost, "/v1/bookings", map[string]any{
			"room": "r0", "subject": "last", "start": begin.Format(time.RFC3339), "end": begin.Add(time.Hour).Format(time.RFC3339),
		}, "Prefer", "wait=30", "Idempotency-Key", "last "+employee(i)), http.StatusCreated)
	}
	for _, g := range s.gateways {
		p := g.process.Load()
		if status := p.stop(); status != 0 {
			s.t.Errorf("gateway %d stopped with %d", g.n, status)
		}
		s.keepLog(g)
	}
	if cuts := s.troubles.counted()[changing]; cuts > s.reloads { // load says why there are any
		s.t.Errorf("%d connections were cut by %d reloads", cuts, s.reloads)
	}
	s.readings.judge(s)
	s.plot()
	s.t.Logf("%v; faults %v; explained %v; lives %v", time.Since(s.began).Round(time.Second), s.dealt, s.troubles.counted(), s.livesOf())
}

func (s *soak) livesOf() (all []int64) {
	for _, g := range s.gateways {
		all = append(all, g.lives.Load()+1)
	}
	return all
}

// quiet has everybody come to the end of what they are at, then does something without them.
func (s *soak) quiet(do func()) {
	s.weather.Lock()
	defer s.weather.Unlock()
	s.turns.Lock()
	defer s.turns.Unlock()
	do()
}

// keepLogs keeps what the gateways have written last, where all else of it is too much to print.
func (s *soak) keepLogs() {
	for _, g := range s.gateways {
		s.keepLog(g)
	}
}

// mostLog is how much of a log is kept: some minutes.
const mostLog = 4 << 20

// keepLog writes the log of a gateway's present life into the folder, drops that of the life before
// the last one, and looks for what must not be in it.
func (s *soak) keepLog(g *soaked) {
	p := g.process.Load()
	log := p.errors()
	if n := strings.Count(log, lost); n > 0 {
		s.fail("gateway %d has lost %d connections", g.n, n)
	}
	if log == "" {
		return
	}
	log = log[max(0, len(log)-mostLog):]
	name := func(life int64) string {
		return filepath.Join(s.folder, fmt.Sprintf("gateway-%d-life-%d.log", g.n, life))
	}
	if err := os.WriteFile(name(g.lives.Load()), []byte(log), 0o600); err != nil {
		s.t.Error(err)
	}
	_ = os.Remove(name(g.lives.Load() - 2))
	p.forget()
}
