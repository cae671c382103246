package graph

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// maxTries bounds how often one call is sent.
	maxTries = 3
	// maxWait is the longest a call waits before it is sent, or sent again; who
	// would have to wait longer is told so in the error.
	maxWait = 30 * time.Second
	// firstWait doubles with each try where Graph doesn't say how long.
	firstWait = time.Second
)

// wait decides whether a request that was answered by res on its n-th try (from
// 1) is to be sent again, and after how long. A 429 was refused before anything
// happened. After 503 and 504 only reads are repeated: a write may have been
// carried out, and its caller has to look. A 403 is believed at the second time
// if the mailbox was full: too many requests at once have been seen refused so
// (https://github.com/elie222/inbox-zero/issues/3580), and other gateways may have
// sent some.
func (c *Client) wait(ctx context.Context, res *http.Response, r request, full bool, n int) (d time.Duration, again bool) {
	switch res.StatusCode {
	case http.StatusTooManyRequests:
		again = true
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = r.read
	case http.StatusForbidden:
		again = full && n == 1
	default:
		return 0, false
	}
	d, _ = retryAfter(res.Header.Get("Retry-After"), c.now())
	if backoff := firstWait << (n - 1); d == 0 || n > 1 && d < backoff { // always 1s, some say, however long it takes
		d = backoff + time.Duration(float64(backoff)*c.jitter()/2)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		again = false
	}
	return d, again && !r.once && n < maxTries && d <= maxWait
}

// retryAfter reads a Retry-After: seconds, which Graph also sends with a
// fraction, or an HTTP date (RFC 9110, section 10.2.3). ok says that it held
// something readable.
func retryAfter(value string, now time.Time) (d time.Duration, ok bool) {
	value = strings.TrimSpace(value)
	if s, err := strconv.ParseFloat(value, 64); err == nil {
		if math.IsNaN(s) || s < 0 {
			return 0, false
		}
		return time.Duration(min(s, 86400) * float64(time.Second)), true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), 24*time.Hour), true
}

// sleep waits for d or until the context ends, whose error it returns.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// jitter returns a random number in [0,1).
func jitter() float64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return float64(binary.BigEndian.Uint64(b[:])>>11) / (1 << 53)
}
