package session

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/identity"
)

// BenchmarkMemory is what sessions take in memory: idle ones, which have been
// looked up once, and active ones, whose identity headers are made and which have
// a request open.
func BenchmarkMemory(b *testing.B) {
	const sessions = 10_000
	ring, err := identity.NewRing(time.Now())
	if err != nil {
		b.Fatal(err)
	}
	signer := identity.NewSigner(func() *identity.Ring { return ring }, "https://ones.example", "https://ones.example")
	for _, active := range []bool{false, true} {
		b.Run(fmt.Sprintf("active=%v", active), func(b *testing.B) {
			var bytes uint64
			for b.Loop() {
				c := newClock()
				s := newStore(b, c.now)
				cookies := make([]string, sessions)
				filling := New(s, c.now, slog.New(slog.DiscardHandler), func() time.Duration { return 0 })
				for i := range cookies {
					id := fmt.Sprintf("c0970500-5c41-4b8e-9f6a-3d1c7e2a9b10.%043d", i)
					cookies[i], _, err = filling.Start(b.Context(), Opening{Life: life, Person: &identity.Person{
						ID: id, TenantID: id[:36], Integration: "contoso", Email: fmt.Sprintf("person-%d@contoso.example", i),
						Mailbox: fmt.Sprintf("person-%d@contoso.example", i), Name: fmt.Sprint("Person ", i),
						Groups: []string{"staff", "facilities"}, DefaultGroups: []string{"staff"}, CardNumber: fmt.Sprintf("%08d", i),
					}})
					if err != nil {
						b.Fatal(err)
					}
				}
				filling.Close()
				r := newRegistry(b, s, c.now)
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				for _, cookie := range cookies {
					s, err := r.Lookup(b.Context(), cookie)
					if err != nil {
						b.Fatal(err)
					}
					if active {
						hs, err := signer.Headers(s.Person, "connected", c.now())
						if err != nil {
							b.Fatal(err)
						}
						s.Headers.Store(&Headers{Headers: hs, By: signer, Connection: "connected", Until: c.now()})
						_, cancel := context.WithCancel(b.Context())
						r.Attach(s, cancel)
					}
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				bytes = after.HeapAlloc - before.HeapAlloc
				runtime.KeepAlive(r)
			}
			b.ReportMetric(float64(bytes)/(1<<20), "MiB/10k")
			b.ReportMetric(0, "ns/op")
		})
	}
}
