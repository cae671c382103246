package caddymodule

import (
	"slices"

	"github.com/onesgate/onesgate/internal/offboard"
	"github.com/onesgate/onesgate/internal/signin"
)

// offboardRules are what the configurations in force say about who goes. During a
// reload there are several: an admin whom one of them names is named.
func (e *engine) offboardRules() offboard.Rules {
	now := e.now.Load()
	e.mu.Lock()
	holders := slices.Clone(e.holders)
	e.mu.Unlock()
	return offboard.Rules{
		ForgetAfter: now.forgetAfter,
		NamesAdmin: func(address string) bool {
			return slices.ContainsFunc(holders, func(s *settings) bool {
				return slices.ContainsFunc(s.admins, func(a signin.Admins) bool { return a.Named(address) })
			})
		},
		HasRoom: func(integration, room string) bool {
			r, ok := now.world.Rooms[room]
			return ok && r.Integration == integration
		},
	}
}
