package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// smallDisk is the variable that makes the test binary a child which fills the
// small disk that is mounted there. Badger maps its files: where a full disk is
// met too late, the process dies of SIGBUS, so it has to be another one.
const smallDisk = "ONESGATE_TEST_SMALL_DISK"

// Sizes of the small disk, in bytes.
const (
	diskSize   = 256 << 20
	diskFree   = 64 << 20 // min_free
	fillerSize = 96 << 20 // somebody else's file
)

// TestFullDisk: on a disk that gets full writes are refused in time, reads go on,
// also when somebody else takes the last byte; with space again all is whole.
func TestFullDisk(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--mount"}
	if os.Getuid() != 0 {
		args = append(args, "--user", "--map-root-user")
	}
	dir := t.TempDir()
	script := fmt.Sprintf(`mount -t tmpfs -o size=%d tmpfs "$0" && exec "$1"`, diskSize)
	cmd := exec.CommandContext(t.Context(), "unshare", append(args, "sh", "-c", script, dir, exe)...)
	cmd.Env = append(os.Environ(), smallDisk+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "whole\n") {
		t.Errorf("the child: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// fillDisk is the child.
func fillDisk(dir string) {
	if err := useSmallDisk(dir); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("whole")
	os.Exit(0)
}

func useSmallDisk(dir string) error {
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, fillerSize), 0o600); err != nil {
		return err
	}
	d := disk{options: Options{Dir: filepath.Join(dir, "store"), MinFree: diskFree}}
	if err := d.open(); err != nil {
		return err
	}
	if err := d.put(1 << 30); !errors.Is(err, store.ErrFull) {
		return fmt.Errorf("after %d records: %w, want ErrFull", d.acked, err)
	}
	fmt.Printf("refused after %d records of 4 KiB\n", d.acked)
	if err := d.check(); err != nil {
		return fmt.Errorf("on a disk that is nearly full: %w", err)
	}
	rest, err := os.Create(filepath.Join(dir, "rest"))
	if err != nil {
		return err
	}
	for chunk := make([]byte, 1<<20); err == nil; {
		_, err = rest.Write(chunk)
	}
	if err := d.check(); err != nil {
		return fmt.Errorf("without a byte left: %w", err)
	}
	d.soon()
	if _, err := d.s.Commit(context.Background(), store.Write{Op: store.Delete, Key: key(0)}); !errors.Is(err, store.ErrFull) {
		return fmt.Errorf("a delete without a byte left: %w, want ErrFull", err)
	}
	for _, name := range []string{filler, rest.Name()} {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	if err := rest.Close(); err != nil {
		return err
	}
	d.soon()
	if err := d.put(500); err != nil {
		return fmt.Errorf("with space again: %w", err)
	}
	if err := d.s.Close(); err != nil {
		return err
	}
	if err := d.open(); err != nil {
		return fmt.Errorf("opened again: %w", err)
	}
	if err := d.check(); err != nil {
		return fmt.Errorf("opened again: %w", err)
	}
	return d.s.Close()
}

// A disk is a store on the small one and what it has acknowledged.
type disk struct {
	options Options
	s       *Store
	acked   int
	shift   time.Duration // of its clock
}

func key(n int) string { return fmt.Sprintf("record/%06d", n) }

func (d *disk) open() (err error) {
	d.options.Now = func() time.Time { return time.Now().Add(d.shift) }
	d.s, err = Open(d.options)
	return err
}

// soon lets the store look at the disk again.
func (d *disk) soon() { d.shift += 2 * time.Second }

// put writes up to n records, each with its key in it.
func (d *disk) put(n int) error {
	for range n {
		k := key(d.acked)
		if _, err := d.s.Commit(context.Background(), store.Write{Key: k, Value: []byte(k + strings.Repeat("x", 4096))}); err != nil {
			return err
		}
		d.acked++
	}
	return nil
}

// check reads all that was acknowledged.
func (d *disk) check() error {
	for n := range d.acked {
		r, err := d.s.Get(context.Background(), key(n))
		if err != nil {
			return err
		}
		if !strings.HasPrefix(string(r.Value), key(n)) {
			return fmt.Errorf("%s holds something else", key(n))
		}
	}
	return nil
}
