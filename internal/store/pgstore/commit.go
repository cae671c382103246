package pgstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/onesgate/onesgate/internal/store"
)

// ErrTooLarge: a commit is larger than the engine takes. Nothing was written.
var ErrTooLarge = errors.New("commit is too large")

// Bounds of one commit, in bytes. An entry of PostgreSQL's index has 2700.
const (
	maxCommit = 1 << 20 // keys and values, and writeReserve for each
	maxKey    = 2600

	writeReserve = 100
)

// maxExpiry is as far as PostgreSQL's and Go's calendars surely agree.
var maxExpiry = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)

// A commit is what one call of Commit asks for.
type commit struct {
	steps  []step // in the order of their keys
	topics [][]byte
	values [][]byte

	contended bool // others were faster with a record: lock all of them first
}

// A step is the statement for one record.
type step struct {
	kind kind
	key  string
	args []any
}

// Commit implements store.Store. A commit of more than 1 MiB, or about ten
// thousand writes, is ErrTooLarge; a key has up to 2600 bytes. After
// ErrUnknownOutcome the store goes on working.
func (s *Store) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	v, err := s.commit(ctx, writes)
	if err != nil {
		return 0, fmt.Errorf("commit: %w", err)
	}
	return v, nil
}

func (s *Store) commit(ctx context.Context, writes []store.Write) (v store.Version, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	c, err := newCommit(writes, s.now())
	if err != nil || len(c.steps)+len(c.topics) == 0 {
		return 0, err
	}
	err = s.ask(ctx, func(ctx context.Context, conn *pgxpool.Conn) (err error) {
		if len(c.steps) <= 1 {
			v, err = c.one(ctx, conn)
		} else {
			v, err = c.many(ctx, conn)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	if len(c.topics) > 0 {
		select {
		case s.fresh <- struct{}{}:
		default: // it is still to be looked at
		}
	}
	return v, nil
}

// newCommit checks what a caller asks for and orders it: all commits lock their
// records in the order of the keys, so that they don't wait for each other in a
// circle.
func newCommit(writes []store.Write, now time.Time) (*commit, error) {
	c := &commit{}
	size := 0
	seen := make(map[string]bool, len(writes))
	for _, w := range writes {
		switch {
		case w.Key == "" || len(w.Key) > maxKey:
			return nil, fmt.Errorf("key of %d bytes: it must have 1 to %d", len(w.Key), maxKey)
		case w.Op > store.Announce:
			return nil, fmt.Errorf("key %q: unknown operation %d", w.Key, w.Op)
		case !w.Expires.IsZero() && (w.Expires.Year() < 1 || !w.Expires.Before(maxExpiry)):
			return nil, fmt.Errorf("key %q expires at %s: it must be in the years 1 to 9999", w.Key, w.Expires)
		case w.Op == store.Announce: // as often as one likes
		case seen[w.Key]:
			return nil, fmt.Errorf("key %q is given twice", w.Key)
		default:
			seen[w.Key] = true
		}
		if size += len(w.Key) + len(w.Value) + writeReserve; size > maxCommit {
			return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, maxCommit)
		}
		if w.Op == store.Announce {
			c.topics = append(c.topics, []byte(w.Key))
			c.values = append(c.values, notNull(w.Value))
		} else if k, does := kindOf(w); does {
			c.steps = append(c.steps, newStep(k, w, now))
		}
	}
	slices.SortFunc(c.steps, func(a, b step) int { return cmp.Compare(a.key, b.key) })
	return c, nil
}

// kindOf returns what a write does, if it does anything.
func kindOf(w store.Write) (kind, bool) {
	free, absent := w.If == nil, w.If != nil && *w.If == store.Absent
	switch {
	case w.Op == store.Put && free:
		return putAny, true
	case w.Op == store.Put && absent:
		return putAbsent, true
	case w.Op == store.Put:
		return putVersion, true
	case w.Op == store.Delete && free:
		return deleteAny, true
	case w.Op == store.Delete && !absent:
		return deleteVersion, true
	case absent: // deleting what must be absent anyway is no more than the check
		return checkAbsent, true
	default:
		return checkVersion, !free
	}
}

func newStep(k kind, w store.Write, now time.Time) step {
	st := step{kind: k, key: w.Key, args: []any{[]byte(w.Key)}}
	if k.puts() {
		var expires any
		if !w.Expires.IsZero() {
			expires = micros(w.Expires)
		}
		st.args = append(st.args, notNull(w.Value), expires, nanos(w.Expires))
	}
	if w.If != nil {
		st.args = append(st.args, micros(now), nanos(now))
		if *w.If != store.Absent {
			st.args = append(st.args, int64(*w.If))
		}
	}
	return st
}

func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// one does a commit of one record, or of announcements alone, in one statement.
func (c *commit) one(ctx context.Context, conn *pgxpool.Conn) (store.Version, error) {
	ended := committing(conn)
	if len(c.steps) == 0 {
		_, err := conn.Exec(ctx, toldAlone, c.topics, c.values)
		return 0, ended(err)
	}
	st := c.steps[0]
	sql, args := alone[st.kind], st.args
	if len(c.topics) > 0 {
		sql, args = aloneTold[st.kind], append(slices.Clip(st.args), c.topics, c.values)
	}
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return 0, ended(err)
	}
	versions, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err = ended(err); err != nil {
		return 0, err
	}
	return st.judge(versions)
}

// judge returns the version that a step has put, or that its precondition doesn't
// hold.
func (st step) judge(versions []int64) (store.Version, error) {
	switch {
	case len(versions) < st.kind.needs():
		return 0, fmt.Errorf("%q: %w", st.key, store.ErrConflict)
	case !st.kind.puts():
		return 0, nil
	}
	return store.Version(versions[0]), nil
}

// many does a commit of several records in one transaction, which the connection
// may be left in. All but its end goes out at once.
func (c *commit) many(ctx context.Context, conn *pgxpool.Conn) (store.Version, error) {
	v, err := c.send(ctx, conn)
	if err != nil {
		// If that can't be said any more, the server finds out by itself.
		_, _ = conn.Exec(ctx, `ROLLBACK`)
		return 0, err
	}
	ended := committing(conn)
	tag, err := conn.Exec(ctx, `COMMIT`)
	if err == nil && tag.String() != "COMMIT" { // it says ROLLBACK of a transaction that has failed
		err = pgx.ErrTxCommitRollback
	}
	if err = ended(err); err != nil {
		return 0, err
	}
	return v, nil
}

// send does all of a commit in a transaction that it leaves open.
func (c *commit) send(ctx context.Context, conn *pgxpool.Conn) (drawn store.Version, err error) {
	batch := &pgx.Batch{}
	batch.Queue(`BEGIN`).Exec(anyTag)
	if c.contended {
		keys := make([][]byte, len(c.steps))
		for i, st := range c.steps {
			keys[i] = []byte(st.key)
		}
		batch.Queue(lockRows, keys).Exec(anyTag)
	}
	batch.Queue(drawVersion).QueryRow(func(row pgx.Row) error { return row.Scan(&drawn) })
	for _, st := range c.steps {
		batch.Queue(within[st.kind], st.args...).Query(func(rows pgx.Rows) error {
			versions, err := pgx.CollectRows(rows, pgx.RowTo[int64])
			if err != nil {
				return err
			}
			_, err = st.judge(versions)
			if err != nil && (st.kind == putAny || st.kind == putAbsent && !c.contended) {
				c.contended = true
				return errBusy // a higher version may be in the way
			}
			return err
		})
	}
	if len(c.topics) > 0 {
		batch.Queue(toldAlone, c.topics, c.values).Exec(anyTag)
	}
	err = conn.SendBatch(ctx, batch).Close()
	return drawn, err
}

// anyTag lets a batch end with the error of this statement, if it has one.
func anyTag(pgconn.CommandTag) error { return nil }

// committing is to be called right before the statement that commits. What it
// returns says what the end of that statement means.
//
// A server that gives up waiting for a synchronous standby, when the statement has
// taken too long, has committed and only warns that a crash of its own may undo it.
// The warning has no code of its own; it is known by the server's file.
func committing(conn *pgxpool.Conn) (ended func(error) error) {
	data := conn.Conn().PgConn().CustomData()
	delete(data, unreplicated)
	return func(err error) error {
		if warning, any := data[unreplicated]; err == nil && any {
			return fmt.Errorf("%w: the database warns: %v", store.ErrUnknownOutcome, warning)
		}
		return outcome(err)
	}
}

// outcome says what an error of the statement that commits means.
func outcome(err error) error {
	if err == nil || refused(err) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnknownOutcome, err)
}
