package pgstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/onesgate/onesgate/internal/store"
)

// A Store is an open store. It may be used concurrently.
type Store struct {
	pool     *pgxpool.Pool
	log      *slog.Logger
	now      func() time.Time
	random   func() float64 // in [0,1)
	patience time.Duration  // how long a call waits for the database

	// calls are those under way, which closing waits for. None begins once it is closed.
	calls  sync.WaitGroup
	mu     sync.Mutex
	closed bool

	tail      *store.Tail   // what this process has heard; the database says what there is
	fresh     chan struct{} // holds something after a commit has announced something
	listening atomic.Bool

	stop  context.CancelFunc // ends the tasks
	tasks sync.WaitGroup
}

var _ store.Store = (*Store)(nil)

// enter begins a call; leave ends it.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	s.calls.Add(1)
	return nil
}

func (s *Store) leave() { s.calls.Done() }

// How often a call is tried again.
const (
	busyTries = 10
	lostTries = 1
	firstWait = 2 * time.Millisecond // about that long for others; then longer and longer
	maxWait   = 100 * time.Millisecond
)

// ask lets try ask the database on a connection, again if that may help and can't
// do harm. An ErrUnknownOutcome of try is final.
func (s *Store) ask(ctx context.Context, try func(context.Context, *pgxpool.Conn) error) error {
	bounded, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	for busies, losses := 0, 0; ; {
		conn, err := s.pool.Acquire(bounded)
		sent := err == nil
		if sent {
			err = try(bounded, conn)
			conn.Release() // closes what is not at the end of its transaction
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return err
		case bounded.Err() != nil && !sent:
			return fmt.Errorf("%w within %s: no connection is free: %w", errNoAnswer, s.patience, err)
		case bounded.Err() != nil:
			s.pool.Reset()
			return fmt.Errorf("%w within %s: %w", errNoAnswer, s.patience, err)
		case lost(err):
			s.pool.Reset() // its other connections are no better
			switch losses++; {
			case errors.Is(err, store.ErrUnknownOutcome):
				return err
			case losses > lostTries:
				return inWords(fmt.Errorf("%w: %w", store.ErrUnavailable, err))
			}
		case busy(err) && busies < busyTries:
			s.pause(bounded, min(firstWait<<busies, maxWait))
			busies++
		default:
			return inWords(err)
		}
	}
}

// pause waits for half of d to one and a half of it, or until ctx ends.
func (s *Store) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(time.Duration((0.5 + s.random()) * float64(d)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Close waits for the calls under way, ends the tasks and closes the connections.
// Closing again does nothing, and doesn't wait.
func (s *Store) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		return nil
	}
	s.tail.Close()
	s.calls.Wait()
	s.stop()
	s.tasks.Wait()
	s.pool.Close()
	return nil
}
