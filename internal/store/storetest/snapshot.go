package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// testSnapshot: a snapshot is the state of one moment, whatever is committed
// while it is read.
func testSnapshot(t *testing.T, f fixture) {
	var want []string
	for n := range 300 {
		key := fmt.Sprintf("k/%03d", n)
		want = append(want, key)
		f.put(t, key, "before")
	}
	f.commit(t, store.Write{Key: "brief", Value: []byte("x"), Expires: f.clock.now().Add(time.Second)}, announce("no record", ""))
	f.clock.advance(time.Second)
	var got []string
	err := f.Snapshot(t.Context(), func(r store.Record) error {
		if len(got) == 0 {
			f.commit(t, store.Write{Key: "k/299", Value: []byte("after")}, store.Write{Key: "k/0000"}, store.Write{Op: store.Delete, Key: "k/150"})
		}
		if got = append(got, r.Key); string(r.Value) != "before" || r.Version == store.Absent {
			t.Errorf("%s is %q with version %d", r.Key, r.Value, r.Version)
		}
		return nil
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Snapshot = %v, %d records, want %d: %q", err, len(got), len(want), got)
	}
	enough := errors.New("enough")
	n := 0
	if err := f.Snapshot(t.Context(), func(store.Record) error { n++; return enough }); !errors.Is(err, enough) || n != 1 {
		t.Errorf("Snapshot that is ended = %v after %d records", err, n)
	}
}
