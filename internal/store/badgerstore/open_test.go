package badgerstore

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// TestReopen: records, versions and expiry outlive the process, and versions go on.
func TestReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "store")
	expires := time.Now().Add(time.Hour)
	s := openTest(t, dir, nil)
	v, err := s.Commit(t.Context(),
		store.Write{Key: "a", Value: []byte("brief"), Expires: expires},
		store.Write{Key: "b", Value: []byte("lasting")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), store.Write{Key: "b", Op: store.Delete}); err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)

	s = openTest(t, dir, nil)
	defer closeTest(t, s)
	r, err := s.Get(t.Context(), "a")
	if err != nil || string(r.Value) != "brief" || r.Version != v || !r.Expires.Equal(expires) {
		t.Errorf("Get = %+v, %v, want version %d, expiry %v", r, err, v, expires)
	}
	again, err := s.Commit(t.Context(), store.Write{Key: "b", If: store.If(store.Absent)})
	if err != nil || again <= v {
		t.Errorf("Commit after reopening = %d, %v, want a version after %d", again, err, v)
	}
}

func TestFolderMode(t *testing.T) {
	base := t.TempDir()
	mode := func(dir string) fs.FileMode {
		t.Helper()
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	open := func(dir string) {
		t.Helper()
		closeTest(t, openTest(t, dir, nil))
		if got := mode(dir); got != 0o700 {
			t.Errorf("mode of %s = %#o, want 0700", filepath.Base(dir), got)
		}
	}
	open(filepath.Join(base, "made"))

	empty := filepath.Join(base, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	open(empty)
	if err := os.Chmod(empty, 0o755); err != nil { // now it holds a store
		t.Fatal(err)
	}
	open(empty)

	shared := filepath.Join(base, "shared")
	if err := os.MkdirAll(filepath.Join(shared, "somebody"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: shared}); !errors.Is(err, ErrExposed) {
		t.Errorf("Open in a shared folder = %v, want ErrExposed", err)
	}
	if got := mode(shared); got != 0o755 {
		t.Errorf("mode of the shared folder = %#o, want it as it was", got)
	}
}

func TestFolderErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "store")} {
		_, err := Open(Options{Dir: dir})
		if !errors.Is(err, ErrNotDir) || !strings.Contains(err.Error(), dir) {
			t.Errorf("Open(%s) = %v, want ErrNotDir with the path", dir, err)
		}
	}
	if _, err := Open(Options{Dir: "relative"}); err == nil || !strings.Contains(err.Error(), "absolute") {
		t.Errorf("Open of a relative path = %v", err)
	}
	for _, cause := range []error{fs.ErrPermission, os.NewSyscallError("mkdir", os.ErrPermission)} {
		err := folderError("/var/lib/x", cause)
		if !errors.Is(err, ErrNotWritable) || !strings.Contains(err.Error(), "/var/lib/x") {
			t.Errorf("folderError(%v) = %v, want ErrNotWritable with the path", cause, err)
		}
	}
}

// TestReadOnlyFolder needs a user whom modes bind.
func TestReadOnlyFolder(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, filepath.Join(dir, "store")} {
		if _, err := Open(Options{Dir: d}); !errors.Is(err, ErrNotWritable) {
			t.Errorf("Open(%s) = %v, want ErrNotWritable", d, err)
		}
	}
}

// TestSecondOpen: one process can't have the store open twice, and can open it
// again when it has closed it.
func TestSecondOpen(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, nil)
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "this process") {
		t.Errorf("second Open = %v, want ErrInUse by this process", err)
	}
	closeTest(t, s)
	closeTest(t, openTest(t, dir, nil))
}

// TestEmptyLogs: what a kill between making a log and sizing it leaves is no
// reason not to start.
func TestEmptyLogs(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, nil)
	if _, err := s.Commit(t.Context(), store.Write{Key: "a"}); err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)
	for _, name := range []string{"00009.mem", "000009.vlog"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = openTest(t, dir, nil)
	defer closeTest(t, s)
	if _, err := s.Get(t.Context(), "a"); err != nil {
		t.Errorf("Get = %v", err)
	}
}

// TestDurable holds what no test that kills a process can show: the kernel keeps
// what was written, synced or not.
func TestDurable(t *testing.T) {
	o := badgerOptions(t.TempDir(), slog.New(slog.DiscardHandler))
	if !o.SyncWrites {
		t.Error("commits are not synced")
	}
	if o.ValueThreshold < maxCommit {
		t.Errorf("values from %d bytes on go to the value log, none should", o.ValueThreshold)
	}
}

// TestLog: Badger's errors reach the log, its daily work only at debug level.
func TestLog(t *testing.T) {
	var out strings.Builder
	l := badgerLog{slog.New(slog.NewTextHandler(&out, nil))}
	l.Errorf("bad %d\n", 1)
	l.Warningf("odd %d\n", 2)
	l.Infof("daily %d\n", 3)
	l.Debugf("detail %d\n", 4)
	got := out.String()
	for _, want := range []string{`level=ERROR msg="badger: bad 1"`, `level=WARN msg="badger: odd 2"`} {
		if !strings.Contains(got, want) {
			t.Errorf("log %q lacks %q", got, want)
		}
	}
	if strings.Contains(got, "daily") || strings.Contains(got, "detail") {
		t.Errorf("log %q has what belongs to debug level", got)
	}
}
