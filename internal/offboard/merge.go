package offboard

import (
	"context"
	"errors"
	"fmt"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/store"
)

// A NotMergedError refuses to make one of two people, since they may not be one.
type NotMergedError struct {
	Why string
	// Force says that whoever knows better may have it all the same.
	Force bool
}

func (e *NotMergedError) Error() string { return e.Why }

// Merge makes one of two people, old and into, by their user ids: somebody whose account
// at Microsoft was made anew has come back with another id. What they have booked is
// theirs again, and all else of the old id goes as with an erasure: its connection above
// all, which is never used for the other id, nor is the other's for it. Whether Microsoft still
// knows the old account is asked first, and whether there is anything by which the two are
// alike; force leaves that out. It goes on with a merge that broke off.
// people.ErrUnknown: one of them is not known.
func (o *Office) Merge(ctx context.Context, old, into, by string, force bool) (Erased, error) {
	var done Erased
	struck, err := o.cfg.People.StruckOff(ctx, old)
	switch {
	case err == nil && struck.Into != into:
		return done, &NotMergedError{Why: "the first of them is being erased, or made one with somebody else"}
	case errors.Is(err, people.ErrUnknown):
		struck, err = o.merge(ctx, old, into, by, force)
	}
	if err != nil {
		return done, err
	}
	if err = o.finish(ctx, struck, &done); errors.Is(err, store.ErrConflict) {
		err = &NotMergedError{Why: "the first of them has signed in meanwhile"}
	}
	return done, err
}

// merge begins a merge, unless something is against it.
func (o *Office) merge(ctx context.Context, old, into, by string, force bool) (people.Struck, error) {
	from, err := o.cfg.People.Get(ctx, old)
	if err != nil {
		return people.Struck{}, err
	}
	to, err := o.cfg.People.Get(ctx, into)
	if err != nil {
		return people.Struck{}, err
	}
	all, err := o.cfg.Rooms.All(ctx)
	if err != nil {
		return people.Struck{}, err
	}
	switch taken := o.standsFor(all, old); {
	case old == into:
		return people.Struck{}, &NotMergedError{Why: "both are the same user id"}
	case from.Integration != to.Integration:
		return people.Struck{}, &NotMergedError{Why: "they came through different integrations"}
	case taken != nil:
		return people.Struck{}, &StandsForError{taken}
	}
	if !force {
		if !from.Alike(to) {
			return people.Struck{}, &NotMergedError{Why: "they have neither an address nor a card number in common", Force: true}
		}
		if err := o.dead(ctx, old); err != nil {
			return people.Struck{}, err
		}
	}
	if err := o.endInto(ctx, old); err != nil {
		return people.Struck{}, err
	}
	struck, err := o.cfg.People.Merge(ctx, from, to, by)
	if errors.Is(err, store.ErrConflict) {
		err = &NotMergedError{Why: "one of them was seen at this moment; try again"}
	}
	return struck, err
}

// endInto ends the merges into somebody that broke off: once they have another id
// themselves, what is still to become theirs would be nobody's.
func (o *Office) endInto(ctx context.Context, into string) error {
	for after := ""; ; {
		_, struck, more, err := o.cfg.People.After(ctx, after, atOnce)
		if err != nil {
			return err
		}
		for _, s := range struck {
			if s.Into != into {
				continue
			}
			if err := o.finish(ctx, s, new(Erased)); err != nil && !errors.Is(err, store.ErrConflict) {
				return err
			}
		}
		if after = more; more == "" {
			return nil
		}
	}
}

// dead returns nil if Microsoft gives no token for somebody any more: it is asked for a
// new one, as the one that is known may outlive the account. Of who has disconnected
// it can't be.
func (o *Office) dead(ctx context.Context, id string) error {
	if known, err := o.cfg.Grants.Summary(ctx, id); err == nil && known.Begun.IsZero() {
		return &NotMergedError{Why: "the first of them is not connected any more, so Microsoft can't be asked whether it still knows the account", Force: true}
	}
	token, err := o.cfg.Grants.Token(ctx, id, grant.Ask{})
	if err == nil {
		_, err = o.cfg.Grants.Token(ctx, id, grant.Ask{Stale: token})
	}
	switch {
	case errors.Is(err, grant.ErrNeedsSignIn):
		return nil
	case err == nil:
		return &NotMergedError{Why: "Microsoft still knows the account of the first of them, so they may be two people", Force: true}
	case ctx.Err() != nil:
		return err
	}
	return &NotMergedError{Why: fmt.Sprintf("whether Microsoft still knows the account of the first of them can't be found out now (%v)", err), Force: true}
}
