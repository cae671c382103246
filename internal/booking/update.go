package booking

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// Update wants a booking changed. Only its organizer may. match, if not nil, has to hold
// for its version. The booking that it returns is as it is now; if the change is on its
// way, then that has been handed to Run, and change is its id.
func (s *Service) Update(ctx context.Context, c Caller, id string, p Patch, match func(version int) bool) (b Booking, change string, err error) {
	return s.amendBooking(ctx, c, id, updating, alteration{"update", Caller.owns, match}, p.apply)
}

// Extend wants a booking to end later, which is not over yet: the room is looked at first
// for the time that is added. Repeats with the same key extend once.
func (s *Service) Extend(ctx context.Context, c Caller, id string, by time.Duration, match func(version int) bool) (b Booking, change string, err error) {
	return s.amendBooking(ctx, c, id, extending, alteration{"extend", Caller.atDoor, match}, func(r *record) (Request, error) {
		if r.Request.AllDay {
			return Request{}, refusal{codeInvalidState, "An all-day booking is not extended by minutes: change its end instead."}
		}
		req := r.Request
		req.End = r.wall(r.End.Add(by))
		return req, nil
	})
}

// amendBooking makes a change of a booking durable, to what want makes of its request.
func (s *Service) amendBooking(ctx context.Context, c Caller, id string, kind changeKind, what alteration,
	want func(*record) (Request, error),
) (b Booking, change string, err error) {
	r, err := s.journal.get(ctx, id)
	if err != nil {
		return Booking{}, "", err
	}
	if !what.may(c, &r) {
		return Booking{}, "", c.refuse(&r)
	}
	next, err := s.proposed(&r, kind, want)
	if err == nil {
		err = s.possible(ctx, c, &r, next)
	}
	if err == nil {
		r, err = s.propose(ctx, c, &r, kind, what, want)
	}
	if err != nil && !errors.Is(err, errUnchanged) {
		return Booking{}, "", err
	}
	if r.Change != nil {
		change = r.Change.ID
	}
	return c.view(&r), change, nil
}

// possible refuses a change that is known to fail: nobody could bring it to Microsoft, or
// the room is not free for the time that it adds.
func (s *Service) possible(ctx context.Context, c Caller, r *record, next *change) error {
	if err := s.connected(ctx, c, r.PersonID); err != nil {
		return err
	}
	if !next.Asks {
		return nil
	}
	room := s.world().Rooms[r.Request.Room]
	for _, more := range minus(period{next.Start, next.End}, period{r.Start, r.End}) {
		if err := s.roomFree(ctx, c, r.PersonID, room, more, r.ID); err != nil {
			return err
		}
	}
	return nil
}

// propose makes a change durable, unless another booking of ours holds its time.
func (s *Service) propose(ctx context.Context, c Caller, of *record, kind changeKind, what alteration,
	want func(*record) (Request, error),
) (record, error) {
	room := s.world().Rooms[of.Request.Room]
	release, err := s.locks.acquire(ctx, room.Name)
	if err != nil {
		return record{}, err
	}
	var held []block
	var wanted period
	r, err := s.alterWith(ctx, c, of.ID, what, func(ctx context.Context, r *record) ([]store.Write, error) {
		next, err := s.proposed(r, kind, want)
		if err != nil {
			return nil, err
		}
		r.Change, wanted = next, period{next.Start, next.End}
		if !next.Asks {
			return nil, nil
		}
		took, err := s.journal.take(ctx, room.Name, r.ID)
		if err != nil {
			return nil, err
		}
		if held, err = s.ownBlocks(ctx, room.Name, r.ID, wanted.start, wanted.end); err == nil && len(held) > 0 {
			err = errHeld
		}
		return []store.Write{took}, err
	})
	release()
	if errors.Is(err, errHeld) {
		err = s.conflict(ctx, c, room, wanted, held)
	}
	return r, err
}

// errHeld: another booking of ours holds the time.
var errHeld = errors.New("the room is held by another booking")

// proposed is the change of a booking to what want makes of its request, or why there can
// be none; errUnchanged: it is so already.
func (s *Service) proposed(r *record, kind changeKind, want func(*record) (Request, error)) (*change, error) {
	world := s.world()
	room, ok := world.Rooms[r.Request.Room]
	switch now := s.now(); {
	case !ok:
		return nil, errUnknownRoom
	case r.Withdraw || !r.Status.holdsRoom():
		return nil, invalidState(r, "changed")
	case r.Change != nil:
		return nil, errChanging
	case !now.Before(r.End):
		return nil, errOver
	}
	req, err := want(r)
	if err != nil {
		return nil, err
	}
	when, wrong := req.check(room, world.Rooms, s.now(), &period{r.Start, r.End})
	if wrong != nil {
		return nil, invalid(wrong)
	}
	c := r.newChange(kind)
	c.Request, c.Start, c.End, c.Zone = req, when.start.UTC(), when.end.UTC(), when.zone.String()
	c.Asks = !c.Start.Equal(r.Start) || !c.End.Equal(r.End) || c.Request.AllDay != r.Request.AllDay
	if !c.Asks && req.saysAs(r.Request) {
		return nil, errUnchanged
	}
	return c, nil
}

// saysAs says whether two requests for the same time ask for the same, however that time
// is written.
func (r Request) saysAs(other Request) bool {
	r.Start, r.End, r.TimeZone = other.Start, other.End, other.TimeZone
	return reflect.DeepEqual(r, other)
}

// minus are the parts of a period that are outside of another.
func minus(p, q period) (parts []period) {
	if before := (period{p.start, earlier(p.end, q.start)}); before.start.Before(before.end) {
		parts = append(parts, before)
	}
	if after := (period{later(p.start, q.end), p.end}); after.start.Before(after.end) {
		parts = append(parts, after)
	}
	return parts
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
