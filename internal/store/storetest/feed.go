package storetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// follow reads n announcements after a position, however often it has to ask.
func (f fixture) follow(t *testing.T, after store.Position, n int) []store.Announcement {
	t.Helper()
	var heard []store.Announcement
	for len(heard) < n {
		more, err := f.Follow(t.Context(), after, n-len(heard))
		if err != nil {
			t.Fatalf("Follow(%d) = %v", after, err)
		}
		for _, a := range more {
			if a.Position != after+1 {
				t.Fatalf("Follow(%d) = position %d, want the next one", after, a.Position)
			}
			after = a.Position
		}
		heard = append(heard, more...)
	}
	return heard
}

func (f fixture) last(t *testing.T) store.Position {
	t.Helper()
	p, err := f.Last(t.Context())
	if err != nil {
		t.Fatalf("Last = %v", err)
	}
	return p
}

func announce(topic, value string) store.Write {
	return store.Write{Op: store.Announce, Key: topic, Value: []byte(value)}
}

// testFeed: what is announced is told in order, once the commit has happened,
// and can be told again.
func testFeed(t *testing.T, f fixture) {
	if p := f.last(t); p != 0 {
		t.Errorf("Last of an empty store = %d, want 0", p)
	}
	if heard, err := f.Follow(t.Context(), 0, 10); err != nil || len(heard) != 0 {
		t.Errorf("Follow of an empty store = %v, %v", heard, err)
	}
	f.commit(t, announce("a", "1"), store.Write{Key: "r", Value: []byte("x")}, announce("a", "2"), announce("c", ""))
	f.put(t, "s", "y")
	f.conflict(t, announce("never", ""), store.Write{Key: "r", If: store.If(store.Absent)})
	f.commit(t, announce("b\x00ü", strings.Repeat("z", 5000)))
	heard := f.follow(t, 0, 4)
	var got []string
	for _, a := range heard {
		got = append(got, fmt.Sprintf("%d %s=%d", a.Position, a.Topic, len(a.Value)))
	}
	if want := []string{"1 a=1", "2 a=1", "3 c=0", "4 b\x00ü=5000"}; !slices.Equal(got, want) {
		t.Errorf("heard %q, want %q", got, want)
	}
	if p := f.last(t); p != 4 {
		t.Errorf("Last = %d, want 4", p)
	}
	if again := f.follow(t, 2, 2); again[0].Position != 3 {
		t.Errorf("told again from 2: %v", again)
	}
	if one, err := f.Follow(t.Context(), 1, 1); err != nil || len(one) != 1 || one[0].Position != 2 {
		t.Errorf("one of many = %v, %v", one, err)
	}
	if _, err := f.Follow(t.Context(), 5, 1); !errors.Is(err, store.ErrForgotten) {
		t.Errorf("Follow of a position that never was = %v, want ErrForgotten", err)
	}
	f.scans(t, "", "", 10, "r", "s") // announcements are no records
}

// testFollowWaits: who waits is told as soon as there is something.
func testFollowWaits(t *testing.T, f fixture) {
	heard := make(chan store.Announcement)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		for after := store.Position(0); ; {
			more, err := f.Follow(ctx, after, 10)
			if err != nil {
				if ctx.Err() == nil {
					t.Errorf("Follow = %v", err)
				}
				close(heard)
				return
			}
			for _, a := range more {
				after = a.Position
				heard <- a
			}
		}
	})
	for n := range 5 {
		f.commit(t, announce("n", fmt.Sprint(n)))
		if a, ok := <-heard; !ok || string(a.Value) != fmt.Sprint(n) {
			t.Errorf("heard %q, want %d", a.Value, n)
		}
	}
}

// testFeedUnderLoad: with many writers the order has no gap, every announcement
// of a commit that was acknowledged is told once, and no other is; those of one
// commit stand together, and each writer's come in its order.
func testFeedUnderLoad(t *testing.T, f fixture) {
	const writers, each = 16, 20
	var wg sync.WaitGroup
	for writer := range writers {
		wg.Go(func() {
			for n := range each {
				id := fmt.Sprintf("%d/%d", writer, n)
				writes := []store.Write{{Key: "w/" + id}, announce(fmt.Sprint(writer), fmt.Sprint(n)), announce("second", id)}
				if n%5 == 4 { // this one must not happen
					writes = append(writes, store.Write{Key: "w/" + id + "/never", Op: store.Check, If: store.If(99)})
				}
				if _, err := f.Commit(t.Context(), writes...); err != nil && (n%5 != 4 || !errors.Is(err, store.ErrConflict)) {
					t.Errorf("Commit = %v", err)
				}
			}
		})
	}
	const happened = writers * each * 4 / 5
	heard := f.follow(t, 0, 2*happened)
	wg.Wait()
	if p := f.last(t); p != 2*happened {
		t.Errorf("%d announcements, want %d", p, 2*happened)
	}
	next := map[string]int{}
	for i := 0; i < len(heard); i += 2 {
		first, second := heard[i], heard[i+1]
		if second.Topic != "second" || string(second.Value) != first.Topic+"/"+string(first.Value) {
			t.Fatalf("announcements of two commits are mixed: %s=%s, %s=%s", first.Topic, first.Value, second.Topic, second.Value)
		}
		if n := next[first.Topic]; string(first.Value) != fmt.Sprint(n) {
			t.Errorf("writer %s: heard %s, want %d", first.Topic, first.Value, n)
		}
		if next[first.Topic]++; next[first.Topic]%5 == 4 {
			next[first.Topic]++
		}
	}
}

// testFeedHelper: store.Feed tells what comes after it began, and is fresh.
func testFeedHelper(t *testing.T, f fixture) {
	f.commit(t, announce("before", ""))
	heard, began := make(chan string, 10), make(chan struct{})
	feed := store.NewFeed(f, time.Now, slog.New(slog.DiscardHandler),
		func(a store.Announcement) { heard <- a.Topic }, func() { close(began) })
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { feed.Run(ctx) })
	<-began
	f.commit(t, announce("after", ""))
	if got := <-heard; got != "after" {
		t.Errorf("heard %q", got)
	}
	if lag := feed.Lag(); lag > time.Minute {
		t.Errorf("the feed lags by %s", lag)
	}
	cancel()
	wg.Wait()
}
