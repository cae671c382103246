package storetest

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/store"
)

func testRecords(t *testing.T, f fixture) {
	f.absent(t, "a")
	f.commit(t, store.Write{Key: "a", Op: store.Delete}) // of nothing

	v := f.put(t, "a", "one")
	r := f.holds(t, "a", "one")
	if r.Version != v || v == store.Absent {
		t.Errorf("version = %d, want that of the commit, %d, and not Absent", r.Version, v)
	}
	if !r.Expires.IsZero() {
		t.Errorf("expires at %v, want never", r.Expires)
	}

	f.put(t, "a", "two")
	f.holds(t, "a", "two")
	f.put(t, "empty", "")
	f.holds(t, "empty", "")
	large := strings.Repeat("0123456789abcdef", 16<<10)
	f.put(t, "large", large)
	f.holds(t, "large", large)
	odd := "\x00\xff/é\n"
	f.put(t, odd, "odd")
	f.holds(t, odd, "odd")

	f.commit(t, store.Write{Key: "a", Op: store.Delete})
	f.absent(t, "a")
	f.holds(t, "empty", "")
}

// testCopies: neither the writer's bytes nor those that a reader got are the
// store's own.
func testCopies(t *testing.T, f fixture) {
	value := []byte("value")
	f.commit(t, store.Write{Key: "a", Value: value})
	clear(value)
	clear(f.holds(t, "a", "value").Value)
	records, err := f.Scan(t.Context(), "a", "", 1)
	if err != nil || len(records) != 1 {
		t.Fatalf("Scan = %d records, %v", len(records), err)
	}
	clear(records[0].Value)
	f.holds(t, "a", "value")
}

func testScan(t *testing.T, f fixture) {
	for _, key := range []string{"b/2", "b", "b/10", "a", "b/1", "c", "b0", "b/\xff"} {
		f.put(t, key, "value of "+key)
	}
	tests := []struct {
		prefix, after string
		limit         int
		want          []string
	}{
		{"", "", 100, []string{"a", "b", "b/1", "b/10", "b/2", "b/\xff", "b0", "c"}},
		{"b/", "", 100, []string{"b/1", "b/10", "b/2", "b/\xff"}},
		{"b/", "", 2, []string{"b/1", "b/10"}},
		{"b/", "b/10", 2, []string{"b/2", "b/\xff"}},
		{"b/", "b/\xff", 2, nil},
		{"b/", "b/1", 1, []string{"b/10"}},
		{"b/", "b/1x", 1, []string{"b/2"}}, // no such record
		{"b/", "a", 1, []string{"b/1"}},    // before the prefix
		{"b/", "b", 1, []string{"b/1"}},
		{"b/", "c", 100, nil},  // behind the prefix
		{"b/", "b0", 100, nil}, // right behind it
		{"b", "b", 100, []string{"b/1", "b/10", "b/2", "b/\xff", "b0"}},
		{"", "b0", 100, []string{"c"}},
		{"x", "", 100, nil},
		{"", "", 0, nil},
	}
	for _, tt := range tests {
		f.scans(t, tt.prefix, tt.after, tt.limit, tt.want...)
	}

	records, err := f.Scan(t.Context(), "b/1", "", 1)
	if err != nil || len(records) != 1 {
		t.Fatalf("Scan = %d records, %v", len(records), err)
	}
	want := f.holds(t, "b/1", "value of b/1")
	if got := records[0]; got.Version != want.Version || !bytes.Equal(got.Value, want.Value) {
		t.Errorf("Scan gives version %d and %q, Get %d and %q", got.Version, got.Value, want.Version, want.Value)
	}
}

// testRefused: commits that mean nothing write nothing.
func testRefused(t *testing.T, f fixture) {
	many := make([]store.Write, 1<<20/100)
	for i := range many {
		many[i].Key = strconv.Itoa(i)
	}
	tests := map[string][]store.Write{
		"a key twice":          {{Key: "b", Value: []byte("1")}, {Key: "b", Op: store.Delete}},
		"no key":               {{Key: "b"}, {}},
		"an unknown operation": {{Key: "b"}, {Key: "c", Op: 9}},
		"more than 1 MiB":      {{Key: "b"}, {Key: "c", Value: make([]byte, 1<<20)}},
		"too many writes":      many,
	}
	for name, writes := range tests {
		if _, err := f.Commit(t.Context(), writes...); err == nil {
			t.Errorf("Commit with %s succeeded", name)
		}
	}
	f.scans(t, "", "", 10)
	if _, err := f.Commit(t.Context()); err != nil {
		t.Errorf("Commit of nothing = %v", err)
	}
}

func testCancelled(t *testing.T, f fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Get(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("Get = %v, want context.Canceled", err)
	}
	if _, err := f.Scan(ctx, "", "", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Scan = %v, want context.Canceled", err)
	}
	if _, err := f.Commit(ctx, store.Write{Key: "a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit = %v, want context.Canceled", err)
	}
	f.absent(t, "a") // cancelled before it began
}

func testClosed(t *testing.T, f fixture) {
	f.put(t, "a", "value")
	for range 2 {
		if err := f.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
	if _, err := f.Get(t.Context(), "a"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Get = %v, want ErrClosed", err)
	}
	if _, err := f.Scan(t.Context(), "", "", 1); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Scan = %v, want ErrClosed", err)
	}
	if _, err := f.Commit(t.Context(), store.Write{Key: "a"}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Commit = %v, want ErrClosed", err)
	}
}
