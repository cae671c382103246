package backup

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/peers"
	"github.com/onesgate/onesgate/internal/store"
)

// start does what a gateway does first of all.
func start(ctx context.Context, s store.Store) error {
	_, err := peers.Join(ctx, peers.Config{
		Store: s, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
		About: func() peers.Gateway { return peers.Gateway{Name: "gw1, process 7"} },
	})
	if err != nil {
		return err
	}
	return CheckFinished(ctx, s)
}

// A hooked store does something right before a key is written.
type hooked struct {
	store.Store
	key    string
	before func()
	lost   store.Op // if key is empty: the answer to this, done to the marker, gets lost
}

func (h *hooked) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	if h.before != nil && writes[0].Key == h.key {
		before := h.before
		h.before = nil
		before()
	}
	v, err := h.Store.Commit(ctx, writes...)
	if err == nil && h.lost == writes[0].Op && writes[0].Key == unfinishedKey && h.key == "" {
		return 0, store.ErrUnknownOutcome
	}
	return v, err
}

// Where a gateway runs nothing is restored, whenever it has come.
func TestRestoreBesideAGateway(t *testing.T) {
	from := open(t)
	commit(t, from, store.Write{Key: "a", Value: []byte("x")})
	recipients, ids := keys(t)
	file := written(t, from, recipients)
	run := func(to store.Store) {
		if err := start(t.Context(), to); err != nil {
			t.Fatal(err)
		}
	}
	early := open(t)
	run(early)
	late := &hooked{Store: open(t), key: unfinishedKey}
	late.before = func() { run(late.Store) }
	for name, to := range map[string]store.Store{"it runs": early, "it starts in between": late} {
		_, err := Restore(t.Context(), bytes.NewReader(file), ids, to, now, all)
		if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "gw1, process 7") {
			t.Errorf("%s: %v, want ErrInUse with its name", name, err)
		}
		if got := content(t, to); len(got) != 1 || !strings.HasPrefix(got[0].Key, peers.Prefix) {
			t.Errorf("%s: written nevertheless: %v", name, got)
		}
		if err := CheckFinished(t.Context(), to); err != nil {
			t.Errorf("%s: the gateway could not start again: %v", name, err)
		}
	}
}

// A gateway that starts once a restore has begun doesn't go on, and the restore does.
func TestStartDuringARestore(t *testing.T) {
	from := open(t)
	commit(t, from, store.Write{Key: "a", Value: []byte("x")})
	recipients, ids := keys(t)
	file := written(t, from, recipients)
	to := &hooked{Store: open(t), key: "a"}
	var started error
	to.before = func() { started = start(t.Context(), to.Store) }
	if _, err := Restore(t.Context(), bytes.NewReader(file), ids, to, now, all); err != nil {
		t.Error(err)
	}
	if !errors.Is(started, ErrUnfinished) {
		t.Errorf("start = %v, want ErrUnfinished", started)
	}
}

// Of two restores at once at most one goes on, and they never mix.
func TestTwoRestores(t *testing.T) {
	recipients, ids := keys(t)
	file := func(key string) []byte {
		from := open(t)
		commit(t, from, store.Write{Key: key, Value: []byte("x")})
		return written(t, from, recipients)
	}
	first, second := file("first"), file("second")
	restore := func(file []byte, to store.Store) error {
		_, err := Restore(t.Context(), bytes.NewReader(file), ids, to, now, all)
		return err
	}
	for _, key := range []string{unfinishedKey, "first"} {
		to := &hooked{Store: open(t), key: key}
		var other error
		to.before = func() { other = restore(second, to.Store) }
		err := restore(first, to)
		if (err == nil) == (other == nil) {
			t.Errorf("before %s: the first ended with %v, the second with %v; want one that goes on", key, err, other)
		}
		if err != nil && !errors.Is(err, ErrNotEmpty) || other != nil && !errors.Is(other, ErrUnfinished) {
			t.Errorf("before %s: %v, %v", key, err, other)
		}
		if got := content(t, to); len(got) != 1 {
			t.Errorf("before %s: restored %v, want one backup", key, got)
		}
	}
}

// A restore whose last answer got lost has ended all the same.
func TestLastAnswerLost(t *testing.T) {
	from := open(t)
	commit(t, from, store.Write{Key: "a", Value: []byte("x")})
	recipients, ids := keys(t)
	to := &hooked{Store: open(t), lost: store.Delete}
	if _, err := Restore(t.Context(), bytes.NewReader(written(t, from, recipients)), ids, to, now, all); err != nil {
		t.Error(err)
	}
}

// cancelling ends a context with its first commit.
type cancelling struct {
	store.Store
	cancel func()
}

func (c *cancelling) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	v, err := c.Store.Commit(ctx, writes...)
	c.cancel()
	return v, err
}

// Interrupted when it has just marked the store, a restore unmarks it.
func TestInterruptedAtTheMarker(t *testing.T) {
	from := open(t)
	commit(t, from, store.Write{Key: "a", Value: []byte("x")})
	recipients, ids := keys(t)
	file := written(t, from, recipients)
	ctx, cancel := context.WithCancel(t.Context())
	to := open(t)
	_, err := Restore(ctx, bytes.NewReader(file), ids, &cancelling{to, cancel}, now, all)
	if err == nil || errors.Is(err, ErrUnfinished) {
		t.Errorf("Restore = %v, want an error that leaves nothing behind", err)
	}
	if err := CheckFinished(t.Context(), to); err != nil {
		t.Error(err)
	}
}
