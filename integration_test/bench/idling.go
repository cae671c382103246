package main

import (
	"context"
	"fmt"
	"time"
)

// idling is what a gateway takes that nobody asks anything.
func (l *lab) idling(ctx context.Context, r *report) error {
	g, err := l.shipped()
	if err != nil {
		return err
	}
	if err := g.start(ctx); err != nil {
		return err
	}
	if _, err := g.perRequest(ctx, l.window); err != nil { // it has been in use
		return err
	}
	var before, after time.Duration
	for range 2 { // the first while ends what it was at
		if before, err = g.cpu(); err != nil {
			return err
		}
		select {
		case <-time.After(l.idle):
		case <-ctx.Done():
			return ctx.Err()
		}
		if after, err = g.cpu(); err != nil {
			return err
		}
	}
	r.add(row{fmt.Sprintf("idle for %s, CPU", l.idle), "onesgate", fmt.Sprintf("%.2f %% of a core", 100*float64(after-before)/float64(l.idle)), "", "< 0.5 %"})
	return nil
}
