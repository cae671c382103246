package booking

import (
	"context"
	"errors"

	"github.com/onesgate/onesgate/internal/store"
)

// An alteration is what a caller wants of a booking that there is.
type alteration struct {
	action string                     // in the audit log
	may    func(Caller, *record) bool // who may do it
	match  func(version int) bool     // has to hold for its version; nil: any
}

// done is err, unless that only says that there was nothing to do.
func done(err error) error {
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// errUnchanged ends an alteration for which nothing has to be done.
var errUnchanged = errors.New("the booking is so already")

// alter applies f to a booking durably and, if that leaves something to do, has Run begin.
// f is called again when somebody else was faster. errUnchanged from f is returned with the booking as it is.
func (s *Service) alter(ctx context.Context, c Caller, id string, what alteration, f func(*record) error) (record, error) {
	return s.alterWith(ctx, c, id, what, func(_ context.Context, r *record) ([]store.Write, error) { return nil, f(r) })
}

// alterWith is alter with more in the same commit: what f returns.
func (s *Service) alterWith(ctx context.Context, c Caller, id string, what alteration,
	f func(context.Context, *record) ([]store.Write, error),
) (record, error) {
	ctx, cancel := durable(ctx)
	defer cancel()
	var as record
	r, err := s.journal.changeWith(ctx, id, func(r *record) ([]store.Write, error) {
		as, r.by = *r, c.by()
		switch {
		case !what.may(c, r):
			return nil, c.refuse(r)
		case what.match != nil && !what.match(r.Revision):
			return nil, errVersion
		}
		writes, err := f(ctx, r)
		if err != nil {
			return nil, err
		}
		r.Trail = s.mark(ctx)
		switch now := s.now().UTC(); {
		case r.Change == nil && !r.Withdraw, r.taken(s.journal.instance, now):
			// Whoever has the turn does it, or who has it next.
		case r.inLine() && r.Turn != s.journal.instance:
			// Somebody else may have sent it: it isn't fresh any more for who claims it now.
			r.NextAt, r.Turn = now, ""
		default:
			r.NextAt, r.Turn = now.Add(claimLife), s.journal.instance
		}
		return writes, nil
	})
	if errors.Is(err, errUnchanged) || errors.Is(err, errReplayed) {
		return as, err
	}
	if err != nil {
		return record{}, err
	}
	outcome := string(r.Status)
	if r.open() && !r.rests() {
		outcome = "pending"
	}
	s.auditLine(ctx, what.action, c, &r, outcome)
	s.became(as.Status, &r)
	s.waiters.tell(id, &r)
	if as.holdsUp() && !r.holdsUp() {
		s.call(ctx, r.Request.Room)
	}
	if outcome == "pending" {
		s.queue.wake(id)
	}
	return r, nil
}

// refuse says why the caller may not change a booking.
func (c Caller) refuse(r *record) error {
	switch {
	case c.Room != "" && c.sees(r):
		return errNotOrganizer
	case c.Room != "":
		return errNotFound
	case c.Person == nil:
		return refusal{codeForbidden, "Say for whom you do that: send Ones-Act-As with the organizer."}
	case c.Service == "" && !c.sees(r):
		return errNotFound
	}
	return errNotOrganizer
}

// invalidState refuses what a booking's status doesn't allow.
func invalidState(r *record, what string) error {
	return refusal{codeInvalidState, "A booking that is " + string(r.Status) + " can't be " + what + "."}
}
