package booking

import (
	"fmt"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestThrottle(t *testing.T) {
	now := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	th := newThrottle(10, 30, func() time.Time { return now })
	calls := func(who string) (n int) {
		for th.take(who) == 0 {
			n++
		}
		return n
	}
	for _, tt := range []struct {
		after time.Duration
		who   string
		want  int
	}{
		{0, "alice", 30},
		{0, "alice", 0},
		{0, "bob", 30},
		{100 * time.Millisecond, "alice", 1},
		{2900 * time.Millisecond, "alice", 29}, // the buckets have been turned over
		{time.Second, "alice", 10},
		{3 * time.Second, "alice", 30},
		{-time.Hour, "alice", 0}, // the clock was set back: nobody gains, and soon all is well
		{3 * time.Second, "alice", 30},
		{24 * time.Hour, "alice", 30},
	} {
		now = now.Add(tt.after)
		if got := calls(tt.who); got != tt.want {
			t.Errorf("%s after %s: %d calls, want %d", tt.who, tt.after, got, tt.want)
		}
	}
	if wait := th.take("alice"); wait <= 0 || wait > 100*time.Millisecond {
		t.Errorf("alice is to wait %s, want a tenth of a second at most", wait)
	}
}

// However many callers there are, a bounded number is remembered.
func TestThrottleIsBounded(t *testing.T) {
	now := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	th := newThrottle(1, 1000, func() time.Time { return now })
	for n := range 5 * maxBuckets {
		th.take(strconv.Itoa(n))
		if kept := len(th.young) + len(th.old); kept > 2*maxBuckets {
			t.Fatalf("%d buckets", kept)
		}
	}
}

func TestFrom(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	for addr, want := range map[string]string{
		"192.0.2.7:1234": "192.0.2.7", "[::ffff:192.0.2.7]:1": "192.0.2.7", "[2001:db8:1:2:3::4]:1": "2001:db8:1:2::/64", "@": "",
	} {
		if r.RemoteAddr = addr; from(r) != want {
			t.Errorf("from %s: got %q, want %q", addr, from(r), want)
		}
	}
}

// Each caller has a limit of their own.
func TestThrottledCallers(t *testing.T) {
	const personBurst, serviceBurst, strangerBurst = 6, 20, 3
	story(t, func(h *house) {
		a := h.api.(API).api
		for _, th := range []**throttle{&a.persons, &a.services, &a.strangers} {
			if (*th).burst == 0 || (*th).rate == 0 {
				t.Errorf("%+v lets nobody in", *th)
			}
		}
		a.persons, a.services = newThrottle(1, personBurst, time.Now), newThrottle(10, serviceBurst, time.Now)
		a.strangers = newThrottle(1, strangerBurst, time.Now)
		calls := func(as any, header ...string) (n int, last reply) {
			for ; n < 2*serviceBurst; n++ {
				if last = h.call(as, "GET", "/v1/bookings/x", "", header...); last.status == 429 {
					return n, last
				}
			}
			return n, last
		}
		n, last := calls(alice)
		h.want(last, 429, "code", "throttled")
		if n != personBurst || last.header.Get("Retry-After") != "1" {
			t.Errorf("alice is told after %d calls to wait for %q s, want after %d calls, 1", n, last.header.Get("Retry-After"), personBurst)
		}
		if n, _ := calls(bob); n != personBurst {
			t.Errorf("bob has %d calls left beside her, want %d", n, personBurst)
		}
		if n, _ := calls(alice.ID); n != serviceBurst {
			t.Errorf("a service has %d calls for alice, want %d", n, serviceBurst)
		}
		if n, _ := calls("", "Authorization", "Bearer an-older-token-that-is-still-valid!!"); n != serviceBurst {
			t.Errorf("another service has %d calls, want %d", n, serviceBurst)
		}
		if n, last := calls("", "Authorization", "Bearer guess"); n != strangerBurst || last.header.Get("Retry-After") != "1" {
			t.Errorf("a stranger has %d guesses, want %d", n, strangerBurst)
		}
		if lines := strings.Count(h.log.text(), "bearer token refused"); lines != strangerBurst {
			t.Errorf("the audit log tells of %d guesses, want %d", lines, strangerBurst)
		}
		// Who has the token gets in beside the stranger at the same address.
		h.settle(time.Second)
		h.want(h.call("", "GET", "/v1/rooms", ""), 200)
		h.want(h.call(alice, "GET", "/v1/rooms", ""), 200)
	})
}

func BenchmarkThrottle(b *testing.B) {
	th := newThrottle(serviceRate, serviceBurst, time.Now)
	who := make([]string, 1000)
	for n := range who {
		who[n] = fmt.Sprint(n)
	}
	for n := range b.N {
		th.take(who[n%len(who)])
	}
}
