package badgerstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestInspect(t *testing.T) {
	root := t.TempDir()
	write := func(name string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mkdir := func(name string, mode os.FileMode) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(root, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("file")
	mkdir("empty", 0o700)
	mkdir("public", 0o755)
	write("public/somebody's")
	mkdir("new-public", 0o755)
	for _, tt := range []struct {
		dir   string
		there bool
		err   error
	}{
		{dir: "missing/below"},
		{dir: "empty", there: true},
		{dir: "new-public", there: true}, // Open closes it
		{dir: "file", err: ErrNotDir},
		{dir: "file/below", err: ErrNotDir},
		{dir: "public", there: true, err: ErrExposed},
	} {
		before := listed(t, root)
		l, err := Inspect(filepath.Join(root, tt.dir))
		if !errors.Is(err, tt.err) || l.There != tt.there || l.Used || l.By != "" || err == nil && l.Free == 0 {
			t.Errorf("%s: %+v, %v; want there %v, %v", tt.dir, l, err, tt.there, tt.err)
		}
		if after := listed(t, root); after != before {
			t.Errorf("%s: it was changed:\n%s\n%s", tt.dir, before, after)
		}
	}
}

// listed are all files below a folder, with their modes.
func listed(t *testing.T, root string) (all string) {
	t.Helper()
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		all += fmt.Sprintln(path, info.Mode(), info.Size())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Looking holds nobody up, and tells who is there.
func TestInspectBesideAStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s, err := Open(Options{Dir: dir, MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Inspect(dir)
	if want := fmt.Sprintf("this process (%d) already", os.Getpid()); err != nil || !l.Used || l.By != want {
		t.Errorf("open: %+v, %v; want it held by %s", l, err, want)
	}
	if s.Least() != 1<<20 {
		t.Errorf("Least: %d", s.Least())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = Inspect(dir); err != nil || !l.Used || l.By != "" {
		t.Errorf("closed: %+v, %v", l, err)
	}
	again, err := Open(Options{Dir: dir, MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}
