package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/onesgate/onesgate/internal/backup"
	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/doctor"
	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/offboard"
	"github.com/onesgate/onesgate/internal/peers"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/roomview"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/signin"
	"github.com/onesgate/onesgate/internal/status"
	"github.com/onesgate/onesgate/internal/store"
)

// storeModule is what the modules in the namespace ones.stores do.
type storeModule interface {
	// identity names what only one process may have open: the absolute folder.
	// Options don't belong to it.
	identity() string
	// options are the rest, in words: what can't change while it is open.
	options() string
	// secret is what else can't, and stands in no words.
	secret() string
	// shared says whether several gateways may stand on the store: then the keys
	// can't be made by one of them.
	shared() bool
	caddy.Module
	// examine looks at it without opening it. beside: a gateway runs, maybe on it.
	examine(beside bool) doctor.Check
	// used says whether it holds something already, as far as can be told without
	// opening it.
	used(ctx context.Context) bool
	open(log *slog.Logger) (store.Store, error)
}

// engines are the open ones by the identity of their store. During a reload two
// configurations share one: it is neither closed nor opened twice.
var engines = caddy.NewUsagePool()

// An engine is everything that lives as long as its store is open: the store
// itself, what is cached from it, and the work in the background. It works by
// the settings of the newest configuration that holds it, so that a reload
// changes what it does and a failed one changes nothing.
type engine struct {
	id     string
	kind   string // of the store: the last word of its module
	opened string // how it was opened: what can't change until it is closed
	secret string // likewise, and in no words
	shared bool   // with other gateways

	store  store.Store
	feed   *store.Feed // of what all instances on the store announce
	peer   *peers.Member
	keyset seal.Source // of keys
	keys   *seal.Keyset
	// keysProblem is why the keyset could not be taken as it is now.
	keysProblem atomic.Pointer[error]

	signing  atomic.Pointer[identity.Ring] // of assertions
	sessions *session.Registry
	people   *people.Directory
	grants   *grant.Keeper
	rooms    *rooms.Accounts
	views    *roomview.Views
	bookings *booking.Service
	office   *offboard.Office

	running context.Context // ends when the engine does
	stop    context.CancelFunc
	work    sync.WaitGroup

	log    *slog.Logger
	events *events
	look   chan struct{} // at credentials, grants and bookings, now
	meters *meters
	glance atomic.Pointer[glance] // nil: there was none yet

	lines    lines // of the log, the last ones
	census   census
	recorder *status.Recorder
	probing  sync.Mutex
	probed   time.Time
	probeErr error

	mu      sync.Mutex
	holders []*settings
	now     atomic.Pointer[settings] // the last of holders
}

// runningEngine returns the engine of the configurations that run, of which there is one at
// most in a process; nil: none runs. It waits for one that is being opened.
func runningEngine() (e *engine) {
	engines.Range(func(_, v any) bool {
		e = v.(*engine)
		return false
	})
	return e
}

// mayRun says why a configuration can't take the place of the one that runs: people and
// bookings can't move to another store while a gateway runs, nor is that opened in another
// way.
func mayRun(m storeModule, keyset seal.Source) error {
	e := runningEngine()
	switch how := openedHow(m, keyset); {
	case e == nil:
	case e.id != m.identity():
		return fmt.Errorf("the gateway runs with its store at %s, and a reload can't change that to %s: everybody would be signed out, and open bookings would stay behind. Stop it, carry the records over (onesgate ones backup before, restore after), and start it again", e.id, m.identity())
	case e.opened != how:
		return fmt.Errorf("the store runs with %s; to change that to %s, restart the gateway", e.opened, how)
	case e.secret != m.secret():
		return fmt.Errorf("the store at %s was opened with another user, password or option in its URL; for these to count, restart the gateway", e.id)
	}
	return nil
}

// acquireEngine opens the engine of a store, or joins the one that is open, and
// puts s in force. It holds nothing when it fails. Caddy loads one configuration at a time.
func acquireEngine(m storeModule, keyset seal.Source, s *settings) (*engine, error) {
	if err := mayRun(m, keyset); err != nil {
		return nil, err
	}
	v, joined, err := engines.LoadOrNew(m.identity(), func() (caddy.Destructor, error) {
		return openEngine(m, keyset, s)
	})
	if err != nil {
		return nil, err
	}
	e := v.(*engine)
	if joined {
		e.hold(s)
		e.views.Configured()
	}
	return e, nil
}

