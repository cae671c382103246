package badgerstore

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/storetest"
)

// recordSize is about a large grant's, in bytes.
const recordSize = 4096

// each runs a benchmark with records of different sizes, in bytes, and so many
// callers that write at the same time.
func each(b *testing.B, run func(b *testing.B, value []byte, callers int)) {
	for _, size := range []int{1024, recordSize} {
		for _, callers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("size=%d/callers=%d", size, callers), func(b *testing.B) { run(b, make([]byte, size), callers) })
		}
	}
}

// BenchmarkCommit: many callers share one sync of the disk.
func BenchmarkCommit(b *testing.B) {
	each(b, func(b *testing.B, value []byte, callers int) {
		s := openTest(b, b.TempDir(), nil)
		defer closeTest(b, s)
		storetest.Share(b, callers, func(n int64) error {
			_, err := s.Commit(b.Context(), store.Write{Key: fmt.Sprint(n), Value: value})
			return err
		})
	})
}

// BenchmarkAnnounce is BenchmarkCommit with an announcement in each.
func BenchmarkAnnounce(b *testing.B) {
	each(b, func(b *testing.B, value []byte, callers int) {
		s := openTest(b, b.TempDir(), nil)
		defer closeTest(b, s)
		storetest.Share(b, callers, func(n int64) error {
			_, err := s.Commit(b.Context(), store.Write{Key: fmt.Sprint(n), Value: value}, store.Write{Op: store.Announce, Key: "topic"})
			return err
		})
	})
}

// BenchmarkPlainBadger is what Badger does by itself, with the same options: one
// transaction for each caller.
func BenchmarkPlainBadger(b *testing.B) {
	each(b, func(b *testing.B, value []byte, callers int) {
		db, err := badger.Open(badgerOptions(b.TempDir(), slog.New(slog.DiscardHandler)))
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		storetest.Share(b, callers, func(n int64) error {
			return db.Update(func(txn *badger.Txn) error { return txn.Set(fmt.Append(nil, n), value) })
		})
	})
}

// BenchmarkFsync is the disk's own part: a write of 4 KiB and a sync.
func BenchmarkFsync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "file"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for value := make([]byte, recordSize); b.Loop(); {
		if _, err := f.Write(value); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGet reads what is in memory.
func BenchmarkGet(b *testing.B) {
	s := openTest(b, b.TempDir(), nil)
	defer closeTest(b, s)
	const records = 1000
	for n := range records {
		if _, err := s.Commit(b.Context(), store.Write{Key: fmt.Sprint(n), Value: make([]byte, recordSize)}); err != nil {
			b.Fatal(err)
		}
	}
	for n := 0; b.Loop(); n++ {
		if _, err := s.Get(b.Context(), fmt.Sprint(n%records)); err != nil {
			b.Fatal(err)
		}
	}
}

// A million people with grants, and a tenth of them with sessions; sizes in
// bytes are those of our records.
const (
	million     = 1_000_000
	grantSize   = 1900
	personSize  = 350
	sessionSize = 600
)

// BenchmarkMillion opens the store of a very large company. It reports what that
// takes: memory of our own (anonymous) half a second later, and disk.
func BenchmarkMillion(b *testing.B) {
	dir := b.TempDir()
	s := openTest(b, dir, nil)
	fillMillion(b, s)
	closeTest(b, s)
	for b.Loop() {
		s := openTest(b, dir, nil)
		b.StopTimer()
		debug.FreeOSMemory()
		time.Sleep(500 * time.Millisecond) // what opening has started is over
		debug.FreeOSMemory()
		b.ReportMetric(anonymous(b), "MiB-anonymous")
		used, _, err := s.Usage()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(used)/million, "B-disk/user")
		closeTest(b, s)
		b.StartTimer()
	}
}

// fillMillion writes in commits of a few hundred records, as a restore does.
func fillMillion(b *testing.B, s *Store) {
	b.Helper()
	random := make([]byte, 1<<20)
	for i := range random {
		random[i] = byte(i*i>>3) ^ byte(i>>8) // sealed records don't compress either, and nothing does here
	}
	var writes []store.Write
	put := func(key string, size int) {
		at := len(key) * 4097 % (len(random) - size)
		writes = append(writes, store.Write{Key: key, Value: random[at : at+size]})
	}
	for n := range million {
		id := fmt.Sprintf("c0970500-5c41-4b8e-9f6a-3d1c7e2a9b10.%043d", n)
		put("grant/"+id, grantSize)
		put("person/"+id, personSize)
		put("person-email/p"+strconv.Itoa(n)+"@contoso.example/"+id, 0)
		if n%10 == 0 {
			put(fmt.Sprintf("session/%064x", n), sessionSize)
		}
		if len(writes) >= 600 || n == million-1 {
			if _, err := s.Commit(context.Background(), writes...); err != nil {
				b.Fatal(err)
			}
			writes = writes[:0]
		}
	}
}

// anonymous is the process's own memory in MiB, without the pages of files.
func anonymous(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := bytes.Cut(status, []byte("RssAnon:"))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		b.Fatal("this kernel doesn't tell RssAnon")
	}
	kb, err := strconv.ParseFloat(string(fields[0]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return kb / 1024
}
