package grant_test

import (
	"context"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// memory is a store in memory, for bubbles of virtual time. What is announced is
// kept in news; nobody follows.
type memory struct {
	store.Store
	now func() time.Time

	mu      sync.Mutex
	records map[string]store.Record
	order   keys
	version store.Version
	news    []store.Write
	// seen is told of each record that is put, with the one before.
	seen func(before, after store.Record)
}

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, records: map[string]store.Record{}}
}

func (m *memory) live(key string) (store.Record, bool) {
	r, ok := m.records[key]
	if ok && !r.Expires.IsZero() && !m.now().Before(r.Expires) {
		return store.Record{}, false
	}
	return r, ok
}

func (m *memory) Get(ctx context.Context, key string) (store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.live(key); ok {
		return r, ctx.Err()
	}
	return store.Record{}, store.ErrNotFound
}

func (m *memory) Scan(ctx context.Context, prefix, after string, limit int) ([]store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []store.Record
	m.order.from(max(prefix, after), func(key string) bool {
		if r, ok := m.live(key); ok && key > after && strings.HasPrefix(key, prefix) {
			found = append(found, r)
		}
		return len(found) < limit && (strings.HasPrefix(key, prefix) || key < prefix)
	})
	return found, ctx.Err()
}

func (m *memory) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	for _, w := range writes {
		if r, _ := m.live(w.Key); w.If != nil && r.Version != *w.If {
			return 0, store.ErrConflict
		}
	}
	m.version++
	for _, w := range writes {
		before, there := m.records[w.Key]
		switch w.Op {
		case store.Put:
			after := store.Record{Key: w.Key, Value: slices.Clone(w.Value), Version: m.version, Expires: w.Expires}
			m.records[w.Key] = after
			if !there {
				m.order.add(w.Key)
			}
			if m.seen != nil {
				m.seen(before, after)
			}
		case store.Delete:
			delete(m.records, w.Key)
			if there {
				m.order.remove(w.Key)
			}
		case store.Announce:
			m.news = append(m.news, w)
		}
	}
	return m.version, nil
}

func (m *memory) Close() error { return nil }

// announced returns what was announced after the first n.
func (m *memory) announced(n int) []store.Write {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.news[n:])
}

// keys are sorted strings, in runs that are short enough to insert into.
type keys struct{ runs [][]string }

const longestRun = 512

// run is the one in which key is, or would be.
func (k *keys) run(key string) int {
	return max(sort.Search(len(k.runs), func(i int) bool { return k.runs[i][0] > key })-1, 0)
}

func (k *keys) add(key string) {
	if len(k.runs) == 0 {
		k.runs = [][]string{{key}}
		return
	}
	i := k.run(key)
	at, _ := slices.BinarySearch(k.runs[i], key)
	k.runs[i] = slices.Insert(k.runs[i], at, key)
	if r := k.runs[i]; len(r) > longestRun {
		half := len(r) / 2
		k.runs[i] = r[:half:half]
		k.runs = slices.Insert(k.runs, i+1, slices.Clone(r[half:]))
	}
}

func (k *keys) remove(key string) {
	i := k.run(key)
	at, _ := slices.BinarySearch(k.runs[i], key)
	if k.runs[i] = slices.Delete(k.runs[i], at, at+1); len(k.runs[i]) == 0 {
		k.runs = slices.Delete(k.runs, i, i+1)
	}
}

// from calls yield for key and those after it, until it returns false.
func (k *keys) from(key string, yield func(string) bool) {
	if len(k.runs) == 0 {
		return
	}
	i := k.run(key)
	at, _ := slices.BinarySearch(k.runs[i], key)
	for ; i < len(k.runs); i, at = i+1, 0 {
		for _, next := range k.runs[i][at:] {
			if !yield(next) {
				return
			}
		}
	}
}
