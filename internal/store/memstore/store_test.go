package memstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The suite is all of the contract that a store without a disk can keep. Restarts,
// crashes and full disks the engines test themselves, and there is nothing here to
// come back from.
func TestSuite(t *testing.T) {
	storetest.Run(t, func(_ *testing.T, now func() time.Time) store.Store { return New(now) })
}

// TestInABubble: virtual time passes while somebody follows, who hears what is
// announced at once, and of nothing after FollowWait.
func TestInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(time.Now)
		go func() {
			time.Sleep(store.FollowWait + store.FollowWait/2)
			if _, err := s.Commit(t.Context(), store.Write{Op: store.Announce, Key: "a"}); err != nil {
				t.Error(err)
			}
			time.Sleep(store.FollowWait / 2)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		began := time.Now()
		for _, want := range []struct {
			after store.Position
			n     int
			err   error
			took  time.Duration
		}{{0, 0, nil, store.FollowWait}, {0, 1, nil, store.FollowWait / 2}, {1, 0, store.ErrClosed, store.FollowWait / 2}} {
			heard, err := s.Follow(t.Context(), want.after, 10)
			if took := time.Since(began); len(heard) != want.n || !errors.Is(err, want.err) || took != want.took {
				t.Errorf("Follow(%d) = %v, %v after %s, want %d, %v after %s", want.after, heard, err, took, want.n, want.err, want.took)
			}
			began = time.Now()
		}
	})
}

// TestForgotten: announcements live as long as the contract says, and no longer.
func TestForgotten(t *testing.T) {
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	s := New(func() time.Time { return now })
	for _, topic := range []string{"a", "b"} {
		if _, err := s.Commit(t.Context(), store.Write{Op: store.Announce, Key: topic}); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Second)
	}
	hears := func(after store.Position, want string, wantErr error) {
		t.Helper()
		var topics []string
		heard, err := s.Follow(t.Context(), after, 10)
		for _, a := range heard {
			topics = append(topics, a.Topic)
		}
		if got := strings.Join(topics, ""); got != want || !errors.Is(err, wantErr) {
			t.Errorf("Follow(%d) = %q, %v, want %q, %v", after, got, err, want, wantErr)
		}
	}
	now = now.Add(store.AnnouncementLife - 2*time.Second - 1)
	hears(0, "ab", nil)
	now = now.Add(1)
	hears(0, "", store.ErrForgotten)
	hears(1, "b", nil)
	now = now.Add(time.Second)
	hears(1, "", store.ErrForgotten)
	hears(2, "", nil)
}

// TestCloseWaitsForSnapshots also in a bubble, and while they take their time.
func TestCloseWaitsForSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(time.Now)
		if _, err := s.Commit(t.Context(), store.Write{Key: "a"}, store.Write{Key: "b"}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		go func() {
			err := s.Snapshot(context.Background(), func(store.Record) error {
				time.Sleep(time.Second)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		if err, took := s.Close(), time.Since(began); err != nil || took != 2*time.Second {
			t.Errorf("Close = %v after %s, want it to last as long as the snapshot", err, took)
		}
	})
}

// TestManyRecords: order and number are kept over many runs, whatever comes and goes.
func TestManyRecords(t *testing.T) {
	const n = 20 * longestRun
	s := newTable()
	key := func(i int) string { return fmt.Sprintf("%05d", i) }
	for i := range n {
		s.put(store.Record{Key: key(i * 7919 % n), Version: 1}) // 7919 is a prime
	}
	wants := func(from, first, step int) {
		t.Helper()
		next := first
		for r := range s.from(key(from)) {
			if r.Key != key(next) {
				t.Fatalf("%s, want %s", r.Key, key(next))
			}
			next += step
		}
		if next < n || next >= n+step {
			t.Errorf("from %d on, the one after the last is %d of %d", from, next, n)
		}
	}
	wants(0, 0, 1)
	wants(n/2, n/2, 1)
	for i := range n {
		if i%300 != 299 {
			s.remove(key(i))
			s.remove(key(i))
		}
	}
	wants(0, 299, 300)
	if got := s.get(key(599)); got.Key != key(599) || s.get(key(600)).Version != store.Absent {
		t.Errorf("get = %v", got)
	}
	for i := range n {
		s.put(store.Record{Key: key(i), Version: 2})
	}
	wants(0, 0, 1)
	for i := range n {
		s.remove(key(i))
	}
	for r := range s.from("") {
		t.Errorf("left: %s", r.Key)
	}
}
