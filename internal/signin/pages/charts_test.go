package pages

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/status"
)

func TestRoundUp(t *testing.T) {
	for n, want := range map[int]int{0: 2, 1: 2, 2: 2, 3: 4, 5: 10, 10: 10, 11: 20, 21: 40, 41: 100, 101: 200, 399: 400, 1001: 2000} {
		if got := roundUp(n, 2); got != want {
			t.Errorf("%d is drawn on a scale to %d, want %d", n, got, want)
		}
	}
	if got := roundUp(3, 100); got != 100 {
		t.Errorf("at least 100: %d", got)
	}
}

// Bars stand on each other and within the chart, the least of them is seen, and the hours
// are those of the page's zone.
func TestBars(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 30, 0, 0, time.UTC)
	clock := now.Add(-23 * time.Hour)
	r := status.NewRecorder(func() time.Time { return clock })
	r.Confirmed()
	clock = now
	for range 900 {
		r.Confirmed()
	}
	r.Failed()
	c := charts(r.Recent(), time.FixedZone("", 8*3600))[0]
	want := []bar{
		{1, 126, 14, 2, "good", "21:00: 1 confirmed"},
		{369, 20, 14, 108, "good", "20:00: 900 confirmed"},
		{369, 18, 14, 2, "bad", "20:00: 1 failed"},
	}
	if !slices.Equal(c.Bars, want) {
		t.Errorf("bars %+v, want %+v", c.Bars, want)
	}
	if c.Hours != [4]string{"21:00", "03:00", "09:00", "15:00"} || c.Scale != [3]string{"1000", "500", "0"} {
		t.Errorf("hours %q, scale %q", c.Hours, c.Scale)
	}
	if want := "901 confirmed, 0 declined, 1 failed since Nov 25 21:30."; c.Text != want {
		t.Errorf("in words %q, want %q", c.Text, want)
	}
}

// Curves have gaps where nothing was asked, and marks where it was too much.
func TestCurves(t *testing.T) {
	clock := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	r := status.NewRecorder(func() time.Time { return clock })
	call := func(after time.Duration, took time.Duration, code int) {
		clock = clock.Add(after)
		r.Called(code, took)
	}
	call(0, 10*time.Millisecond, http.StatusOK)
	call(status.SlotLength, 10*time.Millisecond, http.StatusOK)
	call(time.Hour, 80*time.Millisecond, http.StatusTooManyRequests)
	clock = clock.Add(time.Hour)
	r.Failed() // and no call
	clock = time.Date(2026, 11, 26, 23, 59, 0, 0, time.UTC)
	c := charts(r.Recent(), nil)[1]
	// 10 ms, 10 ms; 80 ms: the first bars of a scale to 100 ms, 120 units high.
	want := []curve{{"soft", "2,116 4,116 6,116"}, {"soft", "22,35 24,35"}, {"good", "2,122 4,122 6,122"}, {"good", "22,56 24,56"}}
	if !slices.Equal(c.Lines, want) {
		t.Errorf("curves %+v, want %+v", c.Lines, want)
	}
	if want := []mark{{22, "01:15: 1 of 1 calls refused as too many"}}; !slices.Equal(c.Marks, want) {
		t.Errorf("marks %+v, want %+v", c.Marks, want)
	}
	if c.Hours != [4]string{"00:00", "06:00", "12:00", "18:00"} || c.Scale[0] != "100 ms" {
		t.Errorf("hours %q, scale %q", c.Hours, c.Scale)
	}
	if want := "3 calls, 1 refused as too many, 0 failed since Nov 26 00:00. Slowest at 01:15: 95 of 100 within 78 ms."; c.Text != want {
		t.Errorf("in words %q, want %q", c.Text, want)
	}
}

func TestRefusals(t *testing.T) {
	got := refusals(map[string]int{"b": 1, "a": 1, "c": 7})
	if want := []refusal{{"c", 7}, {"a", 1}, {"b", 1}}; !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
