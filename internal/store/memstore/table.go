package memstore

import (
	"iter"
	"slices"
	"sort"
	"strings"

	"github.com/onesgate/onesgate/internal/store"
)

// A table holds records in the order of their keys, in runs that are short enough
// to insert into. There is always a first run; the others are not empty.
type table struct{ runs [][]store.Record }

const longestRun = 128

func newTable() table { return table{runs: make([][]store.Record, 1)} }

// seek returns where the record with that key is, or would be.
func (t *table) seek(key string) (run, at int, there bool) {
	run = sort.Search(len(t.runs)-1, func(i int) bool { return t.runs[i+1][0].Key > key })
	at, there = slices.BinarySearchFunc(t.runs[run], key, func(r store.Record, key string) int { return strings.Compare(r.Key, key) })
	return run, at, there
}

// get returns the record with that key, or the zero Record.
func (t *table) get(key string) store.Record {
	if run, at, there := t.seek(key); there {
		return t.runs[run][at]
	}
	return store.Record{}
}

func (t *table) put(r store.Record) {
	i, at, there := t.seek(r.Key)
	if there {
		t.runs[i][at] = r
		return
	}
	t.runs[i] = slices.Insert(t.runs[i], at, r)
	if run := t.runs[i]; len(run) > longestRun {
		half := len(run) / 2
		t.runs = slices.Insert(t.runs, i+1, slices.Clone(run[half:]))
		t.runs[i] = slices.Delete(run, half, len(run))
	}
}

func (t *table) remove(key string) {
	i, at, there := t.seek(key)
	if !there {
		return
	}
	t.runs[i] = slices.Delete(t.runs[i], at, at+1)
	if i > 0 && len(t.runs[i]) == 0 {
		t.runs = slices.Delete(t.runs, i, i+1)
	}
}

// from yields the record with that key and those after it.
func (t *table) from(key string) iter.Seq[store.Record] {
	return func(yield func(store.Record) bool) {
		i, at, _ := t.seek(key)
		for ; i < len(t.runs); i, at = i+1, 0 {
			for _, r := range t.runs[i][at:] {
				if !yield(r) {
					return
				}
			}
		}
	}
}
