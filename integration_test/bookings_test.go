package integration_test

import (
	"net/http"
	"strings"
	"testing"
)

// The operator finds a booking that waits, and why, has it tried now, and cancels one;
// nothing tells them what it is about.
func TestOperatorLooksAfterBookings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(nil)
	p := w.gateway()
	newVisitor(t, w.home).signIn(alice)
	w.succeeds("There is no booking like that", "bookings", "list")

	w.sim(http.MethodPost, "/_sim/faults", map[string]any{"match": "POST /v1.0/me/events", "status": 503})
	id := w.asks(alice, meeting("boardroom", 2, 10))
	w.until(id, waits)
	w.succeeds(`waiting \(accepted\) +boardroom +.*`+alice+`.* \d+ +503 \w+ +.*`+id, "bookings", "list", "--state", "waiting")
	w.succeeds(id, "bookings", "list", "--user", alice, "--room", "boardroom", "--integration", "contoso")
	w.succeeds("There is no booking like that", "bookings", "list", "--state", "failed")
	w.succeeds(`(?s)state +waiting.*next +The event is to be made.*last error +503.*accepted +ones.*tried.* +- +503`, "bookings", "show", id)
	w.fails("it is one of waiting, accepted,", "bookings", "list", "--state", "fine")
	w.fails("There is no such booking", "bookings", "show", "b-4711")
	w.fails("is no time", "bookings", "list", "--from", "tomorrow")

	w.succeeds("^(It is carried on now|A gateway is at it)", "bookings", "retry", id)
	w.sim(http.MethodDelete, "/_sim/faults", nil)
	w.until(id, confirmed)
	w.fails("the room has accepted", "bookings", "retry", id)
	if out := w.succeeds(`^\{"id":"`+id, "bookings", "show", id, "--json"); strings.Contains(out, "Quarterly") {
		t.Errorf("told: %s", out)
	}
	if out := w.succeeds(`^\{"bookings":\[\{"id":"`+id, "bookings", "list", "--json"); strings.Contains(out, "Quarterly") {
		t.Errorf("told: %s", out)
	}

	w.fails("write --yes to cancel", "bookings", "cancel", id)
	w.succeeds("^It is (being )?cancelled", "bookings", "cancel", id, "--yes", "--comment", "The room is closed.")
	w.until(id, func(b map[string]any) bool { return b["status"] == "cancelled" })
	if n := w.eventsNamed(alice, "Quarterly review"); n != 0 {
		t.Errorf("%d events are left", n)
	}
	p.stop()
	log := p.errors()
	if !strings.Contains(log, `"action":"cancel","by":"operator"`) {
		t.Error("the audit log does not tell who has cancelled it")
	}
	if strings.Contains(log, "The room is closed") || strings.Contains(log, "Quarterly") {
		t.Error("the log tells what a booking is about")
	}
}
