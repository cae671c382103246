package badgerstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/onesgate/onesgate/internal/store"
)

// freeSpace watches the free space of the store's disk. It belongs to the writer.
type freeSpace struct {
	dir   string
	least uint64 // bytes
	now   func() time.Time
	free  func(dir string) (uint64, error)

	checked time.Time
	left    uint64 // bytes that were free then
	written uint64 // bytes since then
	failed  error  // if that could not be found out
}

// amplification is how much of the disk a byte may take for a while: the log,
// the table, and the one that is compacted into.
const amplification = 4

// reserve is the part of the least free space that deletions may use up: they
// make room in the end, but are written first.
const reserve = 4

// spend tells how many bytes were written.
func (f *freeSpace) spend(size int) { f.written += uint64(size) }

// check returns an error, ErrFull as a rule, if nothing more should be put, or
// deleted. It looks at the disk once per second, and more often the nearer it is
// to its bound.
func (f *freeSpace) check(puts bool) error {
	now := f.now()
	near := f.left >= f.least && amplification*f.written > f.left-f.least
	if age := now.Sub(f.checked); f.checked.IsZero() || age < 0 || age >= time.Second || near {
		f.checked, f.written = now, 0
		f.left, f.failed = f.free(f.dir)
	}
	least := f.least
	if !puts {
		least /= reserve
	}
	switch {
	case f.failed != nil:
		return fmt.Errorf("free space of %s: %w", f.dir, f.failed)
	case f.left < least:
		return fmt.Errorf("%w: %s free on the disk of %s, at least %s must be; make room there",
			store.ErrFull, humanize.IBytes(f.left), f.dir, humanize.IBytes(f.least))
	}
	return nil
}

// statfs returns how many bytes this user may still write on the disk of dir.
func statfs(dir string) (uint64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return st.Bavail * uint64(st.Bsize), nil
}

// Least returns how many bytes have to be free on the disk for a commit to put anything.
func (s *Store) Least() uint64 { return s.space.least }

// Usage returns how many bytes the store takes on its disk, and how many are
// still free there for this user.
func (s *Store) Usage() (used, free uint64, err error) {
	entries, err := os.ReadDir(s.space.dir)
	if err != nil {
		return 0, 0, fmt.Errorf("size of the store: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // merged into another one meanwhile
		}
		if err != nil {
			return 0, 0, fmt.Errorf("size of the store: %w", err)
		}
		// Badger makes its logs larger than what is in them: what counts are
		// the blocks that are taken, of 512 bytes as stat(2) has it.
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			used += uint64(st.Blocks) * 512
		}
	}
	if free, err = s.space.free(s.space.dir); err != nil {
		return 0, 0, fmt.Errorf("free space of %s: %w", s.space.dir, err)
	}
	return used, free, nil
}
