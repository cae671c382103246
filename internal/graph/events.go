package graph

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// CreateEvent creates an event in the mailbox's default calendar and invites
// its attendees. It is repeated only after a 429; after any other error for
// which MaybeDone holds, the caller has to look with FindEvent before it sends
// the event again.
func (c *Client) CreateEvent(ctx context.Context, mb Mailbox, e Event) (Event, error) {
	var made Event
	err := c.do(ctx, mb, call{name: "create_event", method: http.MethodPost, target: "/me/events", body: e}, &made)
	if err == nil && made.ID == "" {
		err = &UnreachableError{Sent: true, Err: errors.New("the answer names no event")}
	}
	return made, err
}

// eventFields spare the bodies, which may be long, and what a calendarView can't
// tell if it is asked for the fields that it shall.
const (
	eventFields = "id,transactionId,iCalUId,webLink,subject,start,end,isAllDay,isCancelled,attendees,location,sensitivity," +
		"type,seriesMasterId,recurrence,originalStart,isOnlineMeeting,onlineMeeting"
	storedFields = eventFields + ",lastModifiedDateTime"
)

// Event returns the event with that id, without its body.
func (c *Client) Event(ctx context.Context, mb Mailbox, id string) (Event, error) {
	return c.event(ctx, mb, id, storedFields)
}

// EventWithBody returns the event with that id and its body, as HTML.
func (c *Client) EventWithBody(ctx context.Context, mb Mailbox, id string) (Event, error) {
	return c.event(ctx, mb, id, storedFields+",body")
}

func (c *Client) event(ctx context.Context, mb Mailbox, id, fields string) (e Event, err error) {
	err = c.do(ctx, mb, call{name: "get_event", method: http.MethodGet, target: eventPath(id) + "?$select=" + fields, read: true}, &e)
	return e, err
}

func eventPath(id string) string { return "/me/events/" + url.PathEscape(id) }

// FindEvent looks for the event created with a transactionId, from a day before
// start to a day after end: all-day events are matched as midnights of UTC. It
// doesn't see series, of which a calendarView shows the occurrences only:
// FindByProperty does.
func (c *Client) FindEvent(ctx context.Context, mb Mailbox, transactionID string, start, end time.Time) (e Event, found bool, err error) {
	query := url.Values{
		"startDateTime": {start.AddDate(0, 0, -1).UTC().Format(time.RFC3339)},
		"endDateTime":   {end.AddDate(0, 0, 1).UTC().Format(time.RFC3339)},
		"$top":          {"100"},
		"$select":       {eventFields},
	}
	err = list(ctx, c, mb, "find_event", "/me/calendarView?"+encode(query), func(candidate Event) bool {
		if candidate.TransactionID == transactionID {
			e, found = candidate, true
		}
		return !found
	})
	return e, found, err
}

// FindByProperty looks for the event that was created with an extended property,
// the master of a series too. propertyID is an ExtendedProperty's. Upper and lower
// case of the value are alike to Graph
// (https://learn.microsoft.com/graph/api/singlevaluelegacyextendedproperty-get).
// One that is not cancelled is preferred.
func (c *Client) FindByProperty(ctx context.Context, mb Mailbox, propertyID, value string) (e Event, found bool, err error) {
	return c.findOne(ctx, mb, "singleValueExtendedProperties/Any(ep: ep/id eq "+quote(propertyID)+" and ep/value eq "+quote(value)+")")
}

// EventByICalUID looks for the mailbox's copy of a meeting. One that is not
// cancelled is preferred.
func (c *Client) EventByICalUID(ctx context.Context, mb Mailbox, uid string) (e Event, found bool, err error) {
	return c.findOne(ctx, mb, "iCalUId eq "+quote(uid))
}

func (c *Client) findOne(ctx context.Context, mb Mailbox, filter string) (e Event, found bool, err error) {
	query := url.Values{"$filter": {filter}, "$top": {"100"}, "$select": {storedFields}}
	err = list(ctx, c, mb, "find_event", "/me/events?"+encode(query), func(candidate Event) bool {
		if !found || !candidate.IsCancelled {
			e, found = candidate, true
		}
		return e.IsCancelled
	})
	if err != nil {
		return Event{}, false, err
	}
	return e, found, nil
}

// Instances calls yield with the occurrences and exceptions of a series that lie
// between from and to, but not with cancelled ones, until it returns false; each
// has its OriginalStart
// (https://learn.microsoft.com/graph/api/event-list-instances).
func (c *Client) Instances(ctx context.Context, mb Mailbox, id string, from, to time.Time, yield func(Event) bool) error {
	query := url.Values{
		"startDateTime": {from.UTC().Format(time.RFC3339)},
		"endDateTime":   {to.UTC().Format(time.RFC3339)},
		"$top":          {"100"},
		"$select":       {eventFields},
	}
	return list(ctx, c, mb, "list_instances", eventPath(id)+"/instances?"+encode(query), func(e Event) bool {
		if e.OriginalStart.IsZero() { // it has not been moved
			e.OriginalStart = e.Start.Time
		}
		return yield(e)
	})
}
