package booking

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// maxSpan is the longest booking there is, whatever a room allows: it bounds
// how far before a window one has to begin reading to find all that overlap it.
const maxSpan = 31 * 24 * time.Hour

// entries are the keys of the indexes that lead to a booking, each with the end of the
// time that it stands for: one for each slot, and in the room's also where the booking is
// going to be, which nobody else shall have meanwhile. There is always one by which its
// person is found.
func (r *record) entries() map[string]time.Time {
	keys := map[string]time.Time{}
	add := func(prefix string, s period) {
		key := prefix + digits(s.start) + "/" + r.ID
		if s.end.After(keys[key]) {
			keys[key] = s.end
		}
	}
	slots := r.slots()
	for _, s := range slots {
		add(roomPrefix(r.Request.Room), s)
		add(personPrefix(r.PersonID), s)
		add(startPrefix, s)
	}
	if len(slots) == 0 { // of a series: it holds nothing, but is still somebody's
		for _, o := range r.occurrences() {
			add(personPrefix(r.PersonID), o.period)
			add(startPrefix, o.period)
		}
	}
	if r.Change != nil {
		after := r.changed()
		for _, s := range after.slots() {
			add(roomPrefix(after.Request.Room), s)
		}
	}
	if r.ICalUID != "" && r.private() {
		keys[privateKey(r.ICalUID)] = r.lastEnd()
	}
	return keys
}

// private says whether something of the booking is.
func (r *record) private() bool {
	if r.Request.Private || r.Change != nil && r.Change.Request.Private {
		return true
	}
	for _, e := range r.Exceptions {
		if e.Request != nil && e.Request.Private {
			return true
		}
	}
	return false
}

// shown is what of a record is seen from outside: its answer, with those about its
// occurrences, as far as they can change, and its index keys with their values.
type shown struct {
	answer string
	keys   map[string]string
}

func (r *record) shown() shown {
	b := r.booking(true)
	b.UpdatedAt, b.Version = time.Time{}, 0
	answer, _ := json.Marshal(struct { // holds nothing that can't be written
		Booking
		Occurrences map[string]exception
	}{b, r.exceptions()})
	keys := map[string]string{}
	for key, end := range r.entries() {
		keys[key] = digits(end)
	}
	if r.open() {
		keys[openKey(r.NextAt, r.ID)] = string(r.openValue())
	}
	if r.inLine() {
		keys[r.lineKey()] = ""
	}
	if state := r.state(); state.indexed() {
		keys[statePrefix(state)+digits(r.CreatedAt)+"/"+r.ID] = digits(r.lastEnd())
	}
	return shown{string(answer), keys}
}

// moved are the parts of a commit that turn some keys into others.
func moved(before, after map[string]string) (writes []store.Write) {
	for key := range before {
		if _, stays := after[key]; !stays {
			writes = append(writes, store.Write{Op: store.Delete, Key: key})
		}
	}
	for key, value := range after {
		if old, there := before[key]; !there || old != value {
			writes = append(writes, store.Write{Key: key, Value: []byte(value)})
		}
	}
	return writes
}

// scanChunk is how many index entries are read at once.
const scanChunk = 200

// An entry of an index: a booking and one of the times that it takes.
type entry struct {
	period
	position string // in its index
	record   *record
}

// walk calls yield with the entries of an index (by its prefix) that overlap
// [from, to), in order of their start, beginning after a position of that index
// ("" at the beginning), until yield returns false. A zero from or to is open.
// It reads at most limit entries and returns where it stopped if there may be more.
func (j journal) walk(ctx context.Context, prefix, after string, from, to time.Time, limit int,
	yield func(entry) bool,
) (more string, err error) {
	if after == "" && !from.IsZero() {
		after = digits(from.Add(-maxSpan))
	}
	records := map[string]*record{} // a series has many entries
	for read := 0; ; {
		found, err := j.store.Scan(ctx, prefix, prefix+after, scanChunk)
		if err != nil {
			return "", err
		}
		for _, f := range found {
			if read == limit {
				return after, nil
			}
			read++
			e := entry{position: strings.TrimPrefix(f.Key, prefix)}
			start, id, _ := strings.Cut(e.position, "/")
			if !to.IsZero() && start >= digits(to) {
				return "", nil
			}
			after = e.position
			if !from.IsZero() && string(f.Value) <= digits(from) {
				continue
			}
			if e.period, err = readPeriod(start, string(f.Value)); err != nil {
				return "", err
			}
			if e.record = records[id]; e.record == nil {
				r, err := j.get(ctx, id)
				if errors.Is(err, errNotFound) {
					continue
				}
				if err != nil {
					return "", err
				}
				e.record, records[id] = &r, &r
			}
			if !yield(e) {
				return "", nil
			}
		}
		if len(found) < scanChunk {
			return "", nil
		}
	}
}

// first is the position in an index of a booking's first entry that ends after from.
func (r *record) first(prefix string, from time.Time) (first string) {
	for key, end := range r.entries() {
		position, inIndex := strings.CutPrefix(key, prefix)
		if inIndex && end.After(from) && (first == "" || position < first) {
			first = position
		}
	}
	return first
}

// readPeriod reads what an index entry stands for.
func readPeriod(start, end string) (period, error) {
	from, err := readDigits(start)
	if err != nil {
		return period{}, err
	}
	to, err := readDigits(end)
	return period{from, to}, err
}

func readDigits(s string) (time.Time, error) {
	millis, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading an index of bookings: %w", err)
	}
	return time.UnixMilli(millis).UTC(), nil
}

// due is an open booking and when it has to be carried on.
type due struct {
	id string
	at time.Time
	// rests says that nothing is under way: it only has to be looked at then.
	rests bool
	// asked says that it is carried on before that, unless another instance has its turn.
	asked bool
}

// resting marks the bookings in the index of open ones that rest.
const resting = "rests"

func (r *record) openValue() []byte {
	if r.rests() {
		return []byte(resting)
	}
	return nil
}

// openAfter returns up to scanChunk open bookings after a position, the soonest
// first, and the position to go on from; "": there are no more.
func (j journal) openAfter(ctx context.Context, after string) (found []due, next string, err error) {
	entries, err := j.store.Scan(ctx, openPrefix, openPrefix+after, scanChunk)
	if err != nil {
		return nil, "", err
	}
	for _, e := range entries {
		position := strings.TrimPrefix(e.Key, openPrefix)
		at, id, _ := strings.Cut(position, "/")
		when, err := readDigits(at)
		if err != nil {
			return nil, "", err
		}
		found = append(found, due{id: id, at: when, rests: string(e.Value) == resting})
		next = position
	}
	if len(entries) < scanChunk {
		next = ""
	}
	return found, next, nil
}
