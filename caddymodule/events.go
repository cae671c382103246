package caddymodule

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
)

// Events of Caddy that are ours. docs/watching.md tells what each one holds: no
// token, no secret and no address of anybody.
const (
	eventGrantLost          = "ones.grant_lost"
	eventIntegrationRefused = "ones.integration_refused"
	eventIntegrationMended  = "ones.integration_mended"
	eventCredentialRefused  = "ones.credential_refused"
	eventSecretExpiring     = "ones.secret_expiring"
	eventBookingFailed      = "ones.booking_failed"
	eventBookingDeclined    = "ones.booking_declined"
	eventRoomNotSeen        = "ones.room_not_seen"
	eventRoomSeenAgain      = "ones.room_seen_again"
)

const (
	// maxEvents is how many events wait for handlers that are slow.
	maxEvents = 256
	// handlersEnd is how long an engine that stops, or a configuration that begins, waits
	// for a handler that does not.
	handlersEnd = 5 * time.Second
	leftAlone   = "a handler of events, in the events block of the Caddyfile, does not end; it is left alone"
)

type event struct {
	name string
	data map[string]any
}

// events hands out what happens to the handlers that the operator has configured,
// one after another, and away from whoever has the news: a handler may take its
// time, or hang.
type events struct {
	log     *slog.Logger
	queue   chan event
	began   chan struct{} // a configuration has
	dropped atomic.Int64
	ended   chan struct{}
}

func newEvents(log *slog.Logger) *events {
	return &events{log: log, queue: make(chan event, maxEvents), began: make(chan struct{}, 1), ended: make(chan struct{})}
}

// emit has an event handed out soon. It waits for nothing.
func (ev *events) emit(name string, data map[string]any) {
	select {
	case ev.queue <- event{name, data}:
	default:
		if ev.dropped.Add(1) == 1 {
			ev.log.Error("events are dropped: a handler of the operator's, in the events block of the Caddyfile, hangs or is too slow", "event", name)
		}
	}
}

// run hands out events until ctx ends: to the handlers of the configuration that
// newest returns, or, while it returns none, of the first that begins.
func (ev *events) run(ctx context.Context, newest func() *settings) {
	defer close(ev.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-ev.queue:
			s := newest()
			for s == nil {
				select {
				case <-ctx.Done():
					return
				case <-ev.began:
					s = newest()
				}
			}
			ev.handOut(e, s, newest)
			if len(ev.queue) == 0 {
				if n := ev.dropped.Swap(0); n > 0 {
					ev.log.Warn("handlers of events have caught up", "dropped", n)
				}
			}
		}
	}
}

// handOut hands out one event. Where a newer configuration begins meanwhile, a handler
// that does not end with its own is left alone: to mend it and reload has to help.
func (ev *events) handOut(e event, s *settings, newest func() *settings) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.emit(e.name, e.data)
	}()
	for {
		select {
		case <-done:
			return
		case <-ev.began:
			if newest() == s {
				continue
			}
			select {
			case <-done:
			case <-time.After(handlersEnd):
				ev.log.Error(leftAlone, "event", e.name)
			}
			return
		}
	}
}

// close waits for the handler that works, within bounds: Caddy has ended the
// context that it got.
func (ev *events) close() {
	select {
	case <-ev.ended:
	case <-time.After(handlersEnd):
		ev.log.Error(leftAlone)
	}
}

// subscribe makes s emit through Caddy's events, and learn when all of its
// configuration has begun: Caddy's handlers are not in place before, as its apps
// start in no particular order.
func (s *settings) subscribe(ctx caddy.Context, began func()) error {
	mod, err := ctx.App("events")
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	app := mod.(*caddyevents.App)
	s.emit = func(name string, data map[string]any) { app.Emit(ctx, name, data) }
	return app.On("started", whenStarted(began))
}

// whenStarted is a handler of Caddy's event "started".
type whenStarted func()

// Handle implements caddyevents.Handler.
func (f whenStarted) Handle(context.Context, caddy.Event) error {
	f()
	return nil
}

// Interface guard
var _ caddyevents.Handler = whenStarted(nil)
