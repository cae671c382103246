package seed

import (
	"bytes"
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/onesgate/onesgate/internal/store"
)

// Bookings writes n bookings like one that there is, each with all its keys.
func Bookings(ctx context.Context, s store.Store, sample store.Record, n int) error {
	id := strings.TrimPrefix(sample.Key, "booking/")
	var keys []store.Record
	for _, prefix := range []string{"booking-room/", "booking-person/", "booking-start/", "booking-open/"} {
		all, err := s.Scan(ctx, prefix, "", 100)
		if err != nil {
			return err
		}
		for _, r := range all {
			if strings.HasSuffix(r.Key, id) {
				keys = append(keys, r)
			}
		}
	}
	h := &hoard{Store: s}
	for range n {
		other := uuid.NewString()
		writes := []store.Write{{Key: "booking/" + other, Value: bytes.ReplaceAll(sample.Value, []byte(id), []byte(other))}}
		for _, k := range keys {
			writes = append(writes, store.Write{Key: strings.Replace(k.Key, id, other, 1), Value: k.Value})
		}
		if _, err := h.Commit(ctx, writes...); err != nil {
			return err
		}
	}
	return h.flush(ctx)
}
