package caddymodule

import (
	"context"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/signin"
	"github.com/onesgate/onesgate/internal/signin/pages"
)

// insight is what the pages for operators are made from.
func (e *engine) insight() signin.Insight {
	return signin.Insight{Picture: e.picture, People: e.findPeople}
}

// findPeople lists people for a page. Who looks for an integration, or a state, that there
// is not finds nobody.
func (e *engine) findPeople(ctx context.Context, f signin.PeopleFilter) ([]pages.Person, string, error) {
	list, err := e.listUsers(ctx, userFilter{
		Integration: f.Integration, State: f.State, Search: identity.FoldCase(f.Search), Cursor: f.Cursor, Limit: f.Limit,
	})
	var found []pages.Person
	for _, u := range list.Users {
		found = append(found, pages.Person{
			ID: u.ID, Name: u.Name, Email: u.Email, CardNumber: u.CardNumber, Integration: u.Integration, Connection: u.Connection,
			Since: u.Since, LastSeen: u.LastSeen, Reason: u.Reason,
		})
	}
	return found, list.Next, err
}
