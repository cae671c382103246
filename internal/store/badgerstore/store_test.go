package badgerstore

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/storetest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		runChild(dir)
	}
	if dir := os.Getenv(smallDisk); dir != "" {
		fillDisk(dir)
	}
	if os.Getenv(guestHeard) != "" {
		runGuest()
	}
	goleak.VerifyTestMain(m)
}

// openTest opens a store that keeps writing on a small disk. The caller closes it.
func openTest(t testing.TB, dir string, now func() time.Time) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir, MinFree: 1, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeTest(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

func TestSuite(t *testing.T) {
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
		return openTest(t, t.TempDir(), now)
	})
}
