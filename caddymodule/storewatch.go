package caddymodule

import (
	"context"
	"errors"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// watchedStore tells meters how a store does.
type watchedStore struct {
	store.Store
	meters *meters
}

// watchStore returns s, watched. What an engine can beyond the contract, it still can.
func watchStore(s store.Store, m *meters) store.Store {
	w := watchedStore{s, m}
	if disk, ok := s.(measured); ok {
		return struct {
			watchedStore
			measured
		}{w, disk}
	}
	return w
}

// Commit implements store.Store.
func (w watchedStore) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	begun := time.Now()
	v, err := w.Store.Commit(ctx, writes...)
	outcome := "ok"
	switch {
	case errors.Is(err, store.ErrConflict):
		outcome = "conflict" // somebody was faster: that is what conditions are for
	case err != nil:
		outcome = "failed"
		w.failed("commit", err)
	}
	w.meters.commits.WithLabelValues(outcome).Observe(time.Since(begun).Seconds())
	return v, err
}

// Get implements store.Store.
func (w watchedStore) Get(ctx context.Context, key string) (store.Record, error) {
	rec, err := w.Store.Get(ctx, key)
	w.failed("get", err)
	return rec, err
}

// Scan implements store.Store.
func (w watchedStore) Scan(ctx context.Context, prefix, after string, limit int) ([]store.Record, error) {
	recs, err := w.Store.Scan(ctx, prefix, after, limit)
	w.failed("scan", err)
	return recs, err
}

// Follow implements store.Store.
func (w watchedStore) Follow(ctx context.Context, after store.Position, limit int) ([]store.Announcement, error) {
	heard, err := w.Store.Follow(ctx, after, limit)
	w.failed("follow", err)
	return heard, err
}

// failed counts an error that is one of the store's.
func (w watchedStore) failed(call string, err error) {
	if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrForgotten) || errors.Is(err, store.ErrClosed) ||
		errors.Is(err, context.Canceled) {
		return
	}
	class := "other"
	for _, known := range storeErrors {
		if errors.Is(err, known.err) {
			class = known.class
			break
		}
	}
	w.meters.storeErrors.WithLabelValues(call, class).Inc()
}

var storeErrors = []struct {
	err   error
	class string
}{
	{store.ErrFull, "full"},
	{store.ErrUnknownOutcome, "unknown_outcome"},
	{store.ErrUnavailable, "unavailable"},
	{context.DeadlineExceeded, "timeout"},
}
