package passthrough

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// maxOwned bounds how many calendars are remembered to be their person's own.
const maxOwned = 10_000

// owned remembers calendars that are a person's own, by person and calendar.
// Neither a calendar's id nor its owner ever changes.
type owned struct {
	mu sync.Mutex
	of map[string]struct{}
}

func (o *owned) has(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.of[key]
	return ok
}

func (o *owned) add(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for any := range o.of {
		if len(o.of) < maxOwned {
			break
		}
		delete(o.of, any)
	}
	o.of[key] = struct{}{}
}

// checkOwner asks Graph whose a calendar of the person's list is, before something
// is written into it: a room's, or a colleague's, can have been added to the list,
// and its id doesn't say so
// (https://learn.microsoft.com/graph/outlook-get-shared-events-calendars). What it
// returns, if anything, is the answer to the call.
func (h *Handler) checkOwner(ctx context.Context, who caller, calendar string) (*http.Response, *Refusal) {
	key := derived(who.Person.ID, calendar)
	if h.owned.has(key) {
		return nil, nil
	}
	res, no := h.send(ctx, who, call{method: http.MethodGet, path: "/me/calendars/" + url.PathEscape(calendar), query: "$select=owner"}, who.Person.ID)
	if no != nil || res.StatusCode != http.StatusOK {
		return res, no // says why
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Owner struct {
			Address string `json:"address"`
		} `json:"owner"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&answer); err != nil {
		return nil, forbidden("Whose calendar this is can't be told.")
	}
	switch owner := answer.Owner.Address; {
	case h.IsRoom(owner):
		return nil, forbidden("This calendar is a room's. Invite the room to an event of the person's own, as an attendee of type resource.")
	case owner == "" || !strings.EqualFold(owner, who.Person.Mailbox):
		return nil, forbidden("This calendar is not the person's own; those of others can only be read.")
	}
	h.owned.add(key)
	return nil, nil
}
