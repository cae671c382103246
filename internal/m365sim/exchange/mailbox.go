package exchange

import (
	"encoding/hex"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/world"
)

// A Mailbox is a person's or a room's.
type Mailbox struct {
	Tenant *world.Tenant
	Owner  Address
	ID     string // the owner's object id; a room's address

	address string // in lower case
	room    *world.Room
	zone    *time.Location    // of a room
	events  map[string]*Event // by key
	made    map[string]*Event // by transactionId
	record  *boxRecord
	removed []Removal // by their sequence
}

// A boxRecord is what is kept of a mailbox besides its events.
type boxRecord struct {
	Sequence  int        `json:"sequence"`            // of changes
	Forgotten int        `json:"forgotten,omitempty"` // removals up to that number are not known any more
	Calendars []Calendar `json:"calendars,omitempty"`
	Name      string     `json:"name,omitempty"` // of the default calendar, if it was renamed
	// AnswerDelay of a room, if it was switched; nil: the configuration's.
	AnswerDelay *world.Duration `json:"answer_delay,omitempty"`
	Declines    bool            `json:"declines,omitempty"` // a room, whatever it is asked
}

// IsRoom says whether an attendant may answer for it.
func (m *Mailbox) IsRoom() bool { return m.room != nil }

// Room is the room whose mailbox it is, or nil.
func (m *Mailbox) Room() *world.Room { return m.room }

// Address is the mailbox's, in lower case.
func (m *Mailbox) Address() string { return m.address }

// Find returns the item with an id: ErrMalformedID, or ErrNotFound also for
// what is in another mailbox.
func (m *Mailbox) Find(id string) (Item, error) {
	p, ok := parseID(id)
	if !ok {
		return Item{}, ErrMalformedID
	}
	e := m.events[hex.EncodeToString(p.key[:])]
	if e == nil || p.mailbox != mailboxMark(m.address) || !p.immutable && p.moves != e.Moves {
		return Item{}, ErrNotFound
	}
	if p.day == 0 {
		return Item{Event: e}, nil
	}
	if e.Recurrence != nil {
		if o, there := e.occurrence(p.day); there {
			return o, nil
		}
	}
	return Item{}, ErrNotFound
}

// In says whether an item is in a calendar; "" is the default one, "*" any.
func (it Item) In(calendar string) bool {
	return calendar == "*" || it.stored().Calendar == calendar
}

// Sequence is the number of the last change of the item in its mailbox.
func (it Item) Sequence() int { return it.stored().Sequence }

// Items returns events and masters of a calendar, by their starts.
func (m *Mailbox) Items(calendar string) []Item {
	var items []Item
	for _, e := range m.events {
		if it := (Item{Event: e}); it.In(calendar) {
			items = append(items, it)
		}
	}
	return byStart(items)
}

// View returns what touches a half-open interval, series as their occurrences,
// by their starts.
func (m *Mailbox) View(calendar string, from, to time.Time) []Item {
	var items []Item
	for _, e := range m.events {
		if (Item{Event: e}).In(calendar) {
			items = append(items, e.within(from, to)...)
		}
	}
	return byStart(items)
}

// ByTransaction returns the event that was created with a transactionId, or nil.
func (m *Mailbox) ByTransaction(id string) *Event { return m.made[id] }

// named returns what a UID stands for in the mailbox: a meeting, or one
// occurrence of it.
func (m *Mailbox) named(uid string) (Item, bool) {
	uid = strings.ToUpper(uid)
	series, day := splitUID(uid)
	for _, e := range m.events {
		switch {
		case e.UID == uid:
			return Item{Event: e}, true
		case e.UID == series:
			return e.occurrence(day)
		}
	}
	return Item{}, false
}

// Holds says whether a meeting, or one occurrence of it, is in the calendar.
func (m *Mailbox) Holds(iCalUID string) bool {
	_, found := m.named(iCalUID)
	return found
}
