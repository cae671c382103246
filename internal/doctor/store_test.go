package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store/badgerstore"
	"github.com/onesgate/onesgate/internal/store/pgstore"
)

func one(t *testing.T, c Check) []Finding {
	t.Helper()
	return Run(t.Context(), []Check{c}, nil, nil)
}

func TestFolder(t *testing.T) {
	root := t.TempDir()
	const least = 1 << 20
	in := func(name string) string { return filepath.Join(root, name) }
	if err := os.WriteFile(in("file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(in("public"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(in("public/somebody's"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantsResult(t, one(t, Folder(in("new"), least, false)), "store", OK)
	wants(t, one(t, Folder(in("file"), least, false)), "store", StoreUnusable)
	wants(t, one(t, Folder(in("public"), least, false)), "store", StoreExposed)
	wants(t, one(t, Folder(in("new"), 1<<62, false)), "store", DiskFull)
	if _, err := os.Stat(in("new")); err == nil {
		t.Error("looking has made the folder")
	}

	s, err := badgerstore.Open(badgerstore.Options{Dir: in("store"), MinFree: least})
	if err != nil {
		t.Fatal(err)
	}
	wants(t, one(t, Folder(in("store"), least, false)), "store", StoreInUse)
	wantsResult(t, one(t, Folder(in("store"), least, true)), "store", OK)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantsResult(t, one(t, Folder(in("store"), least, false)), "store", OK)
}

// A read-only disk is not mended by giving the folder to somebody.
func TestReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	err := fmt.Errorf("%w; run as root: install -d", errors.Join(badgerstore.ErrNotWritable, syscall.EROFS))
	found := one(t, Check{Name: "store", Look: func(context.Context) []Finding { return []Finding{folderProblem(dir, err)} }})
	wants(t, found, "store", StoreUnusable)
	if said := found[0].What + found[0].Do; strings.Contains(said, "install") || !strings.Contains(said, "read-only") || !strings.Contains(said, "mounted") {
		t.Errorf("%+v", found)
	}
}

// Who may not look where the service's user may is told whom to run this as, and never to
// take the folder of a live store.
func TestAsAnotherUser(t *testing.T) {
	for service, as := range map[int]string{64001: "'#64001'", 0: "root"} {
		t.Run(as, func(t *testing.T) { asAnotherUser(t, service, as) })
	}
}

func asAnotherUser(t *testing.T, service int, as string) {
	if os.Geteuid() != 0 {
		t.Skip("only root may be somebody else")
	}
	const self = 64002                       // has no name
	root, err := os.MkdirTemp("", "doctor-") // t.TempDir lets nobody else in
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	for _, name := range []string{"var", "var/store", "etc"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	keyset := filepath.Join(root, "etc", "keyset.json")
	if _, err := seal.Create(keyset); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, service, service))
	})
	if err := errors.Join(err, os.Chmod(root, 0o755), os.Chmod(filepath.Join(root, "etc"), 0o755)); err != nil {
		t.Fatal(err)
	}
	var found []Finding
	done := make(chan struct{})
	go func() { // whose thread ends with it, as it is not unlocked
		defer close(done)
		runtime.LockOSThread()
		// Of this thread alone, which syscall.Setresuid is not.
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, self, self, self); errno != 0 {
			t.Error(errno)
			return
		}
		for _, path := range []string{"var/store", "var/new", "var"} {
			found = append(found, Folder(filepath.Join(root, path), 1, false).Look(t.Context())...)
		}
		used := func(context.Context) bool { return false }
		found = append(found, Keyset(seal.File(keyset), false, "", used).Look(t.Context())...)
		found = append(found, Keyset(seal.File(keyset+".new"), false, "", used).Look(t.Context())...)
	}()
	<-done
	if len(found) != 5 {
		t.Fatalf("found %+v", found)
	}
	if f := found[4]; f.Finding != KeysetMissing.Name || !strings.Contains(f.What, "may not write") {
		t.Errorf("one that could not be made: %+v", f)
	}
	for _, f := range found[:4] {
		if f.Result != NotChecked || f.Do != "run this as the user that runs onesgate: sudo -u "+as+" onesgate ones doctor" {
			t.Errorf("%+v", f)
		}
	}
}

// Root judges for the one whose the store is, and where that doesn't show it says so.
func TestKeysetAsRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may be somebody else")
	}
	const self = 64002
	root := t.TempDir()
	used := func(context.Context) bool { return false }
	store, etc := filepath.Join(root, "store"), filepath.Join(root, "etc")
	if err := errors.Join(os.Mkdir(store, 0o700), os.Mkdir(etc, 0o755), os.Chown(store, self, self)); err != nil {
		t.Fatal(err)
	}
	check := func() []Finding {
		return one(t, Keyset(seal.File(filepath.Join(etc, "keyset.json")), false, store, used))
	}
	wants(t, check(), "keyset", KeysetMissing)
	if err := os.Chmod(etc, 0o777); err != nil {
		t.Fatal(err)
	}
	wantsResult(t, check(), "keyset", OK)
	if err := errors.Join(os.Chmod(etc, 0o700), os.Chown(etc, self, self)); err != nil {
		t.Fatal(err)
	}
	wantsResult(t, check(), "keyset", OK)
	if err := errors.Join(os.Chown(etc, 0, 0), os.Chown(store, 0, 0)); err != nil {
		t.Fatal(err)
	}
	wantsResult(t, check(), "keyset", OK)
	if err := os.Remove(store); err != nil {
		t.Fatal(err)
	}
	wantsResult(t, check(), "keyset", NotChecked)
}

