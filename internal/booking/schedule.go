package booking

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

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
	CheckInMinutes     int    `json:"check_in_minutes,omitempty" doc:"How long after its start a booking is released that nobody has checked in to; missing: never"`
	// Connection is how the account stands that the room is connected with.
	Connection string `json:"connection" enum:"connected,needs_sign_in,needs_admin_consent,no_mailbox,unavailable,not_connected" doc:"How the account stands that the room is connected with; not_connected: it has none"`
	// AsOf is when the room was last seen through Graph.
	AsOf *time.Time `json:"as_of" doc:"When the room's calendar was last seen by this gateway; null: not since it started"`
}

// notConnected is the connection of a room that has no account.
const notConnected = "not_connected"

// infos describes rooms; state tells how the grants of their accounts stand.
func (s *Service) infos(ctx context.Context, state stateOf, wanted ...Room) ([]RoomInfo, error) {
	connected, err := s.accounts(ctx)
	if err != nil {
		return nil, err
	}
	infos := []RoomInfo{}
	for _, room := range wanted {
		info := s.info(room)
		if slices.ContainsFunc(connected, func(a rooms.Connected) bool { return a.Integration == room.Integration && a.Room == room.Name }) {
			now, err := state(ctx, rooms.GrantOwner(room.Integration, room.Name))
			if err != nil {
				return nil, err
			}
			info.Connection = string(now)
		}
		infos = append(infos, info)
	}
	return infos, nil
}

func (s *Service) info(room Room) RoomInfo {
	seen := s.looks.last(room.Name)
	if at, ok := s.views.AsOf(room.Name); ok && (seen == nil || at.After(*seen)) {
		seen = stamp(at)
	}
	return RoomInfo{
		Room: room.Name, Name: room.Title, Address: room.Address, Integration: room.Integration,
		TimeZone: room.TimeZone.String(), Capacity: room.Capacity, Group: room.Group,
		MaxDurationMinutes: int(room.maxDuration() / time.Minute),
		BookingWindowDays:  int(room.BookingWindow / (24 * time.Hour)),
		CheckInMinutes:     int(room.CheckIn / time.Minute),
		Connection:         notConnected,
		AsOf:               seen,
	}
}

// Rooms lists the rooms that the caller can ask for, by name, from after a name.
func (s *Service) Rooms(ctx context.Context, c Caller, after string, limit int) (infos []RoomInfo, more bool, err error) {
	var found []Room
	for _, room := range s.world().Rooms {
		if c.mayUse(room) && room.Name > after {
			found = append(found, room)
		}
	}
	slices.SortFunc(found, func(a, b Room) int { return strings.Compare(a.Name, b.Name) })
	more = len(found) > limit
	infos, err = s.infos(ctx, s.connection, found[:min(len(found), limit)]...)
	return infos, more, err
}

// Room describes one room, or returns errUnknownRoom.
func (s *Service) Room(ctx context.Context, c Caller, name string) (RoomInfo, error) {
	room, err := s.room(c, name)
	if err != nil {
		return RoomInfo{}, err
	}
	infos, err := s.infos(ctx, s.connection, room)
	if err != nil {
		return RoomInfo{}, err
	}
	return infos[0], nil
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
// and from what the room's calendar shows, as far as somebody's grant can look: the
// person's, or that of the account that the room is connected with. Where nobody's
// can, our own bookings stand alone and AsOf is nil. Graph being down is an error.
func (s *Service) Schedule(ctx context.Context, c Caller, name string, from, to time.Time) (Schedule, error) {
	room, err := s.room(c, name)
	if err != nil {
		return Schedule{}, err
	}
	blocks, err := s.ownBlocks(ctx, room.Name, "", from, to)
	if err != nil {
		return Schedule{}, err
	}
	looking, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	seen, err := s.sightings(looking, question{caller: c, owner: c.id(), period: period{from, to}}, room)
	if err != nil {
		return Schedule{}, unanswered(ctx, err)
	}
	answer := Schedule{Room: room.Name, Blocks: []ScheduleBlock{}}
	if l, looked := seen[room.Name]; looked {
		if blocks, err = s.recheckMissing(ctx, room, blocks, l.blocks, period{from, to}); err != nil {
			return Schedule{}, err
		}
		blocks, answer.AsOf = merge(blocks, l.blocks), stamp(l.asOf)
	}
	for _, b := range blocks {
		if b.overlaps(period{from, to}) {
			told := b.seenBy(c, room.TimeZone)
			if c.Room != "" && c.Room != room.Name {
				told.Subject = "" // a panel at a door tells what goes on behind that one
			}
			answer.Blocks = append(answer.Blocks, told)
		}
	}
	return answer, nil
}

// merge joins our own blocks with those that the calendar shows, where most of ours
// appear too: by the meeting's iCalUId where both know it, else by their times. Such a
// block is ours with Graph's word on how busy it is, and with its subject, which Graph
// shows only to whom it may. One of our meetings that stands elsewhere in the
// calendar is shown there, too, as ours.
func merge(own, seen []block) []block {
	all := slices.Clone(own)
	joined := make([]bool, len(own)) // which of ours the calendar shows
	join := func(g block, same func(o block) bool) bool {
		for i, o := range own {
			if o.record != nil && !joined[i] && same(o) {
				joined[i] = true
				all[i].status, all[i].subject = g.status, g.subject
				return true
			}
		}
		return false
	}
	sameTimes := func(o, g block) bool { return o.start.Equal(g.start) && o.end.Equal(g.end) }
	sameMeeting := func(o, g block) bool { return g.uid != "" && o.record.ICalUID == g.uid }
	var others []block
	for _, g := range seen {
		if !join(g, func(o block) bool { return sameMeeting(o, g) && sameTimes(o, g) }) {
			others = append(others, g)
		}
	}
	for _, g := range others {
		if join(g, func(o block) bool { return sameTimes(o, g) }) {
			continue
		}
		if i := slices.IndexFunc(own, func(o block) bool { return o.record != nil && sameMeeting(o, g) }); i >= 0 {
			g.record = own[i].record
		}
		all = append(all, g)
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
	subject, private := b.about()
	if c.sees(b.record) {
		told.BookingID = b.record.ID
		told.Subject = subject
	}
	if private && !c.owns(b.record) {
		told.Subject = ""
	}
	return told
}

// about is what our booking in a block is about, and whether that is private: itself, the
// date of the series, or what a change under way makes of it. Of a block that stands
// where none of its dates is, nobody knows which one it is.
func (b block) about() (subject string, private bool) {
	r := b.record
	subject, private = r.Request.Subject, r.Request.Private || r.Change != nil && r.Change.Request.Private
	if len(r.Exceptions) == 0 {
		return subject, private
	}
	anyPrivate := false
	for _, o := range r.occurrences() {
		own := o.Request
		if own == nil {
			own = &r.Request
		}
		if !o.gone() && o.start.Equal(b.start) {
			return own.Subject, private || own.Private
		}
		anyPrivate = anyPrivate || own.Private
	}
	return subject, private || anyPrivate
}
