package caddymodule

import (
	"context"
	"log/slog"

	"go.uber.org/zap/exp/zapslog"

	"github.com/onesgate/onesgate/internal/trail"
)

// liveHandler logs through the logger of the configuration in force: the engine
// outlives configurations, whose loggers end with them.
type liveHandler struct {
	engine *engine
	name   string // appended to the app's logger name
	with   []func(slog.Handler) slog.Handler
}

func (h *liveHandler) current() slog.Handler {
	log := h.engine.now.Load().log
	if h.name != "" {
		log = log.Named(h.name)
	}
	var out slog.Handler = zapslog.NewHandler(log.Core(), zapslog.WithName(log.Name()), zapslog.AddStacktraceAt(slog.Level(127)))
	for _, add := range h.with {
		out = add(out)
	}
	return out
}

// Enabled implements slog.Handler. Most lines are for nobody, so it asks the core alone.
func (h *liveHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return zapslog.NewHandler(h.engine.now.Load().log.Core()).Enabled(ctx, level)
}

// Handle implements slog.Handler. Each line about a request says what that is called, and
// each one is kept for a while.
func (h *liveHandler) Handle(ctx context.Context, r slog.Record) error {
	if id := trail.ID(ctx); id != "" {
		r = r.Clone()
		r.AddAttrs(slog.String("request_id", id))
	}
	kept := slog.NewJSONHandler(&h.engine.lines, nil).WithAttrs([]slog.Attr{slog.String("logger", h.name)})
	for _, add := range h.with {
		kept = add(kept)
	}
	_ = kept.Handle(ctx, r) // into memory
	return h.current().Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *liveHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.adding(func(to slog.Handler) slog.Handler { return to.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (h *liveHandler) WithGroup(name string) slog.Handler {
	return h.adding(func(to slog.Handler) slog.Handler { return to.WithGroup(name) })
}

func (h *liveHandler) adding(add func(slog.Handler) slog.Handler) slog.Handler {
	c := *h
	c.with = append(h.with[:len(h.with):len(h.with)], add)
	return &c
}
