package booking

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/rooms"
)

// A RoomInfo describes a configured room.
type RoomInfo struct {
	Room               string `json:"room"`
	Name               string `json:"name,omitempty"`
	Address            string `json:"address"`
	Integration        string `json:"integration"`
	TimeZone           string `json:"time_zone"`
	Capacity           int    `json:"capacity,omitempty"`
	Group              string `json:"group,omitempty"`
	MaxDurationMinutes int    `json:"max_duration_minutes"`
	BookingWindowDays  int    `json:"booking_window_days,omitempty"`
	// AsOf is when the room was last seen through Graph.
	AsOf *time.Time `json:"as_of" doc:"When the room's calendar was last seen; null: not since the gateway started"`
}

func (s *Service) info(room Room) RoomInfo {
	return RoomInfo{
		Room: room.Name, Name: room.Title, Address: room.Address, Integration: room.Integration,
		TimeZone: room.TimeZone.String(), Capacity: room.Capacity, Group: room.Group,
		MaxDurationMinutes: int(room.maxDuration() / time.Minute),
		BookingWindowDays:  int(room.BookingWindow / (24 * time.Hour)),
		AsOf:               s.looks.last(room.Name),
	}
}

// Rooms lists the rooms that the caller can ask for, by name, from after a name.
func (s *Service) Rooms(c Caller, after string, limit int) (rooms []RoomInfo, more bool) {
	rooms = []RoomInfo{}
	for _, room := range s.world().Rooms {
		if c.mayUse(room) && room.Name > after {
			rooms = append(rooms, s.info(room))
		}
	}
	slices.SortFunc(rooms, func(a, b RoomInfo) int { return strings.Compare(a.Room, b.Room) })
	more = len(rooms) > limit
	return rooms[:min(len(rooms), limit)], more
}

// Room describes one room, or returns errUnknownRoom.
func (s *Service) Room(c Caller, name string) (RoomInfo, error) {
	room, err := s.room(c, name)
	if err != nil {
		return RoomInfo{}, err
	}
	return s.info(room), nil
}

func (s *Service) room(c Caller, name string) (Room, error) {
	room, ok := s.world().Rooms[name]
	if !ok || !c.mayUse(room) {
		return Room{}, errUnknownRoom
	}
	return room, nil
}

// A Schedule is what is known of a room's time.
type Schedule struct {
	Room   string          `json:"room"`
	AsOf   *time.Time      `json:"as_of" doc:"When the room's calendar was looked into for this answer; null: it was not, and only bookings made here are known"`
	Blocks []ScheduleBlock `json:"blocks" nullable:"false"`
}

// A ScheduleBlock is a busy time; half-open. Subject and BookingID are there
// only if the caller may see them.
type ScheduleBlock struct {
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	Status    string    `json:"status" enum:"busy,tentative,oof,unknown"`
	Subject   string    `json:"subject,omitempty"`
	BookingID string    `json:"booking_id,omitempty"`
}

// readTimeout bounds how long a schedule waits for Graph.
const readTimeout = 15 * time.Second

// Schedule tells the busy times of a room within a window, from our own bookings
// and from Graph, asked with the person's grant; where there is no person, with that
// of the account that stands for the room. Where there is neither, or one that may
// not see the room, our own bookings stand alone and AsOf is nil. Graph being down is
// an error.
func (s *Service) Schedule(ctx context.Context, c Caller, name string, from, to time.Time) (Schedule, error) {
	room, err := s.room(c, name)
	if err != nil {
		return Schedule{}, err
	}
	blocks, err := s.ownBlocks(ctx, room.Name, "", from, to)
	if err != nil {
		return Schedule{}, err
	}
	answer := Schedule{Room: room.Name, Blocks: []ScheduleBlock{}}
	looker, err := s.looker(ctx, c, room)
	if err != nil {
		return Schedule{}, err
	}
	if looker != "" {
		looking, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		seen, err := s.graphBlocks(looking, looker, []Room{room}, from, to)
		died := c.Person == nil && (errors.Is(err, grant.ErrNeedsSignIn) || errors.Is(err, grant.ErrNeedsAdminConsent))
		if err != nil && !died && !cannotLook(err) {
			return Schedule{}, err
		}
		if found, looked := seen[room.Name]; looked {
			blocks, answer.AsOf = merge(blocks, found), s.looks.last(room.Name)
		}
	}
	for _, b := range blocks {
		if b.overlaps(period{from, to}) {
			answer.Blocks = append(answer.Blocks, b.seenBy(c, room.TimeZone))
		}
	}
	return answer, nil
}

// looker is whose grant looks into a room for a caller; "": nobody's.
func (s *Service) looker(ctx context.Context, c Caller, room Room) (owner string, err error) {
	if c.Person != nil {
		return c.Person.ID, nil
	}
	owner = rooms.GrantOwner(room.Integration, room.Name)
	state, err := s.connection(ctx, owner)
	if err != nil || state != grant.Connected && state != grant.Unavailable {
		return "", err
	}
	return owner, nil
}

// merge joins our own blocks with those of Graph, where most of ours appear
// too: a block of the same times is the same one, ours with Graph's word on how
// busy it is, and with its subject, which Graph shows only to whom it may.
func merge(own, seen []block) []block {
	all := slices.Clone(own)
	for _, g := range seen {
		same := slices.IndexFunc(all, func(o block) bool {
			return o.record != nil && o.start.Equal(g.start) && o.end.Equal(g.end)
		})
		if same < 0 {
			all = append(all, g)
			continue
		}
		all[same].status, all[same].subject = g.status, g.subject
	}
	slices.SortStableFunc(all, func(a, b block) int {
		return cmp.Or(a.start.Compare(b.start), a.end.Compare(b.end))
	})
	return all
}

// seenBy is the block as the caller may see it. A private booking of ours is
// private even if the room's mailbox has lost the flag.
func (b block) seenBy(c Caller, zone *time.Location) ScheduleBlock {
	told := ScheduleBlock{Start: b.start.In(zone), End: b.end.In(zone), Status: b.status, Subject: b.subject}
	if b.record == nil {
		return told
	}
	if c.sees(b.record) {
		told.BookingID = b.record.ID
		told.Subject = b.record.Request.Subject
	}
	if b.record.Request.Private && !c.owns(b.record) {
		told.Subject = ""
	}
	return told
}
