package badgerstore

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	bootTimeout = 5 * time.Minute
	// onTheWire is how long a machine without power may go on talking: what it says
	// then it knew before.
	onTheWire = 100 * time.Millisecond
)

// A rig boots virtual machines that run nothing but this test binary, see runGuest.
// The processor is emulated, which needs no rights and works everywhere.
type rig struct {
	qemu, kernel, initramfs string
	dir                     string // for what QEMU needs as files
}

// newRig finds or makes what a machine needs. It fails where something is missing:
// a soak that was asked for must not pass because it tested nothing.
func newRig(t *testing.T) rig {
	t.Helper()
	r := rig{kernel: os.Getenv("ONESGATE_KERNEL"), dir: t.TempDir()}
	var err error
	if r.qemu, err = exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Fatal("there is no qemu-system-x86_64: run .ci/deps-soak")
	}
	if r.kernel == "" {
		if r.kernel = newestKernel(); r.kernel == "" {
			t.Fatal("there is no kernel to boot: set ONESGATE_KERNEL to what .ci/deps-soak prints")
		}
	}
	binary := filepath.Join(r.dir, "guest.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-ldflags=-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	modules, err := kernelModules(r.kernel)
	if err != nil {
		t.Fatal(err)
	}
	r.initramfs = filepath.Join(r.dir, "initramfs")
	if err := writeInitramfs(r.initramfs, binary, modules); err != nil {
		t.Fatal(err)
	}
	return r
}

// newestKernel returns the path of the kernel that was installed last, or "".
func newestKernel() (path string) {
	var newest time.Time
	found, _ := filepath.Glob("/boot/vmlinuz-*") // the pattern is valid
	for _, f := range found {
		if info, err := os.Stat(f); err == nil && info.ModTime().After(newest) {
			path, newest = f, info.ModTime()
		}
	}
	return path
}

// drivers are the modules of the kernel that a machine needs, each behind those
// that it needs itself. What a kernel doesn't have is part of it.
var drivers = []string{
	"crc16", "crc32c_generic", "mbcache", "jbd2", "ext4",
	"virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk",
}

// kernelModules returns the files of those drivers that are not part of a kernel,
// in order. They are where its package has put them, below the same root.
func kernelModules(kernel string) ([]string, error) {
	root, version := filepath.Dir(filepath.Dir(kernel)), strings.TrimPrefix(filepath.Base(kernel), "vmlinuz-")
	dir := filepath.Join(root, "usr/lib/modules", version, "kernel")
	if _, err := os.Stat(dir); err != nil {
		dir = filepath.Join(root, "lib/modules", version, "kernel") // until Debian 12
	}
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if name, _, ok := strings.Cut(filepath.Base(path), ".ko"); ok {
			files[strings.ReplaceAll(name, "-", "_")] = path
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("modules of the kernel %s: %w", kernel, err)
	}
	var found []string
	for _, d := range drivers {
		if files[d] != "" {
			found = append(found, files[d])
		}
	}
	return found, nil
}

// writeInitramfs writes a file system with a program as its first process, as a
// "newc" archive of cpio.
func writeInitramfs(path, program string, modules []string) error {
	var b bytes.Buffer
	pad := func() { b.Write(make([]byte, -b.Len()&3)) }
	add := func(name string, mode, major, minor int, data []byte) {
		b.WriteString("070701")
		for _, n := range []int{0, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name) + 1, 0} {
			fmt.Fprintf(&b, "%08x", n)
		}
		b.WriteString(name + "\x00")
		pad()
		b.Write(data)
		pad()
	}
	add("dev", syscall.S_IFDIR|0o755, 0, 0, nil)
	add("dev/console", syscall.S_IFCHR|0o600, 5, 1, nil) // a Go program needs a standard output to start
	add("disk", syscall.S_IFDIR|0o755, 0, 0, nil)
	add("modules", syscall.S_IFDIR|0o755, 0, 0, nil)
	for i, file := range append(modules, program) {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("modules/%02d-%s", i, filepath.Base(file)) // they are loaded in this order
		if i == len(modules) {
			name = "init"
		}
		add(name, syscall.S_IFREG|0o755, 0, 0, data)
	}
	add("TRAILER!!!", 0, 0, 0, nil)
	return os.WriteFile(path, b.Bytes(), 0o600)
}

// newExt4 returns the image of an empty file system.
func newExt4(t *testing.T, dir string) []byte {
	t.Helper()
	mkfs, err := exec.LookPath("mkfs.ext4")
	if err != nil {
		mkfs = "/usr/sbin/mkfs.ext4" // not in everybody's path
	}
	image := filepath.Join(dir, "ext4")
	out, err := exec.CommandContext(t.Context(), mkfs, "-q", "-F", "-b", strconv.Itoa(sectorSize),
		"-E", "lazy_itable_init=0,lazy_journal_init=0", image, "512M").CombinedOutput()
	if errors.Is(err, os.ErrNotExist) {
		t.Fatal("there is no mkfs.ext4: run .ci/deps-soak")
	}
	if err != nil {
		t.Fatalf("mkfs.ext4: %v\n%s", err, out)
	}
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// boot runs a machine on a disk until its power is cut, and gives each line that
// the guest says to heed.
func (r rig) boot(ctx context.Context, d *volatileDisk, heed func(line string) error, variables ...string) error {
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	socket, console := filepath.Join(r.dir, "nbd"), filepath.Join(r.dir, "console")
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, r.qemu, slices.Concat([]string{
		"-accel", "tcg", "-cpu", "max", "-m", "512", "-nodefaults", "-no-user-config", "-nographic", "-no-reboot",
		"-kernel", r.kernel, "-initrd", r.initramfs,
		"-append", "console=ttyS0 quiet panic=-1 " + strings.Join(variables, " "),
		"-serial", "file:" + console, "-chardev", "stdio,id=lines,signal=off", "-serial", "chardev:lines",
		"-blockdev", "nbd,node-name=disk,server.type=unix,server.path=" + socket,
		// Not nvme: QEMU's drops the flag of writes that have to go through the cache.
		"-device", fmt.Sprintf("virtio-blk-pci,drive=disk,write-cache=on,logical_block_size=%[1]d,physical_block_size=%[1]d", sectorSize),
	})...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return errors.Join(err, l.Close())
	}
	if err := cmd.Start(); err != nil {
		return errors.Join(err, l.Close())
	}
	var wg sync.WaitGroup
	var served error
	wg.Go(func() { served = serveOne(l, d) })
	wg.Go(func() {
		select {
		case <-ctx.Done():
		case <-d.off:
			time.Sleep(onTheWire)
			cancel()
		}
	})
	err = eachLine(out, heed)
	cancel()
	_ = cmd.Wait() // it was killed
	_ = l.Close()  // it may have got its one connection
	wg.Wait()
	if err == nil && !d.isOff() {
		err = errors.New("the machine stopped before its power was cut")
	}
	if err != nil {
		said, _ := os.ReadFile(console)
		err = fmt.Errorf("%w (disk: %v)\nQEMU: %s\nthe kernel: %s", err, served, &complaints, said[max(0, len(said)-3000):])
	}
	return err
}

func serveOne(l net.Listener, d *volatileDisk) error {
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	return errors.Join(d.serve(conn), conn.Close())
}

// eachLine gives the whole lines of r to heed, until that fails.
func eachLine(r io.Reader, heed func(line string) error) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if err != nil { // the end, maybe in the midst of a line
			return nil
		}
		if err := heed(strings.TrimRight(line, "\r\n")); err != nil {
			return err
		}
	}
}
