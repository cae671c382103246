package grant_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/pgstore"
)

// A member is an instance's keeper, with its own way to the database and its own
// clock.
type member struct {
	*grant.Keeper
	store *hookedStore
	line  *line
	world *world
	ahead atomic.Int64 // of the world's time
}

func (i *member) now() time.Time { return i.world.now().Add(time.Duration(i.ahead.Load())) }

// jump moves the instance's clock alone.
func (i *member) jump(d time.Duration) { i.ahead.Add(int64(d)) }

// newCluster returns a world with so many instances on one database. The world's
// own keeper is the first one's.
func newCluster(t *testing.T, n int) (*world, []*member) {
	t.Helper()
	w := emptyWorld(t)
	w.shared = true
	database, err := url.Parse(server.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	all := make([]*member, n)
	for n := range all {
		dir, err := os.MkdirTemp("", "line") // t.TempDir's name may be too long for a socket
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		i := &member{world: w, line: newLine(t, dir)}
		way := *database
		way.RawQuery = url.Values{"host": {dir}}.Encode()
		options := pgstore.Options{URL: way.String(), Now: i.now}
		if n > 0 { // the first one makes the tables, and is never cut off
			options.Timeout = time.Second
		}
		s, err := pgstore.Open(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		i.store = &hookedStore{Store: s}
		client := w.client(i.now)
		i.Keeper = w.keeperOn(i.store, i.now, func(integration string) (*entra.Client, bool) {
			return client, integration == "contoso"
		})
		all[n] = i
	}
	w.Keeper, w.store = all[0].Keeper, all[0].store
	return w, all
}

// asks has the instance asked for alice's token, and sends what comes.
func (i *member) asks(t *testing.T) <-chan string {
	got := make(chan string, 1)
	go func() {
		defer close(got)
		token, err := i.Token(t.Context(), alice, grant.Ask{})
		if err != nil {
			t.Error(err)
		}
		got <- token
	}()
	return got
}

// looks returns a channel that tells each time the instance has read something.
func (i *member) looks() <-chan struct{} {
	looked := make(chan struct{}, 1000)
	i.store.set(func(op string) error {
		if op == "read" {
			looked <- struct{}{}
		}
		return nil
	})
	return looked
}

// TestPostgresOneRefreshOfAll: 200 who ask at three instances at the end of a token
// cost one call.
func TestPostgresOneRefreshOfAll(t *testing.T) {
	w, all := newCluster(t, 3)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	arrived, release := w.idp.holds()
	var done sync.WaitGroup
	for n := range 200 {
		asked := all[n%len(all)]
		var looked <-chan struct{}
		if n < len(all) {
			looked = asked.looks()
		}
		done.Go(func() { w.wantToken(asked.Keeper, alice, "", "access-1") })
		switch {
		case n == 0:
			<-arrived
		case n < len(all): // it has seen that another is at it, and looks again
			<-looked
			<-looked
		}
	}
	close(release)
	done.Wait()
	w.wantCalls("refresh-saved")
	w.wantStored(alice, "connected", "refresh-1")
}

// TestPostgresPartition: an instance that can't reach the database serves what is
// valid as long as it is, blames nobody, and goes on by itself.
func TestPostgresPartition(t *testing.T) {
	for name, breaks := range map[string]func(*line) (mend func()){"cut": (*line).cut, "silent": (*line).silent} {
		t.Run(name, func(t *testing.T) {
			w, all := newCluster(t, 2)
			off := all[1]
			w.signIn(alice, "saved")
			w.wantToken(off.Keeper, alice, "", "access-saved")
			mend := breaks(off.line)
			w.advance(55 * time.Minute) // it should be renewed
			w.wantToken(off.Keeper, alice, "", "access-saved")
			w.advance(4*time.Minute + 30*time.Second) // it had better be
			w.wantToken(off.Keeper, alice, "", "access-saved")
			w.advance(time.Minute) // it is over
			if token, err := off.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("Token without the database = %q, %v, want store.ErrUnavailable", token, err)
			}
			w.wantStateAt(off.Keeper, alice, grant.Unavailable)
			w.wantCalls()
			w.wantStored(alice, "connected", "refresh-saved")

			w.wantToken(w.Keeper, alice, "", "access-1") // the others don't notice
			mend()
			off.reaches()
			w.advance(time.Minute) // it waits between its tries
			looked := off.looks()
			grant.Probe(off.Keeper)
			<-looked
			w.wantToken(off.Keeper, alice, "", "access-1")
			w.wantStateAt(off.Keeper, alice, grant.Connected)
			w.wantCalls("refresh-saved")
			w.wantStored(alice, "connected", "refresh-1")
			if len(w.told) != 0 {
				t.Errorf("told: %+v", <-w.told)
			}
		})
	}
}

// TestPostgresPartitionWhileRefreshing: what an instance has got but can't save, it
// uses; another one goes on with what is stored, and neither spoils the other's.
func TestPostgresPartitionWhileRefreshing(t *testing.T) {
	for name, breaks := range map[string]func(*line) (mend func()){"cut": (*line).cut, "silent": (*line).silent} {
		for _, overtaken := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, overtaken %t", name, overtaken), func(t *testing.T) {
				w, all := newCluster(t, 2)
				off := all[1]
				w.signIn(alice, "saved")
				w.advance(time.Hour)
				arrived, release := w.idp.holds()
				got := off.asks(t)
				<-arrived
				w.idp.mended()
				mend := breaks(off.line)
				close(release)
				if token := <-got; token != "access-1" {
					t.Errorf("Token of the one that is cut off = %q, want access-1", token)
				}
				w.wantStored(alice, "connected", "refresh-saved")
				stands := 1
				if overtaken {
					w.advance(holdLife) // it might have died
					w.wantToken(w.Keeper, alice, "", "access-2")
					stands = 2
				}
				w.wantToken(off.Keeper, alice, "", "access-1")
				mend()
				off.reaches()
				off.saved()
				last := fmt.Sprintf("refresh-%d", stands)
				w.wantStored(alice, "connected", last)
				w.advance(time.Hour)
				next := fmt.Sprintf("access-%d", stands+1)
				w.wantToken(off.Keeper, alice, "", next)
				w.wantToken(w.Keeper, alice, "", next)
				if calls := w.idp.received(); calls[len(calls)-1] != last {
					t.Errorf("the last refresh went by %s, want %s", calls[len(calls)-1], last)
				}
			})
		}
	}
}

