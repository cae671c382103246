package seal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// A disk does the steps of writing a file; tests make each of them fail.
type disk interface {
	// write makes a file that must not exist, durably and for its owner only:
	// that of like, or this process's user if like is nil.
	write(path string, content []byte, like *os.File) error
	rename(from, to string) error
	// link gives from a second name, which must not exist.
	link(from, to string) error
	remove(path string) error
	// sync makes the names in a folder durable.
	sync(folder string) error
}

// create writes the file path, which must not exist: there is never a part of
// it. temp is a name beside it that nobody else uses.
func create(d disk, path, temp string, content []byte) error {
	err := d.write(temp, content, nil)
	if err == nil {
		err = d.link(temp, path)
	}
	err = errors.Join(err, discard(d, temp))
	if err != nil {
		return err
	}
	return d.sync(filepath.Dir(path))
}

// replace writes the file path anew, with the owner it has: there is the old one
// or the new one, never a part. held is the old one, locked.
func replace(d disk, path string, content []byte, held *os.File) error {
	temp := path + ".new"
	// Left by a crash: the lock says that nobody is writing it.
	if err := discard(d, temp); err != nil {
		return err
	}
	err := d.write(temp, content, held)
	if err == nil {
		err = d.rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, discard(d, temp))
	}
	return d.sync(filepath.Dir(path))
}

// discard removes a file that may be there.
func discard(d disk, path string) error {
	if err := d.remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// lock opens the file at path and waits until no other process holds it so.
// Closing it lets go.
func lock(path string) (*os.File, error) {
	for {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		current, err := wait(f, path)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if current {
			return f, nil
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
}

// wait takes the lock of f, and says whether path still names f: whoever held it
// may have put another file there.
func wait(f *os.File, path string) (current bool, err error) {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return false, &fs.PathError{Op: "lock", Path: path, Err: err}
	}
	held, err := f.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	return os.SameFile(held, there), nil
}

// osDisk is the disk of this machine.
type osDisk struct{}

func (osDisk) write(path string, content []byte, like *os.File) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if like != nil {
		err = errors.Join(err, adopt(f, like))
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// adopt gives f the owner of like: a keyset that root has changed must still be
// readable by the user that the gateway runs as.
func adopt(f, like *os.File) error {
	info, err := like.Stat()
	if err != nil {
		return err
	}
	const sameGroup = -1
	return f.Chown(owner(info), sameGroup)
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) link(from, to string) error   { return os.Link(from, to) }
func (osDisk) remove(path string) error     { return os.Remove(path) }

func (osDisk) sync(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
