package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onesgate/onesgate/internal/store"
)

// testModel compares the store with a map that follows the contract word for
// word, over random sequences of calls. Each sequence has keys of its own, so
// that one store serves them all.
func testModel(t *testing.T, f fixture) {
	sequence := 0
	rapid.Check(t, func(rt *rapid.T) {
		sequence++
		m := &model{fixture: f, t: t, root: fmt.Sprintf("%d/", sequence), records: map[string]store.Record{}}
		rt.Repeat(map[string]func(*rapid.T){
			"commit": m.commit,
			"get":    m.get,
			"scan":   m.scan,
			"wait": func(rt *rapid.T) {
				f.clock.advance(time.Duration(rapid.IntRange(1, 3).Draw(rt, "seconds")) * time.Second)
			},
			"": m.same,
		})
	})
}

// A model is what the store should hold below root.
type model struct {
	fixture
	t       *testing.T
	root    string
	records map[string]store.Record // also expired ones
	last    store.Version           // of all sequences
}

// live returns the record with that key, or the zero Record.
func (m *model) live(key string) store.Record {
	r := m.records[key]
	if !r.Expires.IsZero() && !m.clock.now().Before(r.Expires) {
		return store.Record{}
	}
	return r
}

var modelKeys = rapid.SampledFrom([]string{"a", "a/1", "a/2", "b", "b\xff", "c/"})

func (m *model) commit(rt *rapid.T) {
	keys := rapid.SliceOfNDistinct(modelKeys, 1, 4, rapid.ID[string]).Draw(rt, "keys")
	var writes []store.Write
	fits := true
	for _, key := range keys {
		w := store.Write{
			Key:   m.root + key,
			Op:    rapid.SampledFrom([]store.Op{store.Put, store.Put, store.Delete, store.Check}).Draw(rt, "op"),
			Value: rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(rt, "value"),
		}
		if rapid.Bool().Draw(rt, "expires") {
			w.Expires = m.clock.now().Add(time.Duration(rapid.IntRange(0, 5).Draw(rt, "life")) * time.Second)
		}
		now := m.live(w.Key).Version
		switch rapid.SampledFrom([]string{"none", "none", "true", "true", "true", "old", "absent"}).Draw(rt, "condition") {
		case "true":
			w.If = store.If(now)
		case "old":
			w.If = store.If(m.records[w.Key].Version) // also of a record that has expired
		case "absent":
			w.If = store.If(store.Absent)
		}
		fits = fits && (w.If == nil || *w.If == now)
		writes = append(writes, w)
	}

	v, err := m.Commit(m.t.Context(), writes...)
	if !fits {
		if !errors.Is(err, store.ErrConflict) {
			rt.Fatalf("Commit = %v, want ErrConflict", err)
		}
		return
	}
	if err != nil {
		rt.Fatalf("Commit = %v", err)
	}
	for _, w := range writes {
		switch w.Op {
		case store.Put:
			if v <= m.last {
				rt.Fatalf("Commit = version %d, an earlier one had %d", v, m.last)
			}
			m.records[w.Key] = store.Record{Key: w.Key, Value: w.Value, Version: v, Expires: w.Expires}
		case store.Delete:
			delete(m.records, w.Key)
		}
	}
	m.last = max(m.last, v)
}

func (m *model) get(rt *rapid.T) {
	key := m.root + modelKeys.Draw(rt, "key")
	want := m.live(key)
	got, err := m.Get(m.t.Context(), key)
	if want.Version == store.Absent {
		if !errors.Is(err, store.ErrNotFound) {
			rt.Fatalf("Get(%q) = %+v, %v, want ErrNotFound", key, got, err)
		}
		return
	}
	if err != nil || !equal(got, want) {
		rt.Fatalf("Get(%q) = %+v, %v, want %+v", key, got, err, want)
	}
}

func (m *model) scan(rt *rapid.T) {
	prefix := m.root + rapid.SampledFrom([]string{"", "a", "a/", "b", "c"}).Draw(rt, "prefix")
	after := ""
	if rapid.Bool().Draw(rt, "from the middle") {
		after = m.root + modelKeys.Draw(rt, "after")
	}
	m.compare(rt, prefix, after, rapid.IntRange(1, 4).Draw(rt, "limit"))
}

// same compares all that there is.
func (m *model) same(rt *rapid.T) { m.compare(rt, m.root, "", 100) }

func (m *model) compare(rt *rapid.T, prefix, after string, limit int) {
	var want []store.Record
	for _, key := range slices.Sorted(maps.Keys(m.records)) {
		r := m.live(key)
		if r.Version != store.Absent && strings.HasPrefix(key, prefix) && key > after && len(want) < limit {
			want = append(want, r)
		}
	}
	got, err := m.Scan(m.t.Context(), prefix, after, limit)
	if err != nil || !slices.EqualFunc(got, want, equal) {
		rt.Fatalf("Scan(%q, %q, %d) = %+v, %v, want %+v", prefix, after, limit, got, err, want)
	}
}

func equal(a, b store.Record) bool {
	return a.Key == b.Key && bytes.Equal(a.Value, b.Value) && a.Version == b.Version && a.Expires.Equal(b.Expires)
}
