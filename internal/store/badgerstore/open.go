package badgerstore

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/onesgate/onesgate/internal/store"
)

// Options of Open.
type Options struct {
	// Dir is the absolute path of the folder. It is made if it is missing, and
	// belongs to the store alone.
	Dir string
	// MinFree is how many bytes must be free on Dir's disk for a commit to put
	// records. 0: 512 MiB. Badger maps its files: on a full disk the process
	// dies of SIGBUS instead of getting an error.
	MinFree uint64
	// Log gets what Badger says. nil: nobody does.
	Log *slog.Logger
	// Now judges what has expired. nil: time.Now.
	Now func() time.Time
}

// defaultMinFree is Options.MinFree if not given. It leaves room for what comes
// within the second between two looks, the logs of the memtables, and the
// largest compaction of a small database.
const defaultMinFree = 512 << 20

// Open opens the store in o.Dir, or makes a new one. Close it.
//
// The error is ErrInUse if another process has it open, ErrNotDir or
// ErrNotWritable if the folder is of no use, ErrExposed if others may read it
// and that could not safely be changed.
func Open(o Options) (_ *Store, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MinFree == 0 {
		o.MinFree = defaultMinFree
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("open the store: %w", err)
		}
	}()

	if err := prepareFolder(o.Dir); err != nil {
		return nil, err
	}
	lock, err := lockFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	if err := removeEmptyFiles(o.Dir, o.Log); err != nil {
		return nil, err
	}
	db, err := badger.Open(badgerOptions(o.Dir, o.Log))
	if err != nil {
		return nil, fmt.Errorf("badger in %s: %w", o.Dir, err)
	}
	version, err := counter(db, versionKey)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	position, err := counter(db, positionKey)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}

	s := &Store{
		db:      db,
		lock:    lock,
		now:     o.Now,
		version: store.Version(version),
		tail:    store.NewTail(store.Position(position)),
		space:   freeSpace{dir: o.Dir, least: o.MinFree, now: o.Now, free: statfs},
		persist: (*badger.Txn).Commit,
		queue:   make(chan *commit, maxQueued),
		written: make(chan struct{}),
	}
	go s.write()
	return s, nil
}

// badgerOptions: durable and small. Nothing is compressed, because sealed
// records don't compress, so no block cache is needed. Conflicts are not
// detected: the writer is the only one who writes.
func badgerOptions(dir string, log *slog.Logger) badger.Options {
	o := badger.DefaultOptions(dir).
		WithSyncWrites(true).
		WithDetectConflicts(false).
		WithNumVersionsToKeep(1).
		WithMemTableSize(16 << 20). // one transaction: at most 15 % of it, see maxGroup
		WithNumMemtables(2).
		WithNumLevelZeroTables(2).
		WithNumLevelZeroTablesStall(6).
		WithNumCompactors(2).
		WithBaseTableSize(4 << 20).
		WithBaseLevelSize(16 << 20).
		WithValueThreshold(maxCommit). // no value is larger
		WithValueLogFileSize(16 << 20).
		WithCompression(options.None).
		WithBlockCacheSize(0).
		WithIndexCacheSize(4 << 20).
		WithNumGoroutines(2).
		WithMetricsEnabled(false).
		WithLogger(badgerLog{log})
	// Tables are as large on each level: a compaction has up to 18 of them in memory, each
	// twice, and keeps the memory of eight.
	o.TableSizeMultiplier = 1
	return o
}

// badgerLog hands Badger's messages to slog, one level lower where Badger talks
// of its daily work.
type badgerLog struct{ log *slog.Logger }

func (l badgerLog) Errorf(format string, args ...any)   { l.log.Error(line(format, args)) }
func (l badgerLog) Warningf(format string, args ...any) { l.log.Warn(line(format, args)) }
func (l badgerLog) Infof(format string, args ...any)    { l.log.Debug(line(format, args)) }
func (l badgerLog) Debugf(string, ...any)               {}

func line(format string, args []any) string {
	return "badger: " + strings.TrimSpace(fmt.Sprintf(format, args...))
}
