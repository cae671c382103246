package caddymodule

import (
	"fmt"
	"strings"

	"github.com/onesgate/onesgate/internal/backup"
	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/status"
	"github.com/onesgate/onesgate/internal/store"
)

// kindUnderWay are bookings that are not at their end, where they are told apart.
const kindUnderWay = "bookings under way"

// kindOf says what a record is by its key; see docs/architecture.md for all keys.
func kindOf(key string) string {
	prefix, _, _ := strings.Cut(key, "/")
	switch prefix {
	case "person":
		return status.KindPeople
	case "grant":
		return status.KindGrants
	case "booking":
		return status.KindBookings
	case "session":
		return status.KindSessions
	case "gateway":
		return status.KindGateways
	}
	return status.KindOther
}

// restoreRule says what of a backup is brought back, for a gateway with these keys.
//
// Sessions are not: one that was ended after the backup was made would live
// again. Access tokens have mostly ended. When the last backup was made is about another store.
func restoreRule(keys *seal.Keyset) backup.Rule {
	return func(r store.Record) (backup.Fate, error) {
		f := backup.Fate{Record: r, Kind: kindOf(r.Key)}
		switch {
		case f.Kind == status.KindSessions, strings.HasPrefix(r.Key, "session-"), strings.HasPrefix(r.Key, backupsPrefix),
			strings.HasPrefix(r.Key, grant.AccessPrefix):
			f.LeftOut = true
		case r.Key == signingKey: // it tells before anything is written whether the keys fit
			if _, err := openAssertionKeys(keys, r.Value); err != nil {
				return f, err
			}
		case f.Kind == status.KindBookings:
			restored, open, err := booking.Restored(r)
			if err != nil {
				return f, err
			}
			if f.Record = restored; open {
				f.Kind = kindUnderWay
			}
		}
		return f, nil
	}
}

// counted tells a number of things in words.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
