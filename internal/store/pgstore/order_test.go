package pgstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/onesgate/onesgate/internal/store"
)

// hold locks a record's row in a transaction of somebody else, until release.
func hold(t *testing.T, address, key string) (release func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM onesgate_records WHERE key = $1 FOR UPDATE`, []byte(key)); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(tx.Rollback(context.Background()), conn.Close(context.Background())); err != nil {
			t.Error(err)
		}
	}
}

// waits returns when so many calls wait for a lock.
func waits(t *testing.T, s *Store, want int) {
	t.Helper()
	for got := 0; got != want; {
		err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&got)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// commits makes a commit in the background.
func commits(t *testing.T, s *Store, writes ...store.Write) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := s.Commit(t.Context(), writes...)
		done <- err
	}()
	return done
}

func put(key, value string) store.Write { return store.Write{Key: key, Value: []byte(value)} }

func mustCommit(t *testing.T, s *Store, writes ...store.Write) store.Version {
	t.Helper()
	v, err := s.Commit(t.Context(), writes...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestVersionsGrowOverDeletions: a record that comes back has a higher version,
// also if the commit that brings it began before the deletion.
func TestVersionsGrowOverDeletions(t *testing.T) {
	for name, write := range map[string]store.Write{
		"put": put("k", "slow"), "put if absent": {Key: "k", Value: []byte("slow"), If: store.If(store.Absent)},
	} {
		t.Run(name, func(t *testing.T) {
			address := server.Database(t)
			s := openTest(t, Options{URL: address})
			mustCommit(t, s, put("a", "1"))
			release := hold(t, address, "a")
			slow := commits(t, s, put("a", "2"), write)
			waits(t, s, 1) // it has drawn its version
			before := mustCommit(t, s, put("k", "fast"))
			mustCommit(t, s, store.Write{Key: "k", Op: store.Delete})
			release()
			if err := <-slow; err != nil {
				t.Fatal(err)
			}
			r, err := s.Get(t.Context(), "k")
			if err != nil || string(r.Value) != "slow" || r.Version <= before {
				t.Errorf("k is %q at version %d, %v; want slow, and above %d", r.Value, r.Version, err, before)
			}
		})
	}
}

// TestDeletingNothingIsInOrder: of two commits one comes first, also where one
// deletes what the other one makes.
func TestDeletingNothingIsInOrder(t *testing.T) {
	address := server.Database(t)
	s := openTest(t, Options{URL: address})
	mustCommit(t, s, put("a", ""), put("l", ""))
	releaseA, releaseL := hold(t, address, "a"), hold(t, address, "l")
	makes := commits(t, s, put("a", "makes"), put("k", "makes"), put("m", "makes"))
	waits(t, s, 1)
	deletes := commits(t, s, store.Write{Key: "k", Op: store.Delete}, put("l", "deletes"), put("m", "deletes"))
	waits(t, s, 2)
	releaseA() // makes gets to k, which the other one holds
	waits(t, s, 2)
	releaseL()
	if err := errors.Join(<-makes, <-deletes); err != nil {
		t.Fatal(err)
	}
	m, err := s.Get(t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Get(t.Context(), "k")
	if gone := errors.Is(err, store.ErrNotFound); gone != (string(m.Value) == "deletes") {
		t.Errorf("m says that %s came last, and k is gone: %t", m.Value, gone)
	}
}

// TestWithoutStandby: what only this server has is not acknowledged where a
// standby has to have it too.
func TestWithoutStandby(t *testing.T) {
	address := server.Database(t)
	s := openTest(t, Options{URL: address, Timeout: 300 * time.Millisecond})
	mustCommit(t, s, put("before", ""))
	server.Exec(t, "postgres", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	server.Exec(t, "postgres", "SELECT pg_reload_conf()")
	defer func() {
		server.Exec(t, "postgres", "ALTER SYSTEM RESET synchronous_standby_names")
		server.Exec(t, "postgres", "SELECT pg_reload_conf()")
	}()
	for name, writes := range map[string][]store.Write{
		"one record": {put("a", "")}, "two records": {put("b", ""), put("c", "")},
		"an announcement": {{Op: store.Announce, Key: "t"}},
	} {
		// The reload may take the server a moment.
		for {
			_, err := s.Commit(t.Context(), writes...)
			if err == nil {
				continue
			}
			if !errors.Is(err, store.ErrUnknownOutcome) {
				t.Errorf("%s: Commit = %v, want ErrUnknownOutcome", name, err)
			}
			break
		}
	}
	if _, err := s.Get(t.Context(), "a"); err != nil {
		t.Errorf("Get of what this server has: %v", err)
	}
}

// TestOtherWarnings: what else a server warns of is no reason to doubt a commit.
func TestOtherWarnings(t *testing.T) {
	address := server.Database(t)
	s := openTest(t, Options{URL: address})
	server.Exec(t, name(t, address), `CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		RAISE WARNING 'database must be vacuumed within 39985967 transactions'; RETURN NULL; END $$;
		CREATE TRIGGER warn AFTER INSERT ON onesgate_records FOR EACH STATEMENT EXECUTE FUNCTION warn()`)
	mustCommit(t, s, put("a", ""))
	mustCommit(t, s, put("b", ""), put("c", ""))
}
