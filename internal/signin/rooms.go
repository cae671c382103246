package signin

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/signin/pages"
)

// A Room can be connected with an account that stands for it.
type Room struct {
	Name, Integration string
	// Address of the room's mailbox.
	Address string
	// Title is the name for people.
	Title string
	// TimeZone is where it lies; nil: UTC.
	TimeZone *time.Location
}

// zoneOf is where all rooms of an integration lie, "" for those of all; nil: in several
// zones, or there are none.
func (s *Site) zoneOf(integration string) (zone *time.Location) {
	for _, room := range s.Rooms {
		switch {
		case integration != "" && room.Integration != integration:
		case room.TimeZone == nil, zone != nil && zone.String() != room.TimeZone.String():
			return nil
		default:
			zone = room.TimeZone
		}
	}
	return zone
}

// roomPath is the page of a room.
func roomPath(name string) string { return pathRooms + name + "/connect" }

func (s *Site) room(name string) (Room, bool) {
	for _, room := range s.Rooms {
		if room.Name == name {
			return room, true
		}
	}
	return Room{}, false
}

// roomOf returns the room that a path names, with its integration. It has answered
// itself if ok is false.
func (s *Site) roomOf(w http.ResponseWriter, r *http.Request) (room Room, i Integration, ok bool) {
	if room, ok = s.room(r.PathValue("room")); ok {
		i, ok = s.integration(room.Integration)
	}
	if !ok {
		s.refuse(w, r, pages.NotFound, "not_found", "No room of that name is configured.")
	}
	return room, i, ok
}

// forAdmins serves a page to admins alone.
func (g *Gate) forAdmins(serve func(http.ResponseWriter, *http.Request, *session.Session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if current := g.site.signedIn(w, r); current != nil && g.admits(w, r, current) {
			serve(w, r, current)
		}
	}
}

// admits says whether somebody is an admin, and answers them if not.
func (g *Gate) admits(w http.ResponseWriter, r *http.Request, current *session.Session) bool {
	s := g.site
	is, err := g.admin(r.Context(), current)
	switch {
	case err != nil:
		s.storeAway(w, r, err)
	case !is:
		s.Audit.WarnContext(r.Context(), "a page for admins was refused", "user", current.Person.ID, "method", r.Method, "path", r.URL.Path)
		s.refuse(w, r, pages.NotAdmin, "forbidden", "This is for admins; the Caddyfile names them.")
	}
	return err == nil && is
}

// roomPage shows whether a room is connected, and with which account.
func (g *Gate) roomPage(w http.ResponseWriter, r *http.Request, _ *session.Session) {
	if room, i, ok := g.site.roomOf(w, r); ok {
		g.showRoom(w, r, room, i, "")
	}
}

// showRoom shows a room. refused is an account that has just signed in in vain.
func (g *Gate) showRoom(w http.ResponseWriter, r *http.Request, room Room, i Integration, refused string) {
	s := g.site
	account, state, err := s.RoomAccounts.Get(r.Context(), room.Integration, room.Name)
	page := pages.Room{
		Title: room.Title, Address: room.Address, Refused: refused,
		Connection: pages.Connection(state), Account: accountName(account), Connected: account.ConnectedAt,
		ConnectAction: roomPath(room.Name), DisconnectAction: pathRooms + room.Name + "/disconnect", BackURL: pathAccount,
		Zone: room.TimeZone,
	}
	switch {
	case errors.Is(err, rooms.ErrNotConnected):
		page.Connection = pages.NotConnected
	case err != nil:
		s.roomStoreFailed(w, r, room, err)
		return
	default:
		page.By = s.personName(r.Context(), account.ConnectedBy)
	}
	// Where the form leads to: of this attempt, which is none, the host alone counts.
	to, err := i.Entra.AuthCodeURL(r.Context(), s.authRequest(s.newAttempt(i, "/")))
	if err == nil {
		page.FormAction = []string{to}
	}
	s.pages.Room(w, r, page)
}

