package booking

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

func (a *api) registerOccurrences(h huma.API) {
	list := operation("list-occurrences", http.MethodGet, "/v1/bookings/{id}/occurrences", "List the dates of a series")
	list.Description = "In the order in which they were to be; a booking that is no series has one."
	huma.Register(h, list, answer(a, a.occurrences))
	const path = "/v1/bookings/{id}/occurrences/{original_start}"
	update := operation("update-occurrence", http.MethodPatch, path, "Change one date of a series, or the rest of it", changeErrors...)
	update.Description = "scope=this: answers as a change of the booking does. scope=following: the series ends before that date, " +
		"and the rest becomes a booking of its own, which is the answer, with its Location."
	register(a, h, update, a.updateOccurrence)
	remove := operation("cancel-occurrence", http.MethodDelete, path, "Cancel one date of a series, or the rest of it", changeErrors...)
	remove.Description = "200: it is cancelled. 202: it will be, as soon as Microsoft 365 can be told."
	register(a, h, remove, a.cancelOccurrence)
}

type occurrencesAnswer struct {
	Body struct {
		Occurrences []Occurrence `json:"occurrences" nullable:"false"`
	}
}

func (a *api) occurrences(ctx context.Context, c Caller, in *idInput) (*occurrencesAnswer, error) {
	out := &occurrencesAnswer{}
	var err error
	out.Body.Occurrences, err = a.bookings.Occurrences(ctx, c, in.ID)
	return out, err
}

type updateOccurrenceInput struct {
	ID       string `path:"id" maxLength:"64"`
	Original string `path:"original_start" maxLength:"64" doc:"RFC 3339" example:"2026-12-08T10:00:00+08:00"`
	Scope    string `query:"scope" enum:"this,following" default:"this"`
	Prefer   string `header:"Prefer" maxLength:"200" doc:"As in booking"`
	IfMatch  string `header:"If-Match" maxLength:"200" doc:"The ETag that the booking must have"`
	Key      string `header:"Idempotency-Key" maxLength:"255" doc:"With scope=following: a repeat with the same key is the same booking"`
	Body     Patch  `contentType:"application/merge-patch+json"`
}

func (a *api) updateOccurrence(ctx context.Context, c Caller, in *updateOccurrenceInput) (*bookingAnswer, error) {
	original, err := originalStart(in.Original)
	if err != nil {
		return nil, err
	}
	if in.Scope == "this" {
		b, change, err := a.bookings.UpdateOccurrence(ctx, c, in.ID, original, in.Body, matcher(in.IfMatch))
		return a.changing(ctx, c, b, change, in.Prefer, err)
	}
	b, replayed, err := a.bookings.UpdateFollowing(ctx, c, in.ID, original, in.Body, in.Key, matcher(in.IfMatch))
	if err != nil {
		return nil, err
	}
	out := &bookingAnswer{Status: http.StatusOK, Location: "../../" + b.ID, Body: b, ETag: etag(b.Version)}
	if replayed {
		out.Replayed = "true"
		return out, a.awaitReplayed(ctx, c, out, in.Prefer)
	}
	if err := a.await(ctx, c, out, b, in.Prefer); err != nil {
		return nil, err
	}
	if out.Status == http.StatusCreated {
		out.Status = http.StatusOK
	}
	return out, nil
}

type cancelOccurrenceInput struct {
	ID       string `path:"id" maxLength:"64"`
	Original string `path:"original_start" maxLength:"64" doc:"RFC 3339" example:"2026-12-08T10:00:00+08:00"`
	Scope    string `query:"scope" enum:"this,following" default:"this"`
	Prefer   string `header:"Prefer" maxLength:"200" doc:"As in booking"`
	IfMatch  string `header:"If-Match" maxLength:"200" doc:"The ETag that the booking must have"`
	Comment  string `query:"comment" maxLength:"1000" doc:"To the attendees"`
	Body     *struct {
		Comment string `json:"comment,omitempty" maxLength:"1000" doc:"To the attendees"`
	}
}

func (a *api) cancelOccurrence(ctx context.Context, c Caller, in *cancelOccurrenceInput) (*bookingAnswer, error) {
	original, err := originalStart(in.Original)
	if err != nil {
		return nil, err
	}
	comment := in.Comment
	if in.Body != nil && in.Body.Comment != "" {
		comment = in.Body.Comment
	}
	b, change, err := a.bookings.CancelOccurrence(ctx, c, in.ID, original, in.Scope == "following", comment, matcher(in.IfMatch))
	if errors.Is(err, errWhole) {
		return a.cancel(ctx, c, &cancelInput{ID: in.ID, Prefer: in.Prefer, IfMatch: in.IfMatch, Comment: comment})
	}
	return a.changing(ctx, c, b, change, in.Prefer, err)
}

// originalStart reads the name of an occurrence. A "+" that was not escaped may have become
// a space.
func originalStart(value string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, strings.Replace(value, " ", "+", 1))
	if err != nil {
		return t, invalid{{"path.original_start", "write it as the occurrences have it, like 2026-12-08T10:00:00+08:00", value}}
	}
	return t.UTC(), nil
}
