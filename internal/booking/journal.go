package booking

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
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
}

// Keys. Times are 20 digits of Unix milliseconds, so that byte order is their order.
// Index values are the end, which spares reading records outside a window.
const (
	recordPrefix = "booking/"
	openPrefix   = "booking-open/"
	startPrefix  = "booking-start/"
)

func recordKey(id string) string { return recordPrefix + id }

func openKey(at time.Time, id string) string { return openPrefix + digits(at) + "/" + id }

func roomPrefix(room string) string { return "booking-room/" + url.PathEscape(room) + "/" }

func personPrefix(id string) string { return "booking-person/" + url.PathEscape(id) + "/" }

func externalKey(integration, externalID string) string {
	return "booking-external/" + url.PathEscape(integration) + "/" + hash(externalID)
}

// lastKey is the room's last acceptance. Each one writes it over the one that was
// there when it looked for others, so that of two that overlap only one is made, on
// whichever instances.
func lastKey(room string) string { return "booking-last/" + url.PathEscape(room) }

// idempotencyKey is scoped to the person and to who speaks for them, a service
// or their session; not to the service's token, which is rotated.
func idempotencyKey(service bool, personID, key string) string {
	return "booking-idempotency/" + hash(strconv.FormatBool(service), personID, key)
}

func digits(t time.Time) string { return fmt.Sprintf("%020d", max(t.UnixMilli(), 0)) }

