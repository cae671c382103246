package front

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// A Fault makes calls fail. It is switched on by POST /_sim/faults.
type Fault struct {
	// Match is a method and a path, as "POST /v1.0/me/events", without the
	// cloud's part of it. The method may be *, and so may segments of the path
	// (path.Match). Items of a $batch match as if they were sent alone, but only
	// refusals happen to them: they have no connection of their own.
	Match string `json:"match"`
	// Contains, if not "", has to stand in the call's body, such as
	// "grant_type=refresh_token".
	Contains string `json:"contains,omitempty"`
	// After is how many calls that match go well before the first fails.
	After int `json:"after,omitempty"`
	// Times is how many calls fail; 0: all, until faults are cleared.
	Times int `json:"times,omitempty"`

	// Delay comes before anything else.
	Delay world.Duration `json:"delay,omitempty"`

	// Status or Code, if given, is answered instead of doing anything. Code is
	// one of Graph's, or an AADSTS number; what isn't given is as it usually is
	// for that code.
	Status int    `json:"status,omitempty"`
	Code   string `json:"code,omitempty"`
	// RetryAfter is sent as the header of that name.
	RetryAfter string `json:"retry_after,omitempty"`
	Message    string `json:"message,omitempty"`
	// Error and Suberror are those of the token endpoint, "invalid_grant".
	Error    string `json:"error,omitempty"`
	Suberror string `json:"suberror,omitempty"`
	// Claims is a claims challenge, as JSON; Graph sends it in a header.
	Claims string `json:"claims,omitempty"`
	// HTML: the refusal is a page, as a proxy on the way would write it.
	HTML bool `json:"html,omitempty"`

	// LostRequest: the connection is cut, and nothing was done. LostReply: it
	// is cut after the call was carried out. Truncate: it is cut after so many
	// bytes of the answer's body.
	LostRequest bool `json:"lost_request,omitempty"`
	LostReply   bool `json:"lost_reply,omitempty"`
	Truncate    int  `json:"truncate,omitempty"`
}

// maxDelay bounds a fault's delay.
const maxDelay = time.Minute

// Validate says what is wrong with a fault. known says whether a code has a
// usual status.
func (f Fault) Validate(known func(code string) bool) error {
	method, pattern, ok := strings.Cut(f.Match, " ")
	if _, err := path.Match(pattern, ""); !ok || method == "" || !strings.HasPrefix(pattern, "/") || err != nil {
		return fmt.Errorf("match %q: write a method and a path, such as POST /v1.0/me/events", f.Match)
	}
	ends := 0
	for _, end := range []bool{f.refuses(), f.LostRequest, f.LostReply, f.Truncate > 0} {
		if end {
			ends++
		}
	}
	switch {
	case f.Times < 0 || f.After < 0 || f.Truncate < 0:
		return fmt.Errorf("times, after or truncate is negative")
	case f.Delay < 0 || time.Duration(f.Delay) > maxDelay:
		return fmt.Errorf("delay: %s is not between 0s and %s", time.Duration(f.Delay), maxDelay)
	case f.Status != 0 && (f.Status < 400 || f.Status > 599):
		return fmt.Errorf("status: %d is not an error", f.Status)
	case f.Status == 0 && f.Code != "" && !known(f.Code):
		return fmt.Errorf("code: %q has no usual status here; give a status too", f.Code)
	case f.Claims != "" && !json.Valid([]byte(f.Claims)):
		return fmt.Errorf("claims: %q is not JSON", f.Claims)
	case strings.Contains(pattern, "?"):
		return fmt.Errorf("match %q: leave the query out; paths alone are compared", f.Match)
	case strings.ToUpper(method) != method:
		return fmt.Errorf("match %q: write the method in capitals", f.Match)
	case ends > 1:
		return fmt.Errorf("match %q: a call can end in one way only: a status or code, lost_request, lost_reply or truncate", f.Match)
	case ends == 0 && f.Delay == 0:
		return fmt.Errorf("match %q: nothing goes wrong; give a status, a code, lost_request, lost_reply, truncate or a delay", f.Match)
	}
	return nil
}

func (f Fault) refuses() bool { return f.Status != 0 || f.Code != "" }

// refusal is what a fault answers.
func (f Fault) refusal(c *Call, words func(*Call, Fault) Reply) Reply {
	var rep Reply
	if f.HTML {
		status := f.Status
		if status == 0 {
			status = http.StatusBadGateway
		}
		rep = Reply{Status: status, Body: fmt.Appendf(nil, "<html><head><title>%d %s</title></head><body><h1>%[2]s</h1></body></html>\n", status, http.StatusText(status))}.
			With("Content-Type", "text/html")
	} else {
		rep = words(c, f)
	}
	if f.RetryAfter != "" {
		rep = rep.With("Retry-After", f.RetryAfter)
	}
	return rep
}

// Refusal is what a part answers instead of serving a call to which a fault
// happens; false: the fault doesn't refuse it.
func (f Fault) Refusal(c *Call, words func(*Call, Fault) Reply) (Reply, bool) {
	if !f.refuses() {
		return Reply{}, false
	}
	return f.refusal(c, words), true
}

func (f Fault) matches(r *http.Request, body []byte) bool {
	method, pattern, _ := strings.Cut(f.Match, " ")
	ok, _ := path.Match(strings.ToLower(pattern), strings.ToLower(r.URL.Path))
	return ok && (method == "*" || method == r.Method) && bytes.Contains(body, []byte(f.Contains))
}

// take returns the fault that happens to a call, and uses it up.
func (d *Door) take(c *Call, item bool) Fault {
	if strings.HasPrefix(c.URL.Path, "/_sim") {
		return Fault{}
	}
	for i, f := range d.faults {
		switch {
		case !f.matches(c.Request, c.Body), item && !f.refuses():
			continue
		case f.After > 0:
			f.After--
			continue
		}
		taken := *f
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				d.faults = slices.Delete(d.faults, i, i+1)
			}
		}
		return taken
	}
	return Fault{}
}

// TakeItem returns the fault that happens to an item of a batch, and uses it up.
// Only parts may call it.
func (d *Door) TakeItem(c *Call) Fault { return d.take(c, true) }

// maxFaults may be on at the same time.
const maxFaults = 100

// AddFault switches a valid fault on; false: there are too many. Only parts may
// call it.
func (d *Door) AddFault(f Fault) bool {
	if len(d.faults) == maxFaults {
		return false
	}
	d.faults = append(d.faults, &f)
	return true
}

// ClearFaults switches all off. Only parts may call it.
func (d *Door) ClearFaults() { d.faults = nil }

// Faults are those that are on, with what is left of them. Only parts may call
// it.
func (d *Door) Faults() []Fault {
	on := []Fault{}
	for _, f := range d.faults {
		on = append(on, *f)
	}
	return on
}

// DecodeStrictly reads a JSON body of which every word is known.
func DecodeStrictly(body []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}
