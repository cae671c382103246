package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store/badgerstore"
	"github.com/onesgate/onesgate/internal/store/pgstore"
)

// Folder checks the folder of a store that is not open here, which needs least bytes
// free. beside says that the gateway that runs by this configuration has it open.
func Folder(dir string, least uint64, beside bool) Check {
	return Check{Name: "store", How: "looking at " + dir, Look: func(context.Context) []Finding {
		l, err := badgerstore.Inspect(dir)
		if err != nil {
			return []Finding{folderProblem(dir, err)}
		}
		found := []Finding{Disk(dir, l.Free, least)}
		switch {
		case l.By != "" && beside:
			found = append(found, Good("badger: the running gateway has it open"))
		case l.By != "":
			found = append(found, StoreInUse.Found("badger: %s has %s open, and no gateway answers that would run by this configuration", l.By, dir))
		case !l.There:
			found = append(found, Good("badger: %s is made at the first start", dir))
		case !l.Used:
			found = append(found, Good("badger: %s holds nothing yet", dir))
		default:
			found = append(found, Good("badger: %s is there, and nobody has it open", dir))
		}
		return found
	}}
}

// folderProblem says what an error of badgerstore.Inspect means. Nobody is told to take a
// folder that may hold somebody's store.
func folderProblem(dir string, err error) Finding {
	owner := OtherUser(dir)
	switch {
	case errors.Is(err, syscall.EROFS):
		f := StoreUnusable.Found("badger: %s lies on a file system that is read-only here", dir)
		f.Do = "have it mounted so that it can be written (with systemd: StateDirectory or ReadWritePaths; in a container: a volume), or give the store another folder: store badger FOLDER"
		return f
	case errors.Is(err, badgerstore.ErrNotWritable) && owner != "" && !(owner == "root" && empty(dir)):
		return unseen(dir, "badger: %s belongs to user %s, and this one may not look into it", dir, owner)
	case errors.Is(err, badgerstore.ErrExposed):
		return StoreExposed.Found("badger: %s", bounded(err.Error()))
	}
	return StoreUnusable.Found("badger: %s", bounded(err.Error()))
}

// empty says whether a folder is seen to hold nothing.
func empty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) == 0
}

// unseen is a finding that this user sees less than the service does, which runs as the
// one whose a path is.
func unseen(path, what string, args ...any) Finding {
	f := NotKnown(what, args...)
	f.Do = "run this as the user that runs onesgate"
	if user := OtherUser(path); user != "" {
		f.Do += ": sudo -u " + user + " onesgate ones doctor"
	}
	return f
}

// A service is the user that the gateway runs as.
type service int

// nobodyKnown: who will run it doesn't show from here.
const nobodyKnown service = -1

// serviceOf is whoever runs the gateway, or will: the owner of its store's folder, and
// else this user, but for root, who may be somebody else's operator.
func serviceOf(storeDir string) service {
	if info, err := os.Stat(storeDir); err == nil {
		return service(info.Sys().(*syscall.Stat_t).Uid)
	}
	if self := os.Geteuid(); self != 0 {
		return service(self)
	}
	return nobodyKnown
}

// makable says whether the service may make a file, and the folders that it lies in.
func (s service) makable(path string) bool {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		switch {
		case err == nil && int(s) == os.Geteuid(): // the system knows best
			return unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS) == nil
		case err == nil:
			return s.mayWrite(info)
		case !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir):
			return false
		}
	}
}

// mayWrite judges by the mode of a folder, as POSIX has it: the first class that fits counts.
func (s service) mayWrite(folder fs.FileInfo) bool {
	owner := folder.Sys().(*syscall.Stat_t)
	mode := folder.Mode().Perm()
	switch {
	case s == 0:
		return true
	case int(owner.Uid) == int(s):
		mode >>= 6
	case slices.Contains(s.groups(), strconv.Itoa(int(owner.Gid))):
		mode >>= 3
	}
	return mode&0o3 == 0o3
}

// groups are the ids of the groups that it is in; none where it has no name.
func (s service) groups() []string {
	u, err := user.LookupId(strconv.Itoa(int(s)))
	if err != nil {
		return nil
	}
	ids, err := u.GroupIds()
	if err != nil {
		return []string{u.Gid}
	}
	return ids
}

