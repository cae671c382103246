package pgstore

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/pgtest"
	"github.com/onesgate/onesgate/internal/store/storetest"
)

// server is there for all tests of the package.
var server *pgtest.Server

func TestMain(m *testing.M) {
	status := pgtest.Main(m, &server)
	if err := goleak.Find(); err != nil {
		fmt.Println(err)
		status = 1
	}
	os.Exit(status)
}

// openTest opens a store. It is closed when the test ends.
func openTest(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute // a busy disk is not what is tested
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeTest(t, s) })
	return s
}

func closeTest(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

func TestSuite(t *testing.T) {
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
		return openTest(t, Options{URL: server.Database(t), Now: now})
	})
}

// TestSnapshotsTakeNoConnections: slow readers of snapshots leave the others theirs.
func TestSnapshotsTakeNoConnections(t *testing.T) {
	s := openTest(t, Options{URL: server.Database(t), MaxConns: 2, Timeout: time.Second})
	mustCommit(t, s, put("a", ""))
	reading, goOn := make(chan struct{}), make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			err := s.Snapshot(t.Context(), func(store.Record) error {
				reading <- struct{}{}
				<-goOn
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-reading
	}
	if _, err := s.Get(t.Context(), "a"); err != nil {
		t.Errorf("Get beside three snapshots: %v", err)
	}

	// Who comes while Close waits for them is told at once.
	var closing sync.WaitGroup
	closing.Go(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for {
		if _, err := s.Get(t.Context(), "a"); errors.Is(err, store.ErrClosed) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	close(goOn)
	readers.Wait()
	closing.Wait()
}

// TestBusyIsNotBroken: a call that finds no free connection in time throws away
// none of those that work.
func TestBusyIsNotBroken(t *testing.T) {
	s := openTest(t, Options{URL: server.Database(t), MaxConns: 2, Timeout: 500 * time.Millisecond})
	mustCommit(t, s, put("a", ""))
	var held []*pgxpool.Conn
	for range 2 {
		conn, err := s.pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
	}
	before := s.pool.Stat().NewConnsCount()
	if _, err := s.Get(t.Context(), "a"); !errors.Is(err, errNoAnswer) {
		t.Errorf("Get without a free connection = %v, want errNoAnswer", err)
	}
	for _, conn := range held {
		conn.Release()
	}
	if _, err := s.Get(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if after := s.pool.Stat().NewConnsCount(); after != before {
		t.Errorf("%d connections were made anew", after-before)
	}
}
