package booking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onesgate/onesgate/internal/booking/reference"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/trail"
)

// A code names a kind of problem; it is stable, unlike the words around it.
type code string

const (
	codeMalformed         code = "malformed"
	codeSignInRequired    code = "sign_in_required"
	codeInvalidToken      code = "invalid_token"
	codeNeedsSignIn       code = "needs_sign_in"
	codeNeedsAdminConsent code = "needs_admin_consent"
	codeNotOrganizer      code = "not_organizer"
	codeForbidden         code = "forbidden"
	codeNotFound          code = "not_found"
	codeUnknownRoom       code = "unknown_room"
	codeUnknownUser       code = "unknown_user"
	codeRoomConflict      code = "room_conflict"
	codeRoomDeclined      code = "room_declined"
	codeInvalidState      code = "invalid_state"
	codeAmbiguousUser     code = "ambiguous_user"
	codeCursorExpired     code = "cursor_expired"
	codeVersionConflict   code = "version_conflict"
	codeInvalidRequest    code = "invalid_request"
	codeMismatch          code = "idempotency_mismatch"
	codeThrottled         code = "throttled"
	codeIntegrationDown   code = "integration_down"
	codeGraphUnavailable  code = "graph_unavailable"
	codeStoreUnavailable  code = "store_unavailable"
	codeStoreFull         code = "store_full"
	codeInternal          code = "internal_error"
)

// statuses of the codes; huma's own refusals are named by their status.
var statuses = map[code]int{
	codeMalformed:         http.StatusBadRequest,
	codeSignInRequired:    http.StatusUnauthorized,
	codeInvalidToken:      http.StatusUnauthorized,
	codeNeedsSignIn:       http.StatusForbidden,
	codeNeedsAdminConsent: http.StatusForbidden,
	codeNotOrganizer:      http.StatusForbidden,
	codeForbidden:         http.StatusForbidden,
	codeNotFound:          http.StatusNotFound,
	codeUnknownRoom:       http.StatusNotFound,
	codeUnknownUser:       http.StatusNotFound,
	codeRoomConflict:      http.StatusConflict,
	codeRoomDeclined:      http.StatusConflict,
	codeInvalidState:      http.StatusConflict,
	codeAmbiguousUser:     http.StatusConflict,
	codeCursorExpired:     http.StatusGone,
	codeVersionConflict:   http.StatusPreconditionFailed,
	codeInvalidRequest:    http.StatusUnprocessableEntity,
	codeMismatch:          http.StatusUnprocessableEntity,
	codeThrottled:         http.StatusTooManyRequests,
	codeIntegrationDown:   http.StatusServiceUnavailable,
	codeGraphUnavailable:  http.StatusServiceUnavailable,
	codeStoreUnavailable:  http.StatusServiceUnavailable,
	codeStoreFull:         http.StatusInsufficientStorage,
	codeInternal:          http.StatusInternalServerError,
}

// codes lists all of them for the page of the API, those of huma too.
func codes() (all []reference.Code) {
	for c, status := range statuses {
		all = append(all, reference.Code{Name: string(c), Status: status})
	}
	for _, status := range []int{http.StatusMethodNotAllowed, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType} {
		all = append(all, reference.Code{Name: statusProblem(status, "").Code, Status: status})
	}
	slices.SortFunc(all, func(a, b reference.Code) int {
		return cmp.Or(a.Status-b.Status, strings.Compare(a.Name, b.Name))
	})
	return all
}

// A refusal is an error whose words are for the caller.
type refusal struct {
	code   code
	detail string
}

func (r refusal) Error() string { return r.detail }

// Refusals that need no more words.
var (
	errInvalidToken     = refusal{codeInvalidToken, "The bearer token is missing or not one of those configured."}
	errSignInRequired   = refusal{codeSignInRequired, "Sign in first."}
	errUnknownRoom      = refusal{codeUnknownRoom, "No room of that name is configured for you; GET /v1/rooms lists those that are."}
	errMismatch         = refusal{codeMismatch, "This Idempotency-Key, or this external_id, was used before for a different request: a new booking needs new ones."}
	errCursorExpired    = refusal{codeCursorExpired, "What has changed since this cursor is not known any more: list everything, and begin anew without a cursor."}
	errNotOrganizer     = refusal{codeNotOrganizer, "Only the organizer can do that."}
	errForWhom          = refusal{codeForbidden, "Say whom you book for: send Ones-Act-As with an e-mail address, a user id or card:NUMBER."}
	errNoSuchOccurrence = refusal{codeNotFound, "The series has no occurrence that was to start then: GET the occurrences, and use original_start."}
	errOver             = refusal{codeInvalidState, "The booking is over."}
	errChanging         = refusal{codeInvalidState, "Another change of the booking is still on its way to Microsoft 365: wait until there is no pending_change."}
	errCancelling       = refusal{codeInvalidState, "The booking is being cancelled."}
	errVersion          = refusal{codeVersionConflict, "The booking has changed meanwhile: read it again."}
)

