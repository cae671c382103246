package booking

import (
	"context"
	"encoding/base64"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

const (
	defaultWait = 5 * time.Second
	maxWait     = 30 * time.Second
)

// patience reads how long a caller prefers to wait (RFC 7240); applied is what
// of the header was honoured.
func patience(prefer string) (d time.Duration, applied string) {
	d = defaultWait
	for word := range strings.SplitSeq(prefer, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(word), "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "respond-async":
			return 0, "respond-async"
		case "wait":
			if n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(value), `"`)); err == nil && n >= 0 {
				d = min(time.Duration(min(n, 60))*time.Second, maxWait)
				applied = "wait=" + strconv.Itoa(int(d/time.Second))
			}
		}
	}
	return d, applied
}

// bookingAnswer is the answer that holds one booking.
type bookingAnswer struct {
	Status   int
	ETag     string `header:"ETag"`
	Location string `header:"Location" doc:"Where the booking is, relative to the request"`
	Replayed string `header:"Idempotent-Replayed" doc:"true if the same request was accepted before"`
	Applied  string `header:"Preference-Applied"`
	Body     Booking
}

func etag(version int) string { return `"` + strconv.Itoa(version) + `"` }

func (a *api) registerBookings(h huma.API) {
	create := operation("create-booking", http.MethodPost, "/v1/bookings", "Book a room",
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusTooManyRequests,
		http.StatusInsufficientStorage)
	create.DefaultStatus = http.StatusCreated
	create.Description = "201: the room has accepted. 202: accepted here for good, not yet by the room; follow Location. " +
		"200: the same request was accepted before. 409: the room is taken, or has declined."
	huma.Register(h, create, answer(a, a.create))
	made := h.OpenAPI().Paths[create.Path].Post.Responses // huma describes one success only
	made["200"], made["202"] = made["201"], made["201"]
	check := operation("check-booking", http.MethodPost, "/v1/bookings/check", "Say what would come of a booking",
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusTooManyRequests)
	check.Description = "The same body, and nothing is booked: the clashes of each date, and what is free instead."
	huma.Register(h, check, answer(a, a.check))
	huma.Register(h, operation("get-booking", http.MethodGet, "/v1/bookings/{id}", "Read a booking"), answer(a, a.get))
	huma.Register(h, operation("list-bookings", http.MethodGet, "/v1/bookings", "List bookings in order of their start"), answer(a, a.list))
	remove := operation("cancel-booking", http.MethodDelete, "/v1/bookings/{id}", "Cancel a booking",
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusPreconditionFailed,
		http.StatusInsufficientStorage)
	remove.Description = "For a room (Ones-Act-As: room:NAME) this releases the room, and the meeting stays. 200: cancelled. 202: it will be, as soon as Microsoft 365 can be told."
	register(a, h, remove, a.cancel)
}

// huma passes over embedded structs that are not exported, so the inputs below
// name what they share.

