package seal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ErrExposed: others than the owner may read or change the file.
var ErrExposed = errors.New("others may read the keyset")

// maxFile bounds a keyset file, in bytes. A key takes about 300.
const maxFile = 1 << 20

// File is a keyset in a file, as a Tink keyset in JSON. Its owner alone may have
// access to it: this process's user, or root.
//
// A file in $CREDENTIALS_DIRECTORY is a credential of systemd (systemd.exec(5),
// LoadCredential=): it is read only, and may have mode 0440 if it is root's.
// systemd writes it 0400 and lets the service's user read it by an ACL entry,
// whose mask stat then shows as the group's bits; the group itself has no access.
func File(path string) Source {
	return file{path: path, credential: within(os.Getenv("CREDENTIALS_DIRECTORY"), path), disk: osDisk{}}
}

// Load reads the keyset at path.
func Load(path string) (*Keyset, error) { return File(path).Load() }

// Create makes a new keyset at path.
func Create(path string) (*Keyset, error) { return File(path).Create() }

func within(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return folder != "" && err == nil && filepath.IsLocal(rel)
}

type file struct {
	path       string
	credential bool
	disk       disk
}

func (s file) String() string { return s.path }

func (s file) Load() (*Keyset, error) {
	// Without waiting for the other end of what turns out to be a pipe.
	f, err := os.OpenFile(s.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("load keyset: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	now, err := s.read(f)
	if err != nil {
		return nil, fmt.Errorf("load keyset: %w", err)
	}
	return holding(now), nil
}

// read returns the keyset in f, which is the file that s names.
func (s file) read(f *os.File) (*keys, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: it is no regular file", s.path, ErrNotKeyset)
	}
	if err := private(info.Mode().Perm(), owner(info), os.Geteuid(), s.credential); err != nil {
		return nil, fmt.Errorf("%s %w", s.path, err)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("%s: %w: larger than %d bytes", s.path, ErrNotKeyset, maxFile)
	}
	now, err := parse(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	return now, nil
}

// private returns ErrExposed if others than the user self and root may get at a
// file. Root may use anybody's: it changes the keyset of a service's user.
func private(mode fs.FileMode, owner, self int, credential bool) error {
	const root = 0
	switch {
	case owner != root && owner != self && self != root:
		return fmt.Errorf("belongs to user id %d: %w; make user id %d its owner", owner, ErrExposed, self)
	case credential && owner == root && mode == 0o440:
		return nil
	case mode&0o077 != 0:
		return fmt.Errorf("has mode %#o: %w; let nobody but its owner in: chmod 600", mode, ErrExposed)
	}
	return nil
}

func owner(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// Create makes missing parent folders, too, for the owner only.
func (s file) Create() (*Keyset, error) {
	if s.credential {
		return nil, s.readOnly("create")
	}
	now, err := newKeys()
	if err != nil {
		return nil, err
	}
	content, err := now.encode()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return nil, fmt.Errorf("create keyset: %w", err)
	}
	err = create(s.disk, s.path, s.path+"."+rand.Text(), content)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create keyset: %s is there already, and without it nothing sealed with it can be opened: add keys to it, or name another file (%w)", s.path, fs.ErrExist)
	}
	if err != nil {
		return nil, fmt.Errorf("create keyset: %w", err)
	}
	return holding(now), nil
}

func (s file) Update(change func(*Keyset) (*Keyset, error)) (*Keyset, error) {
	if s.credential {
		return nil, s.readOnly("change")
	}
	// What a link points to is changed, not the link.
	path, err := filepath.EvalSymlinks(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("change keyset: there is none at %s; put it back from its copy, or for a new store make one with: onesgate ones keys init (%w)", s.path, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("change keyset: %w", err)
	}
	held, err := lock(path)
	if err != nil {
		return nil, fmt.Errorf("change keyset: %w", err)
	}
	defer func() { _ = held.Close() }() // only read
	old, err := s.read(held)
	if err != nil {
		return nil, fmt.Errorf("change keyset: %w", err)
	}
	next, err := change(holding(old))
	if err != nil {
		return nil, err
	}
	now := next.now.Load()
	if err := old.keptBy(now); err != nil {
		return nil, fmt.Errorf("change keyset: %s: %w", s.path, err)
	}
	content, err := now.encode()
	if err != nil {
		return nil, err
	}
	err = replace(s.disk, path, content, held)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EBUSY):
		return nil, fmt.Errorf("change keyset: %w: let this command write to its folder, or change it where it comes from: %w", ErrReadOnly, err)
	case err != nil:
		return nil, fmt.Errorf("change keyset: %w", err)
	}
	return next, nil
}

func (s file) readOnly(what string) error {
	return fmt.Errorf("%s keyset: %s: %w: it is a credential of systemd; change the file that the unit's LoadCredential= names, and restart the unit", what, s.path, ErrReadOnly)
}
