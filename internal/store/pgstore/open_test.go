package pgstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/pgtest"
)

// TestURL: a wrong URL is said to be wrong, with a hint, and its password is kept.
func TestURL(t *testing.T) {
	const secret = "TopSecret"
	tests := map[string]struct{ url, hint string }{
		"nothing":           {"", "postgres://user:password@host"},
		"of something else": {"mysql://u:" + secret + "@h/d", `"mysql://"`},
		"no URL":            {"host=h password=" + secret, "postgres://"},
		"escape":            {"postgres://u:" + secret + "%zz@h/d", "%25"},
		"slash in password": {"postgres://u:" + secret + "/x@h/d", "%2F"},
		"sslmode":           {"postgres://u:" + secret + "@h/d?sslmode=maybe", "sslmode is invalid"},
		"port":              {"postgres://u:" + secret + "@h:port/d", "port"},
		"two @":             {"postgres://u:x@" + secret + "@h/d", "%40"},
		"no @":              {"postgres://u:" + secret + "/d", "no @"},
		"no @, and no path": {"postgres://u:" + secret, "no @"},
		"a URL in it":       {"host=h password=" + secret + " sslrootcert=file:///ca.pem", "postgres://"},
		"only a password":   {secret + "://x", "postgres://"},
		"query":             {"postgres://u:" + secret + "@h/d?a=%zz&password=" + secret, "postgres://"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
			defer cancel()
			_, err := Open(ctx, Options{URL: tt.url})
			if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), tt.hint) {
				t.Errorf("Open = %v, want %q in it and no password", err, tt.hint)
			}
			if !errors.Is(err, ErrURL) {
				t.Errorf("Open = %v, want ErrURL", err)
			}
		})
	}
}

// TestTLS: another machine is spoken to in plain text only if the URL says so.
func TestTLS(t *testing.T) {
	tests := []struct {
		url      string
		tls      bool // always
		verifies bool
	}{
		{"postgres://u@db.example/d", true, true},
		{"postgres://u@db.example/d?", true, true},
		{"postgres://u@db.example,10.0.0.1:6432/d?connect_timeout=3", true, true},
		{"postgres://u@127.0.0.1,db.example/d", true, true},
		{"postgres://u:a#b@db.example/d#e", true, true},
		{"postgres://u@db.example/d?application_name=a#b", true, true},
		{"postgres://u@db.example/d?sslmode=require", true, false},
		{"postgres://u@db.example/d?sslmode=", true, true},
		{"postgres://u@db.example/d?ssl=true", true, true},
		{"postgres://u@db.example/d?ssl=1", true, true},
		{"postgres://u@db.example/d?ssl=false&connect_timeout=3", true, true},
		{"postgres://u@db.example/d?sslmode=disable", false, false},
		{"postgres://u@localhost/d", false, false},
		{"postgres://u@127.0.0.1/d", false, false},
		{"postgres://u@[::1]/d", false, false},
		{"postgres://u@/d?host=/run/postgresql", false, false},
	}
	for _, tt := range tests {
		c, err := Options{URL: tt.url, MaxConns: 1, Timeout: time.Second}.config()
		if err != nil {
			t.Errorf("%s: %v", tt.url, err)
			continue
		}
		tls := c.ConnConfig.TLSConfig
		for _, f := range c.ConnConfig.Fallbacks {
			if f.TLSConfig == nil {
				tls = nil
			}
		}
		if (tls != nil) != tt.tls || tls != nil && tls.InsecureSkipVerify == tt.verifies {
			t.Errorf("%s: TLS %v", tt.url, tls)
		}
	}
}

// TestSettings: what the URL says counts, and the rest is ours.
func TestSettings(t *testing.T) {
	c, err := Options{URL: "postgres://u@/d?host=/x&statement_timeout=77&connect_timeout=9", MaxConns: 3, Timeout: time.Second}.config()
	if err != nil {
		t.Fatal(err)
	}
	params := c.ConnConfig.RuntimeParams
	if params["statement_timeout"] != "77" || params["idle_in_transaction_session_timeout"] != "1000" ||
		params["application_name"] != "onesgate" || c.ConnConfig.ConnectTimeout != 9*time.Second || c.MaxConns != 3 {
		t.Errorf("settings %v, connect timeout %s, %d connections", params, c.ConnConfig.ConnectTimeout, c.MaxConns)
	}
}

