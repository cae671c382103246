package pgtest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

var databases atomic.Int64

// Database makes an empty database, owned by Role, and returns the URL that Role
// connects with. It goes with the server. It may be called concurrently.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("test%d", databases.Add(1))
	s.Exec(tb, home, fmt.Sprintf("CREATE DATABASE %s OWNER %s", name, Role))
	return s.URL(Role, name)
}

// Exec runs statements as the superuser, in a database. It may be called
// concurrently.
func (s *Server) Exec(tb testing.TB, database, sql string) {
	tb.Helper()
	if err := s.exec(tb.Context(), database, sql); err != nil {
		tb.Fatalf("%s: %v\nthe server says:\n%s", sql, err, s.Log())
	}
}

func (s *Server) exec(ctx context.Context, database, sql string) error {
	conn, err := pgx.Connect(ctx, s.URL(superuser, database))
	if err != nil {
		return err
	}
	_, err = conn.PgConn().Exec(ctx, sql).ReadAll()
	return errors.Join(err, conn.Close(ctx))
}

// Password is that of the roles made by pgtest, and for those that tests make.
func (s *Server) Password() string { return password }
