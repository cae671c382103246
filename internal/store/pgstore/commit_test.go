package pgstore

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onesgate/onesgate/internal/store"
)

// TestWriteSkew: of two commits that each demand that the other's record is
// absent, one happens.
func TestWriteSkew(t *testing.T) {
	s := openTest(t, Options{URL: server.Database(t)})
	absent := store.If(store.Absent)
	for round := range 50 {
		a, b := fmt.Sprintf("%d/a", round), fmt.Sprintf("%d/b", round)
		var happened atomic.Int64
		var wg sync.WaitGroup
		for _, writes := range [][]store.Write{
			{{Key: a}, {Key: b, Op: store.Check, If: absent}},
			{{Key: b}, {Key: a, Op: store.Check, If: absent}},
			{{Key: a, If: absent}, {Key: b, Op: store.Delete, If: absent}},
		} {
			wg.Go(func() {
				switch _, err := s.Commit(t.Context(), writes...); {
				case err == nil:
					happened.Add(1)
				case !errors.Is(err, store.ErrConflict):
					t.Errorf("Commit = %v", err)
				}
			})
		}
		wg.Wait()
		records, err := s.Scan(t.Context(), fmt.Sprintf("%d/", round), "", 10)
		if err != nil || len(records) != 1 || happened.Load() < 1 {
			t.Fatalf("%d records after %d commits, %v, want 1", len(records), happened.Load(), err)
		}
	}
}

// TestReadSkew: a check holds until the commit has happened: whoever changes
// what it has checked comes before it or after it.
func TestReadSkew(t *testing.T) {
	s := openTest(t, Options{URL: server.Database(t)})
	for round := range 50 {
		a, b := fmt.Sprintf("%d/a", round), fmt.Sprintf("%d/b", round)
		v, err := s.Commit(t.Context(), store.Write{Key: a}, store.Write{Key: b})
		if err != nil {
			t.Fatal(err)
		}
		var happened atomic.Int64
		var wg sync.WaitGroup
		for _, writes := range [][]store.Write{
			{{Key: a, Op: store.Check, If: store.If(v)}, {Key: b}},
			{{Key: b, Op: store.Check, If: store.If(v)}, {Key: a, Op: store.Delete}},
		} {
			wg.Go(func() {
				switch _, err := s.Commit(t.Context(), writes...); {
				case err == nil:
					happened.Add(1)
				case !errors.Is(err, store.ErrConflict):
					t.Errorf("Commit = %v", err)
				}
			})
		}
		wg.Wait()
		if n := happened.Load(); n != 1 {
			t.Fatalf("%d of two commits that exclude each other happened", n)
		}
	}
}

