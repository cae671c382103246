package badgerstore

import (
	"fmt"
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
	verdict error
}

// check returns an error, ErrFull as a rule, if nothing more should be put. It
// looks at the disk once per second at most.
func (f *freeSpace) check() error {
	now := f.now()
	if age := now.Sub(f.checked); !f.checked.IsZero() && 0 <= age && age < time.Second {
		return f.verdict
	}
	f.checked = now
	free, err := f.free(f.dir)
	switch {
	case err != nil:
		f.verdict = fmt.Errorf("free space of %s: %w", f.dir, err)
	case free < f.least:
		f.verdict = fmt.Errorf("%w: %s free on the disk of %s, at least %s must be; make room there",
			store.ErrFull, humanize.IBytes(free), f.dir, humanize.IBytes(f.least))
	default:
		f.verdict = nil
	}
	return f.verdict
}

// statfs returns how many bytes this user may still write on the disk of dir.
func statfs(dir string) (uint64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return st.Bavail * uint64(st.Bsize), nil
}
