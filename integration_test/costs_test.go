package integration_test

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// A bill is what a gateway on a database has used since it began.
type bill struct {
	at    time.Time
	cpu   time.Duration // of the gateway's process
	calls int           // that Microsoft got from it

	transactions  int64 // committed
	log           int64 // bytes of the database's log
	announcements int64
}

// bill reads what has been used. The database counts a transaction up to 11 seconds late.
func (c *cluster) bill(p *process) (b bill) {
	c.t.Helper()
	time.Sleep(11 * time.Second)
	b.at, b.cpu, b.calls = time.Now(), cpuTime(c.t, p.cmd.Process.Pid), c.received("/token")+c.received("/v1.0")
	conn := c.connect()
	defer conn.Close(c.t.Context())
	if err := conn.QueryRow(c.t.Context(), `SELECT xact_commit, pg_current_wal_lsn() - '0/0'::pg_lsn,
			(SELECT number FROM onesgate_state WHERE name = 'position')
			FROM pg_stat_database WHERE datname = current_database()`).Scan(&b.transactions, &b.log, &b.announcements); err != nil {
		c.t.Fatal(err)
	}
	return b
}

func (c *cluster) connect() *pgx.Conn {
	c.t.Helper()
	conn, err := pgx.Connect(c.t.Context(), strings.TrimPrefix(c.values["Store"].(string), "postgres "))
	if err != nil {
		c.t.Fatal(err)
	}
	return conn
}

// cpuTime is how much of a core a process has used. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func cpuTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name of the program comes before
	fields := strings.Fields(rest)
	var ticks int64
	for _, i := range []int{11, 12} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / 100)
}

// BenchmarkCosts is what each kind of work takes of a gateway on PostgreSQL, of the
// database and of Microsoft: docs/scaling.md reckons with it. What an idle gateway takes
// in that time is taken off. Each kind is done costRounds times, whatever -benchtime says.
func BenchmarkCosts(b *testing.B) {
	rooms, words := office(200)
	c := newCluster(b, staff(costPeople), rooms)
	c.values["Rooms"] = words
	w, p := c.next()
	visitors := make([]*visitor, costPeople)
	for i := range visitors {
		visitors[i] = newVisitor(b, w.home)
		visitors[i].signIn(employee(i))
	}
	idle := c.settled(b, p)
	b.Run("idle", func(b *testing.B) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(idle.cpu/1e4, "%-of-a-core")
		b.ReportMetric(idle.transactions, "transactions/s")
		b.ReportMetric(idle.log, "log-B/s")
	})
	c.cost(b, "page", p, idle, func(n int) { visitors[n%costPeople].page("/") })
	c.cost(b, "sign-in", p, idle, func(n int) { newVisitor(b, w.home).signIn(employee(n % costPeople)) })
	c.cost(b, "booking", p, idle, func(n int) {
		if a := w.as(employee(n%costPeople), http.MethodPost, "/v1/bookings", quarter(n%200, n/200), "Prefer", "wait=30"); a.StatusCode != http.StatusCreated {
			b.Fatalf("%d %s", a.StatusCode, a.body)
		}
	})
	c.cost(b, "graph-call", p, idle, func(n int) { w.calendarOf(n) })
	c.records(b)
}

// BenchmarkRefreshCosts is a call of Graph's whose access token has ended, and has to be
// had anew first: beside the call in BenchmarkCosts it is what a refresh takes.
func BenchmarkRefreshCosts(b *testing.B) {
	c := newCluster(b, staff(costPeople), func(c *m365.Config) {
		c.Throttling.Requests = 10_000_000
		c.Tenants[0].Apps[0].AccessTokenLifetime = m365.Duration(time.Minute) // nobody gives out one with less than that left
	})
	w, p := c.next()
	for i := range costPeople {
		newVisitor(b, w.home).signIn(employee(i))
	}
	c.cost(b, "graph-call", p, c.settled(b, p), func(n int) { w.calendarOf(n) })
}

// costPeople take turns, so many times.
const (
	costPeople = 200
	costRounds = 600
)

func (w *world) calendarOf(n int) {
	w.t.Helper()
	if a := w.as(employee(n%costPeople), http.MethodGet, "/graph/v1.0/me/calendar", nil); a.StatusCode != http.StatusOK {
		w.t.Fatalf("%d %s", a.StatusCode, a.body)
	}
}

// A rate is what is used, of microseconds of a core, transactions and bytes of the
// database's log, in a second.
type rate struct{ cpu, transactions, log float64 }

// settled is what a gateway uses that nobody asks anything.
func (c *cluster) settled(b *testing.B, p *process) rate {
	b.Helper()
	before := c.bill(p)
	after := c.bill(p)
	seconds := after.at.Sub(before.at).Seconds()
	return rate{
		cpu:          float64((after.cpu - before.cpu).Microseconds()) / seconds,
		transactions: float64(after.transactions-before.transactions) / seconds,
		log:          float64(after.log-before.log) / seconds,
	}
}

// cost does a piece of work, and reports what each has taken.
func (c *cluster) cost(b *testing.B, name string, p *process, idle rate, do func(n int)) {
	n := 0
	b.Run(name, func(b *testing.B) {
		before := c.bill(p)
		for range costRounds {
			do(n)
			n++
		}
		after := c.bill(p)
		seconds := after.at.Sub(before.at).Seconds()
		report := func(used, idle float64, unit string) { b.ReportMetric((used-idle*seconds)/costRounds, unit) }
		b.ReportMetric(0, "ns/op")
		report(float64((after.cpu - before.cpu).Microseconds()), idle.cpu, "µs-of-CPU")
		report(float64(after.transactions-before.transactions), idle.transactions, "transactions")
		report(float64(after.log-before.log), idle.log, "log-B")
		report(float64(after.announcements-before.announcements), 0, "announcements")
		report(float64(after.calls-before.calls), 0, "calls-of-Microsoft")
	})
}

// records tells how much the database keeps of each kind, and what its tables take.
func (c *cluster) records(b *testing.B) {
	conn := c.connect()
	defer conn.Close(b.Context())
	rows, err := conn.Query(b.Context(), `SELECT split_part(convert_from(key, 'UTF8'), '/', 1), count(*),
			avg(pg_column_size(r.*))::bigint
			FROM onesgate_records AS r WHERE expires IS NULL OR expires > now() GROUP BY 1 ORDER BY 1`)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var kind string
		var count, size int64
		if err := rows.Scan(&kind, &count, &size); err != nil {
			b.Fatal(err)
		}
		b.Logf("%-20s %6d of %5d B", kind, count, size)
	}
	if rows.Err() != nil {
		b.Fatal(rows.Err())
	}
	for _, table := range []string{"onesgate_records", "onesgate_announcements"} {
		var whole, indexes int64
		if err := conn.QueryRow(b.Context(), `SELECT pg_total_relation_size($1::regclass), pg_indexes_size($1::regclass)`, table).Scan(&whole, &indexes); err != nil {
			b.Fatal(err)
		}
		b.Logf("%s: %d kB, %d kB of them indexes", table, whole>>10, indexes>>10)
	}
}
