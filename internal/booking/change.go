package booking

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/onesgate/onesgate/internal/graph"
	"github.com/onesgate/onesgate/internal/recurrence"
)

// A changeKind says what a change is for.
type changeKind string

const (
	updating  changeKind = "update"
	extending changeKind = "extend"
	ending    changeKind = "end"
	releasing changeKind = "release"
	// cancelling takes an occurrence out of its series, and truncating the rest of it.
	cancelling changeKind = "cancel"
	truncating changeKind = "truncate"
)

// A change is what a booking that stands is to become, and how far that has got. It goes
// the way of a booking itself: durable before it is answered, noted before it is sent,
// looked for before it is sent again.
type change struct {
	ID   string     `json:"id"`
	Kind changeKind `json:"kind"`
	// Original names the occurrence that it is about; zero: the booking as a whole.
	Original time.Time `json:"original,omitzero"`

	// What the booking is then.
	Request Request   `json:"request"`
	Start   time.Time `json:"start"`
	End     time.Time `json:"end"`
	Zone    string    `json:"zone"`
	// Rule is what a series is to be, nil: as it is.
	Rule *recurrence.Rule `json:"rule,omitempty"`
	// Terms are those of another room, nil: it stays where it is.
	Terms *terms `json:"terms,omitempty"`
	// Comment is to the attendees of what is cancelled, or why a room is released.
	Comment string `json:"comment,omitempty"`
	// Then is the booking that has to wait for it.
	Then string `json:"then,omitempty"`

	// Again says that it was made before, and may have been undone since.
	Again bool `json:"again,omitempty"`
	// Asks says that the room has to take it.
	Asks bool `json:"asks,omitempty"`
	// Back says that the room has declined, and that the booking is put back.
	Back   bool   `json:"back,omitempty"`
	Reason string `json:"reason,omitempty"` // of the refusal

	// Sent says that it may have reached Graph, and Made that it has.
	Sent bool `json:"sent,omitempty"`
	Made bool `json:"made,omitempty"`
	// Answered is when the room had answered before it was sent: an answer of another
	// time is one to the change.
	Answered time.Time `json:"answered,omitzero"`
}

// An outcome is what became of a change.
type outcome struct {
	ID     string     `json:"id"`
	Kind   changeKind `json:"kind"`
	Status string     `json:"status"`
	Reason string     `json:"reason,omitempty"`
	At     time.Time  `json:"at"`
}

// maxUncut bounds what a series keeps of changes by which it was to end earlier.
const maxUncut = 20

// Statuses of an outcome.
const (
	changeMade     = "made"
	changeDeclined = "declined"
	changeFailed   = "failed"
)

// newChange is a change of an occurrence, or with zero of the booking as a whole, that
// leaves it as it is, so far.
func (r *record) newChange(kind changeKind, original time.Time) *change {
	p := r.part(original)
	return &change{ID: uuid.NewString(), Kind: kind, Original: original, Request: p.Request, Start: p.Start, End: p.End, Zone: p.Zone}
}

// changed is the booking as its change has it.
func (r *record) changed() *record {
	after := *r
	after.Change = nil
	c := r.Change
	switch {
	case c == nil:
	case c.Kind == truncating:
		after.Rule, after.Request.Recurrence = c.Rule, c.Request.Recurrence
		left := map[string]bool{}
		for _, o := range after.occurrences() {
			left[name(o.original)] = true
		}
		after.Exceptions = maps.Clone(r.Exceptions)
		maps.DeleteFunc(after.Exceptions, func(name string, _ exception) bool { return !left[name] })
	case c.Kind == cancelling:
		after.leave(c.Original, Cancelled, "", false)
	case c.Kind == releasing && !c.Original.IsZero():
		after.leave(c.Original, Released, c.Comment, false)
	case !c.Original.IsZero():
		req := c.Request
		after.except(c.Original, func(e *exception) { e.Request, e.Start, e.End = &req, c.Start, c.End })
	default:
		after.Request, after.Start, after.End, after.Zone = c.Request, c.Start, c.End, c.Zone
		if c.Rule != nil {
			after.Rule = c.Rule
		}
		if c.Terms != nil {
			after.terms = *c.Terms
		}
	}
	return &after
}

// aim is how the event that the change is about has to be: as the change has it, or as it
// was.
func (r *record) aim() *record {
	if r.Change.Back {
		return r.part(r.Change.Original)
	}
	return r.changed().part(r.Change.Original)
}

// conclude ends the change, which the event shows if status is changeMade. The booking
// goes on as it is then.
func (r *record) conclude(status, reason string, now time.Time) {
	c := r.Change
	if status == changeMade {
		*r = *r.changed()
	}
	r.Change = nil
	if c.Asks && c.Original.IsZero() {
		r.Surveyed = false // the room has answered anew
	}
	if c.Kind == truncating && status == changeMade {
		r.redo(now)
	}
	r.Last = &outcome{ID: c.ID, Kind: c.Kind, Status: status, Reason: reason, At: now.Truncate(time.Second)}
	if c.Then != "" && status != changeMade && reason != "" { // without one the person has cancelled the series
		r.Uncut = append(slices.Clone(r.Uncut[max(len(r.Uncut)-maxUncut+1, 0):]), *r.Last)
	}
	r.Reason, r.Tries = "", 0
	switch {
	case c.Kind == releasing && c.Original.IsZero() && status == changeMade:
		r.Status, r.Reason, r.NextAt = Released, c.Comment, time.Time{}
	case r.Status == Confirmed:
		r.rest(now)
	default:
		r.NextAt = now // for the room's answer to the booking itself
	}
}

