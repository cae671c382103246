package booking

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/roomview"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/trail"
)

// World is the configuration as it is now. It is never changed once made; a
// reload makes a new one.
type World struct {
	// PublicURL is where browsers reach the gateway, without a slash at the end.
	PublicURL string
	// Integrations and Rooms are found by their names.
	Integrations map[string]Integration
	Rooms        map[string]Room
}

// An Integration is one tenant, as far as bookings need it.
type Integration struct {
	Name  string
	Graph *graph.Client
}

// A Room can be booked by the people of its integration.
type Room struct {
	Name        string
	Integration string
	// Address of the room's mailbox.
	Address string
	// Title is the name for people.
	Title string
	// TimeZone of the room; always there.
	TimeZone *time.Location
	Capacity int
	Group    string
	// MaxDuration of one booking; zero: 24 hours, as Exchange has it.
	MaxDuration time.Duration
	// BookingWindow is how far ahead a booking may start; zero: no limit of ours.
	BookingWindow time.Duration
	// CheckIn is how long after its start a booking is released that nobody has checked
	// in to; zero: never.
	CheckIn time.Duration
	// KeepDeclined leaves the event in the person's calendar when the room declines.
	KeepDeclined bool
}

// Config is what a service stands on.
type Config struct {
	Store store.Store
	// Sole says that no other process is ever on the store.
	Sole   bool
	Grants *grant.Keeper
	People *people.Directory
	// Accounts of rooms, and Views of their calendars.
	Accounts *rooms.Accounts
	Views    *roomview.Views
	// World returns the configuration as it is now.
	World func() *World
	// Stopping says that the process is about to end: nobody is kept waiting for changes
	// then. nil: it never is.
	Stopping func() bool
	// Observe, if not nil, is told what becomes of bookings. It must not wait, and may be
	// called concurrently.
	Observe func(Event)
	// Log is for the operator, Audit for who did what.
	Log, Audit *slog.Logger
	Now        func() time.Time
}

// A Service books rooms. Its methods may be called concurrently.
type Service struct {
	journal journal
	sole    bool
	people  *people.Directory
	views   *roomview.Views
	world   func() *World
	ending  func() bool
	log     *slog.Logger
	audit   *slog.Logger
	observe func(Event) // nil: nobody does
	now     func() time.Time
	tracers trail.Tracers

	// token, connection and stored are those of the grant keeper.
	token      func(ctx context.Context, owner string, ask grant.Ask) (string, error)
	connection stateOf
	stored     stateOf
	// accounts lists the rooms that are connected with one, standing is that of one room.
	accounts func(ctx context.Context) ([]rooms.Connected, error)
	standing func(ctx context.Context, integration, room string) (rooms.Account, store.Write, error)

	locks    roomLocks
	waiters  waiters
	queue    queue
	looks    looks
	refusals refusals
	rechecks rechecks
	reach    reach
}

// stateOf tells how the grant of an owner stands.
type stateOf func(ctx context.Context, owner string) (grant.State, error)

// New returns a service. Bookings are accepted at once, but nothing goes to
// Microsoft before Run.
func New(cfg Config) *Service {
	return &Service{
		journal: journal{store: cfg.Store, now: cfg.Now, instance: rand.Text(), behind: &behind{of: map[string]chan struct{}{}}},
		sole:    cfg.Sole,
		people:  cfg.People,
		views:   cfg.Views,
		world:   cfg.World,
		ending:  cfg.Stopping,
		log:     cfg.Log,
		audit:   cfg.Audit,
		observe: cfg.Observe,
		now:     cfg.Now,
		token:   cfg.Grants.Token,
		connection: func(ctx context.Context, owner string) (grant.State, error) {
			c, err := cfg.Grants.Connection(ctx, owner)
			if err != nil {
				return "", err
			}
			return c.State(), nil
		},
		stored:   cfg.Grants.Stored,
		accounts: cfg.Accounts.All,
		standing: cfg.Accounts.Standing,
		locks:    roomLocks{open: map[string]*roomLock{}},
		waiters:  waiters{byID: map[string]map[chan *record]struct{}{}},
		queue:    newQueue(),
		looks:    looks{at: map[string]time.Time{}},
		rechecks: rechecks{at: map[string]time.Time{}},
		refusals: refusals{until: map[[2]string]time.Time{}},
		reach:    reach{since: map[string]map[string]struct{}{}, over: map[string]time.Time{}},
	}
}

// Calendars are the rooms whose calendars may be looked into, by name.
func (w *World) Calendars() map[string]roomview.Room {
	all := make(map[string]roomview.Room, len(w.Rooms))
	for name, r := range w.Rooms {
		all[name] = roomview.Room{
			Name: name, Integration: r.Integration, Address: r.Address, Ahead: r.BookingWindow, Graph: w.Integrations[r.Integration].Graph,
		}
	}
	return all
}

// mailbox is that of the owner of a grant, with which the calls are made: a person's, or
// that of the account which stands for a room.
func (s *Service) mailbox(ctx context.Context, owner string, background bool) graph.Mailbox {
	mb := graph.Mailbox{
		Key:        owner,
		Background: background,
		Token: func(ctx context.Context, refused graph.Refused) (string, error) {
			return s.token(ctx, owner, grant.Ask{Stale: refused.Token, Claims: refused.Claims, Background: background})
		},
	}
	if integration, room, ok := rooms.OfGrant(owner); ok {
		// It may stand for many rooms, and be a person's who books for themselves. Where
		// it can't be read the token says why.
		if account, _, err := s.standing(ctx, integration, room); err == nil {
			mb.Target = account.PersonID
		}
	}
	return mb
}

// looks remembers when each room was last seen through Graph.
type looks struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (l *looks) record(room string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at.After(l.at[room]) {
		l.at[room] = at
	}
}

// last returns when the room was last seen; nil: not since we started.
func (l *looks) last(room string) *time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.at[room]; ok {
		return stamp(at)
	}
	return nil
}

// stamp is a time as answers tell it.
func stamp(t time.Time) *time.Time {
	t = t.UTC().Truncate(time.Second)
	return &t
}
