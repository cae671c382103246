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

// statePrefix leads to what operators look for, the oldest first; the rest is
// creation/id, and its value the last end.
func statePrefix(state State) string { return "booking-state/" + string(state) + "/" }

func externalKey(integration, externalID string) string {
	return "booking-external/" + url.PathEscape(integration) + "/" + hash(externalID)
}

// privateKey tells of a meeting that it is a private booking of ours, wherever it has been
// moved in Outlook. The UID of an occurrence has its date in bytes 16 to 19, where that of its
// series has none (https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxocal,
// PidLidCleanGlobalObjectId).
func privateKey(uid string) string {
	if date := 2 * 16; len(uid) > date+8 && strings.HasPrefix(strings.ToUpper(uid), "040000008200E00074C5B7101A82E008") {
		uid = uid[:date] + "00000000" + uid[date+8:]
	}
	return "booking-private/" + hash(uid)
}

// lastKey is the booking that took time in the room last. Each one writes it over the
// one that was there when it looked for others, so that of two that overlap only one is
// made, on whichever instances.
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

// Topic of announcements that a booking is new, shows something else, or is gone; the
// value is its id.
const Topic = "booking"

func news(id string) store.Write {
	return store.Write{Op: store.Announce, Key: Topic, Value: []byte(id)}
}

// A claim is what a key of the caller's leads to: which booking was made with
// it, and from what request.
type claim struct {
	ID      string `json:"id"`
	Request string `json:"request"` // its hash
}

// write is the part of a commit that keeps the claim under a key, which must be new, for
// some time after the booking's end.
func (c claim) write(key string, end time.Time) (store.Write, error) {
	value, err := json.Marshal(c)
	return store.Write{Key: key, Value: value, If: store.If(store.Absent), Expires: end.Add(keepClaims)}, err
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
