package booking

import (
	"context"
	"slices"
	"time"
)

// maxLook is the longest time of a calendar that is looked at with one call, with a day
// more on either side: getSchedule takes less than 62 days.
const maxLook = 50 * 24 * time.Hour

// windows are a few periods that cover all slots, each short enough for one look.
func windows(slots []period) (all []period) {
	slots = slices.Clone(slots)
	slices.SortFunc(slots, func(a, b period) int { return a.start.Compare(b.start) })
	for _, s := range slots {
		if n := len(all); n > 0 && s.end.Sub(all[n-1].start) <= maxLook {
			all[n-1].end = later(all[n-1].end, s.end)
			continue
		}
		all = append(all, s)
	}
	return all
}

// overlapping are the blocks that overlap one of the slots.
func overlapping(blocks []block, slots []period) []block {
	return slices.DeleteFunc(slices.Clone(blocks), func(b block) bool { return !taken(slots, b.period) })
}

// heldByOthers are the bookings of ours, but for one, that hold the room in one of the slots.
func (s *Service) heldByOthers(ctx context.Context, room, but string, slots []period) ([]block, error) {
	var held []block
	for _, w := range windows(slots) {
		blocks, err := s.ownBlocks(ctx, room, but, w.start, w.end)
		if err != nil {
			return nil, err
		}
		held = append(held, overlapping(blocks, slots)...)
	}
	return held, nil
}
