package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/onesgate/onesgate/internal/store"
)

// fake is a store of one record. The first few commits meet a change that
// somebody else has made in between.
type fake struct {
	store.Store
	record   store.Record
	others   int   // how many commits somebody else is faster than
	getErr   error // of Get
	commitTo error // of Commit
	commits  int
}

func (f *fake) Get(_ context.Context, key string) (store.Record, error) {
	if f.getErr != nil {
		return store.Record{}, f.getErr
	}
	if f.record.Version == store.Absent {
		return store.Record{}, store.ErrNotFound
	}
	r := f.record
	r.Key = key
	return r, nil
}

func (f *fake) Commit(_ context.Context, writes ...store.Write) (store.Version, error) {
	f.commits++
	if f.commitTo != nil {
		return 0, f.commitTo
	}
	if f.others > 0 {
		f.others--
		f.record.Version++
		f.record.Value = append(f.record.Value, 'o')
	}
	w := writes[0]
	if len(writes) != 1 || w.Key != "key" || w.If == nil {
		return 0, errors.New("want one write of the key, with a precondition")
	}
	if *w.If != f.record.Version {
		return 0, store.ErrConflict
	}
	f.record.Version++
	f.record.Value = w.Value
	return f.record.Version, nil
}

// add returns what stood there and one letter more.
func add(old store.Record) (store.Write, error) {
	if old.Key != "key" {
		return store.Write{}, errors.New("the key is missing")
	}
	return store.Write{Value: append(old.Value, 'm')}, nil
}

func TestUpdate(t *testing.T) {
	broken := errors.New("broken")
	refused := errors.New("refused")
	tests := []struct {
		name    string
		store   fake
		change  func(store.Record) (store.Write, error)
		want    string
		err     error
		commits int
	}{
		{"of nothing", fake{}, add, "m", nil, 1},
		{"of something", fake{record: store.Record{Version: 3, Value: []byte("x")}}, add, "xm", nil, 1},
		{"others are faster", fake{others: 2}, add, "oom", nil, 3},
		{"the read fails", fake{getErr: broken}, add, "", broken, 0},
		{"the commit fails", fake{commitTo: store.ErrUnknownOutcome}, add, "", store.ErrUnknownOutcome, 1},
		{"the change is refused", fake{}, func(store.Record) (store.Write, error) { return store.Write{}, refused }, "", refused, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.store
			if err := store.Update(t.Context(), &s, "key", tt.change); !errors.Is(err, tt.err) {
				t.Errorf("Update = %v, want %v", err, tt.err)
			}
			if string(s.record.Value) != tt.want || s.commits != tt.commits {
				t.Errorf("record is %q after %d commits, want %q after %d", s.record.Value, s.commits, tt.want, tt.commits)
			}
		})
	}
}
