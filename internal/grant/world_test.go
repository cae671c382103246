package grant_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/badgerstore"
	"github.com/onesgate/onesgate/internal/store/pgtest"
	"go.uber.org/goleak"
)

// server is PostgreSQL, for the tests that need it.
var server *pgtest.Server

func TestMain(m *testing.M) {
	status := pgtest.Main(m, &server)
	if err := goleak.Find(); err != nil {
		fmt.Println(err)
		status = 1
	}
	os.Exit(status)
}

const alice = "tenant.alice"

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// A world is a keeper on a real store, and a token endpoint on loopback that
// says what a test wants. Time moves by hand.
type world struct {
	*grant.Keeper
	t     *testing.T
	store *hookedStore
	keys  *seal.Keyset
	log   *lockedBuffer
	idp   *idp
	// shared is what keepers are told that are made from now on.
	shared bool
	told   chan grant.Event

	mu      sync.Mutex
	at      time.Time
	asked   func()
	clients map[string]*entra.Client
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := emptyWorld(t)
	s, err := badgerstore.Open(badgerstore.Options{Dir: t.TempDir(), MinFree: 1, Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w.store = &hookedStore{Store: s}
	w.Keeper = w.keeper()
	return w
}

// emptyWorld is a world without a store and a keeper.
func emptyWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, at: noon, idp: newIDP(t), log: &lockedBuffer{}, told: make(chan grant.Event, 1000)}
	var err error
	if w.keys, err = seal.New(); err != nil {
		t.Fatal(err)
	}
	w.configure("contoso")
	t.Cleanup(func() {
		for _, secret := range []string{"access-", "refresh-", "client-secret"} {
			if logged := w.log.String(); strings.Contains(logged, secret) {
				t.Errorf("%q was logged:\n%s", secret, logged)
			}
		}
	})
	return w
}

// keeper returns another keeper of the same world: a restart, or a second instance.
func (w *world) keeper() *grant.Keeper {
	return w.keeperOn(w.store, w.now, func(integration string) (*entra.Client, bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		c, ok := w.clients[integration]
		return c, ok
	})
}

// keeperOn returns a keeper with a store and a clock of its own.
func (w *world) keeperOn(s store.Store, now func() time.Time, client func(integration string) (*entra.Client, bool)) *grant.Keeper {
	k := grant.New(grant.Config{
		Store: s, Shared: w.shared, Seal: w.keys, Now: now, Log: slog.New(slog.NewTextHandler(w.log, nil)),
		Tell: func(e grant.Event) { w.told <- e }, Client: client,
	})
	w.t.Cleanup(k.Close)
	return k
}

// configure makes the given integrations the only ones, as a reload does.
func (w *world) configure(integrations ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clients = map[string]*entra.Client{}
	for _, name := range integrations {
		w.clients[name] = w.client(w.now)
	}
}

// client returns a new client of the token endpoint, by a clock.
func (w *world) client(now func() time.Time) *entra.Client {
	provider := entra.NewProvider(w.idp.URL, w.idp.Client(), now)
	w.t.Cleanup(provider.Close)
	return entra.NewClient(entra.Config{
		ClientID: "ones", Credentials: []entra.Credential{{Secret: "client-secret"}}, Scopes: []string{"Calendars.ReadWrite.Shared"},
	}, provider, slog.New(slog.DiscardHandler))
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked != nil {
		w.asked()
	}
	return w.at
}

