package m365sim

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever people do, and in whatever order, a room never accepts two meetings
// at the same time, and the organizer is told what stands in its calendar.
func TestRoomsNeverDoubleBook(t *testing.T) {
	w := newWorld(t, func(c *Config, _ *Options) { c.Tenants[0].Apps[0].AccessTokenLifetime = Duration(10000 * time.Hour) })
	people := []mailboxClient{w.as(alice), w.as(bob)}
	rapid.Check(t, func(r *rapid.T) {
		w.sim.state.Calendars = map[string]*calendarData{}
		owners := map[string]mailboxClient{}
		var ids []string
		pick := func(r *rapid.T) string {
			if len(ids) == 0 {
				r.Skip("no event yet")
			}
			return rapid.SampledFrom(ids).Draw(r, "event")
		}
		slot := func(r *rapid.T) map[string]any {
			from := rapid.IntRange(0, 9).Draw(r, "from")
			room := rapid.SampledFrom([]string{boardroom, garden}).Draw(r, "room")
			return meeting("m", room, from, from+rapid.IntRange(1, 3).Draw(r, "hours"))
		}
		r.Repeat(map[string]func(*rapid.T){
			"create": func(r *rapid.T) {
				m := rapid.SampledFrom(people).Draw(r, "person")
				id := m.create(slot(r))["id"].(string)
				ids, owners[id] = append(ids, id), m
			},
			"move": func(r *rapid.T) {
				id := pick(r)
				if a := owners[id].call(http.MethodPatch, "/me/events/"+id, slot(r)); a.StatusCode != http.StatusOK {
					r.Fatalf("moving: %d %s", a.StatusCode, a.body)
				}
			},
			"cancel": func(r *rapid.T) {
				id := pick(r)
				if a := owners[id].call(http.MethodPost, "/me/events/"+id+"/cancel", nil); a.StatusCode != http.StatusAccepted {
					r.Fatalf("cancelling: %d %s", a.StatusCode, a.body)
				}
				ids = slices.DeleteFunc(ids, func(other string) bool { return other == id })
			},
			"wait": func(r *rapid.T) {
				w.clock.advance(time.Duration(rapid.IntRange(1, 7).Draw(r, "seconds")) * time.Second)
				w.send(http.MethodGet, "/_sim", nil)
			},
			"": func(r *rapid.T) { checkRooms(r, w.sim) },
		})
	})
}

func checkRooms(r *rapid.T, s *Server) {
	for _, address := range []string{boardroom, garden} {
		events := s.state.calendar(address).Events
		for i, e := range events {
			for _, other := range events[:i] {
				if e.Response == answerAccepted && other.Response == answerAccepted && e.overlaps(other.Start, other.End) {
					r.Fatalf("%s has accepted two meetings at %s", address, e.Start)
				}
			}
			original := s.state.calendar(e.Organizer.Address).byICalUID(e.ICalUID)
			if original == nil {
				r.Fatalf("%s holds a meeting that nobody organizes", address)
			}
			want := answerNone
			if e.Response == answerAccepted {
				want = answerAccepted
			}
			if got := original.Attendees[0].Status.Response; got != want || original.Attendees[0].EmailAddress.Address != address {
				r.Fatalf("%s says %s, the organizer sees %s of %s", address, e.Response, got, original.Attendees[0].EmailAddress.Address)
			}
		}
	}
}
