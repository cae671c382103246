package booking

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

func (a *api) registerAvailability(h huma.API) {
	ask := operation("ask-availability", http.MethodPost, "/v1/availability", "Are these rooms free, and if not, when are they next?",
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusTooManyRequests)
	ask.DefaultStatus = http.StatusOK
	ask.Description = "Times alone, never what a room is taken for. A service that acts for nobody sees by the accounts that the rooms are connected with."
	huma.Register(h, ask, answer(a, a.availability))
}

type availabilityInput struct {
	Body struct {
		Rooms    []string `json:"rooms" nullable:"false" minItems:"1" maxItems:"50" doc:"Names of configured rooms"`
		Start    string   `json:"start" maxLength:"64" doc:"With an offset, or wall time in time_zone" example:"2026-12-01T10:00:00+08:00"`
		End      string   `json:"end" maxLength:"64" doc:"As start; at most 31 days after it" example:"2026-12-01T11:00:00+08:00"`
		TimeZone string   `json:"time_zone,omitempty" maxLength:"64" doc:"IANA name; that of each room if left out" example:"Asia/Hong_Kong"`
	}
}

type availabilityAnswer struct {
	Body struct {
		Rooms []RoomAvailability `json:"rooms" nullable:"false" doc:"In the order in which they were asked for"`
	}
}

func (a *api) availability(ctx context.Context, c Caller, in *availabilityInput) (*availabilityAnswer, error) {
	var wishes []wish
	asked := map[string]bool{}
	for i, name := range in.Body.Rooms {
		if asked[name] {
			return nil, invalid{{fmt.Sprintf("body.rooms[%d]", i), "this room comes twice", name}}
		}
		asked[name] = true
		room, err := a.bookings.room(c, name)
		if err != nil {
			return nil, refusal{codeUnknownRoom, fmt.Sprintf("No room %.128q is configured for you; GET /v1/rooms lists those that are.", name)}
		}
		when, wrong := parseSpan(in.Body.Start, in.Body.End, in.Body.TimeZone, false, room.TimeZone)
		if wrong == nil && when.end.Sub(when.start) > maxSpan {
			wrong = []fieldError{{"body.end", "it is more than 31 days after the start", in.Body.End}}
		}
		if wrong != nil {
			return nil, invalid(wrong)
		}
		wishes = append(wishes, wish{room, period{when.start, when.end}})
	}
	rooms, err := a.bookings.Availability(ctx, c, wishes)
	if err != nil {
		return nil, err
	}
	out := &availabilityAnswer{}
	out.Body.Rooms = rooms
	return out, nil
}
