package main

import (
	"context"
	"fmt"

	"github.com/dustin/go-humanize"

	"github.com/onesgate/onesgate/integration_test/seed"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/badgerstore"
)

// manySessions is a page of one of the people who are active, with more and more
// sessions in the store: a gateway for each number, by turns.
func (l *lab) manySessions(ctx context.Context, r *report) error {
	var all []*program
	for _, n := range l.stored {
		g, err := l.shipped()
		if err != nil {
			return err
		}
		active := min(n, l.active)
		var cookies []string
		err = g.filled(ctx, func(s store.Store, keys *seal.Keyset) (err error) {
			l.say("%s sessions", humanize.Comma(int64(n)))
			if err := seed.Grants(ctx, s, keys, active); err != nil {
				return err
			}
			cookies, err = seed.Sessions(ctx, s, n, seed.Person)
			return err
		})
		if err != nil {
			return err
		}
		g.request = g.pagesOf(cookies[:active])
		if _, err := g.restart(ctx); err != nil {
			return err
		}
		for asked := 0; asked < 2*active; { // all are in memory then
			answers, err := press(ctx, g.target, l.connections, l.window)
			if err != nil {
				return fmt.Errorf("%s: %w", g.name, err)
			}
			asked += answers
		}
		all = append(all, g.program)
	}
	used, err := byTurns(l.rounds, all, func(v *program) (float64, error) {
		took, err := v.perRequest(ctx, l.window)
		return micros(took), err
	})
	if err != nil {
		return err
	}
	for i, n := range l.stored {
		r.curve = append(r.curve, point{n, used[i]})
		r.add(row{
			fmt.Sprintf("a page with %s sessions stored, %s of them active, CPU", humanize.Comma(int64(n)), humanize.Comma(int64(min(n, l.active)))),
			"onesgate", used[i].spread("%.0f") + " µs; " + used[i].over(used[0]).spread("%.2f") + " × the first", "", "flat within 10 %",
		})
	}
	return nil
}

// pagesOf asks for the pages of many people, one after the other.
func (v *program) pagesOf(cookies []string) func(int) []byte {
	requests := make([][]byte, len(cookies))
	for i, c := range cookies {
		requests[i] = v.page("/", "onesgate="+c)
	}
	return func(n int) []byte { return requests[n%len(requests)] }
}

// filled starts a gateway, so that it makes its keys, stops it, and fills its store.
func (g *gateway) filled(ctx context.Context, fill func(store.Store, *seal.Keyset) error) (err error) {
	if err := g.start(ctx); err != nil {
		return err
	}
	g.stop()
	keys, err := seal.Load(g.keyset)
	if err != nil {
		return err
	}
	s, err := badgerstore.Open(badgerstore.Options{Dir: g.store, MinFree: 1})
	if err != nil {
		return err
	}
	defer func() {
		if closing := s.Close(); err == nil {
			err = closing
		}
	}()
	return fill(s, keys)
}
