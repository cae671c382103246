package pgstore

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"testing"

	"github.com/onesgate/onesgate/internal/store"
)

// released are the fingerprints of the migrations that databases out there have seen.
var released = []string{"2b0c96353d2ff889"}

// TestMigrationsStay: a migration that has been released is never changed, since databases
// that have it would never see that. What is new is another one, behind it, and its
// fingerprint another line above.
func TestMigrationsStay(t *testing.T) {
	if len(migrations) != len(released) {
		t.Fatalf("%d migrations, %d fingerprints of them", len(migrations), len(released))
	}
	for i, m := range migrations {
		if got := fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, m)))[:16]; got != released[i] {
			t.Errorf("migration %d has become another one: its fingerprint is %s, and was %s", i, got, released[i])
		}
	}
}

// another has this program know one migration more.
func another(t *testing.T, statement string) {
	t.Helper()
	before := migrations
	migrations = append(migrations[:len(migrations):len(migrations)], []string{statement})
	t.Cleanup(func() { migrations = before })
}

// TestOlder: tables of an older onesgate become today's, once, and keep their records.
func TestOlder(t *testing.T) {
	address := server.Database(t)
	s := openTest(t, Options{URL: address})
	if _, err := s.Commit(t.Context(), store.Write{Key: "old", Value: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)
	another(t, `ALTER TABLE onesgate_records ADD COLUMN tried text`)
	for range 2 {
		s := openTest(t, Options{URL: address})
		if r, err := s.Get(t.Context(), "old"); err != nil || string(r.Value) != "x" {
			t.Errorf("Get = %+v, %v", r, err)
		}
		if _, err := s.pool.Exec(t.Context(), `SELECT tried FROM onesgate_records`); err != nil {
			t.Error(err)
		}
		closeTest(t, s)
	}
}

// TestOlderOfAnother: whoever may only use the tables is told whose business they are.
func TestOlderOfAnother(t *testing.T) {
	address := server.Database(t)
	closeTest(t, openTest(t, Options{URL: address}))
	server.Exec(t, name(t, address), `REASSIGN OWNED BY gateway TO CURRENT_USER;
		GRANT ALL ON ALL TABLES IN SCHEMA public TO gateway; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO gateway`)
	closeTest(t, openTest(t, Options{URL: address})) // which is enough to use them
	another(t, `ALTER TABLE onesgate_records ADD COLUMN tried text`)
	refuses(t, address, ErrRights, "the tables are of an older onesgate", `ALTER TABLE onesgate_records OWNER TO "gateway"`)
	_, err := Open(t.Context(), Options{URL: address})
	for _, statement := range regexp.MustCompile(`ALTER (TABLE|SEQUENCE) \w+ OWNER TO "gateway"`).FindAllString(err.Error(), -1) {
		server.Exec(t, name(t, address), statement) // as it says
	}
	closeTest(t, openTest(t, Options{URL: address}))
}
