package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func newGates() *gates { return &gates{now: time.Now, open: map[string]*gate{}} }

// in enters the mailbox of a room as somebody.
func in(t *testing.T, g *gates, caller string, background bool) *waiter {
	t.Helper()
	place, err := g.enter(t.Context(), "room@x", caller, background, false)
	if err != nil {
		t.Fatal(err)
	}
	return place
}

// queue sends somebody to a gate that is full; turns gets the name when it is let in.
func queue(g *gates, caller string, background bool, turns chan<- string) {
	go func() {
		place, err := g.enter(context.Background(), "room@x", caller, background, false)
		if err != nil {
			turns <- err.Error()
			return
		}
		turns <- caller
		place.leave()
	}()
	synctest.Wait()
}

func TestMailboxLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most := map[string]int{}, map[string]int{}
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			now[r.URL.Path]++
			most[r.URL.Path] = max(most[r.URL.Path], now[r.URL.Path])
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now[r.URL.Path]--
			mu.Unlock()
			_, _ = io.WriteString(w, `{}`)
		})
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				if _, err := c.DefaultCalendarOwner(t.Context(), mailbox("tok")); err != nil {
					t.Error(err)
				}
			})
			all.Go(func() {
				asking := mailbox("tok") // a room is one mailbox, whoever asks
				asking.Key = fmt.Sprint("person ", i)
				if _, err := c.CanEdit(t.Context(), asking, "room@x"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, path := range []string{"/v1.0/me/calendar", "/v1.0/users/room@x/calendar"} {
			if most[path] != mailboxLimit {
				t.Errorf("%s at once: got %d, want %d", path, most[path], mailboxLimit)
			}
		}
		if n := len(c.gates.open); n != 0 {
			t.Errorf("gates left: got %d, want none", n)
		}
	})
}

func TestWhoseLimit(t *testing.T) {
	for _, tt := range []struct {
		target, path, want string
	}{
		{"", "/me/events", "tid.sub"},
		{"", "/users/Room%40x/calendar", "room@x"},
		{"", "/Users/room@x", "room@x"},
		{"", "/users", "tid.sub"},
		{"", "/users/", "tid.sub"},
		{"", "/users/%zz/calendar", "tid.sub"},
		{"", "/places/users/x", "tid.sub"},
		{"Room@x", "/me/events", "room@x"},
		{"Room@x", "/users/room2@x/events", "room@x"},
		{"tid.Sub", "/users/own@x/events", "tid.sub"},
	} {
		if got := (Mailbox{Key: "tid.Sub", Target: tt.target}).charged(tt.path); got != tt.want {
			t.Errorf("%s for %q: got %q, want %q", tt.path, tt.target, got, tt.want)
		}
	}
}

func TestOrderAtTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, turns := newGates(), make(chan string, 16)
		alice := []*waiter{in(t, g, "alice", false), in(t, g, "alice", false), in(t, g, "alice", true), in(t, g, "alice", true)}
		for _, caller := range []string{"alice", "bob", "carol"} {
			queue(g, caller+"'s clock", true, turns)
			queue(g, caller, false, turns)
		}
		queue(g, "bob", false, turns)
		var got []string
		for range 7 {
			alice[3].leave() // the first time makes place; each who leaves makes it for the next
			got = append(got, <-turns)
		}
		// people before clocks, whoever has a place already last, else as they came
		want := []string{"bob", "carol", "bob", "alice", "alice's clock", "bob's clock", "carol's clock"}
		if !slices.Equal(got, want) {
			t.Errorf("order: got %v, want %v", got, want)
		}
		for _, place := range alice {
			place.leave()
		}
		if len(g.open) != 0 {
			t.Errorf("gates left: got %d, want none", len(g.open))
		}
	})
}

func TestBackgroundLeavesAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, turns := newGates(), make(chan string, 16)
		var places []*waiter
		for range backgroundLimit {
			places = append(places, in(t, g, "clock", true))
		}
		queue(g, "clock", true, turns)
		places = append(places, in(t, g, "alice", false))
		if len(turns) != 0 {
			t.Error("a background call has taken the last place")
		}
		for _, place := range places {
			place.leave()
		}
		if got := <-turns; got != "clock" {
			t.Errorf("got %q, want the background call to be let in", got)
		}
	})
}

func TestQueueIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, turns := newGates(), make(chan string, 2*maxQueue)
		var places []*waiter
		for range mailboxLimit {
			places = append(places, in(t, g, "alice", false))
		}
		enter := func(caller string, background, again bool) error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := g.enter(ctx, "room@x", caller, background, again)
			return err
		}
		for range maxOfCaller {
			queue(g, "alice", false, turns)
		}
		var busy *BusyError
		if err := enter("alice", false, false); !errors.As(err, &busy) || busy.RetryAfter <= 0 || !Transient(err) || MaybeDone(err) {
			t.Errorf("one more of hers: got %v, want it to be too many, for now", err)
		}
		if err := enter("bob", false, false); !errors.Is(err, context.Canceled) {
			t.Errorf("somebody else's: got %v, want to wait", err)
		}
		if err := enter("room@x", false, false); !errors.Is(err, context.Canceled) {
			t.Errorf("the mailbox's own: got %v, want to wait", err)
		}
		for range maxQueue - maxOfCaller {
			queue(g, "room@x", false, turns)
		}
		if err := enter("bob", false, false); !errors.As(err, &busy) {
			t.Errorf("the queue is full: got %v, want *BusyError", err)
		}
		if err := enter("alice", false, true); !errors.Is(err, context.Canceled) {
			t.Errorf("one that was in already: got %v, want to wait", err)
		}
		if err := enter("bob", true, false); !errors.Is(err, context.Canceled) {
			t.Errorf("a background call: got %v, want to wait, in a queue of its own", err)
		}
		start := time.Now()
		for range maxQueue {
			if got, want := <-turns, (&BusyError{RetryAfter: busyHint}).Error(); got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
		if got := time.Since(start); got != maxWait {
			t.Errorf("waited %v, want %v", got, maxWait)
		}
		for _, place := range places {
			place.leave()
			place.leave() // only the first time counts
		}
		if len(g.open) != 0 {
			t.Errorf("gates left: got %d, want none", len(g.open))
		}
	})
}

// After a 429 the whole mailbox is left alone, and no other.
func TestThrottledMailboxIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex
		throttled := false
		times := map[time.Duration]int{}
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			times[time.Since(start)]++
			if !throttled {
				throttled = true
				w.Header().Set("Retry-After", "9.5")
				refuse(w, 429, "ApplicationThrottled")
				return
			}
			_, _ = io.WriteString(w, `{"owner":{"address":"a@x"}}`)
		})
		ask := func(ctx context.Context, key string) error {
			mb := mailbox("tok")
			mb.Key = key
			_, err := c.DefaultCalendarOwner(ctx, mb)
			return err
		}
		var all sync.WaitGroup
		all.Go(func() {
			if err := ask(t.Context(), "alice"); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		time.Sleep(time.Second)
		for range 5 {
			all.Go(func() {
				if err := ask(t.Context(), "alice"); err != nil {
					t.Error(err)
				}
			})
		}
		if err := ask(t.Context(), "bob"); err != nil {
			t.Error(err)
		}
		hurried, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		var busy *BusyError
		if err := ask(hurried, "alice"); !errors.As(err, &busy) || busy.RetryAfter != 8500*time.Millisecond {
			t.Errorf("less time than Graph wants to be left alone: got %v, want it to say 8.5s", err)
		}
		all.Wait()
		if got, want := fmt.Sprint(times), "map[0s:1 1s:1 9.5s:6]"; got != want {
			t.Errorf("requests by time: got %s, want %s", got, want)
		}
	})
}

// A mailbox whose calls have all given up is still left alone, within bounds.
func TestClosedGateIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGates()
		place := in(t, g, "alice", false)
		place.close(time.Hour)
		place.leave()
		var busy *BusyError
		if _, err := g.enter(t.Context(), "room@x", "bob", false, false); !errors.As(err, &busy) || busy.RetryAfter != maxClosed {
			t.Errorf("got %v, want *BusyError with %v", err, maxClosed)
		}
		time.Sleep(maxClosed)
		in(t, g, "bob", false).leave()
		if len(g.open) != 0 {
			t.Errorf("gates left: got %d, want none", len(g.open))
		}
		place = in(t, g, "alice", false)
		place.close(time.Second)
		place.leave()
		time.Sleep(time.Second)
		other, err := g.enter(t.Context(), "carol", "carol", false, false)
		if err != nil {
			t.Fatal(err)
		}
		other.close(time.Second)
		if _, kept := g.open["room@x"]; kept {
			t.Error("a gate that nobody is at and that is open again is kept")
		}
		other.leave()
	})
}

// A burst over the limit may be refused as if the calendar were not shared.
func TestRefusalInABurstIsChecked(t *testing.T) {
	for _, atOnce := range []int{1, mailboxLimit} {
		bubble(t, fmt.Sprint(atOnce), func(t *testing.T) {
			var sent atomic.Int32
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				sent.Add(1)
				time.Sleep(time.Second)
				refuse(w, 403, CodeAccessDenied)
			})
			var all sync.WaitGroup
			for range atOnce {
				all.Go(func() {
					var refused *Error
					if _, err := c.CreateEvent(t.Context(), mailbox("tok"), Event{}); !errors.As(err, &refused) || refused.Status != 403 {
						t.Errorf("got %v, want the 403", err)
					}
				})
			}
			all.Wait()
			if again := int(sent.Load()) > atOnce; again != (atOnce == mailboxLimit) {
				t.Errorf("sent %d times for %d calls at once", sent.Load(), atOnce)
			}
		})
	}
}
