package integration_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store/storetest"
)

// An assassin kills a gateway at an answer of the token endpoint: Microsoft has
// given new tokens, and they are not yet saved.
type assassin struct {
	microsoft http.Handler

	mu     sync.Mutex
	victim *process      // nil: nobody is to be killed
	after  time.Duration // 0: the answer never arrives
}

func (a *assassin) aim(victim *process, after time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.victim, a.after = victim, after
}

func (a *assassin) take() (victim *process, after time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	victim, a.victim = a.victim, nil
	return victim, a.after
}

// ServeHTTP implements http.Handler.
func (a *assassin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/token") {
		a.microsoft.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	a.microsoft.ServeHTTP(answer, r)
	var victim *process
	var after time.Duration
	if bytes.Contains(body, []byte("grant_type=refresh_token")) {
		victim, after = a.take()
	}
	if victim != nil && after == 0 {
		victim.kill()
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
	if victim != nil {
		_ = http.NewResponseController(w).Flush()
		time.Sleep(after) // it takes the gateway a few milliseconds to save it
		victim.kill()
	}
}

// Whoever had just got new tokens when the gateway was killed books on.
func TestKilledBeforeTokensAreSaved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shortTokens)
	killer := &assassin{microsoft: w.microsoft.Config.Handler}
	w.microsoft.Config.Handler = killer
	w.write(nil)
	p := w.gateway()
	people := []string{alice, bob, "carol@contoso.example", "dan@contoso.example"}
	for _, mail := range people {
		newVisitor(t, w.home).signIn(mail)
	}
	signIns := w.received("/authorize")
	ones := newVisitor(t, fmt.Sprintf("http://127.0.0.1:%d", w.service))
	for round := range storetest.Rounds(t, "ONESGATE_GRANT_KILLS", 4) {
		request := func(i int) *http.Request {
			return ones.request(http.MethodPost, "/v1/bookings", meeting("boardroom", 1+round, 9+i), "Authorization", "Bearer "+serviceToken,
				"Ones-Act-As", people[i], "Idempotency-Key", fmt.Sprintf("%d-%d", round, i), "Prefer", "wait=30")
		}
		killer.aim(p, time.Duration(round%12)*500*time.Microsecond)
		var asking sync.WaitGroup
		for i := range people {
			asking.Go(func() { _, _ = ones.try(request(i)) }) // most are cut off
		}
		asking.Wait()
		<-p.exited
		p = w.gateway()
		for i, mail := range people {
			a := ones.send(request(i))
			if a.StatusCode/100 != 2 {
				t.Fatalf("round %d, %s: %d %s", round, mail, a.StatusCode, a.body)
			}
			w.until(a.json(t)["id"].(string), confirmed)
			if u := w.serve(http.MethodGet, "/v1/users/"+mail, nil).json(t); u["connection"] != "connected" {
				t.Errorf("round %d: %s", round, pretty(u))
			}
		}
		if n := p.told(lost); n != 0 {
			t.Errorf("round %d: %d grants are lost", round, n)
		}
	}
	if n := w.received("/authorize"); n != signIns {
		t.Errorf("%d sign-ins more", n-signIns)
	}
}
