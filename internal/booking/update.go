package booking

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// An amendment is a change that a caller wants of a booking.
type amendment struct {
	alteration
	kind changeKind
	// original is the occurrence that is meant, by when it was to start; zero: the booking
	// as a whole. At the door it is the current one.
	original time.Time
	atDoor   bool
	// want is the request as it is to be, of what is meant.
	want func(*record) (Request, error)
	// key, if any, is the caller's Idempotency-Key in the store, and asked a hash of what
	// they ask for with it.
	key, asked string
}

// Update wants a booking changed. Only its organizer may. match, if not nil, has to hold
// for its version. The booking that it returns is as it is now; if the change is on its
// way, then that has been handed to Run, and changing is its id.
func (s *Service) Update(ctx context.Context, c Caller, id string, p Patch, match func(version int) bool) (b Booking, changing string, err error) {
	b, changing, _, err = s.amendBooking(ctx, c, id, amendment{
		alteration: alteration{"update", Caller.owns, match}, kind: updating, want: p.apply,
	})
	return b, changing, err
}

// Extend wants a booking to end later, which is not over yet: the room is looked at first
// for the time that is added. With key, the caller's Idempotency-Key, a repeated call is
// answered with the present state and replayed is true; without, it extends again.
func (s *Service) Extend(ctx context.Context, c Caller, id string, by time.Duration, key string, match func(version int) bool) (b Booking, changing string, replayed bool, err error) {
	a := amendment{
		alteration: alteration{"extend", Caller.owns, match}, kind: extending, atDoor: true,
		want: func(r *record) (Request, error) {
			if r.Request.AllDay {
				return Request{}, refusal{codeInvalidState, "An all-day booking is not extended by minutes: change its end instead."}
			}
			req := r.Request
			req.End = r.wall(r.End.Add(by))
			return req, nil
		},
	}
	if key != "" {
		a.key, a.asked = idempotencyKey(c.Service != "", c.id(), key), hash("extend", id, by.String())
	}
	return s.amendBooking(ctx, c, id, a)
}

// amendBooking makes a change of a booking durable.
func (s *Service) amendBooking(ctx context.Context, c Caller, id string, a amendment) (b Booking, changing string, replayed bool, err error) {
	r, err := s.journal.get(ctx, id)
	if err != nil {
		return Booking{}, "", false, err
	}
	if !a.may(c, &r) {
		return Booking{}, "", false, c.refuse(&r)
	}
	if err = s.askedBefore(ctx, a); err == nil {
		var next *change
		if next, err = s.proposed(&r, a); err == nil {
			err = s.possible(ctx, c, &r, next)
		}
		if err == nil {
			r, err = s.propose(ctx, c, &r, a, s.world().Rooms[next.Request.Room])
		}
	}
	if err != nil && !errors.Is(err, errUnchanged) && !errors.Is(err, errReplayed) {
		return Booking{}, "", false, err
	}
	if r.Change != nil {
		changing = r.Change.ID
	}
	return c.view(&r), changing, errors.Is(err, errReplayed), nil
}

// errReplayed ends an amendment that was asked for before with the same key.
var errReplayed = errors.New("this was asked for before")

// askedBefore returns errReplayed if the amendment was asked for before, and errMismatch
// if its key was used for something else.
func (s *Service) askedBefore(ctx context.Context, a amendment) error {
	if a.key == "" {
		return nil
	}
	made, ok, err := s.journal.claimed(ctx, a.key)
	switch {
	case err != nil || !ok:
		return err
	case made.Request != a.asked:
		return errMismatch
	}
	return errReplayed
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
	after := *r
	after.Change = next
	more := after.changed().slots()
	if next.Request.Room == r.Request.Room {
		more = minus(more, r.slots())
	}
	return s.roomFree(ctx, c, r.PersonID, s.world().Rooms[next.Request.Room], more, r.ID)
}

// propose makes a change durable, unless another booking of ours holds its time in the
// room that it is in then.
func (s *Service) propose(ctx context.Context, c Caller, of *record, a amendment, room Room) (record, error) {
	release, err := s.locks.acquire(ctx, room.Name)
	if err != nil {
		return record{}, err
	}
	var held []block
	var wanted []period
	r, err := s.alterWith(ctx, c, of.ID, a.alteration, func(ctx context.Context, r *record) (writes []store.Write, err error) {
		if err := s.askedBefore(ctx, a); err != nil {
			return nil, err
		}
		if r.Change, err = s.proposed(r, a); err != nil {
			return nil, err
		}
		if a.key != "" {
			write, err := claim{ID: r.ID, Request: a.asked}.write(a.key, r.Change.End)
			if err != nil {
				return nil, err
			}
			r.Claims, writes = append(slices.Clone(r.Claims), a.key), append(writes, write)
		}
		if !r.Change.Asks {
			return writes, nil
		}
		wanted = r.changed().slots()
		took, err := s.journal.take(ctx, room.Name, r.ID)
		if err != nil {
			return nil, err
		}
		if held, err = s.heldByOthers(ctx, room.Name, r.ID, wanted); err == nil && len(held) > 0 {
			err = errHeld
		}
		return append(writes, took), err
	})
	release()
	if errors.Is(err, errHeld) {
		err = s.conflict(ctx, c, room, wanted, held)
	}
	return r, err
}

