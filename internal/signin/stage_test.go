package signin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/offboard"
	"github.com/onesgate/onesgate/internal/people"
	"github.com/onesgate/onesgate/internal/rooms"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/badgerstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// broken is a store that can be made to fail.
type broken struct {
	store.Store
	fails atomic.Bool
}

var errBroken = errors.New("the store is broken")

func (b *broken) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	if b.fails.Load() {
		return 0, errBroken
	}
	return b.Store.Commit(ctx, writes...)
}

func (b *broken) Get(ctx context.Context, key string) (store.Record, error) {
	if b.fails.Load() {
		return store.Record{}, errBroken
	}
	return b.Store.Get(ctx, key)
}

// stage is a gate with somebody signed in.
type stage struct {
	*Gate
	store  *broken
	cookie string
	reach  []*http.Request // what got through
}

func newStage(t testing.TB, change func(*GateConfig)) *stage {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	bs, err := badgerstore.Open(badgerstore.Options{Dir: t.TempDir(), MinFree: 1, Log: quiet, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bs.Close() })
	st := &stage{store: &broken{Store: bs}}
	keys, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	sessions := session.New(st.store, time.Now, quiet, func() time.Duration { return 0 })
	t.Cleanup(sessions.Close)
	grants := grant.New(grant.Config{
		Store: st.store, Seal: keys, Log: quiet, Now: time.Now,
		Client: func(name string) (*entra.Client, bool) {
			i, ok := st.site.integration(name)
			return i.Entra, ok
		},
	})
	t.Cleanup(grants.Close)
	ring, err := identity.NewRing(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	signer := identity.NewSigner(func() *identity.Ring { return ring }, "https://ones.example", "https://ones.example")
	public, err := ParsePublic([]string{"/display/*"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := GateConfig{Public: public, Life: session.Life{Idle: time.Hour, Max: time.Hour}, Signer: signer}
	if change != nil {
		change(&cfg)
	}
	office := offboard.New(offboard.Config{Sessions: sessions, Grants: grants, Audit: quiet})
	site := New(Config{
		PublicURL: &url.URL{Scheme: "https", Host: "ones.example"}, Store: st.store,
		Integrations: []Integration{{Name: "contoso", Label: "Sign in", Entra: ofTenant(t, "TID")}}, // a GUID in either case
		Seal:         keys, Sessions: sessions,
		People: people.New(st.store, time.Now), Grants: grants, RoomAccounts: rooms.New(st.store, grants), Log: quiet, Audit: quiet, Now: time.Now,
		Ready: func() error { return nil }, SignedIn: func(string) {},
		Disconnect: func(ctx context.Context, id string) error {
			_, err := office.Disconnect(ctx, id, offboard.ByThemselves)
			return err
		},
	})
	st.Gate = site.Gate(cfg)
	alice := &identity.Person{ID: "tid.alice", TenantID: "tid", Integration: "contoso", Email: "alice@contoso.example", Name: "Alice"}
	if st.cookie, _, err = sessions.Start(t.Context(), session.Opening{Person: alice, Life: cfg.Life}); err != nil {
		t.Fatal(err)
	}
	return st
}

// ofTenant is a client that asks nobody.
func ofTenant(t testing.TB, id string) *entra.Client {
	t.Helper()
	p := entra.NewProvider("https://idp.example", http.DefaultClient, time.Now)
	t.Cleanup(p.Close)
	return entra.NewClient(entra.Config{TenantID: id}, p, slog.New(slog.DiscardHandler))
}

// ofDomainInOutage is a client that can't ask whose domain it was given.
func ofDomainInOutage(t testing.TB) *entra.Client {
	t.Helper()
	away := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("away") })}
	p := entra.NewProvider("https://login.microsoftonline.com/contoso.com/v2.0", away, time.Now)
	t.Cleanup(p.Close)
	return entra.NewClient(entra.Config{}, p, slog.New(slog.DiscardHandler))
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// send sends a request to the gate. Headers come in pairs; cookie signs in.
func (st *stage) send(t testing.TB, method, target string, signedIn bool, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	if signedIn {
		r.Header.Add("Cookie", "a=1; __Host-onesgate="+st.cookie)
	}
	w := httptest.NewRecorder()
	if err := st.Serve(w, r, r.URL, st.next); err != nil {
		t.Fatal(err)
	}
	return w
}

func (st *stage) next(w http.ResponseWriter, r *http.Request) error {
	st.reach = append(st.reach, r)
	_, err := io.WriteString(w, "ones")
	return err
}
