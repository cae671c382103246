package people

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/store"
)

// ErrUnknown: nobody like that has signed in yet.
var ErrUnknown = errors.New("nobody like that has signed in yet")

// An Entry is a person and when they were seen.
type Entry struct {
	identity.Person
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	// ChangedAt is when a sign-in last told something else of them than the one before.
	ChangedAt time.Time `json:"changed_at,omitzero"`

	version store.Version
}

// News says whether they came or changed at a time or later. Of who has not signed in
// since this is noted, that they were seen has to do.
func (e Entry) News(since time.Time) bool {
	if e.ChangedAt.IsZero() {
		return !e.LastSeen.Before(since)
	}
	return !e.ChangedAt.Before(since)
}

// stored is an entry as it lies in the store.
type stored struct {
	Entry
	// Struck says who has them erased; see [Directory.Strike].
	Struck string `json:"struck,omitempty"`
	// Into is with whom they are made one; see [Directory.Merge].
	Into string `json:"into,omitempty"`
}

// A Directory finds people in a store. It may be used concurrently.
type Directory struct {
	store store.Store
	now   func() time.Time
}

// New returns the directory kept in s.
func New(s store.Store, now func() time.Time) *Directory {
	return &Directory{store: s, now: now}
}

// Topic of announcements that somebody has come, has changed or has gone; the value is
// their id.
const Topic = "person"

func changed(id string) store.Write {
	return store.Write{Op: store.Announce, Key: Topic, Value: []byte(id)}
}

// Keys: a person, and two indexes that lead to the id. An index key ends in
// the id, so that two people with one address are both found (and refused as
// ambiguous by whoever asked).
func personKey(id string) string        { return persons + id }
func emailPrefix(address string) string { return "person-email/" + fold(address) + "/" }
func cardPrefix(number string) string   { return cards + fold(number) + "/" }

const (
	persons = "person/"
	cards   = "person-card/"
)

// fold makes an index word of what people type: without case, and with the
// separator of keys escaped.
func fold(s string) string {
	return strings.NewReplacer("%", "%25", "/", "%2f").Replace(identity.FoldCase(strings.TrimSpace(s)))
}

// SignedIn records what the sign-in of p told, and moves the indexes along.
func (d *Directory) SignedIn(ctx context.Context, p identity.Person) error {
	for {
		err := d.signedIn(ctx, p)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func (d *Directory) signedIn(ctx context.Context, p identity.Person) error {
	now := d.now().UTC().Truncate(time.Second)
	e, news := Entry{Person: p, FirstSeen: now, LastSeen: now, ChangedAt: now}, true
	key := personKey(p.ID)
	rec, err := d.store.Get(ctx, key)
	var old stored
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return err
	default:
		if old, err = decode(rec); err != nil {
			return err
		}
		if old.Struck == "" {
			e.FirstSeen = old.FirstSeen
		}
		if old.Struck == "" && same(old.Person, p) && !old.ChangedAt.IsZero() {
			e.ChangedAt, news = old.ChangedAt, false
		}
	}
	value, err := json.Marshal(e)
	if err != nil {
		return err
	}
	writes := []store.Write{{Key: key, Value: value, If: store.If(rec.Version)}}
	stale := map[string]bool{}
	for _, k := range indexKeys(old.Person) {
		stale[k] = true
	}
	for _, k := range indexKeys(p) {
		delete(stale, k)
		writes = append(writes, store.Write{Key: k})
	}
	for k := range stale {
		writes = append(writes, store.Write{Key: k, Op: store.Delete})
	}
	if news {
		writes = append(writes, changed(p.ID))
	}
	_, err = d.store.Commit(ctx, writes...)
	return err
}

// same says whether two people look alike once they are stored.
func same(a, b identity.Person) bool {
	one, errOne := json.Marshal(a)
	other, errOther := json.Marshal(b)
	return errOne == nil && errOther == nil && bytes.Equal(one, other)
}

func indexKeys(p identity.Person) []string {
	var keys []string
	if p.Mailbox != "" {
		keys = append(keys, emailPrefix(p.Mailbox)+p.ID)
	}
	if p.CardNumber != "" {
		keys = append(keys, cardPrefix(p.CardNumber)+p.ID)
	}
	return keys
}

func decode(rec store.Record) (stored, error) {
	var s stored
	if err := json.Unmarshal(rec.Value, &s); err != nil {
		return s, fmt.Errorf("the record %s is damaged: %w", rec.Key, err)
	}
	s.version = rec.Version
	return s, nil
}

// Get returns the person with that id, or ErrUnknown.
func (d *Directory) Get(ctx context.Context, id string) (Entry, error) {
	s, err := d.read(ctx, id)
	if err == nil && s.Struck != "" {
		err = unknown(id)
	}
	if err != nil {
		return Entry{}, err
	}
	return s.Entry, nil
}

// read returns also those who are struck off.
func (d *Directory) read(ctx context.Context, id string) (stored, error) {
	rec, err := d.store.Get(ctx, personKey(id))
	if errors.Is(err, store.ErrNotFound) {
		return stored{}, unknown(id)
	}
	if err != nil {
		return stored{}, err
	}
	return decode(rec)
}

func unknown(id string) error { return fmt.Errorf("person %q: %w", id, ErrUnknown) }

// ByEmail returns everybody whose own mailbox has that address; none is no error.
func (d *Directory) ByEmail(ctx context.Context, address string) ([]Entry, error) {
	return d.find(ctx, emailPrefix(address))
}

// ByCard returns everybody with that card number; none is no error.
func (d *Directory) ByCard(ctx context.Context, number string) ([]Entry, error) {
	return d.find(ctx, cardPrefix(number))
}

// maxMatches is enough to see that a word is ambiguous.
const maxMatches = 10

func (d *Directory) find(ctx context.Context, prefix string) ([]Entry, error) {
	recs, err := d.store.Scan(ctx, prefix, "", maxMatches)
	if err != nil {
		return nil, err
	}
	var found []Entry
	for _, rec := range recs {
		e, err := d.Get(ctx, strings.TrimPrefix(rec.Key, prefix))
		if errors.Is(err, ErrUnknown) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, e)
	}
	return found, nil
}