// folds says whether the change can become a part of the booking before its event is made:
// one of the booking as a whole can, unless that is cancelled.
func (r *record) folds() bool {
	c := r.Change
	return c != nil && c.Original.IsZero() && (c.Kind == updating || c.Kind == extending) && !c.Back && !r.Withdraw
}

// wanted is the booking as its event is to be made.
func (r *record) wanted() *record {
	if r.folds() {
		return r.changed()
	}
	return r
}

// fold makes it a part of the booking, whose turn goes on.
func (r *record) fold(now time.Time) {
	if r.folds() {
		next := r.NextAt
		r.conclude(changeMade, "", now)
		r.NextAt = next
	}
}

// amendment is what to change of an event so that it is as the booking has to be; from is
// how the journal believed it to be. What the person has changed in Outlook besides stays.
func (r *record) amendment(event graph.Event) (graph.EventChanges, error) {
	c := r.Change
	from, to := r.part(c.Original), r.aim()
	switch {
	case c.Back:
		from = r.changed().part(c.Original)
	case c.Again:
		from = r.planned(c.Original)
	}
	var e graph.EventChanges
	want := to.event()
	switch c.Kind {
	case truncating:
		if !sameRange(event.Recurrence, c.Rule) {
			e.Recurrence = graphRule(c.Rule)
		}
		return e, nil
	case releasing:
		list := withoutRoom(event.Attendees, r.RoomAddress)
		if len(list) == len(event.Attendees) {
			return e, nil // done before, or by somebody in Outlook
		}
		e.Attendees = &list
		e.Location = &graph.Location{}
		return e, nil
	}
	moves := !from.Start.Equal(to.Start) || !from.End.Equal(to.End) || from.Request.AllDay != to.Request.AllDay || c.Kind == ending // here it has ended already
	if moves && (!event.Start.Equal(want.Start.Time) || !event.End.Equal(want.End.Time) || event.IsAllDay != want.IsAllDay) {
		e.Start, e.End, e.IsAllDay = &want.Start, &want.End, &want.IsAllDay
	}
	if c.Rule != nil && (e.Start != nil || !sameRange(event.Recurrence, to.Rule)) {
		e.Recurrence = graphRule(to.Rule)
	}
	if to.Request.Subject != from.Request.Subject && event.Subject != want.Subject {
		e.Subject = &want.Subject
	}
	if to.Request.Private != from.Request.Private && event.Sensitivity != want.Sensitivity {
		e.Sensitivity = &want.Sensitivity
	}
	list := merged(event.Attendees, from.Request.Attendees, to.Request.Attendees)
	if !sameAddress(from.RoomAddress, to.RoomAddress) {
		list = append(withoutRoom(withoutRoom(list, from.RoomAddress), to.RoomAddress), to.invitation())
		e.Location = want.Location
	}
	if sameAttendees(list, event.Attendees) {
		e.Location = nil
	} else {
		e.Attendees = &list
	}
	var err error
	if to.Request.Body != from.Request.Body {
		e.Body, err = newText(event, to.Request.Body)
	}
	return e, err
}

// changesText says whether the change is one of the event's body, too.
func (r *record) changesText() bool {
	return r.Change.Kind == updating && r.Change.Request.Body != r.part(r.Change.Original).Request.Body
}

// errMeetingBody: nobody knows what in the body belongs to the online meeting.
var errMeetingBody = errors.New("the online meeting can't be told from the rest of the event's body")

// newText is an event's body with another text in it, which doesn't end its online meeting.
func newText(event graph.Event, text string) (*graph.Body, error) {
	if event.Body == nil || !event.IsOnlineMeeting {
		return &graph.Body{ContentType: "text", Content: text}, nil
	}
	join := ""
	if event.OnlineMeeting != nil {
		join = event.OnlineMeeting.JoinURL
	}
	body, ok := event.Body.WithText(text, join)
	if !ok {
		return nil, errMeetingBody
	}
	return &body, nil
}

// merged is a list of attendees in which those of one list have been replaced by those of
// another; everybody else, the room above all, stays, and who is missing, of those on both.
func merged(now []graph.Attendee, from, to []string) []graph.Attendee {
	list := slices.DeleteFunc(slices.Clone(now), func(a graph.Attendee) bool {
		return named(from, a.EmailAddress.Address) && !named(to, a.EmailAddress.Address)
	})
	for _, address := range to {
		if !named(from, address) && !slices.ContainsFunc(list, func(a graph.Attendee) bool { return sameAddress(a.EmailAddress.Address, address) }) {
			list = append(list, graph.Attendee{Type: graph.Required, EmailAddress: graph.EmailAddress{Address: address}})
		}
	}
	return list
}

// sameRange says whether a series in the calendar begins and ends as a rule has it.
func sameRange(now *graph.PatternedRecurrence, rule *recurrence.Rule) bool {
	want := rule.Range
	return now != nil && now.Range.Type == want.Type && now.Range.StartDate == want.StartDate &&
		(want.Type != recurrence.Numbered || now.Range.NumberOfOccurrences == want.NumberOfOccurrences) &&
		(want.Type != recurrence.EndDate || now.Range.EndDate == want.EndDate)
}

func withoutRoom(now []graph.Attendee, room string) []graph.Attendee {
	return slices.DeleteFunc(slices.Clone(now), func(a graph.Attendee) bool { return sameAddress(a.EmailAddress.Address, room) })
}

func named(addresses []string, address string) bool {
	return slices.ContainsFunc(addresses, func(a string) bool { return sameAddress(a, address) })
}

func sameAttendees(a, b []graph.Attendee) bool {
	return slices.EqualFunc(a, b, func(a, b graph.Attendee) bool { return sameAddress(a.EmailAddress.Address, b.EmailAddress.Address) })
}

func sameAddress(a, b string) bool { return strings.EqualFold(a, b) }
