package grant_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
)

// people are the owners tenant.0 and so on, who have all signed in.
func (w *world) people(n int) []string {
	w.t.Helper()
	owners := make([]string, n)
	for i := range owners {
		owners[i] = fmt.Sprintf("tenant.%d", i)
		w.signIn(owners[i], fmt.Sprint("saved-", i))
	}
	return owners
}

// wantAll demands an error of a token for each, nil: a token.
func (w *world) wantAll(owners []string, want error) {
	w.t.Helper()
	for _, owner := range owners {
		if _, err := w.Token(w.t.Context(), owner, grant.Ask{}); !errors.Is(err, want) {
			w.t.Errorf("Token(%s) = %v, want %v", owner, err, want)
		}
	}
}

func (w *world) wantStates(owners []string, want grant.State) {
	w.t.Helper()
	for _, owner := range owners {
		w.wantState(owner, want)
	}
}

// awaitStates waits until they are in that state: the one that has found out is so a
// moment later than the others.
func (w *world) awaitStates(owners []string, want grant.State) {
	w.t.Helper()
	for _, owner := range owners {
		for {
			c, err := w.Connection(w.t.Context(), owner)
			if err != nil {
				w.t.Fatal(err)
			}
			if c.State() == want {
				break
			}
			w.pause()
		}
	}
}

// pause is a moment in waiting for something.
func (w *world) pause() {
	w.t.Helper()
	select {
	case <-w.t.Context().Done():
		w.t.Fatal(w.t.Context().Err())
	case <-time.After(time.Millisecond):
	}
}

// wantTold demands what was told since the last time.
func (w *world) wantTold(want ...grant.Kind) {
	w.t.Helper()
	for _, kind := range want {
		select {
		case e := <-w.told:
			if e.Kind != kind || e.Integration != "contoso" {
				w.t.Errorf("told %s of %s, want %s of contoso", e.Kind, e.Integration, kind)
			}
		default:
			w.t.Errorf("nothing was told, want %s", kind)
		}
	}
	select {
	case e := <-w.told:
		w.t.Errorf("told %+v too", e)
	default:
	}
}

func (w *world) wantStanding(problem error, ailing int, requests map[string]uint64) {
	w.t.Helper()
	for _, s := range w.Standing() {
		if s.Integration != "contoso" {
			continue
		}
		if !errors.Is(s.Problem, problem) || (problem == nil) != s.Since.IsZero() || s.Ailing != ailing || !maps.Equal(s.Requests, requests) {
			w.t.Errorf("standing = %+v, want %v, %d ailing, %v", s, problem, ailing, requests)
		}
	}
}

// TestSecretExpiredAndMended: an expired secret touches nobody's grant. It is told
// once; one asks for all whether it is mended, by itself; then all is well.
func TestSecretExpiredAndMended(t *testing.T) {
	w := newWorld(t)
	const n = 1000
	owners := w.people(n)
	w.advance(time.Hour)
	w.idp.refuses(http.StatusUnauthorized, refusedOperator)
	for range 3 {
		w.wantAll(owners, grant.ErrIntegrationDown)
	}
	w.wantStates(owners, grant.Unavailable)
	w.wantCalls("refresh-saved-0")
	w.wantTold(grant.Refused)
	w.wantStanding(grant.ErrIntegrationDown, n, map[string]uint64{"operator": 1})

	w.advance(29 * time.Second)
	grant.Probe(w.Keeper)
	w.advance(time.Second)
	grant.Probe(w.Keeper) // one is tried, in vain
	w.landed(2)
	grant.Probe(w.Keeper)
	w.wantStates(owners[:10], grant.Unavailable)
	w.wantTold()

	w.idp.mended()
	w.advance(30 * time.Second)
	grant.Probe(w.Keeper)
	if e := <-w.told; e.Kind != grant.Mended {
		t.Errorf("told %+v, want that it is mended", e)
	}
	w.awaitStates(owners, grant.Connected)
	if calls := len(w.idp.received()); calls != 3 {
		t.Errorf("Microsoft was asked %d times, want 3", calls)
	}
	w.wantAll(owners[:50], nil)
	for i, owner := range owners {
		if state, token, _ := w.stored(owner); state != "connected" || token == "" {
			t.Fatalf("stored for %s (%d): %s, %q", owner, i, state, token)
		}
	}
}

// landed waits until so many requests have been answered and settled.
func (w *world) landed(requests uint64) {
	w.t.Helper()
	for {
		var n uint64
		for _, s := range w.Standing() {
			for _, r := range s.Requests {
				n += r
			}
		}
		if n >= requests {
			return
		}
		w.pause()
	}
}

// TestReloadMends: another configuration is tried at once, and nobody has to ask
// for that to be seen.
func TestReloadMends(t *testing.T) {
	w := newWorld(t)
	owners := w.people(3)
	w.advance(time.Hour)
	w.idp.refuses(http.StatusUnauthorized, refusedOperator)
	w.wantAll(owners, grant.ErrIntegrationDown)
	w.configure("contoso")
	w.idp.mended()
	grant.Probe(w.Keeper)
	w.awaitStates(owners, grant.Connected)
	w.wantStanding(nil, 0, map[string]uint64{"operator": 1, "ok": 1})
	w.wantTold(grant.Refused, grant.Mended)
	w.wantAll(owners, nil)

	w.advance(time.Hour)
	w.idp.refuses(http.StatusUnauthorized, refusedOperator)
	w.wantAll(owners, grant.ErrIntegrationDown)
	w.configure("contoso") // with another wrong one
	w.wantAll(owners, grant.ErrIntegrationDown)
	w.wantTold(grant.Refused, grant.Refused)
}

