package storetest

import (
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

func testPreconditions(t *testing.T, f fixture) {
	create := store.Write{Key: "a", Value: []byte("first"), If: store.If(store.Absent)}
	first := f.commit(t, create)
	f.conflict(t, create)
	f.holds(t, "a", "first")

	second := f.commit(t, store.Write{Key: "a", Value: []byte("second"), If: store.If(first)})
	for _, w := range []store.Write{
		{Key: "a", Value: []byte("late"), If: store.If(first)},
		{Key: "a", Op: store.Delete, If: store.If(first)},
		{Key: "a", Op: store.Check, If: store.If(first)},
		{Key: "a", Op: store.Check, If: store.If(second + 1)},
		{Key: "b", Value: []byte("late"), If: store.If(second)},
		{Key: "b", Op: store.Delete, If: store.If(second)},
		{Key: "b", Op: store.Check, If: store.If(second)},
	} {
		f.conflict(t, w)
	}
	f.holds(t, "a", "second")

	f.commit(t,
		store.Write{Key: "a", Op: store.Check, If: store.If(second)},
		store.Write{Key: "b", Op: store.Check, If: store.If(store.Absent)})
	if got := f.holds(t, "a", "second").Version; got != second {
		t.Errorf("a check changed the version from %d to %d", second, got)
	}
	f.commit(t, store.Write{Key: "b", Op: store.Delete, If: store.If(store.Absent)})

	f.commit(t, store.Write{Key: "a", Op: store.Delete, If: store.If(second)})
	f.absent(t, "a")
	f.commit(t, create)
	f.holds(t, "a", "first")
}

// testVersions: a version says one state of a record for ever, so an old one
// never fits a record that was deleted and made again.
func testVersions(t *testing.T, f fixture) {
	var last store.Version
	for i := range 20 {
		v := f.put(t, "a", "value")
		if v <= last {
			t.Fatalf("write %d has version %d, the one before had %d", i, v, last)
		}
		f.conflict(t, store.Write{Key: "a", If: store.If(last)})
		if i%3 == 0 {
			f.commit(t, store.Write{Key: "a", Op: store.Delete})
		}
		last = v
	}
}

func testAtomicity(t *testing.T, f fixture) {
	a := f.put(t, "a", "1")
	f.conflict(t,
		store.Write{Key: "b", Value: []byte("1")},
		store.Write{Key: "a", Op: store.Delete},
		store.Write{Key: "c", Op: store.Check, If: store.If(a)})
	f.holds(t, "a", "1")
	f.absent(t, "b")

	v := f.commit(t,
		store.Write{Key: "a", Op: store.Delete},
		store.Write{Key: "b", Value: []byte("2")},
		store.Write{Key: "c", Value: []byte("3"), If: store.If(store.Absent)})
	f.absent(t, "a")
	for key, value := range map[string]string{"b": "2", "c": "3"} {
		if r := f.holds(t, key, value); r.Version != v {
			t.Errorf("%q has version %d, the commit returned %d", key, r.Version, v)
		}
	}
}

func testExpiry(t *testing.T, f fixture) {
	expires := f.clock.now().Add(time.Minute + 7)
	v := f.commit(t,
		store.Write{Key: "a/1", Value: []byte("brief"), Expires: expires},
		store.Write{Key: "a/2", Value: []byte("lasting")})
	if r := f.holds(t, "a/1", "brief"); !r.Expires.Equal(expires) {
		t.Errorf("expires at %v, want %v", r.Expires, expires)
	}

	f.clock.advance(time.Minute + 6) // one nanosecond is left
	f.holds(t, "a/1", "brief")
	f.scans(t, "a/", "", 10, "a/1", "a/2")
	f.commit(t, store.Write{Key: "a/1", Op: store.Check, If: store.If(v)})

	f.clock.advance(1)
	f.absent(t, "a/1")
	f.scans(t, "a/", "", 10, "a/2")
	f.scans(t, "a/", "", 1, "a/2") // what has expired doesn't count
	f.conflict(t, store.Write{Key: "a/1", Op: store.Check, If: store.If(v)})
	f.commit(t, store.Write{Key: "a/1", Op: store.Check, If: store.If(store.Absent)})
}

// testExpiredAbsent: an expired record may be made again, with a new version and
// a life of its own.
func testExpiredAbsent(t *testing.T, f fixture) {
	old := f.commit(t, store.Write{Key: "a", Value: []byte("old"), Expires: f.clock.now()})
	f.absent(t, "a")
	again := f.commit(t, store.Write{Key: "a", Value: []byte("new"), If: store.If(store.Absent)})
	if again <= old {
		t.Errorf("version %d after %d, want a larger one", again, old)
	}
	f.clock.advance(1000 * time.Hour)
	f.holds(t, "a", "new")

	// Put again, a record has the expiry of the last put alone.
	f.commit(t, store.Write{Key: "a", Value: []byte("brief"), Expires: f.clock.now().Add(time.Hour)})
	f.commit(t, store.Write{Key: "a", Value: []byte("lasting")})
	f.clock.advance(time.Hour)
	f.holds(t, "a", "lasting")

	f.commit(t, store.Write{Key: "past", Value: []byte("x"), Expires: f.clock.now().AddDate(-60, 0, 0)})
	f.absent(t, "past")
	f.commit(t, store.Write{Key: "far", Value: []byte("x"), Expires: f.clock.now().AddDate(5000, 0, 0)})
	f.holds(t, "far", "x")
}
