package graph

import (
	"context"
	"errors"
	"net/http"
	"slices"
)

// EventChanges are the properties of an event that change; nil ones stay
// (https://learn.microsoft.com/graph/api/event-update).
type EventChanges struct {
	Subject *string `json:"subject,omitempty"`
	// Body takes the place of the whole body: see Body.WithText.
	Body     *Body     `json:"body,omitempty"`
	Start    *DateTime `json:"start,omitempty"`
	End      *DateTime `json:"end,omitempty"`
	IsAllDay *bool     `json:"isAllDay,omitempty"`
	// Location takes the place of all locations.
	Location *Location `json:"location,omitempty"`
	// Attendees take the place of all attendees, the room too. Who stays keeps
	// their answer; people are told.
	Attendees   *[]Attendee          `json:"attendees,omitempty"`
	Sensitivity *string              `json:"sensitivity,omitempty"`
	Recurrence  *PatternedRecurrence `json:"recurrence,omitempty"`
}

// Empty says whether nothing would change.
func (c EventChanges) Empty() bool { return c == EventChanges{} }

// UpdateEvent changes an event of the mailbox's owner and returns it with its
// body. ifMatch is the ETag that it must still have, "": any; IsConflict tells
// that it has another. It is repeated only after a 429; after any other error for
// which MaybeDone holds, the caller has to look.
func (c *Client) UpdateEvent(ctx context.Context, mb Mailbox, id string, changes EventChanges, ifMatch string) (Event, error) {
	if changes.Attendees != nil {
		list := slices.Clone(*changes.Attendees)
		for i := range list {
			list[i].Status = nil // theirs to say
		}
		changes.Attendees = &list
	}
	var e Event
	err := c.do(ctx, mb, call{name: "update_event", method: http.MethodPatch, target: eventPath(id), body: changes, ifMatch: ifMatch}, &e)
	if err == nil && e.ID == "" {
		err = &UnreachableError{Sent: true, Err: errors.New("the answer names no event")}
	}
	return e, err
}

// CancelEvent cancels a meeting of the mailbox's owner and tells its attendees,
// with a comment if there is one. An event that is gone already is no error.
func (c *Client) CancelEvent(ctx context.Context, mb Mailbox, id, comment string) error {
	body := struct {
		Comment string `json:"comment"`
	}{comment}
	err := c.do(ctx, mb, call{name: "cancel_event", method: http.MethodPost, target: eventPath(id) + "/cancel", body: body}, nil)
	return unlessGone(err)
}

// DeleteEvent takes an event out of the mailbox's calendar; if it is a meeting of
// the mailbox's owner, its attendees are told that it is cancelled. One that is
// gone already is no error.
func (c *Client) DeleteEvent(ctx context.Context, mb Mailbox, id string) error {
	return unlessGone(c.do(ctx, mb, call{name: "delete_event", method: http.MethodDelete, target: eventPath(id)}, nil))
}

// Decline answers an invitation of the mailbox's owner, a room say, with no, and a
// comment if there is one; the event goes from its calendar
// (https://learn.microsoft.com/graph/api/event-decline). One that is gone already
// is no error.
func (c *Client) Decline(ctx context.Context, mb Mailbox, id, comment string) error {
	body := struct {
		Comment      string `json:"comment,omitempty"`
		SendResponse bool   `json:"sendResponse"`
	}{comment, true}
	return unlessGone(c.do(ctx, mb, call{name: "decline_event", method: http.MethodPost, target: eventPath(id) + "/decline", body: body}, nil))
}

func unlessGone(err error) error {
	if IsGone(err) {
		return nil
	}
	return err
}
