package roomview

import (
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/graph"
)

// A Block is a time at which a room's calendar shows it as not free.
type Block struct {
	// Start and End are instants; if AllDay they are midnights of UTC, and mean
	// those dates where the room is.
	Start, End time.Time
	AllDay     bool
	// Status is "busy", "tentative", "oof" or "unknown".
	Status string
	// Subject is empty if the event is private.
	Subject string
	// ICalUID is that of the meeting in every mailbox; empty if it isn't known.
	ICalUID string
	// Organizer is empty if the event is private, or theirs isn't known.
	Organizer graph.EmailAddress
}

// BlockOf is what an event takes of the room's time; ok is false if it takes none:
// it is free, cancelled or declined, or a series, whose occurrences take it.
func BlockOf(e graph.ViewItem) (b Block, ok bool) {
	if e.Removed != nil || e.Type == graph.SeriesMaster || !takesTime(e) {
		return Block{}, false
	}
	b = Block{Start: e.Start.Time, End: e.End.Time}
	b.describe(e)
	return b, b.Start.Before(b.End)
}

// describe notes what of an event, or of the series that it belongs to, is told.
func (b *Block) describe(e graph.ViewItem) {
	b.AllDay, b.ICalUID = e.IsAllDay, e.ICalUID
	switch e.ShowAs {
	case "busy", "":
		b.Status = "busy"
	case "tentative":
		b.Status = "tentative"
	case "oof":
		b.Status = "oof"
	default:
		b.Status = "unknown"
	}
	switch e.Sensitivity {
	case "", "normal", "personal":
		b.Subject, b.Organizer = e.Subject, e.Organizer.EmailAddress
	}
}

func takesTime(e graph.ViewItem) bool {
	return !e.IsCancelled && e.ShowAs != "free" && e.ShowAs != "workingElsewhere" && e.ResponseStatus.Response != graph.Declined
}

// An item is what is kept of an event.
type item struct {
	Block
	master string // of an occurrence, which tells only its times itself
}

// events are those of a window, as the rounds have told so far.
type events struct {
	items  map[string]item
	series map[string]graph.ViewItem // masters; without subjects that nobody may see
}

func newEvents() *events {
	return &events{items: map[string]item{}, series: map[string]graph.ViewItem{}}
}

func (s *events) len() int { return len(s.items) + len(s.series) }

func (s *events) isSeries(id string) bool {
	_, is := s.series[id]
	return is
}

// put notes the last word on an event.
func (s *events) put(e graph.ViewItem) {
	switch {
	case e.Removed != nil:
		s.remove(e.ID)
	case e.Type == graph.SeriesMaster:
		s.series[e.ID] = e
	case e.Type == graph.Occurrence:
		s.items[e.ID] = item{Block: Block{Start: e.Start.Time, End: e.End.Time}, master: e.SeriesMasterID}
	default:
		b, ok := BlockOf(e)
		if !ok {
			delete(s.items, e.ID)
			return
		}
		s.items[e.ID] = item{Block: b}
	}
}

// remove takes an event out, or a series with its occurrences.
func (s *events) remove(id string) {
	delete(s.items, id)
	if !s.isSeries(id) {
		return
	}
	delete(s.series, id)
	for other, i := range s.items {
		if i.master == id {
			delete(s.items, other)
		}
	}
}

// blocks are all that take the room's time, by their start.
func (s *events) blocks() []Block {
	all := make([]Block, 0, len(s.items))
	for _, i := range s.items {
		b := i.Block
		if i.master != "" {
			master, told := s.series[i.master]
			if told && !takesTime(master) {
				continue
			}
			b.describe(master) // one that was not told of is busy
			b.ICalUID = ""     // an occurrence has another one
		}
		if b.Start.Before(b.End) {
			all = append(all, b)
		}
	}
	byStart(all)
	return all
}

func byStart(all []Block) {
	slices.SortFunc(all, func(a, b Block) int {
		if c := a.Start.Compare(b.Start); c != 0 {
			return c
		}
		if c := a.End.Compare(b.End); c != 0 {
			return c
		}
		return strings.Compare(a.ICalUID, b.ICalUID)
	})
}

// A picture is what a room's calendar showed at one time. It is never changed.
type picture struct {
	window
	asOf    time.Time
	blocks  []Block // by their start
	longest time.Duration
}

// A window of time; half-open.
type window struct{ from, to time.Time }

// widened is the window that has all that may lie in w where the room is: all-day
// events stand at midnights of UTC.
func (w window) widened() window {
	return window{w.from.AddDate(0, 0, -1), w.to.AddDate(0, 0, 1)}
}

func (w window) covers(v window) bool { return !v.from.Before(w.from) && !v.to.After(w.to) }

func newPicture(w window, blocks []Block, asOf time.Time) *picture {
	p := &picture{window: w, asOf: asOf, blocks: blocks}
	for _, b := range blocks {
		p.longest = max(p.longest, b.End.Sub(b.Start))
	}
	return p
}

// within returns the blocks that overlap w, those that take whole days from a day
// before to a day after it.
func (p *picture) within(w window) []Block {
	found := []Block{}
	wide := w.widened()
	first := sort.Search(len(p.blocks), func(i int) bool { return p.blocks[i].Start.Add(p.longest).After(wide.from) })
	for _, b := range p.blocks[first:] {
		if !b.Start.Before(wide.to) {
			break
		}
		at := w
		if b.AllDay {
			at = wide
		}
		if b.Start.Before(at.to) && at.from.Before(b.End) {
			found = append(found, b)
		}
	}
	return found
}
