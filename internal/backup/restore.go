package backup

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"filippo.io/age"

	"github.com/onesgate/onesgate/internal/peers"
	"github.com/onesgate/onesgate/internal/store"
)

// Errors of restoring, and of starting on a store that was not restored to the end.
var (
	// ErrNotEmpty: there are records in the store already.
	ErrNotEmpty = errors.New("the store is not empty")
	// ErrInUse: somebody works on the store.
	ErrInUse = errors.New("the store is in use")
	// ErrUnfinished: a restore into the store has begun and not ended.
	ErrUnfinished = errors.New("the store holds a part of a backup only")
)

// unfinishedKey marks a store that is being restored, leasePrefix is that of
// leases (see [store.Acquire]).
const (
	unfinishedKey = "restore/unfinished"
	leasePrefix   = "lease/"
)

// A Rule says what becomes of a record. It may be asked several times about one,
// so it must be pure. Its error refuses the whole backup.
type Rule func(store.Record) (Fate, error)

// A Fate is what becomes of a record: Record is restored, unless it is left out.
type Fate struct {
	Record  store.Record
	LeftOut bool
	// Kind is what it is counted as.
	Kind string
}

// A Result tells what a restore has done.
type Result struct {
	Header
	// Restored and LeftOut count records by their kind.
	Restored, LeftOut map[string]int
	// Expired records have ended since the backup was made; they are left out.
	Expired int
}

// Bounds of one commit of a restore: far below what any engine takes.
const (
	batchBytes  = 256 << 10
	batchWrites = 1000
)

// Restore brings a backup into an empty store. The whole backup is read and
// judged before anything is written, so a damaged one changes nothing.
//
// While it writes, the store is marked as unfinished. A restore that was
// interrupted goes on when it is called again with the same backup; with another
// one it returns ErrUnfinished.
func Restore(ctx context.Context, from io.ReadSeeker, ids []age.Identity, to store.Store, now time.Time, rule Rule) (Result, error) {
	first, err := read(from, ids, now, rule, func(store.Record) error { return ctx.Err() })
	if err != nil {
		return Result{}, err
	}
	marker, err := begin(ctx, to, first.Header, now)
	if err != nil {
		return Result{}, err
	}
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return Result{}, err
	}
	b := batch{store: to, marker: marker}
	second, err := read(from, ids, now, rule, func(r store.Record) error { return b.add(ctx, r) })
	if err == nil && second.ID != first.ID {
		err = damaged("it was changed while it was read")
	}
	if err == nil {
		err = b.write(ctx)
	}
	if err == nil {
		err = finish(ctx, to, marker)
	}
	if err != nil {
		return Result{}, fmt.Errorf("%w; restore the same file again to go on: %w", ErrUnfinished, err)
	}
	return second, nil
}

// read hands the records that are to be restored to yield.
func read(from io.Reader, ids []age.Identity, now time.Time, rule Rule, yield func(store.Record) error) (Result, error) {
	plain, err := decrypt(bufio.NewReader(from), ids)
	if err != nil {
		return Result{}, err
	}
	result := Result{Restored: map[string]int{}, LeftOut: map[string]int{}}
	result.Header, err = readStream(bufio.NewReader(plain), func(r store.Record) error {
		if !r.Expires.IsZero() && !now.Before(r.Expires) {
			result.Expired++
			return nil
		}
		fate, err := rule(r)
		if err != nil {
			return fmt.Errorf("record %q: %w", r.Key, err)
		}
		if fate.LeftOut {
			result.LeftOut[fate.Kind]++
			return nil
		}
		result.Restored[fate.Kind]++
		return yield(fate.Record)
	})
	return result, err
}

// unfinished is the record that marks a store.
type unfinished struct {
	Header
	Begun time.Time `json:"begun"`
}

// undoTimeout bounds how long a marker that was set for nothing is taken away.
const undoTimeout = 10 * time.Second

