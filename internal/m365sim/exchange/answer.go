package exchange

import (
	"maps"
	"time"
)

// A Reply is an attendee's answer.
type Reply struct {
	Answer string // Accepted, Tentative or Declined
	Send   bool   // the organizer is told
	Reason string
	// ProposedStart and ProposedEnd are another time, if one is proposed.
	ProposedStart, ProposedEnd time.Time

	pending bool // a room's delegates have the last word
}

// Respond answers an invitation. Declining takes it off the calendar. The
// organizer gets ErrOrganizer.
func (x *Exchange) Respond(it Item, r Reply, now time.Time) error {
	if it.Organized() {
		return ErrOrganizer
	}
	x.answer(it, r, now)
	return nil
}

// answer sets an attendee's answer and tells the organizer. An answer to a
// series is one to its exceptions too, unless they were answered differently or
// will be: only a declined series is declined as a whole.
func (x *Exchange) answer(it Item, r Reply, now time.Time) {
	m, uid, apart := x.boxes[it.stored().Mailbox], it.ICalUID(), map[Day]bool{}
	switch {
	case r.Answer == Declined && it.Master != nil:
		x.drop(it.Master, it.Day, now)
	case r.Answer == Declined:
		x.remove(it.Event)
	default:
		if it.Master != nil {
			it.Event = it.Clone()
			it.Master.except(it.Day, it.Event)
		}
		maps.Copy(apart, it.Gone)
		for day, o := range it.Exceptions {
			if o.AnswerDue.IsZero() && (o.Response == NotResponded || o.Response == it.Response) {
				m.note(o, r, now)
			} else {
				apart[day] = true
			}
		}
		m.note(it.Event, r, now)
		x.put(it.stored(), now)
	}
	if r.Send {
		x.tellOrganizer(uid, m.address, r, apart, now)
	}
}

// note writes an answer on a copy.
func (m *Mailbox) note(e *Event, r Reply, now time.Time) {
	before := e.Response
	e.Response, e.ResponseAt, e.AnswerDue, e.Pending = r.Answer, now, time.Time{}, r.pending
	switch {
	case e.Cancelled:
	case r.Answer == Accepted:
		e.ShowAs = e.Intended
	case r.Answer == Tentative:
		e.ShowAs = "tentative"
	default:
		e.ShowAs, e.ResponseAt = "free", time.Time{}
	}
	if before != e.Response {
		m.tidy(e)
	}
	e.touch(now)
}

// tellOrganizer writes an answer on the organizer's event. One to a series
// leaves some of its days apart.
func (x *Exchange) tellOrganizer(uid, from string, r Reply, apart map[Day]bool, now time.Time) {
	series, day := splitUID(uid)
	original := x.original(series)
	if original == nil {
		return
	}
	about := Item{Event: original}
	if day != 0 {
		about, _ = original.occurrence(day)
	}
	if about.Event == nil || about.attendee(from) == nil {
		return
	}
	if day != 0 {
		about.Event = about.Clone()
		original.except(day, about.Event)
	}
	about.note(from, r, now)
	for on, o := range about.Exceptions {
		if !apart[on] && o.attendee(from) != nil {
			o.note(from, r, now)
		}
	}
	x.put(original, now)
}

// note writes what an attendee has answered on the organizer's event.
func (e *Event) note(from string, r Reply, now time.Time) {
	a := e.attendee(from)
	a.Status, a.Reason = Status{r.Answer, now}, r.Reason
	a.ProposedStart, a.ProposedEnd = r.ProposedStart, r.ProposedEnd
	e.touch(now)
}
