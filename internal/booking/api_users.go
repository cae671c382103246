package booking

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/people"
)

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
	return &userAnswer{a.bookings.user(e, state)}, nil
}

// user is somebody as callers are told, with the state of their connection.
func (s *Service) user(e people.Entry, state grant.State) User {
	u := User{
		ID: e.ID, Mail: e.Email, Name: e.Name, Integration: e.Integration,
		Groups: append([]string{}, e.Groups...), DefaultGroups: append([]string{}, e.DefaultGroups...),
		CardNumber: e.CardNumber, Connection: state, FirstSeen: e.FirstSeen, LastSeen: e.LastSeen,
	}
	if state == grant.NeedsSignIn || state == grant.NeedsAdminConsent {
		u.LoginURL = s.world().PublicURL + "/.ones/login/" + e.Integration
	}
	return u
}
