package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/onesgate/onesgate/internal/store"
)

// Last implements store.Store.
func (s *Store) Last(ctx context.Context) (last store.Position, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, fmt.Errorf("last announcement: %w", err)
	}
	defer s.leave()
	err = s.ask(ctx, func(ctx context.Context, conn *pgxpool.Conn) (err error) {
		last, err = s.number(ctx, conn)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("last announcement: %w", err)
	}
	s.tail.Learn(last)
	return last, nil
}

// Follow implements store.Store. Where nothing is known to be there it asks the
// database once, at the end of its wait.
func (s *Store) Follow(ctx context.Context, after store.Position, limit int) ([]store.Announcement, error) {
	s.tail.Await(ctx, after)
	if err := s.enter(ctx); err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	defer s.leave()
	var announced []store.Announcement
	err := s.ask(ctx, func(ctx context.Context, conn *pgxpool.Conn) (err error) {
		announced, err = s.announced(ctx, conn, after, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("follow from %d: %w", after, err)
	}
	return announced, nil
}

// announced returns what was announced after a position.
func (s *Store) announced(ctx context.Context, conn *pgxpool.Conn, after store.Position, limit int) ([]store.Announcement, error) {
	last, waiting, announced, err := s.look(ctx, conn, after, limit)
	if err == nil && waiting && len(announced) < limit {
		// Whoever has committed it may have died before it was numbered.
		if _, err = s.number(ctx, conn); err == nil {
			last, _, announced, err = s.look(ctx, conn, after, limit)
		}
	}
	if err != nil {
		return nil, err
	}
	s.tail.Learn(last)
	return store.Unbroken(announced, after, last, limit)
}

// look reads the last position, whether announcements wait for theirs, and those
// after a position. The last one is read first, so it is never behind the others.
func (s *Store) look(ctx context.Context, conn *pgxpool.Conn, after store.Position, limit int) (last store.Position, waiting bool, announced []store.Announcement, err error) {
	batch := &pgx.Batch{}
	batch.Queue(`SELECT number, EXISTS (SELECT 1 FROM onesgate_announced) FROM onesgate_state WHERE name = 'position'`).
		QueryRow(func(row pgx.Row) error { return row.Scan(&last, &waiting) })
	batch.Queue(`SELECT position, topic, value FROM onesgate_announcements
			WHERE position > $1 ORDER BY position LIMIT $2`, int64(min(after, maxPosition)), max(limit, 0)).
		Query(func(rows pgx.Rows) (err error) {
			announced, err = pgx.CollectRows(rows, announcement)
			return err
		})
	err = conn.SendBatch(ctx, batch).Close()
	return last, waiting, announced, err
}

// maxPosition is the largest number of the database.
const maxPosition = store.Position(1<<63 - 1)

func announcement(row pgx.CollectableRow) (a store.Announcement, err error) {
	var topic []byte
	err = row.Scan(&a.Position, &topic, &a.Value)
	a.Topic = string(topic)
	return a, err
}

// number gives positions to all announcements that wait for theirs, in the order
// of the numbers they have drawn, and returns the last position. It may always be
// asked again.
//
// The order is that of the commits: a commit that began after another had ended,
// or that has waited for its rows, has drawn its number later; and when it can be
// seen here, so can the other.
func (s *Store) number(ctx context.Context, conn *pgxpool.Conn) (last store.Position, err error) {
	batch := &pgx.Batch{} // one transaction, whose statements see what was committed when each begins
	// Whoever waits for the lock finds nothing left to do.
	batch.Queue(`SELECT number FROM onesgate_state WHERE name = 'position' FOR UPDATE`).
		QueryRow(func(row pgx.Row) error { return row.Scan(&last) })
	batch.Queue(`WITH moved AS (
			DELETE FROM onesgate_announced RETURNING drawn, place, topic, value
		), numbered AS (
			INSERT INTO onesgate_announcements (position, topic, value, expires)
			SELECT s.number + row_number() OVER (ORDER BY m.drawn, m.place), m.topic, m.value, $1
			FROM moved AS m, onesgate_state AS s WHERE s.name = 'position'
			RETURNING position
		)
		UPDATE onesgate_state SET number = number + (SELECT count(*) FROM numbered)
		WHERE name = 'position' AND EXISTS (SELECT 1 FROM numbered)
		RETURNING number`, s.now().Add(store.AnnouncementLife)).
		QueryRow(func(row pgx.Row) error {
			if err := row.Scan(&last); !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			return nil
		})
	if s.listening.Load() {
		batch.Queue(`SELECT pg_notify('` + channel + `', number::text) FROM onesgate_state WHERE name = 'position'`).Exec(anyTag)
	}
	err = conn.SendBatch(ctx, batch).Close()
	return last, err
}

// numberFresh numbers what commits of this process have announced. While one
// round is under way, the next one gathers.
func (s *Store) numberFresh(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.fresh:
		}
		var last store.Position
		err := s.ask(ctx, func(ctx context.Context, conn *pgxpool.Conn) (err error) {
			last, err = s.number(ctx, conn)
			return err
		})
		switch {
		case err == nil:
			s.tail.Learn(last)
		case ctx.Err() == nil:
			s.log.Debug("announcements wait for the next who follows", "error", err)
		}
	}
}