// endOpenOfOthers closes what is open of people whose tenant is not configured any
// more. What they ask for next, the gate refuses: that of the configuration before has to
// be gone.
func (e *engine) endOpenOfOthers(s *settings) {
	ctx, cancel := context.WithTimeout(e.running, time.Minute)
	defer cancel()
	e.sessions.EndOpen(func(p *identity.Person) bool {
		client, ok := s.clients[p.Integration]
		return !ok || !client.KnowsTenant(ctx, p.TenantID)
	})
}

func openedHow(m storeModule, keyset seal.Source) string {
	return m.options() + ", keyset " + keyset.String()
}

// releaseEngine lets go of what acquireEngine returned.
func releaseEngine(e *engine, s *settings) error {
	e.drop(s)
	_, err := engines.Delete(e.id)
	return err
}

func openEngine(m storeModule, keyset seal.Source, s *settings) (_ *engine, err error) {
	e := &engine{id: m.identity(), kind: m.CaddyModule().ID.Name(), opened: openedHow(m, keyset), secret: m.secret(), shared: m.shared(), keyset: keyset}
	log := slog.New(&liveHandler{engine: e})
	e.log, e.events, e.look, e.meters = log, newEvents(log), make(chan struct{}, 1), newMeters()
	e.hold(s)
	audit := slog.New(&liveHandler{engine: e, name: "audit"})

	ctx, stop := context.WithCancel(context.Background())
	e.running, e.stop = ctx, stop
	if e.store, err = m.open(log); err != nil {
		e.stop()
		return nil, err
	}
	e.store = watchStore(e.store, e.meters)
	defer func() {
		if err != nil {
			e.stop()
			err = errors.Join(err, e.store.Close())
		}
	}()
	// First, so that no restore begins once it is known that none has.
	if err = e.join(ctx, log); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			e.leave(log)
		}
	}()
	if err = backup.CheckFinished(ctx, e.store); err != nil {
		return nil, err
	}
	if e.keys, err = openKeyset(ctx, keyset, e.store, m.shared(), log); err != nil {
		return nil, err
	}
	ring, err := keepAssertionKeys(ctx, e.store, e.keys, time.Now())
	if err != nil {
		return nil, fmt.Errorf("keyset %s: %w", keyset, err)
	}
	e.signing.Store(ring)
	e.peer.Changed() // the others can know its keys now
	e.people, e.recorder = people.New(e.store, time.Now), status.NewRecorder(time.Now)
	e.feed = store.NewFeed(e.store, time.Now, log, e.heard, e.missed)
	e.sessions = session.New(e.store, time.Now, log, e.feed.Lag)
	e.grants = grant.New(grant.Config{
		Store: e.store, Shared: e.shared, Seal: e.keys, Log: log, Now: time.Now,
		Client: func(integration string) (*entra.Client, bool) {
			c, ok := e.now.Load().clients[integration]
			return c, ok
		},
		Tell: e.grantEvent,
	})
	e.rooms = rooms.New(e.store, e.grants)
	e.views = roomview.New(roomview.Config{
		Rooms:   func() map[string]roomview.Room { return e.now.Load().calendars },
		Account: e.accountOf, Log: log, Now: time.Now,
	})
	e.bookings = booking.New(booking.Config{
		Sole:  !e.shared,
		Store: e.store, Grants: e.grants, People: e.people, Accounts: e.rooms, Views: e.views, Log: log, Audit: audit, Now: time.Now,
		World: func() *booking.World { return e.now.Load().world }, Stopping: caddy.Exiting, Observe: e.bookingBecame,
	})
	e.office = offboard.New(offboard.Config{
		Store: e.store, Sessions: e.sessions, People: e.people, Grants: e.grants, Rooms: e.rooms, Bookings: e.bookings,
		Rules: e.offboardRules, Log: log, Audit: audit, Now: time.Now,
	})
	e.work.Go(func() { e.feed.Run(ctx) })
	e.work.Go(func() { e.peer.Run(ctx) })
	e.work.Go(func() {
		e.keys.Follow(ctx, keyset, keysetLook, log, func(changed bool, problem error) {
			e.keysProblem.Store(&problem)
			if changed {
				e.peer.Changed()
				e.grants.KeysChanged()
			}
		})
	})
	e.work.Go(func() { e.followAssertionKeys(ctx, signingLook, log) })
	e.work.Go(func() { e.views.Run(ctx) })
	e.work.Go(func() { e.bookings.Run(ctx) })
	e.work.Go(func() { e.followUpBookings(ctx, log) })
	e.work.Go(func() { e.grants.Run(ctx) })
	e.work.Go(func() { e.keepGrantsAlive(ctx, log) })
	e.work.Go(func() { e.watch(ctx) })
	go e.events.run(ctx, e.newestBegun) // close waits for it, as far as may be
	e.work.Go(func() { e.forgetUnseen(ctx, log) })
	return e, nil
}

