package exchange

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Change of a mailbox, as subscriptions tell of it.
type Change struct {
	Mailbox *Mailbox
	Kind    string // created, updated or deleted
	ID      string
	// Immutable is the id of the other kind.
	Immutable string
	ETag      string
}

// Kinds of changes.
const (
	Created = "created"
	Updated = "updated"
	Deleted = "deleted"
)

func (x *Exchange) tell(m *Mailbox, it Item, kind string) {
	x.changed(Change{Mailbox: m, Kind: kind, ID: it.ID(false), Immutable: it.ID(true), ETag: it.ETag()})
}

// A Removal is an item that went away.
type Removal struct {
	ID        string    `json:"id"`
	Immutable string    `json:"immutable"`
	Sequence  int       `json:"sequence"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
}

const (
	// keptRemovals of a mailbox; who has not looked for longer begins anew.
	keptRemovals = 5000
	// buried bounds of how many occurrences of a series it is remembered that
	// they went away: somewhat more than a year of daily ones.
	buried = 400
)

// bury remembers that an item went away.
func (x *Exchange) bury(m *Mailbox, it Item) {
	m.record.Sequence++
	end := it.End
	if it.Recurrence != nil {
		end = newDay(lastYear, time.December, 31).midnight() // its occurrences go with it
	}
	r := Removal{it.ID(false), it.ID(true), m.record.Sequence, it.Start, end}
	m.removed = append(m.removed, r)
	x.removals.Put(m.removalKey(r), r)
	if len(m.removed) > keptRemovals {
		oldest := m.removed[0]
		m.record.Forgotten, m.removed = oldest.Sequence, m.removed[1:]
		x.removals.Delete(m.removalKey(oldest))
	}
	x.records.Put(m.address, m.record)
}

func (x *Exchange) buryOccurrences(e *Event) {
	n := 0
	for o := range e.since(0) {
		if n++; n > buried {
			return
		}
		x.bury(x.boxes[e.Mailbox], o)
	}
}

func (m *Mailbox) removalKey(r Removal) string { return m.address + " " + strconv.Itoa(r.Sequence) }

func (x *Exchange) loadRemovals() {
	for key, r := range x.removals.All() {
		address, _, _ := strings.Cut(key, " ")
		if m := x.boxes[address]; m != nil {
			m.removed = append(m.removed, r)
		}
	}
	for _, m := range x.boxes {
		slices.SortFunc(m.removed, func(a, b Removal) int { return cmp.Compare(a.Sequence, b.Sequence) })
	}
}

// Sequence is the number of the mailbox's last change.
func (m *Mailbox) Sequence() int { return m.record.Sequence }

// Removed returns what went away after a change; false: that is too long ago to
// be known.
func (m *Mailbox) Removed(since int) ([]Removal, bool) {
	if since < m.record.Forgotten || since > m.record.Sequence {
		return nil, false
	}
	i, _ := slices.BinarySearchFunc(m.removed, since+1, func(r Removal, n int) int { return cmp.Compare(r.Sequence, n) })
	return m.removed[i:], true
}
