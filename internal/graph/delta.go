package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A ViewItem is what the view of a calendar shows of an event, or, with change
// tracking, that one has gone. Of a series, change tracking tells the master, and
// of its occurrences no more than ID, Type, SeriesMasterID and times
// (https://learn.microsoft.com/graph/delta-query-events).
type ViewItem struct {
	ID             string `json:"id"`
	ICalUID        string `json:"iCalUId"`
	Type           string `json:"type"`
	SeriesMasterID string `json:"seriesMasterId"`
	Subject        string `json:"subject"`
	// Start and End are as in Event.
	Start       DateTime `json:"start"`
	End         DateTime `json:"end"`
	IsAllDay    bool     `json:"isAllDay"`
	IsCancelled bool     `json:"isCancelled"`
	ShowAs      string   `json:"showAs"`
	Sensitivity string   `json:"sensitivity"`
	Organizer   struct {
		EmailAddress EmailAddress `json:"emailAddress"`
	} `json:"organizer"`
	ResponseStatus Response `json:"responseStatus"` // of the calendar's owner
	// Removed says that the event is not in the window any more.
	Removed *struct {
		Reason string `json:"reason"`
	} `json:"@removed"`
}

// Types of events.
const (
	SeriesMaster = "seriesMaster"
	Occurrence   = "occurrence"
)

// viewFields are those of a ViewItem.
const viewFields = "id,iCalUId,type,seriesMasterId,subject,start,end,isAllDay,isCancelled,showAs,sensitivity,organizer,responseStatus"

// viewPath is the default calendar of the mailbox with that address, "": one's own.
func viewPath(address string) string {
	if address == "" {
		return "/me/calendarView"
	}
	return "/users/" + url.PathEscape(address) + "/calendarView"
}

func viewWindow(from, to time.Time) url.Values {
	return url.Values{
		"startDateTime": {from.UTC().Format(time.RFC3339)},
		"endDateTime":   {to.UTC().Format(time.RFC3339)},
	}
}

// CalendarView calls yield with what stands in a window of the default calendar of
// the mailbox with an address, "" for one's own, until yield returns false. Series
// come as their occurrences. All-day events are matched as midnights of UTC.
func (c *Client) CalendarView(ctx context.Context, mb Mailbox, address string, from, to time.Time, yield func(ViewItem) bool) error {
	query := viewWindow(from, to)
	query.Set("$top", "100")
	query.Set("$select", viewFields)
	return list(ctx, c, mb, "view_calendar", viewPath(address)+"?"+query.Encode(), yield)
}

// ViewDelta is where change tracking of a calendar's view begins, as CalendarView
// reads it. The first round tells all that is in the window, which is the same in
// all that follow.
func ViewDelta(address string, from, to time.Time) (link string) {
	return viewPath(address) + "/delta?" + viewWindow(from, to).Encode()
}

const (
	// deltaPage is small: change tracking takes no $select, so bodies come along.
	deltaPage = "odata.maxpagesize=50"
	// plainBodies are shorter.
	plainBodies = `outlook.body-content-type="text"`
	// maxDeltaPages bounds one round.
	maxDeltaPages = 400
)

// DeltaRound calls yield with what has changed since the round before, and returns
// the link of the next. The link of the first is ViewDelta's. A change may be told
// again, also in one round: the last word counts. If yield returns false, the round
// is given up and next is "". After an error for which NeedsResync holds, only a
// first round helps; after any other, the same one may be asked for again.
func (c *Client) DeltaRound(ctx context.Context, mb Mailbox, link string, yield func(ViewItem) bool) (next string, err error) {
	if link[0] != '/' && !c.sameRoot(link) { // it is from another configuration
		return "", ErrElsewhere
	}
	for range maxDeltaPages {
		var p struct {
			page[ViewItem]
			DeltaLink string `json:"@odata.deltaLink"`
		}
		err := c.do(ctx, mb, call{
			name: "follow_calendar", method: http.MethodGet, target: link, read: true, prefer: []string{deltaPage, plainBodies},
		}, &p)
		if err != nil {
			return "", err
		}
		for _, item := range p.Value {
			if !yield(item) {
				return "", nil
			}
		}
		done := p.NextLink == ""
		if link = p.NextLink; done {
			link = p.DeltaLink
		}
		switch {
		case link == "":
			return "", &UnreachableError{Sent: true, Err: errors.New("a round of changes of Microsoft Graph doesn't say how it goes on")}
		case !c.sameRoot(link):
			return "", ErrElsewhere
		case done:
			return link, nil
		}
	}
	return "", fmt.Errorf("a round of changes of Microsoft Graph has more than %d pages", maxDeltaPages)
}

// ErrElsewhere: a token is not sent to another Graph than the one that is configured.
var ErrElsewhere = errors.New("a round of changes of Microsoft Graph goes on at another host; the token is not sent there")

// resyncCodes say that Graph has forgotten where a round stands
// (https://learn.microsoft.com/graph/delta-query-overview#synchronization-reset).
var resyncCodes = []string{"syncStateNotFound", "syncStateInvalid", "resyncRequired", "resyncChangesApplyDifferences", "resyncChangesUploadDifferences", "ErrorInvalidSyncStateData"}

// NeedsResync says whether Graph can't go on from the link of a round.
func NeedsResync(err error) bool {
	var refused *Error
	if !errors.As(err, &refused) {
		return false
	}
	return refused.Status == http.StatusGone || refused.Status/100 == 4 &&
		slices.ContainsFunc(resyncCodes, func(code string) bool { return strings.EqualFold(code, refused.Code) })
}