// accountRooms are the rooms that an admin's account page leads to.
func (s *Site) accountRooms(ctx context.Context) ([]pages.AccountRoom, error) {
	var all []pages.AccountRoom
	for _, room := range s.Rooms {
		_, state, err := s.RoomAccounts.Get(ctx, room.Integration, room.Name)
		connection := pages.Connection(state)
		switch {
		case errors.Is(err, rooms.ErrNotConnected):
			connection = pages.NotConnected
		case err != nil:
			return nil, err
		}
		all = append(all, pages.AccountRoom{Title: room.Title, Connection: connection, URL: roomPath(room.Name)})
	}
	return all, nil
}

// accountName is what people know an account by.
func accountName(a rooms.Account) string { return cmp.Or(a.Mailbox, a.PersonID) }

// personName is what people know somebody by who has signed in once.
func (s *Site) personName(ctx context.Context, id string) string {
	e, err := s.People.Get(ctx, id)
	if err != nil {
		return id
	}
	return cmp.Or(e.Mailbox, e.Name, id)
}

func (s *Site) roomStoreFailed(w http.ResponseWriter, r *http.Request, room Room, err error) {
	s.Log.ErrorContext(r.Context(), "a room's account could not be read or changed", "room", room.Name, "error", err)
	s.pages.Message(w, r, pages.Message{
		Kind:    pages.StoreUnavailable,
		Actions: []pages.Action{{Label: pages.ActionRoom, URL: roomPath(room.Name)}},
	})
}

// connectRoom sends the admin's browser to Microsoft, to sign in with the account
// that is to stand for the room.
func (g *Gate) connectRoom(w http.ResponseWriter, r *http.Request, current *session.Session) {
	s := g.site
	room, i, ok := s.roomOf(w, r)
	if !ok {
		return
	}
	a := s.newAttempt(i, roomPath(room.Name))
	a.Room, a.Admin = room.Name, current.ID
	// The admin is signed in at Microsoft too, and not meant.
	asked := entra.AuthRequest{Prompt: promptSelect, Claims: s.challenge(r.Context(), rooms.GrantOwner(room.Integration, room.Name))}
	if err := s.toMicrosoft(w, r, i, a, asked); err != nil {
		s.signInFailed(w, r, a, err)
	}
}

// roomCallback is where Microsoft sends the browser back to then. It changes
// nothing of the admin's own session and grant. Like callback, it returns no error
// to the server around us.
func (g *Gate) roomCallback(w http.ResponseWriter, r *http.Request) {
	s := g.site
	a, code, ok := s.returned(w, r, true)
	if !ok {
		return
	}
	current, ok := s.current(w, r)
	room, configured := s.room(a.Room)
	switch {
	case !ok:
		return
	case current == nil, current.ID != a.Admin, !configured, room.Integration != a.Integration:
		s.roomExpired(w, r, a)
		return
	case !g.admits(w, r, current):
		return
	}
	if got, ok := s.redeem(w, r, a, code); ok {
		g.keepAccount(w, r, current, room, got)
	}
}

// roomExpired is expired at the rooms' callback: nobody just goes on from here.
func (s *Site) roomExpired(w http.ResponseWriter, r *http.Request, a attempt) {
	action := pages.Action{Label: pages.ActionHome, URL: "/"}
	if a.Room != "" {
		action = pages.Action{Label: pages.ActionRoom, URL: roomPath(a.Room)}
	}
	s.tellEnded(w, r, a.Integration, pages.Message{Kind: pages.SignInExpired, Actions: []pages.Action{action}})
}

