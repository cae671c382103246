package badgerstore

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/sys/unix"

	"github.com/onesgate/onesgate/internal/store"
)

// Variables that make the test binary the one process of a machine, see rig. The
// kernel makes variables of those words of its command line that it doesn't know.
const (
	guestHeard  = "ONESGATE_TEST_GUEST"        // the last announcement that was looked at
	guestNoSync = "ONESGATE_TEST_GUEST_NOSYNC" // Badger is told not to sync
)

const guestDir = "/disk/store"

// runGuest mounts the disk and opens the store, prints what is in it, a line
// "record KEY VERSION" for each record and "announced POSITION", then "open", and
// writes until the power goes.
func runGuest() {
	fmt.Println("failed", guest())
	for {
		time.Sleep(time.Hour) // a kernel whose first process ends panics
	}
}

func guest() error {
	if err := mountGuest(); err != nil {
		return err
	}
	heard, err := strconv.ParseUint(os.Getenv(guestHeard), 10, 64)
	if err != nil {
		return err
	}
	s, err := Open(Options{Dir: guestDir, MinFree: 1})
	if err != nil {
		return err
	}
	stored, last, err := look(s, store.Position(heard))
	if err != nil {
		return err
	}
	for key, v := range stored {
		fmt.Println("record", key, v)
	}
	fmt.Println("announced", last)
	if os.Getenv(guestNoSync) != "" {
		if err := stopSyncing(s); err != nil {
			return err
		}
	}
	fmt.Println("open")
	return writeForever(s)
}

// mountGuest mounts the disk, and makes the second serial port the standard
// output: the first one is the kernel's, which would write into our lines.
func mountGuest() error {
	if err := unix.Mount("devtmpfs", "/dev", "devtmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount /dev: %w", err)
	}
	port, err := os.OpenFile("/dev/ttyS1", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	os.Stdout = port
	modules, err := filepath.Glob("/modules/*") // in order
	if err != nil {
		return err
	}
	for _, m := range modules {
		if err := loadModule(m); err != nil {
			return fmt.Errorf("load %s: %w", m, err)
		}
	}
	if err := unix.Mount("/dev/vda", "/disk", "ext4", 0, ""); err != nil {
		return fmt.Errorf("mount the disk: %w", err)
	}
	return nil
}

func loadModule(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	flags := 0
	if filepath.Ext(path) != ".ko" {
		flags = unix.MODULE_INIT_COMPRESSED_FILE
	}
	return errors.Join(unix.FinitModule(int(f.Fd()), "", flags), f.Close())
}

// stopSyncing opens the database of s anew, so that it acknowledges what it has
// not synced.
func stopSyncing(s *Store) (err error) {
	if err := s.db.Close(); err != nil {
		return err
	}
	s.db, err = badger.Open(badgerOptions(guestDir, slog.New(slog.DiscardHandler)).WithSyncWrites(false))
	return err
}
