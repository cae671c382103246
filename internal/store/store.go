package store

import (
	"context"
	"errors"
	"time"
)

// Errors an engine returns, wrapped with what it was doing. Test with errors.Is.
var (
	// ErrNotFound: no live record has that key.
	ErrNotFound = errors.New("record not found")
	// ErrConflict: a precondition of the commit did not hold; nothing was written.
	ErrConflict = errors.New("record changed meanwhile")
	// ErrFull: the disk is nearly full, so nothing is written before the engine is harmed.
	ErrFull = errors.New("store is full")
	// ErrUnknownOutcome: the commit may or may not have been written; whoever
	// asked must look before asking again. An engine on a disk of its own accepts
	// no more writes then; one on a database goes on.
	ErrUnknownOutcome = errors.New("outcome of the write is unknown")
	// ErrUnavailable: the store can't be asked right now, and nothing was written;
	// trying again later helps.
	ErrUnavailable = errors.New("store is not available")
	// ErrForgotten: announcements after that position are not kept any more, or
	// never were in this store. Whoever follows has to look at the records
	// themselves and go on from Last.
	ErrForgotten = errors.New("announcements are forgotten")
	// ErrClosed: the store has been closed.
	ErrClosed = errors.New("store is closed")
)

// A Record is one stored value. Value must not be changed by the reader.
type Record struct {
	Key     string
	Value   []byte
	Version Version
	// Expires is when the record stops existing; zero: never.
	Expires time.Time
}

// Version identifies one state of one record. It grows with every write and is
// never given twice to the same key, not even after a deletion.
type Version uint64

// Absent is the version of a record that doesn't exist.
const Absent Version = 0

// A Write puts or deletes one record, or only checks it; or it announces
// something.
type Write struct {
	// Key of the record; of an announcement its topic.
	Key string
	// Op says what to do; the zero value puts.
	Op Op
	// Value to put or announce. The caller must not change it before Commit
	// returns.
	Value []byte
	// Expires as in Record.
	Expires time.Time
	// If is the version the record must have for the commit to happen
	// (Absent: it must not exist). nil: whatever it is.
	If *Version
}

// Op is what a Write does.
type Op uint8

// What a Write can do.
const (
	Put Op = iota
	Delete
	// Check writes nothing; it only demands If.
	Check
	// Announce tells everybody who follows the store, in this process and in
	// others; Expires and If say nothing then.
	Announce
)

// A Position is a place in the order of a store's announcements. The first one
// has position 1, and each next one a position one higher.
type Position uint64

// An Announcement is what a commit has told with Announce.
type Announcement struct {
	Position Position
	Topic    string
	Value    []byte
}

// AnnouncementLife is how long announcements can be replayed at least.
const AnnouncementLife = 7 * 24 * time.Hour

// FollowWait is how long Follow waits for something to be announced at most.
const FollowWait = 250 * time.Millisecond

// A Store keeps records in byte order of their keys. All methods may be called
// concurrently.
//
// Expiry is judged by the store's own clock at each call: an expired record is
// absent for Get, Scan and preconditions alike. An engine may collect it later.
type Store interface {
	// Get returns the record with that key, or ErrNotFound.
	Get(ctx context.Context, key string) (Record, error)

	// Scan returns up to limit records whose keys begin with prefix and come
	// after the key "after" (exclusive; "" starts at the beginning), in order.
	// Fewer than limit means there are no more.
	Scan(ctx context.Context, prefix, after string, limit int) ([]Record, error)

	// Snapshot calls yield for every live record of one moment, in order, until
	// yield returns an error, which it returns. Commits go on meanwhile.
	Snapshot(ctx context.Context, yield func(Record) error) error

	// Commit does all writes or none, and returns when they are durable: what
	// it has acknowledged survives kill -9 and power loss. It returns the
	// version that all records put by it now have.
	//
	// ErrConflict: a precondition failed and nothing was written. A cancelled
	// context or ErrUnknownOutcome: the writes may have happened. No record may
	// appear twice in one commit.
	//
	// A commit has up to 1 MiB: keys, values and a hundred bytes for each write; and a
	// key up to 2600 bytes. Of what is larger nothing is written.
	//
	// Announcements are made if and only if the commit is. Commits without one
	// don't wait for those that have.
	Commit(ctx context.Context, writes ...Write) (Version, error)

	// Follow returns up to limit announcements after a position, in the order
	// of their commits and without a gap. If there is none it waits, and
	// returns none after FollowWait: nothing was announced up to then. What
	// others have committed it tells within FollowWait too. Announcements live
	// for AnnouncementLife; after that ErrForgotten.
	Follow(ctx context.Context, after Position, limit int) ([]Announcement, error)

	// Last returns the position of the last announcement: from where to follow
	// what comes.
	Last(ctx context.Context) (Position, error)

	// Close waits for running calls and releases the engine. Later calls
	// return ErrClosed.
	Close() error
}

// If is the precondition "the record has version v".
func If(v Version) *Version { return &v }

// Update changes one record by a function that is given its present state (the
// zero Record with that key if absent) and returns what to write. It is called
// again when somebody else was faster, so it must be pure. Returning an error
// ends the update with that error and writes nothing.
func Update(ctx context.Context, s Store, key string, change func(old Record) (Write, error)) error {
	for {
		old, err := s.Get(ctx, key)
		switch {
		case errors.Is(err, ErrNotFound):
			old = Record{Key: key}
		case err != nil:
			return err
		}
		w, err := change(old)
		if err != nil {
			return err
		}
		w.Key, w.If = key, If(old.Version)
		if _, err = s.Commit(ctx, w); !errors.Is(err, ErrConflict) {
			return err
		}
	}
}
