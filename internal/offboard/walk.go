package offboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/store"
)

const (
	// walkEvery is how often all people are looked at, and lookEvery how often it is
	// looked whether it is time for that; not while a gateway starts.
	walkEvery = 24 * time.Hour
	lookEvery = 10 * time.Minute
	// stride is how much later it gets at most from one walk to the next, whatever the
	// clock says.
	stride = 48 * time.Hour
	// missingFor is after how long out of the configuration an integration, or a room,
	// is not missing any more but gone.
	missingFor = 30 * 24 * time.Hour
	// fewAtOnce people are forgotten without a second look, and a tenth of all.
	fewAtOnce = 10
	// atOnce bounds how many people are read at a time.
	atOnce = 500
)

// diaryKey is the record of the walks.
const diaryKey = "offboard/walk"

// A diary says what the next walk has to know of the last one.
type diary struct {
	// At is when it ended, by the clock.
	At time.Time `json:"at"`
	// Today is when it was, by the calendar of the walks: the clock, but for its jumps.
	Today time.Time `json:"today"`
	// Held is how many people it has left alone, since they were too many.
	Held int `json:"held,omitempty"`
	// Missing are the integrations that people came from, and the rooms that accounts
	// stand for, that are not configured: since when, by the calendar of the walks.
	Missing map[string]time.Time `json:"missing,omitempty"`
}

// next is the day of the next walk by its calendar: what the clock says, if that is not
// too far ahead. After a clock was far behind it takes its time to come back: everybody
// is forgotten later then.
func (d diary) next(now time.Time) time.Time {
	if limit := d.Today.Add(stride); limit.Before(now) {
		return limit.UTC()
	}
	return now.UTC()
}

// Run forgets, once a day, who has not been seen for long, until ctx ends. One instance
// on a store is enough.
//
// A wrong clock can't have everybody forgotten. The walks have a calendar of their own,
// which moves by two days at most with each; it begins at the time when somebody was
// last seen. And where more than a tenth of all people, and more than ten, would be
// forgotten at once, the log says so, and only the walk of the next day does it, if
// they are not many more by then.
func (o *Office) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := o.look(ctx); err != nil && ctx.Err() == nil {
			o.cfg.Log.WarnContext(ctx, "who has not been seen for long could not be forgotten; trying again", "in", lookEvery, "error", err)
		}
	}
}

// look walks if it is time for that. A last walk in the future was one by a wrong clock.
func (o *Office) look(ctx context.Context) error {
	d, err := o.read(ctx)
	if err != nil || o.cfg.Now().Sub(d.At).Abs() < walkEvery {
		return err
	}
	if err := o.walk(ctx, &d); err != nil {
		return err
	}
	d.At = o.cfg.Now().UTC().Truncate(time.Second)
	value, err := json.Marshal(d)
	if err != nil {
		return err
	}
	_, err = o.cfg.Store.Commit(ctx, store.Write{Key: diaryKey, Value: value})
	return err
}

func (o *Office) read(ctx context.Context) (diary, error) {
	rec, err := o.cfg.Store.Get(ctx, diaryKey)
	if errors.Is(err, store.ErrNotFound) {
		return diary{}, nil
	}
	var d diary
	if err == nil {
		err = json.Unmarshal(rec.Value, &d)
	}
	if err != nil {
		return diary{}, fmt.Errorf("reading %s: %w", diaryKey, err)
	}
	return d, nil
}