// TestOpenTogether: gateways that start at once on an empty database all succeed.
func TestOpenTogether(t *testing.T) {
	address := server.Database(t)
	stores := make([]*Store, 8)
	var wg sync.WaitGroup
	for i := range stores {
		wg.Go(func() {
			s, err := Open(t.Context(), Options{URL: address})
			if err != nil {
				t.Errorf("Open = %v", err)
				return
			}
			stores[i] = s
		})
	}
	wg.Wait()
	for i, s := range stores {
		if s == nil {
			continue
		}
		if _, err := s.Commit(t.Context(), store.Write{Key: fmt.Sprint(i)}); err != nil {
			t.Error(err)
		}
		closeTest(t, s)
	}
	s := openTest(t, Options{URL: address}) // and it keeps what there is
	if records, err := s.Scan(t.Context(), "", "", 100); err != nil || len(records) != len(stores) {
		t.Errorf("Scan = %d records, %v, want %d", len(records), err, len(stores))
	}
}

// name returns the name of a database that pgtest has made.
func name(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// refuses demands that the store can't be opened, and why.
func refuses(t *testing.T, address string, want error, hints ...string) {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: address})
	if err == nil {
		closeTest(t, s)
	}
	if !errors.Is(err, want) {
		t.Errorf("Open = %v, want %v", err, want)
		return
	}
	for _, hint := range hints {
		if !strings.Contains(err.Error(), hint) {
			t.Errorf("Open = %v, want %q in it", err, hint)
		}
	}
	if strings.Contains(err.Error(), url.QueryEscape(server.Password())) || strings.Contains(err.Error(), server.Password()) {
		t.Errorf("the password stands in the error: %v", err)
	}
}

func TestNewer(t *testing.T) {
	address := server.Database(t)
	closeTest(t, openTest(t, Options{URL: address}))
	server.Exec(t, name(t, address), `UPDATE onesgate_state SET number = 99 WHERE name = 'schema'`)
	refuses(t, address, ErrNewer, "99")
}

