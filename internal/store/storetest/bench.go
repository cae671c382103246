package storetest

import (
	"sync"
	"sync/atomic"
	"testing"
)

// Share lets callers at the same time do b.N pieces of work, numbered from 1, and
// reports how many are done in a second.
func Share(b *testing.B, callers int, work func(n int64) error) {
	b.Helper()
	var (
		wg   sync.WaitGroup
		next atomic.Int64
	)
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := work(n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
