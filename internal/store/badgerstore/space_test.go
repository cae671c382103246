package badgerstore

import (
	"bytes"
	"testing"

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
