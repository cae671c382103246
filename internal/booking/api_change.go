package booking

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// changeErrors are the statuses of whatever changes a booking.
var changeErrors = []int{
	http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusPreconditionFailed,
	http.StatusTooManyRequests, http.StatusInsufficientStorage,
}

func (a *api) registerChanges(h huma.API) {
	update := operation("update-booking", http.MethodPatch, "/v1/bookings/{id}", "Change a booking", changeErrors...)
	update.Description = "A JSON merge patch. 200: it is so. 202: it will be, as soon as Microsoft 365 and the room have taken it; " +
		"until then pending_change says what it is to become. 409 room_declined: the room has not taken it, and the booking is as it was."
	register(a, h, update, a.update)
	extend := operation("extend-booking", http.MethodPost, "/v1/bookings/{id}/extend", "Let a booking end later", changeErrors...)
	extend.Description = "The room has to be free for the time that is added. Answers as a change does."
	register(a, h, extend, a.extend)
	end := operation("end-booking", http.MethodPost, "/v1/bookings/{id}/end", "End a booking now", changeErrors...)
	end.Description = "The rest of its time is free at once. Answers as a change does."
	register(a, h, end, a.end)
	checkIn := operation("check-in", http.MethodPost, "/v1/bookings/{id}/check-in", "Say that somebody is there", changeErrors...)
	checkIn.Description = "Opens 10 minutes before the start. In rooms with a check-in, bookings that nobody has checked in to are released."
	register(a, h, checkIn, a.checkIn)
}

// register adds an operation that answers 200, or 202 while the booking is on its way.
func register[I any](a *api, h huma.API, o huma.Operation, f func(context.Context, Caller, *I) (*bookingAnswer, error)) {
	o.DefaultStatus = http.StatusOK
	huma.Register(h, o, answer(a, f))
	path := h.OpenAPI().Paths[o.Path]
	for _, made := range []*huma.Operation{path.Post, path.Patch, path.Delete} {
		if made != nil && made.OperationID == o.OperationID {
			made.Responses["202"] = made.Responses["200"]
		}
	}
}

type updateInput struct {
	ID      string `path:"id" maxLength:"64"`
	Prefer  string `header:"Prefer" maxLength:"200" doc:"As in booking"`
	IfMatch string `header:"If-Match" maxLength:"200" doc:"The ETag that the booking must have"`
	Body    Patch  `contentType:"application/merge-patch+json"`
}

func (a *api) update(ctx context.Context, c Caller, in *updateInput) (*bookingAnswer, error) {
	b, change, err := a.bookings.Update(ctx, c, in.ID, in.Body, matcher(in.IfMatch))
	return a.changing(ctx, c, b, change, in.Prefer, err)
}

type extendInput struct {
	ID             string `path:"id" maxLength:"64"`
	Prefer         string `header:"Prefer" maxLength:"200" doc:"As in booking"`
	IfMatch        string `header:"If-Match" maxLength:"200" doc:"The ETag that the booking must have"`
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"A repeat with the same key doesn't extend again"`
	Body           struct {
		Minutes int `json:"minutes" minimum:"1" maximum:"1440"`
	}
}

func (a *api) extend(ctx context.Context, c Caller, in *extendInput) (*bookingAnswer, error) {
	b, change, replayed, err := a.bookings.Extend(ctx, c, in.ID, time.Duration(in.Body.Minutes)*time.Minute, in.IdempotencyKey, matcher(in.IfMatch))
	if replayed {
		return &bookingAnswer{Status: http.StatusOK, ETag: etag(b.Version), Replayed: "true", Body: b}, err
	}
	return a.changing(ctx, c, b, change, in.Prefer, err)
}

type doorInput struct {
	ID      string `path:"id" maxLength:"64"`
	Prefer  string `header:"Prefer" maxLength:"200" doc:"As in booking"`
	IfMatch string `header:"If-Match" maxLength:"200" doc:"The ETag that the booking must have"`
}

func (a *api) end(ctx context.Context, c Caller, in *doorInput) (*bookingAnswer, error) {
	b, change, err := a.bookings.End(ctx, c, in.ID, matcher(in.IfMatch))
	return a.changing(ctx, c, b, change, in.Prefer, err)
}

func (a *api) checkIn(ctx context.Context, c Caller, in *doorInput) (*bookingAnswer, error) {
	b, err := a.bookings.CheckIn(ctx, c, in.ID, matcher(in.IfMatch))
	if err != nil {
		return nil, err
	}
	return &bookingAnswer{Status: http.StatusOK, ETag: etag(b.Version), Body: b}, nil
}

// changing answers with a booking that has been asked to change, when the change has come
// to its end or the caller's patience has.
func (a *api) changing(ctx context.Context, c Caller, b Booking, change, prefer string, err error) (*bookingAnswer, error) {
	if err != nil {
		return nil, err
	}
	out := &bookingAnswer{Status: http.StatusOK, ETag: etag(b.Version), Body: b}
	if change == "" {
		return out, nil
	}
	var wait time.Duration
	wait, out.Applied = patience(prefer)
	if later, _, err := a.bookings.Wait(ctx, c, b.ID, wait); err == nil { // else it is accepted all the same
		b = later
	}
	out.Body, out.ETag = b, etag(b.Version)
	if b.PendingChange != nil && b.PendingChange.ID == change && !b.PendingChange.Reverting {
		out.Status = http.StatusAccepted
		return out, nil
	}
	var p *Problem
	switch l := b.LastChange; {
	case b.PendingChange != nil && b.PendingChange.ID == change:
		p = newProblem(codeRoomDeclined, b.PendingChange.Reason)
	case b.Status == Declined: // whatever the change was, the room is not theirs any more
		p = newProblem(codeRoomDeclined, b.Reason)
	case l == nil || l.ID != change || l.Status == changeMade:
		return out, nil // made, or overtaken by another one since
	case l.Status == changeDeclined:
		p = newProblem(codeRoomDeclined, l.Reason)
	default:
		p = newProblem(codeInvalidState, l.Reason)
	}
	p.Booking = &b
	return nil, p
}
