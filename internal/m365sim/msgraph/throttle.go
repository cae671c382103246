package msgraph

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/front"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// parts of a window in which requests are counted.
const parts = 10

// A pair is what Graph counts by: an app and a mailbox.
type pair struct{ app, mailbox string }

// A load is the requests of a pair.
type load struct {
	now    int        // being served
	counts [parts]int // of the last window, by its parts
	part   int64      // the newest one's number
}

// usage holds the loads of all pairs against the limits.
type usage struct {
	limits world.Throttling
	loads  map[pair]*load
}

func newUsage(limits world.Throttling) usage {
	limits.Concurrent = cmp.Or(limits.Concurrent, 4)
	limits.Requests = cmp.Or(limits.Requests, 10_000)
	limits.Window = cmp.Or(limits.Window, world.Duration(10*time.Minute))
	return usage{limits: limits, loads: map[pair]*load{}}
}

// enter counts a request; also one that is refused counts. wait is how long the
// caller should, and why is "" if it may come in.
func (u *usage) enter(p pair, now time.Time) (why string, wait time.Duration) {
	l := u.loads[p]
	if l == nil {
		l = &load{}
		u.loads[p] = l
	}
	size := max(int64(u.limits.Window)/parts, 1)
	newest := now.UnixNano() / size
	for ; l.part < newest; l.part++ {
		if newest-l.part > parts {
			l.counts, l.part = [parts]int{}, newest-1
		}
		l.counts[(l.part+1)%parts] = 0
	}
	l.counts[l.part%parts]++
	total := 0
	for _, n := range l.counts {
		total += n
	}
	switch {
	case total > u.limits.Requests:
		return "Application is over its RequestCount limit.", time.Duration(size)
	case l.now >= u.limits.Concurrent:
		return "Application is over its MailboxConcurrency limit.", time.Second
	}
	l.now++
	return "", 0
}

func (u *usage) leave(p pair) { u.loads[p].now-- }

// admit counts a call against the limits of its app and mailbox. A batch is
// counted by its items.
func (g *Graph) admit(c *front.Call) (leave func(), refused *front.Reply) {
	c.Request = canonical(c.Request) // before all else: faults match this spelling too
	who, why := g.authenticate(c)
	if why != nil || who.Person == nil {
		return nil, nil // the call itself will be refused
	}
	mailbox := who.Person.Mail
	segments := strings.Split(strings.TrimPrefix(c.URL.Path, root+"/"), "/")
	switch {
	case segments[0] == "users" && len(segments) > 1:
		mailbox = cmp.Or(who.Tenant.Mailbox(segments[1]), mailbox)
	case segments[0] == "$batch":
		return nil, nil
	}
	p := pair{who.App.ClientID, strings.ToLower(mailbox)}
	message, wait := g.usage.enter(p, c.Now)
	if message == "" {
		return func() { g.usage.leave(p) }, nil
	}
	rep := errorReply(c, http.StatusTooManyRequests, "ApplicationThrottled", message)
	if after := g.retryAfter(c.Now, wait); after != "" {
		rep = rep.With("Retry-After", after)
	}
	return nil, &rep
}

// retryAfter writes how long to wait, in the form that the configuration asks
// for (RFC 9110 section 10.2.3 knows no fractions; Graph sends them).
func (g *Graph) retryAfter(now time.Time, wait time.Duration) string {
	switch g.usage.limits.RetryAfter {
	case "none":
		return ""
	case "date":
		return now.Add(wait + time.Second).UTC().Format(http.TimeFormat)
	case "fraction":
		return fraction(wait)
	}
	return seconds(wait)
}

func seconds(d time.Duration) string { return strconv.Itoa(int((d + time.Second - 1) / time.Second)) }

func fraction(d time.Duration) string { return strconv.FormatFloat(d.Seconds()+0.128, 'f', 3, 64) }
