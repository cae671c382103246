package people

import (
	"strings"

	"github.com/onesgate/onesgate/internal/store"
)

// IntegrationOf tells through which integration the person came whose record of the
// store that is; ok is false where it is nobody's, or damaged, and of who is struck off.
func IntegrationOf(rec store.Record) (integration string, ok bool) {
	if !strings.HasPrefix(rec.Key, persons) {
		return "", false
	}
	s, err := decode(rec)
	if err != nil || s.Struck != "" {
		return "", false
	}
	return s.Integration, true
}