// TestSilence: after some requests without an answer in a row nobody is kept
// waiting for the next; one finds out for all when it is over.
func TestSilence(t *testing.T) {
	for name, silence := range map[string]func(http.ResponseWriter, string) bool{
		"502":          func(rw http.ResponseWriter, _ string) bool { rw.WriteHeader(http.StatusBadGateway); return true },
		"429":          func(rw http.ResponseWriter, _ string) bool { rw.WriteHeader(http.StatusTooManyRequests); return true },
		"a proxy's no": func(rw http.ResponseWriter, _ string) bool { rw.WriteHeader(http.StatusForbidden); return true },
		"server_error": func(rw http.ResponseWriter, _ string) bool {
			rw.WriteHeader(http.StatusBadRequest)
			_, _ = rw.Write([]byte(`{"error":"server_error"}`))
			return true
		},
		"nonsense":     func(rw http.ResponseWriter, _ string) bool { _, _ = rw.Write([]byte("<html>")); return true },
		"a cut answer": func(http.ResponseWriter, string) bool { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			owners := w.people(20)
			w.advance(time.Hour)
			w.idp.set(silence)
			w.wantAll(owners, grant.ErrUnavailable)
			if calls := len(w.idp.received()); calls != 5 {
				t.Errorf("Microsoft was asked %d times, want 5", calls)
			}
			w.wantTold(grant.Refused)
			w.wantStates(owners, grant.Unavailable)

			w.idp.mended()
			w.advance(10 * time.Second)
			grant.Probe(w.Keeper)
			if e := <-w.told; e.Kind != grant.Mended {
				t.Errorf("told %+v, want that it is mended", e)
			}
			w.awaitStates(owners, grant.Connected)
		})
	}
}

// TestOddRequest: what may be wrong with one person's request only stops the others
// only if it is wrong with everybody's.
func TestOddRequest(t *testing.T) {
	const body = `{"error":"invalid_request","error_codes":[9002313]}`
	w := newWorld(t)
	owners := w.people(20)
	w.advance(time.Hour)
	w.idp.set(func(rw http.ResponseWriter, token string) bool {
		if token != "refresh-saved-0" {
			return false
		}
		rw.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(rw, body)
		return true
	})
	for _, owner := range owners[1:10] {
		w.wantAll(owners[:1], grant.ErrIntegrationDown)
		w.wantAll([]string{owner}, nil)
		w.advance(time.Minute)
	}
	w.wantTold()

	w.idp.refuses(http.StatusBadRequest, body)
	before := len(w.idp.received())
	w.wantAll(owners[10:], grant.ErrIntegrationDown)
	w.wantTold(grant.Refused)
	if calls := len(w.idp.received()) - before; calls != 5 {
		t.Errorf("Microsoft was asked %d times, want 5", calls)
	}
}

// TestSilenceObeysRetryAfter: Microsoft is left alone for as long as it has asked.
func TestSilenceObeysRetryAfter(t *testing.T) {
	w := newWorld(t)
	owners := w.people(10)
	w.advance(time.Hour)
	w.idp.set(func(rw http.ResponseWriter, _ string) bool {
		rw.Header().Set("Retry-After", "120")
		rw.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	w.wantAll(owners, grant.ErrUnavailable)
	w.idp.mended()
	w.advance(119 * time.Second)
	w.wantAll(owners, grant.ErrUnavailable)
	if calls := len(w.idp.received()); calls != 5 {
		t.Errorf("Microsoft was asked %d times, want 5", calls)
	}
	w.advance(time.Second)
	w.wantAll(owners[9:], nil)
}

// TestNotEverybody: what Microsoft says of one person is nobody else's problem.
func TestNotEverybody(t *testing.T) {
	for name, body := range map[string]string{
		"dead": refusedDead, "person": refusedPerson, "admin": refusedAdmin, "throttled loop": refusedLoop,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			owners := w.people(10)
			w.advance(time.Hour)
			w.idp.refuses(http.StatusBadRequest, body)
			for _, owner := range owners[:9] {
				if _, err := w.Token(t.Context(), owner, grant.Ask{}); err == nil {
					t.Errorf("Token(%s) = nil", owner)
				}
			}
			w.idp.mended()
			w.wantAll(owners[9:], nil)
		})
	}
}

// TestOneProbes: while one finds out whether an integration works again, nobody
// else is sent.
func TestOneProbes(t *testing.T) {
	w := newWorld(t)
	owners := w.people(3)
	w.advance(time.Hour)
	w.idp.refuses(http.StatusUnauthorized, refusedOperator)
	w.wantAll(owners, grant.ErrIntegrationDown)
	w.advance(time.Minute)
	arrived, release := w.idp.holds()
	got := make(chan error, 1)
	go func() {
		_, err := w.Token(t.Context(), owners[0], grant.Ask{})
		got <- err
	}()
	<-arrived
	w.wantAll(owners[1:], grant.ErrIntegrationDown)
	close(release)
	if err := <-got; err != nil {
		t.Error(err)
	}
	w.wantAll(owners, nil)
}

// TestRun: it probes by itself until its context ends.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		k := grant.New(grant.Config{Now: func() time.Time { asked++; return time.Now() }})
		defer k.Close()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			k.Run(ctx)
		}()
		time.Sleep(time.Minute)
		stop()
		<-ended
		if asked < 10 || asked > 20 {
			t.Errorf("it was probed %d times in a minute, want about 12", asked)
		}
	})
}
