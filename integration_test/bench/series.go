package main

import (
	"fmt"
	"slices"
	"time"
)

// A series is what was measured of one thing, by round.
type series []float64

func (s series) median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// spread is the median in words, and what was lowest and highest.
func (s series) spread(format string) string {
	return fmt.Sprintf(format+" ("+format+"–"+format+")", s.median(), slices.Min(s), slices.Max(s))
}

// over is s as so many times another series, round by round: what disturbed a round
// disturbed both.
func (s series) over(other series) series {
	var ratio series
	for i := range s {
		ratio = append(ratio, s[i]/other[i])
	}
	return ratio
}

// byTurns measures all of what there is once in each round: ABCABC….
func byTurns[T any](rounds int, all []T, measure func(T) (float64, error)) ([]series, error) {
	measured := make([]series, len(all))
	for range rounds {
		for i, one := range all {
			value, err := measure(one)
			if err != nil {
				return nil, err
			}
			measured[i] = append(measured[i], value)
		}
	}
	return measured, nil
}

// percentile is what so many percent of the durations don't exceed, in milliseconds.
func percentile(took []time.Duration, percent int) float64 {
	sorted := slices.Sorted(slices.Values(took))
	return millis(sorted[(len(sorted)-1)*percent/100])
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func mib(bytes int64) float64        { return float64(bytes) / (1 << 20) }
