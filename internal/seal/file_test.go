package seal_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/onesgate/onesgate/internal/seal"
)

func TestCreateAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "keyset.json")
	created, err := seal.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of %s = %#o, want %#o", p, got, want)
		}
	}

	sealed := mustSeal(t, created, "secret", "grant", "alice")
	loaded, err := seal.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := loaded.Open(sealed, "grant", "alice"); err != nil || string(got) != "secret" {
		t.Errorf("Open after Load = %q, %v", got, err)
	}

	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Create(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create over a keyset = %v, want fs.ErrExist", err)
	}
	after, err := os.ReadFile(path)
	if err != nil || string(after) != string(before) {
		t.Errorf("Create over a keyset changed it (%v)", err)
	}
}

// TestCreateLeavesNothing: neither a success nor a refusal leaves a file beside it.
func TestCreateLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyset.json")
	for range 2 {
		_, err := seal.Create(path)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
		wantAlone(t, path)
	}
}

// wantAlone demands that nothing else is in the folder of a file.
func wantAlone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != filepath.Base(path) {
		t.Errorf("in the folder: %v, want %s alone", entries, filepath.Base(path))
	}
}

func TestCreateFailure(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Create(filepath.Join(file, "keyset.json")); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("Create below a file = %v, want an error that names it", err)
	}
}

func TestLoadErrors(t *testing.T) {
	good := filepath.Join(t.TempDir(), "good.json")
	if _, err := seal.Create(good); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		content string
		mode    fs.FileMode
		want    error
		says    string
	}{
		{"readable by the group", string(content), 0o640, seal.ErrExposed, "chmod 600"},
		{"readable by all", string(content), 0o604, seal.ErrExposed, "chmod 600"},
		{"empty", "\n", 0o600, seal.ErrNotKeyset, "empty"},
		{"cut short", string(content[:len(content)/2]), 0o600, seal.ErrNotKeyset, "JSON"},
		{"not JSON", "hunter2", 0o600, seal.ErrNotKeyset, "JSON"},
		{"no keys", "{}", 0o600, seal.ErrNotKeyset, "JSON"},
		{"no prefix", strings.Replace(string(content), "TINK", "RAW", 1), 0o600, seal.ErrNotKeyset, "prefix"},
		{"another kind of key", strings.Replace(string(content), "XAesGcmKey", "HmacKey", 1), 0o600, seal.ErrNotKeyset, ""},
		{"too large", strings.Repeat(" ", 1<<20) + string(content), 0o600, seal.ErrNotKeyset, "larger"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keyset.json")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := seal.Load(path)
			if !errors.Is(err, tt.want) {
				t.Fatalf("Load = %v, want %v", err, tt.want)
			}
			if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Load = %q, want the path and %q in it", err, tt.says)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Load = %q quotes the file", err)
			}
		})
	}

	if _, err := seal.Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of a missing file = %v, want fs.ErrNotExist", err)
	}
	if _, err := seal.Load(t.TempDir()); !errors.Is(err, seal.ErrNotKeyset) {
		t.Errorf("Load of a folder = %v, want ErrNotKeyset", err)
	}
}

// TestLoadPipe: a pipe that nobody writes to is no keyset, and isn't waited for.
func TestLoadPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Load(path); !errors.Is(err, seal.ErrNotKeyset) {
		t.Errorf("Load of a pipe = %v, want ErrNotKeyset", err)
	}
}
