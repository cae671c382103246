package storetest

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// Run tests an engine. open returns an empty store that judges expiry by now;
// the suite closes it.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) store.Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, fixture)
	}{
		{"records", testRecords},
		{"values are copies", testCopies},
		{"scan", testScan},
		{"snapshot", testSnapshot},
		{"preconditions", testPreconditions},
		{"versions are never reused", testVersions},
		{"atomicity", testAtomicity},
		{"refused commits", testRefused},
		{"expiry", testExpiry},
		{"expired records are absent", testExpiredAbsent},
		{"cancelled context", testCancelled},
		{"counters", testCounters},
		{"one winner", testOneWinner},
		{"scans see whole commits", testWholeCommits},
		{"lease", testLease},
		{"lease in doubt", testLeaseInDoubt},
		{"leased work", testLeased},
		{"feed", testFeed},
		{"follow waits", testFollowWaits},
		{"feed under load", testFeedUnderLoad},
		{"feed helper", testFeedHelper},
		{"model", testModel},
		{"closed", testClosed},
		{"close while busy", testCloseWhileBusy},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
			s := open(t, c.now)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("Close = %v", err)
				}
			})
			test.run(t, fixture{s, c})
		})
	}
}

// A fixture is an open store and the clock it goes by.
type fixture struct {
	store.Store
	clock *clock
}

// A clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// put writes a record that lasts, whatever was there.
func (f fixture) put(t *testing.T, key, value string) store.Version {
	t.Helper()
	return f.commit(t, store.Write{Key: key, Value: []byte(value)})
}

// commit demands that the commit succeeds.
func (f fixture) commit(t *testing.T, writes ...store.Write) store.Version {
	t.Helper()
	v, err := f.Commit(t.Context(), writes...)
	if err != nil {
		t.Fatalf("Commit = %v", err)
	}
	return v
}

// conflict demands that the commit fails for a precondition.
func (f fixture) conflict(t *testing.T, writes ...store.Write) {
	t.Helper()
	if _, err := f.Commit(t.Context(), writes...); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Commit = %v, want ErrConflict", err)
	}
}

// holds demands that the record has that value.
func (f fixture) holds(t *testing.T, key, want string) store.Record {
	t.Helper()
	r, err := f.Get(t.Context(), key)
	if err != nil {
		t.Errorf("Get(%q) = %v, want %q", key, err, want)
		return store.Record{}
	}
	if r.Key != key || string(r.Value) != want {
		t.Errorf("Get(%q) = %q with key %q, want %q", key, r.Value, r.Key, want)
	}
	return r
}

// absent demands that there is no such record.
func (f fixture) absent(t *testing.T, key string) {
	t.Helper()
	if r, err := f.Get(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get(%q) = %q, %v, want ErrNotFound", key, r.Value, err)
	}
}

// scans demands the keys that a scan returns.
func (f fixture) scans(t *testing.T, prefix, after string, limit int, want ...string) {
	t.Helper()
	records, err := f.Scan(t.Context(), prefix, after, limit)
	if err != nil {
		t.Errorf("Scan(%q, %q, %d) = %v", prefix, after, limit, err)
		return
	}
	var got []string
	for _, r := range records {
		got = append(got, r.Key)
	}
	if !slices.Equal(got, want) {
		t.Errorf("Scan(%q, %q, %d) = %q, want %q", prefix, after, limit, got, want)
	}
}
