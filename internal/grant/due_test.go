package grant_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
)

// idle has the test run in a bubble in which owners have signed in at a gateway
// that keeps grants alive. In the end each grant that may be alive has to have its
// one entry.
func idle(t *testing.T, owners []string, test func(t *testing.T, b *bubble, g *instance)) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		g := b.solo()
		defer g.close()
		for _, owner := range owners {
			if err := g.signIn(owner); err != nil {
				t.Fatal(err)
			}
		}
		stop := g.run(g.KeepAlive)
		defer stop()
		test(t, b, g)
		synctest.Wait()
		for _, wrong := range b.unscheduled() {
			t.Error(wrong)
		}
	})
}

// crowd are people, and rooms that book by themselves.
func crowd() []string {
	owners := []string{alice, "room:contoso/boardroom"}
	for i := range 30 {
		owners = append(owners, fmt.Sprintf("tenant.%d", i))
	}
	return owners
}

// wantGaps checks how long after each other an owner's calls came, the first one
// after since.
func wantGaps(t *testing.T, calls []call, since time.Time, atLeast, atMost time.Duration) {
	t.Helper()
	for _, c := range calls {
		if gap := c.at.Sub(since); gap < atLeast || gap > atMost {
			t.Errorf("%s was refreshed %s after it was used last, want %s to %s", c.owner, gap, atLeast, atMost)
		}
		since = c.at
	}
}

// latest is when at the latest an idle grant has been refreshed.
const latest = 60*day + time.Minute

func TestIdleIsKeptAlive(t *testing.T) {
	idle(t, crowd(), func(t *testing.T, b *bubble, g *instance) {
		start := time.Now()
		time.Sleep(200 * day)
		var first []time.Time
		for _, owner := range crowd() {
			calls := b.microsoft.received(owner)
			if len(calls) < 3 {
				t.Fatalf("%s was refreshed %d times in 200 days, want 3 at least", owner, len(calls))
			}
			wantGaps(t, calls, start, 30*day, latest)
			first = append(first, calls[0].at)
		}
		slices.SortFunc(first, time.Time.Compare)
		for i := 1; i < len(first); i++ {
			if first[i].Sub(first[i-1]) > 8*day {
				t.Errorf("nobody was refreshed from %s to %s: they are not spread", first[i-1], first[i])
			}
		}
		if lost := b.losses(); len(lost) > 0 {
			t.Errorf("lost: %s", lost)
		}
	})
}

