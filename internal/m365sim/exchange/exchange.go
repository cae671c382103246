package exchange

import (
	"slices"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/table"
	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// An Exchange holds the mailboxes of all tenants.
type Exchange struct {
	events   *table.Table[*Event]
	records  *table.Table[*boxRecord]
	removals *table.Table[Removal]
	boxes    map[string]*Mailbox // by address
	copies   map[string][]*Event // of a meeting, by the UID of its series
	due      dueList
	changed  func(Change)
}

// New returns the mailboxes of a world with what the file has of them. Without
// any, the calendars begin with the events of the configuration. changed is told
// of every change.
func New(w *world.World, f *table.File, now time.Time, changed func(Change)) (*Exchange, error) {
	x := &Exchange{boxes: map[string]*Mailbox{}, copies: map[string][]*Event{}, changed: changed}
	var err error
	if x.events, err = table.New[*Event](f, "events"); err != nil {
		return nil, err
	}
	if x.records, err = table.New[*boxRecord](f, "mailboxes"); err != nil {
		return nil, err
	}
	if x.removals, err = table.New[Removal](f, "removals"); err != nil {
		return nil, err
	}
	for i := range w.Tenants {
		t := &w.Tenants[i]
		for j := range t.People {
			if p := &t.People[j]; !p.NoMailbox {
				x.open(&Mailbox{Tenant: t, Owner: Address{p.Name, p.Mail}, ID: p.ID})
			}
		}
		for j := range t.Rooms {
			r := &t.Rooms[j]
			zone, _ := time.LoadLocation(r.TimeZone) // validated
			x.open(&Mailbox{Tenant: t, Owner: Address{r.Name, r.Address}, ID: r.Address, room: r, zone: zone})
		}
	}
	fresh := x.records.Len() == 0
	for _, e := range x.events.All() {
		if m := x.boxes[e.Mailbox]; m != nil { // its owner may have left the configuration
			x.index(m, e)
		}
	}
	x.loadRemovals()
	if fresh {
		x.seed(w, now)
	}
	return x, nil
}

func (x *Exchange) open(m *Mailbox) {
	m.address = strings.ToLower(m.Owner.Address)
	m.events, m.made = map[string]*Event{}, map[string]*Event{}
	if m.record = x.records.Get(m.address); m.record == nil {
		m.record = &boxRecord{}
	}
	x.boxes[m.address] = m
}

// Mailbox returns the mailbox of an address, or nil.
func (x *Exchange) Mailbox(address string) *Mailbox { return x.boxes[strings.ToLower(address)] }

// Len is how many events there are in all mailboxes.
func (x *Exchange) Len() int { return x.events.Len() }

// index makes an event findable, and its answers awaited.
func (x *Exchange) index(m *Mailbox, e *Event) {
	x.add(m, e)
	x.await(e, e.AnswerDue, 0)
	for day, o := range e.Exceptions {
		x.await(e, o.AnswerDue, day)
	}
}

func (x *Exchange) add(m *Mailbox, e *Event) {
	m.events[e.Key] = e
	if e.TransactionID != "" {
		m.made[e.TransactionID] = e
	}
	series, _ := splitUID(e.UID)
	x.copies[series] = append(x.copies[series], e)
}

// copiesOf returns the copies of a meeting, of all of its occurrences too, for
// a caller that changes them.
func (x *Exchange) copiesOf(uid string) []*Event {
	series, _ := splitUID(uid)
	return slices.Clone(x.copies[series])
}

// copyIn returns a mailbox's copy with a UID, or nil.
func (x *Exchange) copyIn(m *Mailbox, uid string) *Event {
	series, _ := splitUID(uid)
	for _, e := range x.copies[series] {
		if e.Mailbox == m.address && e.UID == uid {
			return e
		}
	}
	return nil
}

// original returns the organizer's copy of a meeting or a series, or nil.
func (x *Exchange) original(series string) *Event {
	for _, e := range x.copies[series] {
		if e.Organized() {
			return e
		}
	}
	return nil
}

// put keeps an event that is new or has changed.
func (x *Exchange) put(e *Event, at time.Time) {
	m := x.boxes[e.Mailbox]
	kind := Updated
	if m.events[e.Key] == nil {
		kind = Created
		x.add(m, e)
	}
	e.touch(at)
	m.record.Sequence++
	e.Sequence = m.record.Sequence
	x.events.Put(e.Key, e)
	x.records.Put(m.address, m.record)
	x.tell(m, Item{Event: e}, kind)
}

// remove takes an event out of its mailbox.
func (x *Exchange) remove(e *Event) {
	m := x.boxes[e.Mailbox]
	x.buryOccurrences(e)
	x.bury(m, Item{Event: e})
	delete(m.events, e.Key)
	delete(m.made, e.TransactionID)
	series, _ := splitUID(e.UID)
	x.copies[series] = slices.DeleteFunc(x.copies[series], func(other *Event) bool { return other == e })
	if len(x.copies[series]) == 0 {
		delete(x.copies, series)
	}
	x.events.Delete(e.Key)
	x.tell(m, Item{Event: e}, Deleted)
}

// drop takes an occurrence out of its series.
func (x *Exchange) drop(e *Event, day Day, at time.Time) {
	if o, there := e.occurrence(day); there {
		x.bury(x.boxes[e.Mailbox], o)
	}
	e.omit(day)
	x.put(e, at)
}

// replace changes an item in its place. A series whose days or times change
// forgets what was different on some of them.
func (x *Exchange) replace(it Item, changed *Event, now time.Time) Item {
	if it.Master != nil {
		changed.touch(now)
		it.Master.except(it.Day, changed)
		x.put(it.Master, now)
		return Item{changed, it.Master, it.Day}
	}
	if !sameSeries(it.Event, changed) {
		x.buryOccurrences(it.Event)
		changed.Exceptions, changed.Gone = nil, nil
	}
	changed.lead(changed.Exceptions, it.Event, now)
	*it.Event = *changed
	x.put(it.Event, now)
	return it
}

// Move gives an event another ordinary id, as moving it does. The immutable one
// stays.
func (x *Exchange) Move(it Item, now time.Time) {
	e := it.stored()
	x.buryOccurrences(e)
	x.bury(x.boxes[e.Mailbox], Item{Event: e})
	e.Moves++
	x.put(e, now)
}
