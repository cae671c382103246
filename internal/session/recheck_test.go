package session

import (
	"testing"
	"time"
)

// However full the memory is, a session is checked once in a while, not at each
// request: a check that changes nothing would lead back to the next one for ever.
func TestRecheckWithoutRoomInMemory(t *testing.T) {
	c := newClock()
	r := newRegistry(t, newStore(t, c.now), c.now)
	cookie := mustStart(t, r)
	s, err := r.Lookup(t.Context(), cookie)
	if err != nil {
		t.Fatal(err)
	}
	r.forget(s)
	r.cached.Store(maxCached)
	checks := 0
	for range 5 { // as the gate does it
		s, err := r.Lookup(t.Context(), cookie)
		if err != nil {
			t.Fatal(err)
		}
		if s.Recheck(c.now(), time.Hour) {
			checks++
			continue
		}
		r.Attach(s, func() {}).Detach()
	}
	if checks != 1 {
		t.Errorf("checked %d times in a row, want once", checks)
	}
}
