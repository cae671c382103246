package grant

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/store"
)

// A refresh token ends when nobody has used it for 90 days
// (https://learn.microsoft.com/entra/identity-platform/refresh-tokens). A grant is
// looked at, and refreshed if nobody else has, so long after it was last used:
// minIdle and up to idleSpread more, spread evenly over the grants.
const (
	minIdle    = 30 * 24 * time.Hour
	idleSpread = 30 * 24 * time.Hour
	// maxRefusedLook is after how long, and up to as much more, a grant is looked at in
	// the end that Microsoft has refused but not ended: that counts for no use, and
	// whoever caused it may mend it. At first it is looked at as soon as Microsoft may be
	// asked again.
	maxRefusedLook = 7 * 24 * time.Hour
)

// After a look that has told nothing, since Microsoft or the integration is at
// fault, the next one comes after minRetry and up to retrySpread more.
const (
	minRetry    = 3 * time.Hour
	retrySpread = 6 * time.Hour
)

const (
	// looksAtOnce bounds how many due grants are read at a time.
	looksAtOnce = 100
	// lookEvery is how often at least it is looked whether any is due, and lookAgain
	// when the store has failed.
	lookEvery = time.Hour
	lookAgain = time.Minute
)

// duePrefix + when, in Unix seconds of ten digits + "/" + owner: grants in the order
// in which they are to be looked at.
const duePrefix = "grant-due/"

func dueKey(owner string, at time.Time) string {
	return fmt.Sprintf("%s%010d/%s", duePrefix, max(at.Unix(), 0), owner)
}

// parseDue takes a key apart again.
func parseDue(key string) (owner string, at time.Time, ok bool) {
	seconds, owner, ok := strings.Cut(strings.TrimPrefix(key, duePrefix), "/")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	return owner, time.Unix(unix, 0), ok && err == nil
}

// reschedule are the parts of a commit that have owner's grant looked at at
// another time; zero: never. Each grant has one entry, or none.
func reschedule(owner string, from, to time.Time) []store.Write {
	var writes []store.Write
	if from.Equal(to) {
		return nil
	}
	if !from.IsZero() {
		writes = append(writes, store.Write{Op: store.Delete, Key: dueKey(owner, from)})
	}
	if !to.IsZero() {
		writes = append(writes, store.Write{Key: dueKey(owner, to)})
	}
	return writes
}

// nextLook is when the grant has to be looked at, as it was used last.
func (r *record) nextLook(owner string) time.Time {
	least, spread := minIdle, idleSpread
	if r.State == NeedsSignIn || r.State == NeedsAdminConsent {
		least = r.quiet(maxRefusedLook)
		spread = least
	}
	idle := least + time.Duration(float64(spread)*fraction(owner, r.Updated))
	return r.Updated.Add(idle + time.Second).UTC().Truncate(time.Second) // never before it may be asked
}

// idle says whether the grant has to be refreshed, since nobody has used it for
// long, or a clock that was ahead has written when.
func (r *record) idle(owner string, now time.Time) bool {
	return r.Updated.After(now) || !r.nextLook(owner).After(now)
}

// KeepAlive refreshes the grants that nobody has used for long, people's and
// rooms', until ctx ends. One instance on a store is enough.
func (k *Keeper) KeepAlive(ctx context.Context) {
	for ctx.Err() == nil {
		wait, err := k.look(ctx)
		if err != nil && ctx.Err() == nil {
			k.cfg.Log.Warn("it can't be told which grants have to be kept alive; trying again", "error", err)
			wait = lookAgain
		}
		k.idleUntil(ctx, wait)
	}
}

// idleUntil returns after d, when ctx ends, or when some grant may be due sooner than
// was thought.
func (k *Keeper) idleUntil(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-k.sooner:
	case <-ctx.Done():
	}
}

// lookSooner has KeepAlive look when the next grant is due.
func (k *Keeper) lookSooner() {
	select {
	case k.sooner <- struct{}{}:
	default:
	}
}

// sleep returns after d, or the error of ctx when that ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// look attends to some of the grants that are due, and says when to look again.
func (k *Keeper) look(ctx context.Context) (wait time.Duration, err error) {
	due, err := k.cfg.Store.Scan(ctx, duePrefix, "", looksAtOnce)
	if err != nil {
		return 0, err
	}
	wait = lookEvery
	for i, entry := range due {
		owner, at, ok := parseDue(entry.Key)
		if left := at.Sub(k.cfg.Now()); ok && left > 0 {
			return min(wait, left), k.tooLate(ctx)
		}
		if err := k.attend(ctx, owner, at, entry); err != nil {
			return 0, err
		}
		if i == looksAtOnce-1 {
			wait = 0
		}
	}
	return wait, nil
}

// tooLate attends to grants that would be looked at later than any should be: a
// clock that was ahead has said so.
func (k *Keeper) tooLate(ctx context.Context) error {
	last := dueKey("", k.cfg.Now().Add(minIdle+idleSpread+time.Hour))
	late, err := k.cfg.Store.Scan(ctx, duePrefix, last, looksAtOnce)
	if err != nil {
		return err
	}
	for _, entry := range late {
		owner, at, _ := parseDue(entry.Key)
		if err := k.attend(ctx, owner, at, entry); err != nil {
			return err
		}
	}
	return nil
}

// attend looks at one grant, refreshes it if nobody has used it for long, and
// says when to look again.
func (k *Keeper) attend(ctx context.Context, owner string, at time.Time, entry store.Record) error {
	rec, version, err := k.read(ctx, owner)
	switch {
	case errors.Is(err, errDamaged):
		k.cfg.Log.Error("a grant was damaged in the store; its owner has to sign in again", "owner", owner, "error", err)
		return k.drop(ctx, entry)
	case errors.Is(err, store.ErrNotFound), err == nil && !rec.Due.Equal(at):
		return k.drop(ctx, entry) // there should be no such entry
	case err != nil:
		return err
	}
	now := k.cfg.Now()
	if at.After(now) && rec.Updated.After(now) { // a clock that was ahead until just now
		rec.Updated = now
	}
	if rec.idle(owner, now) {
		if err := k.useIdle(ctx, owner); ctx.Err() != nil {
			return err
		}
		rec, version, err = k.read(ctx, owner)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil
		case err != nil:
			return err
		}
		now = k.cfg.Now()
	}
	if rec.Due.IsZero() { // it has ended
		return nil
	}
	rec.Due = rec.nextLook(owner)
	if rec.idle(owner, now) { // it has told nothing
		rec.Due = now.Add(minRetry + time.Duration(float64(retrySpread)*fraction(owner, now))).UTC().Truncate(time.Second)
	}
	if _, err := k.replace(ctx, owner, rec, version); !errors.Is(err, store.ErrConflict) {
		return err
	}
	return nil // it is looked at once more
}

// drop deletes an entry that leads to nothing, unless it is another one now.
func (k *Keeper) drop(ctx context.Context, entry store.Record) error {
	_, err := k.cfg.Store.Commit(ctx, store.Write{Op: store.Delete, Key: entry.Key, If: store.If(entry.Version)})
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

// useIdle refreshes owner's grant, whether it has a good access token or not, and
// waits for that.
func (k *Keeper) useIdle(ctx context.Context, owner string) error {
	k.mu.Lock()
	f, err := k.begin(owner, want{background: true, idle: true}, k.cfg.Now())
	k.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}
