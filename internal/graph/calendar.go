package graph

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
)

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
	cal, err := c.defaultCalendar(ctx, mb, "/users/"+url.PathEscape(address))
	var refused *Error
	if errors.As(err, &refused) && (refused.Status == http.StatusForbidden || refused.Status == http.StatusNotFound) {
		return false, nil
	}
	return err == nil && cal.CanEdit, err
}

// noMailboxCodes say that an address leads to no mailbox, or to none that Graph can
// reach, as opposed to one whose calendar isn't shared.
var noMailboxCodes = []string{
	CodeNoMailbox, CodeNonExistentMailbox, "ErrorInvalidUser", "ResourceNotFound", "Request_ResourceNotFound",
}

// HasMailbox says whether there is a mailbox with an address, as far as its default
// calendar tells; one that isn't shared with the mailbox's owner is there.
func (c *Client) HasMailbox(ctx context.Context, mb Mailbox, address string) (bool, error) {
	_, err := c.defaultCalendar(ctx, mb, "/users/"+url.PathEscape(address))
	var refused *Error
	switch {
	case !errors.As(err, &refused):
		return err == nil, err
	case slices.Contains(noMailboxCodes, refused.Code):
		return false, nil
	case refused.Status == http.StatusForbidden, refused.Status == http.StatusNotFound:
		return true, nil
	}
	return false, err
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
	err := c.do(ctx, mb, call{name: "get_calendar", method: http.MethodGet, target: at + "/calendar", read: true}, &cal)
	var refused *Error
	if !errors.As(err, &refused) || refused.Status != http.StatusForbidden {
		return cal, err
	}
	found := false
	listErr := list(ctx, c, mb, "list_calendars", at+"/calendars?$top=100", func(other calendar) bool {
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
