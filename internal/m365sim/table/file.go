package table

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// A line of a file is one change. Without a value the record is gone.
type line struct {
	Table string          `json:"t"`
	ID    string          `json:"id"`
	Value json.RawMessage `json:"v,omitempty"`
}

// A File holds the records of several tables.
type File struct {
	path   string
	f      *os.File // nil: in memory only
	lock   *os.File
	loaded map[string]map[string]json.RawMessage
	rows   map[string]func(id string) (any, bool) // the tables, by name
	dirty  []line                                 // what has changed since the last commit, without values
	marked map[recordName]bool
}

// A recordName says which record.
type recordName struct{ table, id string }

// ErrInUse: another process, or this one, has the file open.
var ErrInUse = errors.New("it is in use")

// Open reads a file, or begins a new one with mode 0600, and keeps others from
// opening it by a lock beside it. Without a path nothing is kept.
func Open(path string) (_ *File, err error) {
	file := &File{
		path: path, loaded: map[string]map[string]json.RawMessage{},
		rows: map[string]func(string) (any, bool){}, marked: map[recordName]bool{},
	}
	if path == "" {
		return file, nil
	}
	if file.lock, err = lockBeside(path); err != nil {
		return nil, fmt.Errorf("the state file %s can't be opened: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.lock.Close())
		}
	}()
	changes, size, err := file.read()
	if err != nil {
		return nil, fmt.Errorf("the state file %s can't be read: %w; remove it to begin anew", path, err)
	}
	records := 0
	for _, rows := range file.loaded {
		records += len(rows)
	}
	if records == 0 || changes > 2*records {
		err = file.rewrite()
	} else {
		err = file.goOn(size)
	}
	if err != nil {
		return nil, fmt.Errorf("the state can't be written: %w", err)
	}
	return file, nil
}

// lockBeside takes the lock that goes with a file, until it is closed or the
// process ends: the file itself is replaced now and then.
func lockBeside(path string) (*os.File, error) {
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w; name a file in a folder that can be written to", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("%w by another simulator; stop that, or name another file", ErrInUse)
		}
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// read takes in all lines: so many changes, in so many bytes. A last line
// without its end was never committed.
func (f *File) read() (changes int, size int64, err error) {
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	for r := bufio.NewReaderSize(file, 1<<20); ; changes++ {
		text, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return changes, size, nil
		}
		if err != nil {
			return 0, 0, err
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil || l.Table == "" {
			return 0, 0, fmt.Errorf("line %d is not a record of this version", changes+1)
		}
		if f.loaded[l.Table] == nil {
			f.loaded[l.Table] = map[string]json.RawMessage{}
		}
		if l.Value == nil {
			delete(f.loaded[l.Table], l.ID)
		} else {
			f.loaded[l.Table][l.ID] = l.Value
		}
		size += int64(len(text))
	}
}

// goOn leaves the file as it is, open for more after so many bytes.
func (f *File) goOn(size int64) error {
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if err := file.Truncate(size); err != nil {
		return errors.Join(err, file.Close())
	}
	f.f = file
	return nil
}

// rewrite replaces the file by one that holds what it amounts to, whole or not
// at all, and leaves it open for more.
func (f *File) rewrite() error {
	next, err := os.CreateTemp(filepath.Dir(f.path), ".m365sim-*") // mode 0600
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(next, 1<<20)
	enc := json.NewEncoder(w)
	for name, rows := range f.loaded {
		for id, value := range rows {
			if err = enc.Encode(line{name, id, value}); err != nil {
				break
			}
		}
	}
	if err = errors.Join(err, w.Flush()); err == nil {
		err = os.Rename(next.Name(), f.path)
	}
	if err != nil {
		return errors.Join(err, next.Close(), os.Remove(next.Name()))
	}
	f.f = next
	return nil
}

// mark notes that a record has changed.
func (f *File) mark(table, id string) {
	if key := (recordName{table, id}); f.path != "" && !f.marked[key] {
		f.marked[key] = true
		f.dirty = append(f.dirty, line{Table: table, ID: id})
	}
}

// Commit writes down what has changed. After an error it may be called again.
func (f *File) Commit() error {
	if len(f.dirty) == 0 {
		return nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, l := range f.dirty {
		if row, there := f.rows[l.Table](l.ID); there {
			value, err := json.Marshal(row)
			if err != nil {
				return fmt.Errorf("the state can't be written: %w", err)
			}
			l.Value = value
		}
		if err := enc.Encode(l); err != nil {
			return fmt.Errorf("the state can't be written: %w", err)
		}
	}
	if _, err := f.f.Write(b.Bytes()); err != nil {
		return fmt.Errorf("the state can't be written: %w", err)
	}
	f.dirty = f.dirty[:0]
	clear(f.marked)
	return nil
}

// Close commits and closes the file.
func (f *File) Close() error {
	if f.f == nil {
		return nil
	}
	return errors.Join(f.Commit(), f.f.Close(), f.lock.Close())
}