// heard hands on what an instance, this one too, has announced.
func (e *engine) heard(a store.Announcement) {
	switch a.Topic {
	case session.Topic:
		e.sessions.Heard(a.Value)
	case grant.Topic:
		e.grants.Heard(a.Value)
	case grant.GoneTopic:
		e.grants.HeardGone(a.Value)
		if integration, room, is := rooms.OfGrant(string(a.Value)); is {
			e.views.Forget(integration, room)
		}
	}
}

// missed: something may have been announced that was not heard.
func (e *engine) missed() {
	e.sessions.Missed()
	e.grants.Missed()
	e.views.ForgetAll()
}

// Destruct ends the work in the background, waits for it, and closes the store.
func (e *engine) Destruct() error {
	e.stop()
	e.work.Wait()
	e.grants.Close()
	e.sessions.Close()
	e.events.close()
	e.leave(slog.New(&liveHandler{engine: e}))
	return e.store.Close()
}

func (e *engine) hold(s *settings) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.holders = append(e.holders, s)
	e.now.Store(s)
	s.held.Store(e)
}

func (e *engine) drop(s *settings) {
	e.mu.Lock()
	defer e.mu.Unlock()
	replaced := len(e.holders) > 1 && e.holders[len(e.holders)-1] != s // else it has failed, or the process ends
	e.holders = slices.DeleteFunc(e.holders, func(h *settings) bool { return h == s })
	if n := len(e.holders); n > 0 {
		now := e.holders[n-1]
		e.now.Store(now)
		e.views.Configured()
		if replaced {
			e.work.Go(func() { e.endOpenOfOthers(now) })
		}
		for room := range s.world.Rooms {
			if _, still := now.world.Rooms[room]; replaced && !still {
				e.log.Warn("a room is not configured any more; its bookings, if any, stay: onesgate ones status tells how many are not over", "room", room)
			}
		}
	}
}

// newSite makes the pages and gates of one configuration on top of the engine.
func (e *engine) newSite(a *App) *signin.Site {
	return signin.New(signin.Config{
		PublicURL: a.public, Integrations: a.settings.integrations, Rooms: a.settings.rooms(),
		Store: e.store, Seal: e.keys, Sessions: e.sessions, People: e.people, Grants: e.grants, RoomAccounts: e.rooms,
		Observe:  e.signInEnded,
		SignedIn: e.bookings.Resume,
		Disconnect: func(ctx context.Context, personID string) error {
			_, err := e.office.Disconnect(ctx, personID, offboard.ByThemselves)
			return err
		},
		Insight: e.insight(),
		Theme:   a.theme,
		Ready:   e.ready,
		Log:     slog.New(&liveHandler{engine: e}),
		Audit:   slog.New(&liveHandler{engine: e, name: "audit"}),
		Now:     time.Now,
	})
}

// probeLife is how long one probe of the store answers for all who ask.
const probeLife = time.Second

// ready says whether the store answers, from a probe that is at most a second
// old: anybody may ask. A process that is about to end is not ready, though it
// serves on for as long as shutdown_delay says: load balancers are to look
// elsewhere before connections are refused.
func (e *engine) ready() error {
	if caddy.Exiting() {
		return errors.New("the gateway is stopping")
	}
	e.probing.Lock()
	defer e.probing.Unlock()
	if time.Since(e.probed) > probeLife {
		e.probeErr = e.probe()
		e.probed = time.Now()
	}
	return e.probeErr
}

func (e *engine) probe() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, err := e.store.Get(ctx, signingKey)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
