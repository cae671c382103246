package booking

import (
	"context"
	"errors"
	"time"

	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/recurrence"
)

// errNoOccurrence: the series in the calendar has no such occurrence.
var errNoOccurrence = errors.New("the series has no such occurrence in the calendar")

// eventOf reads the event of an occurrence, or with zero that of the booking as a whole.
func eventOf(ctx context.Context, g *graph.Client, mailbox graph.Mailbox, r *record, original time.Time) (graph.Event, error) {
	if original.IsZero() {
		return g.Event(ctx, mailbox, r.EventID)
	}
	var found graph.Event
	within := r.whereabouts(original)
	err := g.Instances(ctx, mailbox, r.EventID, within.start, within.end, func(e graph.Event) bool {
		if r.dayOf(e) == dayIn(original, r.location()) {
			found = e
		}
		return found.ID == ""
	})
	if err == nil && found.ID == "" {
		err = errNoOccurrence
	}
	return found, err
}

// whereabouts is where an occurrence is to be looked for: its organizer may have moved it in
// Outlook, but not beyond those before and after it (ErrorOccurrenceCrossingBoundary).
func (r *record) whereabouts(original time.Time) period {
	within := period{original.Add(-maxSpan), original.Add(maxSpan)}
	for _, o := range r.occurrences() {
		switch {
		case o.original.Before(original):
			within.start = earlier(o.original, o.start)
		case o.original.After(original):
			return period{within.start.AddDate(0, 0, -1), later(within.end, o.end).AddDate(0, 0, 2)}
		default:
			within.start, within.end = earlier(within.start, o.start), o.end
		}
	}
	return period{within.start.AddDate(0, 0, -1), later(within.end, original.Add(maxSpan))}
}

// dayOf is the date, in the booking's zone, that an instance of its series was to be on:
// there is one a day at most. Its time is not looked at, as it is nowhere said what Exchange
// makes of one that clocks show twice or never.
func (r *record) dayOf(e graph.Event) string {
	if r.Request.AllDay {
		return dayIn(e.OriginalStart, time.UTC)
	}
	return dayIn(e.OriginalStart, r.location())
}

func dayIn(t time.Time, zone *time.Location) string { return t.In(zone).Format(time.DateOnly) }

// graphRule is a rule as Graph takes it.
func graphRule(r *recurrence.Rule) *graph.PatternedRecurrence {
	return &graph.PatternedRecurrence{Pattern: graph.RecurrencePattern(r.Pattern), Range: graph.RecurrenceRange(r.Range)}
}

// survey asks which occurrences of a series that the room has accepted it has declined all
// the same: a room may, by its rules for conflicts.
func (s *Service) survey(ctx context.Context, r record) (record, error) {
	integration, ok := s.world().Integrations[r.Integration]
	if !ok {
		return s.stumble(ctx, r, errUnconfigured)
	}
	declined := map[string]bool{}
	mailbox := s.mailbox(ctx, r.PersonID, !s.waiters.waiting(r.ID))
	err := integration.Graph.Instances(ctx, mailbox, r.EventID, r.Start.AddDate(0, 0, -1), r.lastEnd().AddDate(0, 0, 2), func(e graph.Event) bool {
		if r.roomAnswer(e).Response == graph.Declined {
			declined[r.dayOf(e)] = true
		}
		return true
	})
	if graph.IsGone(err) {
		return s.close(ctx, r.ID, Cancelled, r.whyGone())
	}
	if err != nil {
		return s.stumble(ctx, r, err)
	}
	now := s.now().UTC()
	return s.update(ctx, r.ID, func(r *record) {
		for _, o := range r.occurrences() {
			if declined[dayIn(o.original, r.location())] && !o.gone() {
				r.leave(o.original, Declined, reasonDeclined, !r.KeepDeclined)
			}
		}
		r.Surveyed, r.Reason = true, ""
		r.rest(now)
	})
}

// withdrawOccurrence cancels the event of an occurrence that the room has declined.
func (s *Service) withdrawOccurrence(ctx context.Context, r record, o occurrence) (record, error) {
	integration, ok := s.world().Integrations[r.Integration]
	if !ok {
		return s.stumble(ctx, r, errUnconfigured)
	}
	mailbox := s.mailbox(ctx, r.PersonID, !s.waiters.waiting(r.ID))
	event, err := eventOf(ctx, integration.Graph, mailbox, &r, o.original)
	if err == nil {
		err = integration.Graph.CancelEvent(ctx, mailbox, event.ID, o.Reason)
	}
	if err != nil && !graph.IsGone(err) && !errors.Is(err, errNoOccurrence) {
		return s.stumble(ctx, r, err)
	}
	now := s.now().UTC()
	return s.update(ctx, r.ID, func(r *record) {
		r.except(o.original, func(e *exception) { e.Withdraw = false })
		r.Reason = ""
		r.rest(now)
	})
}

// cancelOccurrence takes an occurrence out of the calendar, as the change wants it.
func (s *Service) cancelOccurrence(ctx context.Context, r record, g *graph.Client, mailbox graph.Mailbox, event graph.Event) (record, error) {
	err := g.CancelEvent(ctx, mailbox, event.ID, r.Change.Comment)
	if err != nil && !graph.IsGone(err) {
		return s.amendFailed(ctx, r, err)
	}
	return s.updateChange(ctx, r, func(r *record) { r.conclude(changeMade, "", s.now().UTC()) })
}

// redo changes an occurrence once more, to what it is.
func (s *Service) redo(ctx context.Context, r record, o occurrence) (record, error) {
	return s.update(ctx, r.ID, func(r *record) {
		r.NextAt = s.now().UTC()
		if r.Change != nil {
			return // somebody has wanted one meanwhile
		}
		r.except(o.original, func(e *exception) { e.Redo = false })
		r.Change = r.newChange(updating, o.original)
		r.Change.Asks, r.Change.Again = true, true
	})
}
