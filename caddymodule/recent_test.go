package caddymodule

import (
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/signin"
	"github.com/onesgate/onesgate/internal/status"
)

// What the metrics count of bookings, sign-ins and Graph is drawn on the page of the
// gateway, too.
func TestRecent(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	for _, became := range []booking.Status{booking.Accepted, booking.Confirmed, booking.Confirmed, booking.Declined, booking.Failed, booking.Expired, booking.Cancelled} {
		e.bookingBecame(booking.Event{Integration: "contoso", Status: became})
	}
	for _, o := range signin.Outcomes {
		e.signInEnded("contoso", o)
	}
	for _, c := range []graph.Call{
		{Status: 200, Took: time.Second}, {Status: 429}, {Status: 503}, {Err: &graph.BusyError{}}, // the last was not sent
	} {
		e.graphCalled(t.Context(), "contoso", c)
	}
	all := e.recorder.Recent().Sum()
	want := status.Slot{Confirmed: 2, Declined: 1, Failed: 2, SignIns: 2, SignInsFailed: len(signin.Outcomes) - 2, Calls: 3, Throttled: 1, CallsFailed: 1}
	if all != want {
		t.Errorf("counted %+v, want %+v", all, want)
	}
}
