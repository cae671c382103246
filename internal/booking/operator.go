package booking

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
)

// A State of a booking, as operators tell them apart: whether something is under way for
// it, else how it has ended.
type State string

// The states that are no statuses. Of StateWaiting something is under way: an event to be
// made, an answer, a change, a cancellation. StateUnanswered has ended without the room's
// answer.
const (
	StateWaiting    State = "waiting"
	StateUnanswered State = "unanswered"
)

// States are all by which bookings can be listed. Accepted, AwaitingRoom and NeedsSignIn
// are among StateWaiting.
func States() []State {
	return []State{
		StateWaiting, State(Accepted), State(AwaitingRoom), State(NeedsSignIn), State(Confirmed),
		State(Failed), State(Declined), State(Expired), StateUnanswered, State(Cancelled), State(Released),
	}
}

func (r *record) state() State {
	switch {
	case r.open() && !r.rests():
		return StateWaiting
	case r.Status == AwaitingRoom:
		return StateUnanswered
	}
	return State(r.Status)
}

// indexed says whether there is an index of those in that state: they are few, and looked
// for among many.
func (s State) indexed() bool {
	return !slices.Contains([]State{State(Confirmed), State(Cancelled), State(Released)}, s)
}

// in says whether the booking is one of those that are listed by a state.
func (r *record) in(s State) bool {
	return r.state() == s || r.state() == StateWaiting && State(r.Status) == s
}