func TestDisk(t *testing.T) {
	check := func(free uint64) []Finding {
		return one(t, Check{Name: "store", Look: func(context.Context) []Finding { return []Finding{Disk("/x", free, 512<<20)} }})
	}
	wants(t, check(511<<20), "store", DiskFull)
	wants(t, check(1000<<20), "store", DiskLow)
	wantsResult(t, check(1<<40), "store", OK)
}

func TestDatabase(t *testing.T) {
	address := server.Database(t)
	found := one(t, Database(pgstore.Options{URL: address}))
	wantsResult(t, found, "store", OK)
	server.Exec(t, "postgres", "ALTER ROLE gateway SET synchronous_commit = off")
	wants(t, one(t, Database(pgstore.Options{URL: address})), "store", DatabaseForgets)
	server.Exec(t, "postgres", "ALTER ROLE gateway RESET synchronous_commit")
	s, err := pgstore.Open(t.Context(), pgstore.Options{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantsResult(t, one(t, Database(pgstore.Options{URL: address})), "store", OK)
	wants(t, one(t, Database(pgstore.Options{URL: "postgres://u@/d?host=" + t.TempDir()})), "store", DatabaseUnusable)
	wants(t, one(t, Check{Name: "store", Look: func(context.Context) []Finding {
		return database(pgstore.Look{Version: "14.2", Number: 140002})
	}}), "store", DatabaseOld)
}

func TestKeyset(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "keyset.json")
	used := func(yes bool) func(context.Context) bool { return func(context.Context) bool { return yes } }
	wantsResult(t, one(t, Keyset(seal.File(file), false, dir, used(false))), "keyset", OK)
	wants(t, one(t, Keyset(seal.File(file), false, dir, used(true))), "keyset", KeysetMissing)
	wants(t, one(t, Keyset(seal.File(file), true, dir, used(false))), "keyset", KeysetMissing)
	if _, err := seal.Create(file); err != nil {
		t.Fatal(err)
	}
	wantsResult(t, one(t, Keyset(seal.File(file), true, dir, used(false))), "keyset", OK)
	// Another one than the store was sealed with looks the same from here.
	wantsResult(t, one(t, Keyset(seal.File(file), true, dir, used(true))), "keyset", NotChecked)
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	wants(t, one(t, Keyset(seal.File(file), false, dir, used(true))), "keyset", KeysetUnusable)
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, one(t, Keyset(seal.File(file), false, dir, used(true))), "keyset", KeysetUnusable)
}

// A check that hangs ends with its time, and the next one is made.
func TestTimeout(t *testing.T) {
	found := Run(t.Context(), []Check{
		{Name: "hangs", Timeout: time.Millisecond, Look: func(ctx context.Context) []Finding {
			<-ctx.Done()
			return []Finding{Unavailable.Found("%v", ctx.Err())}
		}},
		{Name: "needs it", After: []string{"hangs"}, Look: func(context.Context) []Finding { return []Finding{Good("made all the same")} }},
		{Name: "goes on", Look: func(context.Context) []Finding { return []Finding{Good("made")} }},
		{Name: "forgets", Look: func(context.Context) []Finding { return nil }},
	}, nil, nil)
	wants(t, found, "hangs", Unavailable)
	wantsResult(t, found, "needs it", NotChecked)
	wantsResult(t, found, "goes on", OK)
	wantsResult(t, found, "forgets", NotChecked)
}

// After Ctrl-C nothing more is begun, and what was under way is not told to be wrong.
func TestBrokenOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	waits, told := []string{}, []string{}
	waited, begun := make(chan struct{}), make(chan struct{})
	found := Run(ctx, []Check{
		{Name: "first", How: "cancelling", Look: func(context.Context) []Finding {
			<-waited
			<-begun
			cancel()
			return []Finding{Good("made")}
		}},
		{Name: "second", How: "nothing", After: []string{"first"}, Look: func(context.Context) []Finding { return []Finding{Good("made")} }},
		{Name: "under way", How: "hanging", Look: func(ctx context.Context) []Finding {
			close(begun)
			<-ctx.Done()
			return []Finding{Unreachable.Found("%v", ctx.Err()).about("contoso a")}
		}},
	}, func(c Check) { waits = append(waits, c.How); close(waited) }, func(f Finding) { told = append(told, f.Check+" "+f.Finding) })
	wantsResult(t, found, "first", OK)
	wantsResult(t, found, "second", NotChecked)
	wantsResult(t, found, "under way", NotChecked)
	if f := found[2]; f.About != "contoso a" || f.Do != "" {
		t.Errorf("%+v", f)
	}
	if len(waits) != 1 || waits[0] != "cancelling" {
		t.Errorf("waited for: %q", waits)
	}
	if want := []string{"first ok", "second not_checked", "under way not_checked"}; !slices.Equal(told, want) {
		t.Errorf("told of %q", told)
	}
}

// One that hangs holds up none that does not need it, and each finding is told as it comes.
func TestSideBySide(t *testing.T) {
	last := make(chan struct{})
	first := ""
	found := Run(t.Context(), []Check{
		{Name: "first", Look: func(context.Context) []Finding { return []Finding{Good("made")} }},
		{Name: "waits for the last", Look: func(context.Context) []Finding { <-last; return []Finding{Good("made")} }},
		{Name: "last", Look: func(context.Context) []Finding { close(last); return []Finding{Good("made")} }},
	}, nil, func(f Finding) { first = cmp.Or(first, f.Check) })
	if len(found) != 3 || found[1].Check != "waits for the last" || first != "first" {
		t.Errorf("%+v, first %q", found, first)
	}
}
