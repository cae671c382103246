package status

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A clock that stands where it is set to.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

var begun = time.Date(2026, 11, 26, 8, 7, 0, 0, time.UTC)

// What happens is counted by quarters of an hour, and forgotten after a day.
func TestRecorder(t *testing.T) {
	c := &clock{begun}
	r := NewRecorder(c.now)
	if got := r.Recent(); len(got.Slots) != 0 || !got.Since.Equal(begun) {
		t.Errorf("at the start: %+v", got)
	}
	r.Confirmed()
	r.Confirmed()
	r.SignedIn(true)
	c.t = c.t.Add(7 * time.Minute)
	r.Declined()
	c.t = c.t.Add(time.Minute) // the next quarter
	r.Failed()
	r.SignedIn(false)
	first, second := begun.Truncate(SlotLength), begun.Truncate(SlotLength).Add(SlotLength)
	want := []Slot{{Begin: first, Confirmed: 2, Declined: 1, SignIns: 1}, {Begin: second, Failed: 1, SignInsFailed: 1}}
	if diff := cmp.Diff(want, r.Recent().Slots); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
	if got, want := r.Recent().Sum(), (Slot{Confirmed: 2, Declined: 1, Failed: 1, SignIns: 1, SignInsFailed: 1}); got != want {
		t.Errorf("in sum %+v, want %+v", got, want)
	}

	c.t = second.Add(-time.Hour) // set back: counting goes on where it was
	r.Failed()
	c.t = first.Add(Slots * SlotLength) // the first one is over
	got := r.Recent()
	if diff := cmp.Diff([]Slot{{Begin: second, Failed: 2, SignInsFailed: 1}}, got.Slots); diff != "" {
		t.Errorf("after a day (-want +got):\n%s", diff)
	}
	if !got.Since.Equal(second) {
		t.Errorf("since %v, want %v", got.Since, second)
	}
	r.Confirmed() // in the place of the first one
	if got := r.Recent().Slots; len(got) != 2 || got[1].Confirmed != 1 || got[1].Declined != 0 {
		t.Errorf("a slot has something of the one a day before: %+v", got)
	}
	c.t = c.t.AddDate(1, 0, 0)
	if got := r.Recent().Slots; len(got) != 0 {
		t.Errorf("after a year: %+v", got)
	}
}

func TestRecorderOfCalls(t *testing.T) {
	r := NewRecorder((&clock{begun}).now)
	for range 90 {
		r.Called(http.StatusOK, 100*time.Millisecond)
	}
	for range 5 {
		r.Called(http.StatusTooManyRequests, 5*time.Millisecond)
	}
	for range 4 {
		r.Called(http.StatusBadGateway, 2*time.Second)
	}
	r.Called(0, 30*time.Second)
	r.Called(http.StatusForbidden, time.Hour)
	if s := r.Recent().Silence; s.Calls != 0 {
		t.Errorf("after an answer: %+v", s)
	}
	got := r.Recent().Slots[0]
	if got.Calls != 101 || got.Throttled != 5 || got.CallsFailed != 5 {
		t.Errorf("counted %+v", got)
	}
	if got.Median < 80 || got.Median > 160 || got.P95 < 80 || got.P95 > 160 {
		t.Errorf("median %d, 95 of 100 within %d ms", got.Median, got.P95)
	}
	r.Called(0, time.Second)
	r.Called(http.StatusBadGateway, time.Second)
	if s := r.Recent().Silence; s.Calls != 2 || !s.Since.Equal(begun) {
		t.Errorf("without an answer: %+v", s)
	}
}

func TestQuantiles(t *testing.T) {
	for name, tt := range map[string]struct {
		took        []time.Duration
		median, p95 int
	}{
		"none":        {nil, 0, 0},
		"one":         {[]time.Duration{30 * time.Millisecond}, 30, 39},
		"too long":    {[]time.Duration{time.Minute, time.Minute}, 20480, 20480},
		"on a bound":  {[]time.Duration{20 * time.Millisecond}, 15, 20},
		"fast, slow":  {[]time.Duration{time.Millisecond, time.Second}, 10, 1216},
		"one is slow": {[]time.Duration{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, time.Second}, 5, 10},
	} {
		r := NewRecorder((&clock{begun}).now)
		r.Failed() // there is a slot
		for _, d := range tt.took {
			r.Called(http.StatusOK, d)
		}
		if got := r.Recent().Slots[0]; got.Median != tt.median || got.P95 != tt.p95 {
			t.Errorf("%s: median %d, 95 of 100 within %d ms, want %d and %d", name, got.Median, got.P95, tt.median, tt.p95)
		}
	}
}

// The hours end with the one that runs.
func TestHours(t *testing.T) {
	c := &clock{begun}
	r := NewRecorder(c.now)
	r.Confirmed()
	c.t = begun.Add(23 * time.Hour)
	r.Confirmed()
	r.SignedIn(true)
	hours := r.Recent().Hours()
	if len(hours) != 24 || hours[0].Confirmed != 1 || hours[23].Confirmed != 1 || hours[23].SignIns != 1 {
		t.Errorf("hours: %+v", hours)
	}
	if want := begun.Truncate(time.Hour); !hours[0].Begin.Equal(want) {
		t.Errorf("the first begins at %v, want %v", hours[0].Begin, want)
	}
	c.t = begun.Add(24 * time.Hour)
	if hours := r.Recent().Hours(); hours[0].Confirmed != 0 || hours[22].Confirmed != 1 {
		t.Errorf("an hour later: %+v", hours)
	}
}
