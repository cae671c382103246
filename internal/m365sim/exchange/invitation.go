package exchange

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// invite completes the attendees of an organizer's event. anew: whatever they
// have answered doesn't count any more.
func (e *Event) invite(t *world.Tenant, anew bool) {
	for i := range e.Attendees {
		a := &e.Attendees[i]
		if a.EmailAddress.Name == "" {
			a.EmailAddress.Name = t.DisplayName(a.EmailAddress.Address)
		}
		if anew || a.Status.Response == "" {
			*a = Attendee{Type: a.Type, EmailAddress: a.EmailAddress, Status: Status{Response: None}}
		}
	}
}

// distribute brings the attendees' copies up to the organizer's item. anew: it
// is new or has moved, so that everybody has to answer.
func (x *Exchange) distribute(it Item, anew bool, now time.Time) {
	reached := map[string]bool{it.stored().Mailbox: true}
	for _, a := range it.Attendees {
		address := strings.ToLower(a.EmailAddress.Address)
		if m := x.boxes[address]; m != nil && !reached[address] {
			reached[address] = true
			x.deliver(m, it, a, anew, now)
		}
	}
	for _, c := range x.copiesOf(it.stored().UID) {
		x.retract(c, it, now)
	}
}

// deliver puts an attendee's copy into their mailbox, or renews it.
func (x *Exchange) deliver(m *Mailbox, it Item, a Attendee, anew bool, now time.Time) {
	if it.Master != nil {
		if series := x.copyIn(m, it.Master.UID); series != nil {
			x.deliverInto(series, it, a, anew, now)
			return
		}
	}
	held := x.copyIn(m, it.ICalUID())
	if held == nil && answered(a) && !anew {
		return // declined, or deleted by its owner
	}
	asks := anew || held == nil
	c := it.Clone()
	c.UID = it.ICalUID()
	c.become(m, held)
	if asks {
		c.ask(m, a.Type, now)
	}
	m.tidy(c)
	if held == nil {
		c.adopt(m, now)
		x.put(c, now)
		x.await(c, c.AnswerDue, 0)
		return
	}
	due := held.AnswerDue
	if asks || held.Recurrence == nil || !m.IsRoom() && !sameSeries(held, c) {
		x.buryOccurrences(held)
		c.adopt(m, now)
	} else {
		c.Recurrence, c.Gone, c.Exceptions = held.Recurrence, held.Gone, held.Exceptions // a room may have cut it
		c.lead(c.Exceptions, held, now)
	}
	*held = *c
	x.put(held, now)
	if !held.AnswerDue.Equal(due) {
		x.await(held, held.AnswerDue, 0)
	}
}

// deliverInto renews an occurrence in an attendee's copy of the series.
func (x *Exchange) deliverInto(series *Event, it Item, a Attendee, anew bool, now time.Time) {
	if series.Recurrence == nil {
		return // its owner has made a single event of it
	}
	m := x.boxes[series.Mailbox]
	held, there := series.occurrence(it.Day)
	if !there && answered(a) && !anew {
		return // declined, or deleted by its owner
	}
	c := it.Clone()
	c.become(m, held.Event)
	due := c.AnswerDue
	if anew || !there {
		c.ask(m, a.Type, now)
	}
	m.tidy(c)
	c.touch(now)
	series.except(it.Day, c)
	x.put(series, now)
	if !c.AnswerDue.Equal(due) {
		x.await(series, c.AnswerDue, it.Day)
	}
}

// answered says whether the organizer has an attendee's answer.
func answered(a Attendee) bool { return a.Status.Response != None }

// retract takes a copy, or an occurrence of it, out of a mailbox that the
// organizer's item doesn't invite any more.
func (x *Exchange) retract(c *Event, it Item, now time.Time) {
	_, day := splitUID(c.UID)
	switch {
	case c.Organized():
	case it.Master == nil && day == 0:
		if it.attendee(c.Mailbox) == nil {
			x.remove(c)
		}
	case it.Master == nil:
		if inSeries := x.copyIn(x.boxes[c.Mailbox], it.UID) != nil; inSeries || !it.invites(c.Mailbox, day) {
			x.remove(c)
		}
	case it.attendee(c.Mailbox) != nil:
	case day == it.Day:
		x.remove(c)
	case day == 0 && c.Recurrence != nil && !c.Gone[it.Day]:
		x.drop(c, it.Day, now)
	}
}

