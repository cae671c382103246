package caddymodule

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/onesgate/onesgate/internal/offboard"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/status"
)

// roomAccount is a configured room, and the account that it is connected with. It
// holds no token.
type roomAccount struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Integration string `json:"integration"`
	Address     string `json:"address"`
	// Connection is "not_connected" where there is no account; else as in
	// X-Ones-Connection.
	Connection string `json:"connection"`
	// Account is null where there is none.
	Account *rooms.Account `json:"account"`
	// By is what people know the admin by who has connected it; empty if nobody is in
	// the directory with that id.
	By string `json:"by,omitempty"`
}

// roomAccounts is what GET /ones/rooms answers.
type roomAccounts struct {
	Rooms []roomAccount `json:"rooms"`
}

// roomRequest says which room is meant.
type roomRequest struct {
	Room string `json:"room"`
}

func serveRooms(w http.ResponseWriter, r *http.Request, e *engine) error {
	told := roomAccounts{Rooms: []roomAccount{}}
	for _, room := range e.now.Load().rooms() {
		one := roomAccount{
			Name: room.Name, Title: room.Title, Integration: room.Integration, Address: room.Address, Connection: status.NotConnected,
		}
		account, state, err := e.rooms.Get(r.Context(), room.Integration, room.Name)
		switch {
		case err == nil:
			one.Connection, one.Account = string(state), &account
			if one.By, err = e.calledBy(r.Context(), account.ConnectedBy); err != nil {
				return storeUnavailable(err)
			}
		case !errors.Is(err, rooms.ErrNotConnected):
			return storeUnavailable(err)
		}
		told.Rooms = append(told.Rooms, one)
	}
	return answer(w, told)
}

// calledBy returns the address or name of somebody; "": they are not in the directory.
func (e *engine) calledBy(ctx context.Context, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	p, err := e.people.Get(ctx, id)
	if errors.Is(err, people.ErrUnknown) {
		return "", nil
	}
	return cmp.Or(p.Email, p.Name), err
}

// serveRoomDisconnect forgets a room's account, and answers which it was.
func serveRoomDisconnect(w http.ResponseWriter, r *http.Request, e *engine) error {
	var asked roomRequest
	if err := question(w, r, &asked); err != nil {
		return err
	}
	room, ok := e.now.Load().world.Rooms[asked.Room]
	if !ok {
		return refuse(http.StatusNotFound, "no room %q is configured", asked.Room)
	}
	account, err := e.rooms.Disconnect(r.Context(), room.Integration, room.Name)
	if errors.Is(err, rooms.ErrNotConnected) {
		return refuse(http.StatusNotFound, "the room %s is not connected with an account", room.Name)
	}
	if err != nil {
		return storeUnavailable(err)
	}
	slog.New(&liveHandler{engine: e, name: "audit"}).InfoContext(r.Context(), "room disconnected by the operator",
		"by", offboard.ByOperator, "room", room.Name, "integration", room.Integration, "account", account.PersonID, "mailbox", account.Mailbox)
	return answer(w, account)
}
