package rooms

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/onesgate/onesgate/internal/entra"
	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
	"github.com/onesgate/onesgate/internal/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// full is a store that can be made to take nothing.
type full struct {
	*memstore.Store
	is bool
}

func (f *full) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	if f.is {
		return 0, store.ErrFull
	}
	return f.Store.Commit(ctx, writes...)
}

func newAccounts(t *testing.T) (*Accounts, *full, *grant.Keeper) {
	t.Helper()
	keys, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	s := &full{Store: memstore.New(func() time.Time { return noon })}
	grants := newGrants(t, s, keys)
	return New(s, grants), s, grants
}

func newGrants(t *testing.T, s store.Store, keys *seal.Keyset) *grant.Keeper {
	t.Helper()
	grants := grant.New(grant.Config{
		Store: s, Seal: keys, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon },
		Client: func(string) (*entra.Client, bool) { return nil, false },
	})
	t.Cleanup(grants.Close)
	return grants
}

func tokens(name string) entra.Tokens {
	return entra.Tokens{Access: "access-" + name, Refresh: "refresh-" + name, Expires: noon.Add(time.Hour)}
}

func TestConnectAndDisconnect(t *testing.T) {
	a, s, grants := newAccounts(t)
	ctx, owner := t.Context(), GrantOwner("contoso", "boardroom")
	wants := func(want Account, token string) {
		t.Helper()
		got, state, err := a.Get(ctx, "contoso", "boardroom")
		if err != nil || state != grant.Connected || cmp.Diff(want, got) != "" {
			t.Errorf("Get = %v, %s, %v, want %v", got, state, err, want)
		}
		if got, err := grants.Token(ctx, owner, grant.Ask{}); err != nil || got != token {
			t.Errorf("Token = %q, %v, want %q", got, err, token)
		}
	}
	wantsNone := func() {
		t.Helper()
		if _, _, err := a.Get(ctx, "contoso", "boardroom"); !errors.Is(err, ErrNotConnected) {
			t.Errorf("Get = %v, want ErrNotConnected", err)
		}
		if _, err := a.Disconnect(ctx, "contoso", "boardroom"); !errors.Is(err, ErrNotConnected) {
			t.Errorf("Disconnect = %v, want ErrNotConnected", err)
		}
		if _, err := grants.Token(ctx, owner, grant.Ask{}); !errors.Is(err, grant.ErrNeedsSignIn) {
			t.Errorf("Token = %v, want ErrNeedsSignIn", err)
		}
	}
	wantsNone()
	first := Account{PersonID: "tid.room", Mailbox: "boardroom@contoso.example", Name: "Boardroom", ConnectedBy: "tid.alice", ConnectedAt: noon}
	if err := a.Connect(ctx, "contoso", "boardroom", first, tokens("first")); err != nil {
		t.Fatal(err)
	}
	wants(first, "access-first")
	if _, _, err := a.Get(ctx, "contoso", "harbour"); !errors.Is(err, ErrNotConnected) {
		t.Errorf("another room: %v", err)
	}
	second := Account{PersonID: "tid.service", ConnectedBy: "tid.bob", ConnectedAt: noon.Add(time.Hour)}
	s.is = true
	if err := a.Connect(ctx, "contoso", "boardroom", second, tokens("second")); !errors.Is(err, store.ErrFull) {
		t.Errorf("Connect = %v, want ErrFull", err)
	}
	if _, err := a.Disconnect(ctx, "contoso", "boardroom"); !errors.Is(err, store.ErrFull) {
		t.Errorf("Disconnect = %v, want ErrFull", err)
	}
	s.is = false
	wants(first, "access-first")
	got, stands, err := a.Standing(ctx, "contoso", "boardroom")
	if err != nil || got != first {
		t.Errorf("Standing = %v, %v, want %v", got, err, first)
	}
	if _, err := s.Commit(ctx, stands); err != nil {
		t.Errorf("it does not stand: %v", err)
	}
	if err := a.Connect(ctx, "contoso", "boardroom", second, tokens("second")); err != nil {
		t.Fatal(err)
	}
	wants(second, "access-second")
	if _, err := s.Commit(ctx, stands); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the account before stands still: %v", err)
	}
	if was, err := a.Disconnect(ctx, "contoso", "boardroom"); err != nil || was != second {
		t.Errorf("Disconnect = %v, %v, want %v", was, err, second)
	}
	wantsNone()
	if _, _, err := a.Standing(ctx, "contoso", "boardroom"); !errors.Is(err, ErrNotConnected) {
		t.Errorf("Standing = %v, want ErrNotConnected", err)
	}
	// Nothing of the tokens is left.
	if err := s.Snapshot(ctx, func(r store.Record) error {
		if strings.HasPrefix(r.Key, "room-account/") || strings.HasPrefix(r.Key, "grant/") {
			t.Errorf("%s is still there: %s", r.Key, r.Value)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// A room that is connected with another account is no longer looked into with the one
// before, by no gateway.
func TestConnectInPlaceOfAnother(t *testing.T) {
	ctx, owner := t.Context(), GrantOwner("contoso", "boardroom")
	a, s, _ := newAccounts(t)
	keys, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	other := newGrants(t, s, keys)
	b := New(s, other)
	if err := b.Connect(ctx, "contoso", "boardroom", Account{PersonID: "tid.first"}, tokens("first")); err != nil {
		t.Fatal(err)
	}
	from, err := s.Last(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Connect(ctx, "contoso", "boardroom", Account{PersonID: "tid.second"}, tokens("second")); err != nil {
		t.Fatal(err)
	}
	heard, err := s.Follow(ctx, from, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, announced := range heard {
		switch announced.Topic {
		case grant.Topic:
			other.Heard(announced.Value)
		case grant.GoneTopic:
			other.HeardGone(announced.Value)
		}
	}
	if token, err := other.Token(ctx, owner, grant.Ask{}); err == nil {
		t.Errorf("another gateway still has %q", token)
	}
}

func TestOfGrant(t *testing.T) {
	integration, room, ok := OfGrant(GrantOwner("contoso", "boardroom"))
	if integration != "contoso" || room != "boardroom" || !ok {
		t.Errorf("OfGrant = %q, %q, %t", integration, room, ok)
	}
	for _, other := range []string{"t.alice", "room:", ""} {
		if _, _, ok := OfGrant(other); ok {
			t.Errorf("%q is the owner of a room's grant", other)
		}
	}
}

func TestAccountsOfAPerson(t *testing.T) {
	a, s, _ := newAccounts(t)
	ctx := t.Context()
	want := []Connected{
		{Integration: "contoso", Room: "boardroom", Account: Account{PersonID: "tid.room", ConnectedBy: "tid.alice", ConnectedAt: noon}},
		{Integration: "contoso", Room: "harbour", Account: Account{PersonID: "tid.alice", Mailbox: "alice@contoso.example", ConnectedBy: "tid.bob", ConnectedAt: noon}},
		{Integration: "fabrikam", Room: "boardroom", Account: Account{PersonID: "tid.room", ConnectedBy: "tid.bob", ConnectedAt: noon}},
	}
	if all, err := a.All(ctx); err != nil || len(all) != 0 {
		t.Errorf("All = %v, %v before any", all, err)
	}
	for _, c := range want {
		if err := a.Connect(ctx, c.Integration, c.Room, c.Account, tokens(c.Room)); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := a.All(ctx); err != nil || cmp.Diff(want, all) != "" {
		t.Errorf("All = %v, %v", all, err)
	}
	for _, c := range want {
		if err := a.ForgetAdmin(ctx, c.Integration, c.Room, "tid.alice"); err != nil {
			t.Errorf("%s: %v", c.Room, err)
		}
	}
	want[0].ConnectedBy = ""
	if all, err := a.All(ctx); err != nil || cmp.Diff(want, all) != "" {
		t.Errorf("All = %v, %v afterwards", all, err)
	}
	if err := a.ForgetAdmin(ctx, "contoso", "nothing", "tid.alice"); err != nil {
		t.Errorf("a room without an account: %v", err)
	}
	if err := s.Snapshot(ctx, func(r store.Record) error {
		if strings.Contains(r.Key, "nothing") {
			t.Errorf("%s was made", r.Key)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
