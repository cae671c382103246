package booking

import (
	"context"
	"sync"
	"time"
)

// slotsAhead is how far after its start the next free slot is looked for.
const slotsAhead = 7 * 24 * time.Hour

// A RoomAvailability says whether a room is free at a time, and when it is next.
type RoomAvailability struct {
	Room     string     `json:"room"`
	Free     bool       `json:"free" doc:"Nothing that is known takes the room at that time"`
	Checked  bool       `json:"checked" doc:"Microsoft 365 has told what takes the room, or at least whether it is free then; false: it could not be asked, and only bookings made here are known"`
	AsOf     *time.Time `json:"as_of" doc:"When it told so; null: it has not"`
	Busy     []BusyTime `json:"busy" nullable:"false" doc:"What takes the room at that time"`
	NextFree *BusyTime  `json:"next_free,omitempty" doc:"The first slot of the same length from then on that may be booked; missing: none is known that begins within 7 days"`
}

// A BusyTime is half-open.
type BusyTime struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

func (p period) told(zone *time.Location) BusyTime { return BusyTime{p.start.In(zone), p.end.In(zone)} }

// wish is a time at which a room is wanted.
type wish struct {
	room Room
	period
}

// Availability says of each room whether it is free when it is wanted, from our own
// bookings and from what the rooms' calendars show. It tells times, and nothing of
// what they are taken for. Graph being down is an error, unless a part of the rooms
// could be looked into.
func (s *Service) Availability(ctx context.Context, c Caller, wishes []wish) ([]RoomAvailability, error) {
	var wanted []Room
	var all period // of what is asked
	for _, w := range wishes {
		wanted = append(wanted, w.room)
		if until := w.until(); all.end.Before(until) {
			all.end = until
		}
		if all.start.IsZero() || w.start.Before(all.start) {
			all.start = w.start
		}
	}
	looking, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	q := question{caller: c, owner: c.id(), period: all}
	seen, err := s.sightings(looking, q, wanted...)
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	own, err := s.ownOfAll(ctx, wishes)
	if err != nil {
		return nil, err
	}
	answer := make([]RoomAvailability, len(wishes))
	var unseen []int
	for i, w := range wishes {
		l, looked := seen[w.room.Name]
		if !looked {
			unseen = append(unseen, i)
		}
		answer[i] = w.among(merge(own[i], l.blocks), s.now())
		if answer[i].Checked = looked; looked {
			answer[i].AsOf = stamp(l.asOf)
		}
	}
	var mu sync.Mutex
	few(min(len(unseen), maxSuggested), func(n int) {
		i := unseen[n]
		told, failed := s.availabilitySuggested(looking, q, wishes[i], own[i])
		mu.Lock()
		defer mu.Unlock()
		if answer[i] = told; failed != nil {
			err = failed
		}
	})
	return answer, unanswered(ctx, err)
}

// availabilitySuggested is how a room stands that nobody could look into.
func (s *Service) availabilitySuggested(ctx context.Context, q question, w wish, own []block) (RoomAvailability, error) {
	asOf := s.now()
	taken, known, err := s.suggestions(ctx, q, w.room, []period{w.period})
	blocks := merge(own, taken)
	told := w.among(blocks, asOf)
	if err != nil || !known {
		return told, err
	}
	told.Checked, told.AsOf = true, stamp(asOf)
	if told.NextFree == nil || told.NextFree.Start.Equal(w.start) { // nothing to offer, or what was just asked
		return told, nil
	}
	free, err := s.nextSuggested(ctx, q, w.room, periods(blocks), func(busy []period) []period { return w.next(busy, asOf) })
	told.NextFree = w.nextFree(free)
	return told, err
}

// until is the end of the last slot that is looked at.
func (w wish) until() time.Time { return w.start.Add(slotsAhead + w.duration()) }

// among says how a room stands that these blocks take.
func (w wish) among(blocks []block, now time.Time) RoomAvailability {
	told := RoomAvailability{Room: w.room.Name, Busy: []BusyTime{}}
	for _, b := range overlapping(blocks, []period{w.period}) {
		told.Busy = append(told.Busy, b.told(w.room.TimeZone))
	}
	told.Free = len(told.Busy) == 0
	told.NextFree = w.nextFree(w.next(periods(blocks), now))
	return told
}

func (w wish) nextFree(free []period) *BusyTime {
	if len(free) == 0 {
		return nil
	}
	return new(free[0].told(w.room.TimeZone))
}

// next is the first slot of the same length, from then on, that may be booked; nil: none.
func (w wish) next(busy []period, now time.Time) []period {
	// A booking for "now" has its start rounded down to the minute.
	first := w.period
	if minute := now.Truncate(time.Minute); first.start.Before(minute) {
		first = period{minute, minute.Add(w.duration())}
	}
	free, ok := nextFree(busy, first, w.start.Add(slotsAhead))
	if !ok || !w.room.takes(free, now) {
		return nil
	}
	return []period{free}
}

// ownOfAll are the bookings of ours that each wish has to do with.
func (s *Service) ownOfAll(ctx context.Context, wishes []wish) (own [][]block, err error) {
	own = make([][]block, len(wishes))
	var mu sync.Mutex
	few(len(wishes), func(i int) {
		w := wishes[i]
		blocks, failed := s.ownBlocks(ctx, w.room.Name, "", w.start, w.until())
		mu.Lock()
		defer mu.Unlock()
		if own[i] = blocks; failed != nil {
			err = failed
		}
	})
	return own, err
}
