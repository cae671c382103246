package booking

import (
	"context"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/people"
)

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
	LoginURL      string      `json:"login_url,omitempty" doc:"Where the person can mend the connection by signing in; missing if it is connected, if nobody can be asked right now, which passes, or if its integration is not configured any more"`
	FirstSeen     time.Time   `json:"first_seen"`
	LastSeen      time.Time   `json:"last_seen" doc:"Noted once a day"`
}

// user is somebody as callers are told, with the state of their connection.
func (s *Service) user(e people.Entry, state grant.State) User {
	u := User{
		ID: e.ID, Mail: e.Email, Name: e.Name, Integration: e.Integration,
		Groups: append([]string{}, e.Groups...), DefaultGroups: append([]string{}, e.DefaultGroups...),
		CardNumber: e.CardNumber, Connection: state, FirstSeen: e.FirstSeen, LastSeen: e.LastSeen,
	}
	world := s.world()
	if _, configured := world.Integrations[e.Integration]; configured && !state.Works() {
		u.LoginURL = world.PublicURL + "/.ones/login/" + e.Integration
	}
	return u
}

// Users lists the people who have signed in, by their ids from after one, and the id to
// go on after; "": there are no more. Those who neither came nor changed since a time
// are passed over; like a list of bookings, one that found little within maxRead people
// is short. Their connections are as the store has them, never unavailable.
func (s *Service) Users(ctx context.Context, c Caller, since time.Time, after string, limit int) (users []User, next string, err error) {
	if !c.forItself() {
		return nil, "", refusal{codeForbidden, "The list of people is for a service that asks for itself: leave out Ones-Act-As."}
	}
	users = []User{}
	for read := 0; ; {
		found, struck, more, err := s.people.After(ctx, after, scanChunk)
		if err != nil {
			return nil, "", err
		}
		for _, e := range found {
			if !e.News(since) {
				continue
			}
			if len(users) == limit {
				return users, users[limit-1].ID, nil
			}
			state, err := s.stored(ctx, e.ID)
			if err != nil {
				return nil, "", err
			}
			users = append(users, s.user(e, state))
		}
		read += len(found) + len(struck)
		if more == "" || read >= maxRead {
			return users, more, nil
		}
		after = more
	}
}
