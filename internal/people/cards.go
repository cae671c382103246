package people

import (
	"context"
	"strings"
)

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
