package pgstore

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/onesgate/onesgate/internal/store"
)

// channel is where positions are notified: whoever has numbered announcements
// tells all gateways the last one.
// https://www.postgresql.org/docs/current/sql-notify.html
const channel = "onesgate"

// How long to wait before listening is tried again, from the first time on.
const (
	firstListenRetry = 250 * time.Millisecond
	maxListenRetry   = 30 * time.Second
)

// listen hears what other gateways have announced, on a connection of its own,
// until ctx ends. Nothing depends on it.
func (s *Store) listen(ctx context.Context, config *pgx.ConnConfig) {
	for retry := firstListenRetry; ctx.Err() == nil; {
		heard, err := s.hear(ctx, config.Copy())
		s.listening.Store(false)
		switch {
		case ctx.Err() != nil:
			return
		case state(err) == syntaxError, state(err) == notSupported:
			s.log.Info("this database can't notify: other gateways are heard a little later", "error", err)
			return
		case heard:
			retry = firstListenRetry
		}
		s.log.Debug("listening to the database has ended", "error", err)
		s.pause(ctx, retry)
		retry = min(2*retry, maxListenRetry)
	}
}

// hear listens until it fails, and reports whether it has begun to.
func (s *Store) hear(ctx context.Context, config *pgx.ConnConfig) (heard bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return false, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.patience)
		defer cancel()
		_ = conn.Close(ctx) // there is nothing left to lose
	}()
	if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
		return false, err
	}
	s.listening.Store(true)
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return true, err
		}
		if last, err := strconv.ParseUint(n.Payload, 10, 63); err == nil { // else it is not ours
			s.tail.Learn(store.Position(last))
		}
	}
}
