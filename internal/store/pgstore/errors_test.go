package pgstore

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/onesgate/onesgate/internal/store"
)

// TestVerdicts: what an error of the database means.
func TestVerdicts(t *testing.T) {
	answer := func(severity, code string) error {
		return fmt.Errorf("wrapped: %w", &pgconn.PgError{Severity: severity, SeverityUnlocalized: severity, Code: code})
	}
	tests := map[string]struct {
		err                 error
		refused, busy, lost bool
		words               error
	}{
		"serialization":       {answer("ERROR", "40001"), true, true, false, store.ErrUnavailable},
		"deadlock":            {answer("ERROR", "40P01"), true, true, false, store.ErrUnavailable},
		"higher version":      {errBusy, false, true, false, store.ErrUnavailable},
		"statement timeout":   {answer("ERROR", "57014"), true, false, false, store.ErrUnavailable},
		"too many clients":    {answer("FATAL", "53300"), false, false, false, store.ErrUnavailable},
		"out of memory":       {answer("ERROR", "53200"), true, false, false, store.ErrUnavailable},
		"read-only":           {answer("ERROR", "25006"), true, false, true, ErrReadOnly},
		"disk full":           {answer("ERROR", "53100"), true, false, false, store.ErrFull},
		"rights":              {answer("ERROR", "42501"), true, false, false, ErrRights},
		"terminated":          {answer("FATAL", "57P01"), false, false, true, nil},
		"crash":               {answer("WARNING", "57P02"), false, false, true, nil},
		"starting":            {answer("FATAL", "57P03"), false, false, true, nil},
		"connection failure":  {answer("FATAL", "08006"), false, false, true, nil},
		"a proxy's word":      {answer("ERROR", "08P01"), false, false, true, nil},
		"a proxy, committing": {outcome(answer("ERROR", "08P01")), false, false, true, store.ErrUnknownOutcome},
		"full, committing":    {outcome(answer("PANIC", "53100")), false, false, false, store.ErrUnknownOutcome},
		"ambiguous result":    {outcome(answer("ERROR", "40003")), false, false, false, store.ErrUnknownOutcome},
		"panic":               {answer("PANIC", "XX000"), false, false, false, nil},
		"closed connection":   {fmt.Errorf("write: %w", pgconn.ErrConnClosed), false, false, true, nil},
		"end of connection":   {fmt.Errorf("read: %w", io.ErrUnexpectedEOF), false, false, true, nil},
		"something of pgx's":  {errors.New("can't encode"), false, false, false, nil},
		"outcome not decided": {outcome(io.EOF), false, false, true, store.ErrUnknownOutcome},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := refused(tt.err); got != tt.refused {
				t.Errorf("refused = %t", got)
			}
			if got := busy(tt.err); got != tt.busy {
				t.Errorf("busy = %t", got)
			}
			if got := lost(tt.err); got != tt.lost {
				t.Errorf("lost = %t", got)
			}
			words := inWords(tt.err)
			if tt.words != nil && !errors.Is(words, tt.words) {
				t.Errorf("inWords = %v, want %v", words, tt.words)
			}
			if errors.Is(words, store.ErrUnknownOutcome) && (errors.Is(words, store.ErrFull) || errors.Is(words, store.ErrUnavailable)) {
				t.Errorf("inWords = %v, though it may have been written", words)
			}
		})
	}
}
