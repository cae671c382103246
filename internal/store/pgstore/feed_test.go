package pgstore

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

func announce(t testing.TB, s *Store, topic string) {
	t.Helper()
	if _, err := s.Commit(t.Context(), store.Write{Op: store.Announce, Key: topic}); err != nil {
		t.Fatal(err)
	}
}

// hear follows until n announcements have come, each one position after another.
func hear(t testing.TB, s *Store, after store.Position, n int) []store.Announcement {
	t.Helper()
	var heard []store.Announcement
	for len(heard) < n {
		more, err := s.Follow(t.Context(), after, n-len(heard))
		if err != nil {
			t.Errorf("Follow(%d) = %v", after, err)
			return heard
		}
		for _, a := range more {
			if after++; a.Position != after {
				t.Errorf("heard position %d, want %d", a.Position, after)
			}
		}
		heard = append(heard, more...)
	}
	return heard
}

// TestTwoGateways: what is committed on one is told by the other within one call
// of Follow, also where there are no notifications.
func TestTwoGateways(t *testing.T) {
	for _, notified := range []bool{true, false} {
		t.Run(fmt.Sprintf("notified=%t", notified), func(t *testing.T) {
			address := server.Database(t)
			one, other := openTest(t, Options{URL: address}), openTest(t, Options{URL: address})
			if !notified {
				for !one.listening.CompareAndSwap(true, false) { // once it is on, it doesn't turn on again
					runtime.Gosched()
				}
			}
			for n := range 5 {
				topic := fmt.Sprint(n)
				announce(t, one, topic)
				heard, err := other.Follow(t.Context(), store.Position(n), 10)
				if err != nil || len(heard) != 1 || heard[0].Topic != topic {
					t.Errorf("Follow = %v, %v, want %s", heard, err, topic)
				}
			}
		})
	}
}

// TestFeedOfTwo: with many writers on two gateways the order has no gap and is
// the same for both, and each writer's announcements come in its order.
func TestFeedOfTwo(t *testing.T) {
	address := server.Database(t)
	stores := []*Store{openTest(t, Options{URL: address}), openTest(t, Options{URL: address})}
	const writers, each = 16, 30
	var wg sync.WaitGroup
	for writer := range writers {
		wg.Go(func() {
			for n := range each {
				// Each commit goes to the other gateway than the one before.
				writes := []store.Write{
					{Op: store.Announce, Key: fmt.Sprint(writer), Value: []byte(fmt.Sprint(n))},
					{Key: fmt.Sprintf("%d/%d", writer, n)},
				}
				if n%3 == 0 {
					writes = append(writes, store.Write{Key: "contended"})
				}
				if _, err := stores[n%2].Commit(t.Context(), writes...); err != nil {
					t.Errorf("Commit = %v", err)
				}
			}
		})
	}
	var heard [2][]store.Announcement
	for i, s := range stores {
		wg.Go(func() { heard[i] = hear(t, s, 0, writers*each) })
	}
	wg.Wait()
	next := map[string]int{}
	for i, a := range heard[0] {
		if b := heard[1][i]; a.Topic != b.Topic || string(a.Value) != string(b.Value) {
			t.Fatalf("position %d is %s=%s here and %s=%s there", a.Position, a.Topic, a.Value, b.Topic, b.Value)
		}
		if n := next[a.Topic]; string(a.Value) != fmt.Sprint(n) {
			t.Errorf("writer %s: heard %s, want %d", a.Topic, a.Value, n)
		}
		next[a.Topic]++
	}
}

// TestOrderOfConflicts: who writes a record after somebody else announces after
// them.
func TestOrderOfConflicts(t *testing.T) {
	address := server.Database(t)
	stores := []*Store{openTest(t, Options{URL: address}), openTest(t, Options{URL: address})}
	const writers, each = 8, 20
	var wg sync.WaitGroup
	for writer := range writers {
		wg.Go(func() {
			s := stores[writer%2]
			for range each {
				for {
					r, err := s.Get(t.Context(), "counter")
					if err != nil && !errors.Is(err, store.ErrNotFound) {
						t.Errorf("Get = %v", err)
						return
					}
					value := append(r.Value, 'x')
					writes := []store.Write{
						{Key: "counter", Value: value, If: store.If(r.Version)},
						{Op: store.Announce, Key: "counter", Value: value},
					}
					if writer%3 == 0 {
						writes = append(writes, store.Write{Key: fmt.Sprint("other/", writer)})
					}
					if _, err = s.Commit(t.Context(), writes...); err == nil {
						break
					}
					if !errors.Is(err, store.ErrConflict) {
						t.Errorf("Commit = %v", err)
						return
					}
				}
			}
		})
	}
	heard := hear(t, stores[0], 0, writers*each)
	wg.Wait()
	for i, a := range heard {
		if len(a.Value) != i+1 {
			t.Fatalf("announcement %d tells state %d", i+1, len(a.Value))
		}
	}
}