// begin marks a store that may be restored into, and returns the marker's version.
func begin(ctx context.Context, s store.Store, h Header, now time.Time) (store.Version, error) {
	if err := checkIdle(ctx, s); err != nil {
		return 0, err
	}
	marker, before, err := marked(ctx, s)
	if err != nil {
		return 0, err
	}
	resumed := before != store.Absent
	if resumed {
		if marker.ID != h.ID {
			return 0, fmt.Errorf("%w, made at %s: restore that one to its end, or give an empty store", ErrUnfinished, stamp(marker.Made))
		}
	} else if err := checkEmpty(ctx, s, 0); err != nil {
		return 0, err
	}
	value, err := json.Marshal(unfinished{h, now.UTC().Truncate(time.Second)})
	if err != nil {
		return 0, err
	}
	version, err := s.Commit(ctx, store.Write{Key: unfinishedKey, Value: value, If: store.If(before)})
	if errors.Is(err, store.ErrConflict) {
		return 0, fmt.Errorf("%w: another restore into it has just begun", ErrInUse)
	}
	if err != nil {
		return 0, err
	}
	// A gateway tells that it is there before it looks for the marker: one that
	// has just started either is seen now, or sees the marker. And another restore
	// may have come and gone.
	err = checkIdle(ctx, s)
	if err == nil && !resumed {
		err = checkEmpty(ctx, s, 1)
	}
	if err != nil && !resumed {
		// Also where ctx has ended.
		undoing, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
		defer cancel()
		if _, undo := s.Commit(undoing, store.Write{Op: store.Delete, Key: unfinishedKey, If: store.If(version)}); undo != nil {
			err = fmt.Errorf("%w: %w: %w", ErrUnfinished, err, undo)
		}
	}
	return version, err
}

// checkEmpty returns ErrNotEmpty if there are more records than our own.
func checkEmpty(ctx context.Context, s store.Store, own int) error {
	found, err := s.Scan(ctx, "", "", own+1)
	if err == nil && len(found) > own {
		err = fmt.Errorf("%w, and a backup goes into an empty one only, so that nothing is mixed up or overwritten: name another one in the Caddyfile, or move what is there away first", ErrNotEmpty)
	}
	return err
}

// finish takes the marker away.
func finish(ctx context.Context, s store.Store, marker store.Version) error {
	_, err := s.Commit(ctx, store.Write{Op: store.Delete, Key: unfinishedKey, If: store.If(marker)})
	if !errors.Is(err, store.ErrUnknownOutcome) {
		return err
	}
	if _, version, lookErr := marked(ctx, s); lookErr == nil && version == store.Absent {
		return nil
	}
	return err
}

// checkIdle returns ErrInUse if somebody works on the store.
func checkIdle(ctx context.Context, s store.Store) error {
	gateways, err := peers.List(ctx, s)
	if err != nil {
		return err
	}
	if len(gateways) > 0 {
		g := gateways[0]
		return fmt.Errorf("%w by the gateway on %s; stop every gateway on it first, or wait %s if that one was killed", ErrInUse, g.Name, peers.Life)
	}
	leases, err := s.Scan(ctx, leasePrefix, "", 1)
	if err != nil {
		return err
	}
	if len(leases) > 0 {
		return fmt.Errorf("%w by %s, which holds %s; stop every gateway that runs on it first", ErrInUse, leases[0].Value, leases[0].Key)
	}
	return nil
}

// marked returns the marker of a store and its version; store.Absent: there is none.
func marked(ctx context.Context, s store.Store) (u unfinished, version store.Version, err error) {
	rec, err := s.Get(ctx, unfinishedKey)
	if errors.Is(err, store.ErrNotFound) {
		return u, store.Absent, nil
	}
	if err != nil {
		return u, store.Absent, err
	}
	if err := json.Unmarshal(rec.Value, &u); err != nil {
		return u, store.Absent, fmt.Errorf("reading %s: %w", unfinishedKey, err)
	}
	return u, rec.Version, nil
}

// CheckFinished returns ErrUnfinished, with what to do, for a store that a
// restore has begun to fill and not ended: nobody must work on it.
func CheckFinished(ctx context.Context, s store.Store) error {
	u, version, err := marked(ctx, s)
	if err != nil || version == store.Absent {
		return err
	}
	return fmt.Errorf("%w: the restore begun at %s, of the backup made at %s, has not ended; run `onesgate ones restore` with that file again, or give an empty store",
		ErrUnfinished, stamp(u.Begun), stamp(u.Made))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// A batch gathers records and writes them together.
type batch struct {
	store  store.Store
	marker store.Version // no other restore may have marked the store since
	writes []store.Write
	size   int
}

func (b *batch) add(ctx context.Context, r store.Record) error {
	size := len(r.Key) + len(r.Value)
	if len(b.writes) == batchWrites || len(b.writes) > 0 && b.size+size > batchBytes {
		if err := b.write(ctx); err != nil {
			return err
		}
	}
	b.writes = append(b.writes, store.Write{Key: r.Key, Value: r.Value, Expires: r.Expires})
	b.size += size
	return nil
}

func (b *batch) write(ctx context.Context) error {
	if len(b.writes) == 0 {
		return nil
	}
	b.writes = append(b.writes, store.Write{Op: store.Check, Key: unfinishedKey, If: store.If(b.marker)})
	_, err := b.store.Commit(ctx, b.writes...)
	b.writes, b.size = b.writes[:0], 0
	return err
}