type createInput struct {
	Prefer         string `header:"Prefer" maxLength:"200" doc:"wait=N waits for the room up to N seconds (5 if left out, at most 30); respond-async doesn't wait"`
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"Repeats with the same key are the same booking"`
	Body           Request
}

func (a *api) create(ctx context.Context, c Caller, in *createInput) (*bookingAnswer, error) {
	b, replayed, err := a.bookings.Create(ctx, c, in.Body, in.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	out := &bookingAnswer{Status: http.StatusOK, Location: "bookings/" + b.ID, Body: b, ETag: etag(b.Version)}
	if replayed {
		out.Replayed = "true"
		return out, a.awaitReplayed(ctx, c, out, in.Prefer)
	}
	if err := a.await(ctx, c, out, b, in.Prefer); err != nil {
		return nil, err
	}
	return out, nil
}

// awaitReplayed has whoever asks again, since the answer got lost, wait again if they say so.
func (a *api) awaitReplayed(ctx context.Context, c Caller, out *bookingAnswer, prefer string) error {
	wait, applied := patience(prefer)
	if applied == "" || wait == 0 {
		return nil
	}
	b, _, err := a.bookings.Wait(ctx, c, out.Body.ID, wait)
	if err == nil {
		out.Body, out.ETag, out.Applied = b, etag(b.Version), applied
	}
	return err
}

// await completes the answer about a booking that has just been accepted, when the room
// has answered or the caller's patience has ended: 201 confirmed, 202 on its way, else a
// problem.
func (a *api) await(ctx context.Context, c Caller, out *bookingAnswer, b Booking, prefer string) error {
	var wait time.Duration
	wait, out.Applied = patience(prefer)
	out.Status, out.Body, out.ETag = http.StatusAccepted, b, etag(b.Version)
	if wait == 0 {
		return nil
	}
	b, settled, err := a.bookings.Wait(ctx, c, b.ID, wait)
	if err != nil {
		return nil // it is accepted all the same
	}
	out.Body, out.ETag = b, etag(b.Version)
	var p *Problem
	switch {
	case b.Status == Confirmed:
		out.Status = http.StatusCreated
		return nil
	case b.Status == Declined:
		p = newProblem(codeRoomDeclined, b.Reason)
	case settled && !b.Status.holdsRoom():
		p = newProblem(codeInvalidState, b.Reason)
	default:
		return nil
	}
	p.Booking = &b
	p.header.Set("Location", out.Location)
	return p
}

type checkInput struct{ Body Request }

type checkAnswer struct{ Body Check }

func (a *api) check(ctx context.Context, c Caller, in *checkInput) (*checkAnswer, error) {
	told, err := a.bookings.Check(ctx, c, in.Body)
	return &checkAnswer{told}, err
}

type idInput struct {
	ID string `path:"id" maxLength:"64"`
}

func (a *api) get(ctx context.Context, c Caller, in *idInput) (*bookingAnswer, error) {
	b, err := a.bookings.Get(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return &bookingAnswer{Status: http.StatusOK, ETag: etag(b.Version), Body: b}, nil
}

type cancelInput struct {
	ID      string `path:"id" maxLength:"64"`
	Prefer  string `header:"Prefer" maxLength:"200" doc:"As in booking"`
	IfMatch string `header:"If-Match" maxLength:"200"`
	Comment string `query:"comment" maxLength:"1000" doc:"To the attendees"`
	Body    *struct {
		Comment string `json:"comment,omitempty" maxLength:"1000" doc:"To the attendees"`
	}
}

func (a *api) cancel(ctx context.Context, c Caller, in *cancelInput) (*bookingAnswer, error) {
	comment := in.Comment
	if in.Body != nil && in.Body.Comment != "" {
		comment = in.Body.Comment
	}
	if c.Room != "" { // a room gives itself back; the meeting is not its own to cancel
		b, change, err := a.bookings.Release(ctx, c, in.ID, matcher(in.IfMatch))
		return a.changing(ctx, c, b, change, in.Prefer, err)
	}
	wait, applied := patience(in.Prefer)
	b, pending, err := a.bookings.Cancel(ctx, c, in.ID, comment, matcher(in.IfMatch))
	if err != nil {
		return nil, err
	}
	out := &bookingAnswer{Status: http.StatusOK, ETag: etag(b.Version), Applied: applied, Body: b}
	if !pending {
		return out, nil
	}
	b, settled, err := a.bookings.Wait(ctx, c, in.ID, wait)
	if err != nil {
		return nil, err
	}
	out.Body, out.ETag = b, etag(b.Version)
	if !settled {
		out.Status = http.StatusAccepted
	}
	return out, nil
}

// matcher reads an If-Match (RFC 9110, section 13.1.1); nil: there is none.
func matcher(header string) func(int) bool {
	header = strings.TrimSpace(header)
	if header == "" || header == "*" {
		return nil
	}
	var tags []string
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if n, err := strconv.Atoi(tag); err == nil { // the version, without the quotes of an ETag
			tag = etag(n)
		}
		tags = append(tags, tag)
	}
	return func(version int) bool { return slices.Contains(tags, etag(version)) }
}

// position decodes a cursor; it must fit the form that its list gives.
func position(cursor string, form *regexp.Regexp) (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || cursor != "" && !form.Match(raw) {
		return "", invalid{{"query.cursor", "this is no cursor of this list", ""}}
	}
	return string(raw), nil
}

func cursor(position string) string { return base64.RawURLEncoding.EncodeToString([]byte(position)) }

type listInput struct {
	Limit      int    `query:"limit" default:"50" minimum:"1" maximum:"200" doc:"How many at most"`
	Cursor     string `query:"cursor" maxLength:"200" doc:"next_cursor of an earlier answer"`
	Room       string `query:"room" maxLength:"128" doc:"Of one room, by its name"`
	From       string `query:"from" maxLength:"64" doc:"RFC 3339; only what ends after it"`
	To         string `query:"to" maxLength:"64" doc:"RFC 3339; only what starts before it"`
	Status     string `query:"status" enum:"accepted,awaiting_room,confirmed,declined,needs_sign_in,failed,expired,cancelled,released" doc:"In one state"`
	ExternalID string `query:"external_id" maxLength:"255" doc:"Made with that external_id"`
}

// Resolve implements huma.Resolver: an id that a caller has left empty by mistake must not
// find everything.
func (in *listInput) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	if in.ExternalID == "" && u.Query().Has("external_id") {
		return []error{&huma.ErrorDetail{Location: "query.external_id", Message: "it is empty: leave it out to list all bookings"}}
	}
	return nil
}

type listAnswer struct {
	Body struct {
		Bookings   []Booking `json:"bookings" nullable:"false"`
		NextCursor string    `json:"next_cursor,omitempty" doc:"Missing: there are no more"`
	}
}

var startAndID = regexp.MustCompile(`^[0-9]{20}/[0-9a-f-]{36}$`)

func (a *api) list(ctx context.Context, c Caller, in *listInput) (*listAnswer, error) {
	f := Filter{Room: in.Room, Status: Status(in.Status), ExternalID: in.ExternalID, Limit: in.Limit}
	var err error
	if f.From, f.To, err = window(in.From, in.To); err != nil {
		return nil, err
	}
	if f.Cursor, err = position(in.Cursor, startAndID); err != nil {
		return nil, err
	}
	found, next, err := a.bookings.List(ctx, c, f)
	if err != nil {
		return nil, err
	}
	out := &listAnswer{}
	out.Body.Bookings, out.Body.NextCursor = found, cursor(next)
	return out, nil
}

// queryTime reads a time of a query; zero: there is none. A "+" that was not escaped in
// the query has become a space by now.
func queryTime(name, value string) (t time.Time, wrong invalid) {
	if value == "" {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, strings.Replace(value, " ", "+", 1))
	if err == nil {
		t, err = plausible(t)
	}
	if err != nil {
		wrong = invalid{{"query." + name, "write a time like 2026-12-01T10:00:00+08:00", value}}
	}
	return t, wrong
}

// window reads from and to, both optional.
func window(from, to string) (start, end time.Time, err error) {
	start, wrong := queryTime("from", from)
	end, more := queryTime("to", to)
	wrong = append(wrong, more...)
	if wrong == nil && !start.IsZero() && !end.IsZero() && !start.Before(end) {
		wrong = append(wrong, fieldError{"query.to", "the end must come after the start", to})
	}
	if wrong != nil {
		return start, end, wrong
	}
	return start, end, nil
}
