package offboard

import (
	"context"
	"log/slog"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/store"
)

// Who sees somebody off, in the audit log.
const (
	ByThemselves  = "themselves"
	ByOperator    = "operator"
	ByForgetAfter = "forget_after"
)

// DefaultForgetAfter is for how long somebody is remembered who is not seen.
const DefaultForgetAfter = 365 * 24 * time.Hour

// Rules are what the configuration in force says about who goes.
type Rules struct {
	// ForgetAfter is, by the integration, for how long somebody is remembered who is not
	// seen; DefaultForgetAfter for those that are not configured.
	ForgetAfter map[string]time.Duration
	// NamesAdmin says whether an admin is named by an address, as in people.Pin.
	NamesAdmin func(address string) bool
	// HasRoom says whether a room is configured.
	HasRoom func(integration, room string) bool
}

// Config is what an office stands on.
type Config struct {
	Store    store.Store
	Sessions *session.Registry
	People   *people.Directory
	Grants   *grant.Keeper
	Rooms    *rooms.Accounts
	Bookings *booking.Service
	// Rules returns what the configuration says now.
	Rules func() Rules
	// Log is for the operator, Audit for who did what.
	Log, Audit *slog.Logger
	Now        func() time.Time
}

// An Office sees people off. Its methods may be called concurrently.
type Office struct{ cfg Config }

// New returns an office. Nobody is forgotten before Run.
func New(cfg Config) *Office { return &Office{cfg: cfg} }

// Disconnect forgets somebody's grant, so that nothing is booked in their name any more,
// and signs them out everywhere: with a session, the next page would ask Microsoft for a
// new grant. They can sign in again, and what waits for that goes on then. It returns how
// many sessions it has ended.
func (o *Office) Disconnect(ctx context.Context, personID, by string) (ended int, err error) {
	if err := o.cfg.Grants.Forget(ctx, personID); err != nil {
		return 0, err
	}
	o.cfg.Audit.InfoContext(ctx, "disconnected", "user", personID, "by", by)
	if ended, err = o.cfg.Sessions.EndAll(ctx, personID, nil); err != nil {
		return ended, err
	}
	// A silent check of one of them may have brought a new grant in between.
	return ended, o.cfg.Grants.Forget(ctx, personID)
}
