package store_test

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/memstore"
)

// stuck is a way to the store on which commits hang once it is blocked.
type stuck struct {
	store.Store
	blocked chan struct{}
}

func (s stuck) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	select {
	case <-s.blocked:
		<-ctx.Done()
		return 0, ctx.Err()
	default:
		return s.Store.Commit(ctx, writes...)
	}
}

// TestLeaseWhileTheStoreHangs: the work of an instance that can't renew its lease
// has ended when another one's begins.
func TestLeaseWhileTheStoreHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const life = 15 * time.Second
		s := memstore.New(time.Now)
		cut := stuck{s, make(chan struct{})}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		working := make(chan string, 10)
		var mu sync.Mutex
		busy := 0
		work := func(name string) func(context.Context) {
			return func(ctx context.Context) {
				mu.Lock()
				if busy++; busy > 1 {
					t.Errorf("%s begins while another one works", name)
				}
				mu.Unlock()
				working <- name
				<-ctx.Done()
				time.Sleep(life / 8) // it takes a while to end
				mu.Lock()
				busy--
				mu.Unlock()
			}
		}
		var all sync.WaitGroup
		all.Go(func() { store.WithLease(ctx, cut, time.Now, "work", "a", life, func(error) {}, work("a")) })
		if first := <-working; first != "a" {
			t.Fatal(first)
		}
		time.Sleep(time.Hour)
		all.Go(func() { store.WithLease(ctx, s, time.Now, "work", "b", life, func(error) {}, work("b")) })
		close(cut.blocked)
		if next := <-working; next != "b" {
			t.Errorf("after a was cut off %s works, want b", next)
		}
		cancel()
		all.Wait()
	})
}

// late answers the first commit long after it was done.
type late struct {
	store.Store
	once sync.Once
	by   time.Duration
}

func (s *late) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	v, err := s.Store.Commit(ctx, writes...)
	s.once.Do(func() { time.Sleep(s.by) })
	return v, err
}

// TestLeaseAnsweredLate: an instance that learns late that it has got the lease
// doesn't work beside the next one.
func TestLeaseAnsweredLate(t *testing.T) {
	for _, by := range []time.Duration{10 * time.Second, 16 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			const life = 15 * time.Second
			s := memstore.New(time.Now)
			ctx, cancel := context.WithCancel(context.Background())
			var mu sync.Mutex
			busy := 0
			work := func(name string) func(context.Context) {
				return func(ctx context.Context) {
					mu.Lock()
					if busy++; busy > 1 {
						t.Errorf("answer %s late: %s begins while another one works", by, name)
					}
					mu.Unlock()
					<-ctx.Done()
					time.Sleep(life / 8)
					mu.Lock()
					busy--
					mu.Unlock()
				}
			}
			var all sync.WaitGroup
			all.Go(func() {
				store.WithLease(ctx, &late{Store: s, by: by}, time.Now, "work", "a", life, func(error) {}, work("a"))
			})
			synctest.Wait()
			all.Go(func() { store.WithLease(ctx, s, time.Now, "work", "b", life, func(error) {}, work("b")) })
			time.Sleep(time.Minute)
			cancel()
			all.Wait()
		})
	}
}

// deafFeed is a store that nobody hears anything of any more.
type deafFeed struct{ store.Store }

func (deafFeed) Last(context.Context) (store.Position, error) { return 0, nil }

func (deafFeed) Follow(ctx context.Context, _ store.Position, _ int) ([]store.Announcement, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestLagOfAClockSetBack: a clock that is set back doesn't make old knowledge new.
func TestLagOfAClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var set time.Duration
		now := func() time.Time { return time.Now().Round(0).Add(set) } // without a monotonic reading
		feed := store.NewFeed(deafFeed{}, now, slog.New(slog.DiscardHandler), func(store.Announcement) {}, func() {})
		if lag := feed.Lag(); lag != math.MaxInt64 {
			t.Errorf("at first Lag = %s, want that nothing is known", lag)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var work sync.WaitGroup
		work.Go(func() { feed.Run(ctx) })
		synctest.Wait()
		time.Sleep(time.Minute)
		if lag := feed.Lag(); lag != time.Minute {
			t.Errorf("deaf for a minute, Lag = %s", lag)
		}
		set = -time.Hour
		if lag := feed.Lag(); lag != math.MaxInt64 {
			t.Errorf("with a clock set back, Lag = %s, want that nothing is known", lag)
		}
		cancel()
		work.Wait()
	})
}
