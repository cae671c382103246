package msgraph

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
)

// A checkIn is somebody having come to a place for an event
// (https://learn.microsoft.com/graph/api/place-post-checkins).
type checkIn struct {
	Event  string    `json:"calendarEventId"` // iCalUId
	Method string    `json:"checkInMethod"`
	Time   time.Time `json:"createdDateTime"`
}

var checkInMethods = []string{"unspecified", "manual", "inferred", "verified"}

// place is the room that a path names, by its address or short name. 21Vianet
// has no check-ins.
func (g *Graph) place(v *call) (*exchange.Mailbox, error) {
	if v.Cloud.Name == "21vianet" {
		return nil, badRequest("BadRequest", "Resource not found for the segment 'checkIns'.")
	}
	for i := range v.Tenant.Rooms {
		r := &v.Tenant.Rooms[i]
		if strings.EqualFold(r.ID, v.PathValue("place")) || strings.EqualFold(r.Address, v.PathValue("place")) {
			return g.exchange.Mailbox(r.Address), nil
		}
	}
	return nil, badRequest("ResourceNotFound", "There is no place '%s'.", v.PathValue("place"))
}

func (g *Graph) checkIn(v *call) (front.Reply, error) {
	room, err := g.place(v)
	if err != nil {
		return front.Reply{}, err
	}
	var given struct{ CalendarEventID, CheckInMethod string }
	if err := v.parameters(&given); err != nil {
		return front.Reply{}, err
	}
	if !slices.Contains(checkInMethods, given.CheckInMethod) {
		return front.Reply{}, badRequest("BadRequest", "Requested value '%s' was not found.", given.CheckInMethod)
	}
	if !room.Holds(given.CalendarEventID) {
		return front.Reply{}, badRequest("ResourceNotFound", "The place has no event '%s'.", given.CalendarEventID)
	}
	made := checkIn{given.CalendarEventID, given.CheckInMethod, v.Now.UTC()}
	g.checkIns.Put(room.Address()+"/"+strings.ToLower(given.CalendarEventID), made)
	return v.shownCheckIn(http.StatusCreated, made), nil
}

func (g *Graph) getCheckIn(v *call) (front.Reply, error) {
	room, err := g.place(v)
	if err != nil {
		return front.Reply{}, err
	}
	id := room.Address() + "/" + strings.ToLower(v.PathValue("event"))
	if !g.checkIns.Has(id) {
		return front.Reply{}, badRequest("ResourceNotFound", "Nobody has checked in to that event.")
	}
	return v.shownCheckIn(http.StatusOK, g.checkIns.Get(id)), nil
}

func (v *call) shownCheckIn(status int, c checkIn) front.Reply {
	return front.JSON(status, map[string]any{
		"@odata.context": v.Cloud.Graph + root + "/$metadata#places/checkIns/$entity", "@odata.type": "#microsoft.graph.checkInClaim",
		"calendarEventId": c.Event, "checkInMethod": c.Method, "createdDateTime": c.Time.UTC().Format(instant),
	})
}
