package badgerstore

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/onesgate/onesgate/internal/store"
)

// BenchmarkCommit: many callers share one sync of the disk.
func BenchmarkCommit(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := openTest(b, b.TempDir(), nil)
			defer closeTest(b, s)
			value := make([]byte, 4096)
			var (
				wg   sync.WaitGroup
				next atomic.Int64
			)
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						if _, err := s.Commit(b.Context(), store.Write{Key: fmt.Sprint(n), Value: value}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
		})
	}
}

func BenchmarkGet(b *testing.B) {
	s := openTest(b, b.TempDir(), nil)
	defer closeTest(b, s)
	const records = 1000
	for n := range records {
		if _, err := s.Commit(b.Context(), store.Write{Key: fmt.Sprint(n), Value: make([]byte, 4096)}); err != nil {
			b.Fatal(err)
		}
	}
	for n := 0; b.Loop(); n++ {
		if _, err := s.Get(b.Context(), fmt.Sprint(n%records)); err != nil {
			b.Fatal(err)
		}
	}
}
