package graph

import (
	"context"
	"net/http"
	"net/url"
)

// EventChanges are what to change of an event; nil: that stays.
type EventChanges struct {
	Subject     *string     `json:"subject,omitempty"`
	Body        *Body       `json:"body,omitempty"`
	Start       *DateTime   `json:"start,omitempty"`
	End         *DateTime   `json:"end,omitempty"`
	IsAllDay    *bool       `json:"isAllDay,omitempty"`
	Location    *Location   `json:"location,omitempty"`
	Attendees   *[]Attendee `json:"attendees,omitempty"`
	Sensitivity *string     `json:"sensitivity,omitempty"`
}

// UpdateEvent changes an event and tells its attendees, and returns it as it is then.
func (c *Client) UpdateEvent(ctx context.Context, mb Mailbox, id string, changes EventChanges, ifMatch string) (Event, error) {
	var e Event
	err := c.do(ctx, mb, call{method: http.MethodPatch, target: "/me/events/" + url.PathEscape(id), body: changes}, &e)
	return e, err
}
