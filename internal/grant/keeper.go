package grant

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
)

// Errors of Token, wrapped around their cause.
var (
	// ErrNeedsSignIn: no grant, or one that Microsoft no longer honours. Only
	// a new sign-in helps.
	ErrNeedsSignIn = errors.New("needs to sign in with Microsoft again")
	// ErrNeedsAdminConsent: an administrator of the tenant has to consent.
	ErrNeedsAdminConsent = errors.New("an administrator has to consent")
	// ErrIntegrationDown: the operator's configuration is refused (an expired
	// secret, say), the integration is no longer configured, or the keyset lacks
	// the key that the grant is sealed with. No grant is at fault.
	ErrIntegrationDown = errors.New("the integration needs its operator")
	// ErrUnavailable: Microsoft can't be reached or asked for patience; try again.
	ErrUnavailable = errors.New("the sign-in service of Microsoft is not available")
)

// Config of a Keeper.
type Config struct {
	Store store.Store
	Seal  *seal.Keyset
	// Client returns the client of an integration, as configured now.
	Client func(integration string) (*entra.Client, bool)
	// Tell is told what the operator wants to know at once; nil: nobody is. It must
	// not wait for anything.
	Tell func(Event)
	Log  *slog.Logger
	Now  func() time.Time
}

// A Keeper keeps grants. It may be used concurrently.
type Keeper struct {
	cfg Config
	// connections holds a *Connection for every owner asked for so far. They
	// stay, since sessions hold on to them; owners are people and rooms we know.
	connections sync.Map
	work        sync.WaitGroup

	mu       sync.Mutex // guards what follows and the parts of a Connection that say so
	closed   bool
	tokens   tokens
	flights  map[string]*flight  // by owner
	breakers map[string]*breaker // by integration
}

// New returns a keeper. Close it.
func New(cfg Config) *Keeper {
	if cfg.Tell == nil {
		cfg.Tell = func(Event) {}
	}
	return &Keeper{
		cfg:      cfg,
		tokens:   tokens{byOwner: map[string]token{}, limit: maxTokens},
		flights:  map[string]*flight{},
		breakers: map[string]*breaker{},
	}
}

// Close waits for refreshes under way, at most refreshTimeout. Token then
// begins no more of them.
func (k *Keeper) Close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.work.Wait()
}

// Save keeps the tokens of a fresh sign-in of owner (a person's id) durably,
// replaces what was there, and sets the state. What is to be written also is
// written in the same commit.
func (k *Keeper) Save(ctx context.Context, owner, integration string, t entra.Tokens, s State, also ...store.Write) error {
	rec := record{Integration: integration, State: s, Scopes: t.Scopes, Updated: k.cfg.Now()}
	if err := rec.seal(k.cfg.Seal, owner, t.Refresh); err != nil {
		return err
	}
	value, err := rec.encode()
	if err != nil {
		return err
	}
	c := k.connection(owner)
	news, gone := k.standing(c)
	version, err := k.cfg.Store.Commit(ctx, append(also, store.Write{Key: key(owner), Value: value}, changed(owner))...)
	if err != nil {
		return fmt.Errorf("keep the grant of a sign-in: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	c.saves++
	if version < c.saved { // a later sign-in was told of first
		return nil
	}
	c.saved = version
	c.recovered(s, news)
	if c.gone == gone { // else it may have been forgotten right after, which the store knows
		k.tokens.put(owner, t, k.cfg.Now())
	}
	return nil
}

// standing returns what tells later whether there were news of a connection, and
// whether its grant may have been forgotten.
func (k *Keeper) standing(c *Connection) (news int64, gone int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return c.news.Load(), c.gone
}

// Connection returns the live state of owner's grant: the pointer stays the same
// and follows what happens here. Where it isn't known, at first and after Heard, the
// store is read.
func (k *Keeper) Connection(ctx context.Context, owner string) (*Connection, error) {
	c := k.connection(owner)
	for c.state.Load() == nil {
		news := c.news.Load()
		rec, _, err := k.read(ctx, owner)
		state := rec.State
		switch {
		case err == nil && k.lacksKey(rec):
			return c, nil // unavailable, and looked at again: the keyset may be completed
		case errors.Is(err, store.ErrNotFound):
			state = NeedsSignIn
		case err != nil:
			return nil, err
		}
		k.learn(c, state, news)
	}
	return c, nil
}

// learn sets what the store says, unless something newer is known, or has been
// heard of since news was counted.
func (k *Keeper) learn(c *Connection, s State, news int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c.news.Load() == news {
		c.state.CompareAndSwap(nil, &s)
	}
}

// Topic of announcements that a grant's state has changed; the value is its owner.
const Topic = "grant"

// changed is a part of a commit that changes the state of owner's grant.
func changed(owner string) store.Write {
	return store.Write{Op: store.Announce, Key: Topic, Value: []byte(owner)}
}

// Heard is told what is announced with Topic: what the store says of that grant
// counts, and it may be tried at once.
func (k *Keeper) Heard(value []byte) {
	v, known := k.connections.Load(string(value))
	if !known {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	c := v.(*Connection)
	c.unknown()
	c.forgive()
}

// Missed is told that Heard or HeardGone may have missed something.
func (k *Keeper) Missed() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.tokens.byOwner) // some may be of grants that are forgotten
	k.connections.Range(func(_, c any) bool {
		c.(*Connection).forgotten()
		return true
	})
}

// KeysChanged is told that the keyset is another one: what could not be opened is
// tried at once.
func (k *Keeper) KeysChanged() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.connections.Range(func(_, v any) bool {
		if c := v.(*Connection); errors.Is(c.cause, seal.ErrWrongKey) {
			c.unknown()
			c.forgive()
		}
		return true
	})
}

// lacksKey says whether a grant is sealed with a key that the keyset doesn't have.
func (k *Keeper) lacksKey(rec record) bool {
	id, ok := seal.KeyOf(rec.Sealed)
	return ok && !k.cfg.Seal.Enabled(id)
}

func (k *Keeper) connection(owner string) *Connection {
	if c, ok := k.connections.Load(owner); ok {
		return c.(*Connection)
	}
	c, _ := k.connections.LoadOrStore(owner, new(Connection))
	return c.(*Connection)
}
