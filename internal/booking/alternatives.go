package booking

import (
	"context"
	"slices"
	"time"
)

// Bounds of what a conflict offers instead.
const (
	maxAlternatives = 5
	maxCandidates   = 20 // rooms that one getSchedule shows
)

// conflict makes the refusal of taken slots, with what is free instead.
func (s *Service) conflict(ctx context.Context, c Caller, room Room, slots []period, clashes []block) error {
	refused := &conflictError{}
	for _, b := range clashes[:min(len(clashes), maxClashes)] {
		refused.clashes = append(refused.clashes, clash(c, room, b))
	}
	var err error
	if refused.alternatives, err = s.alternatives(ctx, c, room, slots, clashes); err != nil {
		return err
	}
	return refused
}

// alternatives are what is free instead of taken slots: later on the same day in the same
// room, unless it is a series, or other rooms at the same times.
func (s *Service) alternatives(ctx context.Context, c Caller, room Room, slots []period, clashes []block) (free []Slot, err error) {
	world := s.world()
	rooms := make([]Room, 0, len(world.Rooms))
	for _, r := range world.Rooms {
		rooms = append(rooms, r)
	}
	candidates := append([]Room{room}, rankRooms(rooms, room)...)
	candidates = candidates[:min(len(candidates), maxCandidates)]

	first := slots[0]
	midnight := dayStart(first.end.Add(-time.Nanosecond), room.TimeZone).AddDate(0, 0, 1)
	wanted := append([]period{{first.start, midnight.Add(first.duration())}}, slots[1:]...)
	q := question{caller: c, owner: c.id()}
	held, unseen, err := s.heldIn(ctx, q, candidates, wanted)
	if err != nil {
		return nil, err
	}
	looking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	asks := maxSuggested
	for _, candidate := range candidates {
		busy := held[candidate.Name]
		next := func(busy []period) []period {
			if candidate.takes(first, s.now()) && !slices.ContainsFunc(slots, func(p period) bool { return taken(busy, p) }) {
				return slots
			}
			return nil
		}
		if candidate.Name == room.Name {
			busy, next = append(busy, periods(clashes)...), func(busy []period) []period {
				at, ok := nextFree(busy, first, midnight)
				if ok && len(slots) == 1 && room.takes(at, s.now()) {
					return []period{at}
				}
				return nil
			}
		}
		found := next(busy)
		if unseen[candidate.Name] && len(found) > 0 {
			if asks -= len(found); asks < 0 {
				continue
			}
			if found, err = s.nextSuggested(looking, q, candidate, busy, next); err != nil {
				s.log.DebugContext(ctx, "no more alternatives are looked for", "error", err)
				break
			}
		}
		if len(found) > 0 {
			at := found[0]
			free = append(free, Slot{Room: candidate.Name, Start: at.start.In(candidate.TimeZone), End: at.end.In(candidate.TimeZone)})
		}
		if len(free) == maxAlternatives {
			break
		}
	}
	return free, nil
}

// maxClashes bounds how many a refusal tells.
const maxClashes = 100

// heldIn are the times at which rooms are taken, as far as can be seen, about some slots; and
// which of the rooms nobody may look into.
func (s *Service) heldIn(ctx context.Context, q question, rooms []Room, slots []period) (held map[string][]period, unseen map[string]bool, err error) {
	held, unseen = map[string][]period{}, map[string]bool{}
	looking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	for _, q.period = range windows(slots) {
		seen, err := s.sightings(looking, q, rooms...)
		if err != nil {
			s.log.DebugContext(ctx, "alternatives come from our own bookings alone", "error", err)
		}
		for _, room := range rooms {
			own, err := s.ownBlocks(ctx, room.Name, "", q.start, q.end)
			if err != nil {
				return nil, nil, err
			}
			l, looked := seen[room.Name]
			unseen[room.Name] = unseen[room.Name] || !looked && seen != nil
			held[room.Name] = append(held[room.Name], append(periods(own), periods(l.blocks)...)...)
		}
	}
	return held, unseen, nil
}

func periods(blocks []block) []period {
	all := make([]period, len(blocks))
	for i, b := range blocks {
		all[i] = b.period
	}
	return all
}

// A Clash is what already holds a slot. It says by whom, so that one can talk to
// them, unless that is private: a room mailbox tells the same when it declines
// (Set-CalendarProcessing, OrganizerInfo).
type Clash struct {
	Start     time.Time  `json:"start"`
	End       time.Time  `json:"end"`
	Organizer *Organizer `json:"organizer,omitempty"`
}

// A Slot is a free time of a room.
type Slot struct {
	Room  string    `json:"room"`
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

func clash(c Caller, room Room, b block) Clash {
	told := Clash{Start: b.start.In(room.TimeZone), End: b.end.In(room.TimeZone)}
	if b.record == nil {
		if b.organizer.Address != "" {
			told.Organizer = &Organizer{Name: b.organizer.Name, Email: b.organizer.Address}
		}
		return told
	}
	if _, private := b.about(); !private || c.Room == "" && c.sees(b.record) {
		told.Organizer = &Organizer{ID: b.record.PersonID, Name: b.record.PersonName, Email: b.record.PersonEmail}
	}
	return told
}
