package caddymodule

import (
	"context"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/onesgate/onesgate/internal/peers"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
)

// leaseLife is after how long another gateway takes up the work of one that died.
const leaseLife = 15 * time.Second

// leaveTimeout bounds how long a stop waits to tell the others.
const leaveTimeout = 5 * time.Second

// instanceName tells people which gateway one is.
func instanceName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return host + ", process " + strconv.Itoa(os.Getpid())
}

// join makes the engine known to the others on its store. Its keys may not be
// open yet.
func (e *engine) join(ctx context.Context, log *slog.Logger) (err error) {
	started := time.Now().UTC().Truncate(time.Second)
	e.peer, err = peers.Join(ctx, peers.Config{
		Store: e.store, Log: log, Now: time.Now,
		About: func() peers.Gateway {
			g := peers.Gateway{Name: instanceName(), Version: version(), Started: started}
			if e.keys == nil {
				return g
			}
			g.Seals = e.keys.Primary()
			for _, key := range e.keys.List() {
				if key.Status == seal.Enabled {
					g.Opens = append(g.Opens, key.ID)
				}
			}
			return g
		},
	})
	return err
}

// leave takes that back.
func (e *engine) leave(log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	if err := e.peer.Leave(ctx); err != nil {
		log.Warn("the other gateways could not be told that this one stops", "error", err)
	}
}

// followUpBookings has one of the gateways on the store carry on what is due.
func (e *engine) followUpBookings(ctx context.Context, log *slog.Logger) {
	e.forAll(ctx, log, "bookings", "carry on all bookings", e.bookings.FollowUp)
}

// keepGrantsAlive has one of the gateways on the store refresh the grants that
// nobody has used for long.
func (e *engine) keepGrantsAlive(ctx context.Context, log *slog.Logger) {
	e.forAll(ctx, log, "grants", "keep all grants alive", e.grants.KeepAlive)
}

// forgetUnseen has one of the gateways on the store forget people who have not been
// seen for long.
func (e *engine) forgetUnseen(ctx context.Context, log *slog.Logger) {
	e.forAll(ctx, log, "offboard", "forget who has not been seen for long", e.office.Run)
}

// forAll has one of the gateways on the store do a piece of work, until ctx ends.
// task says in words what it is.
func (e *engine) forAll(ctx context.Context, log *slog.Logger, lease, task string, work func(context.Context)) {
	if !e.shared {
		work(ctx)
		return
	}
	failed := func(err error) {
		log.Warn("whose turn it is to "+task+" can't be told; trying again", "error", err)
	}
	store.WithLease(ctx, e.store, time.Now, lease, instanceName(), leaseLife, failed, work)
}
