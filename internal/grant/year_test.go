package grant_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
)

// TestYear lets a company book for a year: people who do so every day, every week,
// once a month, twice a year or never after they have signed in; who have holidays of
// up to eight weeks, are away for five months, or leave. The gateway restarts
// every week, Microsoft is down for three days, and a secret has expired for five.
// Nobody who still works there loses a grant, and Microsoft is asked as much on one
// day as on another.
//
// ONESGATE_YEAR_PEOPLE is how many they are, ONESGATE_YEAR_PLOT where to draw the
// year.
func TestYear(t *testing.T) {
	people := 250
	if n, err := strconv.Atoi(os.Getenv("ONESGATE_YEAR_PEOPLE")); err == nil {
		people = n
	}
	began := time.Now()
	var y *year
	synctest.Test(t, func(t *testing.T) {
		y = newYear(t, people)
		y.pass()
	})
	demand, idle := y.flatness()
	t.Logf("%d people, in %s: %d refreshes on demand, %d to keep alive, %d in vain; after the start, on the busiest day %.2f and %.2f times the mean",
		people, time.Since(began).Round(time.Second), sum(y.demand[:]), sum(y.idle[:]), sum(y.vain[:]), demand, idle)
	// The fewer they are, the less even is chance: four standard deviations.
	if mean := float64(people) / 100; demand > 1.1+4/sqrt(6*mean) || idle > 1.25+4/sqrt(mean/2) {
		t.Errorf("the rate is not flat: on the busiest day %.2f and %.2f times the mean", demand, idle)
	}
	if file := os.Getenv("ONESGATE_YEAR_PLOT"); file != "" {
		if err := os.WriteFile(file, y.plot(), 0o600); err != nil {
			t.Error(err)
		}
	}
}

const (
	outageFrom, outageTo = 100, 103 // days of the year
	secretFrom, secretTo = 200, 205
	settled              = 91 // by when those who signed in at the start are spread
)

// habits are how often people book: in so many percent of the people, every so
// many workdays.
var habits = []struct {
	percent, every int
}{{10, 1}, {25, 5}, {30, 22}, {20, 110}, {15, 0}}

// An employee's days are days of the year; never: 1000.
type employee struct {
	owner            string
	every            int // workdays
	joins, leaves    int
	awayFrom, awayTo int // at one time; and each has holidays at another
	restFrom, restTo int
}

func (e *employee) works(d int) bool {
	return d > e.joins && d < e.leaves && (d < e.awayFrom || d >= e.awayTo) && (d < e.restFrom || d >= e.restTo)
}

type year struct {
	*bubble
	t      *testing.T
	random *rand.Rand
	start  time.Time
	people []employee
	g      *instance
	stop   func()
	// asked is who is being waited for.
	asked atomic.Pointer[string]
	// Calls by day, on demand, to keep alive, and in trouble. mu guards them.
	demand, idle, vain [366]int
}

func newYear(t *testing.T, people int) *year {
	y := &year{bubble: newBubble(t), t: t, random: rand.New(rand.NewPCG(2026, 12)), start: time.Now()}
	y.microsoft.quiet = true
	y.microsoft.answers(y.answer)
	for i := range people {
		e := employee{owner: fmt.Sprintf("tenant.%d", i), joins: workday(y.random.IntN(28)), leaves: 1000, awayFrom: 1000, awayTo: 1000}
		percent := y.random.IntN(100)
		for _, h := range habits {
			if percent -= h.percent; percent < 0 {
				e.every = h.every
				break
			}
		}
		if y.random.IntN(100) < 5 {
			e.leaves = 60 + y.random.IntN(290)
		}
		if y.random.IntN(100) < 3 {
			e.awayFrom = 40 + y.random.IntN(150)
			e.awayTo = e.awayFrom + 150
		}
		e.restFrom = 60 + y.random.IntN(290)
		e.restTo = e.restFrom + 7*(1+y.random.IntN(8))
		y.people = append(y.people, e)
	}
	return y
}

// workday is the day itself, or the Monday after: the year begins with a Saturday.
func workday(d int) int {
	if d%7 < 2 {
		return d - d%7 + 2
	}
	return d
}

func (y *year) day() int { return int(time.Since(y.start) / day) }