// TestLeftUnnumbered: who follows finds what was committed by a gateway that has
// died right behind it.
func TestLeftUnnumbered(t *testing.T) {
	address := server.Database(t)
	s := openTest(t, Options{URL: address})
	announce(t, s, "first")
	hear(t, s, 0, 1)
	server.Exec(t, name(t, address), `INSERT INTO onesgate_announced (drawn, place, topic, value)
		VALUES (nextval('onesgate_version'), 1, 'left', '')`)
	if heard, err := s.Follow(t.Context(), 1, 10); err != nil || len(heard) != 1 || heard[0].Topic != "left" {
		t.Errorf("Follow = %v, %v", heard, err)
	}
	server.Exec(t, name(t, address), `INSERT INTO onesgate_announced (drawn, place, topic, value)
		VALUES (nextval('onesgate_version'), 1, 'again', '')`)
	if last, err := s.Last(t.Context()); err != nil || last != 3 {
		t.Errorf("Last = %d, %v, want 3", last, err)
	}
}

// TestForgotten: who asks for what isn't kept any more is told so, and who has
// followed is not.
func TestForgotten(t *testing.T) {
	address := server.Database(t)
	first := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	// at opens a gateway whose clock stands still, because announcements are
	// numbered behind the commit, at a time of their own.
	at := func(now time.Time) *Store {
		return openTest(t, Options{URL: address, Now: func() time.Time { return now }})
	}
	s := at(first)
	announce(t, s, "1")
	announce(t, s, "2")
	hear(t, s, 0, 2)
	closeTest(t, s)

	s = at(first.Add(store.AnnouncementLife - 1))
	announce(t, s, "3")
	if err := s.collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	hear(t, s, 0, 3)
	closeTest(t, s)

	s = at(first.Add(store.AnnouncementLife + collectAfter))
	if err := s.collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	for after := range store.Position(2) {
		if heard, err := s.Follow(t.Context(), after, 10); !errors.Is(err, store.ErrForgotten) {
			t.Errorf("Follow(%d) = %v, %v, want ErrForgotten", after, heard, err)
		}
	}
	hear(t, s, 2, 1)

	// A gap in the middle, which differing clocks can make, is not stepped over.
	announce(t, s, "4")
	announce(t, s, "5")
	hear(t, s, 3, 2)
	server.Exec(t, name(t, address), `DELETE FROM onesgate_announcements WHERE position = 4`)
	if heard, err := s.Follow(t.Context(), 2, 10); err != nil || len(heard) != 1 {
		t.Errorf("Follow up to a gap = %v, %v, want one", heard, err)
	}
	if heard, err := s.Follow(t.Context(), 3, 10); !errors.Is(err, store.ErrForgotten) {
		t.Errorf("Follow into a gap = %v, %v, want ErrForgotten", heard, err)
	}
	if _, err := s.Follow(t.Context(), 1<<64-1, 10); !errors.Is(err, store.ErrForgotten) {
		t.Errorf("Follow from far ahead = %v, want ErrForgotten", err)
	}
}

// TestWrongNotification: what others notify is a hint and no more.
func TestWrongNotification(t *testing.T) {
	address := server.Database(t)
	s := openTest(t, Options{URL: address})
	for !s.listening.Load() {
		if _, err := s.Follow(t.Context(), 0, 1); err != nil {
			t.Fatal(err)
		}
	}
	_, more := s.tail.Last()
	server.Exec(t, name(t, address), `SELECT pg_notify('onesgate', 'nonsense'), pg_notify('onesgate', '-1'), pg_notify('onesgate', '77')`)
	<-more
	for range 2 {
		if heard, err := s.Follow(t.Context(), 0, 1); err != nil || len(heard) != 0 {
			t.Errorf("Follow = %v, %v", heard, err)
		}
	}
	if last, _ := s.tail.Last(); last != 0 {
		t.Errorf("the feed believes in position %d", last)
	}
}

// TestListenerComesBack: a broken listening connection is replaced.
func TestListenerComesBack(t *testing.T) {
	address := server.Database(t)
	one, other := openTest(t, Options{URL: address}), openTest(t, Options{URL: address})
	listening := func() {
		for !one.listening.Load() || !other.listening.Load() {
			if _, err := one.Follow(t.Context(), 0, 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	listening()
	server.Exec(t, "postgres", fmt.Sprintf(
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s' AND query LIKE 'LISTEN%%'`, name(t, address)))
	for one.listening.Load() && other.listening.Load() {
		if _, err := one.Follow(t.Context(), 0, 1); err != nil {
			t.Fatal(err)
		}
	}
	listening()
	_, more := other.tail.Last()
	announce(t, one, "a")
	<-more
}
