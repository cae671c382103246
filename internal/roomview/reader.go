package roomview

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/onesgate/onesgate/internal/graph"
)

const (
	// roundsAtOnce bounds how many rooms are read at once.
	roundsAtOnce = 8
	// roundTimeout bounds one room's turn.
	roundTimeout = 2 * time.Minute
	// maxEvents bounds what is kept of one room: a few megabytes.
	maxEvents = 5000
	// maxAhead is how far ahead a picture reaches at most, and where a room has no
	// limit.
	maxAhead = 90 * 24 * time.Hour
	// rebaseAfter is how long one window is followed: it is frozen in the round's link.
	rebaseAfter = 24 * time.Hour
	// firstRetry doubles with each failure up to idlePace.
	firstRetry = fastPace
	// crowdedRetry is when a room with too many events is tried again.
	crowdedRetry = time.Hour
)

var errTooMany = fmt.Errorf("the room's calendar has more than %d events in the window", maxEvents)

// A reader reads one room again and again.
type reader struct {
	views *Views
	view  *view

	tracked  *tracked // nil: nothing yet
	account  int      // of the view, when last looked
	last     time.Time
	jitter   float64 // of the wait after it
	failures int
	retry    time.Time // after failures
	idle     bool      // there is no account
}

// tracked is what the rounds of one window have told.
type tracked struct {
	window
	account string
	begun   time.Time
	link    string // of the next round
	events  *events
	blocks  []Block
}

// run reads the room whenever it is due, until ctx ends.
func (r *reader) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait := r.due().Sub(r.views.cfg.Now())
		if wait <= 0 {
			r.turn(ctx)
			wait = r.due().Sub(r.views.cfg.Now())
		}
		timer.Reset(max(wait, time.Millisecond))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-r.view.poke:
		}
	}
}

// due is when the room is to be read next.
func (r *reader) due() time.Time {
	r.views.mu.Lock()
	looked, account := r.view.looked, r.view.account
	r.views.mu.Unlock()
	pace := idlePace
	switch {
	case account != r.account || r.last.IsZero():
		return time.Time{}
	case r.failures > 0:
		return r.retry
	case !r.idle && r.views.cfg.Now().Sub(looked) <= lookedFor:
		pace = fastPace
	}
	// Rooms that began together drift apart.
	return r.last.Add(pace + time.Duration((r.jitter-0.5)*0.2*float64(pace)))
}

// turn reads what is new in the room, or notes why it can't be.
func (r *reader) turn(ctx context.Context) {
	v := r.views
	v.mu.Lock()
	room, account := r.view.room, r.view.account
	v.mu.Unlock()
	if account != r.account {
		r.tracked, r.failures = nil, 0
	}
	r.account = account
	select {
	case v.reading <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-v.reading }()
	r.last, r.jitter = v.cfg.Now(), jitter()
	reading, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	err := r.read(reading, room)
	if ctx.Err() != nil {
		return
	}
	r.note(room, err)
	v.mu.Lock()
	defer v.mu.Unlock()
	if r.view.account != account {
		return
	}
	switch {
	case r.tracked == nil:
		r.view.picture = nil
	case err == nil:
		r.view.picture = newPicture(r.tracked.window, r.tracked.blocks, r.last)
	}
}

// read goes through one round, or begins anew with a first one.
func (r *reader) read(ctx context.Context, room Room) error {
	account, err := r.views.cfg.Account(ctx, room)
	if err != nil {
		return err
	}
	at := r.tracked
	if at == nil || at.account != account.ID {
		r.tracked, at = nil, r.begin(room, account)
	} else if r.last.Sub(at.begun) >= rebaseAfter {
		at = r.begin(room, account)
	}
	whole, err := at.round(ctx, room, account)
	if graph.NeedsResync(err) || err == nil && !whole {
		at = r.begin(room, account)
		_, err = at.round(ctx, room, account)
	}
	if err == nil {
		r.tracked = at
	}
	return err
}

// begin starts a window from some days ago, so that it has all of yesterday wherever
// the room is, until it is begun anew.
func (r *reader) begin(room Room, account Account) *tracked {
	ahead := maxAhead
	if room.Ahead > 0 {
		ahead = min(room.Ahead, maxAhead)
	}
	day := r.last.UTC().Truncate(24 * time.Hour)
	w := window{day.AddDate(0, 0, -3), day.Add(ahead).AddDate(0, 0, 3)}
	return &tracked{
		window: w, account: account.ID, begun: r.last,
		link: graph.ViewDelta(account.address(room), w.from, w.to), events: newEvents(),
	}
}

// round goes through one round. whole is false if what it tells doesn't say how the
// window looks now: of a series that has changed it isn't documented which of its
// occurrences are told. t is changed only if the round is whole.
func (t *tracked) round(ctx context.Context, room Room, account Account) (whole bool, err error) {
	var news []graph.ViewItem
	first := t.blocks == nil
	whole = true
	tooMany := false
	next, err := room.Graph.DeltaRound(ctx, account.Mailbox(true), t.link, func(e graph.ViewItem) bool {
		if e.Sensitivity == "private" || e.Sensitivity == "confidential" {
			e.Subject, e.Organizer.EmailAddress = "", graph.EmailAddress{}
		}
		switch {
		case first:
			t.events.put(e)
			tooMany = t.events.len() > maxEvents
		case e.Type == graph.SeriesMaster && e.Removed == nil, t.events.isSeries(e.ID):
			whole = false
		default:
			news = append(news, e)
			tooMany = len(news) > maxEvents
		}
		return whole && !tooMany
	})
	switch {
	case err != nil || !whole:
		return false, err
	case tooMany:
		return false, errTooMany
	}
	for _, e := range news {
		t.events.put(e)
	}
	if t.events.len() > maxEvents {
		return false, errTooMany
	}
	if t.link = next; first || len(news) > 0 {
		t.blocks = t.events.blocks()
	}
	return true, nil
}

// note decides what a turn that ended with err means for the next ones. Without
// tracked, there is no picture.
func (r *reader) note(room Room, err error) {
	log := r.views.cfg.Log.With("room", room.Name, "integration", room.Integration)
	failed := r.failures > 0
	r.idle = errors.Is(err, ErrNotConnected)
	if err == nil || r.idle {
		if r.failures = 0; failed && err == nil {
			log.Info("a room's calendar can be read again")
		}
		if r.idle {
			r.tracked = nil
		}
		return
	}
	r.failures++
	wait := min(firstRetry<<min(r.failures-1, 10), idlePace)
	var refused *graph.Error
	switch {
	case errors.Is(err, errTooMany):
		r.tracked, wait = nil, crowdedRetry
	case graph.Transient(err):
		wait = max(wait, graph.RetryAfter(err))
	case errors.As(err, &refused), errors.Is(err, graph.ErrElsewhere): // the account, or the link, is good for nothing any more
		r.tracked = nil
	}
	r.retry = r.views.cfg.Now().Add(wait + time.Duration(r.jitter*0.2*float64(wait)))
	if !failed {
		log.Warn("a room's calendar could not be read with its account; this is tried again", "error", err)
	}
}

// jitter returns a random number in [0,1).
func jitter() float64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return float64(binary.BigEndian.Uint64(b[:])>>11) / (1 << 53)
}
