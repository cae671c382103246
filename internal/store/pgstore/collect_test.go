package pgstore

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// rows counts the rows of a table.
func rows(t *testing.T, s *Store, table string) (n int) {
	t.Helper()
	if err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestCollect: what has expired goes after a day, in batches, once for all
// gateways; what is left of checks goes too.
func TestCollect(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	address := server.Database(t)
	clock := func() time.Time { return now }
	s, other := openTest(t, Options{URL: address, Now: clock}), openTest(t, Options{URL: address, Now: clock})
	var writes []store.Write
	for n := range 2*collectBatch + 500 {
		writes = append(writes, store.Write{Key: fmt.Sprint(n), Expires: now})
	}
	writes = append(writes, store.Write{Key: "lasting"}, store.Write{Key: "later", Expires: now.Add(collectEvery)})
	if _, err := s.Commit(t.Context(), writes...); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), store.Write{Key: "check", Op: store.Check, If: store.If(store.Absent)},
		store.Write{Key: "lasting"}); err != nil {
		t.Fatal(err)
	}
	collect := func(s *Store, want int) {
		t.Helper()
		if err := s.collect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := rows(t, s, "onesgate_records"); got != want {
			t.Errorf("%d rows are left, want %d", got, want)
		}
	}
	all := len(writes)
	collect(s, all) // only what a check has left is gone
	now = now.Add(collectEvery - time.Second)
	collect(other, all)
	now = now.Add(collectAfter)
	collect(other, 2)
	if _, err := s.Get(t.Context(), "later"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of what has expired = %v", err)
	}
	now = now.Add(time.Second) // somebody has just collected
	collect(s, 2)
	now = now.Add(collectEvery)
	collect(s, 1)
	if size, err := s.Size(t.Context()); err != nil || size.Bytes == 0 {
		t.Errorf("Size = %+v, %v", size, err)
	}
}

// TestCollectAfterAClockAhead: a gateway whose clock was far ahead for a moment
// doesn't keep the others from collecting.
func TestCollectAfterAClockAhead(t *testing.T) {
	at := time.Now()
	s := openTest(t, Options{URL: server.Database(t), Now: func() time.Time { return at }})
	really := at
	at = really.AddDate(50, 0, 0)
	if err := s.collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	at = really
	if _, err := s.Commit(t.Context(), store.Write{Key: "old", Expires: really.Add(time.Second)}); err != nil {
		t.Fatal(err)
	}
	at = really.AddDate(0, 0, 2)
	if err := s.collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := rows(t, s, "onesgate_records"); n != 0 {
		t.Errorf("%d rows are left a day after they expired", n)
	}
}
