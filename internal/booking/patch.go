package booking

import (
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// A Patch is what a caller wants changed of a booking, as a JSON merge patch (RFC 7396):
// what is left out stays, and null takes away.
type Patch struct {
	Room      given[string]   `json:"room,omitempty" maxLength:"128" doc:"Another room; not of a single occurrence"`
	Subject   given[string]   `json:"subject,omitempty" maxLength:"255" example:"Quarterly review"`
	Start     given[string]   `json:"start,omitempty" maxLength:"64" doc:"As in booking"`
	End       given[string]   `json:"end,omitempty" maxLength:"64" doc:"As in booking"`
	TimeZone  given[string]   `json:"time_zone,omitempty" maxLength:"64" doc:"null: the room's"`
	AllDay    given[bool]     `json:"all_day,omitempty"`
	Attendees given[[]string] `json:"attendees,omitempty" maxItems:"200" doc:"All of them: those who are not in the list any more are told so"`
	Body      given[string]   `json:"body,omitempty" maxLength:"16000"`
	Private   given[bool]     `json:"private,omitempty"`
}

// given is a member of a merge patch: not there, null, or a value.
type given[T any] struct {
	there bool
	value T // the zero value for null
}

// UnmarshalJSON implements json.Unmarshaler.
func (g *given[T]) UnmarshalJSON(b []byte) error {
	g.there = true
	return json.Unmarshal(b, &g.value)
}

// Schema implements huma.SchemaProvider.
func (g given[T]) Schema(r huma.Registry) *huma.Schema {
	s := *huma.SchemaFromType(r, reflect.TypeFor[T]())
	s.Nullable = true
	return &s
}

// MarshalJSON implements json.Marshaler, for hashes: it tells what is not there from null.
func (g given[T]) MarshalJSON() ([]byte, error) {
	if !g.there {
		return []byte(`"-"`), nil
	}
	return json.Marshal([]T{g.value})
}

// hash identifies what is asked for of something that words name.
func (p Patch) hash(words ...string) (string, error) {
	b, err := json.Marshal(p)
	return hash(append(words, string(b))...), err
}

func (g given[T]) into(field *T) {
	if g.there {
		*field = g.value
	}
}

// apply is the booking's request with the patch in it.
func (p Patch) apply(r *record) (Request, error) {
	req := r.Request
	p.Room.into(&req.Room)
	p.Subject.into(&req.Subject)
	p.Start.into(&req.Start)
	p.End.into(&req.End)
	p.TimeZone.into(&req.TimeZone)
	p.AllDay.into(&req.AllDay)
	if p.Attendees.into(&req.Attendees); len(req.Attendees) == 0 {
		req.Attendees = nil // as the journal has none
	}
	p.Body.into(&req.Body)
	p.Private.into(&req.Private)
	if p.TimeZone.there && req.TimeZone != r.Request.TimeZone {
		// The clock there is to show what it showed here, whatever offset was written.
		write := r.clock
		if req.TimeZone == r.Zone {
			write = r.wall // the same time, also where the clock shows it twice
		}
		if !p.Start.there {
			req.Start = write(r.Start)
		}
		if !p.End.there {
			req.End = write(r.End)
		}
	}
	if !p.TimeZone.there && req.TimeZone != "" && !req.AllDay { // the caller has named no zone that an offset could contradict
		req.Start, req.End = inZone(req.Start, r.location()), inZone(req.End, r.location())
	}
	if r.isSeries() && p.Room.there && !p.Start.there && !p.End.there && !p.TimeZone.there {
		// Its dates stay at their times, whatever the zone of the other room.
		req.TimeZone, req.Start, req.End = r.Zone, r.wall(r.Start), r.wall(r.End)
	}
	return req, nil
}