// TestVersionsGrow: whoever reads a record that many write sees its version grow,
// and all records of one commit have the same.
func TestVersionsGrow(t *testing.T) {
	s := openTest(t, Options{URL: server.Database(t), MaxConns: 16})
	done := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for last := store.Absent; ; {
				select {
				case <-done:
					return
				default:
				}
				r, err := s.Get(t.Context(), "a")
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					t.Errorf("Get = %v", err)
					return
				}
				if r.Version < last {
					t.Errorf("version %d after %d", r.Version, last)
					return
				}
				last = r.Version
			}
		})
	}
	for writer := range 12 {
		writers.Go(func() {
			for n := range 40 {
				writes := []store.Write{{Key: "a"}}
				if writer%2 == 0 {
					writes = append(writes, store.Write{Key: "0"}, store.Write{Key: fmt.Sprintf("w/%d/%d", writer, n)})
				}
				v, err := s.Commit(t.Context(), writes...)
				if err != nil {
					t.Errorf("Commit = %v", err)
					return
				}
				if writer%2 == 0 {
					if r, err := s.Get(t.Context(), writes[2].Key); err != nil || r.Version != v {
						t.Errorf("Get = version %d, %v, want %d", r.Version, err, v)
					}
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
}

// TestLarge: the largest commits go through; larger ones are refused.
func TestLarge(t *testing.T) {
	s := openTest(t, Options{URL: server.Database(t)})
	random := make([]byte, maxKey) // what doesn't compress
	for i := range random {
		random[i] = byte(i * i * 31 >> 3)
	}
	longest := string(random)
	large := store.Write{Key: longest, Value: make([]byte, maxCommit-writeReserve-maxKey)}
	many := make([]store.Write, maxCommit/(writeReserve+4))
	for i := range many {
		many[i] = store.Write{Key: fmt.Sprintf("%04x", i)}
	}
	for name, writes := range map[string][]store.Write{"bytes": {large}, "writes": many} {
		if _, err := s.Commit(t.Context(), writes...); err != nil {
			t.Errorf("Commit of many %s = %v", name, err)
		}
	}
	if r, err := s.Get(t.Context(), longest); err != nil || len(r.Value) != len(large.Value) {
		t.Errorf("Get = %d bytes, %v, want %d", len(r.Value), err, len(large.Value))
	}
	large.Value = append(large.Value, 0)
	many = append(many, store.Write{Key: strings.Repeat("k", 100)})
	for name, writes := range map[string][]store.Write{"bytes": {large}, "writes": many} {
		if _, err := s.Commit(t.Context(), writes...); !errors.Is(err, ErrTooLarge) {
			t.Errorf("Commit of too many %s = %v, want ErrTooLarge", name, err)
		}
	}
	for name, w := range map[string]store.Write{
		"longer key":     {Key: longest + "k"},
		"expiry too far": {Key: "k", Expires: maxExpiry},
		"expiry BC":      {Key: "k", Expires: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if _, err := s.Commit(t.Context(), w); err == nil || errors.Is(err, store.ErrUnknownOutcome) {
			t.Errorf("Commit with a %s = %v", name, err)
		}
	}
}

// TestAnnouncingKinds: each kind of write announces if its precondition holds,
// and only then.
func TestAnnouncingKinds(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := openTest(t, Options{URL: server.Database(t), Now: func() time.Time { return now }})
	commit := func(w store.Write) (store.Version, error) {
		return s.Commit(t.Context(), w, store.Write{Op: store.Announce, Key: "1"}, store.Write{Op: store.Announce, Key: "2"})
	}
	var told store.Position
	for name, tt := range map[string]struct {
		put, del, check func(v store.Version) *store.Version
	}{
		"any":     {func(store.Version) *store.Version { return nil }, func(store.Version) *store.Version { return nil }, store.If},
		"version": {func(store.Version) *store.Version { return store.If(store.Absent) }, store.If, store.If},
	} {
		v, err := commit(store.Write{Key: name, If: tt.put(0)})
		if err != nil {
			t.Fatalf("%s: put = %v", name, err)
		}
		if _, err := commit(store.Write{Key: name, If: store.If(v + 1000)}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: put of another version = %v", name, err)
		}
		if _, err := commit(store.Write{Key: name, Op: store.Check, If: tt.check(v)}); err != nil {
			t.Errorf("%s: check = %v", name, err)
		}
		if _, err := commit(store.Write{Key: name, Op: store.Check, If: store.If(store.Absent)}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: check of absence = %v", name, err)
		}
		again, err := commit(store.Write{Key: name, If: store.If(v)})
		if err != nil || again <= v {
			t.Errorf("%s: put again = %d, %v", name, again, err)
		}
		if _, err := commit(store.Write{Key: name, Op: store.Delete, If: tt.del(again)}); err != nil {
			t.Errorf("%s: delete = %v", name, err)
		}
		if _, err := commit(store.Write{Key: name, Op: store.Delete}); err != nil {
			t.Errorf("%s: delete of nothing = %v", name, err)
		}
		if _, err := commit(store.Write{Key: name, Op: store.Check, If: store.If(store.Absent)}); err != nil {
			t.Errorf("%s: check of absence = %v", name, err)
		}
		told += 2 * 6
		if last, err := s.Last(t.Context()); err != nil || last != told {
			t.Errorf("%s: %d announcements, %v, want %d", name, last, err, told)
		}
	}
}

// TestLockedOut: a commit that waits too long for a row fails, has not happened,
// and leaves no lock behind.
func TestLockedOut(t *testing.T) {
	address := server.Database(t)
	s := openTest(t, Options{URL: address, Timeout: 500 * time.Millisecond})
	writes := []store.Write{{Key: "a", Value: []byte("1")}, {Key: "b"}}
	if _, err := s.Commit(t.Context(), writes...); err != nil {
		t.Fatal(err)
	}
	release := hold(t, address, "a")
	for _, n := range []int{1, 2} {
		writes[0].Value = []byte("2")
		if _, err := s.Commit(t.Context(), writes[:n]...); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnknownOutcome) {
			t.Errorf("Commit of %d locked records = %v, want ErrUnavailable alone", n, err)
		}
	}
	release()
	if r, err := s.Get(t.Context(), "a"); err != nil || string(r.Value) != "1" {
		t.Errorf("Get = %q, %v, want what was there", r.Value, err)
	}
	if _, err := s.Commit(t.Context(), writes...); err != nil {
		t.Errorf("Commit of free records = %v", err)
	}
}

// TestDeadlock: commits of the same records in any order get in each other's way,
// but all happen.
func TestDeadlock(t *testing.T) {
	s := openTest(t, Options{URL: server.Database(t), MaxConns: 8})
	var wg sync.WaitGroup
	for writer := range 8 {
		wg.Go(func() {
			for range 20 {
				writes := []store.Write{{Key: "a"}, {Key: "b"}, {Key: "c"}}
				if writer%2 == 0 {
					slices.Reverse(writes)
				}
				if _, err := s.Commit(t.Context(), writes...); err != nil {
					t.Errorf("Commit = %v", err)
				}
			}
		})
	}
	wg.Wait()
}

// TestOrder: the database orders any keys as Go does.
func TestOrder(t *testing.T) {
	s := openTest(t, Options{URL: server.Database(t)})
	root := 0
	odd := rapid.SampledFrom([]byte{0, 1, '/', 'a', 0x7f, 0x80, 0xfe, 0xff})
	rapid.Check(t, func(rt *rapid.T) {
		root++
		prefix := fmt.Sprintf("%d\x00", root)
		keys := rapid.SliceOfNDistinct(rapid.SliceOfN(odd, 0, 4), 1, 12, func(b []byte) string { return string(b) }).Draw(rt, "keys")
		var writes []store.Write
		for _, k := range keys {
			writes = append(writes, store.Write{Key: prefix + string(k)})
		}
		if _, err := s.Commit(t.Context(), writes...); err != nil {
			rt.Fatal(err)
		}
		below := rapid.SliceOfN(odd, 0, 2).Draw(rt, "prefix")
		after := rapid.SliceOfN(odd, 0, 4).Draw(rt, "after")
		var want []string
		slices.SortFunc(keys, bytes.Compare)
		for _, k := range keys {
			if bytes.HasPrefix(k, below) && bytes.Compare(k, after) > 0 {
				want = append(want, prefix+string(k))
			}
		}
		records, err := s.Scan(t.Context(), prefix+string(below), prefix+string(after), 100)
		var got []string
		for _, r := range records {
			got = append(got, r.Key)
		}
		if err != nil || !slices.Equal(got, want) {
			rt.Fatalf("Scan below %q after %q = %q, %v, want %q", below, after, got, err, want)
		}
	})
}

// FuzzBehind: behind returns the end of a prefix.
func FuzzBehind(f *testing.F) {
	f.Add("", "a")
	f.Add("a\xff", "a\xff\xff")
	f.Add("a\xfe\xff\xff", "b")
	f.Fuzz(func(t *testing.T, prefix, key string) {
		end, bounded := behind(prefix)
		below := key >= prefix && (!bounded || key < string(end))
		if below != strings.HasPrefix(key, prefix) {
			t.Errorf("%q: the prefix %q ends at %q, %t", key, prefix, end, bounded)
		}
	})
}
