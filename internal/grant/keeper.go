package grant

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
)

// Config of a Keeper.
type Config struct {
	Store store.Store
	// Shared says that other instances may stand on the store: then only one of
	// them at a time refreshes a grant.
	Shared bool
	Seal   *seal.Keyset
	// Client returns the client of an integration, as configured now.
	Client func(integration string) (*entra.Client, bool)
	// Tell is told what the operator wants to know at once; nil: nobody is. It must
	// not wait for anything, nor ask the Keeper.
	Tell func(Event)
	Log  *slog.Logger
	Now  func() time.Time
}

// A Keeper keeps grants. It may be used concurrently.
type Keeper struct {
	cfg  Config
	name string // of this instance, in holds
	// connections holds a *Connection for every owner that somebody has asked for so
	// far. They stay, since sessions hold on to them; owners are people and rooms we know.
	connections sync.Map
	work        sync.WaitGroup
	closing     context.Context // ends when Close is called
	close       context.CancelFunc
	sooner      chan struct{} // wakes KeepAlive

	mu      sync.Mutex // guards what follows and the parts of a Connection that say so
	closed  bool
	tokens  tokens
	flights map[string]*flight // by owner
	unsaved map[string]unsaved // likewise
	healths map[string]*health // by integration; "": where it isn't known
}

// New returns a keeper. Close it.
func New(cfg Config) *Keeper {
	if cfg.Tell == nil {
		cfg.Tell = func(Event) {}
	}
	k := &Keeper{
		cfg:     cfg,
		name:    rand.Text(),
		tokens:  tokens{byOwner: map[string]token{}, limit: maxTokens},
		flights: map[string]*flight{},
		unsaved: map[string]unsaved{},
		healths: map[string]*health{},
		sooner:  make(chan struct{}, 1),
	}
	k.closing, k.close = context.WithCancel(context.Background())
	return k
}

// Close waits for refreshes under way, and for what they have brought to be
// saved once more. Token then begins no more of them.
func (k *Keeper) Close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.close()
	k.work.Wait()
}

// Save keeps the tokens of a fresh sign-in of owner (a person's id) durably,
// replaces what was there, and sets the state. What is to be written also is
// written in the same commit.
func (k *Keeper) Save(ctx context.Context, owner, integration string, t entra.Tokens, s State, also ...store.Write) error {
	c := k.keptConnection(owner)
	news, gone := k.standing(c)
	now := k.cfg.Now()
	access := newToken(owner, t, now)
	version, err := k.saveSignIn(ctx, owner, record{Integration: integration, State: s, Scopes: t.Scopes, Begun: now, Renewed: now, Updated: now}, t.Refresh, access, also)
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
	c.is(s, news)
	c.forgive()
	if c.gone == gone { // else it may have been forgotten right after, which the store knows
		k.tokens.put(owner, access, k.cfg.Now())
	}
	return nil
}

// saveSignIn writes the record of a sign-in in place of the one before.
func (k *Keeper) saveSignIn(ctx context.Context, owner string, rec record, refreshToken string, access token, also []store.Write) (store.Version, error) {
	if err := rec.seal(k.cfg.Seal, owner, refreshToken); err != nil {
		return store.Absent, err
	}
	if refreshToken != "" {
		rec.Due = rec.nextLook(owner)
	}
	put, err := access.put(k.cfg.Seal, owner)
	if err != nil {
		return store.Absent, err
	}
	for {
		before, version, err := k.readOrNone(ctx, owner)
		if err != nil {
			return store.Absent, err
		}
		rec.dueBefore = before.Due
		saved, err := k.replace(ctx, owner, rec, version, append(slices.Clone(also), put)...)
		if !errors.Is(err, store.ErrConflict) {
			return saved, err
		}
		if _, now, lookErr := k.readOrNone(ctx, owner); lookErr != nil || now == version {
			return store.Absent, err // it was what is written also
		}
	}
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
	c := k.keptConnection(owner)
	for c.state.Load() == nil {
		news := c.news.Load()
		rec, _, err := k.read(ctx, owner)
		state := rec.State
		switch {
		case err == nil && k.lacksKey(rec):
			return c, nil // unavailable, and looked at again: the keyset may be completed
		case errors.Is(err, store.ErrNotFound), errors.Is(err, errDamaged):
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
	k.lookSooner()
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

// connection returns owner's, as long as k.mu is held.
func (k *Keeper) connection(owner string) *Connection {
	if c, ok := k.connections.Load(owner); ok {
		return c.(*Connection)
	}
	c, _ := k.connections.LoadOrStore(owner, new(Connection))
	return c.(*Connection)
}

// keptConnection returns owner's, which stays.
func (k *Keeper) keptConnection(owner string) *Connection {
	for {
		c := k.connection(owner)
		c.kept.Store(true)
		if now, _ := k.connections.Load(owner); now == c {
			return c
		}
	}
}

// passing drops a connection that nobody holds on to: the keep-alive alone comes by
// everybody within two months. k.mu is held.
func (k *Keeper) passing(owner string, c *Connection) {
	if c.kept.Load() || c.failures > 0 || c.fails() || c.stale != "" {
		return
	}
	k.connections.Delete(owner)
	if c.kept.Load() { // just now
		k.connections.LoadOrStore(owner, c)
	}
}
