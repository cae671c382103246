package caddymodule

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/offboard"
	"github.com/onesgate/onesgate/internal/people"
)

// userList is a part of the people who have signed in, by id.
type userList struct {
	Users []userEntry `json:"users"`
	// Next is the cursor of the next part; missing: there is none.
	Next string `json:"next,omitempty"`
}

// userEntry is a person, as operators see them. It holds no token.
type userEntry struct {
	ID          string `json:"id"`
	Name        string `json:"name,omitempty"`
	Email       string `json:"email,omitempty"`
	CardNumber  string `json:"card_number,omitempty"`
	Integration string `json:"integration"`
	Connection  string `json:"connection"` // as in X-Ones-Connection
	// Since is when the connection came into that state, Connected when they signed in
	// for it, and Renewed when Microsoft last gave a token for it; missing: there is no
	// connection. Reason is why Microsoft has refused it, in its codes.
	Since     time.Time `json:"connection_since,omitzero"`
	Connected time.Time `json:"connected_at,omitzero"`
	Renewed   time.Time `json:"renewed_at,omitzero"`
	Reason    string    `json:"connection_reason,omitempty"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
}

// userDetails are all that operators are told of one person.
type userDetails struct {
	userEntry
	Groups        []string `json:"groups,omitempty"`
	DefaultGroups []string `json:"default_groups,omitempty"`
	Roles         []string `json:"roles,omitempty"`
	Sessions      int      `json:"sessions"`
	// Rooms are those that their account stands for.
	Rooms []string `json:"rooms,omitempty"`
	// Admin are the addresses of admins that belong to them: the integration, "/", and
	// the address.
	Admin []string `json:"admin,omitempty"`
	// Erased is who has them erased, if that has not ended yet. Nothing else but the id
	// is told then.
	Erased string `json:"erased_by,omitempty"`
}

// userRequest says who is meant: by user id, mail address or card:NUMBER.
type userRequest struct {
	User string `json:"user"`
}

// disconnected is what a disconnection has done, erased what an erasure has.
type (
	disconnected struct {
		User     string `json:"user"`
		Sessions int    `json:"sessions"`
	}
	erased struct {
		User string `json:"user"`
		offboard.Erased
	}
)

// Bounds of one answer: how many people are told, and looked at.
const (
	defaultUsers  = 200
	maxUsers      = 1000
	maxUsersRead  = 5000
	usersReadOnce = 500
)

// userFilter says which people are listed; what is empty doesn't matter.
type userFilter struct {
	Integration string `json:"integration,omitempty"`
	State       string `json:"state,omitempty"`
	Search      string `json:"search,omitempty"`
	Cursor      string `json:"cursor,omitempty"`
	Limit       int    `json:"limit,omitempty"` // 0: the usual one
}

var grantStates = []grant.State{grant.Connected, grant.NeedsSignIn, grant.NeedsAdminConsent, grant.NoMailbox, grant.Unavailable}

// connectionStates lists them for people.
func connectionStates() string { return listed(grantStates) }

// listed lists words for people.
func listed[W ~string](words []W) string {
	var all []string
	for _, w := range words {
		all = append(all, string(w))
	}
	return strings.Join(all, ", ")
}

// check says what is wrong with a filter, and completes it. known says whether an
// integration is configured, or was.
func (f *userFilter) check(known func(integration string) bool) error {
	if f.Integration != "" && !known(f.Integration) {
		return refuse(http.StatusBadRequest, "no integration %q is configured, and nobody has come through one of that name; onesgate ones status has their names", f.Integration)
	}
	if f.State != "" && !slices.Contains(grantStates, grant.State(f.State)) {
		return refuse(http.StatusBadRequest, "no connection has the state %q; it is one of %s", f.State, connectionStates())
	}
	if f.Limit < 0 || f.Limit > maxUsers {
		return refuse(http.StatusBadRequest, "limit must be a number from 1 to %d", maxUsers)
	}
	f.Limit, f.Search = cmp.Or(f.Limit, defaultUsers), identity.FoldCase(f.Search)
	return nil
}

// fits says whether somebody is meant, as far as their record tells.
func (f userFilter) fits(e people.Entry) bool {
	if f.Integration != "" && e.Integration != f.Integration {
		return false
	}
	return f.Search == "" || slices.ContainsFunc([]string{e.ID, e.Name, e.Email, e.CardNumber}, func(text string) bool {
		return strings.Contains(identity.FoldCase(text), f.Search)
	})
}

// serveUsers lists people. A part may be short, or empty, and not the last: much was
// looked at in vain then.
func serveUsers(w http.ResponseWriter, r *http.Request, e *engine) error {
	var f userFilter
	if err := question(w, r, &f); err != nil {
		return err
	}
	if err := f.check(e.knowsIntegration); err != nil {
		return err
	}
	list, err := e.listUsers(r.Context(), f)
	if err != nil {
		return err
	}
	return answer(w, list)
}

// knowsIntegration says whether an integration is configured, or somebody had come through it
// when people were last counted.
func (e *engine) knowsIntegration(name string) bool {
	if e.now.Load().configured(name) {
		return true
	}
	counted := e.census.latest()
	return counted != nil && counted.persons[name] > 0
}

// listUsers lists people by a filter that was checked.
func (e *engine) listUsers(ctx context.Context, f userFilter) (userList, error) {
	list := userList{Users: []userEntry{}}
	for read := 0; ; {
		found, _, more, err := e.people.After(ctx, f.Cursor, usersReadOnce)
		if err != nil {
			return list, storeUnavailable(err)
		}
		for _, p := range found {
			if len(list.Users) == f.Limit {
				list.Next = f.Cursor
				return list, nil
			}
			f.Cursor = p.ID
			if !f.fits(p) {
				continue
			}
			entry, err := e.userEntry(ctx, p)
			if err != nil {
				return list, err
			}
			if f.State == "" || entry.Connection == f.State {
				list.Users = append(list.Users, entry)
			}
		}
		if f.Cursor = more; more == "" {
			return list, nil
		}
		if read += usersReadOnce; read >= maxUsersRead {
			list.Next = f.Cursor
			return list, nil
		}
	}
}

func (e *engine) userEntry(ctx context.Context, p people.Entry) (userEntry, error) {
	g, err := e.grants.Summary(ctx, p.ID)
	if err != nil {
		return userEntry{}, storeUnavailable(err)
	}
	return userEntry{
		ID: p.ID, Name: p.Name, Email: p.Email, CardNumber: p.CardNumber, Integration: p.Integration,
		Connection: string(g.State), Since: g.Since, Reason: g.Reason, Connected: g.Begun, Renewed: g.Renewed, FirstSeen: p.FirstSeen, LastSeen: p.LastSeen,
	}, nil
}

// user returns the person who is meant.
func (e *engine) user(ctx context.Context, who string) (people.Entry, error) {
	p, err := e.people.Find(ctx, who)
	switch {
	case errors.Is(err, people.ErrUnknown):
		return p, errUnknownUser
	case errors.Is(err, people.ErrAmbiguous):
		return p, refuse(http.StatusConflict, "%w", err)
	case err != nil:
		return p, storeUnavailable(err)
	}
	return p, nil
}

// userOrStruck returns the id of the person who is meant, also of one whose erasure, or
// merge, was broken off: they are found by their id alone.
func (e *engine) userOrStruck(ctx context.Context, who string) (string, error) {
	id := strings.TrimSpace(who)
	if _, err := e.people.StruckOff(ctx, id); err == nil {
		return id, nil
	}
	p, err := e.user(ctx, who)
	return p.ID, err
}

// errUnknownUser does not repeat who was meant: Caddy logs it.
var errUnknownUser = refuse(http.StatusNotFound, "nobody like that is known: write a user id, the address of a mailbox, or card:NUMBER; \"onesgate ones users list\" shows who there is")

// serveUser tells of one person.
func serveUser(w http.ResponseWriter, r *http.Request, e *engine) error {
	var asked userRequest
	if err := question(w, r, &asked); err != nil {
		return err
	}
	ctx := r.Context()
	if struck, err := e.people.StruckOff(ctx, strings.TrimSpace(asked.User)); err == nil {
		return answer(w, userDetails{userEntry: userEntry{ID: struck.ID}, Erased: struck.By})
	}
	p, err := e.user(ctx, asked.User)
	if err != nil {
		return err
	}
	told := userDetails{Groups: p.Groups, DefaultGroups: p.DefaultGroups, Roles: p.Roles}
	if told.userEntry, err = e.userEntry(ctx, p); err != nil {
		return err
	}
	alive, err := e.sessions.Of(ctx, p.ID)
	if err != nil {
		return storeUnavailable(err)
	}
	told.Sessions = len(alive)
	accounts, err := e.rooms.All(ctx)
	if err != nil {
		return storeUnavailable(err)
	}
	for _, a := range accounts {
		if a.PersonID == p.ID {
			told.Rooms = append(told.Rooms, a.Room)
		}
	}
	pins, err := e.people.Pins(ctx)
	if err != nil {
		return storeUnavailable(err)
	}
	for _, pin := range pins {
		if pin.Holder == p.ID {
			told.Admin = append(told.Admin, pin.Address)
		}
	}
	return answer(w, told)
}

// serveUserDisconnect forgets somebody's grant, and ends their sessions. Like an
// erasure, it goes on though whoever asked has gone.
func serveUserDisconnect(w http.ResponseWriter, r *http.Request, e *engine) error {
	var asked userRequest
	if err := question(w, r, &asked); err != nil {
		return err
	}
	p, err := e.user(r.Context(), asked.User)
	if err != nil {
		return err
	}
	n, err := e.office.Disconnect(e.running, p.ID, offboard.ByOperator)
	if err != nil {
		return storeUnavailable(err)
	}
	return answer(w, disconnected{User: p.ID, Sessions: n})
}

// serveUserErase removes all that is kept of somebody, or goes on with that.
func serveUserErase(w http.ResponseWriter, r *http.Request, e *engine) error {
	var asked userRequest
	if err := question(w, r, &asked); err != nil {
		return err
	}
	id, err := e.userOrStruck(r.Context(), asked.User)
	if err != nil {
		return err
	}
	done, err := e.office.Erase(e.running, id, offboard.ByOperator)
	var needed *offboard.StandsForError
	switch {
	case errors.As(err, &needed):
		return refuse(http.StatusConflict, "%s is not erased: %w", id, needed)
	case errors.Is(err, people.ErrUnknown):
		return errUnknownUser
	case err != nil:
		return refuse(http.StatusServiceUnavailable, "not all of %s is erased; the rest goes when you try again, or by itself within a day: %w", id, err)
	}
	return answer(w, erased{User: id, Erased: done})
}