// TestRights: the error says what to grant, and that is enough.
func TestRights(t *testing.T) {
	address := server.Database(t)
	db := name(t, address)
	role := "poor_" + db
	server.Exec(t, db, fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD '%s'`, role, server.Password()))
	poor := server.URL(role, db)

	refuses(t, poor, ErrRights, "GRANT USAGE, CREATE ON SCHEMA public TO \""+role+"\"")
	closeTest(t, openTest(t, Options{URL: address}))
	refuses(t, poor, ErrRights, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES")
	server.Exec(t, db, fmt.Sprintf(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO %s`, role))
	refuses(t, poor, ErrRights, "GRANT USAGE ON ALL SEQUENCES")
	server.Exec(t, db, fmt.Sprintf(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %s;
		GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO %[1]s`, role))
	s := openTest(t, Options{URL: poor})
	if _, err := s.Commit(t.Context(), store.Write{Key: "a"}, store.Write{Op: store.Announce, Key: "a"}); err != nil {
		t.Errorf("Commit with all rights = %v", err)
	}
	server.Exec(t, db, fmt.Sprintf(`REVOKE INSERT ON onesgate_records FROM %s`, role))
	if _, err := s.Commit(t.Context(), store.Write{Key: "b"}); !errors.Is(err, ErrRights) || errors.Is(err, store.ErrUnknownOutcome) {
		t.Errorf("Commit without the right = %v, want ErrRights", err)
	}
	closeTest(t, s)
	server.Exec(t, db, fmt.Sprintf(`REVOKE CONNECT ON DATABASE %s FROM PUBLIC`, db))
	refuses(t, poor, ErrRights, "GRANT CONNECT ON DATABASE")
}

func TestNotLetIn(t *testing.T) {
	address := server.Database(t)
	wrong, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	wrong.User = url.UserPassword(pgtest.Role, "wrong")
	refuses(t, wrong.String(), ErrLogin, "pg_hba.conf")
	wrong.User = url.UserPassword("nobody", "wrong")
	refuses(t, wrong.String(), ErrLogin)
	refuses(t, server.URL(pgtest.Role, "missing"), ErrNoDatabase, `CREATE DATABASE "missing" OWNER "gateway"`)
	refuses(t, "postgres://u@/d?host="+t.TempDir(), ErrUnreachable)
}

// TestOpenWaits: opening ends with its context when the server doesn't answer.
func TestOpenWaits(t *testing.T) {
	address := server.Database(t)
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Resume(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, Options{URL: address}); !errors.Is(err, ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Open = %v, want ErrUnreachable", err)
	}
}

// TestReadOnly: a server that takes no writes is refused at the beginning, and
// left when it becomes one.
func TestReadOnly(t *testing.T) {
	address := server.Database(t)
	s := openTest(t, Options{URL: address})
	server.Exec(t, "postgres", `ALTER SYSTEM SET default_transaction_read_only = on`)
	server.Exec(t, "postgres", `SELECT pg_reload_conf()`)
	restore := sync.OnceFunc(func() {
		server.Exec(t, "postgres", `ALTER SYSTEM RESET default_transaction_read_only`)
		server.Exec(t, "postgres", `SELECT pg_reload_conf()`)
	})
	defer restore()
	commit := func() error {
		_, err := s.Commit(t.Context(), store.Write{Key: "a"})
		return err
	}
	err := commit()
	for err == nil { // until the server has seen its new settings
		err = commit()
	}
	if !errors.Is(err, ErrReadOnly) || errors.Is(err, store.ErrUnknownOutcome) {
		t.Errorf("Commit = %v, want ErrReadOnly", err)
	}
	refuses(t, address, ErrReadOnly, "standby")
	restore()
	for err = commit(); errors.Is(err, ErrReadOnly); err = commit() {
	}
	if err != nil {
		t.Errorf("Commit on a server that takes writes again = %v", err)
	}
}

// TestSecondHost: where one server of several takes no writes, the other is used.
func TestSecondHost(t *testing.T) {
	address := server.Database(t)
	empty := t.TempDir() // no server there
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.RawQuery = url.Values{"host": {empty + "," + server.Dir()}}.Encode()
	closeTest(t, openTest(t, Options{URL: u.String()}))
}

// TestExecMode: nothing hangs on prepared statements, which an old PgBouncer
// doesn't know.
func TestExecMode(t *testing.T) {
	for _, mode := range []string{"exec", "cache_describe", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			s := openTest(t, Options{URL: server.Database(t) + "&default_query_exec_mode=" + mode})
			expires := time.Now().Add(time.Hour + 123)
			v, err := s.Commit(t.Context(), store.Write{Key: "a\x00\xff", Value: []byte("\x00'\\"), Expires: expires},
				store.Write{Op: store.Announce, Key: "t\xff", Value: []byte("\x00,\"")})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Commit(t.Context(), store.Write{Key: "a\x00\xff", Op: store.Check, If: store.If(v)},
				store.Write{Key: "b", If: store.If(store.Absent)}, store.Write{Op: store.Announce, Key: "u"}); err != nil {
				t.Fatal(err)
			}
			if r, err := s.Get(t.Context(), "a\x00\xff"); err != nil || string(r.Value) != "\x00'\\" || r.Version != v || !r.Expires.Equal(expires) {
				t.Errorf("Get = %+v, %v", r, err)
			}
			if heard, err := s.Follow(t.Context(), 0, 10); err != nil || len(heard) != 2 || heard[0].Topic != "t\xff" || string(heard[0].Value) != "\x00,\"" {
				t.Errorf("Follow = %+v, %v", heard, err)
			}
		})
	}
}
