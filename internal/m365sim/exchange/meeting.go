package exchange

import (
	"time"
)

// Create puts a new event into a mailbox and invites its attendees. With a
// transactionId that was used before it returns the event that it made then, or
// ErrTransaction if that was another one.
func (x *Exchange) Create(m *Mailbox, e *Event, now time.Time) (*Event, error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	if e.TransactionID != "" {
		if made := m.ByTransaction(e.TransactionID); made != nil {
			if made.Content != e.Content {
				return nil, ErrTransaction
			}
			return made, nil
		}
	}
	e.Mailbox = m.address
	e.invite(m.Tenant, true)
	x.put(e, now)
	x.distribute(Item{Event: e}, true, now)
	return e, nil
}

// Update replaces what an item says by a changed clone of it. The organizer's
// change reaches everybody's copy; an attendee changes only their own.
func (x *Exchange) Update(it Item, changed *Event, now time.Time) (Item, error) {
	if err := changed.Check(); err != nil {
		return Item{}, err
	}
	if changed.TransactionID != it.TransactionID {
		return Item{}, ErrValidation // it is set once
	}
	moved := !changed.Start.Equal(it.Start) || !changed.End.Equal(it.End)
	if it.Master != nil && moved {
		if err := it.checkNeighbours(changed); err != nil {
			return Item{}, err
		}
	}
	anew := moved || !sameSeries(it.Event, changed)
	if it.Organized() {
		changed.invite(x.boxes[it.stored().Mailbox].Tenant, anew)
	}
	it = x.replace(it, changed, now)
	if it.Organized() {
		x.distribute(it, anew, now)
	}
	return it, nil
}

// Annotate replaces an item by a changed clone that says the same to everybody
// else: nobody is told.
func (x *Exchange) Annotate(it Item, changed *Event, now time.Time) { x.replace(it, changed, now) }

// Withdraw takes an item out of a mailbox and, if its owner organizes it, out of
// the rooms'; people keep it as cancelled.
func (x *Exchange) Withdraw(m *Mailbox, it Item, now time.Time) {
	copies := x.copiesOf(it.stored().UID)
	if it.Master != nil {
		x.drop(it.Master, it.Day, now)
	} else {
		x.remove(it.Event)
	}
	if !it.Organized() {
		return
	}
	for _, c := range copies {
		if held, there := c.copied(it); there && c.Mailbox != m.address {
			x.callOff(held, now)
		}
	}
}

// copied is what of an organizer's item is in a copy.
func (e *Event) copied(it Item) (Item, bool) {
	if it.Master == nil || e.UID == it.ICalUID() {
		return Item{Event: e}, true
	}
	if _, day := splitUID(e.UID); day != 0 {
		return Item{}, false // another occurrence
	}
	return e.occurrence(it.Day)
}

// callOff takes a copy of what was cancelled out of a room's mailbox, and marks
// a person's.
func (x *Exchange) callOff(held Item, now time.Time) {
	room := x.boxes[held.stored().Mailbox].IsRoom()
	switch {
	case room && held.Master != nil:
		x.drop(held.Master, held.Day, now)
	case room:
		x.remove(held.Event)
	default:
		called := held.Clone()
		called.cancel(now)
		x.replace(held, called, now)
	}
}

func (e *Event) cancel(now time.Time) {
	for _, o := range e.Exceptions {
		o.cancel(now)
	}
	if !e.Cancelled {
		e.Cancelled, e.ShowAs, e.Subject = true, "free", "Canceled: "+e.Subject
		e.touch(now)
	}
}
