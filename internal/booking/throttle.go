package booking

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How many calls there may be in a second, and at once, of one caller on one gateway.
// A page that shows all rooms asks for each of them; a service speaks for everybody, so
// its limit is for one that has run wild.
const (
	personRate, personBurst     = 20, 100
	serviceRate, serviceBurst   = 2000, 4000
	strangerRate, strangerBurst = 5, 50
)

// maxBuckets bounds how many callers a throttle tells apart, twice.
const maxBuckets = 20_000

// A throttle gives each caller a bucket of calls, which fills up again. It may be used
// concurrently.
type throttle struct {
	rate  rate.Limit
	burst int
	now   func() time.Time

	mu sync.Mutex
	// young are the buckets that were used since turned, old those of the time before
	// that. One that was not used for as long as it takes to fill is full, and need not
	// be kept. Where there are too many, some are forgotten sooner.
	young, old map[string]*rate.Limiter
	turned     time.Time
}

func newThrottle(perSecond, burst int, now func() time.Time) *throttle {
	return &throttle{rate: rate.Limit(perSecond), burst: burst, now: now, young: map[string]*rate.Limiter{}}
}

// take takes a call out of a caller's bucket, or tells how long to wait for one.
func (t *throttle) take(who string) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	fill := time.Duration(float64(t.burst) / float64(t.rate) * float64(time.Second))
	if now.Sub(t.turned).Abs() >= fill || len(t.young) >= maxBuckets {
		t.young, t.old, t.turned = map[string]*rate.Limiter{}, t.young, now
	}
	bucket := t.young[who]
	if bucket == nil {
		bucket = t.old[who]
	}
	if bucket == nil {
		bucket = rate.NewLimiter(t.rate, t.burst)
	}
	t.young[who] = bucket
	reserved := bucket.ReserveN(now, 1)
	if wait = reserved.DelayFrom(now); wait > 0 {
		reserved.CancelAt(now)
	}
	return wait
}

// throttled says how long to wait before the next call.
type throttled time.Duration

func (throttled) Error() string { return "Too many calls: wait as long as Retry-After says." }

// err is a throttled where there is something to wait for.
func (t *throttle) err(who string) error {
	if wait := t.take(who); wait > 0 {
		return throttled(wait)
	}
	return nil
}

// from is where a request comes from, as far as strangers are told apart: an address,
// of IPv6 the network that one customer has.
func from(r *http.Request) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	addr := at.Addr().Unmap()
	if addr.Is6() {
		if network, err := addr.Prefix(64); err == nil {
			return network.String()
		}
	}
	return addr.String()
}
