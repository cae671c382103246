package pgstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/onesgate/onesgate/internal/store"
)

// Errors of Open, wrapped with what to do. ErrReadOnly and ErrRights may come
// later too, when the database changes.
var (
	// ErrURL: the URL is none.
	ErrURL = errors.New("wrong database URL: write postgres://user:password@host:5432/database?sslmode=verify-full")
	// ErrUnreachable: nothing answers there, or not by TLS.
	ErrUnreachable = errors.New("database server can't be reached")
	// ErrLogin: the server does not let this user in.
	ErrLogin = errors.New("database server refuses the user")
	// ErrNoDatabase: the server has no such database.
	ErrNoDatabase = errors.New("database does not exist")
	// ErrRights: the user lacks rights.
	ErrRights = errors.New("database user lacks rights")
	// ErrReadOnly: no server of the URL takes writes.
	ErrReadOnly = errors.New("database takes no writes: it is a standby, or default_transaction_read_only is on")
	// ErrNewer: a newer onesgate has changed the tables.
	ErrNewer = errors.New("tables are of a newer onesgate")
)

// errTables: the tables are there, and not all of them may be used.
var errTables = errors.New("not all of the tables may be used")

// errOwner: the tables have to be changed, and are somebody else's.
var errOwner = errors.New("the tables are of an older onesgate, and only their owner may change them")

// errNoAnswer: the database took longer than Options.Timeout allows.
var errNoAnswer = fmt.Errorf("%w: the database does not answer", store.ErrUnavailable)

// errBusy: somebody else has just written the same record, with a higher version
// than the one this commit has drawn. Drawing again helps, behind their locks.
var errBusy = errors.New("others write the same records")

// SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	noDatabase     = "3D000"
	wrongPassword  = "28P01"
	notLetIn       = "28000"
	noRights       = "42501"
	noTable        = "42P01"
	readOnly       = "25006"
	diskFull       = "53100"
	syntaxError    = "42601"
	notSupported   = "0A000"
	serialization  = "40001"
	deadlock       = "40P01"
	connectionLost = "08" // class
	unknownEnd     = "40003"
	overloaded     = "53" // class; it has diskFull too
	timedOut       = "57014"
)

// shutdown are what a server says that ends, or doesn't take calls yet.
var shutdown = []string{"57P01", "57P02", "57P03"}

// state returns the SQLSTATE of an error, or "".
func state(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}

// refused reports whether a statement that commits has failed for sure: an ERROR
// of the server undoes the transaction. After FATAL, or without an answer, the
// commit may stand; so it may where a proxy says in the server's place that it has
// lost it, and where the server says that it doesn't know. pgconn.SafeToRetry is not asked: of a COMMIT whose answer is
// lost it may say that nothing was sent (pgx 5.12, MultiResultReader.NextResult).
func refused(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && (answer.SeverityUnlocalized == "ERROR" || answer.Severity == "ERROR") &&
		answer.Code != unknownEnd && !strings.HasPrefix(answer.Code, connectionLost)
}

// busy reports whether the same commit may do better at once.
func busy(err error) bool {
	return errors.Is(err, errBusy) || state(err) == serialization || state(err) == deadlock
}

// lost reports whether another connection may do better: this one is broken, or
// its server has ended or has become a standby.
func lost(err error) bool {
	if code := state(err); code != "" {
		return code == readOnly || slices.Contains(shutdown, code) || strings.HasPrefix(code, connectionLost)
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &connect) || errors.As(err, &network) ||
		errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// inWords gives errors of the database that have a name their name. They all say that
// nothing was written.
func inWords(err error) error {
	var connect *pgconn.ConnectError
	switch code := state(err); {
	case errors.Is(err, store.ErrUnknownOutcome):
		return err
	case code == diskFull:
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	case code == readOnly:
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	case code == noRights:
		return fmt.Errorf("%w: %w", ErrRights, err)
	case busy(err), code == timedOut, strings.HasPrefix(code, overloaded), errors.As(err, &connect):
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}

// explain says what is to be done about an error of Open, to people.
func explain(err error, c *pgx.ConnConfig) error {
	user := pgx.Identifier{c.User}.Sanitize()
	var connect *pgconn.ConnectError
	connecting := errors.As(err, &connect)
	switch code := state(err); {
	case errors.Is(err, ErrReadOnly), errors.Is(err, ErrNewer):
		return err
	case code == noDatabase:
		return fmt.Errorf("%w; run: CREATE DATABASE %s OWNER %s; %w", ErrNoDatabase, pgx.Identifier{c.Database}.Sanitize(), user, err)
	case code == wrongPassword, code == notLetIn:
		return fmt.Errorf("%w; look at user and password in the URL, and at the server's pg_hba.conf: %w", ErrLogin, err)
	case code == noRights && connecting:
		return fmt.Errorf("%w; run: GRANT CONNECT ON DATABASE %s TO %s; %w", ErrRights, pgx.Identifier{c.Database}.Sanitize(), user, err)
	case errors.Is(err, errOwner):
		return fmt.Errorf("%w; start this onesgate once with the user who owns them in its URL, or run in that database, as its superuser: "+
			"ALTER TABLE onesgate_state OWNER TO %[2]s; ALTER TABLE onesgate_records OWNER TO %[2]s; ALTER TABLE onesgate_announced OWNER TO %[2]s; "+
			"ALTER TABLE onesgate_announcements OWNER TO %[2]s; ALTER SEQUENCE onesgate_version OWNER TO %[2]s; %[3]w", ErrRights, user, err)
	case code == noRights, errors.Is(err, errTables):
		return fmt.Errorf("%w; run in that database: GRANT USAGE, CREATE ON SCHEMA public TO %[2]s; "+
			"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %[2]s; "+
			"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO %[2]s; %[3]w", ErrRights, user, err)
	case connecting && (code == "" || slices.Contains(shutdown, code)),
		errors.Is(err, errNoAnswer), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return inWords(err)
}
