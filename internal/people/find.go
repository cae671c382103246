package people

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrAmbiguous: more than one person fits. The error that wraps it has their ids, up
// to ten.
var ErrAmbiguous = errors.New("more than one person fits; say whom by user id")

// maxWho bounds what a person is named by, in bytes.
const maxWho = 320

// Find returns the one person that a word means: a user id, "card:NUMBER" or the
// address of their mailbox. It returns ErrUnknown or ErrAmbiguous if there is
// not exactly one.
func (d *Directory) Find(ctx context.Context, who string) (Entry, error) {
	who = strings.TrimSpace(who)
	if who == "" || len(who) > maxWho {
		return Entry{}, ErrUnknown
	}
	if card, ok := strings.CutPrefix(who, "card:"); ok {
		return one(d.ByCard(ctx, card))
	}
	if strings.Contains(who, "@") {
		if found, err := d.ByEmail(ctx, who); err != nil || len(found) > 0 {
			return one(found, err)
		}
	}
	return d.Get(ctx, who)
}

// one demands that exactly one was found.
func one(found []Entry, err error) (Entry, error) {
	switch {
	case err != nil:
		return Entry{}, err
	case len(found) == 0:
		return Entry{}, ErrUnknown
	case len(found) > 1:
		var ids []string
		for _, e := range found {
			ids = append(ids, e.ID)
		}
		return Entry{}, fmt.Errorf("%w: %s", ErrAmbiguous, strings.Join(ids, ", "))
	}
	return found[0], nil
}

// After returns up to limit people whose ids come after one, "" for the first, and
// those among them that are struck off. more is the id to go on after; "": there
// are no more.
func (d *Directory) After(ctx context.Context, after string, limit int) (found []Entry, struck []Struck, more string, err error) {
	if after != "" {
		after = personKey(after)
	}
	recs, err := d.store.Scan(ctx, persons, after, limit)
	if err != nil {
		return nil, nil, "", fmt.Errorf("listing people: %w", err)
	}
	for _, rec := range recs {
		s, err := decode(rec)
		switch {
		case err != nil:
			return nil, nil, "", err
		case s.Struck != "":
			struck = append(struck, s.struckOff())
		default:
			found = append(found, s.Entry)
		}
	}
	if len(recs) == limit {
		more = strings.TrimPrefix(recs[limit-1].Key, persons)
	}
	return found, struck, more, nil
}
