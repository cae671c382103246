package booking

import (
	"context"
	"net/http"
	"regexp"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// maxPolls bounds how many callers wait for changes at once. ONES needs one for each
// of its servers.
const maxPolls = 64

func (a *api) registerFeed(h huma.API) {
	changes := forServices(operation("list-changes", http.MethodGet, "/v1/changes", "What has changed since?", http.StatusGone))
	changes.Description = "For services. Begin without a cursor: the answer holds the cursor of now. Then ask with the next_cursor of the " +
		"answer before, which may be used again. Each booking, user or room comes once, as it is now, or as {\"id\":…,\"deleted\":true}. " +
		"410: the cursor is older than a week; list everything, and begin anew."
	huma.Register(h, changes, answer(a, a.changes))
}

type changesInput struct {
	Cursor string `query:"cursor" maxLength:"200" doc:"next_cursor of an earlier answer; without one: from now on"`
	Wait   int    `query:"wait" default:"0" minimum:"0" maximum:"30" doc:"Seconds to wait for a change, if there is none"`
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"200" doc:"How many at most"`
}

type changesAnswer struct {
	Body struct {
		Changes    []Change `json:"changes" nullable:"false"`
		NextCursor string   `json:"next_cursor" doc:"Always there; ask with it for what comes"`
	}
}

// epochAndPosition is the form of a cursor: see [Service.Changes].
var epochAndPosition = regexp.MustCompile(`^[A-Z2-7]{26}/[0-9]{1,20}$`)

func (a *api) changes(ctx context.Context, c Caller, in *changesInput) (*changesAnswer, error) {
	after, err := position(in.Cursor, epochAndPosition)
	if err != nil {
		return nil, err
	}
	select {
	case a.polls <- struct{}{}:
		defer func() { <-a.polls }()
	default:
		return nil, withRetryAfter(newProblem(codeThrottled, "Too many callers wait for changes already."), time.Second)
	}
	changes, next, err := a.bookings.Changes(ctx, c, after, in.Limit, time.Duration(in.Wait)*time.Second)
	if err != nil {
		return nil, err
	}
	out := &changesAnswer{}
	out.Body.Changes = append([]Change{}, changes...)
	out.Body.NextCursor = cursor(next)
	return out, nil
}
