package m365sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// A Fault makes requests fail. It is switched on by POST /_sim/faults.
type Fault struct {
	// Match is a method and a path, as "POST /v1.0/me/events". The method may
	// be *, and so may segments of the path (path.Match).
	Match string `json:"match"`
	// Times is how many requests fail; 0: all, until faults are cleared.
	Times int `json:"times,omitempty"`
	// Delay comes before anything else.
	Delay Duration `json:"delay,omitempty"`
	// Status, if not 0, is answered instead of doing anything.
	Status int `json:"status,omitempty"`
	// RetryAfter is sent as the header of that name.
	RetryAfter string `json:"retry_after,omitempty"`
	// Code is Graph's error code, or the number of an AADSTS error.
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	// Error and Suberror are those of the token endpoint, "invalid_grant".
	Error    string `json:"error,omitempty"`
	Suberror string `json:"suberror,omitempty"`
	// LostReply: the request is carried out and the connection cut.
	LostReply bool `json:"lost_reply,omitempty"`
}

func (f Fault) validate() error {
	method, pattern, ok := strings.Cut(f.Match, " ")
	if _, err := path.Match(pattern, ""); !ok || method == "" || !strings.HasPrefix(pattern, "/") || err != nil {
		return fmt.Errorf("match %q: write a method and a path, such as POST /v1.0/me/events", f.Match)
	}
	switch {
	case f.Times < 0:
		return fmt.Errorf("times: %d is negative", f.Times)
	case f.Delay < 0 || time.Duration(f.Delay) > time.Minute:
		return fmt.Errorf("delay: %s is not between 0s and 1m", time.Duration(f.Delay))
	case f.Status != 0 && (f.Status < 400 || f.Status > 599):
		return fmt.Errorf("status: %d is not an error", f.Status)
	case f.Status == 0 && !f.LostReply && f.Delay == 0:
		return fmt.Errorf("match %q: nothing goes wrong; give a status, lost_reply or a delay", f.Match)
	}
	return nil
}

func (f Fault) matches(r *http.Request) bool {
	method, pattern, _ := strings.Cut(f.Match, " ")
	ok, _ := path.Match(pattern, r.URL.Path)
	return ok && (method == "*" || method == r.Method)
}

// wait waits out the delay. false: the caller has gone.
func (f Fault) wait(ctx context.Context) bool {
	if f.Delay == 0 {
		return true
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Duration(f.Delay)):
		return true
	}
}

// takeFault returns the fault that applies to a request, and uses it up.
func (s *Server) takeFault(r *http.Request) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if !f.matches(r) || strings.HasPrefix(r.URL.Path, "/_sim/") {
			continue
		}
		taken := *f
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return taken
	}
	return Fault{}
}

// faultReply is the refusal in the words of whoever is asked.
func (s *Server) faultReply(c *call, f Fault) reply {
	var rep reply
	if strings.HasPrefix(c.URL.Path, "/v1.0/") {
		e := &graphError{status: f.Status, code: f.Code, message: f.Message}
		if e.code == "" {
			e.code = strings.ReplaceAll(http.StatusText(f.Status), " ", "")
		}
		rep = e.reply(c)
	} else {
		e := &entraError{status: f.Status, oauth: f.Error, suberror: f.Suberror, message: f.Message}
		if e.oauth == "" {
			e.oauth = "temporarily_unavailable"
		}
		_, _ = fmt.Sscanf(strings.TrimPrefix(f.Code, "AADSTS"), "%d", &e.code)
		rep = s.entraJSON(c, e)
	}
	if f.RetryAfter != "" {
		rep = rep.with("Retry-After", f.RetryAfter)
	}
	return rep
}

// decodeStrictly reads a JSON body whose every word is known.
func decodeStrictly(body []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}
