package caddymodule

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/caddyserver/caddy/v2"

	"github.com/onesgate/onesgate/internal/backup"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/status"
	"github.com/onesgate/onesgate/internal/store"
)

// adminServer serves the admin API as Caddy does.
func adminServer(t *testing.T, wrap func(http.Handler) http.Handler) *gatewayClient {
	t.Helper()
	mux := http.NewServeMux()
	for _, route := range (AdminAPI{}).Routes() {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			err := route.Handler.ServeHTTP(w, r)
			var refused caddy.APIError
			if errors.As(err, &refused) {
				w.WriteHeader(refused.HTTPStatus)
				_ = json.NewEncoder(w).Encode(caddy.APIError{Message: refused.Error()})
			} else if err != nil {
				t.Errorf("%s: %v is no error of the API", r.URL.Path, err)
			}
		})
	}
	s := httptest.NewUnstartedServer(wrap(mux))
	s.Config.ReadTimeout = time.Second
	s.Start()
	t.Cleanup(s.Close)
	c, err := newGatewayClient(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// forSomebody asks for a backup for a new key, which takes less time than a passphrase.
func forSomebody(t *testing.T) backupRequest {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return backupRequest{Recipients: []string{id.Recipient().String()}}
}

func unchanged(h http.Handler) http.Handler { return h }

// seen gives every request another local address.
func seen(at net.Addr) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, at)))
		})
	}
}

func put(t *testing.T, s store.Store, key, value string) {
	t.Helper()
	if _, err := s.Commit(t.Context(), store.Write{Key: key, Value: []byte(value)}); err != nil {
		t.Fatal(err)
	}
}

// filled is how many bytes fill puts: more than the sockets between a server and
// a client that doesn't read can hold.
const filled = 32 << 20

func fill(t *testing.T, s store.Store) {
	t.Helper()
	value := strings.Repeat("x", 512<<10)
	for i := range filled / len(value) {
		put(t, s, "x/"+strconv.Itoa(i), value)
	}
}

func TestAdminWithoutAGateway(t *testing.T) {
	c := adminServer(t, unchanged)
	for method, path := range map[string]string{http.MethodGet: statusPath, http.MethodPost: backupPath} {
		_, err := c.call(t.Context(), method, path, nil)
		if err == nil || !strings.Contains(err.Error(), "no gateway runs in this Caddy") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// People and bookings can't move to another store while the gateway runs.
func TestOneStoreAtATime(t *testing.T) {
	first, second := newStage(t), newStage(t)
	s := settingsOf("")
	e := first.acquire(s)
	second.refused(second.store, second.keyset, "a reload can't change that to "+second.store.identity())
	if runningEngine() != e {
		t.Error("the running engine is not found")
	}
	first.release(e, s)
	if runningEngine() != nil {
		t.Error("an engine is found that is closed")
	}
	second.release(second.acquire(s), s)
}

func TestAdminBackup(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	put(t, e.store, "person/1", "{}")
	put(t, e.store, "session/1", "{}")
	put(t, e.store, "booking/1", `{"id":"1","next_at":"2026-12-01T00:00:00Z"}`)
	put(t, e.store, "booking/2", `{"id":"2"}`)

	c := adminServer(t, unchanged)
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	secret := id.String()
	for _, tt := range []struct {
		name, want string
		body       any
	}{
		{"nobody", "say who can open", backupRequest{}},
		{"both", "not both", backupRequest{Recipients: []string{id.Recipient().String()}, Passphrase: "p"}},
		{"a secret key", "not a public key", backupRequest{Recipients: []string{secret}}},
		{"an unknown word", "not the JSON", map[string]string{"password": secret}},
		{"something else", "not the JSON", secret},
		{"too much", "not the JSON", backupRequest{Passphrase: strings.Repeat(secret, maxAdminBody/len(secret)+1)}},
	} {
		res, err := c.call(t.Context(), http.MethodPost, backupPath, tt.body)
		if err == nil {
			res.Body.Close()
			t.Errorf("%s: %s", tt.name, res.Status)
		} else if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}

	var file bytes.Buffer
	if _, err := c.backup(t.Context(), backupRequest{Recipients: []string{id.Recipient().String()}}, &file); err != nil {
		t.Fatal(err)
	}
	last, err := readLastBackup(t.Context(), e.store)
	if err != nil || last == nil || last.Bytes != int64(file.Len()) || last.Records != 5 || time.Since(last.At) > time.Minute {
		t.Errorf("noted: %+v, %v; the file has %d bytes", last, err, file.Len())
	}

	// What comes back of it, and what doesn't.
	other := newStage(t)
	to, err := other.store.open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	result, err := backup.Restore(t.Context(), bytes.NewReader(file.Bytes()), []age.Identity{id}, to, time.Now(), restoreRule(e.keys))
	if err != nil {
		t.Fatal(err)
	}
	if r := result.Restored; r[status.KindPeople] != 1 || r[status.KindBookings] != 1 || r[kindUnderWay] != 1 || r[status.KindOther] != 1 || result.LeftOut[status.KindSessions] != 1 {
		t.Errorf("restored: %+v", result)
	}
	if _, err := to.Get(t.Context(), "session/1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a session came back: %v", err)
	}
	if rec, err := to.Get(t.Context(), "booking/1"); err != nil || !strings.Contains(string(rec.Value), `"maybe_sent":true`) {
		t.Errorf("an open booking came back as %s, %v", rec.Value, err)
	}
	stranger, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Restore(t.Context(), bytes.NewReader(file.Bytes()), []age.Identity{id}, to, time.Now(), restoreRule(stranger)); err == nil || !strings.Contains(err.Error(), "not the keyset") {
		t.Errorf("restored for another keyset: %v", err)
	}
}

// Backups stay on the machine; the rest of the API is as open as Caddy has it.
func TestAdminBackupFromElsewhere(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	for _, tt := range []struct {
		at   net.Addr
		good bool
	}{
		{&net.UnixAddr{Name: "/run/admin.sock", Net: "unix"}, true},
		{&net.TCPAddr{IP: net.IPv6loopback}, true},
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 5)}, true},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, false},
		{&net.TCPAddr{IP: net.IPv6zero}, false},
		{nil, false},
	} {
		c := adminServer(t, seen(tt.at))
		_, err := c.backup(t.Context(), forSomebody(t), io.Discard)
		if tt.good && err != nil || !tt.good && (err == nil || !strings.Contains(err.Error(), "over a network")) {
			t.Errorf("at %v: %v", tt.at, err)
		}
	}
}

