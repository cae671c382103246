package peers_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onesgate/onesgate/internal/peers"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/memstore"
)

// fragile is a store that can be broken.
type fragile struct {
	*memstore.Store
	mu     sync.Mutex
	broken error
}

func newFragile(broken error) *fragile {
	return &fragile{Store: memstore.New(time.Now), broken: broken}
}

func (f *fragile) breakDown(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = err
}

func (f *fragile) state() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.broken
}

func (f *fragile) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	if err := f.state(); err != nil {
		return 0, err
	}
	return f.Store.Commit(ctx, writes...)
}

func (f *fragile) Scan(ctx context.Context, prefix, after string, limit int) ([]store.Record, error) {
	if err := f.state(); err != nil {
		return nil, err
	}
	return f.Store.Scan(ctx, prefix, after, limit)
}

func TestMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFragile(nil)
		var log bytes.Buffer
		// There is a lock in it, as a Member may ask from its own goroutine.
		var mu sync.Mutex
		key := uint32(1)
		join := func(name string) *peers.Member {
			m, err := peers.Join(t.Context(), peers.Config{
				Store: s, Log: slog.New(slog.NewTextHandler(&log, nil)), Now: time.Now,
				About: func() peers.Gateway {
					mu.Lock()
					defer mu.Unlock()
					return peers.Gateway{Name: name, Seals: key}
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		want := func(when string, seals uint32, names ...string) {
			t.Helper()
			there, err := peers.List(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, g := range there {
				got = append(got, g.Name)
				if g.Seals != seals {
					t.Errorf("%s: %s seals with %d, want %d", when, g.Name, g.Seals, seals)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, names) {
				t.Errorf("%s: %v, want %v", when, got, names)
			}
		}

		running, killed := join("running"), join("killed")
		_ = killed // it says no more
		ctx, stop := context.WithCancel(context.Background())
		var work sync.WaitGroup
		work.Go(func() { running.Run(ctx) })
		want("at first", 1, "killed", "running")
		time.Sleep(peers.Life - time.Second)
		want("before its life is over", 1, "killed", "running")
		time.Sleep(time.Second)
		want("after it", 1, "running")
		time.Sleep(time.Hour)
		want("much later", 1, "running")

		mu.Lock()
		key = 2
		mu.Unlock()
		running.Changed()
		synctest.Wait()
		want("after a change", 2, "running")

		s.breakDown(errors.New("the database is away"))
		time.Sleep(peers.Life + time.Second)
		s.breakDown(nil)
		want("while it was cut off", 2)
		if n := strings.Count(log.String(), "the database is away"); n != 1 {
			t.Errorf("told %d times that it is away, want once: %s", n, log.String())
		}
		time.Sleep(peers.Life / 2)
		want("back again", 2, "running")

		stop()
		work.Wait()
		if err := running.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		want("after it has left", 2)
	})
}

func TestJoinFails(t *testing.T) {
	for _, broken := range []error{store.ErrClosed, store.ErrFull} {
		s := newFragile(broken)
		m, err := peers.Join(t.Context(), peers.Config{Store: s, Now: time.Now, About: func() peers.Gateway { return peers.Gateway{} }})
		if full := errors.Is(broken, store.ErrFull); (m != nil) != full || !full && !errors.Is(err, broken) {
			t.Errorf("Join on a store with %v = %v, %v", broken, m, err)
		}
	}
	s := newFragile(store.ErrClosed)
	if _, err := peers.List(t.Context(), s); !errors.Is(err, store.ErrClosed) {
		t.Errorf("List = %v, want the store's error", err)
	}
}
