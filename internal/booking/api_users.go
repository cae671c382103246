package booking

import (
	"context"
	"net/http"
	"regexp"

	"github.com/danielgtaylor/huma/v2"
)

func (a *api) registerUsers(h huma.API) {
	user := operation("get-user", http.MethodGet, "/v1/users/{user}", "Does this person have a working connection?")
	user.Description = "An e-mail address, a user id, card:NUMBER, or me. If the connection does not work, login_url is where the person can sign in."
	huma.Register(h, user, answer(a, a.user))
	users := forServices(operation("list-users", http.MethodGet, "/v1/users", "List the people synchronised so far"))
	users.Description = "For services: everybody who has signed in, in no order that means something. A page may be short, or empty, and have a " +
		"next_cursor all the same. Whose connection changes, and who is erased, is told by /v1/changes."
	huma.Register(h, users, answer(a, a.users))
}

type usersInput struct {
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"200" doc:"How many at most"`
	Cursor string `query:"cursor" maxLength:"600" doc:"next_cursor of an earlier answer"`
	Since  string `query:"since" maxLength:"64" doc:"RFC 3339; only who has signed in for the first time, or with another mail, name, group or card number, at that second or later"`
}

type usersAnswer struct {
	Body struct {
		Users      []User `json:"users" nullable:"false"`
		NextCursor string `json:"next_cursor,omitempty" doc:"Missing: there are no more"`
	}
}

var anyID = regexp.MustCompile(`^[ -~]{1,400}$`)

func (a *api) users(ctx context.Context, c Caller, in *usersInput) (*usersAnswer, error) {
	since, wrong := queryTime("since", in.Since)
	if wrong != nil {
		return nil, wrong
	}
	after, err := position(in.Cursor, anyID)
	if err != nil {
		return nil, err
	}
	users, next, err := a.bookings.Users(ctx, c, since, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &usersAnswer{}
	out.Body.Users = users
	if next != "" {
		out.Body.NextCursor = cursor(next)
	}
	return out, nil
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
	if c.Room != "" {
		return nil, refusal{codeForbidden, "A room may not ask about people: leave out Ones-Act-As."}
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
	return &userAnswer{a.bookings.user(e, state)}, nil
}