// A backup that breaks off is not taken for a whole one.
func TestAdminBackupBrokenOff(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	fill(t, e.store)
	c := adminServer(t, unchanged)
	res, err := c.call(t.Context(), http.MethodPost, backupPath, forSomebody(t))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	st.release(e, s) // it ends while somebody reads slowly
	if _, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Error("a part of a backup ended as a whole one does")
	}
}

// A reader may take his time, longer than Caddy gives for a request.
func TestAdminBackupSlowly(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	fill(t, e.store)
	late := make(chan struct{})
	c := adminServer(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.AfterFunc(1200*time.Millisecond, func() { close(late) }) // ReadTimeout is over
			h.ServeHTTP(w, r)
		})
	})
	res, err := c.call(t.Context(), http.MethodPost, backupPath, forSomebody(t))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	<-late
	if n, err := io.Copy(io.Discard, res.Body); err != nil || n < filled {
		t.Errorf("%d bytes came, %v", n, err)
	}
}

// A count of all records that took long stands for a while.
func TestCensus(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	count := func(c *census) int {
		t.Helper()
		found, err := c.take(t.Context(), e.source())
		if err != nil {
			t.Fatal(err)
		}
		return found.records[status.KindPeople]
	}
	var quick, slow census
	count(&quick)
	count(&slow)
	quick.stands, slow.stands = 0, time.Hour
	put(t, e.store, "person/1", "{}")
	if got := count(&quick); got != 1 {
		t.Errorf("counted anew: %d people, want 1", got)
	}
	if got := count(&slow); got != 0 {
		t.Errorf("counted lately: %d people, want 0 still", got)
	}
}

// hanging is a store whose database stands still in the middle of a snapshot, which
// PostgreSQL's engine bounds by its context alone; Close waits for calls, as they all do.
type hanging struct {
	store.Store
	calls sync.RWMutex
	began chan struct{}
}

func (h *hanging) Snapshot(ctx context.Context, _ func(store.Record) error) error {
	h.calls.RLock()
	defer h.calls.RUnlock()
	close(h.began)
	<-ctx.Done()
	return ctx.Err()
}

func (h *hanging) Close() error {
	h.calls.Lock()
	defer h.calls.Unlock()
	return h.Store.Close()
}

// An engine stops also while somebody waits for its status.
func TestStopWhileAStatusWaits(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	h := &hanging{Store: e.store, began: make(chan struct{})}
	e.store = h
	c := adminServer(t, unchanged)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		var told status.Picture
		_ = c.ask(t.Context(), http.MethodGet, statusPath, &told)
	}()
	<-h.began
	stopped := make(chan struct{})
	go func() { defer close(stopped); st.release(e, s) }()
	<-stopped
	<-asked
}

// unread is a store that can't be read as a whole.
type unread struct{ store.Store }

func (unread) Snapshot(context.Context, func(store.Record) error) error { return store.ErrUnavailable }

// That the store is away is no fault of whoever asks for a backup.
func TestBackupOfAStoreThatIsAway(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	body, err := json.Marshal(forSomebody(t))
	if err != nil {
		t.Fatal(err)
	}
	away := &engine{store: unread{e.store}}
	away.now.Store(s)
	r := httptest.NewRequest(http.MethodPost, backupPath, bytes.NewReader(body))
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.UnixAddr{}))
	var refused caddy.APIError
	if err := serveBackup(httptest.NewRecorder(), r, away); !errors.As(err, &refused) || refused.HTTPStatus != http.StatusServiceUnavailable {
		t.Errorf("%v, want 503", err)
	}
}

// Caddy's old admin server may hang up while a reload replaces it: what changes nothing is asked
// again, once. Where the request has not been read, the connection is reset.
func TestCutOffByAReload(t *testing.T) {
	for _, tt := range []struct {
		method      string
		cuts, calls int64
		reset       bool
		fails       bool
	}{
		{http.MethodGet, 1, 2, false, false},
		{http.MethodGet, 1, 2, true, false},
		{http.MethodGet, 2, 2, false, true},
		{http.MethodPost, 1, 1, false, true},
		{http.MethodPost, 1, 1, true, true},
	} {
		var calls atomic.Int64
		c := adminServer(t, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if calls.Add(1) > tt.cuts {
					_ = answer(w, struct{}{})
					return
				}
				if tt.reset {
					conn, _, _ := http.NewResponseController(w).Hijack()
					_ = conn.(*net.TCPConn).SetLinger(0)
					_ = conn.Close()
				}
				panic(http.ErrAbortHandler)
			})
		})
		err := c.ask(t.Context(), tt.method, "/ones/status", new(struct{}))
		if (err != nil) != tt.fails || calls.Load() != tt.calls {
			t.Errorf("%+v: %v after %d calls", tt, err, calls.Load())
		}
	}
}