// errHeld: another booking of ours holds the time.
var errHeld = errors.New("the room is held by another booking")

// meant is what an amendment is about, as it is: the booking or one of its occurrences, and
// by what name; or why that can't be changed now, errUnchanged if it is being changed so already.
func (s *Service) meant(r *record, a amendment) (part *record, original time.Time, err error) {
	now := s.now()
	original = a.original
	switch {
	case r.beingCancelled():
		return nil, original, errCancelling
	case !r.Status.holdsRoom():
		return nil, original, invalidState(r, "changed")
	case r.Change != nil && a.asksFor(r):
		return nil, original, errUnchanged
	case r.Change != nil:
		return nil, original, errChanging
	}
	if a.atDoor && r.isSeries() {
		o, ok := r.current(now)
		if !ok {
			return nil, original, r.notAtDoor(now)
		}
		original = o.original
	}
	if !original.IsZero() {
		switch o, ok := r.occurrence(original); {
		case !ok:
			return nil, original, errNoSuchOccurrence
		case o.gone():
			return nil, original, refusal{codeInvalidState, "This occurrence is " + string(o.Status) + " already."}
		}
	}
	part = r.part(original)
	if !now.Before(part.lastEnd()) {
		err = errOver
	}
	return part, original, err
}

// proposed is the change of a booking that an amendment asks for, or why there can be
// none; errUnchanged: it is so already.
func (s *Service) proposed(r *record, a amendment) (*change, error) {
	world := s.world()
	room, ok := world.Rooms[r.Request.Room]
	if !ok {
		return nil, errUnknownRoom
	}
	part, original, err := s.meant(r, a)
	if err != nil {
		return nil, err
	}
	req, err := a.want(part)
	if err != nil {
		return nil, err
	}
	if part.isSeries() { // as it is by now: it was asked for with a day and a zone that it may leave
		if req.Recurrence, err = asMap(*part.Rule); err != nil {
			return nil, err
		}
	}
	if req.Room != r.Request.Room {
		if room, ok = world.Rooms[req.Room]; !ok || room.Integration != r.Integration {
			return nil, errUnknownRoom
		}
		if !original.IsZero() {
			return nil, invalid{{"body.room", "a single occurrence can't go to another room: cancel it, and book it there", req.Room}}
		}
	}
	when, wrong := req.check(room, world.Rooms, s.now(), &period{part.Start, part.End})
	if wrong != nil {
		return nil, invalid(wrong)
	}
	c := r.newChange(a.kind, original)
	c.Request, c.Start, c.End, c.Zone, c.Rule = req, when.start.UTC(), when.end.UTC(), when.zone.String(), when.rule
	c.Asks = !c.Start.Equal(part.Start) || !c.End.Equal(part.End) || c.Request.AllDay != part.Request.AllDay || req.Room != part.Request.Room
	if req.Room != part.Request.Room {
		moved := room.terms()
		c.Terms = &moved
	}
	switch {
	case part.isSeries() && c.Zone != part.Zone && c.Start.Equal(part.Start) && c.End.Equal(part.End):
		// The times of its event would not be written anew, and later dates not be the same.
		return nil, invalid{{"body.time_zone", "a series that stays at its time keeps its time zone, " + part.Zone + ": cancel it, and book it anew", c.Zone}}
	case !c.Asks && req.saysAs(part.Request):
		return nil, errUnchanged
	case !c.Asks:
		c.Rule = nil
	case part.isSeries() && len(part.Exceptions) > 0:
		return nil, refusal{codeInvalidState, "Some occurrences of the series have been changed by themselves, which a new time would undo: change the occurrences."}
	case !original.IsZero():
		err = r.betweenNeighbours(original, c.Start, c.End)
	}
	if err == nil && !original.IsZero() {
		err = r.hasRoomFor(c)
	}
	return c, err
}

// asksFor says whether an amendment is that for which the booking is changing already: it is
// a call that was sent again. To extend is to extend once more, unless its key says otherwise.
func (a amendment) asksFor(r *record) bool {
	c := r.Change
	if c.Kind != updating || a.kind != updating || !c.Original.Equal(a.original) {
		return false
	}
	req, err := a.want(r.part(c.Original))
	req.Recurrence = c.Request.Recurrence // no patch changes it
	return err == nil && reflect.DeepEqual(req, c.Request)
}

// saysAs says whether two requests for the same time, or series, ask for the same, however
// that is written.
func (r Request) saysAs(other Request) bool {
	r.Start, r.End, r.TimeZone, r.Recurrence = other.Start, other.End, other.TimeZone, other.Recurrence
	return reflect.DeepEqual(r, other)
}

// minus are the parts of periods that are outside of others.
func minus(periods, others []period) []period {
	left := periods
	for _, o := range others {
		var parts []period
		for _, p := range left {
			before, after := period{p.start, earlier(p.end, o.start)}, period{later(p.start, o.end), p.end}
			for _, part := range []period{before, after} {
				if part.start.Before(part.end) {
					parts = append(parts, part)
				}
			}
		}
		left = parts
	}
	return left
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
