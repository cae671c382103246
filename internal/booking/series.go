package booking

import (
	"cmp"
	"encoding/json"
	"maps"
	"time"

	"github.com/onesgate/onesgate/internal/recurrence"
)

// An exception is what is different about one occurrence of a series.
type exception struct {
	// Request, Start and End are its own, if it was changed.
	Request *Request  `json:"request,omitempty"`
	Start   time.Time `json:"start,omitzero"`
	End     time.Time `json:"end,omitzero"`
	// Status is its own, once it holds the room no more: Cancelled, Declined or Released.
	Status Status `json:"status,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Withdraw: its event is still to be cancelled, because the room has declined.
	Withdraw bool `json:"withdraw,omitempty"`
	// Redo: the series was given another end since, which may have undone the change.
	Redo        bool      `json:"redo,omitempty"`
	CheckedInAt time.Time `json:"checked_in_at,omitzero"`
}

// An occurrence is one date of a booking; a booking that is no series has one.
type occurrence struct {
	period
	// original is when it was to start before it was moved: what it is known by. Zero: it
	// is the booking itself.
	original time.Time
	exception
}

func (o occurrence) gone() bool { return o.Status != "" }

// name is what an occurrence is found by among the exceptions.
func name(original time.Time) string { return original.UTC().Format(time.RFC3339) }

func (r *record) isSeries() bool { return r.Rule != nil }

// span is that of the series' first occurrence.
func (r *record) span() recurrence.Span {
	zone := r.location()
	return recurrence.Span{Start: r.Start.In(zone), End: r.End.In(zone), Zone: zone, AllDay: r.Request.AllDay}
}

// occurrences are all dates of the booking, also those that hold the room no more, in the
// order in which they were to be.
func (r *record) occurrences() []occurrence {
	if !r.isSeries() {
		return []occurrence{{period: period{r.Start, r.End}, exception: exception{CheckedInAt: r.CheckedInAt}}}
	}
	planned := r.Rule.Occurrences(r.span())
	all := make([]occurrence, len(planned))
	for i, p := range planned {
		o := occurrence{period{p.Start, p.End}, p.Start, r.Exceptions[name(p.Start)]}
		if !o.Start.IsZero() {
			o.period = period{o.Start, o.End}
		}
		all[i] = o
	}
	return all
}

// occurrence finds one by when it was to start.
func (r *record) occurrence(original time.Time) (occurrence, bool) {
	for _, o := range r.occurrences() {
		if o.original.Equal(original) {
			return o, true
		}
	}
	return occurrence{}, false
}

// slots are the times that the booking takes in its room.
func (r *record) slots() []period {
	var slots []period
	for _, o := range r.occurrences() {
		if !o.gone() {
			slots = append(slots, o.period)
		}
	}
	return slots
}

// lastEnd is when the last occurrence ends.
func (r *record) lastEnd() time.Time {
	last := r.End
	if r.isSeries() {
		for _, o := range r.occurrences() {
			last = later(last, o.end)
		}
	}
	return last
}

// part is the booking without the series around it: itself, or one occurrence as if that
// were a booking of its own.
func (r *record) part(original time.Time) *record {
	if original.IsZero() {
		return r
	}
	p := *r
	p.Rule, p.Exceptions, p.Change = nil, nil, nil
	if o, ok := r.occurrence(original); ok {
		p.Start, p.End, p.CheckedInAt = o.start, o.end, o.CheckedInAt
		if o.Request != nil {
			p.Request, p.Zone = *o.Request, cmp.Or(o.Request.TimeZone, r.Zone)
		} else {
			p.Request.Start, p.Request.End = r.wall(o.start), r.wall(o.end)
		}
		p.Request.Recurrence = nil
	}
	return &p
}

// at is the booking as it is, or is going to be, at one of its times, for those who are
// told what goes on then.
func (r *record) at(p period) *record {
	req, private := r.Request, r.Change != nil && r.Change.Request.Private
	for _, e := range r.Exceptions {
		if e.Request != nil && e.Start.Equal(p.start) {
			req = *e.Request
		}
	}
	req.Private = req.Private || r.Request.Private || private
	told := *r
	told.Request = req
	return &told
}

// planned is an occurrence as its series has it, whatever was changed about it by itself.
func (r *record) planned(original time.Time) *record {
	series := *r
	series.Exceptions = nil
	return series.part(original)
}

// except changes what is different about an occurrence.
func (r *record) except(original time.Time, f func(*exception)) {
	e := r.Exceptions[name(original)]
	f(&e)
	r.Exceptions = maps.Clone(r.Exceptions)
	if r.Exceptions == nil {
		r.Exceptions = map[string]exception{}
	}
	r.Exceptions[name(original)] = e
}

// exceptions are what is seen from outside of those of a series.
func (r *record) exceptions() map[string]exception {
	seen := maps.Clone(r.Exceptions)
	for name, e := range seen {
		e.Withdraw, e.Redo = false, false
		seen[name] = e
	}
	return seen
}

// leave ends an occurrence with a status.
func (r *record) leave(original time.Time, status Status, reason string, withdraw bool) {
	r.except(original, func(e *exception) { e.Status, e.Reason, e.Withdraw = status, reason, withdraw })
}

// left is an occurrence for which something is still to be done at Microsoft.
func (r *record) left() (occurrence, bool) {
	if len(r.Exceptions) == 0 {
		return occurrence{}, false
	}
	for _, o := range r.occurrences() {
		if o.Withdraw || o.Redo {
			return o, true
		}
	}
	return occurrence{}, false
}

// redo has all that is different about occurrences to come done again, as far as it is not
// so any more: Exchange may forget it when a series is given another end.
func (r *record) redo(now time.Time) {
	for _, o := range r.occurrences() {
		if _, different := r.Exceptions[name(o.original)]; !different || !now.Before(o.end) {
			continue
		}
		r.except(o.original, func(e *exception) {
			e.Withdraw = e.Status == Cancelled || e.Status == Declined && !r.KeepDeclined
			e.Redo = e.Status == "" && e.Request != nil
		})
	}
}

// current is the occurrence that somebody at the door at a time means; ok is false if there
// is none about then.
func (r *record) current(now time.Time) (occurrence, bool) {
	for _, o := range r.occurrences() {
		if !o.gone() && !now.Before(o.start.Add(-checkInOpens)) && now.Before(o.end) {
			return o, true
		}
	}
	return occurrence{}, false
}

// betweenNeighbours refuses a new time of an occurrence on or beyond the days of those before
// and after it, as Exchange does (ErrorOccurrenceCrossingBoundary).
func (r *record) betweenNeighbours(original, start, end time.Time) error {
	zone := r.location()
	all := r.occurrences()
	for i, o := range all {
		if !o.original.Equal(original) {
			continue
		}
		if i > 0 && !floating(start, zone).After(floating(all[i-1].end.Add(-time.Nanosecond), zone)) {
			return invalid{{"body.start", "an occurrence stays after the day of the one before it", start.In(zone).Format(time.RFC3339)}}
		}
		if i+1 < len(all) && !floating(end.Add(-time.Nanosecond), zone).Before(floating(all[i+1].start, zone)) {
			return invalid{{"body.end", "an occurrence stays before the day of the one after it", end.In(zone).Format(time.RFC3339)}}
		}
	}
	return nil
}

// maxExceptions is how much the dates of a series may have of their own, in bytes: with the
// rest of the record, and its index entries before and after, it fits into one commit.
const maxExceptions = 400 << 10

// hasRoomFor refuses a change of an occurrence that would be one too many.
func (r *record) hasRoomFor(c *change) error {
	own, err := json.Marshal([]any{r.Exceptions, c.Request})
	if err == nil && len(own) > maxExceptions {
		err = invalid{{"body", "too many occurrences of the series have texts and attendees of their own by now: cancel this one, and book it by itself", ""}}
	}
	return err
}

// asMap is a rule as a request has it that begins with its booking, wherever that goes.
func asMap(rule recurrence.Rule) (map[string]any, error) {
	rule.Range.StartDate = ""
	b, err := json.Marshal(rule)
	if err != nil {
		return nil, err
	}
	var m map[string]any
	return m, json.Unmarshal(b, &m)
}
