package booking

import (
	"testing"
	"time"
)

// What was handed over is carried on as it was accepted, once, and read anew if somebody has
// changed it before its turn.
func TestHandedOver(t *testing.T) {
	q := newQueue()
	q.markFresh("a")
	q.handOver(record{ID: "a", Revision: 1})
	q.handOver(record{ID: "b"}) // which was unmarked, or has begun
	q.markFresh("c")
	q.handOver(record{ID: "c"})
	q.wake("c")
	if ids := q.takeUrgent(); len(ids) != 3 {
		t.Fatalf("urgent are %v", ids)
	}
	if r, fresh := q.begin("a"); !fresh || r == nil || r.Revision != 1 {
		t.Errorf("a: %v %v", r, fresh)
	}
	if r, fresh := q.begin("a"); fresh || r != nil {
		t.Errorf("a again: %v %v", r, fresh)
	}
	if r, fresh := q.begin("b"); fresh || r != nil {
		t.Errorf("b: %v %v", r, fresh)
	}
	if r, fresh := q.begin("c"); !fresh || r != nil {
		t.Errorf("c: %v %v", r, fresh)
	}
}

// A claim stands in for reading what was handed over only while it is young.
func TestClaimLasts(t *testing.T) {
	now := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	for age, want := range map[time.Duration]bool{0: true, 4 * time.Second: true, 5 * time.Second: false, time.Minute: false} {
		r := record{NextAt: now.Add(claimLife)}
		if got := r.claimLasts(now.Add(age).Add(claimLife)); got != want {
			t.Errorf("after %v: %v", age, got)
		}
	}
}