// TestUsedIsOnlyMoved: who books is refreshed by that alone.
func TestUsedIsOnlyMoved(t *testing.T) {
	idle(t, []string{alice}, func(t *testing.T, b *bubble, g *instance) {
		for range 20 {
			time.Sleep(9 * day)
			if _, err := g.Token(t.Context(), alice, grant.Ask{}); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(b.microsoft.received(alice)); got != 20 {
			t.Errorf("there were %d calls for 20 uses", got)
		}
		used := time.Now()
		time.Sleep(61 * day)
		wantGaps(t, b.microsoft.received(alice)[20:], used, 30*day, latest)
	})
}

// TestEndedIsLeftAlone: nobody asks for what is dead.
func TestEndedIsLeftAlone(t *testing.T) {
	idle(t, []string{alice}, func(t *testing.T, b *bubble, g *instance) {
		b.microsoft.refuses(http.StatusBadRequest, refusedDead)
		time.Sleep(200 * day)
		if got := len(b.microsoft.received(alice)); got != 1 {
			t.Errorf("a dead refresh token was used %d times", got)
		}
		if got := b.losses(); len(got) != 1 {
			t.Errorf("lost: %s, want %s once", got, alice)
		}
		b.microsoft.answers(nil)
		if err := g.signIn(alice); err != nil {
			t.Fatal(err)
		}
		signedIn := time.Now()
		time.Sleep(61 * day)
		wantGaps(t, b.microsoft.received(alice)[1:], signedIn, 30*day, latest)
	})
}

// TestRefusedIsLookedAtAgain: what may work again by itself is tried sooner than
// what works, and the operator hears of it once.
func TestRefusedIsLookedAtAgain(t *testing.T) {
	for name, c := range map[string]struct {
		body  string
		state grant.State
	}{"person": {refusedPerson, grant.NeedsSignIn}, "admin": {refusedAdmin, grant.NeedsAdminConsent}} {
		t.Run(name, func(t *testing.T) {
			idle(t, []string{alice}, func(t *testing.T, b *bubble, g *instance) {
				start := time.Now()
				b.microsoft.refuses(http.StatusBadRequest, c.body)
				time.Sleep(75 * day)
				if got, _, _ := b.kept(alice); got.State != c.state {
					t.Errorf("state = %s, want %s", got.State, c.state)
				}
				calls := b.microsoft.received(alice)
				b.microsoft.answers(nil)
				time.Sleep(76 * day)
				all := b.microsoft.received(alice)
				if len(calls) < 2 || len(all) < len(calls)+2 {
					t.Fatalf("it was tried %d times, then %d", len(calls), len(all)-len(calls))
				}
				wantGaps(t, calls[:1], start, 30*day, latest)
				for i := range calls { // ever less often
					least := min(10*time.Minute<<i, 7*day)
					wantGaps(t, all[i+1:i+2], all[i].at, least, 2*least+time.Minute)
				}
				wantGaps(t, all[len(calls)+1:], all[len(calls)].at, 30*day, latest)
				if got := b.losses(); len(got) != 1 {
					t.Errorf("lost: %s, want %s once", got, alice)
				}
			})
		})
	}
}

// TestOutageOfTheIdle: where a look has told nothing, the next one comes within
// hours, and nothing is lost.
func TestOutageOfTheIdle(t *testing.T) {
	for name, begin := range map[string]func(*bubble){
		"down":   func(b *bubble) { b.microsoft.refuses(http.StatusBadGateway, "") },
		"silent": func(b *bubble) { b.microsoft.refuses(-1, "") },
		"secret": func(b *bubble) { b.microsoft.refuses(http.StatusUnauthorized, refusedOperator) },
	} {
		t.Run(name, func(t *testing.T) {
			idle(t, []string{alice}, func(t *testing.T, b *bubble, g *instance) {
				begin(b)
				time.Sleep(65 * day)
				calls := b.microsoft.received(alice)
				wantGaps(t, calls[1:], calls[0].at, 3*time.Hour, 9*time.Hour+time.Minute)
				b.microsoft.answers(nil)
				mended := time.Now()
				time.Sleep(10 * time.Hour)
				if got := b.microsoft.received(alice); len(got) != len(calls)+1 || got[len(calls)].at.Sub(mended) > 9*time.Hour+time.Minute {
					t.Errorf("after the outage there were %d calls, want one within 9 hours", len(got)-len(calls))
				}
				if rec, _, _ := b.kept(alice); rec.State != grant.Connected || len(b.losses()) > 0 {
					t.Errorf("state = %s, lost: %s", rec.State, b.losses())
				}
			})
		})
	}
}

// TestRemovedIntegration: its grants stay, and go on when it is configured again.
func TestRemovedIntegration(t *testing.T) {
	idle(t, []string{alice}, func(t *testing.T, b *bubble, g *instance) {
		b.remove(true)
		time.Sleep(80 * day)
		if calls := b.microsoft.received(alice); len(calls) > 0 {
			t.Errorf("there were %d calls without an integration", len(calls))
		}
		b.remove(false)
		time.Sleep(10 * time.Hour)
		if calls := b.microsoft.received(alice); len(calls) != 1 {
			t.Errorf("there were %d calls, want one within 9 hours", len(calls))
		}
	})
}

// TestWrongClock: whatever a clock says for a while, no grant is left alone for
// longer than Microsoft waits.
func TestWrongClock(t *testing.T) {
	for name, wrong := range map[string]time.Duration{
		"two hours ahead": 2 * time.Hour, "two hours behind": -2 * time.Hour, "three weeks ahead": 21 * day,
		"ten years ahead": 3650 * day, "two years behind": -730 * day,
	} {
		t.Run(name, func(t *testing.T) {
			idle(t, crowd(), func(t *testing.T, b *bubble, g *instance) {
				time.Sleep(20 * day)
				g.ahead.Store(int64(wrong))
				if err := g.signIn("tenant.new"); err != nil { // by that clock
					t.Fatal(err)
				}
				for _, owner := range crowd()[:10] {
					if _, err := g.Token(t.Context(), owner, grant.Ask{}); err != nil {
						t.Error(err)
					}
				}
				time.Sleep(12 * time.Hour)
				g.ahead.Store(0)
				time.Sleep(200 * day)
				for _, owner := range append(crowd(), "tenant.new") {
					rec, refresh, _ := b.kept(owner)
					if _, at := issuedTo(refresh); rec.State != grant.Connected || time.Since(at) > latest+12*time.Hour {
						t.Errorf("%s is %s by a refresh token from %s, now it is %s", owner, rec.State, at, time.Now())
					}
				}
				if lost := b.losses(); len(lost) > 0 {
					t.Errorf("lost: %s", lost)
				}
			})
		})
	}
}

// TestMeanwhile: who signs in, or is forgotten, while the grant is being kept
// alive, has what came of that.
func TestMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(g *instance) error
		want int // grants
	}{
		"signed in": {func(g *instance) error { return g.signIn(alice) }, 1},
		"forgotten": {func(g *instance) error { return g.Forget(context.Background(), alice) }, 0},
		"both": {func(g *instance) error {
			if err := g.Forget(context.Background(), alice); err != nil {
				return err
			}
			return g.signIn(alice)
		}, 1},
	} {
		for _, refused := range []string{"", refusedDead, refusedPerson} {
			t.Run(name+" "+refused, func(t *testing.T) {
				idle(t, []string{alice}, func(t *testing.T, b *bubble, g *instance) {
					var once sync.Once
					did := make(chan struct{})
					b.microsoft.answers(func(call) (status int, body string) {
						once.Do(func() {
							defer close(did)
							if err := c.do(g); err != nil {
								t.Error(err)
							}
							if refused != "" {
								status, body = http.StatusBadRequest, refused
							}
						})
						return status, body
					})
					<-did
					time.Sleep(time.Hour)
					rec, refresh, there := b.kept(alice)
					if there != (c.want > 0) || there && (rec.State != grant.Connected || refresh == "") {
						t.Errorf("kept: %v, %s", there, rec.State)
					}
					if lost := b.losses(); len(lost) > 0 {
						t.Errorf("lost: %s", lost)
					}
				})
			})
		}
	}
}

