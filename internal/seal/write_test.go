package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

var errBroken = errors.New("broken off")

// A faultyDisk fails at one of its steps. A write that fails has written half.
type faultyDisk struct {
	good  osDisk
	left  int   // steps that still succeed
	err   error // of the one that fails
	crash bool  // and of all after it
}

// step takes one: it does what it is for, or fails.
func (d *faultyDisk) step(do func() error) error {
	d.left--
	if d.left == -1 || d.crash && d.left < -1 {
		return d.err
	}
	return do()
}

func (d *faultyDisk) write(path string, content []byte, like *os.File) error {
	first := d.left == 0
	err := d.step(func() error { return d.good.write(path, content, like) })
	if err != nil && first {
		err = errors.Join(err, d.good.write(path, content[:len(content)/2], like))
	}
	return err
}

func (d *faultyDisk) rename(from, to string) error {
	return d.step(func() error { return d.good.rename(from, to) })
}

func (d *faultyDisk) link(from, to string) error {
	return d.step(func() error { return d.good.link(from, to) })
}

func (d *faultyDisk) remove(path string) error {
	return d.step(func() error { return d.good.remove(path) })
}

func (d *faultyDisk) sync(folder string) error {
	return d.step(func() error { return d.good.sync(folder) })
}

// faults are all the ways in which writing may fail that has up to so many steps.
func faults(t *testing.T, steps int, try func(t *testing.T, d *faultyDisk)) {
	for _, crash := range []bool{false, true} {
		for left := range steps {
			name := map[bool]string{false: "error", true: "crash"}[crash]
			t.Run(fmt.Sprintf("%s at step %d", name, left+1), func(t *testing.T) {
				try(t, &faultyDisk{left: left, err: errBroken, crash: crash})
			})
		}
	}
}

// TestUpdateBreaksOff: wherever writing fails or the machine stops, there is the
// keyset from before or the new one, whole, and the next Update succeeds. Unless
// the machine has stopped, nothing else is left.
func TestUpdateBreaksOff(t *testing.T) {
	const renameTemp, syncFolder = 3, 4 // after discarding and writing temp
	faults(t, syncFolder, func(t *testing.T, d *faultyDisk) {
		path := filepath.Join(t.TempDir(), "keyset.json")
		k, err := Create(path)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := k.Seal([]byte("secret"), "grant", "alice")
		if err != nil {
			t.Fatal(err)
		}
		at := d.left + 1
		if _, err := (file{path: path, disk: d}).Update((*Keyset).Add); !errors.Is(err, errBroken) {
			t.Fatalf("Update = %v, want the failure", err)
		}
		keys := 1
		if at > renameTemp {
			keys = 2
		}
		wantKeyset(t, path, keys, sealed)
		if left := beside(t, path); len(left) > 0 && !d.crash {
			t.Errorf("left beside the file: %v", left)
		}
		if _, err := File(path).Update((*Keyset).Add); err != nil {
			t.Fatal(err)
		}
		wantKeyset(t, path, keys+1, sealed)
		if left := beside(t, path); len(left) > 0 {
			t.Errorf("left beside the file after the next Update: %v", left)
		}
	})
}

// TestCreateBreaksOff: there is no keyset or a whole one, and Create can be
// called again if there is none.
func TestCreateBreaksOff(t *testing.T) {
	const linkTemp, discardTemp, syncFolder = 2, 3, 4 // after writing temp
	faults(t, syncFolder, func(t *testing.T, d *faultyDisk) {
		path := filepath.Join(t.TempDir(), "keyset.json")
		at := d.left + 1
		if _, err := (file{path: path, disk: d}).Create(); !errors.Is(err, errBroken) {
			t.Fatalf("Create = %v, want the failure", err)
		}
		_, err := Create(path)
		if made := at > linkTemp; made != errors.Is(err, fs.ErrExist) || !made && err != nil {
			t.Errorf("Create again = %v, there is one: %v", err, made)
		}
		wantKeyset(t, path, 1, nil)
		if left := beside(t, path); len(left) > 0 && !d.crash && at != discardTemp {
			t.Errorf("left beside the file: %v", left)
		}
	})
}

func TestReadOnlyFolder(t *testing.T) {
	for _, cause := range []error{fs.ErrPermission, syscall.EROFS, syscall.EBUSY} {
		path := filepath.Join(t.TempDir(), "keyset.json")
		if _, err := Create(path); err != nil {
			t.Fatal(err)
		}
		d := &faultyDisk{left: 1, err: cause}
		if _, err := (file{path: path, disk: d}).Update((*Keyset).Add); !errors.Is(err, ErrReadOnly) || !errors.Is(err, cause) {
			t.Errorf("Update = %v, want ErrReadOnly around %v", err, cause)
		}
	}
}

// wantKeyset demands a whole keyset of so many keys, readable by its owner only,
// that opens what was sealed.
func wantKeyset(t *testing.T, path string, keys int, sealed []byte) {
	t.Helper()
	k, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(k.List()); got != keys {
		t.Errorf("%d keys, want %d", got, keys)
	}
	if sealed != nil {
		if plain, err := k.Open(sealed, "grant", "alice"); err != nil || !bytes.Equal(plain, []byte("secret")) {
			t.Errorf("Open = %q, %v", plain, err)
		}
	}
}

// beside lists what else is in the folder of a file, and demands that others
// can't read it.
func beside(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode of %s = %#o, want 0600", entry.Name(), info.Mode().Perm())
		}
		if entry.Name() != filepath.Base(path) {
			names = append(names, entry.Name())
		}
	}
	return names
}

func TestPrivate(t *testing.T) {
	const root, self, other = 0, 1000, 1001
	for _, tt := range []struct {
		name        string
		mode        fs.FileMode
		owner, self int
		credential  bool
		want        error
	}{
		{"as it is made", 0o600, self, self, false, nil},
		{"read only", 0o400, self, self, false, nil},
		{"root's", 0o600, root, self, false, nil},
		{"a service's, changed by root", 0o600, self, root, false, nil},
		{"another's", 0o600, other, self, false, ErrExposed},
		{"the group reads", 0o640, self, self, false, ErrExposed},
		{"the group reads root's", 0o440, root, self, false, ErrExposed},
		{"all write", 0o602, self, self, false, ErrExposed},
		{"a credential, by ACL", 0o440, root, self, true, nil},
		{"a credential, by owner", 0o400, self, self, true, nil},
		{"a credential of another", 0o440, other, self, true, ErrExposed},
		{"a credential for all", 0o444, root, self, true, ErrExposed},
		{"a credential that the group writes", 0o660, root, self, true, ErrExposed},
		{"a credential of ours, shown to the group", 0o440, self, self, true, ErrExposed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := private(tt.mode, tt.owner, tt.self, tt.credential); !errors.Is(err, tt.want) {
				t.Errorf("private = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestWithin(t *testing.T) {
	for _, tt := range []struct {
		folder, path string
		want         bool
	}{
		{"/run/credentials/ones", "/run/credentials/ones/keyset", true},
		{"/run/credentials/ones", "/run/credentials/ones/../other/keyset", false},
		{"/run/credentials/ones", "/run/credentials/ones2/keyset", false},
		{"/run/credentials/ones", "/etc/onesgate/keyset.json", false},
		{"/run/credentials/ones", "keyset.json", false},
		{"", "keyset.json", false},
	} {
		if got := within(tt.folder, tt.path); got != tt.want {
			t.Errorf("within(%q, %q) = %v, want %v", tt.folder, tt.path, got, tt.want)
		}
	}
}
