package booking

import (
	"cmp"
	"context"
	"errors"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/store"
)

// organizing is the caller as the organizer of what they book: a room is it by the
// grant of the account that stands for it. That account may be a person's, whose name
// and address are not kept with the room's bookings: their erasure would not find them.
func (s *Service) organizing(c Caller) Caller {
	if c.Room != "" {
		c.Person = &identity.Person{
			ID: rooms.GrantOwner(c.integration, c.Room), Integration: c.integration,
			Name: cmp.Or(s.world().Rooms[c.Room].Title, c.Room),
		}
	}
	return c
}

// mayBook refuses what a room may not book. Of a person it is asked elsewhere.
func (s *Service) mayBook(ctx context.Context, c Caller, room Room) error {
	switch c.Room {
	case "":
		return nil
	case room.Name:
		_, err := s.roomOrganizes(ctx, room)
		return err
	}
	return refusal{codeForbidden, "A room books for itself only: book another one for a person."}
}

// roomOrganizes refuses a booking that a room is to organize, unless the account that
// stands for it has another mailbox than the room: nobody invites themselves. stands is
// a part of a commit that holds only if that is so by then.
func (s *Service) roomOrganizes(ctx context.Context, room Room) (stands store.Write, err error) {
	account, stands, err := s.standing(ctx, room.Integration, room.Name)
	switch {
	case errors.Is(err, rooms.ErrNotConnected):
		err = refusal{codeForbidden, "No account stands for this room, so nobody would be the organizer: book for a person, or have an admin connect the room."}
	case err == nil && (account.Mailbox == "" || identity.FoldCase(account.Mailbox) == identity.FoldCase(room.Address)):
		err = refusal{codeForbidden, "The room's own mailbox, or one without a mailbox, can't be the organizer of a booking: book for a person, or have an admin connect the room with a room service account."}
	}
	return stands, err
}
