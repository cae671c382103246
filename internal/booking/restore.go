package booking

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/onesgate/onesgate/internal/store"
)

// Restored returns what to bring back of a record that comes from a backup. The
// journal has gone on since that was made, so an open booking may have been sent
// whatever it says: it is looked for at Microsoft before it is sent again. All
// else, also what belongs to others, is returned as it is. An error means that a
// booking can't be read.
func Restored(r store.Record) (_ store.Record, open bool, err error) {
	if !strings.HasPrefix(r.Key, recordPrefix) {
		return r, false, nil
	}
	var b record
	if err := json.Unmarshal(r.Value, &b); err != nil {
		return r, false, fmt.Errorf("reading a booking: %w", err)
	}
	if !b.open() || b.MaybeSent {
		return r, b.open(), nil // as it was written, to the byte
	}
	b.MaybeSent = true
	r.Value, err = json.Marshal(&b)
	return r, true, err
}
