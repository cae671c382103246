package integration_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// A reading is what a gateway takes at a moment.
type reading struct {
	at         time.Duration // since the soak began
	gateway    int
	life       int64
	rss        int64 // anonymous memory, bytes
	goroutines int64
	files      int64 // open
	disk       int64 // of the store, bytes
	heap       int64 // alive after a collection, bytes: only of a reading at rest
	orders     int   // so far
}

// readings are all of a soak.
type readings struct {
	mu           sync.Mutex
	busy, rested []reading
	deaths       []reading
}

// What may be left at rest, compared with the first rest of the same life of a gateway. By then
// nothing is under way, and WebSockets and idle connections are closed: what is there more is what
// was forgotten, but for what begins with the first use of something, such as the connections to
// PostgreSQL. A life sees thousands of requests, a reload each minute and each kind of fault, so
// whatever forgets something of each goes beyond these within one.
const (
	mostGoroutines = 12
	mostFiles      = 24
)

// What may be between the medians of the second and of the last third of a soak of half an hour
// and more; the first third warms up. Memory of a life goes its own way up and down, so the median
// of many lives is what is compared; that of what is alive must not grow with the number of bookings
// that are over.
const (
	moreMemory  = 1.25
	someMemory  = 16 << 20
	diskOfOrder = 48 << 10 // of a booking with its indexes, steps and announcements, until Badger compacts
	someDisk    = 64 << 20
)

// read reads what a gateway takes. It fails where that is dead.
func (s *soak) read(g *soaked) (r reading, err error) {
	pid := g.process.Load().cmd.Process.Pid
	r = reading{at: time.Since(s.began), gateway: g.n, life: g.lives.Load()}
	if r.rss, err = anonymousOf(pid); err != nil {
		return r, err
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return r, err
	}
	r.files = int64(len(files))
	told, err := g.askAdmin(http.MethodGet, "/debug/pprof/goroutine?debug=1", "")
	if err != nil {
		return r, err
	}
	if r.goroutines, err = number(told, `goroutine profile: total (\d+)`); err != nil {
		return r, err
	}
	r.disk, err = s.disk(g)
	s.books.mu.Lock()
	defer s.books.mu.Unlock()
	r.orders = len(s.books.orders)
	return r, err
}

func number(text, pattern string) (int64, error) {
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("there is no %s in %.200q", pattern, text)
	}
	return strconv.ParseInt(m[1], 10, 64)
}

// disk is what a store takes: Badger's folder, or the tables of PostgreSQL.
func (s *soak) disk(g *soaked) (sum int64, err error) {
	dir := filepath.Join(g.dir, "store")
	if s.server != nil {
		dir = s.server.Tables()
	}
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return skipMissing(err)
		}
		info, err := d.Info()
		if err != nil {
			return skipMissing(err)
		}
		sum += info.Sys().(*syscall.Stat_t).Blocks * 512
		return nil
	})
	return sum, err
}

// skipMissing passes over a file that has just gone.
func skipMissing(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// sampling reads again and again, until the soak is over.
func (s *soak) sampling() {
	for s.sleep(s.pace.sample) {
		select {
		case <-s.over:
			return
		default:
		}
		for _, g := range s.gateways {
			began := time.Now()
			r, err := s.read(g)
			if err != nil {
				if !s.troubles.explains(g.down(), began) {
					s.fail("gateway %d can't be looked at: %v", g.n, err)
				}
				continue
			}
			s.readings.mu.Lock()
			s.readings.busy = append(s.readings.busy, r)
			s.readings.mu.Unlock()
		}
	}
}

func (rs *readings) died(s *soak, g *soaked) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.deaths = append(rs.deaths, reading{at: time.Since(s.began), gateway: g.n})
}

// rest holds the load, and demands of each gateway that what it takes comes down to what it took at
// the first rest of its life.
func (s *soak) rest() {
	s.quiet(func() {
		for _, b := range s.guests {
			b.hangUp()
		}
		for _, g := range s.gateways {
			s.restOf(g)
		}
	})
}

// stands is for how long a gateway's numbers have to stand still at its first rest.
const stands = 500 * time.Millisecond

