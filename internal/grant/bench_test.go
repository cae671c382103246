package grant_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/badgerstore"
)

// A bank is a keeper on Badger with many grants, at a given time. Tokens are as
// long as Microsoft's.
type bank struct {
	*grant.Keeper
	at    time.Time
	cfg   grant.Config
	calls int
}

var (
	longAccess  = strings.Repeat("a", 2000)
	longRefresh = strings.Repeat("r", 1200)
)

func newBank(b *testing.B) *bank {
	b.Helper()
	k := &bank{at: time.Now()}
	now := func() time.Time { return k.at }
	s, err := badgerstore.Open(badgerstore.Options{Dir: b.TempDir(), MinFree: 1, Now: now})
	if err != nil {
		b.Fatal(err)
	}
	keys, err := seal.New()
	if err != nil {
		b.Fatal(err)
	}
	provider := entra.NewProvider("https://login.example", &http.Client{Transport: k}, now)
	client := entra.NewClient(entra.Config{ClientID: "ones", Credentials: []entra.Credential{{Secret: "client-secret"}}}, provider, slog.New(slog.DiscardHandler))
	k.cfg = grant.Config{
		Store: s, Seal: keys, Now: now, Log: slog.New(slog.DiscardHandler),
		Client: func(string) (*entra.Client, bool) { return client, true },
	}
	k.Keeper = grant.New(k.cfg)
	b.Cleanup(func() {
		k.Close()
		provider.Close()
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return k
}

// RoundTrip is Microsoft's token endpoint (http.RoundTripper).
func (k *bank) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		return (&microsoft{}).RoundTrip(r)
	}
	k.calls++
	return reply(r, http.StatusOK, `{"token_type":"Bearer","expires_in":3600,"access_token":"`+longAccess+`","refresh_token":"`+longRefresh+`"}`), nil
}

func (k *bank) signIn(b *testing.B, owner string) {
	b.Helper()
	err := k.Save(context.Background(), owner, "contoso", entra.Tokens{Access: longAccess, Refresh: longRefresh, Expires: k.at.Add(time.Hour)}, grant.Connected)
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkToken is a token that is in memory, and one that is in the store only, as
// after a restart.
func BenchmarkToken(b *testing.B) {
	b.Run("memory", func(b *testing.B) {
		k := newBank(b)
		k.signIn(b, alice)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := k.Token(b.Context(), alice, grant.Ask{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("memory, parallel", func(b *testing.B) {
		k := newBank(b)
		owners := make([]string, 1000)
		for i := range owners {
			owners[i] = fmt.Sprintf("tenant.%d", i)
			k.signIn(b, owners[i])
		}
		b.ReportAllocs()
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, err := k.Token(context.Background(), owners[i%len(owners)], grant.Ask{}); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("store", func(b *testing.B) {
		k := newBank(b)
		k.signIn(b, alice)
		b.ReportAllocs()
		for b.Loop() {
			again := grant.New(k.cfg)
			if _, err := again.Token(b.Context(), alice, grant.Ask{}); err != nil {
				b.Fatal(err)
			}
			again.Close()
		}
	})
}

// BenchmarkKeepAlive is what 1,000,000 grants cost that nobody uses: a look that
// finds none due, and the refresh of one that is, with all that belongs to
// it but the network.
func BenchmarkKeepAlive(b *testing.B) {
	const grants = 1_000_000
	k := newBank(b)
	k.fill(b, grants)
	b.Run("look", func(b *testing.B) {
		used := cpu(b)
		for b.Loop() {
			if _, err := grant.Look(k.Keeper, b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(cpu(b)-used)/float64(b.N), "cpu-ns/op")
		if k.calls > 0 {
			b.Fatalf("%d were refreshed", k.calls)
		}
	})
	b.Run("refresh", func(b *testing.B) {
		const refreshes = 200 // in the background: ten a second
		k.at = k.at.Add(45 * day)
		for b.Loop() {
			before, used := k.calls, cpu(b)
			for k.calls < before+refreshes {
				if _, err := grant.Look(k.Keeper, b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpu(b)-used)/float64(k.calls-before), "cpu-ns/refresh")
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapInuse)/(1<<20), "MiB")
	})
}

// fill writes the grants of n people, which are due within the next 59 days.
func (k *bank) fill(b *testing.B, n int) {
	b.Helper()
	k.signIn(b, alice)
	stored, err := k.cfg.Store.Get(b.Context(), "grant/"+alice)
	if err != nil {
		b.Fatal(err)
	}
	var rec map[string]any
	if err := json.Unmarshal(stored.Value, &rec); err != nil {
		b.Fatal(err)
	}
	var batch []store.Write
	for i := range n {
		owner := fmt.Sprintf("c0970500-5c41-4b8e-9f6a-3d1c7e2a9b10.%036d", i)
		due := k.at.Add(time.Hour + time.Duration(i)*(59*day/time.Duration(n))).UTC().Truncate(time.Second)
		plain, err := k.cfg.Seal.Seal([]byte(longRefresh), "grant", owner)
		if err != nil {
			b.Fatal(err)
		}
		rec["due"], rec["sealed"], rec["updated"] = due, plain, due.Add(-60*day)
		value, err := json.Marshal(rec)
		if err != nil {
			b.Fatal(err)
		}
		batch = append(batch, store.Write{Key: "grant/" + owner, Value: value},
			store.Write{Key: fmt.Sprintf("grant-due/%010d/%s", due.Unix(), owner)})
		if len(batch) >= 200 || i == n-1 {
			if _, err := k.cfg.Store.Commit(b.Context(), batch...); err != nil {
				b.Fatal(err)
			}
			batch = batch[:0]
		}
	}
}

// cpu is what the process has used so far, in nanoseconds.
func cpu(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
