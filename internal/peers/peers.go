// Package peers lets the gateways that stand on one store know of each other:
// who there is, since when, and which keys each of them holds.
//
// It owns one record for each running gateway, which ends by itself when the
// gateway doesn't renew it. The engine joins; whoever rotates keys or restores a
// backup looks. Nothing is decided by it that would be unsafe if it were wrong for
// a while: the clocks of gateways may differ, and one may be cut off from the store.
package peers

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// Prefix of the records' keys. They say nothing about another store, so a backup
// leaves them out.
const Prefix = "gateway/"

// Life is for how long a gateway is there after its last word, and every how often
// it gives one.
const (
	Life  = 30 * time.Second
	every = Life / 3
)

// A Gateway is what the others know of one.
type Gateway struct {
	// Name tells people which one it is.
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	// Seals is the id of the key it seals with, Opens are those of all it opens with.
	Seals uint32   `json:"seals"`
	Opens []uint32 `json:"opens"`
}

// Config is what a Member stands on.
type Config struct {
	Store store.Store
	Log   *slog.Logger
	Now   func() time.Time
	// About returns what is to be known of this gateway now.
	About func() Gateway
}

// A Member is this gateway among the others. Its methods may be called concurrently.
type Member struct {
	cfg     Config
	key     string
	changed chan struct{}
}

// Join makes this gateway known, durably. It is forgotten after Life unless Run
// runs. A store that is full has room for no more gateways, and for no restore
// either, so that is no error: Run tries again.
func Join(ctx context.Context, cfg Config) (*Member, error) {
	m := &Member{cfg: cfg, key: Prefix + rand.Text(), changed: make(chan struct{}, 1)}
	if err := m.tell(ctx); err != nil && !errors.Is(err, store.ErrFull) {
		return nil, err
	}
	return m, nil
}

// Changed has Run tell the others at once what is to be known now.
func (m *Member) Changed() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// Run keeps this gateway known until ctx ends.
func (m *Member) Run(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for failing := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-m.changed:
		}
		err := m.tell(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			m.cfg.Log.Warn("the other gateways could not be told that this one runs; trying again", "error", err)
		}
		failing = err != nil
	}
}

// Leave has the others forget this gateway at once.
func (m *Member) Leave(ctx context.Context) error {
	_, err := m.cfg.Store.Commit(ctx, store.Write{Op: store.Delete, Key: m.key})
	return err
}

func (m *Member) tell(ctx context.Context) error {
	value, err := json.Marshal(m.cfg.About())
	if err != nil {
		return err
	}
	_, err = m.cfg.Store.Commit(ctx, store.Write{Key: m.key, Value: value, Expires: m.cfg.Now().Add(Life)})
	return err
}

// most is how many gateways are looked at; there are never so many.
const most = 1000

// List returns the gateways that stand on a store.
func List(ctx context.Context, s store.Store) ([]Gateway, error) {
	records, err := s.Scan(ctx, Prefix, "", most)
	if err != nil {
		return nil, err
	}
	gateways := make([]Gateway, len(records))
	for i, r := range records {
		if err := json.Unmarshal(r.Value, &gateways[i]); err != nil {
			return nil, fmt.Errorf("reading %s: %w", r.Key, err)
		}
	}
	return gateways, nil
}

// SealAlike says whether gateways all seal with the same key.
func SealAlike(gateways []Gateway) bool {
	return !slices.ContainsFunc(gateways, func(g Gateway) bool { return g.Seals != gateways[0].Seals })
}