func (s *soak) restOf(g *soaked) {
	s.ones.Config.SetKeepAlivesEnabled(false) // closes what is idle
	s.microsoft.Config.SetKeepAlivesEnabled(false)
	defer s.ones.Config.SetKeepAlivesEnabled(true)
	defer s.microsoft.Config.SetKeepAlivesEnabled(true)
	s.transport.(*judge).next.CloseIdleConnections()
	var lowest reading
	since, deadline := time.Now(), time.Now().Add(30*time.Second)
	for {
		r, err := s.read(g)
		if err != nil {
			s.fail("gateway %d can't be looked at: %v", g.n, err)
			return
		}
		if lowest.goroutines == 0 || r.goroutines < lowest.goroutines || r.files < lowest.files {
			lowest, since = r, time.Now()
		}
		if first := g.base.goroutines == 0; first && time.Since(since) > stands ||
			!first && r.goroutines <= g.base.goroutines+mostGoroutines && r.files <= g.base.files+mostFiles {
			break
		}
		if time.Now().After(deadline) {
			s.leaked(g, r)
			return
		}
		if !s.sleep(50 * time.Millisecond) {
			return
		}
	}
	told, err := g.askAdmin(http.MethodGet, "/debug/pprof/heap?gc=1&debug=1", "")
	if err == nil {
		lowest.heap, err = number(told, `# HeapAlloc = (\d+)`)
	}
	if err != nil {
		s.fail("the heap of gateway %d: %v", g.n, err)
	}
	if g.base.goroutines == 0 {
		g.base = lowest
	}
	s.readings.mu.Lock()
	defer s.readings.mu.Unlock()
	s.readings.rested = append(s.readings.rested, lowest)
}

// leaked tells of a gateway that doesn't come down, and keeps its goroutines.
func (s *soak) leaked(g *soaked, r reading) {
	name := filepath.Join(s.folder, fmt.Sprintf("gateway-%d-goroutines.txt", g.n))
	if told, err := g.askAdmin(http.MethodGet, "/debug/pprof/goroutine?debug=1", ""); err == nil {
		_ = os.WriteFile(name, []byte(told), 0o600)
	}
	var files []string
	all, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", g.process.Load().cmd.Process.Pid))
	for _, fd := range all {
		to, _ := os.Readlink(fd)
		files = append(files, to)
	}
	s.fail("gateway %d at rest has %d goroutines (%s) and %d open files, %q, in the %v since its first rest: it had %d and %d",
		g.n, r.goroutines, name, r.files, files, r.at-g.base.at, g.base.goroutines, g.base.files)
}

// judge compares the second and the last third of a soak that was long enough to tell.
func (rs *readings) judge(s *soak) {
	length := rs.busy[len(rs.busy)-1].at + 1
	third := func(all []reading, n int, of func(reading) int64) int64 {
		var values []int64
		for _, r := range all {
			if int(3*r.at/length) == n {
				values = append(values, of(r))
			}
		}
		if len(values) == 0 {
			return 0
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	for _, row := range []struct {
		name string
		all  []reading
		of   func(reading) int64
	}{
		{"anonymous memory", rs.busy, func(r reading) int64 { return r.rss }},
		{"memory alive at rest", rs.rested, func(r reading) int64 { return r.heap }},
		{"goroutines at rest", rs.rested, func(r reading) int64 { return r.goroutines }},
		{"open files at rest", rs.rested, func(r reading) int64 { return r.files }},
		{"disk", rs.busy, func(r reading) int64 { return r.disk }},
	} {
		second, last := third(row.all, 1, row.of), third(row.all, 2, row.of)
		s.t.Logf("%s: %d in the second third, %d in the last one", row.name, second, last)
		most := int64(float64(second)*moreMemory) + someMemory
		if row.name == "disk" {
			orders := func(r reading) int64 { return int64(r.orders) }
			most = second + someDisk + diskOfOrder*(third(row.all, 2, orders)-third(row.all, 1, orders))
		}
		if s.pace.length >= 5*time.Minute && last > most {
			s.t.Errorf("%s has grown: %d in the second third, %d in the last one, which may be %d at most", row.name, second, last, most)
		}
	}
}