// keepAccount connects a room with the account that has signed in, if that may
// stand for the room. Else nothing is kept of it.
func (g *Gate) keepAccount(w http.ResponseWriter, r *http.Request, current *session.Session, room Room, got arrived) {
	s := g.site
	account := rooms.Account{
		PersonID: got.person().ID, ConnectedBy: current.Person.ID, ConnectedAt: s.Now().UTC().Truncate(time.Second),
	}
	who := []any{
		"user", current.Person.ID, "session", current.ID[:12], "room", room.Name, "integration", room.Integration, "account", account.PersonID,
	}
	failed := pages.Message{Actions: []pages.Action{{Label: pages.ActionRoom, URL: roomPath(room.Name)}}}
	if got.tokens.Refresh == "" {
		s.Log.ErrorContext(r.Context(), "Microsoft gave no refresh token, so a room can't be connected: is offline_access granted?", "integration", room.Integration)
		failed.Kind = pages.ServiceMisconfigured
		s.pages.Message(w, r, failed)
		return
	}
	stands, err := standsFor(r.Context(), room, got, &account)
	who = append(who, "mailbox", account.Mailbox)
	switch {
	case err != nil:
		s.Log.WarnContext(r.Context(), "it could not be told whether an account may stand for a room", append(who, "error", err)...)
		failed.Kind = pages.SignInFailed
		if graph.Transient(err) {
			failed.Kind = pages.MicrosoftUnavailable
		}
		s.pages.Message(w, r, failed)
		return
	case !stands:
		s.Audit.WarnContext(r.Context(), "an account was refused for a room: it neither owns the room's mailbox nor may edit its calendar", who...)
		g.showRoom(w, r, room, got.Integration, accountName(account))
		return
	}
	// Microsoft may have taken its time, and the session may have been ended in it.
	if now, ok := s.current(w, r); !ok {
		return
	} else if now == nil || now.ID != current.ID {
		s.roomExpired(w, r, attempt{Room: room.Name})
		return
	}
	// The code is spent: what it brought is kept even if the admin's browser has left.
	ctx, cancel := lasting(r)
	defer cancel()
	if err := s.RoomAccounts.Connect(ctx, room.Integration, room.Name, account, got.tokens); err != nil {
		s.roomStoreFailed(w, r, room, err)
		return
	}
	s.Audit.InfoContext(ctx, "room connected", who...)
	s.SignedIn(rooms.GrantOwner(room.Integration, room.Name))
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, roomPath(room.Name), http.StatusSeeOther)
}

// standsFor says whether an account may stand for a room: it owns the room's
// mailbox, or may edit the room's calendar. It notes whose mailbox the account has.
func standsFor(ctx context.Context, room Room, got arrived, account *rooms.Account) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	mb := mailboxOf(account.PersonID, got.tokens)
	owner, err := got.Graph.DefaultCalendarOwner(ctx, mb)
	switch {
	case err == nil:
		account.Mailbox, account.Name = identity.Clean(owner.Address), identity.Clean(owner.Name)
		if identity.FoldCase(owner.Address) == identity.FoldCase(room.Address) {
			return true, nil
		}
	case !graph.IsNotFound(err): // an account without a mailbox may have rights all the same
		return false, err
	}
	return got.Graph.CanEdit(ctx, mb, room.Address)
}

// mailboxOf is whose tokens they are, fresh from a sign-in.
func mailboxOf(personID string, tokens entra.Tokens) graph.Mailbox {
	return graph.Mailbox{
		Key:   personID,
		Token: func(context.Context, graph.Refused) (string, error) { return tokens.Access, nil },
	}
}

// disconnectRoom forgets a room's account.
func (g *Gate) disconnectRoom(w http.ResponseWriter, r *http.Request, current *session.Session) {
	s := g.site
	room, _, ok := s.roomOf(w, r)
	if !ok {
		return
	}
	ctx, cancel := lasting(r)
	defer cancel()
	was, err := s.RoomAccounts.Disconnect(ctx, room.Integration, room.Name)
	switch {
	case errors.Is(err, rooms.ErrNotConnected): // that is what was wanted
	case err != nil:
		s.roomStoreFailed(w, r, room, err)
		return
	default:
		s.Audit.InfoContext(ctx, "room disconnected", "user", current.Person.ID, "session", current.ID[:12],
			"room", room.Name, "integration", room.Integration, "account", was.PersonID, "mailbox", was.Mailbox)
	}
	back := roomPath(room.Name)
	if r.PostFormValue("back") == "status" {
		back = pages.StatusPath + "#rooms"
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, back, http.StatusSeeOther)
}
