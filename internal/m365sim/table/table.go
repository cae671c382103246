package table

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
)

// A Table is records of one kind by their ids. A record that is changed in
// place has to be put again, or a restart will not know.
type Table[T any] struct {
	name string
	file *File
	rows map[string]T
}

// New returns the table of that name with what the file has of it. A name can
// be taken once.
func New[T any](f *File, name string) (*Table[T], error) {
	t := &Table[T]{name: name, file: f, rows: make(map[string]T, len(f.loaded[name]))}
	for id, text := range f.loaded[name] {
		var row T
		if err := json.Unmarshal(text, &row); err != nil {
			return nil, fmt.Errorf("the state file %s can't be read: %s %q: %w; remove it to begin anew", f.path, name, id, err)
		}
		t.rows[id] = row
	}
	delete(f.loaded, name)
	f.rows[name] = func(id string) (any, bool) { row, there := t.rows[id]; return row, there }
	return t, nil
}

// Get returns a record, or the zero value.
func (t *Table[T]) Get(id string) T { return t.rows[id] }

// Has says whether there is a record.
func (t *Table[T]) Has(id string) bool { _, there := t.rows[id]; return there }

// Put sets a record.
func (t *Table[T]) Put(id string, row T) {
	t.rows[id] = row
	t.file.mark(t.name, id)
}

// Delete removes a record if it is there.
func (t *Table[T]) Delete(id string) {
	if t.Has(id) {
		delete(t.rows, id)
		t.file.mark(t.name, id)
	}
}

// All yields the records in no order. The table may be changed meanwhile as a
// map may.
func (t *Table[T]) All() iter.Seq2[string, T] { return maps.All(t.rows) }

// Len is the number of records.
func (t *Table[T]) Len() int { return len(t.rows) }
