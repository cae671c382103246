package booking

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// errNotFound: there is no such booking.
var errNotFound = errors.New("there is no such booking")

// A journal keeps bookings and the indexes that lead to them. A record and its
// index keys are always written in one commit.
type journal struct {
	store    store.Store
	now      func() time.Time
	instance string // whose turns are claimed; no other has the same
	behind   *behind
}

// take returns the part of a commit by which a booking takes time in a room: it fails
// with store.ErrConflict once another one has, after take was called.
func (j journal) take(ctx context.Context, room, id string) (store.Write, error) {
	rec, err := j.store.Get(ctx, lastKey(room))
	version := rec.Version
	if errors.Is(err, store.ErrNotFound) {
		version, err = store.Absent, nil
	}
	return store.Write{Key: lastKey(room), Value: []byte(id), If: store.If(version)}, err
}

// accept makes a booking durable: see acceptance.
func (j journal) accept(ctx context.Context, r *record, took, stands store.Write, requestHash string, claims []string) error {
	writes, err := j.acceptance(r, took, stands, requestHash, claims)
	if err != nil {
		return err
	}
	_, err = j.store.Commit(ctx, writes...)
	return err
}

// acceptance is the commit that makes a booking durable, together with everything that
// leads to it and the caller's keys, which must be new. took and stands must hold:
// store.ErrConflict if not.
func (j journal) acceptance(r *record, took, stands store.Write, requestHash string, claims []string) ([]store.Write, error) {
	r.Claims, r.Place = claims, uint64(*took.If)
	r.Steps = nil // of an acceptance that somebody else was faster than
	r.remember(glimpse{}, j.now())
	value, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	writes := []store.Write{{Key: recordKey(r.ID), Value: value, If: store.If(store.Absent)}, took, stands, news(r.ID)}
	writes = append(writes, moved(nil, r.shown().keys)...)
	for _, key := range claims {
		write, err := claim{ID: r.ID, Request: requestHash}.write(key, r.lastEnd())
		if err != nil {
			return nil, err
		}
		writes = append(writes, write)
	}
	return writes, nil
}

// get returns a booking, or errNotFound.
func (j journal) get(ctx context.Context, id string) (record, error) {
	r, _, err := j.read(ctx, id)
	return r, err
}

func (j journal) read(ctx context.Context, id string) (record, store.Version, error) {
	if err := j.behind.wait(ctx, id); err != nil {
		return record{}, 0, err
	}
	rec, err := j.store.Get(ctx, recordKey(id))
	if errors.Is(err, store.ErrNotFound) {
		return record{}, 0, errNotFound
	}
	if err != nil {
		return record{}, 0, err
	}
	var r record
	if err := json.Unmarshal(rec.Value, &r); err != nil {
		return record{}, 0, fmt.Errorf("reading booking %s: %w", id, err)
	}
	return r, rec.Version, nil
}

// change applies f to a booking's present state and makes the result durable.
// f is called again when somebody else was faster, so it must be pure; its
// error ends the change and nothing is written. It returns the new state.
func (j journal) change(ctx context.Context, id string, f func(*record) error) (record, error) {
	return j.changeWith(ctx, id, func(r *record) ([]store.Write, error) { return nil, f(r) })
}

// changeWith is change with more in the same commit: what f returns. A condition among
// it that doesn't hold has f called again, too.
func (j journal) changeWith(ctx context.Context, id string, f func(*record) ([]store.Write, error)) (record, error) {
	return j.changeAhead(ctx, id, f, nil)
}

// changeAhead is changeWith, but tell, if it is not nil, is called with the new state before that
// is durable. Nobody in this process reads the booking until it is; in another one, who does
// sees the state before.
func (j journal) changeAhead(ctx context.Context, id string, f func(*record) ([]store.Write, error), tell func(*record)) (record, error) {
	for {
		r, version, err := j.read(ctx, id)
		if err != nil {
			return record{}, err
		}
		before, glimpsed := r.shown(), r.glimpse()
		writes, err := f(&r)
		if err != nil {
			return record{}, err
		}
		r.remember(glimpsed, j.now())
		after := r.shown()
		if after.answer != before.answer {
			r.Revision++
			r.UpdatedAt = j.now().UTC().Truncate(time.Second)
			writes = append(writes, news(id))
		}
		value, err := json.Marshal(&r)
		if err != nil {
			return record{}, err
		}
		writes = append(writes, store.Write{Key: recordKey(id), Value: value, If: store.If(version)})
		writes = append(writes, moved(before.keys, after.keys)...)
		committed := func() {}
		if tell != nil {
			committed = j.behind.begin(id)
			tell(&r)
		}
		_, err = j.store.Commit(ctx, writes...)
		committed()
		if !errors.Is(err, store.ErrConflict) {
			return r, err
		}
	}
}

// errTaken: somebody else has the turn of a booking, or had it.
var errTaken = errors.New("the booking is not due any more")

// claim takes a booking's turn for this instance: of one that was due at a time, or
// with nil of any whose turn no other instance has. Until next nobody else finds it
// due, unless a step of the turn decides otherwise, which ends the turn. mine is false
// if another instance was faster; kept says that this one has had the turn already,
// and nobody else since.
func (j journal) claim(ctx context.Context, id string, at *time.Time, next time.Time) (claimed record, mine, kept bool, err error) {
	_, err = j.change(ctx, id, func(r *record) error {
		defer func() { claimed = *r }()
		kept = r.Turn == j.instance
		switch {
		case !r.open(),
			at != nil && digits(r.NextAt) != digits(*at),
			at == nil && r.taken(j.instance, j.now()):
			return errTaken
		case at == nil && kept && r.claimLasts(next):
			return errKept
		}
		r.NextAt, r.Turn = next, j.instance
		return nil
	})
	switch {
	case errors.Is(err, errTaken) || errors.Is(err, errNotFound):
		return record{}, false, false, nil
	case errors.Is(err, errKept):
		err = nil
	}
	return claimed, err == nil, kept, err
}

// claimLasts says that a claim of the booking's turn that it has lasts nearly as long as one
// until next would: long enough for a turn.
func (r *record) claimLasts(next time.Time) bool {
	return next.Sub(r.NextAt) < claimLife-turnLife-writeTimeout
}

// release ends this instance's turn of a booking, which is due at once then; if it is
// wanted, also where nobody has the turn.
func (j journal) release(ctx context.Context, id string, wanted bool) error {
	_, err := j.change(ctx, id, func(r *record) error {
		if mine := r.Turn == j.instance || r.Turn == "" && wanted; !r.open() || !mine {
			return errTaken
		}
		r.NextAt, r.Turn = j.now().UTC(), ""
		return nil
	})
	if errors.Is(err, errTaken) || errors.Is(err, errNotFound) {
		return nil
	}
	return err
}

// errKept: the claim from before lasts long enough.
var errKept = errors.New("the turn is claimed already")
