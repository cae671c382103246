package backup

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/pgstore"
	"github.com/onesgate/onesgate/internal/store/pgtest"
)

var server *pgtest.Server

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m, &server)) }

func openPostgres(t *testing.T) store.Store {
	t.Helper()
	s, err := pgstore.Open(t.Context(), pgstore.Options{URL: server.Database(t), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// A store moves from one engine to the other, and back, as it is.
func TestOtherEngine(t *testing.T) {
	first := open(t)
	commit(t, first,
		store.Write{Key: "a/\xff\x00", Value: []byte("\x00\xfe")},
		store.Write{Key: "b/ends", Value: []byte("x"), Expires: now.Add(time.Hour + 7)},
		store.Write{Key: "c/empty", Value: []byte{}},
	)
	var many []store.Write
	for n := range 2500 {
		many = append(many, store.Write{Key: fmt.Sprintf("z/%04d", n), Value: []byte("value")})
	}
	commit(t, first, many...)
	recipients, ids := keys(t)
	want := content(t, first)

	for from, stores := first, []store.Store{openPostgres(t), open(t)}; len(stores) > 0; from, stores = stores[0], stores[1:] {
		to := stores[0]
		if _, err := Restore(t.Context(), bytes.NewReader(written(t, from, recipients)), ids, to, now, all); err != nil {
			t.Fatal(err)
		}
		same(t, want, content(t, to))
		if err := CheckFinished(t.Context(), to); err != nil {
			t.Error(err)
		}
	}
}
