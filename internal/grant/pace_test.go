package grant

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
)

var (
	nobody chan struct{} // waits
	urgent = closed()
)

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// TestPace: a burst is let through, then so many a second.
func TestPace(t *testing.T) {
	for name, tt := range map[string]struct {
		urgent chan struct{}
		rate   int
	}{
		"somebody waits": {urgent, askedRate},
		"nobody waits":   {nobody, backgroundRate},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, begun := newPace(), time.Now()
				for i := range 6 * tt.rate {
					waited, err := p.enter(t.Context(), tt.urgent)
					if err != nil || waited != (i >= tt.rate) {
						t.Fatalf("%d: waited %t, %v", i, waited, err)
					}
				}
				if took := time.Since(begun).Round(100 * time.Millisecond); took != 5*time.Second {
					t.Errorf("took %s, want 5s", took)
				}
			})
		})
	}
}

// TestPaceInterrupted: who waits in the background goes first once somebody waits
// for them, and leaves their place to others.
func TestPaceInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, begun := newPace(), time.Now()
		for range backgroundRate {
			if _, err := p.enter(t.Context(), nobody); err != nil {
				t.Fatal(err)
			}
		}
		entered := make(chan time.Duration, 100)
		enter := func(urgent chan struct{}) {
			if _, err := p.enter(t.Context(), urgent); err == nil {
				entered <- time.Since(begun)
			}
		}
		hurry := make(chan struct{})
		go enter(hurry)
		synctest.Wait()
		for range 3 {
			go enter(nobody)
		}
		synctest.Wait()
		close(hurry)
		synctest.Wait()
		if len(entered) != 1 || <-entered != 0 {
			t.Error("the hurried one waits on")
		}
		// What somebody waits for is not held up by any number of those.
		enter(urgent)
		if took := <-entered; took != 0 {
			t.Errorf("an urgent one has waited %s", took)
		}
		time.Sleep(time.Second)
		if len(entered) != 3 {
			t.Errorf("%d of those that nobody waits for have entered, want 3", len(entered))
		}
	})
}

// TestPaceLeft: a wait ends with its context.
func TestPaceLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace()
		for range backgroundRate {
			_, _ = p.enter(t.Context(), nobody)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := p.enter(ctx, nobody); err == nil {
			t.Error("it has not left")
		}
	})
}

// TestPaceBeforeProbe: what waits in the background to find out whether an
// integration works again keeps nobody from it who is waited for.
func TestPaceBeforeProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, client := New(Config{Now: time.Now}), new(entra.Client)
		defer k.Close()
		h := k.serves("contoso", client)
		h.cause = ErrUnavailable
		for range 3 * backgroundRate {
			h.pace.background.Reserve()
		}
		a := attempt{rec: record{Integration: "contoso"}, client: client}
		turn := make(chan error, 1)
		go func() { turn <- k.turn(t.Context(), &a, &flight{urgent: nobody}, new(bool)) }()
		synctest.Wait()
		paced := false
		if err := k.turn(t.Context(), &a, &flight{urgent: urgent}, &paced); err != nil {
			t.Errorf("turn of who is waited for = %v, want it now", err)
		}
		if err := k.turn(t.Context(), &a, &flight{urgent: urgent}, &paced); !errors.Is(err, ErrUnavailable) {
			t.Errorf("turn of another one = %v, want the breaker's error", err)
		}
		if err := <-turn; !errors.Is(err, errAgain) {
			t.Errorf("turn of the one in the background = %v, want to look again", err)
		}
	})
}
