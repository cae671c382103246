package booking

import (
	"encoding/json"
	"strings"

	"github.com/onesgate/onesgate/internal/store"
)

// Waiting tells of a record of the store whether it is a booking that is neither
// confirmed nor at its end, and through which integration it is made. It is false of
// what is no booking, or damaged.
func Waiting(rec store.Record) (integration string, waiting bool) {
	if !strings.HasPrefix(rec.Key, recordPrefix) {
		return "", false
	}
	var b struct { // of a record, no more than is needed: all of them are looked at
		Integration string `json:"integration"`
		Status      Status `json:"status"`
	}
	if err := json.Unmarshal(rec.Value, &b); err != nil {
		return "", false
	}
	return b.Integration, b.Status.onItsWay()
}
