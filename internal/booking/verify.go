package booking

import (
	"context"
	"slices"
)

// calendarBlocks is what the room's calendar shows of a booking's time, as far as its
// organizer or the room's own account may look now; false if nobody could. Nothing depends on it but words and
// what is cheaper to know beforehand: the room has the last word.
func (s *Service) calendarBlocks(ctx context.Context, r *record) ([]block, bool) {
	room, configured := s.world().Rooms[r.Request.Room]
	if !configured {
		return nil, false
	}
	looking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	blocks, ok, err := s.seenWithin(looking, question{owner: r.PersonID, live: true}, room, r.slots())
	if err != nil {
		s.log.DebugContext(ctx, "a room's calendar could not be looked into", "booking", r.ID, "room", room.Name, "error", err)
		return nil, false
	}
	return blocks, ok
}

// whyDeclined says why the room has declined a booking, as far as can be seen: an answer
// says that it is one, but not why.
func (s *Service) whyDeclined(ctx context.Context, r *record) string {
	blocks, ok := s.calendarBlocks(ctx, r)
	switch {
	case !ok:
		return reasonDeclined
	case len(blocks) > 0:
		return reasonTaken
	}
	return reasonPolicy
}

// takenMeanwhile says whether somebody else holds the room by now. What takes exactly the
// booking's own time may be its event, which a look missed: then it is sent, and is the
// same event by its transactionId.
func (s *Service) takenMeanwhile(ctx context.Context, r record) bool {
	blocks, _ := s.calendarBlocks(ctx, &r)
	slots := r.slots()
	return slices.ContainsFunc(blocks, func(b block) bool {
		return !slices.ContainsFunc(slots, func(p period) bool { return p.start.Equal(b.start) && p.end.Equal(b.end) })
	})
}

// roomShows says whether the room's calendar shows exactly the time of a booking.
func (s *Service) roomShows(ctx context.Context, r *record) bool {
	blocks, _ := s.calendarBlocks(ctx, r)
	return slices.ContainsFunc(blocks, func(b block) bool {
		return b.start.Equal(r.Start) && b.end.Equal(r.End) && b.status == busy
	})
}