// onNow has something done whenever a keeper asks what time it is.
func (w *world) onNow(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = do
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// signIn saves a grant with access token "access-NAME", good for an hour.
func (w *world) signIn(owner, name string) {
	w.t.Helper()
	w.save(w.Keeper, owner, name, grant.Connected)
}

func (w *world) save(k *grant.Keeper, owner, name string, s grant.State) {
	w.t.Helper()
	err := k.Save(w.t.Context(), owner, "contoso", entra.Tokens{
		Access: "access-" + name, Refresh: "refresh-" + name, Expires: w.now().Add(time.Hour), Scopes: []string{"Calendars.ReadWrite.Shared"},
	}, s)
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) wantToken(k *grant.Keeper, owner, stale, want string) {
	w.t.Helper()
	if got, err := k.Token(w.t.Context(), owner, grant.Ask{Stale: stale}); err != nil || got != want {
		w.t.Errorf("Token(%s, %q) = %q, %v, want %q", owner, stale, got, err, want)
	}
}

func (w *world) wantState(owner string, want grant.State) {
	w.t.Helper()
	w.wantStateAt(w.Keeper, owner, want)
}

func (w *world) wantStateAt(k *grant.Keeper, owner string, want grant.State) {
	w.t.Helper()
	c, err := k.Connection(w.t.Context(), owner)
	if err != nil {
		w.t.Fatal(err)
	}
	if got := c.State(); got != want {
		w.t.Errorf("state of %s = %s, want %s", owner, got, want)
	}
}

// wantCalls checks which refresh tokens have come to the token endpoint so far.
func (w *world) wantCalls(want ...string) {
	w.t.Helper()
	if got := w.idp.received(); strings.Join(got, " ") != strings.Join(want, " ") {
		w.t.Errorf("the token endpoint has got %q, want %q", got, want)
	}
}

// stored returns what lies in the store for owner, with the refresh token opened.
func (w *world) stored(owner string) (state, refreshToken string, version store.Version) {
	w.t.Helper()
	rec, err := w.store.Get(context.Background(), "grant/"+owner)
	if err != nil {
		w.t.Fatal(err)
	}
	if bytes.Contains(rec.Value, []byte("refresh-")) {
		w.t.Errorf("a refresh token lies open in the store: %s", rec.Value)
	}
	var fields struct {
		Integration, State string
		Sealed             []byte
	}
	if err := json.Unmarshal(rec.Value, &fields); err != nil {
		w.t.Fatal(err)
	}
	if fields.Integration != "contoso" {
		w.t.Errorf("integration = %q, want contoso", fields.Integration)
	}
	if len(fields.Sealed) == 0 {
		return fields.State, "", rec.Version
	}
	plain, err := w.keys.Open(fields.Sealed, "grant", owner)
	if err != nil {
		w.t.Fatal(err)
	}
	return fields.State, string(plain), rec.Version
}

func (w *world) wantStored(owner, wantState, wantToken string) {
	w.t.Helper()
	if state, token, _ := w.stored(owner); state != wantState || token != wantToken {
		w.t.Errorf("stored for %s: %s with %q, want %s with %q", owner, state, token, wantState, wantToken)
	}
}

// idp is a token endpoint. Unless told otherwise it answers the n-th request
// with access-n and refresh-n, good for an hour.
type idp struct {
	*httptest.Server

	mu     sync.Mutex
	calls  []string // refresh tokens received
	asked  []string // claims that came with them
	answer func(w http.ResponseWriter, refreshToken string) (done bool)
}

func newIDP(t *testing.T) *idp {
	p := &idp{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%q,"jwks_uri":%q}`,
			p.URL, p.URL+"/authorize", p.URL+"/token", p.URL+"/keys")
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		token := r.PostFormValue("refresh_token")
		p.mu.Lock()
		p.calls, p.asked = append(p.calls, token), append(p.asked, r.PostFormValue("claims"))
		n, answer := len(p.calls), p.answer
		p.mu.Unlock()
		if answer != nil && answer(w, token) {
			return
		}
		_, _ = fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3600,"access_token":"access-%d","refresh_token":"refresh-%[1]d"}`, n)
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *idp) received() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.calls...)
}

func (p *idp) claims() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}

func (p *idp) set(answer func(w http.ResponseWriter, refreshToken string) (done bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

// mended makes it answer by itself again.
func (p *idp) mended() { p.set(nil) }

// refuses makes it refuse every token.
func (p *idp) refuses(status int, body string) {
	p.set(func(w http.ResponseWriter, _ string) bool {
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
		return true
	})
}

// holds makes it keep requests waiting: each is announced, and answered when
// release is closed.
func (p *idp) holds() (arrived chan string, release chan struct{}) {
	arrived, release = make(chan string, 10), make(chan struct{})
	p.set(func(_ http.ResponseWriter, token string) bool {
		arrived <- token
		<-release
		return false
	})
	return arrived, release
}

// hookedStore asks a hook before it reads and commits, and after it has.
type hookedStore struct {
	store.Store

	mu   sync.Mutex
	hook func(op string) error
}

func (s *hookedStore) before(op string) error {
	s.mu.Lock()
	hook := s.hook
	s.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(op)
}

func (s *hookedStore) set(hook func(op string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

// once has something done at the next op of that kind, and nothing at those that
// it needs itself.
func (s *hookedStore) once(op string, do func()) {
	s.set(func(now string) error {
		if now == op {
			s.set(nil)
			do()
		}
		return nil
	})
}

func (s *hookedStore) Get(ctx context.Context, key string) (store.Record, error) {
	if err := s.before("get"); err != nil {
		return store.Record{}, err
	}
	rec, err := s.Store.Get(ctx, key)
	if err == nil {
		err = s.before("read")
	}
	return rec, err
}

func (s *hookedStore) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	if err := s.before("commit"); err != nil {
		return 0, err
	}
	version, err := s.Store.Commit(ctx, writes...)
	if err == nil {
		err = s.before("committed")
	}
	return version, err
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
