package main

import (
	"slices"
	"testing"
	"time"
)

func TestSeries(t *testing.T) {
	for _, tt := range []struct {
		s    series
		want float64
	}{
		{series{3}, 3},
		{series{9, 1, 2}, 2},
		{series{4, 1, 3, 2}, 2.5},
	} {
		before := slices.Clone(tt.s)
		if got := tt.s.median(); got != tt.want {
			t.Errorf("the median of %v is %v, want %v", tt.s, got, tt.want)
		}
		if !slices.Equal(tt.s, before) {
			t.Errorf("%v were put in another order: they belong to rounds", before)
		}
	}
	if got, want := (series{4, 9}).over(series{2, 3}), (series{2, 3}); !slices.Equal(got, want) {
		t.Errorf("the ratios are %v, want %v: round by round", got, want)
	}
	if got, want := (series{1, 3, 2}).spread("%.1f"), "2.0 (1.0–3.0)"; got != want {
		t.Errorf("the spread is %s, want %s", got, want)
	}
}

func TestByTurns(t *testing.T) {
	var order string
	got, err := byTurns(2, []string{"A", "B", "C"}, func(s string) (float64, error) {
		order += s
		return float64(len(order)), nil
	})
	if err != nil || order != "ABCABC" {
		t.Errorf("measured in the order %s, %v", order, err)
	}
	if want := (series{2, 5}); len(got) != 3 || !slices.Equal(got[1], want) {
		t.Errorf("measured %v, want %v of B", got, want)
	}
}

func TestPercentile(t *testing.T) {
	var took []time.Duration
	for i := range 101 {
		took = append(took, time.Duration(100-i)*time.Millisecond)
	}
	for percent, want := range map[int]float64{0: 0, 50: 50, 99: 99, 100: 100} {
		if got := percentile(took, percent); got != want {
			t.Errorf("%d %% take at most %v ms, want %v", percent, got, want)
		}
	}
}
