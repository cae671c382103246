package caddymodule

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/roomview"
)

// accountOf returns the account that looks into a room, if its connection is good or
// may be again at any moment.
func (e *engine) accountOf(ctx context.Context, room roomview.Room) (roomview.Account, error) {
	account, state, err := e.rooms.Get(ctx, room.Integration, room.Name)
	if errors.Is(err, rooms.ErrNotConnected) || err == nil && !state.Works() {
		return roomview.Account{}, roomview.ErrNotConnected
	}
	if err != nil {
		return roomview.Account{}, err
	}
	owner := rooms.GrantOwner(room.Integration, room.Name)
	return roomview.Account{
		ID:  account.PersonID + " " + account.ConnectedAt.Format(time.RFC3339Nano),
		Own: strings.EqualFold(account.Mailbox, room.Address),
		Mailbox: func(background bool) graph.Mailbox {
			return graph.Mailbox{
				Key: owner, Target: room.Address, Background: background,
				Token: func(ctx context.Context, refused graph.Refused) (string, error) {
					return e.grants.Token(ctx, owner, grant.Ask{Stale: refused.Token, Claims: refused.Claims, Background: background})
				},
			}
		},
	}, nil
}
