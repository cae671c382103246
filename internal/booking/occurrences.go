package booking

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/onesgate/onesgate/internal/recurrence"
	"github.com/onesgate/onesgate/internal/store"
)

// An Occurrence is one date of a series, as callers are told.
type Occurrence struct {
	OriginalStart time.Time  `json:"original_start" doc:"When it was to start: its name, which stays when it is moved"`
	Start         time.Time  `json:"start"`
	End           time.Time  `json:"end"`
	Status        Status     `json:"status" enum:"accepted,awaiting_room,confirmed,declined,needs_sign_in,failed,expired,cancelled,released"`
	Reason        string     `json:"reason,omitempty"`
	Subject       string     `json:"subject"`
	Attendees     []string   `json:"attendees" nullable:"false"`
	Changed       bool       `json:"changed" doc:"It was changed by itself"`
	CheckedInAt   *time.Time `json:"checked_in_at"`
}

// Occurrences lists the dates of a booking that the caller may see; one that is no series
// has one.
func (s *Service) Occurrences(ctx context.Context, c Caller, id string) ([]Occurrence, error) {
	r, err := s.journal.get(ctx, id)
	if err != nil {
		return nil, err
	}
	if !c.sees(&r) {
		return nil, errNotFound
	}
	return r.told(c), nil
}

func (r *record) told(c Caller) []Occurrence {
	all := []Occurrence{}
	zone := r.location()
	for _, o := range r.occurrences() {
		req := r.Request
		if o.Request != nil {
			req = *o.Request
		}
		told := Occurrence{
			OriginalStart: later(o.original, time.Time{}).In(zone), Start: o.start.In(zone), End: o.end.In(zone), Status: r.Status, Reason: r.Reason,
			Subject: req.Subject, Attendees: append([]string{}, req.Attendees...), Changed: o.Request != nil,
		}
		if !r.isSeries() {
			told.OriginalStart = told.Start
		}
		if o.gone() && r.Status.holdsRoom() {
			told.Status, told.Reason = o.Status, o.Reason
		}
		if !o.CheckedInAt.IsZero() {
			told.CheckedInAt = &o.CheckedInAt
		}
		if (r.Request.Private || req.Private) && !c.owns(r) {
			told.Subject, told.Attendees = "", []string{}
		}
		if c.Room != "" {
			told.Attendees = []string{} // as in a booking at the door
		}
		all = append(all, told)
	}
	return all
}

// UpdateOccurrence is Update for one occurrence of a series.
func (s *Service) UpdateOccurrence(ctx context.Context, c Caller, id string, original time.Time, p Patch, match func(version int) bool) (b Booking, changing string, err error) {
	a := amendment{alteration: alteration{"update", Caller.owns, match}, kind: updating, original: original, want: p.apply}
	if a.original, err = s.named(ctx, c, id, original); err != nil {
		return Booking{}, "", err
	}
	b, changing, _, err = s.amendBooking(ctx, c, id, a)
	return b, changing, err
}

// named is the occurrence that was to start at a time; of a booking that is no series, the
// zero time for itself. Who may not see the booking is not told what its dates are.
func (s *Service) named(ctx context.Context, c Caller, id string, original time.Time) (time.Time, error) {
	r, err := s.journal.get(ctx, id)
	switch {
	case err != nil:
		return time.Time{}, err
	case !c.sees(&r):
		return time.Time{}, c.refuse(&r)
	case !r.isSeries() && !original.Equal(r.Start):
		return time.Time{}, errNoSuchOccurrence
	case !r.isSeries():
		return time.Time{}, nil
	}
	return original, nil
}