// TestKeptAliveByTwo: two gateways that both believe to be the one that keeps
// grants alive do it once, and lose none.
func TestKeptAliveByTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		for i := range 2 {
			g := b.instance(b.store, b.microsoft, true)
			defer g.close()
			if i == 0 {
				for _, owner := range crowd() {
					if err := g.signIn(owner); err != nil {
						t.Fatal(err)
					}
				}
			}
			defer g.run(g.KeepAlive)()
		}
		start := time.Now()
		time.Sleep(130 * day)
		for _, owner := range crowd() {
			wantGaps(t, b.microsoft.received(owner), start, 30*day, latest)
		}
		for _, wrong := range b.unscheduled() {
			t.Error(wrong)
		}
		if lost := b.losses(); len(lost) > 0 {
			t.Errorf("lost: %s", lost)
		}
	})
}

// TestDamagedIsPassedOver: a grant that can't be read keeps nobody else's from
// being kept alive.
func TestDamagedIsPassedOver(t *testing.T) {
	idle(t, []string{alice, "tenant.bob"}, func(t *testing.T, b *bubble, g *instance) {
		first := "tenant.bob"
		bob, _, _ := b.kept(first)
		if rec, _, _ := b.kept(alice); rec.Due.Before(bob.Due) {
			first = alice
		}
		if _, err := b.store.Commit(t.Context(), store.Write{Key: "grant/" + first, Value: []byte("{")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(61 * day)
		if calls := b.microsoft.received(""); len(calls) != 1 || calls[0].owner == first {
			t.Errorf("calls: %v, want one for the grant that can be read", calls)
		}
		if err := g.signIn(first); err != nil {
			t.Error(err)
		}
	})
}
