package booking

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// Get returns a booking that the caller may see, or errNotFound.
func (s *Service) Get(ctx context.Context, c Caller, id string) (Booking, error) {
	r, err := s.journal.get(ctx, id)
	if err != nil {
		return Booking{}, err
	}
	if !c.sees(&r) {
		return Booking{}, errNotFound
	}
	return c.view(&r), nil
}

// Wait waits until nothing more will happen to a booking soon, at most d, and
// returns it as it is then. settled says that it isn't on its way any more.
func (s *Service) Wait(ctx context.Context, c Caller, id string, d time.Duration) (b Booking, settled bool, err error) {
	changed, leave := s.waiters.join(id)
	defer leave()
	timer := time.NewTimer(d)
	defer timer.Stop()
	again := time.NewTicker(look)
	defer again.Stop()
	var r *record // nil: it has to be read
	for timeout := d <= 0; ; {
		if r == nil {
			read, err := s.journal.get(ctx, id)
			if err != nil {
				return Booking{}, false, err
			}
			r = &read
		}
		settled := !r.open() || r.rests() || r.Status == NeedsSignIn && !r.Withdraw
		if settled || timeout {
			return c.view(r), !r.open() || r.rests(), nil
		}
		select {
		case r = <-changed:
		case <-again.C: // another instance may carry it on
			r = nil
		case <-timer.C:
			r, timeout = nil, true
		case <-ctx.Done():
			return Booking{}, false, ctx.Err()
		}
	}
}

// A Filter says which bookings to list; what is empty doesn't matter.
type Filter struct {
	Room       string
	From, To   time.Time
	Status     Status
	ExternalID string
	// Cursor is where an earlier list ended.
	Cursor string
	Limit  int
}

// maxRead bounds how many index entries one list looks at. A list that found
// little by then is short, but has a cursor.
const maxRead = 2000

// List returns the bookings that the caller may see, in order of their start,
// and where to go on; "": there are no more. A window finds what overlaps it.
func (s *Service) List(ctx context.Context, c Caller, f Filter) (found []Booking, next string, err error) {
	found = []Booking{}
	fits := func(r *record) bool {
		return c.sees(r) && (f.Room == "" || r.Request.Room == f.Room) && (f.Status == "" || r.Status == f.Status) &&
			(f.ExternalID == "" || r.Request.ExternalID == f.ExternalID)
	}
	if f.ExternalID != "" {
		return s.listExternal(ctx, c, f, fits)
	}
	prefix := startPrefix
	switch {
	case c.Room != "":
		prefix = roomPrefix(c.Room)
	case c.Person != nil:
		prefix = personPrefix(c.Person.ID)
	case f.Room != "":
		prefix = roomPrefix(f.Room)
	}
	records, next, err := s.journal.list(ctx, prefix, f, fits)
	for _, r := range records {
		found = append(found, c.view(r))
	}
	return found, next, err
}

// list returns the bookings that an index leads to and that fit, each once, and where to
// go on; "": there are no more.
func (j journal) list(ctx context.Context, prefix string, f Filter, fits func(*record) bool) (found []*record, next string, err error) {
	last, firsts := "", map[string]string{}
	more, err := j.walk(ctx, prefix, f.Cursor, f.From, f.To, maxRead, func(e entry) bool {
		if !fits(e.record) {
			return true
		}
		first, known := firsts[e.record.ID]
		if !known {
			first = e.record.first(prefix, f.From)
			firsts[e.record.ID] = first
		}
		if first < e.position && first != "" {
			return true
		}
		if len(found) == f.Limit {
			next = last
			return false
		}
		found, last = append(found, e.record), e.position
		return true
	})
	if err != nil {
		return nil, "", err
	}
	return found, cmp.Or(next, more), nil
}

// listExternal finds by the service's own id: at most one in each integration.
func (s *Service) listExternal(ctx context.Context, c Caller, f Filter, fits func(*record) bool) (found []Booking, next string, err error) {
	found = []Booking{}
	for name := range s.world().Integrations {
		made, ok, err := s.journal.claimed(ctx, externalKey(name, f.ExternalID))
		if err != nil {
			return nil, "", err
		}
		if !ok {
			continue
		}
		r, err := s.journal.get(ctx, made.ID)
		if errors.Is(err, errNotFound) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		inside := (f.From.IsZero() || r.lastEnd().After(f.From)) && (f.To.IsZero() || r.Start.Before(f.To))
		if inside && fits(&r) {
			found = append(found, c.view(&r))
		}
	}
	return found, "", nil
}
