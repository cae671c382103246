package grant

import (
	"strings"

	"github.com/onesgate/onesgate/internal/store"
)

// A Counted is a grant as a census of the store meets it.
type Counted struct {
	Owner, Integration string
	// State is never Unavailable.
	State State
}

// StateOf tells what a record of the store says of a grant, without any key; ok is
// false where it is no grant's, or damaged.
func StateOf(stored store.Record) (c Counted, ok bool) {
	owner, ok := strings.CutPrefix(stored.Key, key(""))
	if !ok {
		return Counted{}, false
	}
	rec, err := decode(stored)
	if err != nil {
		return Counted{}, false
	}
	if len(rec.Sealed) == 0 { // nothing is left to refresh it with
		rec.State = NeedsSignIn
	}
	return Counted{Owner: owner, Integration: rec.Integration, State: rec.State}, true
}