// holdLife is after how long an instance that holds a grant counts as dead.
const holdLife = 20 * time.Second

// reaches waits until the instance reaches the database.
func (i *member) reaches() {
	for {
		if _, err := i.store.Store.Get(context.Background(), "nothing"); errors.Is(err, store.ErrNotFound) {
			return
		}
	}
}

// saved waits until the instance has nothing left to save of alice's.
func (i *member) saved() {
	for i.Busy(alice) {
		time.Sleep(10 * time.Millisecond) // between two looks
	}
}

// TestPostgresLoser: an instance whose refresh token is refused, since another one
// has taken over and has a newer one, harms nothing.
func TestPostgresLoser(t *testing.T) {
	for name, body := range map[string]string{"dead": refusedDead, "person": refusedPerson, "admin": refusedAdmin} {
		t.Run(name, func(t *testing.T) {
			w, all := newCluster(t, 3)
			w.signIn(alice, "saved")
			w.advance(time.Hour)
			arrived, release := make(chan struct{}), make(chan struct{})
			var first sync.Once
			w.idp.set(func(rw http.ResponseWriter, token string) bool {
				lost := false
				first.Do(func() { lost = true })
				if !lost {
					return false
				}
				close(arrived)
				<-release
				rw.WriteHeader(http.StatusBadRequest)
				_, _ = fmt.Fprint(rw, body)
				return true
			})
			loser := all[1].asks(t)
			<-arrived
			w.advance(holdLife)
			w.wantToken(all[2].Keeper, alice, "", "access-2")
			close(release)
			if token := <-loser; token != "access-2" {
				t.Errorf("Token of the loser = %q, want access-2", token)
			}
			w.wantCalls("refresh-saved", "refresh-saved")
			w.wantStored(alice, "connected", "refresh-2")
			for _, i := range all {
				w.wantStateAt(i.Keeper, alice, grant.Connected)
				w.wantToken(i.Keeper, alice, "", "access-2")
			}
			if len(w.told) != 0 {
				t.Errorf("told: %+v", <-w.told)
			}
		})
	}
}

// TestPostgresKilledBeforeSaving: what Microsoft gave to an instance that died before
// it could save it is not missed.
func TestPostgresKilledBeforeSaving(t *testing.T) {
	w, all := newCluster(t, 2)
	dying := all[1]
	w.signIn(alice, "saved")
	for round := range 3 {
		w.advance(time.Hour)
		arrived, release := w.idp.holds()
		got := dying.asks(t)
		<-arrived
		w.idp.mended()
		dying.store.set(func(string) error { return errors.New("killed") })
		close(release)
		<-got // by nobody: it is dead
		w.advance(holdLife)
		token := fmt.Sprintf("access-%d", 2*round+2)
		w.wantToken(w.Keeper, alice, "", token)
		w.wantStored(alice, "connected", fmt.Sprintf("refresh-%d", 2*round+2))
		if round < 2 {
			dying.store.set(nil) // another one in its place
			dying.saved()
			w.wantToken(dying.Keeper, alice, fmt.Sprintf("access-%d", 2*round+1), token)
		}
	}
	w.wantCalls("refresh-saved", "refresh-saved", "refresh-2", "refresh-2", "refresh-4", "refresh-4")
	w.wantState(alice, grant.Connected)
}

// TestPostgresClockJumps: whatever one instance's clock says, nobody is left without
// a token, and Microsoft is asked hardly more often.
func TestPostgresClockJumps(t *testing.T) {
	for _, jump := range []time.Duration{2 * time.Hour, -2 * time.Hour} {
		t.Run(jump.String(), func(t *testing.T) {
			w, all := newCluster(t, 2)
			astray := all[1]
			w.save(astray.Keeper, alice, "saved", grant.Connected)
			calls := 0
			for n, by := range []time.Duration{jump, -jump, jump, 0, 0, -jump, 0} {
				astray.jump(by)
				for _, i := range all {
					token, err := i.Token(t.Context(), alice, grant.Ask{})
					if err == nil && by < 0 { // Graph may refuse what a clock that is behind takes for good
						token, err = i.Token(t.Context(), alice, grant.Ask{Stale: token})
					}
					if err != nil || token == "" {
						t.Errorf("step %d: Token = %q, %v", n, token, err)
					}
					w.wantStateAt(i.Keeper, alice, grant.Connected)
				}
				received := w.idp.received()
				if len(received) > calls+2 {
					t.Errorf("step %d: %d calls", n, len(received)-calls)
				}
				calls = len(received)
				if calls > 0 {
					w.wantStored(alice, "connected", fmt.Sprintf("refresh-%d", calls))
				}
				w.advance(40 * time.Minute)
			}
		})
	}
}
