package grant_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// faults of one instance's store, and of the instance.
var faults = []string{"away", "full", "in doubt, not written", "in doubt, written", "killed before", "killed after", "paused before", "paused after", "down"}

// A shaky store is the one of all, as one instance reaches it.
type shaky struct {
	store.Store
	mu     sync.Mutex
	fault  string
	in     int // at which commit from now
	pause  time.Duration
	killed bool
	faulty bool // was ever
}

var errKilled = errors.New("the process was killed")

func (s *shaky) next(fault string, in int, pause time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.in, s.pause, s.faulty = fault, in, pause, true
}

func (s *shaky) heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = ""
}

func (s *shaky) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killed = true
}

func (s *shaky) isFaulty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faulty
}

func (s *shaky) isKilled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.killed
}

// excuses says whether an error is one of the store's, or of an instance that ends.
func (s *shaky) excuses(err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faulty || s.killed || strings.Contains(err.Error(), "closed")
}

func (s *shaky) available() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.killed:
		return errKilled
	case s.fault == "down":
		return store.ErrUnavailable
	}
	return nil
}

func (s *shaky) Get(ctx context.Context, key string) (store.Record, error) {
	if err := s.available(); err != nil {
		return store.Record{}, err
	}
	return s.Store.Get(ctx, key)
}

func (s *shaky) Scan(ctx context.Context, prefix, after string, limit int) ([]store.Record, error) {
	if err := s.available(); err != nil {
		return nil, err
	}
	return s.Store.Scan(ctx, prefix, after, limit)
}

func (s *shaky) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	if err := s.available(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	fault := s.fault
	if s.in--; s.in != 0 {
		fault = ""
	} else {
		s.fault = ""
	}
	s.mu.Unlock()
	switch fault {
	case "away":
		return 0, store.ErrUnavailable
	case "full":
		return 0, store.ErrFull
	case "in doubt, not written":
		return 0, store.ErrUnknownOutcome
	case "killed before":
		s.kill()
		return 0, errKilled
	case "paused before":
		time.Sleep(s.pause)
		ctx = context.WithoutCancel(ctx) // the whole process stood still
	}
	version, err := s.Store.Commit(ctx, writes...)
	switch fault {
	case "in doubt, written":
		return 0, store.ErrUnknownOutcome
	case "killed after":
		s.kill()
		return 0, errKilled
	case "paused after":
		time.Sleep(s.pause)
	}
	return version, err
}
