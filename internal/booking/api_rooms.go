package booking

import (
	"context"
	"net/http"
	"regexp"

	"github.com/danielgtaylor/huma/v2"
)

func (a *api) registerRooms(h huma.API) {
	huma.Register(h, operation("list-rooms", http.MethodGet, "/v1/rooms", "List the configured rooms"), answer(a, a.rooms))
	huma.Register(h, operation("get-room", http.MethodGet, "/v1/rooms/{room}", "Read a room"), answer(a, a.room))
	schedule := operation("get-schedule", http.MethodGet, "/v1/rooms/{room}/schedule", "Busy times of a room", http.StatusTooManyRequests)
	schedule.Description = "What overlaps the window; without one, today in the room's time zone. At most 31 days."
	huma.Register(h, schedule, answer(a, a.schedule))
}

type roomsAnswer struct {
	Body struct {
		Rooms      []RoomInfo `json:"rooms" nullable:"false"`
		NextCursor string     `json:"next_cursor,omitempty" doc:"Missing: there are no more"`
	}
}

type roomsInput struct {
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"200"`
	Cursor string `query:"cursor" maxLength:"200" doc:"next_cursor of an earlier answer"`
}

var anyName = regexp.MustCompile(`^.{1,128}$`)

func (a *api) rooms(ctx context.Context, c Caller, in *roomsInput) (*roomsAnswer, error) {
	after, err := position(in.Cursor, anyName)
	if err != nil {
		return nil, err
	}
	out := &roomsAnswer{}
	rooms, more, err := a.bookings.Rooms(ctx, c, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out.Body.Rooms = rooms
	if more {
		out.Body.NextCursor = cursor(rooms[len(rooms)-1].Room)
	}
	return out, nil
}

type roomInput struct {
	Room string `path:"room" maxLength:"128"`
}

type roomAnswer struct{ Body RoomInfo }

func (a *api) room(ctx context.Context, c Caller, in *roomInput) (*roomAnswer, error) {
	info, err := a.bookings.Room(ctx, c, in.Room)
	return &roomAnswer{info}, err
}

type scheduleInput struct {
	Room string `path:"room" maxLength:"128"`
	From string `query:"from" maxLength:"64" doc:"RFC 3339"`
	To   string `query:"to" maxLength:"64" doc:"RFC 3339"`
}

type scheduleAnswer struct{ Body Schedule }

func (a *api) schedule(ctx context.Context, c Caller, in *scheduleInput) (*scheduleAnswer, error) {
	room, err := a.bookings.room(c, in.Room)
	if err != nil {
		return nil, err
	}
	from, to, err := window(in.From, in.To)
	if err != nil {
		return nil, err
	}
	if from.IsZero() && to.IsZero() {
		from = dayStart(a.bookings.now(), room.TimeZone)
	}
	switch {
	case from.IsZero():
		return nil, invalid{{"query.from", "say where the window starts", ""}}
	case to.IsZero():
		to = from.AddDate(0, 0, 1)
	case to.Sub(from) > maxSpan:
		return nil, invalid{{"query.to", "the window is longer than 31 days", in.To}}
	}
	schedule, err := a.bookings.Schedule(ctx, c, in.Room, from, to)
	return &scheduleAnswer{schedule}, err
}
