package booking

import (
	"context"
	"time"
)

// A Check tells what would come of a booking.
type Check struct {
	Room string `json:"room"`
	Free bool   `json:"free" doc:"No date clashes, as far as can be seen"`
	// Checked is whether Microsoft 365 has told of all dates.
	Checked      bool         `json:"checked" doc:"Microsoft 365 has told of each date whether the room is free; false: it could not be asked of all, and of those only bookings made here are known"`
	Occurrences  []CheckedDay `json:"occurrences" nullable:"false" doc:"One for each date; of a booking that is no series, one"`
	Alternatives []Slot       `json:"alternatives,omitempty" doc:"What is free for all dates instead"`
}

// A CheckedDay is one date of what was checked.
type CheckedDay struct {
	Start   time.Time `json:"start"`
	End     time.Time `json:"end"`
	Free    bool      `json:"free"`
	Clashes []Clash   `json:"clashes,omitempty"`
}

// Check says of a request which of its dates clash with what. It refuses what Create would
// refuse for other reasons, and books nothing.
func (s *Service) Check(ctx context.Context, c Caller, req Request) (Check, error) {
	c = s.organizing(c)
	if c.Person == nil {
		return Check{}, errForWhom
	}
	world := s.world()
	room, ok := world.Rooms[req.Room]
	if !ok || !c.mayUse(room) {
		return Check{}, errUnknownRoom
	}
	if err := s.mayBook(ctx, c, room); err != nil {
		return Check{}, err
	}
	when, wrong := req.check(room, world.Rooms, s.now(), nil)
	if wrong != nil {
		return Check{}, invalid(wrong)
	}
	if err := s.connected(ctx, c, c.Person.ID); err != nil {
		return Check{}, err
	}
	r := s.newRecord(c, req, room, when)
	slots := r.slots()
	held, err := s.heldByOthers(ctx, room.Name, "", slots)
	if err != nil {
		return Check{}, err
	}
	seen, checked, err := s.seenWithin(ctx, question{caller: c, owner: c.Person.ID}, room, slots)
	if err != nil {
		return Check{}, err
	}
	if !checked {
		looking, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		taken, all, err := s.suggestions(looking, question{caller: c, owner: c.Person.ID}, room, slots)
		if err != nil {
			return Check{}, err
		}
		seen, checked = append(seen, taken...), all
	}
	clashing := merge(held, seen)
	told := Check{Room: room.Name, Free: len(clashing) == 0, Checked: checked, Occurrences: []CheckedDay{}}
	for _, slot := range slots {
		day := CheckedDay{Start: slot.start.In(when.zone), End: slot.end.In(when.zone), Free: true}
		for _, b := range clashing {
			if b.overlaps(slot) {
				day.Free, day.Clashes = false, append(day.Clashes, clash(c, room, b))
			}
		}
		told.Occurrences = append(told.Occurrences, day)
	}
	if !told.Free {
		if told.Alternatives, err = s.alternatives(ctx, c, room, slots, clashing); err != nil {
			return Check{}, err
		}
	}
	return told, nil
}

// seenWithin is what a room's calendar shows within slots; all says that it could be looked
// into for all of them.
func (s *Service) seenWithin(ctx context.Context, q question, room Room, slots []period) (blocks []block, all bool, err error) {
	looking, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	all = true
	for _, q.period = range windows(slots) {
		seen, err := s.sightings(looking, q, room)
		if err != nil {
			return nil, false, unanswered(ctx, err)
		}
		found, looked := seen[room.Name]
		all = all && looked
		blocks = append(blocks, overlapping(found.blocks, slots)...)
	}
	return blocks, all, nil
}
