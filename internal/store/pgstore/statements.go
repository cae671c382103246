package pgstore

import (
	"fmt"
	"time"
)

// micros and nanos are a time as the tables hold it: microseconds, and the
// nanoseconds below.
func micros(t time.Time) time.Time { return t.Truncate(time.Microsecond) }
func nanos(t time.Time) int16      { return int16(t.Nanosecond() % 1000) }

// What is read. The first two arguments are the present time.
const (
	selectLive = `SELECT key, value, version, expires, expires_ns FROM onesgate_records
		WHERE (expires IS NULL OR (expires, expires_ns) > ($1, $2))`
	selectOne     = selectLive + ` AND key = $3`
	selectFrom    = selectLive + ` AND key >= $3 ORDER BY key LIMIT $4`
	selectBetween = selectLive + ` AND key >= $3 AND key < $5 ORDER BY key LIMIT $4`
)

// A kind is what a commit does with one record.
type kind int

const (
	putAny kind = iota
	putAbsent
	putVersion
	deleteAny
	deleteVersion
	checkAbsent
	checkVersion
	kinds
)

// needs is how many rows the statement of a kind must return: otherwise the
// precondition doesn't hold.
func (k kind) needs() int {
	if k == deleteAny {
		return 0
	}
	return 1
}

// puts reports whether the kind gives the record a version.
func (k kind) puts() bool { return k <= putVersion }

// statement returns the SQL of a kind. Its arguments are the key; for a put the
// value and the expiry (two); for a precondition the present time (two), and the
// version if it is one. It returns the version of the record.
//
// version is the SQL that gives the version to put. Written before and after
// ON CONFLICT, it is called again once the row is locked, so that versions grow
// in the order of the writes. If it gives the same again, drawn says so: then a
// row with a higher version stays as it is, and no row is returned.
//
// A record that is deleted, or has to be absent, is a row that has long expired:
// whoever makes the record has to wait for that row, and can't give it a lower
// version. They are collected with the others.
func statement(k kind, version string, drawn bool) string {
	const (
		live    = `(r.expires IS NULL OR (r.expires, r.expires_ns) > ($%d, $%d))`
		expired = `(r.expires, r.expires_ns) <= ($%d, $%d)`
	)
	put := `INSERT INTO onesgate_records AS r (key, value, version, expires, expires_ns)
		VALUES ($1, $2, ` + version + `, $3, $4)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = ` + version + `,
			expires = excluded.expires, expires_ns = excluded.expires_ns
		WHERE %s RETURNING r.version`
	higher := "true"
	if drawn {
		higher = "r.version < excluded.version"
	}
	switch k {
	case putAny:
		return fmt.Sprintf(put, higher)
	case putAbsent:
		return fmt.Sprintf(put, fmt.Sprintf(expired, 5, 6)+" AND "+higher)
	case putVersion:
		return `UPDATE onesgate_records AS r SET value = $2, version = ` + version + `, expires = $3, expires_ns = $4
			WHERE key = $1 AND version = $7 AND ` + fmt.Sprintf(live, 5, 6) + ` RETURNING r.version`
	case deleteAny:
		return `INSERT INTO onesgate_records AS r (key, value, version, expires)
			VALUES ($1, '', 0, '-infinity')
			ON CONFLICT (key) DO UPDATE SET value = '', expires = '-infinity', expires_ns = 0 RETURNING r.version`
	case deleteVersion:
		return `UPDATE onesgate_records AS r SET value = '', expires = '-infinity', expires_ns = 0
			WHERE key = $1 AND version = $4 AND ` + fmt.Sprintf(live, 2, 3) + ` RETURNING r.version`
	case checkAbsent:
		return `INSERT INTO onesgate_records AS r (key, value, version, expires)
			VALUES ($1, '', 0, '-infinity')
			ON CONFLICT (key) DO UPDATE SET version = r.version
			WHERE ` + fmt.Sprintf(expired, 2, 3) + ` RETURNING r.version`
	default: // checkVersion
		return `SELECT r.version FROM onesgate_records AS r
			WHERE key = $1 AND version = $4 AND ` + fmt.Sprintf(live, 2, 3) + ` FOR SHARE`
	}
}

// arity is how many arguments the statement of a kind has.
func arity(k kind) int {
	switch k {
	case putAny:
		return 4
	case putAbsent:
		return 6
	case putVersion:
		return 7
	case deleteAny:
		return 1
	case checkAbsent:
		return 3
	default:
		return 4
	}
}

// announcing is a statement that also announces, if the rows it needs are there.
// The number that orders announcements is drawn when its rows are locked, so that
// it follows those of all commits it has waited for. Topics and values are two
// more arguments, arrays.
func announcing(k kind) string {
	return fmt.Sprintf(`WITH done AS (%s),
		drawn AS (
			SELECT nextval('onesgate_version') AS number
			FROM (SELECT count(*) AS rows FROM done) AS counted WHERE rows >= %d
		),
		told AS (%s)
		SELECT version FROM done`,
		statement(k, nextVersion, false), k.needs(), insertAnnounced(arity(k)+1))
}

func insertAnnounced(topics int) string {
	return fmt.Sprintf(`INSERT INTO onesgate_announced (drawn, place, topic, value)
		SELECT drawn.number, a.place, a.topic, a.value
		FROM drawn, unnest($%d::bytea[], $%d::bytea[]) WITH ORDINALITY AS a (topic, value, place)`, topics, topics+1)
}

const (
	nextVersion  = `nextval('onesgate_version')`
	drawnVersion = `currval('onesgate_version')` // by the transaction itself
	drawVersion  = `SELECT ` + nextVersion

	// lockRows is for a transaction that draws its version behind all others. It
	// comes before the statements of the records and in the same order.
	lockRows = `SELECT key FROM onesgate_records WHERE key = ANY ($1::bytea[]) ORDER BY key FOR UPDATE`
)

// toldAlone announces and does nothing else.
var toldAlone = `WITH drawn AS (SELECT nextval('onesgate_version') AS number) ` + insertAnnounced(1)

// The statements of each kind: for a commit of its own, one with announcements,
// and within a transaction that has drawn its version.
var alone, aloneTold, within = func() (a, t, w [kinds]string) {
	for k := range kinds {
		a[k], t[k], w[k] = statement(k, nextVersion, false), announcing(k), statement(k, drawnVersion, true)
	}
	return a, t, w
}()
