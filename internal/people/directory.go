package people

import (
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

// Keys: a person, and two indexes that lead to the id. An index key ends in
// the id, so that two people with one address are both found (and refused as
// ambiguous by whoever asked).
func personKey(id string) string        { return "person/" + id }
func emailPrefix(address string) string { return "person-email/" + fold(address) + "/" }
func cardPrefix(number string) string   { return cards + fold(number) + "/" }

const cards = "person-card/"

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
	e := Entry{Person: p, FirstSeen: now, LastSeen: now}
	key := personKey(p.ID)
	rec, err := d.store.Get(ctx, key)
	var old Entry
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return err
	default:
		if err := json.Unmarshal(rec.Value, &old); err != nil {
			return fmt.Errorf("reading person %s: %w", p.ID, err)
		}
		e.FirstSeen = old.FirstSeen
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
	_, err = d.store.Commit(ctx, writes...)
	return err
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

// Get returns the person with that id, or ErrUnknown.
func (d *Directory) Get(ctx context.Context, id string) (Entry, error) {
	rec, err := d.store.Get(ctx, personKey(id))
	if errors.Is(err, store.ErrNotFound) {
		return Entry{}, fmt.Errorf("person %q: %w", id, ErrUnknown)
	}
	if err != nil {
		return Entry{}, err
	}
	var e Entry
	if err := json.Unmarshal(rec.Value, &e); err != nil {
		return Entry{}, fmt.Errorf("reading person %s: %w", id, err)
	}
	return e, nil
}

// ByEmail returns everybody whose own mailbox has that address; none is no error.
func (d *Directory) ByEmail(ctx context.Context, address string) ([]Entry, error) {
	return d.find(ctx, emailPrefix(address))
}

// ByCard returns everybody with that card number; none is no error.
func (d *Directory) ByCard(ctx context.Context, number string) ([]Entry, error) {
	return d.find(ctx, cardPrefix(number))
}

// SharedCards returns, for each card number that more than one person has, whose it
// is: up to ten ids.
func (d *Directory) SharedCards(ctx context.Context) ([][]string, error) {
	var shared [][]string
	var number string
	var holders []string // of number
	next := func() {
		if len(holders) > 1 {
			shared = append(shared, holders)
		}
		holders = nil
	}
	for after := ""; ; {
		recs, err := d.store.Scan(ctx, cards, after, cardsAtOnce)
		if err != nil {
			return nil, err
		}
		for _, rec := range recs {
			// A number has no "/" there.
			n, id, _ := strings.Cut(strings.TrimPrefix(rec.Key, cards), "/")
			if n != number {
				next()
				number = n
			}
			if len(holders) < maxMatches {
				holders = append(holders, id)
			}
			after = rec.Key
		}
		if len(recs) < cardsAtOnce {
			next()
			return shared, nil
		}
	}
}

// cardsAtOnce bounds one look at the card numbers.
const cardsAtOnce = 500

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
