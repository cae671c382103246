package booking

import (
	"context"
	"errors"
	"sync"

	"github.com/onesgate/onesgate/internal/graph"
)

// maxSuggested bounds of how many slots of a room findMeetingTimes is asked: it tells of one room
// at one time whether it is free, and no more. How long all of an answer may take bounds whoever
// asks about several rooms.
const maxSuggested = 20

// suggested asks findMeetingTimes, with the person's grant, whether a room is free for
// all of a period. It is the last that can tell: China doesn't have it. The errors are
// those that are final; known is false where Graph can't tell now.
func (s *Service) suggested(ctx context.Context, q question, room Room) (free, known bool, err error) {
	integration, ok := s.world().Integrations[room.Integration]
	if !ok || q.owner == "" || s.refusals.stands(room.Integration, findMeetingTimes, s.now()) {
		return false, false, nil
	}
	free, known, err = integration.Graph.RoomFree(ctx, s.mailbox(ctx, q.owner, false), room.Address, q.start, q.end)
	switch {
	case err == nil:
		return free, known, nil
	case errors.Is(err, graph.ErrNotInThisCloud):
		return false, false, nil
	case cannotLook(err):
		if lacksPermission(err) {
			s.refusals.note(room.Integration, findMeetingTimes, s.now())
		}
	case final(err) && !errors.Is(err, context.DeadlineExceeded):
		return false, false, err
	}
	s.log.WarnContext(ctx, "Microsoft 365 does not tell whether a room is free; only our own bookings are known there",
		"user", q.owner, "room", room.Name, "integration", room.Integration, "error", err)
	return false, false, nil
}

// suggestions asks of a room that nobody could look into whether it is free in each of some
// slots, and returns those that are taken; all is false unless it was told of each.
func (s *Service) suggestions(ctx context.Context, q question, room Room, slots []period) (taken []block, all bool, err error) {
	if len(slots) > maxSuggested {
		return nil, false, nil
	}
	var mu sync.Mutex
	all = true
	few(len(slots), func(i int) {
		asked := q
		asked.period = slots[i]
		free, known, failed := s.suggested(ctx, asked, room)
		mu.Lock()
		defer mu.Unlock()
		if failed != nil {
			err = failed
		}
		if all = all && known; known && !free {
			taken = append(taken, block{period: slots[i], status: busy})
		}
	})
	return taken, all && err == nil, err
}

// maxNext bounds how many times are tried for the next one at which a room is free.
const maxNext = 4

// nextSuggested is what next finds free, as far as is known what takes a room that nobody could
// look into, and that findMeetingTimes doesn't know to be taken either; nil: nothing.
func (s *Service) nextSuggested(ctx context.Context, q question, room Room, busy []period, next func(busy []period) []period) (free []period, err error) {
	for range maxNext {
		free = next(busy)
		taken, _, err := s.suggestions(ctx, q, room, free)
		if err != nil || len(taken) == 0 {
			return free, err
		}
		busy = append(busy, periods(taken)...)
	}
	return nil, nil
}
