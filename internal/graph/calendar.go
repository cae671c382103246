package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// maxPages bounds how many pages of one list are read.
const maxPages = 50

// page is one page of a list.
type page[T any] struct {
	Value    []T    `json:"value"`
	NextLink string `json:"@odata.nextLink"`
}

// list calls yield for each item of a list until it returns false.
func list[T any](ctx context.Context, c *Client, mb Mailbox, target string, yield func(T) bool) error {
	for range maxPages {
		var p page[T]
		if err := c.do(ctx, mb, call{method: http.MethodGet, target: target, read: true}, &p); err != nil {
			return err
		}
		for _, item := range p.Value {
			if !yield(item) {
				return nil
			}
		}
		if p.NextLink == "" {
			return nil
		}
		target = p.NextLink
	}
	return fmt.Errorf("a list of Microsoft Graph has more than %d pages", maxPages)
}

// DefaultCalendarOwner returns whose mailbox it is: the owner of the default
// calendar.
func (c *Client) DefaultCalendarOwner(ctx context.Context, mb Mailbox) (EmailAddress, error) {
	own, err := c.defaultCalendar(ctx, mb, "/me")
	return own.Owner, err
}

// CanEdit says whether the mailbox's owner may change what is in the default
// calendar of the mailbox with another address. It is no error if they don't even
// see it, or if there is no such mailbox.
func (c *Client) CanEdit(ctx context.Context, mb Mailbox, address string) (bool, error) {
	mb.Target = address
	cal, err := c.defaultCalendar(ctx, mb, "/users/"+url.PathEscape(address))
	var refused *Error
	if errors.As(err, &refused) && (refused.Status == http.StatusForbidden || refused.Status == http.StatusNotFound) {
		return false, nil
	}
	return err == nil && cal.CanEdit, err
}

// calendar is what is looked at of one
// (https://learn.microsoft.com/graph/api/resources/calendar).
type calendar struct {
	Owner   EmailAddress `json:"owner"`
	Default bool         `json:"isDefaultCalendar"`
	CanEdit bool         `json:"canEdit"`
}

// defaultCalendar reads the default calendar of the mailbox at a path. Where the
// granted scopes don't reach that call, the list of calendars is asked, which
// less is needed for.
func (c *Client) defaultCalendar(ctx context.Context, mb Mailbox, at string) (calendar, error) {
	var cal calendar
	err := c.do(ctx, mb, call{method: http.MethodGet, target: at + "/calendar", read: true}, &cal)
	var refused *Error
	if !errors.As(err, &refused) || refused.Status != http.StatusForbidden {
		return cal, err
	}
	found := false
	listErr := list(ctx, c, mb, at+"/calendars?$top=100", func(other calendar) bool {
		cal, found = other, other.Default
		return !found
	})
	switch {
	case listErr != nil:
		return calendar{}, listErr
	case !found:
		return calendar{}, err
	}
	return cal, nil
}

// CreateEvent creates an event in the mailbox's default calendar and invites
// its attendees. It is repeated only after a 429; after any other error for
// which MaybeDone holds, the caller has to look with FindEvent before it sends
// the event again.
func (c *Client) CreateEvent(ctx context.Context, mb Mailbox, e Event) (Event, error) {
	var made Event
	err := c.do(ctx, mb, call{method: http.MethodPost, target: "/me/events", body: e}, &made)
	if err == nil && made.ID == "" {
		err = &UnreachableError{Sent: true, Err: errors.New("the answer names no event")}
	}
	return made, err
}

// eventFields spare the bodies, which may be long.
const eventFields = "id,transactionId,iCalUId,webLink,subject,start,end,isAllDay,isCancelled,attendees,location,sensitivity"

// Event returns the event with that id, without its body.
func (c *Client) Event(ctx context.Context, mb Mailbox, id string) (Event, error) {
	var e Event
	err := c.do(ctx, mb, call{
		method: http.MethodGet, target: "/me/events/" + url.PathEscape(id) + "?$select=" + eventFields, read: true,
	}, &e)
	return e, err
}

// FindEvent looks for the event created with a transactionId, from a day before
// start to a day after end: all-day events are matched as midnights of UTC.
func (c *Client) FindEvent(ctx context.Context, mb Mailbox, transactionID string, start, end time.Time) (e Event, found bool, err error) {
	query := url.Values{
		"startDateTime": {start.AddDate(0, 0, -1).UTC().Format(time.RFC3339)},
		"endDateTime":   {end.AddDate(0, 0, 1).UTC().Format(time.RFC3339)},
		"$top":          {"100"},
		"$select":       {eventFields},
	}
	err = list(ctx, c, mb, "/me/calendarView?"+query.Encode(), func(candidate Event) bool {
		if candidate.TransactionID == transactionID {
			e, found = candidate, true
		}
		return !found
	})
	return e, found, err
}

// CancelEvent cancels a meeting of the mailbox's owner and tells its attendees,
// with a comment if there is one. An event that is gone already is no error.
func (c *Client) CancelEvent(ctx context.Context, mb Mailbox, id, comment string) error {
	body := struct {
		Comment string `json:"comment"`
	}{comment}
	err := c.do(ctx, mb, call{method: http.MethodPost, target: "/me/events/" + url.PathEscape(id) + "/cancel", body: body}, nil)
	if IsNotFound(err) {
		return nil
	}
	return err
}
