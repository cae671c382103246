package offboard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/store"
)

// A StandsForError refuses to erase somebody whose account stands for rooms that are
// configured: they would be connected no more.
type StandsForError struct {
	Rooms []string
}

func (e *StandsForError) Error() string {
	return "the account stands for the rooms " + strings.Join(e.Rooms, ", ") + "; connect them with another account first, or disconnect them"
}

// Erased tells what an erasure has removed.
type Erased struct {
	Sessions int `json:"sessions"`
	Bookings int `json:"bookings"`
	// Rooms are those, no longer configured, that the account stood for.
	Rooms []string `json:"rooms,omitempty"`
	// Pins counts addresses of admins that belonged to the person; Pinned are those that
	// still do, as the configuration names them.
	Pins   int      `json:"pins"`
	Pinned []string `json:"pinned,omitempty"`
}

// Erase removes all that is kept of a person, for whoever wants it so (By…). It goes on
// with an erasure that broke off. people.ErrUnknown: nothing is kept of them. Whoever
// signs in meanwhile is erased again.
func (o *Office) Erase(ctx context.Context, personID, by string) (Erased, error) {
	var done Erased
	for again := false; ; again = true {
		all, err := o.cfg.Rooms.All(ctx)
		if err != nil {
			return done, err
		}
		if taken := o.standsFor(all, personID); taken != nil {
			return done, &StandsForError{taken}
		}
		struck, err := o.strike(ctx, personID, by)
		if err == nil {
			err = o.finish(ctx, struck, &done)
		}
		if again && errors.Is(err, people.ErrUnknown) { // somebody else has ended it
			err = nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return done, err
		}
	}
}

// standsFor tells for which configured rooms somebody's account stands.
func (o *Office) standsFor(all []rooms.Connected, personID string) (taken []string) {
	rules := o.cfg.Rules()
	for _, c := range all {
		if c.PersonID == personID && rules.HasRoom(c.Integration, c.Room) {
			taken = append(taken, c.Room)
		}
	}
	return taken
}

// strike strikes somebody off, unless they are already.
func (o *Office) strike(ctx context.Context, personID, by string) (people.Struck, error) {
	e, err := o.cfg.People.Get(ctx, personID)
	if errors.Is(err, people.ErrUnknown) {
		return o.cfg.People.StruckOff(ctx, personID)
	}
	if err != nil {
		return people.Struck{}, err
	}
	return o.cfg.People.Strike(ctx, e, by)
}

// finish removes what is kept of somebody who is struck off; their id goes last.
// store.ErrConflict: they have signed in meanwhile.
func (o *Office) finish(ctx context.Context, s people.Struck, done *Erased) error {
	// Sessions first: a silent check keeps a new grant only if its session lives.
	n, err := o.cfg.Sessions.Forget(ctx, s.ID)
	done.Sessions += n
	if err != nil {
		return err
	}
	if err := o.cfg.Grants.Forget(ctx, s.ID, s.Stands()); err != nil {
		return err
	}
	if err := o.leaveRooms(ctx, s.ID, done); err != nil {
		return err
	}
	n, err = o.bookings(ctx, s)
	done.Bookings += n
	if err != nil {
		return err
	}
	if err := o.unpin(ctx, s.ID, done); err != nil {
		return err
	}
	// Before the last step: what is gone is in the log, if twice where that one fails.
	if s.Into != "" {
		o.cfg.Audit.InfoContext(ctx, "user merged", "user", s.ID, "by", s.By, "into", s.Into, "sessions", done.Sessions,
			"bookings", done.Bookings, "rooms", done.Rooms, "pins", done.Pins, "still_pinned", len(done.Pinned))
	} else {
		o.cfg.Audit.InfoContext(ctx, "user erased", "user", s.ID, "by", s.By, "sessions", done.Sessions,
			"bookings", done.Bookings, "rooms", done.Rooms, "pins", done.Pins, "still_pinned", len(done.Pinned))
	}
	return o.cfg.People.Remove(ctx, s)
}

// bookings removes the bookings of somebody who is struck off, or moves them to whom they
// are made one with, as long as there is somebody of that id.
func (o *Office) bookings(ctx context.Context, s people.Struck) (int, error) {
	if s.Into == "" {
		return o.cfg.Bookings.Erase(ctx, s)
	}
	n, err := o.cfg.Bookings.Move(ctx, s)
	if errors.Is(err, people.ErrUnknown) {
		return o.cfg.Bookings.Erase(ctx, s)
	}
	return n, err
}

// leaveRooms takes somebody out of the accounts of rooms. A configured room may have been
// connected with theirs since they were struck off: it stays connected.
func (o *Office) leaveRooms(ctx context.Context, personID string, done *Erased) error {
	all, err := o.cfg.Rooms.All(ctx)
	if err != nil {
		return err
	}
	if taken := o.standsFor(all, personID); taken != nil {
		return &StandsForError{taken}
	}
	for _, c := range all {
		switch {
		case c.PersonID == personID:
			_, err = o.cfg.Rooms.Disconnect(ctx, c.Integration, c.Room)
			if errors.Is(err, rooms.ErrNotConnected) {
				err = nil
			}
			done.Rooms = append(done.Rooms, c.Room)
		case c.ConnectedBy == personID:
			err = o.cfg.Rooms.ForgetAdmin(ctx, c.Integration, c.Room, personID)
		}
		if err != nil {
			return fmt.Errorf("room %s: %w", c.Room, err)
		}
	}
	return nil
}

// unpin gives up the addresses of admins that are somebody's. One that the configuration
// names stays theirs: else it would make an admin of whoever gets it next.
func (o *Office) unpin(ctx context.Context, personID string, done *Erased) error {
	pins, err := o.cfg.People.Pins(ctx)
	if err != nil {
		return err
	}
	rules := o.cfg.Rules()
	for _, p := range pins {
		switch {
		case p.Holder != personID, slices.Contains(done.Pinned, p.Address):
		case rules.NamesAdmin(p.Address):
			done.Pinned = append(done.Pinned, p.Address)
		default:
			if err := o.cfg.People.Unpin(ctx, p); err != nil {
				return err
			}
			done.Pins++
		}
	}
	return nil
}