// OtherUser names the user whose a path is, or of what can't be looked into the nearest
// folder above it; "": that is this user, or can't be told.
func OtherUser(path string) string {
	info, err := os.Stat(path)
	for errors.Is(err, fs.ErrPermission) && path != filepath.Dir(path) {
		path = filepath.Dir(path)
		info, err = os.Stat(path)
	}
	if err != nil {
		return ""
	}
	of := int(info.Sys().(*syscall.Stat_t).Uid)
	if of == os.Geteuid() {
		return ""
	}
	return nameOf(of)
}

// nameOf is how sudo knows a user.
func nameOf(uid int) string {
	id := strconv.Itoa(uid)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "'#" + id + "'"
}

// Disk says whether so many bytes are enough on the disk of a folder.
func Disk(dir string, free, least uint64) Finding {
	has := humanize.IBytes(free) + " are free on the disk of " + dir
	switch {
	case free < least:
		return DiskFull.Found("%s, and below %s nothing is written", has, humanize.IBytes(least))
	case free/2 < least:
		return DiskLow.Found("%s; below %s nothing is written", has, humanize.IBytes(least))
	}
	return Good("%s", has)
}

// Database checks a database that is not open here.
func Database(o pgstore.Options) Check {
	return Check{Name: "store", How: "asking the database", Look: func(ctx context.Context) []Finding {
		l, err := pgstore.Inspect(ctx, o)
		if err != nil {
			return []Finding{DatabaseUnusable.Found("postgres: %s", bounded(err.Error()))}
		}
		return database(l)
	}}
}

func database(l pgstore.Look) (found []Finding) {
	switch {
	case l.Number < pgstore.MinVersion:
		found = append(found, DatabaseOld.Found("postgres: the server is PostgreSQL %s", bounded(l.Version)))
	case l.Used:
		found = append(found, Good("postgres: PostgreSQL %s, with tables of onesgate", bounded(l.Version)))
	default:
		found = append(found, Good("postgres: PostgreSQL %s; the tables are made at the first start", bounded(l.Version)))
	}
	if l.Forgets {
		found = append(found, DatabaseForgets.Found("postgres: the server acknowledges what a crash may undo (fsync or synchronous_commit is off)"))
	}
	return found
}

// Keyset checks the keys. used says whether the store holds something already, so that
// none may be made; shared that several gateways stand on the store. Whether they are those
// that the store was sealed with only who opens it can tell. storeDir is the folder of the
// store, if it has one, whose owner is the one who will make them.
func Keyset(src seal.Source, shared bool, storeDir string, used func(context.Context) bool) Check {
	return Check{Name: "keyset", How: "reading " + src.String(), Look: func(ctx context.Context) []Finding {
		_, err := src.Load()
		switch {
		case err == nil && used(ctx):
			return []Finding{NotKnown("%s can be read; whether it is the one that the store was sealed with is seen at the start", src)}
		case err == nil:
			return []Finding{Good("%s can be read", src)}
		case errors.Is(err, fs.ErrPermission):
			return []Finding{unseen(src.String(), "this user may not read %s", src)}
		case !errors.Is(err, fs.ErrNotExist):
			return []Finding{KeysetUnusable.Found("%s", bounded(err.Error()))}
		case shared:
			return []Finding{KeysetMissing.Found("%s is not there, and gateways that share a database need the same one", src)}
		case used(ctx):
			return []Finding{KeysetMissing.Found("%s is not there, but the store holds what was sealed with it", src)}
		}
		switch runs := serviceOf(storeDir); {
		case runs == nobodyKnown:
			f := NotKnown("%s is made at the first start, if the user that runs onesgate may write to its folder, which root can't see", src)
			f.Do = "run this as the user that runs onesgate: sudo -u USER onesgate ones doctor"
			return []Finding{f}
		case !runs.makable(src.String()):
			return []Finding{KeysetMissing.Found("%s is not there, and user %s, who runs onesgate, may not write to its folder, so it can't be made at the first start", src, nameOf(int(runs)))}
		}
		return []Finding{Good("%s is made at the first start", src)}
	}}
}
