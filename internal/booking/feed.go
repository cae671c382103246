package booking

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/store"
)

// A Change is one booking, user or room, as it is when the change is read.
type Change struct {
	Booking *Changed[Booking] `json:"booking,omitempty"`
	User    *Changed[User]    `json:"user,omitempty"`
	Room    *RoomInfo         `json:"room,omitempty" doc:"The connection of its account has changed"`
}

// A Changed record is written as it is now, or as {"id":…,"deleted":true}.
type Changed[T any] struct {
	ID string
	// Now is nil if the record is gone.
	Now *T
}

// gone is what is written of a record that is gone.
type goneRecord struct {
	ID      string `json:"id"`
	Deleted bool   `json:"deleted" enum:"true" doc:"It is erased"`
}

// MarshalJSON implements json.Marshaler.
func (c Changed[T]) MarshalJSON() ([]byte, error) {
	if c.Now == nil {
		return json.Marshal(goneRecord{c.ID, true})
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // as the rest of the answer is written
	err := encoder.Encode(c.Now)
	return b.Bytes(), err
}

// Schema implements huma.SchemaProvider.
func (Changed[T]) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{
		huma.SchemaFromType(r, reflect.TypeFor[T]()), huma.SchemaFromType(r, reflect.TypeFor[goneRecord]()),
	}}
}

// Changes returns what has changed after a cursor, each record once and as it is now,
// and the cursor to go on from. Where nothing has, it waits up to d, but not beyond a
// reload or the end of the process, which would have to wait for it. A cursor may be
// used again: it leads to the same records then, and those that have changed since.
// Without one there are no changes, only the cursor of now. errCursorExpired: the
// cursor is older than the announcements are kept, or of another store.
func (s *Service) Changes(ctx context.Context, c Caller, cursor string, limit int, d time.Duration) (changes []Change, next string, err error) {
	if !c.forItself() {
		return nil, "", refusal{codeForbidden, "Changes are told to a service that asks for itself: leave out Ones-Act-As."}
	}
	epoch, err := store.Epoch(ctx, s.journal.store)
	if err != nil {
		return nil, "", err
	}
	at := func(p store.Position) string { return epoch + "/" + strconv.FormatUint(uint64(p), 10) }
	if cursor == "" {
		last, err := s.journal.store.Last(ctx)
		return nil, at(last), err
	}
	of, number, _ := strings.Cut(cursor, "/")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil || of != epoch {
		return nil, "", errCursorExpired
	}
	position, begun := store.Position(n), s.world()
	for deadline := s.now().Add(d); ; {
		heard, err := s.journal.store.Follow(ctx, position, limit)
		if errors.Is(err, store.ErrForgotten) {
			return nil, "", errCursorExpired
		}
		if err != nil {
			return nil, "", err
		}
		if len(heard) > 0 {
			position = heard[len(heard)-1].Position
		}
		changes, err := s.present(ctx, c, heard)
		if err != nil || len(changes) > 0 || len(heard) < limit && (!s.now().Before(deadline) || s.endsSince(begun)) {
			return changes, at(position), err
		}
	}
}

// endsSince says that another configuration is in force than that one, or that none will
// be for long.
func (s *Service) endsSince(begun *World) bool {
	return s.world() != begun || s.ending != nil && s.ending()
}

// present reads what announcements are about, each record once. What is announced for
// the gateways themselves is left out, and so are rooms that are not configured.
func (s *Service) present(ctx context.Context, c Caller, heard []store.Announcement) (changes []Change, err error) {
	told := map[string]bool{}
	for _, a := range heard {
		id, read := string(a.Value), s.changedUser
		switch a.Topic {
		case Topic:
			read = func(ctx context.Context, id string) (Change, bool, error) { return s.changedBooking(ctx, c, id) }
		case people.Topic:
		case grant.Topic, grant.GoneTopic:
			if _, _, ok := rooms.OfGrant(id); ok {
				read = s.changedRoom
			}
		default:
			continue
		}
		if told[id] {
			continue
		}
		told[id] = true
		change, ok, err := read(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("read what has changed: %w", err)
		}
		if ok {
			changes = append(changes, change)
		}
	}
	return changes, nil
}

func (s *Service) changedBooking(ctx context.Context, c Caller, id string) (Change, bool, error) {
	r, err := s.journal.get(ctx, id)
	if errors.Is(err, errNotFound) {
		return Change{Booking: &Changed[Booking]{ID: id}}, true, nil
	}
	now := c.view(&r)
	return Change{Booking: &Changed[Booking]{ID: id, Now: &now}}, err == nil, err
}

func (s *Service) changedUser(ctx context.Context, id string) (Change, bool, error) {
	e, err := s.people.Get(ctx, id)
	if errors.Is(err, people.ErrUnknown) {
		return Change{User: &Changed[User]{ID: id}}, true, nil
	}
	if err != nil {
		return Change{}, false, err
	}
	state, err := s.stored(ctx, id)
	now := s.user(e, state)
	return Change{User: &Changed[User]{ID: id, Now: &now}}, err == nil, err
}

// changedRoom reads the room of a grant.
func (s *Service) changedRoom(ctx context.Context, owner string) (Change, bool, error) {
	integration, name, _ := rooms.OfGrant(owner)
	room, ok := s.world().Rooms[name]
	if !ok || room.Integration != integration {
		return Change{}, false, nil
	}
	infos, err := s.infos(ctx, s.stored, room)
	if err != nil {
		return Change{}, false, err
	}
	return Change{Room: &infos[0]}, true, nil
}
