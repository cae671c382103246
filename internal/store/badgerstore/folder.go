package badgerstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Errors of Open, wrapped with the folder and what to do.
var (
	// ErrInUse: another process, or this one, has the store open.
	ErrInUse = errors.New("store is in use")
	// ErrNotDir: the path, or one above it, is no folder.
	ErrNotDir = errors.New("not a folder")
	// ErrNotWritable: the user may not write there.
	ErrNotWritable = errors.New("folder is not writable")
	// ErrExposed: other users may look into the folder.
	ErrExposed = errors.New("folder is open to others")
)

// lockName is the file whose lock says that the store is in use, and which
// holds the process id of the user.
const lockName = "LOCK.onesgate"

// prepareFolder makes dir, or makes sure that nobody else may look into it.
// Badger makes its files readable for all, so the folder has to protect them.
func prepareFolder(dir string) error {
	if !filepath.IsAbs(dir) {
		return fmt.Errorf("folder %q: give an absolute path", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return folderError(dir, err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return folderError(dir, err)
	}
	mode := info.Mode().Perm()
	if mode&0o077 == 0 {
		return nil
	}
	// A shared folder given by mistake (/var/lib, /tmp) must not be closed to
	// everybody else, so only our own or a new one is changed.
	ours, err := isOurs(dir)
	if err != nil {
		return folderError(dir, err)
	}
	if !ours {
		return fmt.Errorf("%s has mode %#o and holds other files: %w; give the store a folder of its own", dir, mode, ErrExposed)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("%s has mode %#o: %w (%w); run: chmod 700 %[1]s", dir, mode, ErrExposed, err)
	}
	return nil
}

// isOurs reports whether dir is empty or holds a store.
func isOurs(dir string) (bool, error) {
	d, err := os.Open(dir)
	if err != nil {
		return false, err
	}
	defer func() { _ = d.Close() }() // only read
	switch _, err := d.ReadDir(1); {
	case errors.Is(err, io.EOF):
		return true, nil
	case err != nil:
		return false, err
	}
	switch _, err := os.Lstat(filepath.Join(dir, lockName)); {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, nil
}

// folderError says what is wrong with dir, and how to mend it.
func folderError(dir string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s: %w: %w", dir, ErrNotDir, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		name := strconv.Itoa(os.Getuid())
		if u, err := user.Current(); err == nil {
			name = u.Username
		}
		return fmt.Errorf("%s: %w for user %s: %w; run as root: install -d -m 700 -o %[3]s %[1]s", dir, ErrNotWritable, name, err)
	}
	return fmt.Errorf("folder %s: %w", dir, err)
}

// lockFolder takes the folder for this store alone, until the file is closed or
// the process ends. Badger has a lock too, but its errors can't be told apart,
// and the folder must be ours before anything in it is touched.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, folderError(dir, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(fmt.Errorf("%s: %w by %s; stop that one first, or give this one its own folder", dir, ErrInUse, lockedBy(f)), f.Close())
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
	}
	return f, nil
}

// lockedBy names the process whose id is in the lock file.
func lockedBy(f *os.File) string {
	b, err := io.ReadAll(io.LimitReader(f, 32))
	pid, parseErr := strconv.Atoi(strings.TrimSpace(string(b)))
	switch {
	case err != nil || parseErr != nil: // it has not written its id yet
		return "another process"
	case pid == os.Getpid():
		return fmt.Sprintf("this process (%d) already", pid)
	}
	return fmt.Sprintf("process %d", pid)
}

// removeEmptyFiles removes the empty logs that a killed process may leave
// between making a file and sizing it. They hold nothing, and Badger v4.9.6
// fails to open beside them (dgraph-io/badger issue 2207).
func removeEmptyFiles(dir string, log *slog.Logger) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return folderError(dir, err)
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.Type().IsRegular() || ext != ".mem" && ext != ".vlog" {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return folderError(dir, err)
		}
		if info.Size() > 0 {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if err := os.Remove(path); err != nil {
			return folderError(dir, err)
		}
		log.Info("removed an empty log that an interrupted start has left", "path", path)
	}
	return nil
}
