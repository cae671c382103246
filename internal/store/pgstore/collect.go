package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// collectEvery is how often one of the gateways removes what has expired.
	collectEvery = 5 * time.Minute
	// collectAfter is how long expired records are kept, in case a clock is set
	// back or the clocks of gateways differ.
	collectAfter = 24 * time.Hour
	// collectBatch is how many rows one statement removes: its locks are short.
	collectBatch = 1000
)

// collectOnTime collects when it is due, until ctx ends.
func (s *Store) collectOnTime(ctx context.Context) {
	for {
		s.pause(ctx, collectEvery)
		if ctx.Err() != nil {
			return
		}
		if err := s.collect(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("what has expired could not be removed from the database", "error", err)
		}
	}
}

// collect removes what has expired, unless somebody else has done so lately or is
// about to.
func (s *Store) collect(ctx context.Context) error {
	now := s.now()
	mine := false
	err := s.ask(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		// Unless it is due far from now: a clock that was ahead has said so.
		tag, err := conn.Exec(ctx, `UPDATE onesgate_state SET number = $2 WHERE name = 'collect' AND (number <= $1 OR number > $3)`,
			now.Unix(), now.Add(collectEvery).Unix(), now.Add(collectAfter).Unix())
		mine = tag.RowsAffected() > 0
		return err
	})
	if err != nil || !mine {
		return err
	}
	for _, sql := range []string{
		// The rows are locked before they are removed, so none is that has just
		// been put again.
		`DELETE FROM onesgate_records WHERE key = ANY (ARRAY (
			SELECT key FROM onesgate_records WHERE expires <= $1 ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED))`,
		// From the first one on, so that no gap comes into what is left.
		`DELETE FROM onesgate_announcements WHERE position = ANY (ARRAY (
			SELECT position FROM (
				SELECT position, expires FROM onesgate_announcements ORDER BY position LIMIT $2
			) AS oldest WHERE expires <= $1))`,
	} {
		for {
			var removed int64
			err := s.ask(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
				tag, err := conn.Exec(ctx, sql, now.Add(-collectAfter), collectBatch)
				removed = tag.RowsAffected()
				return err
			})
			if err != nil {
				return err
			}
			if removed < collectBatch {
				break
			}
		}
	}
	return nil
}