// answer is Microsoft's for once.
func (y *year) answer(c call) (status int, body string) {
	d := y.day()
	switch by := y.asked.Load(); {
	case troubled(d):
		y.count(&y.vain[d])
	case by != nil && *by == c.owner:
		y.count(&y.demand[d])
	default:
		y.count(&y.idle[d])
	}
	n, _ := strconv.Atoi(strings.TrimPrefix(c.owner, "tenant."))
	switch {
	case d >= outageFrom && d < outageTo:
		return http.StatusServiceUnavailable, ""
	case d >= secretFrom && d < secretTo:
		return http.StatusUnauthorized, refusedOperator
	case d >= y.people[n].leaves: // "the user account is disabled"
		return http.StatusBadRequest, `{"error":"invalid_grant","error_codes":[50057]}`
	}
	return 0, ""
}

func (y *year) count(n *int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	*n++
}

// troubled says whether Microsoft gives no tokens on that day.
func troubled(d int) bool {
	return d >= outageFrom && d < outageTo || d >= secretFrom && d < secretTo
}

func (y *year) pass() {
	y.restart()
	for d := range 365 {
		y.until(d, 0)
		if d%7 == 1 && d > 7 {
			y.stop()
			y.g.close()
			y.restart()
		}
		for _, b := range y.bookings(d) {
			y.until(d, b.second)
			y.book(b.by, d)
		}
	}
	y.until(365, 0)
	y.stop()
	y.check()
	y.g.close()
}

func (y *year) restart() {
	y.g = y.solo()
	y.stop = y.g.run(y.g.KeepAlive)
}

func (y *year) until(d, second int) {
	time.Sleep(time.Until(y.start.Add(time.Duration(d)*day + time.Duration(second)*time.Second)))
}

type booking struct {
	second int // of the day
	by     *employee
}

// bookings of a day, the first ones of those who sign in then among them.
func (y *year) bookings(d int) (all []booking) {
	if d%7 < 2 {
		return nil
	}
	for i := range y.people {
		e := &y.people[i]
		if d == e.joins || e.works(d) && e.every > 0 && y.random.IntN(e.every) == 0 {
			all = append(all, booking{7*3600 + y.random.IntN(10*3600), e})
		}
	}
	slices.SortFunc(all, func(a, b booking) int { return cmp.Compare(a.second, b.second) })
	return all
}

func (y *year) book(e *employee, d int) {
	if d == e.joins {
		if err := y.g.signIn(e.owner); err != nil {
			y.t.Fatal(err)
		}
		return
	}
	y.asked.Store(&e.owner)
	defer y.asked.Store(nil)
	if _, err := y.g.Token(y.t.Context(), e.owner, grant.Ask{}); err != nil && !troubled(d) {
		y.t.Errorf("on day %d, %s can't book: %v", d, e.owner, err)
	}
}

// check finds out whether everybody is connected who still works there, and that
// nobody else was called lost, nor anybody twice.
func (y *year) check() {
	lost := map[string]int{}
	for _, owner := range y.losses() {
		lost[owner]++
	}
	for i := range y.people {
		e := &y.people[i]
		rec, refresh, _ := y.kept(e.owner)
		_, issued := issuedTo(refresh)
		gone := e.leaves < 1000
		switch {
		case !gone && (rec.State != grant.Connected || time.Since(issued) > 61*day || lost[e.owner] > 0):
			y.t.Errorf("%s is %s, by a refresh token of %s, told to be lost %d times", e.owner, rec.State, issued, lost[e.owner])
		case lost[e.owner] > 1:
			y.t.Errorf("that %s is lost was told %d times", e.owner, lost[e.owner])
		case gone && time.Since(y.start) > time.Duration(e.leaves+61)*day && rec.State == grant.Connected:
			y.t.Errorf("%s has left on day %d and is connected", e.owner, e.leaves)
		}
	}
	for _, wrong := range y.unscheduled() {
		y.t.Error(wrong)
	}
}

// flatness is how many times as often as on average Microsoft is asked on the
// busiest day after the start: on workdays on demand, on all to keep grants alive.
func (y *year) flatness() (demand, idle float64) {
	over := func(calls []int, counts func(d int) bool) float64 {
		most, total, days := 0, 0, 0
		for d := settled; d < 365; d++ {
			if counts(d) && !troubled(d) && !troubled(d-1) {
				most, total, days = max(most, calls[d]), total+calls[d], days+1
			}
		}
		return float64(most) * float64(days) / float64(max(total, 1))
	}
	return over(y.demand[:], func(d int) bool { return d%7 >= 2 }), over(y.idle[:], func(int) bool { return true })
}

func sum(counts []int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}