// invalid says what is wrong with the fields of a request.
type invalid []fieldError

func (v invalid) Error() string { return v[0].field + ": " + v[0].message }

// A conflictError refuses a taken slot.
type conflictError struct {
	clashes      []Clash
	alternatives []Slot
}

func (e *conflictError) Error() string { return "The room is taken at that time." }

// awayPatience is when to try again where the store was not available, or Microsoft, which has
// said nothing of that.
const awayPatience = 5 * time.Second

// causes maps the errors of what we stand on to problems.
var causes = []struct {
	err    error
	code   code
	detail string
}{
	{errNotFound, codeNotFound, "There is no such booking."},
	{people.ErrUnknown, codeUnknownUser, "Nobody like that has signed in with Microsoft 365 yet. They have to, once, before rooms can be booked for them. Somebody without a mailbox is known by user id or card only."},
	{people.ErrAmbiguous, codeAmbiguousUser, "More than one person fits: say whom by their user id."},
	{grant.ErrNeedsSignIn, codeNeedsSignIn, "The connection to Microsoft 365 has ended: this person has to sign in again."},
	{grant.ErrNeedsAdminConsent, codeNeedsAdminConsent, "An administrator of Microsoft 365 has to consent first."},
	{grant.ErrIntegrationDown, codeIntegrationDown, "This integration can't be used right now; its operator has to look at it."},
	{grant.ErrUnavailable, codeGraphUnavailable, "Microsoft 365 can't be reached right now; try again."},
	{store.ErrFull, codeStoreFull, "The store is full; its operator has to make room."},
	{store.ErrUnknownOutcome, codeStoreUnavailable, "Whether this was written is unknown: ask again with the same Idempotency-Key."},
	{store.ErrUnavailable, codeStoreUnavailable, "The gateway can't reach its store right now; try again."},
	{store.ErrClosed, codeStoreUnavailable, "The gateway is stopping; try again."},
	{context.Canceled, codeStoreUnavailable, "The request was broken off."},
	{context.DeadlineExceeded, codeStoreUnavailable, "This took too long; ask again with the same Idempotency-Key."},
}

