package integration_test

import (
	"net/http"
	"syscall"
	"testing"
)

// A gateway that stands still while it sends a booking, for longer than its claim lasts, and
// then goes on: another one has carried the booking on meanwhile, and there is one event.
func TestStoppedWhileItSends(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	arrived, letGo := firstHeld(&c.microsoft.Config.Handler)
	t.Cleanup(letGo)
	one, stopped := c.next()
	other, _ := c.next()
	newVisitor(t, one.home).signIn(alice)

	id := one.asks(alice, meeting("boardroom", 1, 10))
	<-arrived
	if err := stopped.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stopped.cmd.Process.Signal(syscall.SIGCONT) })
	letGo()
	other.until(id, confirmed) // when its claim has run out, after 75 seconds
	if err := stopped.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	one.until(id, confirmed)
	if n := one.eventsNamed(alice, "Quarterly review"); n != 1 {
		t.Errorf("%d events, want one", n)
	}
	if a := one.as(alice, http.MethodDelete, "/v1/bookings/"+id, nil, "Prefer", "wait=30"); a.StatusCode != http.StatusOK {
		t.Errorf("cancelling: %d %s", a.StatusCode, a.body)
	}
	if n := one.eventsNamed("boardroom@contoso.example", "Quarterly review"); n != 0 {
		t.Errorf("%d meetings are left in the room", n)
	}
}