// CancelOccurrence cancels an occurrence of a series, or with following it and all after it.
// Where nothing would be left, it returns errWhole: the booking is to be cancelled then.
func (s *Service) CancelOccurrence(ctx context.Context, c Caller, id string, original time.Time, following bool, comment string, match func(version int) bool) (b Booking, changing string, err error) {
	original, err = s.named(ctx, c, id, original)
	if err != nil {
		return Booking{}, "", err
	}
	r, err := s.alter(ctx, c, id, alteration{"cancel", Caller.owns, match}, func(r *record) error {
		if err := r.mayCancel(original, s.now()); err != nil {
			return err
		}
		if !r.leaves(original, following) {
			return errWhole
		}
		if !following {
			r.Change = r.newChange(cancelling, original)
			r.Change.Comment = comment
			return nil
		}
		return r.truncate(original)
	})
	if r.Change != nil {
		changing = r.Change.ID
	}
	return c.view(&r), changing, done(err)
}

// errWhole: cancelling that is cancelling the booking.
var errWhole = errors.New("nothing of the booking would be left")

// mayCancel says why an occurrence can't be cancelled; errUnchanged: it is so already.
func (r *record) mayCancel(original, now time.Time) error {
	o, ok := r.occurrence(original)
	switch {
	case original.IsZero():
		return errWhole
	case !ok:
		return errNoSuchOccurrence
	case r.beingCancelled():
		return errCancelling
	case !r.Status.holdsRoom():
		return invalidState(r, "changed")
	case r.Change != nil:
		return errChanging
	case o.gone():
		return errUnchanged
	case !now.Before(o.end):
		return errOver
	}
	return nil
}

// leaves says whether something is left without an occurrence, or without it and all after it.
func (r *record) leaves(original time.Time, following bool) bool {
	for _, o := range r.occurrences() {
		before := o.original.Before(original)
		if !o.gone() && !o.original.Equal(original) && (before || !following) {
			return true
		}
	}
	return false
}

// truncate has the series end before an occurrence.
func (r *record) truncate(original time.Time) error {
	rule, err := r.Rule.Until(r.span(), original)
	if err != nil {
		return err
	}
	c := r.newChange(truncating, time.Time{})
	c.Rule = &rule
	r.Change = c
	c.Request.Recurrence, err = asMap(rule)
	return err
}

// UpdateFollowing changes an occurrence of a series and all after it: the series ends before
// it, and the rest is a booking of its own, which is returned; it goes on to Microsoft when
// the series has ended there.
func (s *Service) UpdateFollowing(ctx context.Context, c Caller, id string, original time.Time, p Patch, key string, match func(version int) bool) (b Booking, replayed bool, err error) {
	var claims []string
	var asked string
	if key != "" {
		if asked, err = p.hash("following", id, name(original)); err != nil {
			return Booking{}, false, err
		}
		claims = []string{idempotencyKey(c.Service != "", c.id(), key)}
		if r, ok, err := s.replay(ctx, claims, asked); err != nil || ok {
			return c.view(&r), ok, err
		}
	}
	r, err := s.cut(ctx, c, id, original, p, asked, claims, match)
	if err != nil { // the first call, of which this is a repeat, may have cut it a moment ago
		if first, ok, err := s.replay(ctx, claims, asked); err == nil && ok {
			return c.view(&first), true, nil
		}
		return Booking{}, false, err
	}
	return c.view(&r), false, nil
}