// walk looks at all people, ends erasures that broke off, and forgets who has not been
// seen for long.
func (o *Office) walk(ctx context.Context, d *diary) error {
	w, err := o.newWalk(ctx, d)
	if err != nil {
		return err
	}
	due, all := 0, 0
	var newest time.Time
	err = w.everybody(ctx, func(_ context.Context, e people.Entry, unseen bool) error {
		all++
		if unseen {
			due++
		}
		if e.LastSeen.After(newest) {
			newest = e.LastSeen
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case d.Today.IsZero(): // the first walk: only the calendar begins
		if all == 0 {
			newest = o.cfg.Now()
		}
		d.Today = diary{Today: newest}.next(o.cfg.Now())
		return nil
	}
	d.Today, d.Missing = w.today, w.missing
	if more := due - d.Held; more > fewAtOnce && more*10 > all {
		o.cfg.Log.ErrorContext(ctx, "so many people have not been seen for long that nobody is forgotten today: all of them will be in a day, unless the clock is wrong, or forget_after too short, and that is mended",
			"unseen", due, "people", all, "today", d.Today)
		d.Held = due
		return nil
	}
	d.Held = 0
	if due > 0 {
		if err := w.everybody(ctx, w.forget); err != nil {
			return err
		}
		o.cfg.Log.InfoContext(ctx, "people were forgotten who have not been seen for long", "forgotten", w.forgotten, "people", all)
	}
	return w.unpin(ctx)
}

// A walk is one look at all people.
type walk struct {
	*Office
	rules Rules
	today time.Time
	// missed is what the last walk has missed in the configuration, missing what this one
	// does.
	missed, missing map[string]time.Time
	needed          map[string]bool // people whose accounts stand for rooms
	// used is when people last used a session that they have had for long.
	used      map[string]time.Time
	forgotten int
}

func (o *Office) newWalk(ctx context.Context, d *diary) (*walk, error) {
	accounts, err := o.cfg.Rooms.All(ctx)
	if err != nil {
		return nil, err
	}
	w := &walk{
		Office: o, rules: o.cfg.Rules(), today: d.next(o.cfg.Now()),
		missed: d.Missing, missing: map[string]time.Time{}, needed: map[string]bool{}, used: map[string]time.Time{},
	}
	for _, c := range accounts {
		if w.rules.HasRoom(c.Integration, c.Room) || !w.gone(c.Integration+"/"+c.Room) {
			w.needed[c.PersonID] = true
		}
	}
	return w, o.cfg.Sessions.All(ctx, func(s *session.Session) error {
		if at := s.Used(); at.Sub(s.Created) >= walkEvery && at.After(w.used[s.Person.ID]) {
			w.used[s.Person.ID] = at
		}
		return nil
	})
}

// gone says whether what is not configured has been missing for so long that it won't
// come back: a line that is out of the configuration for a day must not cost people, or
// rooms, their connections.
func (w *walk) gone(what string) bool {
	since, known := w.missed[what]
	if !known {
		since = w.today
	}
	w.missing[what] = since
	return w.today.Sub(since) >= missingFor
}

// everybody calls yield with all people, and whether they have not been seen for long,
// until it returns an error, which it returns. Erasures that broke off are ended, and that
// somebody was seen by their session is noted: it would be forgotten with that.
func (w *walk) everybody(ctx context.Context, yield func(ctx context.Context, e people.Entry, unseen bool) error) error {
	for after := ""; ; {
		found, struck, more, err := w.cfg.People.After(ctx, after, atOnce)
		if err != nil {
			return err
		}
		for _, s := range struck {
			if err := w.end(ctx, s); err != nil {
				return err
			}
		}
		for _, e := range found {
			if at := w.used[e.ID]; at.After(e.LastSeen) {
				if err := w.cfg.People.SeenAt(ctx, e, at); err != nil {
					return err
				}
				e.LastSeen = at
			}
			unseen, err := w.unseen(ctx, e)
			if err == nil {
				err = yield(ctx, e, unseen)
			}
			if err != nil {
				return err
			}
		}
		if after = more; more == "" {
			return nil
		}
	}
}

// unseen says whether somebody has not been seen for long. Who has a session that lives,
// or whose account stands for a room, counts as seen; so does who was seen at a time that
// can't be, and whose integration is missing for now.
func (w *walk) unseen(ctx context.Context, e people.Entry) (bool, error) {
	limit, configured := w.rules.ForgetAfter[e.Integration]
	if !configured {
		if limit = DefaultForgetAfter; !w.gone(e.Integration) {
			return false, nil
		}
	}
	if e.LastSeen.IsZero() || w.today.Sub(e.LastSeen) < limit || w.needed[e.ID] {
		return false, nil
	}
	alive, err := w.cfg.Sessions.Of(ctx, e.ID)
	return len(alive) == 0, err
}

// forget erases somebody who has not been seen for long, unless they are seen right now.
func (w *walk) forget(ctx context.Context, e people.Entry, unseen bool) error {
	if !unseen {
		return nil
	}
	struck, err := w.cfg.People.Strike(ctx, e, ByForgetAfter)
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	if err != nil {
		return err
	}
	w.forgotten++
	return w.end(ctx, struck)
}

// end ends an erasure. One that fails for its own reasons doesn't hold up the others.
func (w *walk) end(ctx context.Context, s people.Struck) error {
	err := w.finish(ctx, s, new(Erased))
	switch {
	case err == nil, errors.Is(err, store.ErrConflict): // they are back
		return nil
	case ctx.Err() != nil, errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrClosed):
		return err
	}
	w.cfg.Log.ErrorContext(ctx, "somebody could not be erased; the next walk tries again", "user", s.ID, "error", err)
	return nil
}

// unpin gives up the addresses of admins whom nothing is kept of any more, once the
// configuration doesn't name them.
func (w *walk) unpin(ctx context.Context) error {
	pins, err := w.cfg.People.Pins(ctx)
	if err != nil {
		return err
	}
	for _, p := range pins {
		if w.rules.NamesAdmin(p.Address) {
			continue
		}
		_, err := w.cfg.People.Get(ctx, p.Holder)
		if err == nil {
			continue
		}
		if errors.Is(err, people.ErrUnknown) {
			err = w.cfg.People.Unpin(ctx, p)
		}
		if err != nil {
			return err
		}
		w.cfg.Audit.InfoContext(ctx, "an admin's address was given up, as its owner has been erased", "user", p.Holder, "by", ByForgetAfter)
	}
	return nil
}
