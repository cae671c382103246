package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/onesgate/onesgate/internal/store"
)

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string) (store.Record, error) {
	records, err := s.read(ctx, selectOne, []byte(key))
	if err == nil && len(records) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Record{}, fmt.Errorf("get %q: %w", key, err)
	}
	return records[0], nil
}

// Scan implements store.Store. What it returns is one snapshot.
func (s *Store) Scan(ctx context.Context, prefix, after string, limit int) ([]store.Record, error) {
	start := prefix
	if after >= prefix {
		start = after + "\x00" // the next key there can be
	}
	sql, args := selectFrom, []any{[]byte(start), max(limit, 0)}
	if end, bounded := behind(prefix); bounded {
		sql, args = selectBetween, append(args, end)
	}
	records, err := s.read(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("scan %q: %w", prefix, err)
	}
	return records, nil
}

// behind returns the first key behind all that begin with prefix, if there is one.
func behind(prefix string) ([]byte, bool) {
	end := []byte(prefix)
	for len(end) > 0 && end[len(end)-1] == 0xff { // bytes.TrimRight takes any byte that is no rune
		end = end[:len(end)-1]
	}
	if len(end) == 0 {
		return nil, false
	}
	end[len(end)-1]++
	return end, true
}

// read returns the live records of a query whose first two arguments are the
// present time.
func (s *Store) read(ctx context.Context, sql string, args ...any) (records []store.Record, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	now := s.now()
	args = append([]any{micros(now), nanos(now)}, args...)
	err = s.ask(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		records, err = pgx.CollectRows(rows, record)
		return err
	})
	return records, err
}

// snapshotPage is how many records of a snapshot are read at once.
const snapshotPage = 500

// Snapshot implements store.Store. It has a connection of its own until its end,
// and the database keeps what is overwritten meanwhile.
func (s *Store) Snapshot(ctx context.Context, yield func(store.Record) error) error {
	if err := s.snapshot(ctx, yield); err != nil {
		return fmt.Errorf("snapshot: %w", inWords(err))
	}
	return nil
}

func (s *Store) snapshot(ctx context.Context, yield func(store.Record) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	now := s.now()
	conn, err := s.beginSnapshot(ctx)
	if err != nil {
		return err
	}
	defer func() { // the end of the transaction, too; a server that stands still is not waited for
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	for start := ""; ; {
		records, err := s.page(ctx, conn, now, start)
		if err != nil {
			return err
		}
		for _, r := range records {
			if err := yield(r); err != nil {
				return err
			}
			start = r.Key + "\x00" // the next key there can be
		}
		if len(records) < snapshotPage {
			return nil
		}
	}
}

// beginSnapshot returns a connection that sees one moment.
func (s *Store) beginSnapshot(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return nil, err
	}
	// https://www.postgresql.org/docs/current/transaction-iso.html#XACT-REPEATABLE-READ
	_, err = conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err == nil {
		// It waits for whoever takes the records, such as a slow download.
		_, err = conn.Exec(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return conn, nil
}

// page reads the next records of a snapshot; a server that stands still is not
// waited for longer than by any other call.
func (s *Store) page(ctx context.Context, conn *pgx.Conn, now time.Time, start string) ([]store.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	rows, err := conn.Query(ctx, selectFrom, micros(now), nanos(now), []byte(start), snapshotPage)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, record)
}

func record(row pgx.CollectableRow) (store.Record, error) {
	var (
		key     []byte
		r       store.Record
		version int64
		expires *time.Time
		below   int16
	)
	if err := row.Scan(&key, &r.Value, &version, &expires, &below); err != nil {
		return store.Record{}, err
	}
	r.Key, r.Version = string(key), store.Version(version)
	if expires != nil {
		r.Expires = expires.UTC().Add(time.Duration(below))
	}
	return r, nil
}

// Size says how large a store is.
type Size struct {
	Records int64 // estimated by the database
	Bytes   int64 // on its disk, with indexes and what is not yet cleared away
}

// Size asks the database for its figures.
func (s *Store) Size(ctx context.Context) (size Size, err error) {
	if err := s.enter(ctx); err != nil {
		return Size{}, fmt.Errorf("size of the store: %w", err)
	}
	defer s.leave()
	err = s.ask(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		return conn.QueryRow(ctx, `
			SELECT (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'onesgate_records'::regclass),
				pg_total_relation_size('onesgate_records') + pg_total_relation_size('onesgate_announcements')
					+ pg_total_relation_size('onesgate_announced')`).Scan(&size.Records, &size.Bytes)
	})
	if err != nil {
		return Size{}, fmt.Errorf("size of the store: %w", err)
	}
	return size, nil
}
