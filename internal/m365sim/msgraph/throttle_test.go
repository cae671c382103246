package msgraph

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// Four at once and no more. They are held by handshakes that wait.
func TestConcurrentCallsAreLimited(t *testing.T) {
	s := newSim(t)
	m := s.as(alice)
	asked, answer := make(chan bool, 10), make(chan bool)
	h := newHook(t, func(w http.ResponseWriter, _ *http.Request) {
		asked <- true
		<-answer
		w.WriteHeader(http.StatusTeapot)
	})
	done := make(chan int, 4)
	for i := range 4 {
		go func() {
			a, err := m.try(http.MethodPost, s.base+"/v1.0/subscriptions", subscriptionTo(h.url+"/"+strconv.Itoa(i)))
			if err != nil {
				t.Error(err)
			}
			done <- a.StatusCode
		}()
	}
	for range 4 {
		<-asked
	}
	a := m.call(http.MethodGet, "/me/calendar", nil)
	if !a.is(http.StatusTooManyRequests, "ApplicationThrottled") || a.Header.Get("Retry-After") != "1" {
		t.Errorf("the fifth: %d %s, Retry-After %q", a.StatusCode, a.body, a.Header.Get("Retry-After"))
	}
	if got := m.batch(item("1", "GET", "/me/calendar"), item("2", "GET", "/users/"+boardroom+"/calendar")); verdict(got["1"]) != "429 ApplicationThrottled" || verdict(got["2"]) != "200" {
		t.Errorf("in a batch: %v", got)
	}
	s.as(bob).must(http.StatusOK, http.MethodGet, "/me/calendar", nil)
	m.must(http.StatusOK, http.MethodGet, "/users/"+boardroom+"/calendar", nil)
	mailbox{sim: s, token: alice + " 1 " + readWrite}.must(http.StatusOK, http.MethodGet, "/me/calendar", nil)
	close(answer)
	for range 4 {
		if status := <-done; status != http.StatusBadRequest {
			t.Errorf("a held one: %d", status)
		}
	}
	m.must(http.StatusOK, http.MethodGet, "/me/calendar", nil)
}

// serving is how many of alice's calls are being served.
func (s *sim) serving() (n int) {
	s.do(func(time.Time) {
		if l := s.graph.usage.loads[pair{s.world.Tenants[0].Apps[0].ClientID, alice}]; l != nil {
			n = l.now
		}
	})
	return n
}

// A call that a fault delays is being served, until its caller goes away.
func TestDelayedCallsCount(t *testing.T) {
	s := newSim(t, func(s *sim) { s.cfg.Throttling.Concurrent = 1 })
	m := s.as(alice)
	s.fail(front.Fault{Match: "GET /v1.0/me/events", Delay: world.Duration(time.Minute)})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/v1.0/me/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+m.token)
	done := make(chan error)
	go func() {
		res, err := s.client.Do(req)
		if err == nil {
			err = res.Body.Close()
		}
		done <- err
	}()
	for s.serving() == 0 {
		runtime.Gosched()
	}
	m.must(http.StatusTooManyRequests, http.MethodGet, "/me/calendar", nil)
	leave()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the delayed call: %v", err)
	}
	for s.serving() != 0 {
		runtime.Gosched()
	}
	m.must(http.StatusOK, http.MethodGet, "/me/calendar", nil)
}

func TestRequestsInAWindowAreLimited(t *testing.T) {
	s := newSim(t, func(s *sim) {
		s.cfg.Throttling = world.Throttling{Requests: 5, Window: world.Duration(10 * time.Minute)}
	})
	m := s.as(alice)
	for range 5 {
		m.must(http.StatusOK, http.MethodGet, "/me/calendar", nil)
	}
	refused := func(when string) {
		t.Helper()
		if a := m.call(http.MethodGet, "/users/"+alice+"/calendar", nil); !a.is(http.StatusTooManyRequests, "ApplicationThrottled") || a.Header.Get("Retry-After") != "60" {
			t.Errorf("%s: %d %s, Retry-After %q", when, a.StatusCode, a.body, a.Header.Get("Retry-After"))
		}
	}
	refused("the sixth")
	s.as(bob).must(http.StatusOK, http.MethodGet, "/me/calendar", nil)
	m.must(http.StatusNotFound, http.MethodGet, "/users/nobody@contoso.example/calendar", nil, "Authorization", "Bearer "+bob+" 0 "+readWrite)
	s.clock.advance(5 * time.Minute)
	for range 4 {
		refused("in the middle of the window")
	}
	s.clock.advance(5 * time.Minute) // the first six are forgotten, the four that were refused are not
	m.must(http.StatusOK, http.MethodGet, "/me/calendar", nil)
	refused("since those that were refused count too")
	s.clock.advance(time.Hour)
	for range 5 {
		m.must(http.StatusOK, http.MethodGet, "/me/calendar", nil)
	}
}

func TestTheDefaultLimits(t *testing.T) {
	u := newUsage(world.Throttling{})
	p := pair{"app", alice}
	for i := range 10_000 {
		if why, _ := u.enter(p, begin); why != "" {
			t.Fatalf("request %d: %s", i+1, why)
		}
		u.leave(p)
	}
	if why, wait := u.enter(p, begin.Add(9*time.Minute)); why == "" || wait != time.Minute {
		t.Errorf("request 10001: %q, to wait %s", why, wait)
	}
	if why, _ := u.enter(p, begin.Add(10*time.Minute)); why != "" {
		t.Errorf("ten minutes later: %s", why)
	}
}

func TestRetryAfterForms(t *testing.T) {
	for form, want := range map[string]string{
		"": `^60$`, "seconds": `^60$`, "fraction": `^60\.\d{3}$`, "date": `^Mon, 23 Nov 2026 01:01:01 GMT$`, "none": `^$`,
	} {
		s := newSim(t, func(s *sim) { s.cfg.Throttling = world.Throttling{Requests: 1, RetryAfter: form} })
		m := s.as(alice)
		m.must(http.StatusOK, http.MethodGet, "/me/calendar", nil)
		a := m.must(http.StatusTooManyRequests, http.MethodGet, "/me/calendar", nil)
		if got := a.Header.Get("Retry-After"); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%q: Retry-After = %q, want %s", form, got, want)
		}
	}
}
