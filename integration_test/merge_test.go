package integration_test

import (
	"net/http"
	"strings"
	"testing"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// An account is made anew, and its person comes back with another user id. The operator
// gives them what they had booked; Microsoft is asked first whether the old account lives.
func TestSomebodyComesBackWithAnotherAccount(t *testing.T) {
	t.Parallel()
	// Two people with one card stand for the two accounts of one person.
	w := newWorld(t, func(c *m365.Config) {
		for i := range c.Tenants[0].People {
			switch p := &c.Tenants[0].People[i]; p.Mail {
			case alice, bob:
				p.Pager = "4711"
			}
		}
	})
	w.write(nil)
	p := w.gateway()
	old, anew := newVisitor(t, w.home), newVisitor(t, w.home)
	old.signIn(alice)
	before := old.call(http.MethodGet, "/.ones/me", nil).json(t)["id"].(string)
	booked := w.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 2, 10), "Ones-Act-As", alice, "Prefer", "wait=30").json(t)["id"].(string)
	w.sim(http.MethodPost, "/_sim/faults", map[string]any{"match": "POST /v1.0/me/events", "status": 503})
	waits := w.asks(alice, meeting("boardroom", 2, 14))
	anew.signIn(bob)
	after := anew.call(http.MethodGet, "/.ones/me", nil).json(t)["id"].(string)

	w.fails("more than one person fits", "users", "merge", "card:4711", after, "--yes")
	w.fails("write --yes to merge", "users", "merge", before, after)
	w.fails("Microsoft still knows the account of the first of them, so they may be two people; --force", "users", "merge", before, after, "--yes")
	old.wantsSession(true)
	w.sim(http.MethodPost, "/_sim/people", map[string]any{"mail": alice, "event": "deleted"})
	w.sim(http.MethodDelete, "/_sim/faults", nil)
	w.succeeds(before+` is `+after+` now, with 2 bookings`, "users", "merge", before, after, "--yes")
	old.wantsSession(false)
	w.fails("nobody like that is known", "users", "show", before)
	w.succeeds(after, "users", "show", "card:4711")
	if b := w.until(waits, confirmed); b["organizer"].(map[string]any)["id"] != after || w.eventsNamed(bob, "Quarterly review") != 1 {
		t.Errorf("what waited: %v", b)
	}
	if a := w.serve(http.MethodGet, "/v1/bookings/"+booked, nil, "Ones-Act-As", bob); a.StatusCode != http.StatusOK {
		t.Errorf("what was booked before: %d %s", a.StatusCode, a.body)
	}
	p.stop()
	if log := p.errors(); !strings.Contains(log, `"msg":"user merged","user":"`+before+`","by":"operator"`) || !strings.Contains(log, `"into":"`+after+`"`) {
		t.Error("the audit log has no line of it")
	}
}
