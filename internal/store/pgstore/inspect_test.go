package pgstore

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/store/pgtest"
)

// TestInspect: looking makes no table, and finds what opening would stumble over.
func TestInspect(t *testing.T) {
	address := server.Database(t)
	db := name(t, address)
	for range 2 {
		l, err := Inspect(t.Context(), Options{URL: address})
		if err != nil || l.Used || l.Number < MinVersion || l.Version == "" {
			t.Fatalf("empty: %+v, %v", l, err)
		}
	}
	role := "looker_" + db
	server.Exec(t, db, fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD '%s'`, role, server.Password()))
	poor := server.URL(role, db)
	wantsRefusal(t, poor, ErrRights, "GRANT USAGE, CREATE ON SCHEMA public")

	closeTest(t, openTest(t, Options{URL: address}))
	if l, err := Inspect(t.Context(), Options{URL: address}); err != nil || !l.Used {
		t.Errorf("used: %+v, %v", l, err)
	}
	wantsRefusal(t, poor, ErrRights, "GRANT SELECT")
	server.Exec(t, db, fmt.Sprintf(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO %s`, role))
	wantsRefusal(t, poor, ErrRights, "GRANT USAGE ON ALL SEQUENCES")

	server.Exec(t, db, `UPDATE onesgate_state SET number = 99 WHERE name = 'schema'`)
	wantsRefusal(t, address, ErrNewer)
	server.Exec(t, db, fmt.Sprintf(`ALTER DATABASE %s SET synchronous_commit = off; UPDATE onesgate_state SET number = 1 WHERE name = 'schema'`, db))
	if l, err := Inspect(t.Context(), Options{URL: address}); err != nil || !l.Forgets {
		t.Errorf("synchronous_commit off: %+v, %v", l, err)
	}

	wrong, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	wrong.User = url.UserPassword(pgtest.Role, "wrong")
	wantsRefusal(t, wrong.String(), ErrLogin)
	wantsRefusal(t, server.URL(pgtest.Role, "missing"), ErrNoDatabase)
	wantsRefusal(t, "postgres://u@/d?host="+t.TempDir(), ErrUnreachable)
	wantsRefusal(t, "mysql://u@h/d", ErrURL)
}

func wantsRefusal(t *testing.T, address string, want error, hints ...string) {
	t.Helper()
	_, err := Inspect(t.Context(), Options{URL: address})
	if !errors.Is(err, want) {
		t.Errorf("Inspect = %v, want %v", err, want)
		return
	}
	for _, hint := range append(hints, "") {
		if !strings.Contains(err.Error(), hint) {
			t.Errorf("Inspect = %v, want %q in it", err, hint)
		}
	}
	if strings.Contains(err.Error(), server.Password()) {
		t.Errorf("the password stands in the error: %v", err)
	}
}
