package passthrough

import (
	"net/http"
	"strings"

	"github.com/onesgate/onesgate/internal/identity"
)

// An access is what a call does.
type access int

const (
	refused access = iota
	// reads of others' calendars pass, too: what is shared with a person is for Graph
	// to say.
	reads
	// asks reads, but one's own calendar only.
	asks
	// writes change one's own calendar, or send mail in one's own name.
	writes
	// creates an event: a write that has to have a transactionId.
	creates
)

// rules are the calls that pass, by method and template. All others don't.
var rules = func() map[string]access {
	all := map[string]access{}
	add := func(a access, method string, templates ...string) {
		for _, t := range templates {
			all[method+" "+t] = a
		}
	}
	calendars := []string{"calendar", "calendars/{id}", "calendarGroups/{id}/calendars/{id}"}
	for _, place := range append([]string{""}, calendars...) {
		in := func(template string) string { return strings.TrimPrefix(place+"/"+template, "/") }
		event := in("events/{id}")
		add(reads, http.MethodGet,
			in("calendarView"), in("calendarView/delta"), in("calendarView/$count"),
			in("events"), in("events/delta"), in("events/$count"),
			event, event+"/calendar", event+"/instances", event+"/instances/delta", event+"/extensions", event+"/extensions/{id}")
		add(creates, http.MethodPost, in("events"))
		add(writes, http.MethodPatch, event, event+"/extensions/{id}")
		add(writes, http.MethodDelete, event, event+"/extensions/{id}")
		add(writes, http.MethodPost,
			event+"/accept", event+"/decline", event+"/tentativelyAccept", event+"/cancel", event+"/forward",
			event+"/snoozeReminder", event+"/dismissReminder", event+"/extensions")
	}
	for _, c := range calendars {
		// Who else may look into a calendar can be read, not changed.
		add(reads, http.MethodGet, c, c+"/calendarPermissions", c+"/calendarPermissions/{id}")
		add(reads, http.MethodPost, c+"/getSchedule")
		add(writes, http.MethodPatch, c)
	}
	add(reads, http.MethodGet, "calendars", "calendarGroups", "calendarGroups/{id}", "calendarGroups/{id}/calendars")
	add(writes, http.MethodPost, "calendars", "calendarGroups", "calendarGroups/{id}/calendars")
	add(writes, http.MethodPatch, "calendarGroups/{id}")
	add(writes, http.MethodDelete, "calendars/{id}", "calendarGroups/{id}", "calendarGroups/{id}/calendars/{id}")
	add(asks, http.MethodPost, "findMeetingTimes")
	return all
}()

// A decision is a call that may pass.
type decision struct {
	resource
	access access
	// target names the mailbox for its limit: the person's id, or an address, which a
	// room always has.
	target string
}

// decide says whether a person may make a call. isRoom says of an address whether
// it is a configured room's.
func decide(p *identity.Person, isRoom func(address string) bool, method, path, query string) (decision, *Refusal) {
	r, no := parse(path)
	if no != nil {
		return decision{resource: r}, no
	}
	d := decision{resource: r, access: rules[method+" "+r.template]}
	if !r.mailbox || d.access == refused {
		return d, forbidden("This is not a calendar call that the gateway lets through.")
	}
	// An address that only a claim has told is not the person's: nobody has verified it.
	own := r.user == "" || strings.EqualFold(r.user, p.Mailbox) || strings.EqualFold(r.user, p.ObjectID)
	if d.target = p.ID; !own {
		d.target = r.user
	} else if isRoom(p.Mailbox) {
		d.target = p.Mailbox // as whoever else looks into the room names it
	}
	switch {
	case d.access == reads:
	case !own && isRoom(r.user), d.access >= writes && (isRoom(p.Mailbox) || isRoom(p.Email)):
		return d, forbidden("Nothing is written into a room's calendar: invite the room to an event of the person's own, as an attendee of type resource.")
	case !own:
		return d, forbidden("Only the person's own calendar may be changed: call /me, or name the person by the address of their mailbox.")
	}
	return d, checkQuery(query)
}