// invites says whether an exception of a series invites somebody.
func (e *Event) invites(address string, day Day) bool {
	o := e.Exceptions[day]
	return o != nil && o.attendee(address) != nil
}

// become makes an organizer's event the copy of an attendee, in the place of
// what they hold, or of nothing. Some things stay with the organizer, and some
// with the attendee.
func (e *Event) become(m *Mailbox, held *Event) {
	e.Intended = e.ShowAs
	if m.IsRoom() {
		e.Intended = "busy"
	}
	if held == nil {
		held = &Event{Key: newKey()}
	}
	e.Key, e.Mailbox, e.Calendar, e.Moves = held.Key, m.address, held.Calendar, held.Moves
	e.Categories, e.Properties, e.Extensions = held.Categories, held.Properties, held.Extensions
	e.Response, e.ResponseAt, e.ShowAs = held.Response, held.ResponseAt, held.ShowAs
	e.AnswerDue, e.Pending = held.AnswerDue, held.Pending
	e.TransactionID, e.Content = "", ""
	for i := range e.Attendees {
		a := &e.Attendees[i]
		a.Reason, a.ProposedStart, a.ProposedEnd = "", time.Time{}, time.Time{}
	}
}

// ask opens the question whether an attendee comes. A room's attendant answers
// it after its delay.
func (e *Event) ask(m *Mailbox, attendeeType string, now time.Time) {
	e.Response, e.ResponseAt, e.AnswerDue, e.Pending = NotResponded, time.Time{}, time.Time{}, false
	e.ShowAs = m.unanswered()
	if m.attends(attendeeType) {
		e.AnswerDue = now.Add(time.Duration(m.AnswerDelay()))
	}
}

// adopt makes the organizer's exceptions those of an attendee's copy, with the
// answers that were given to them. The others are answered with the series.
func (e *Event) adopt(m *Mailbox, now time.Time) {
	for day, o := range e.Exceptions {
		a := o.attendee(m.address)
		if a == nil || a.Status.Response == Declined {
			e.omit(day)
			continue
		}
		status := a.Status
		o.become(m, nil)
		o.ask(m, "", now)
		if status.Response != None {
			m.note(o, Reply{Answer: status.Response}, status.Time)
		}
	}
}

// lead changes exceptions as their series has changed, where they were like it.
func (e *Event) lead(exceptions map[Day]*Event, before *Event, now time.Time) {
	for _, o := range exceptions {
		follow(&o.Subject, before.Subject, e.Subject)
		follow(&o.Body, before.Body, e.Body)
		follow(&o.Sensitivity, before.Sensitivity, e.Sensitivity)
		follow(&o.Importance, before.Importance, e.Importance)
		follow(&o.ShowAs, before.ShowAs, e.ShowAs)
		follow(&o.Online, before.Online, e.Online)
		follow(&o.ResponseRequested, before.ResponseRequested, e.ResponseRequested)
		follow(&o.AllowNewTimes, before.AllowNewTimes, e.AllowNewTimes)
		follow(&o.HideAttendees, before.HideAttendees, e.HideAttendees)
		follow(&o.ReminderOn, before.ReminderOn, e.ReminderOn)
		follow(&o.ReminderMinutes, before.ReminderMinutes, e.ReminderMinutes)
		if reflect.DeepEqual(o.Locations, before.Locations) {
			o.Locations = slices.Clone(e.Locations)
		}
		if slices.Equal(o.Categories, before.Categories) {
			o.Categories = slices.Clone(e.Categories)
		}
		o.Attendees = slices.DeleteFunc(o.Attendees, func(a Attendee) bool {
			return before.attendee(a.EmailAddress.Address) != nil && e.attendee(a.EmailAddress.Address) == nil
		})
		for _, a := range e.Attendees {
			if before.attendee(a.EmailAddress.Address) == nil && o.attendee(a.EmailAddress.Address) == nil {
				o.Attendees = append(o.Attendees, a)
			}
		}
		o.touch(now)
	}
}

func follow[T comparable](property *T, before, after T) {
	if *property == before {
		*property = after
	}
}
