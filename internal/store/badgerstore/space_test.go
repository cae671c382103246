package badgerstore

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

func TestUsage(t *testing.T) {
	s, err := Open(Options{Dir: t.TempDir(), MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before, free, err := s.Usage()
	if err != nil || free == 0 {
		t.Fatalf("Usage = %d, %d, %v", before, free, err)
	}
	value := bytes.Repeat([]byte("x"), 900<<10)
	for _, key := range []string{"a", "b", "c"} {
		if _, err := s.Commit(t.Context(), store.Write{Key: key, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	if after, _, err := s.Usage(); err != nil || after < before+uint64(2*len(value)) || after > before+uint64(10*len(value)) {
		t.Errorf("Usage = %d after %d and 3 × %d bytes, %v", after, before, len(value), err)
	}
}

// TestEndsOnAFullDisk: what ends a session, a deletion and an announcement, is
// done where nothing is put any more.
func TestEndsOnAFullDisk(t *testing.T) {
	s := openTest(t, t.TempDir(), time.Now)
	defer closeTest(t, s)
	s.space.least = 1000
	s.space.free = func(string) (uint64, error) { return 999, nil }
	if _, err := s.Commit(t.Context(), store.Write{Key: "session/x"}); !errors.Is(err, store.ErrFull) {
		t.Fatalf("Commit of a put = %v, want ErrFull", err)
	}
	_, err := s.Commit(t.Context(), store.Write{Key: "session/x", Op: store.Delete}, store.Write{Op: store.Announce, Key: "session"})
	if err != nil {
		t.Errorf("Commit of a deletion that is announced = %v", err)
	}
}
