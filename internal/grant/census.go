package grant

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// A Summary tells people how a grant stands.
type Summary struct {
	State State
	// Since is when it came into that state, Begun when its owner signed in for it, and
	// Renewed when Microsoft last gave a token for it; zero: there is none.
	Since, Begun, Renewed time.Time
	// Reason is why Microsoft has refused it, in its codes.
	Reason string
	// Scopes are those that came with the last token, as Microsoft has told them.
	Scopes []string
}

// Summary tells how owner's grant stands. Unlike Connection it keeps nothing in
// memory, so that all may be asked for.
func (k *Keeper) Summary(ctx context.Context, owner string) (Summary, error) {
	rec, _, err := k.read(ctx, owner)
	if errors.Is(err, store.ErrNotFound) {
		return Summary{State: NeedsSignIn}, nil
	}
	if err != nil {
		return Summary{}, err
	}
	sum := Summary{State: rec.State, Since: rec.Since, Begun: rec.Begun, Renewed: rec.Renewed, Reason: rec.Reason, Scopes: rec.Scopes}
	if len(rec.Sealed) == 0 { // nothing is left to refresh it with
		sum.State = NeedsSignIn
	}
	c, known := k.connections.Load(owner)
	if known && c.(*Connection).fails() || k.lacksKey(rec) {
		sum.State = Unavailable
	}
	return sum, nil
}

// Stored tells what the store says of owner's grant, never Unavailable, whatever is
// known in memory: what was announced with Topic can be read so at once, before this
// gateway itself has heard of it. Like Summary it keeps nothing in memory.
func (k *Keeper) Stored(ctx context.Context, owner string) (State, error) {
	stored, err := k.cfg.Store.Get(ctx, key(owner))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", fmt.Errorf("read a grant: %w", err)
	}
	if c, ok := StateOf(stored); ok {
		return c.State, nil
	}
	return NeedsSignIn, nil // there is none, or one that is damaged
}

// A Counted is a grant as a census of the store meets it.
type Counted struct {
	Owner, Integration string
	// State is never Unavailable.
	State State
}

// StateOf tells what a record of the store says of a grant, without any key; ok is
// false where it is no grant's, or damaged.
func StateOf(stored store.Record) (c Counted, ok bool) {
	owner, ok := strings.CutPrefix(stored.Key, key(""))
	if !ok {
		return Counted{}, false
	}
	rec, err := decode(stored)
	if err != nil {
		return Counted{}, false
	}
	if len(rec.Sealed) == 0 { // nothing is left to refresh it with
		rec.State = NeedsSignIn
	}
	return Counted{Owner: owner, Integration: rec.Integration, State: rec.State}, true
}
