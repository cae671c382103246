package booking

import (
	"context"
	"net/http"
	"regexp"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onesgate/onesgate/internal/grant"
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

func (a *api) registerUsers(h huma.API) {
	user := operation("get-user", http.MethodGet, "/v1/users/{user}", "Does this person have a working connection?")
	user.Description = "An e-mail address, a user id, card:NUMBER, or me."
	huma.Register(h, user, answer(a, a.user))
}

// A User is a person as a service needs to know them.
type User struct {
	ID            string      `json:"id"`
	Mail          string      `json:"mail,omitempty"`
	Name          string      `json:"name,omitempty"`
	Integration   string      `json:"integration"`
	Groups        []string    `json:"groups" nullable:"false"`
	DefaultGroups []string    `json:"default_groups" nullable:"false"`
	CardNumber    string      `json:"card_number,omitempty"`
	Connection    grant.State `json:"connection" enum:"connected,needs_sign_in,needs_admin_consent,no_mailbox,unavailable"`
	LoginURL      string      `json:"login_url,omitempty" doc:"Where the person can mend the connection"`
	FirstSeen     time.Time   `json:"first_seen"`
	LastSeen      time.Time   `json:"last_seen"`
}

type userInput struct {
	User string `path:"user" maxLength:"320"`
}

type userAnswer struct{ Body User }

func (a *api) user(ctx context.Context, c Caller, in *userInput) (*userAnswer, error) {
	who := in.User
	if who == "me" && c.Person == nil {
		return nil, refusal{codeForbidden, "me is a person: say who with Ones-Act-As, or ask for them by name."}
	}
	if who == "me" {
		who = c.Person.ID
	}
	if c.Service == "" && who != c.Person.ID {
		return nil, refusal{codeForbidden, "A signed-in person may only ask about themselves: use me."}
	}
	e, err := a.bookings.people.Find(ctx, who)
	if err != nil {
		return nil, err
	}
	state, err := a.bookings.connection(ctx, e.ID)
	if err != nil {
		return nil, err
	}
	u := User{
		ID: e.ID, Mail: e.Email, Name: e.Name, Integration: e.Integration,
		Groups: append([]string{}, e.Groups...), DefaultGroups: append([]string{}, e.DefaultGroups...),
		CardNumber: e.CardNumber, Connection: state, FirstSeen: e.FirstSeen, LastSeen: e.LastSeen,
	}
	if state == grant.NeedsSignIn || state == grant.NeedsAdminConsent {
		u.LoginURL = a.bookings.world().PublicURL + "/.ones/login/" + e.Integration
	}
	return &userAnswer{u}, nil
}