// hash joins words without ambiguity.
func hash(words ...string) string {
	h := sha256.New()
	for _, w := range words {
		fmt.Fprintf(h, "%d:%s", len(w), w)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// A claim is what a key of the caller's leads to: which booking was made with
// it, and from what request.
type claim struct {
	ID      string `json:"id"`
	Request string `json:"request"` // its hash
}

// claimed returns what was made with a key; ok is false if nothing was.
func (j journal) claimed(ctx context.Context, key string) (c claim, ok bool, err error) {
	rec, err := j.store.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return claim{}, false, nil
	}
	if err != nil {
		return claim{}, false, err
	}
	if err := json.Unmarshal(rec.Value, &c); err != nil {
		return claim{}, false, fmt.Errorf("reading %s: %w", key, err)
	}
	return c, true, nil
}

// keepClaims is how long after its end a booking still answers a repeated request.
const keepClaims = 30 * 24 * time.Hour

// last returns the version of the room's last acceptance.
func (j journal) last(ctx context.Context, room string) (store.Version, error) {
	rec, err := j.store.Get(ctx, lastKey(room))
	if errors.Is(err, store.ErrNotFound) {
		return store.Absent, nil
	}
	return rec.Version, err
}

// accept makes a booking durable, together with everything that leads to it and
// the caller's keys, which must be new, as the last acceptance in the room must
// still be what it was, and stands must hold: store.ErrConflict if not.
func (j journal) accept(ctx context.Context, r *record, last store.Version, stands store.Write, requestHash string, claims []string) error {
	r.Claims = claims
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	made, err := json.Marshal(claim{ID: r.ID, Request: requestHash})
	if err != nil {
		return err
	}
	end, suffix := []byte(digits(r.End)), digits(r.Start)+"/"+r.ID
	writes := []store.Write{
		{Key: recordKey(r.ID), Value: value, If: store.If(store.Absent)},
		{Key: lastKey(r.Request.Room), Value: []byte(r.ID), If: store.If(last)},
		{Key: openKey(r.NextAt, r.ID)},
		{Key: roomPrefix(r.Request.Room) + suffix, Value: end},
		{Key: personPrefix(r.PersonID) + suffix, Value: end},
		{Key: startPrefix + suffix, Value: end},
		stands,
	}
	for _, key := range claims {
		writes = append(writes, store.Write{
			Key: key, Value: made, If: store.If(store.Absent), Expires: r.End.Add(keepClaims),
		})
	}
	_, err = j.store.Commit(ctx, writes...)
	return err
}

// get returns a booking, or errNotFound.
func (j journal) get(ctx context.Context, id string) (record, error) {
	r, _, err := j.read(ctx, id)
	return r, err
}

func (j journal) read(ctx context.Context, id string) (record, store.Version, error) {
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
	for {
		old, version, err := j.read(ctx, id)
		if err != nil {
			return record{}, err
		}
		r := old
		if err := f(&r); err != nil {
			return record{}, err
		}
		if told(&r) != told(&old) {
			r.Revision++
			r.UpdatedAt = j.now().UTC().Truncate(time.Second)
		}
		value, err := json.Marshal(&r)
		if err != nil {
			return record{}, err
		}
		writes := []store.Write{{Key: recordKey(id), Value: value, If: store.If(version)}}
		before, after := openKey(old.NextAt, id), openKey(r.NextAt, id)
		if before != after && old.open() {
			writes = append(writes, store.Write{Key: before, Op: store.Delete})
		}
		if before != after && r.open() {
			writes = append(writes, store.Write{Key: after})
		}
		if _, err := j.store.Commit(ctx, writes...); !errors.Is(err, store.ErrConflict) {
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
func (j journal) claim(ctx context.Context, id string, at *time.Time, next time.Time) (mine, kept bool, err error) {
	_, err = j.change(ctx, id, func(r *record) error {
		kept = r.Turn == j.instance
		switch {
		case !r.open(),
			at != nil && digits(r.NextAt) != digits(*at),
			at == nil && r.taken(j.instance, j.now()):
			return errTaken
		case at == nil && kept && next.Sub(r.NextAt) < claimLife-turnLife-writeTimeout:
			return errKept
		}
		r.NextAt, r.Turn = next, j.instance
		return nil
	})
	switch {
	case errors.Is(err, errTaken) || errors.Is(err, errNotFound):
		return false, false, nil
	case errors.Is(err, errKept):
		err = nil
	}
	return err == nil, kept, err
}

// release ends this instance's turn of a booking, which is due at once then.
func (j journal) release(ctx context.Context, id string) error {
	_, err := j.change(ctx, id, func(r *record) error {
		if !r.open() || r.Turn != j.instance {
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

// told is what of a record shows in answers and can change.
func told(r *record) string {
	return strings.Join([]string{
		string(r.Status), r.Reason, r.EventID, r.ICalUID, r.WebLink, r.Response, r.ResponseAt.String(),
	}, "\x00")
}

// maxSpan is the longest booking there is, whatever a room allows: it bounds
// how far before a window one has to begin reading to find all that overlap it.
const maxSpan = 31 * 24 * time.Hour

// scanChunk is how many index entries are read at once.
const scanChunk = 200

// walk calls yield with the bookings of an index (by its prefix) that overlap
// [from, to), in order of their start, beginning after a position of that index
// ("" at the beginning), until yield returns false. A zero from or to is open.
// It reads at most limit entries and returns where it stopped if there may be more.
func (j journal) walk(ctx context.Context, prefix, after string, from, to time.Time, limit int,
	yield func(position string, r *record) bool,
) (more string, err error) {
	if after == "" && !from.IsZero() {
		after = digits(from.Add(-maxSpan))
	}
	for read := 0; ; {
		entries, err := j.store.Scan(ctx, prefix, prefix+after, scanChunk)
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			if read == limit {
				return after, nil
			}
			read++
			position := strings.TrimPrefix(e.Key, prefix)
			start, id, _ := strings.Cut(position, "/")
			if !to.IsZero() && start >= digits(to) {
				return "", nil
			}
			after = position
			if !from.IsZero() && string(e.Value) <= digits(from) {
				continue
			}
			r, err := j.get(ctx, id)
			if errors.Is(err, errNotFound) {
				continue
			}
			if err != nil {
				return "", err
			}
			if !yield(position, &r) {
				return "", nil
			}
		}
		if len(entries) < scanChunk {
			return "", nil
		}
	}
}

// due is an open booking and when it has to be carried on.
type due struct {
	id string
	at time.Time
}

// openAfter returns up to scanChunk open bookings after a position, the soonest
// first, and the position to go on from; "": there are no more.
func (j journal) openAfter(ctx context.Context, after string) (found []due, next string, err error) {
	entries, err := j.store.Scan(ctx, openPrefix, openPrefix+after, scanChunk)
	if err != nil {
		return nil, "", err
	}
	for _, e := range entries {
		position := strings.TrimPrefix(e.Key, openPrefix)
		at, id, _ := strings.Cut(position, "/")
		millis, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return nil, "", fmt.Errorf("reading the index of open bookings: %w", err)
		}
		found = append(found, due{id, time.UnixMilli(millis)})
		next = position
	}
	if len(entries) < scanChunk {
		next = ""
	}
	return found, next, nil
}
