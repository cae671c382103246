package badgerstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Look is what can be told of the folder of a store that is not opened.
type Look struct {
	// There: the folder is there. Else Open makes it.
	There bool
	// Used: it holds a store.
	Used bool
	// By is who has the store open, such as "process 17"; "": nobody.
	By string
	// Free is how many bytes this user may still write on the disk.
	Free uint64
}

// Inspect looks at the folder of a store, and changes nothing. For an instant it may hold
// the lock, in a way that others who look can share.
//
// The error is ErrNotDir, ErrNotWritable or ErrExposed, as Open's would be, and what has
// been seen until then counts.
func Inspect(dir string) (l Look, err error) {
	at := dir // the folder, or the one that it would be made in
	for {
		info, err := os.Stat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at):
			at = filepath.Dir(at)
			continue
		case err != nil:
			return l, folderError(dir, err)
		case !info.IsDir():
			return l, folderError(dir, &fs.PathError{Op: "stat", Path: at, Err: syscall.ENOTDIR})
		}
		l.There = at == dir
		if l.There && info.Mode().Perm()&0o077 != 0 {
			ours, err := isOurs(dir)
			if err != nil {
				return l, folderError(dir, err)
			}
			if !ours { // Open closes its own
				return l, fmt.Errorf("%s has mode %#o and holds other files: %w", dir, info.Mode().Perm(), ErrExposed)
			}
		}
		break
	}
	if err := unix.Faccessat(unix.AT_FDCWD, at, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return l, folderError(dir, err)
	}
	if l.Free, err = statfs(at); err != nil {
		return l, folderError(dir, err)
	}
	if l.There {
		l.Used, l.By, err = heldBy(filepath.Join(dir, lockName))
	}
	return l, err
}

// heldBy says whether a lock file is there, and who holds it.
func heldBy(name string) (there bool, by string, err error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, "", nil
	}
	if err != nil {
		return false, "", folderError(filepath.Dir(name), err)
	}
	defer func() { _ = f.Close() }() // which gives the lock up
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, lockedBy(f), nil
	}
	return true, "", err
}
