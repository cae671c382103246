package booking

import (
	"context"
	"maps"
	"sync"
	"time"
)

// How long things take that nobody waits for.
const (
	// turnLife bounds one turn of a booking.
	turnLife = time.Minute
	// claimLife is for how long a turn is claimed: while it lasts, no other
	// instance finds the booking due.
	claimLife = turnLife + 15*time.Second
	// holdOff is how long a booking rests whose state could not be written.
	holdOff = 30 * time.Second
	// look is how often the journal is looked at: what has become due at
	// another instance is seen no later.
	look = time.Second
)

// Resume carries on what has been waiting for the person to sign in. It returns
// at once; Run does the work.
func (s *Service) Resume(personID string) {
	s.queue.mu.Lock()
	s.queue.people[personID] = struct{}{}
	s.queue.mu.Unlock()
	notify(s.queue.asked)
}

// ResumeAll carries on all that is open, since what it waits for may be there now.
// It returns at once; FollowUp does the work, some at a time.
func (s *Service) ResumeAll() {
	s.queue.mu.Lock()
	s.queue.all = true
	s.queue.mu.Unlock()
	notify(s.queue.freed)
}

// Run carries on the bookings that somebody has just asked this instance for,
// until ctx ends, and returns when nothing that it started runs any more. It is
// to be called once.
func (s *Service) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer func() {
		running.Wait()
		for _, id := range s.queue.unbegun() {
			s.handBack(ctx, id)
		}
	}()
	for ctx.Err() == nil {
		var wait time.Duration // until somebody asks
		if err := s.wakeSignedIn(ctx); err != nil {
			wait = s.journalFailed(ctx, err)
		}
		for _, id := range s.queue.takeUrgent() {
			running.Go(func() { s.carryOn(ctx, id, nil) })
		}
		rest(ctx, s.queue.asked, wait)
	}
}

// FollowUp carries on all open bookings when they are due, until ctx ends, and
// returns when nothing that it started runs any more. One instance on a store is
// enough. Where there is never another one, all that is open is taken up at once: the
// process that knew of it has gone.
func (s *Service) FollowUp(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	start := func(d due) {
		at := &d.at
		if d.asked {
			at = nil
		}
		running.Go(func() { s.carryOn(ctx, d.id, at) })
	}
	var backlog []due
	var tended time.Time
	for inherited := s.sole; ctx.Err() == nil; {
		var wait time.Duration
		var err error
		if now := s.now(); now.Sub(tended) >= tendEvery {
			tended, err = now, s.tendLines(ctx)
		}
		if inherited = s.queue.takeAll() || inherited; inherited && err == nil {
			backlog, err = s.allOpen(ctx)
			inherited = err != nil
		}
		if err == nil {
			backlog, wait, err = s.dispatch(ctx, backlog, start)
		}
		if err != nil {
			wait = s.journalFailed(ctx, err)
		}
		rest(ctx, s.queue.freed, wait)
	}
}

// journalFailed tells the operator, and returns when to try again.
func (s *Service) journalFailed(ctx context.Context, err error) time.Duration {
	if ctx.Err() == nil {
		s.log.ErrorContext(ctx, "the journal of bookings cannot be read; trying again", "error", err)
	}
	return holdOff
}

// rest returns when ctx ends, there is a signal, or d is over; 0: it never is.
func rest(ctx context.Context, signal <-chan struct{}, d time.Duration) {
	var over <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-ctx.Done():
	case <-signal:
	case <-over:
	}
}

// allOpen returns all open bookings but those that rest. Where other instances may have their
// turns they are asked for; else what stands there as a turn is that of a process that has gone.
func (s *Service) allOpen(ctx context.Context) (all []due, err error) {
	for position := ""; ; {
		found, next, err := s.journal.openAfter(ctx, position)
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			if d.asked = !s.sole; !d.rests {
				all = append(all, d)
			}
		}
		if next == "" {
			return all, nil
		}
		position = next
	}
}

// dispatch starts what can start now: the backlog, and what is due. It returns
// what is left of the backlog and when to look again.
func (s *Service) dispatch(ctx context.Context, backlog []due, start func(due)) (left []due, wait time.Duration, err error) {
	now := s.now()
	for i, d := range backlog {
		taken, full := s.queue.takeBackground(d.id, now)
		if full {
			return backlog[i:], look, nil // whoever finishes gives a signal
		}
		if taken {
			start(d)
		}
	}
	for position := ""; ; {
		found, next, err := s.journal.openAfter(ctx, position)
		if err != nil {
			return nil, 0, err
		}
		for _, d := range found {
			if wait := d.at.Sub(now); wait > 0 {
				return nil, min(wait, look), nil
			}
			taken, full := s.queue.takeBackground(d.id, now)
			if full {
				return nil, look, nil
			}
			if taken {
				start(d)
			}
		}
		if next == "" {
			return nil, look, nil
		}
		position = next
	}
}

// wakeSignedIn makes the waiting bookings of people who have signed in urgent.
func (s *Service) wakeSignedIn(ctx context.Context) error {
	s.queue.mu.Lock()
	people := s.queue.people
	s.queue.people = map[string]struct{}{}
	s.queue.mu.Unlock()
	defer func() { // who is left is tried with the next
		s.queue.mu.Lock()
		defer s.queue.mu.Unlock()
		maps.Copy(s.queue.people, people)
	}()
	for id := range people {
		_, err := s.journal.walk(ctx, personPrefix(id), "", s.now().Add(-maxSpan), time.Time{}, noLimit, func(e entry) bool {
			if r := e.record; r.open() && (r.Status == NeedsSignIn || r.Tries > 0) {
				s.queue.wake(r.ID)
			}
			return true
		})
		if err != nil {
			return err
		}
		delete(people, id)
	}
	return nil
}

// carryOn gives a booking its turn, unless another instance has it. at is when it
// was due; nil: somebody has just asked for it.
func (s *Service) carryOn(ctx context.Context, id string, at *time.Time) {
	handed, fresh := s.queue.begin(id)
	turn, cancel := context.WithTimeout(ctx, turnLife)
	defer cancel()
	r, mine, kept, err := s.turn(turn, id, at, handed)
	due := false
	if mine {
		due, err = s.advance(turn, r, fresh && kept)
	}
	if ctx.Err() != nil {
		s.handBack(ctx, id)
	}
	var hold time.Time
	if err != nil && ctx.Err() == nil {
		s.log.ErrorContext(ctx, "a booking's state could not be read or written; trying again", "booking", id, "error", err)
		hold = s.now().Add(holdOff)
	}
	s.queue.finish(id, hold, due)
}

// turn claims a booking's turn. One that was handed over a moment ago is claimed since it was
// accepted, and so not read again; what has become of it since is seen when its first
// result is written.
func (s *Service) turn(ctx context.Context, id string, at *time.Time, handed *record) (r record, mine, kept bool, err error) {
	next := s.now().UTC().Add(claimLife)
	if handed != nil && handed.claimLasts(next) {
		return *handed, true, true, nil
	}
	return s.journal.claim(ctx, id, at, next)
}

// handBack lets another instance have the turn at once, as this one stops.
func (s *Service) handBack(ctx context.Context, id string) {
	ctx, cancel := durable(ctx)
	defer cancel()
	if err := s.journal.release(ctx, id, s.queue.wanted(id)); err != nil {
		s.log.WarnContext(ctx, "a booking could not be handed back; it goes on when its claim has run out", "booking", id, "error", err)
	}
}
