package table

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever is done, a file that is opened anew holds what was committed last.
func TestKeepsWhatWasCommitted(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp("", "table-*")
		if err != nil {
			r.Fatal(err)
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "state")
		var f *File
		var numbers *Table[int]
		open := func() {
			if f, err = Open(path); err != nil {
				r.Fatal(err)
			}
			if numbers, err = New[int](f, "numbers"); err != nil {
				r.Fatal(err)
			}
		}
		open()
		now, committed := map[string]int{}, map[string]int{}
		ids := rapid.SampledFrom([]string{"a", "b", "c"})
		r.Repeat(map[string]func(*rapid.T){
			"put": func(r *rapid.T) {
				id, n := ids.Draw(r, "id"), rapid.Int().Draw(r, "n")
				numbers.Put(id, n)
				now[id] = n
			},
			"delete": func(r *rapid.T) {
				id := ids.Draw(r, "id")
				numbers.Delete(id)
				delete(now, id)
			},
			"commit": func(r *rapid.T) {
				if err := f.Commit(); err != nil {
					r.Fatal(err)
				}
				committed = maps.Clone(now)
			},
			"crash": func(r *rapid.T) {
				kill(f)
				if rapid.Bool().Draw(r, "in the middle of a line") {
					appendTo(r, path, `{"t":"numbers","id":"a","v":`)
				}
				open()
				now = maps.Clone(committed)
			},
			"close": func(r *rapid.T) {
				if err := f.Close(); err != nil {
					r.Fatal(err)
				}
				open()
				committed = maps.Clone(now)
			},
			"": func(r *rapid.T) {
				if got := maps.Collect(numbers.All()); !maps.Equal(got, now) {
					r.Fatalf("the table holds %v, want %v", got, now)
				}
			},
		})
		kill(f)
	})
}

// kill ends a file as the end of its process does.
func kill(f *File) {
	f.f.Close()
	f.lock.Close()
}

func appendTo(r *rapid.T, path, text string) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		r.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		r.Fatal(err)
	}
}

func TestRefusesWhatItCannotRead(t *testing.T) {
	for name, text := range map[string]string{
		"another program's file":   "hello\n",
		"an older version's":       `{"key":"…","salt":"…"}` + "\n",
		"a record of another kind": `{"t":"numbers","id":"a","v":"text"}` + "\n",
	} {
		path := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err == nil {
			_, err = New[int](f, "numbers")
			kill(f)
		}
		if err == nil || !strings.Contains(err.Error(), "remove it to begin anew") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "no", "folder")); err == nil {
		t.Error("a file in a folder that isn't there")
	}
}

func TestOneAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), path) {
		t.Errorf("a second Open = %v, want ErrInUse with the path", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err = Open(path); err != nil {
		t.Fatalf("after Close: %v", err)
	}
	kill(f)
}

func TestWithoutAFile(t *testing.T) {
	f, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	numbers, err := New[int](f, "numbers")
	if err != nil {
		t.Fatal(err)
	}
	numbers.Put("a", 1)
	if err := f.Close(); err != nil || numbers.Get("a") != 1 || numbers.Len() != 1 || numbers.Has("b") {
		t.Errorf("%v, %v", err, numbers)
	}
}
