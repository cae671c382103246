package booking

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/rooms"
)

// release tells which occurrence is released next unless somebody checks in, and when.
// What was booked late has its time from then on.
func (r *record) release(now time.Time) (at, original time.Time, ok bool) {
	if r.CheckIn == 0 || r.Status != Confirmed {
		return at, original, false
	}
	for _, o := range r.occurrences() {
		at := later(o.start, r.CreatedAt).Add(r.CheckIn)
		if !o.gone() && o.CheckedInAt.IsZero() && at.Before(o.end) && now.Before(o.end) {
			return at, o.original, true
		}
	}
	return at, original, false
}

// look is taken when the time of a booking that rests has come: nobody has checked in.
func (s *Service) look(ctx context.Context, r record) (record, error) {
	room, ok := s.world().Rooms[r.Request.Room]
	return s.update(ctx, r.ID, func(r *record) {
		now := s.now().UTC()
		at, original, due := r.release(now)
		switch {
		case !r.rests(): // something has come up meanwhile
			r.NextAt = now
		case !ok || room.CheckIn == 0: // not asked for any more
			r.NextAt = time.Time{}
		case !due || now.Before(at):
			r.rest(now)
		default:
			r.Change = r.newRelease(original, reasonReleased)
			r.NextAt = now
		}
	})
}

// newRelease is the release of an occurrence, or of the booking as a whole, for a reason.
func (r *record) newRelease(original time.Time, reason string) *change {
	c := r.newChange(releasing, original)
	c.Comment = reason
	return c
}

// Release gives the room back, as somebody at its door wants it: of a series, that of the
// present occurrence. The meeting stays. changing is the id of what has to be told Microsoft.
func (s *Service) Release(ctx context.Context, c Caller, id string, match func(version int) bool) (b Booking, changing string, err error) {
	r, err := s.alter(ctx, c, id, alteration{"release", Caller.atDoor, match}, func(r *record) error {
		now := s.now().UTC()
		switch {
		case r.Status == Released, r.Change != nil && r.Change.Kind == releasing:
			return errUnchanged
		case r.Status != Confirmed:
			return invalidState(r, "released")
		case r.Change != nil:
			return errChanging
		case !now.Before(r.lastEnd()):
			return errOver
		}
		original := time.Time{}
		if r.isSeries() {
			o, ok := r.current(now)
			if !ok {
				return r.notAtDoor(now)
			}
			original = o.original
		}
		r.Change = r.newRelease(original, reasonGivenBack)
		return nil
	})
	if r.Change != nil {
		changing = r.Change.ID
	}
	return c.view(&r), changing, done(err)
}

// needsThem says whether a step failed for want of the person alone.
func needsThem(err error) bool {
	return errors.Is(err, grant.ErrNeedsSignIn) || errors.Is(err, grant.ErrNeedsAdminConsent)
}

// releaseAsRoom releases a booking whose organizer has no working grant, with that of the
// room's own account, if the room is connected with it: the room declines what it had
// accepted. why is what the organizer's grant lacks.
func (s *Service) releaseAsRoom(ctx context.Context, r record, g *graph.Client, why error) (record, error) {
	connected, err := s.accounts(ctx)
	if err != nil {
		return r, err
	}
	own := false
	for _, a := range connected {
		own = own || a.Integration == r.Integration && a.Room == r.Request.Room && strings.EqualFold(a.Mailbox, r.RoomAddress)
	}
	if !own {
		return s.stumble(ctx, r, why)
	}
	mailbox := s.mailbox(ctx, rooms.GrantOwner(r.Integration, r.Request.Room), true)
	mailbox.Target = r.RoomAddress
	event, found, err := g.EventByICalUID(ctx, mailbox, r.ICalUID)
	if err == nil && found && !r.Change.Original.IsZero() {
		copied := r
		copied.EventID = event.ID
		event, err = eventOf(ctx, g, mailbox, &copied, r.Change.Original)
		found = !errors.Is(err, errNoOccurrence)
	}
	if err == nil && found && r.movedOn(event, s.now()) {
		return s.keep(ctx, r, event)
	}
	if err == nil && found {
		if r, err = s.sending(ctx, r, event); err != nil {
			return r, err
		}
		err = g.Decline(ctx, mailbox, event.ID, r.Change.Comment)
	}
	if err != nil && !graph.IsGone(err) && !errors.Is(err, errNoOccurrence) {
		return s.stumble(ctx, r, err)
	}
	return s.updateChange(ctx, r, func(r *record) { r.conclude(changeMade, "", s.now().UTC()) })
}