// cut makes the rest of a series a booking of its own, together with the caller's keys.
func (s *Service) cut(ctx context.Context, c Caller, id string, original time.Time, p Patch, asked string, claims []string, match func(version int) bool) (next record, err error) {
	original, err = s.named(ctx, c, id, original)
	if err != nil {
		return record{}, err
	}
	old, err := s.journal.get(ctx, id)
	if err != nil {
		return record{}, err
	}
	if !c.owns(&old) {
		return record{}, c.refuse(&old)
	}
	if !old.leavesBefore(original) {
		return record{}, refusal{codeInvalidState, "This is the first occurrence that is left: change the booking as a whole."}
	}
	if err := old.mayCutAt(original, s.now()); err != nil { // else what it has become would be in its way
		return record{}, err
	}
	var room Room
	next, room, err = s.restOf(c, &old, original, p)
	if err != nil {
		return record{}, err
	}
	next.Trail = s.mark(ctx)
	if err := s.connected(ctx, c, old.PersonID); err != nil {
		return record{}, err
	}
	more := next.slots()
	if room.Name == old.Request.Room {
		more = minus(more, old.slots())
	}
	if err := s.roomFree(ctx, c, old.PersonID, room, more, id); err != nil {
		return record{}, err
	}
	release, err := s.locks.acquire(ctx, room.Name)
	if err != nil {
		return record{}, err
	}
	var held []block
	s.queue.markFresh(next.ID)
	_, err = s.alterWith(ctx, c, id, alteration{"update", Caller.owns, match}, func(ctx context.Context, r *record) ([]store.Write, error) {
		if _, made, err := s.replay(ctx, claims, asked); err != nil || made {
			return nil, cmp.Or(err, errReplayed)
		}
		if err := r.mayCutAt(original, s.now()); err != nil {
			return nil, err
		}
		if err := r.truncate(original); err != nil {
			return nil, err
		}
		r.Change.Then = next.ID
		next.After = &predecessor{Booking: r.ID, Change: r.Change.ID}
		next.NextAt, next.Turn = s.now().UTC().Add(claimLife), s.journal.instance
		took, stands, err := s.moment(ctx, &next, room)
		if err != nil {
			return nil, err
		}
		if held, err = s.heldByOthers(ctx, room.Name, r.ID, next.slots()); err != nil {
			return nil, err
		}
		if room.Name == r.Request.Room { // what the series keeps is in the way, too
			held = append(held, overlapping(r.changed().blocks(), next.slots())...)
		}
		if len(held) > 0 {
			return nil, errHeld
		}
		return s.journal.acceptance(&next, took, stands, asked, claims)
	})
	release()
	if err != nil {
		s.queue.unmark(next.ID)
	}
	if errors.Is(err, errHeld) {
		err = s.conflict(ctx, c, room, next.slots(), held)
	}
	if err != nil {
		return record{}, err
	}
	s.auditLine(ctx, "create", c, &next, string(next.Status))
	s.began(&next)
	return next, nil
}

// leavesBefore says whether there is an occurrence before another one.
func (r *record) leavesBefore(original time.Time) bool { return r.leaves(original, true) }

// mayCutAt says why an occurrence and all after it can't be taken out of a series as a
// booking of its own.
func (r *record) mayCutAt(original, now time.Time) error {
	err := r.mayCancel(original, now)
	if errors.Is(err, errUnchanged) {
		return refusal{codeInvalidState, "This occurrence is cancelled: take one that is left."}
	}
	if err != nil {
		return err
	}
	for _, o := range r.occurrences() {
		if !o.original.Before(original) && (o.Status == Cancelled || o.Request != nil) {
			return refusal{codeInvalidState, "Some occurrences from then on have been changed or cancelled by themselves, which a series of its own would undo: change the occurrences."}
		}
	}
	return nil
}

// restOf is what of a series begins with an occurrence, as a booking of its own, changed,
// and the room that it is in then.
func (s *Service) restOf(c Caller, old *record, original time.Time, p Patch) (next record, room Room, err error) {
	rule, span, err := old.Rule.From(old.span(), original)
	if errors.Is(err, recurrence.ErrNoOccurrence) {
		return next, room, errNoSuchOccurrence
	}
	if err != nil {
		return next, room, refusal{codeInvalidState, err.Error()}
	}
	part := *old
	part.Start, part.End = span.Start, span.End
	part.Request.Start, part.Request.End = old.wall(span.Start), old.wall(span.End)
	if part.Request.Recurrence, err = asMap(rule); err != nil {
		return next, room, err
	}
	part.Request.ExternalID = ""
	req, err := p.apply(&part)
	if err != nil {
		return next, room, err
	}
	world := s.world()
	room, ok := world.Rooms[req.Room]
	if !ok || room.Integration != old.Integration {
		return next, room, errUnknownRoom
	}
	when, wrong := req.check(room, world.Rooms, s.now(), nil)
	if wrong != nil {
		return next, room, invalid(wrong)
	}
	next = s.newRecord(c, req, room, when)
	if req.Room == old.Request.Room {
		next.terms = old.terms
	}
	return next, room, nil
}
