package roomview

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/onesgate/onesgate/internal/graph"
)

// A Room whose calendar may be looked into.
type Room struct {
	Name, Integration string
	// Address of its mailbox.
	Address string
	// Ahead is how far ahead it may be booked; zero: no limit.
	Ahead time.Duration
	Graph *graph.Client
}

// same says whether two configurations mean the same calendar.
func (r Room) same(other Room) bool {
	return r.Name == other.Name && r.Integration == other.Integration && r.Address == other.Address
}

// An Account is what a room is connected with.
type Account struct {
	// ID is another one for every connection that is made.
	ID string
	// Own says that the room's mailbox is the account's own.
	Own bool
	// Mailbox makes its calls; background says that nobody waits for them.
	Mailbox func(background bool) graph.Mailbox
}

// address is how the room's calendar is called by its account.
func (a Account) address(room Room) string {
	if a.Own {
		return ""
	}
	return room.Address
}

// ErrNotConnected: no account, or none whose connection is good, stands for the room.
var ErrNotConnected = errors.New("the room is not connected with an account that works")

// Config is what Views stand on.
type Config struct {
	// Rooms are those that are configured now, by name. The map is not changed.
	Rooms func() map[string]Room
	// Account returns what a room is connected with, or ErrNotConnected.
	Account func(context.Context, Room) (Account, error)
	Log     *slog.Logger
	Now     func() time.Time
}

// Views keeps what rooms' calendars show. It may be used concurrently.
type Views struct {
	cfg     Config
	reading chan struct{} // bounds the rounds at once
	changed chan struct{} // other rooms may be configured

	mu   sync.Mutex
	open map[string]*view
}

// A view is one room's. Its fields but the channel are guarded by Views.mu.
type view struct {
	room    Room
	picture *picture // nil: none
	looked  time.Time
	// account counts how often the room's account may have become another one:
	// what was read before that is not shown.
	account int
	poke    chan struct{}
	stop    context.CancelFunc
}

// New returns views that show nothing before Run.
func New(cfg Config) *Views {
	return &Views{
		cfg:     cfg,
		reading: make(chan struct{}, roundsAtOnce),
		changed: make(chan struct{}, 1),
		open:    map[string]*view{},
	}
}

// How fresh pictures are kept, and how long they count.
const (
	// fastPace is how often a room is read that somebody has looked at for lookedFor.
	fastPace  = 15 * time.Second
	lookedFor = 5 * time.Minute
	// idlePace is how often the others are.
	idlePace = 5 * time.Minute
	// staleAfter is when a picture is too old to be shown: Read reads anew.
	staleAfter = time.Minute
)

// Run keeps the pictures of all connected rooms until ctx ends.
func (v *Views) Run(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	for {
		v.follow(ctx, &work)
		select {
		case <-ctx.Done():
			return
		case <-v.changed:
		}
	}
}

// Configured says that other rooms may be configured now.
func (v *Views) Configured() { notify(v.changed) }

func notify(signal chan<- struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

// follow begins to read the rooms that are new and ends it for those that are gone.
func (v *Views) follow(ctx context.Context, work *sync.WaitGroup) {
	rooms := v.cfg.Rooms()
	v.mu.Lock()
	defer v.mu.Unlock()
	for name, w := range v.open {
		room, there := rooms[name]
		if there && room.same(w.room) {
			w.room = room
			continue
		}
		w.stop()
		delete(v.open, name)
	}
	for name, room := range rooms {
		if v.open[name] != nil {
			continue
		}
		reading, stop := context.WithCancel(ctx)
		w := &view{room: room, poke: make(chan struct{}, 1), stop: stop}
		v.open[name] = w
		work.Go(func() {
			defer stop()
			(&reader{views: v, view: w}).run(reading)
		})
	}
}

// Busy returns what takes the room's time within [from, to), as its calendar showed
// at asOf, in order of their start; all-day blocks may lie a day beside the window.
// ok is false if no picture that is fresh enough covers the window: it is being
// mended, and Read helps meanwhile. It does no I/O.
func (v *Views) Busy(room string, from, to time.Time) (blocks []Block, asOf time.Time, ok bool) {
	p := v.wake(room)
	w := window{from, to}
	if p == nil || v.cfg.Now().Sub(p.asOf) > staleAfter || !p.covers(w.widened()) {
		return nil, time.Time{}, false
	}
	return p.within(w), p.asOf, true
}

// Wake has the room read as if somebody had looked at it: something is going on there.
func (v *Views) Wake(room string) { v.wake(room) }

func (v *Views) wake(room string) *picture {
	v.mu.Lock()
	defer v.mu.Unlock()
	w := v.open[room]
	if w == nil {
		return nil
	}
	now := v.cfg.Now()
	if now.Sub(w.looked) > lookedFor {
		notify(w.poke)
	}
	w.looked = now
	return w.picture
}

// AsOf is when the room's calendar was last seen; ok is false if there is no picture.
func (v *Views) AsOf(room string) (at time.Time, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if w := v.open[room]; w != nil && w.picture != nil {
		return w.picture.asOf, true
	}
	return time.Time{}, false
}

// Meetings are those of the room's picture, by their names in every mailbox; nil: there is
// no picture. It does no I/O, and nobody has looked at the room by it.
func (v *Views) Meetings(room string) map[string]Block {
	v.mu.Lock()
	defer v.mu.Unlock()
	w := v.open[room]
	if w == nil || w.picture == nil {
		return nil
	}
	found := make(map[string]Block, len(w.picture.blocks))
	for _, b := range w.picture.blocks {
		if b.ICalUID != "" {
			found[b.ICalUID] = b
		}
	}
	return found
}

// Forget says that the account of a room may have been connected, taken away, or
// become another one: what the one before has seen is shown no longer.
func (v *Views) Forget(integration, room string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if w := v.open[room]; w != nil && w.room.Integration == integration {
		w.forget()
	}
}

// ForgetAll is Forget for all rooms.
func (v *Views) ForgetAll() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, w := range v.open {
		w.forget()
	}
}

// forget is called with Views.mu held.
func (w *view) forget() {
	w.picture = nil
	w.account++
	notify(w.poke)
}

// Read reads what takes a room's time within [from, to) from its calendar now, in
// the form of Busy. Its errors are ErrNotConnected, those of Graph, of the account's
// tokens and of Config.Account, and ctx's.
func (v *Views) Read(ctx context.Context, room string, from, to time.Time) (blocks []Block, asOf time.Time, err error) {
	r, ok := v.cfg.Rooms()[room]
	if !ok {
		return nil, time.Time{}, ErrNotConnected
	}
	account, err := v.cfg.Account(ctx, r)
	if err != nil {
		return nil, time.Time{}, err
	}
	asOf = v.cfg.Now()
	w := window{from, to}
	wide, tooMany := w.widened(), false
	err = r.Graph.CalendarView(ctx, account.Mailbox(false), account.address(r), wide.from, wide.to, func(e graph.ViewItem) bool {
		if b, busy := BlockOf(e); busy {
			blocks = append(blocks, b)
		}
		tooMany = len(blocks) > maxEvents
		return !tooMany
	})
	if err == nil && tooMany {
		err = errTooMany
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	byStart(blocks)
	return newPicture(wide, blocks, asOf).within(w), asOf, nil
}