// A Problem is an error as callers see it (RFC 9457). It is never changed once
// it has been handed out.
type Problem struct {
	Title        string              `json:"title"`
	Status       int                 `json:"status"`
	Code         string              `json:"code" doc:"Names the kind of problem; stable"`
	Detail       string              `json:"detail,omitempty" doc:"For people"`
	LoginURL     string              `json:"login_url,omitempty" doc:"Where the person can mend it by signing in"`
	Booking      *Booking            `json:"booking,omitempty"`
	Clashes      []Clash             `json:"clashes,omitempty"`
	Alternatives []Slot              `json:"alternatives,omitempty"`
	Errors       []*huma.ErrorDetail `json:"errors,omitempty"`
	RequestID    string              `json:"request_id,omitempty" doc:"What the request is called, as in X-Request-Id; the operator finds it in the log by that"`

	header http.Header
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

func newProblem(c code, detail string) *Problem {
	status := statuses[c]
	return &Problem{Title: http.StatusText(status), Status: status, Code: string(c), Detail: detail, header: http.Header{}}
}

// init makes huma's own refusals problems of ours, and has it tell names of members
// apart by their case, as JSON does: "Room" beside "room" would be a second one. Both
// are global to the process; nothing else here uses huma.
func init() {
	huma.ValidateStrictCasing = true
	huma.NewError = func(status int, detail string, errs ...error) huma.StatusError {
		return statusProblem(status, detail, errs...)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, detail string, errs ...error) huma.StatusError {
		return statusProblem(status, detail, errs...).on(ctx.Context())
	}
}

// maxEcho bounds a value that is shown back to whoever sent it, in bytes.
const maxEcho = 128

// statusProblem is a refusal that has a status and no code of ours: the code is
// the name of the status.
func statusProblem(status int, detail string, errs ...error) *Problem {
	p := &Problem{Title: http.StatusText(status), Status: status, Detail: detail, header: http.Header{}}
	switch status {
	case http.StatusBadRequest:
		p.Code = string(codeMalformed)
	case http.StatusUnprocessableEntity:
		p.Code = string(codeInvalidRequest)
	default:
		p.Code = strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")
	}
	for _, err := range errs {
		var detailed huma.ErrorDetailer
		if !errors.As(err, &detailed) {
			continue // not made for callers
		}
		d := *detailed.ErrorDetail()
		if len(fmt.Sprint(d.Value)) > maxEcho || d.Location == "body" {
			d.Value = nil
		}
		p.Errors = append(p.Errors, &d)
	}
	switch {
	case status == http.StatusUnsupportedMediaType:
		p.Detail = "Send the body as JSON, with Content-Type: application/json; a merge patch may be application/merge-patch+json."
	case len(p.Errors) > 0:
		p.Detail = summary(p.Errors)
	}
	return p
}

// summary says the first of the errors, for those who read no further.
func summary(errs []*huma.ErrorDetail) string {
	first := errs[0].Message
	if at := errs[0].Location; at != "" && at != "body" {
		first = at + ": " + first
	}
	if n := len(errs) - 1; n > 0 {
		return first + fmt.Sprintf(" (and %d more)", n)
	}
	return first
}

// on is p as it is told to whoever has sent a request.
func (p *Problem) on(ctx context.Context) *Problem {
	told := *p
	told.RequestID = trail.ID(ctx)
	if code, ok := ctx.Value(refusedKey{}).(*string); ok {
		*code = p.Code
	}
	return &told
}

// problem is the answer to an error of the service, for a caller who may be
// nobody yet. What isn't made for callers is logged and not shown.
func (a *api) problem(ctx context.Context, c Caller, err error) *Problem {
	return a.explain(ctx, c, err).on(ctx)
}

func (a *api) explain(ctx context.Context, c Caller, err error) *Problem {
	var (
		known    *Problem
		refused  refusal
		tired    throttled
		fields   invalid
		conflict *conflictError
		ofGraph  *graph.Error
		busy     *graph.BusyError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &refused):
		return a.signInHelp(newProblem(refused.code, refused.detail), c)
	case errors.As(err, &tired):
		return withRetryAfter(newProblem(codeThrottled, tired.Error()), time.Duration(tired))
	case errors.As(err, &fields):
		p := newProblem(codeInvalidRequest, "")
		for _, f := range fields {
			d := &huma.ErrorDetail{Location: f.field, Message: f.message}
			if f.value != "" && len(f.value) <= maxEcho {
				d.Value = f.value
			}
			p.Errors = append(p.Errors, d)
		}
		p.Detail = summary(p.Errors)
		return p
	case errors.As(err, &conflict):
		p := newProblem(codeRoomConflict, conflict.Error())
		p.Clashes, p.Alternatives = conflict.clashes, conflict.alternatives
		return p
	}
	switch { // before the causes: a timeout of Graph is not one of the store
	case errors.As(err, &ofGraph) && ofGraph.Status == http.StatusTooManyRequests, errors.As(err, &busy):
		return withRetryAfter(newProblem(codeThrottled, "Microsoft 365 asks for patience."), graph.RetryAfter(err))
	case graph.Transient(err):
		p := newProblem(codeGraphUnavailable, "Microsoft 365 can't be reached right now; try again.")
		return withRetryAfter(p, cmp.Or(graph.RetryAfter(err), awayPatience))
	}
	for _, row := range causes {
		if !errors.Is(err, row.err) {
			continue
		}
		p := a.signInHelp(newProblem(row.code, row.detail), c)
		if row.code == codeStoreUnavailable || row.code == codeGraphUnavailable {
			p = withRetryAfter(p, awayPatience)
		}
		return p
	}
	a.bookings.log.ErrorContext(ctx, "a request of the booking API failed", "error", err)
	return newProblem(codeInternal, "Something is wrong here; the operator's log says what.")
}

// signInHelp adds what leads on from a refusal: where to sign in, or how to
// send a token.
func (a *api) signInHelp(p *Problem, c Caller) *Problem {
	login := a.bookings.world().PublicURL + "/.ones/login"
	switch code(p.Code) {
	case codeSignInRequired: // a 401 has to name a way in (RFC 9110, section 15.5.2)
		p.LoginURL = login
		p.header.Set("WWW-Authenticate", "Bearer")
	case codeUnknownUser:
		p.LoginURL = login
	case codeNeedsSignIn, codeNeedsAdminConsent:
		p.LoginURL = login
		switch {
		case c.Room != "":
			p.LoginURL = a.bookings.world().PublicURL + "/.ones/rooms/" + c.Room + "/connect"
			p.Detail = "The account that stands for this room can't be used any more: an admin has to connect it again."
		case c.Person != nil:
			p.LoginURL = login + "/" + c.Person.Integration
		}
	case codeInvalidToken:
		p.header.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	}
	return p
}

func withRetryAfter(p *Problem, d time.Duration) *Problem {
	if d > 0 {
		p.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(d.Seconds()))))
	}
	return p
}
