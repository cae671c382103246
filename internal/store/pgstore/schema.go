package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// stateTable holds numbers with a name. It is apart from the records: a number
// that often changes needs room on its page
// (https://www.postgresql.org/docs/current/storage-hot.html).
//
//	schema    how many of the migrations are done
//	position  the last one given to an announcement
//	collect   when collecting is due next, in Unix seconds
const stateTable = `CREATE TABLE IF NOT EXISTS onesgate_state (
	name text PRIMARY KEY,
	number bigint NOT NULL
)`

// migrations make the tables what this program needs, one after the other. They
// are never changed, only added to.
//
// A time in PostgreSQL has microseconds; expires_ns are the nanoseconds below.
// A record that was deleted, or is only the lock of its key, expired at -infinity.
var migrations = [][]string{{
	// Versions and announcements follow its order, so no session may keep
	// numbers for later.
	`CREATE SEQUENCE onesgate_version CACHE 1`,
	`CREATE TABLE onesgate_records (
		key bytea PRIMARY KEY,
		value bytea NOT NULL,
		version bigint NOT NULL,
		expires timestamptz,
		expires_ns smallint NOT NULL DEFAULT 0
	)`,
	`CREATE INDEX onesgate_records_expires ON onesgate_records (expires) WHERE expires IS NOT NULL`,
	// Committed, and without a position yet: those of one commit share a drawn
	// number and stand in the order of their places.
	`CREATE TABLE onesgate_announced (
		drawn bigint,
		place bigint,
		topic bytea NOT NULL,
		value bytea NOT NULL,
		PRIMARY KEY (drawn, place)
	)`,
	`CREATE TABLE onesgate_announcements (
		position bigint PRIMARY KEY,
		topic bytea NOT NULL,
		value bytea NOT NULL,
		expires timestamptz NOT NULL
	)`,
	`INSERT INTO onesgate_state (name, number) VALUES ('position', 0), ('collect', 0)`,
}}

// migrationLock is the advisory lock under which tables are made: "onesgate".
const migrationLock = 0x6f6e657367617465

// migrate brings the tables to the state that this program knows. Where there is
// nothing to do it needs no rights and takes no lock.
func (s *Store) migrate(ctx context.Context, conn *pgxpool.Conn) error {
	done, err := schema(ctx, conn)
	none := state(err) == noTable
	if err != nil && !none {
		return err
	}
	if done == len(migrations) {
		return nil
	}
	// The lock has to be waited for before anything is looked at.
	return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(migrationLock)); err != nil {
			return err
		}
		if none { // as long as nobody was quicker
			if _, err := tx.Exec(ctx, stateTable); err != nil {
				return err
			}
		}
		done, err := schema(ctx, tx)
		if err != nil {
			return err
		}
		for _, migration := range migrations[done:] {
			for _, statement := range migration {
				_, err := tx.Exec(ctx, statement)
				if done > 0 && state(err) == noRights { // who may use a table may not change it
					return fmt.Errorf("%w: %w", errOwner, err)
				}
				if err != nil {
					return err
				}
			}
		}
		_, err = tx.Exec(ctx, `INSERT INTO onesgate_state (name, number) VALUES ('schema', $1)
			ON CONFLICT (name) DO UPDATE SET number = excluded.number`, len(migrations))
		return err
	})
}

// schema returns how many migrations are done, at most all of them.
func schema(ctx context.Context, q interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
},
) (int, error) {
	var done int
	err := q.QueryRow(ctx, `SELECT number FROM onesgate_state WHERE name = 'schema'`).Scan(&done)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, nil
	case err != nil:
		return 0, err
	case done > len(migrations):
		return 0, fmt.Errorf("%w: they have state %d, this one knows %d; install that onesgate", ErrNewer, done, len(migrations))
	}
	return done, nil
}
