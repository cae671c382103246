package pgstore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/onesgate/onesgate/internal/store"
)

// Options of Open.
type Options struct {
	// URL of the database: postgres://user:password@host:5432/database. It may
	// name several hosts; the one that takes writes is used. What else it may
	// say: https://www.postgresql.org/docs/current/libpq-connect.html. Without
	// an sslmode, other machines are spoken to with sslmode=verify-full.
	URL string
	// MaxConns is how many connections there are at most, beside one that only
	// listens, and one for each Snapshot. 0: 12.
	MaxConns int
	// Timeout is how long one statement may take. Twice as long a call waits for
	// a database that does not answer. 0: 5 s.
	Timeout time.Duration
	// Log gets what an operator should know. nil: nobody does.
	Log *slog.Logger
	// Now judges what has expired. nil: time.Now.
	Now func() time.Time
}

const (
	defaultMaxConns = 12
	defaultTimeout  = 5 * time.Second
)

// Open opens the store, and makes its tables if they are missing. Close it.
//
// The error is ErrURL, ErrUnreachable, ErrLogin, ErrNoDatabase, ErrRights,
// ErrReadOnly or ErrNewer, with what to do about it.
func Open(ctx context.Context, o Options) (_ *Store, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxConns == 0 {
		o.MaxConns = defaultMaxConns
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("open the store: %w", err)
		}
	}()

	config, err := o.config()
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	tasks, stop := context.WithCancel(context.Background())
	s := &Store{
		pool:     pool,
		log:      o.Log,
		now:      o.Now,
		random:   random,
		patience: 2 * o.Timeout,
		tail:     store.NewTail(0),
		fresh:    make(chan struct{}, 1),
		stop:     stop,
	}
	if err := s.prepare(ctx); err != nil {
		stop()
		pool.Close()
		return nil, explain(err, config.ConnConfig)
	}
	s.tasks.Go(func() { s.numberFresh(tasks) })
	s.tasks.Go(func() { s.listen(tasks, config.ConnConfig) })
	s.tasks.Go(func() { s.collectOnTime(tasks) })
	return s, nil
}

// prepare makes the tables fit this program, and learns where the feed stands.
func (s *Store) prepare(ctx context.Context) error {
	if err := s.ask(ctx, s.migrate); err != nil {
		return err
	}
	if err := s.ask(ctx, s.inspect); err != nil {
		return err
	}
	var last store.Position
	if err := s.ask(ctx, func(ctx context.Context, conn *pgxpool.Conn) (err error) {
		last, err = s.number(ctx, conn)
		return err
	}); err != nil {
		return err
	}
	s.tail.Learn(last)
	return nil
}

// promises asks whether all tables may be used, and what a commit is worth.
const promises = `
	SELECT bool_and(has_table_privilege(t, p)) AND has_sequence_privilege('onesgate_version', 'USAGE'),
		current_setting('fsync'), current_setting('synchronous_commit')
	FROM unnest(ARRAY['onesgate_state', 'onesgate_records', 'onesgate_announced', 'onesgate_announcements']) AS t,
		unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p`

// inspect looks at what the database allows, and what it promises.
func (s *Store) inspect(ctx context.Context, conn *pgxpool.Conn) error {
	var usable bool
	var fsync, synchronous string
	err := conn.QueryRow(ctx, promises).Scan(&usable, &fsync, &synchronous)
	switch {
	case err != nil:
		return err
	case !usable:
		return errTables
	case fsync == "off" || synchronous == "off":
		s.log.Warn("the database acknowledges what a crash may undo", "fsync", fsync, "synchronous_commit", synchronous)
	}
	return nil
}

// random returns a random number in [0,1).
func random() float64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return float64(binary.BigEndian.Uint64(b[:])>>11) / (1 << 53)
}