// A Progress is how a booking stands, as operators are told: when and where, for whom, and
// how far it has got; never what it is about, nor with whom.
type Progress struct {
	ID          string    `json:"id"`
	State       State     `json:"state"`
	Status      Status    `json:"status"`
	Reason      string    `json:"reason,omitempty"` // of the status, for people
	Integration string    `json:"integration"`
	Room        string    `json:"room"`
	Organizer   Organizer `json:"organizer"`
	// Service that booked in the organizer's name; empty: their session.
	Service    string    `json:"service,omitempty"`
	ExternalID string    `json:"external_id,omitempty"`
	Start      time.Time `json:"start"`
	End        time.Time `json:"end"`
	TimeZone   string    `json:"time_zone"`
	Series     bool      `json:"series,omitempty"` // Start and End are those of its first occurrence
	Private    bool      `json:"private,omitempty"`
	// Change is the kind of that which is under way: as in a PendingChange.
	Change    string    `json:"change,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// Tries counts what was done in vain since the last progress, and Error is the code of
	// the last of these.
	Tries int    `json:"tries,omitempty"`
	Error string `json:"error,omitempty"`
	// NextAt is when it is carried on; missing: nothing more is to be done. Working says
	// that a gateway is at it, until then at most.
	NextAt  time.Time `json:"next_at,omitzero"`
	Working bool      `json:"working,omitempty"`
}

// A Journal is all that operators are told of a booking.
type Journal struct {
	Progress
	// Next tells people what happens next.
	Next  string `json:"next"`
	Steps []Step `json:"steps"`
	// Ahead are those that it waits for in its room's line.
	Ahead        int          `json:"ahead,omitempty"`
	RoomResponse RoomResponse `json:"room_response"`
	LastChange   *LastChange  `json:"last_change,omitempty"`
	// RequestID is that of the request by which it was booked, or last changed, as ONES'
	// own log has it; GraphRequestID is what Microsoft calls its last answered one.
	RequestID      string `json:"request_id,omitempty"`
	GraphRequestID string `json:"graph_request_id,omitempty"`
	// EventID and ICalUID are what Exchange knows it by. MaybeSent says that its creation
	// may have reached Microsoft, so that it is looked for before it is sent again.
	EventID     string    `json:"event_id,omitempty"`
	ICalUID     string    `json:"ical_uid,omitempty"`
	MaybeSent   bool      `json:"maybe_sent,omitempty"`
	CheckedInAt time.Time `json:"checked_in_at,omitzero"`
	Version     int       `json:"version"`
}

func (s *Service) progress(r *record) Progress {
	b := r.booking(false)
	p := Progress{
		ID: r.ID, State: r.state(), Status: r.Status, Reason: r.Reason, Integration: r.Integration, Room: b.Room, Organizer: b.Organizer,
		Service: r.Service, ExternalID: b.ExternalID, Start: b.Start, End: b.End, TimeZone: b.TimeZone, Series: r.isSeries(), Private: r.private(),
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Tries: r.Tries, NextAt: r.NextAt,
		Working: r.working(s.now()),
	}
	if b.PendingChange != nil {
		p.Change = b.PendingChange.Kind
	}
	if n := len(r.Steps); n > 0 {
		p.Error = r.Steps[n-1].Code
	}
	return p
}

// An Overview says which bookings operators want to see; what is empty doesn't matter.
type Overview struct {
	Integration string
	Room        string
	PersonID    string
	State       State
	// From and To are a window of the bookings' own times.
	From, To time.Time
	// Cursor is where an earlier list of the same ended.
	Cursor string
	Limit  int
}

func (o Overview) fits(r *record) bool {
	return (o.Integration == "" || r.Integration == o.Integration) && (o.Room == "" || r.Request.Room == o.Room) &&
		(o.PersonID == "" || r.PersonID == o.PersonID) && (o.State == "" || r.in(o.State))
}

// Overview lists bookings for operators, and tells where to go on; "": there are no more.
// Those in a state of which there are few come in the order in which they were made, the
// oldest first, all others in that of their start. It reads maxRead entries of an index at
// most: a list may be short, or empty, and not the last.
func (s *Service) Overview(ctx context.Context, o Overview) (found []Progress, next string, err error) {
	var records []*record
	switch prefix := ""; {
	case o.PersonID == "" && o.State != "" && o.State.indexed():
		records, next, err = s.journal.inState(ctx, o)
	default:
		switch {
		case o.PersonID != "":
			prefix = personPrefix(o.PersonID)
		case o.Room != "":
			prefix = roomPrefix(o.Room)
		default:
			prefix = startPrefix
		}
		records, next, err = s.journal.list(ctx, prefix, Filter{From: o.From, To: o.To, Cursor: o.Cursor, Limit: o.Limit}, o.fits)
	}
	found = []Progress{}
	for _, r := range records {
		found = append(found, s.progress(r))
	}
	return found, next, err
}

// inState lists by the index of a state.
func (j journal) inState(ctx context.Context, o Overview) (found []*record, next string, err error) {
	index := o.State
	if slices.Contains([]State{State(Accepted), State(AwaitingRoom), State(NeedsSignIn)}, index) {
		index = StateWaiting
	}
	prefix, last := statePrefix(index), o.Cursor
	for read := 0; ; {
		entries, err := j.store.Scan(ctx, prefix, prefix+last, scanChunk)
		if err != nil {
			return nil, "", err
		}
		for _, e := range entries {
			position := strings.TrimPrefix(e.Key, prefix)
			if read == maxRead {
				return found, last, nil
			}
			read++
			fits := o.From.IsZero() || string(e.Value) > digits(o.From)
			if fits {
				_, id, _ := strings.Cut(position, "/")
				r, err := j.get(ctx, id)
				if err != nil && !errors.Is(err, errNotFound) {
					return nil, "", err
				}
				if err == nil && o.fits(&r) && (o.To.IsZero() || r.Start.Before(o.To)) {
					if len(found) == o.Limit {
						return found, last, nil
					}
					found = append(found, &r)
				}
			}
			last = position
		}
		if len(entries) < scanChunk {
			return found, "", nil
		}
	}
}

// Journal tells operators of one booking. The error says so if there is none.
func (s *Service) Journal(ctx context.Context, id string) (Journal, error) {
	r, err := s.journal.get(ctx, id)
	if err != nil {
		return Journal{}, err
	}
	return s.told(ctx, &r)
}

func (s *Service) told(ctx context.Context, r *record) (Journal, error) {
	b := r.booking(false)
	j := Journal{
		Progress: s.progress(r), Steps: append([]Step{}, r.Steps...), RoomResponse: b.RoomResponse, LastChange: b.LastChange,
		RequestID: r.Trail.ID, GraphRequestID: r.GraphRequest,
		EventID: r.EventID, ICalUID: r.ICalUID, MaybeSent: r.MaybeSent, CheckedInAt: r.CheckedInAt, Version: r.Revision,
	}
	var err error
	if r.inLine() {
		if j.Ahead, err = s.journal.ahead(ctx, r); err != nil {
			return j, err
		}
	}
	state, err := s.stored(ctx, r.PersonID)
	if err != nil {
		return j, err
	}
	series := ""
	if r.After != nil && r.inLine() {
		before, err := s.journal.get(ctx, r.After.Booking)
		if err != nil && !errors.Is(err, errNotFound) {
			return j, err
		}
		if before.endsFor(r) {
			series = before.ID
		}
	}
	j.Next = r.outlook(state, j.Ahead, series)
	return j, nil
}

// outlook tells what happens next, if the organizer's connection is in a state, so many
// stand before the booking in its room's line, and a series, if not "", has to end before it.
func (r *record) outlook(connection grant.State, ahead int, series string) string {
	needs := ""
	switch connection {
	case grant.NeedsSignIn:
		needs = "the organizer has signed in with Microsoft again"
	case grant.NeedsAdminConsent:
		needs = "an administrator of Microsoft 365 has consented again"
	}
	switch {
	case !r.open() && r.Status == Confirmed:
		return "Nothing is left to do: the room has accepted."
	case !r.open():
		return "Nothing more happens to it."
	case r.rests():
		return "It is released at its time unless somebody checks in."
	case r.Withdraw && needs != "":
		return "It is cancelled in the organizer's calendar once " + needs + "; until then the event and the room's entry stay."
	case r.Withdraw:
		return "It is cancelled in the organizer's calendar; Microsoft 365 tells the room and the attendees."
	case needs != "":
		return "It goes on by itself once " + needs + "."
	case ahead > 0:
		return "It waits for the bookings of its room that were made before it."
	case series != "":
		return "It goes on once its series, the booking " + series + ", has ended before it in the organizer's calendar."
	case r.EventID == "":
		return "The event is to be made in the organizer's calendar."
	case r.Change != nil:
		return "Its change is to be brought to Microsoft 365, or waits for the room's answer."
	case r.Status == AwaitingRoom:
		return "The room is asked for its answer."
	}
	return "Its series is looked after in the organizer's calendar."
}

// RetryNow has a booking carried on at once that waits for its time, and with it what it
// waits for in its room's line, and the series whose rest it is. by is which operator wants it. The error says so if
// there is nothing to be carried on.
func (s *Service) RetryNow(ctx context.Context, by, id string) (Journal, error) {
	c := Caller{operator: by}
	r, err := s.retry(ctx, c, id)
	if err != nil && !errors.Is(err, errUnchanged) {
		return Journal{}, err
	}
	if err == nil {
		s.auditLine(ctx, "retry", c, &r, "pending")
	}
	if r.inLine() {
		s.call(ctx, r.Request.Room)
		if r.After != nil {
			s.queue.wake(r.After.Booking)
		}
	}
	s.queue.wake(id)
	return s.told(ctx, &r)
}

// retry makes a booking due; errUnchanged with the booking: a gateway is at it.
func (s *Service) retry(ctx context.Context, c Caller, id string) (record, error) {
	ctx, cancel := durable(ctx)
	defer cancel()
	var as record
	r, err := s.journal.change(ctx, id, func(r *record) error {
		as = *r
		now := s.now().UTC()
		switch {
		case r.Status == Confirmed && (!r.open() || r.rests()):
			return refusal{codeInvalidState, "Nothing is under way for it: the room has accepted."}
		case !r.open():
			return refusal{codeInvalidState, "Nothing is left to do for a booking that is " + string(r.state()) + ": whoever still wants the room books it anew."}
		case r.working(now):
			return errUnchanged
		}
		r.NextAt, r.Turn, r.Tries, r.Aside = now, "", 0, false
		r.by, r.retried = c.by(), true
		return nil
	})
	if errors.Is(err, errUnchanged) {
		return as, err
	}
	return r, err
}

// CancelAs is Cancel for an operator: the organizer need not ask for it. by is which
// operator wants it.
func (s *Service) CancelAs(ctx context.Context, by, id, comment string) (Journal, error) {
	anybodys := func(Caller, *record) bool { return true }
	r, err := s.cancel(ctx, Caller{operator: by}, id, comment, alteration{"cancel", anybodys, nil})
	if done(err) != nil {
		return Journal{}, err
	}
	return s.told(ctx, &r)
}

// Refusal tells what an error of a call says to whoever made it: as a status of HTTP, and
// in words. ok is false of one that isn't made for them: the store's, say.
func Refusal(err error) (status int, words string, ok bool) {
	var refused refusal
	switch {
	case errors.As(err, &refused):
		return statuses[refused.code], refused.detail, true
	case errors.Is(err, errNotFound):
		return statuses[codeNotFound], "There is no such booking.", true
	}
	return 0, "", false
}
