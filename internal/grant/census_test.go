package grant_test

import (
	"errors"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/store"
)

// A census meets each grant in the state that its owner is told, once they have asked.
func TestStateOf(t *testing.T) {
	w := newWorld(t)
	count := func() map[grant.Counted]int {
		t.Helper()
		found := map[grant.Counted]int{}
		if err := w.store.Snapshot(t.Context(), func(r store.Record) error {
			if c, ok := grant.StateOf(r); ok {
				found[c]++
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return found
	}
	w.signIn(alice, "saved")
	w.save(w.Keeper, "tenant.bob", "bob", grant.NoMailbox)
	for _, key := range []string{"grant/tenant.damaged", "grants", "person/tenant.alice"} {
		if _, err := w.store.Commit(t.Context(), store.Write{Key: key, Value: []byte("{")}); err != nil {
			t.Fatal(err)
		}
	}
	is := func(found map[grant.Counted]int, state grant.State) {
		t.Helper()
		if len(found) != 2 || found[grant.Counted{Owner: alice, Integration: "contoso", State: state}] != 1 ||
			found[grant.Counted{Owner: "tenant.bob", Integration: "contoso", State: grant.NoMailbox}] != 1 {
			t.Errorf("counted %v, want alice who is %s and bob without a mailbox", found, state)
		}
	}
	is(count(), grant.Connected)
	w.advance(time.Hour)
	w.idp.refuses(400, refusedDead)
	if _, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrNeedsSignIn) {
		t.Fatal(err)
	}
	is(count(), grant.NeedsSignIn)
}

// A summary tells what the owner is told, and remembers nothing.
func TestSummary(t *testing.T) {
	w := newWorld(t)
	want := func(want grant.Summary) {
		t.Helper()
		got, err := w.Summary(t.Context(), alice)
		if err != nil || got.State != want.State || !got.Begun.Equal(want.Begun) || !got.Renewed.Equal(want.Renewed) || !got.Since.Equal(want.Since) || got.Reason != want.Reason {
			t.Errorf("Summary = %+v, %v, want %+v", got, err, want)
		}
	}
	want(grant.Summary{State: grant.NeedsSignIn})
	w.signIn(alice, "saved")
	want(grant.Summary{State: grant.Connected, Since: noon, Begun: noon, Renewed: noon})
	if got, err := w.Summary(t.Context(), alice); err != nil || len(got.Scopes) == 0 {
		t.Errorf("Summary tells no scopes: %+v, %v", got, err)
	}
	w.advance(time.Hour)
	w.wantToken(w.Keeper, alice, "", "access-1")
	later := noon.Add(time.Hour)
	want(grant.Summary{State: grant.Connected, Since: noon, Begun: noon, Renewed: later})
	w.idp.refuses(502, "")
	if _, err := w.Token(t.Context(), alice, grant.Ask{Stale: "access-1"}); !errors.Is(err, grant.ErrUnavailable) {
		t.Fatal(err)
	}
	want(grant.Summary{State: grant.Unavailable, Since: noon, Begun: noon, Renewed: later})
	for owner, want := range map[string]grant.State{alice: grant.Connected, "tenant.nobody": grant.NeedsSignIn} {
		if got, err := w.Stored(t.Context(), owner); err != nil || got != want {
			t.Errorf("Stored of %s = %s, %v, want %s: an outage is not in the store", owner, got, err, want)
		}
	}
	w.advance(time.Minute)
	w.idp.refuses(400, refusedDead)
	if _, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrNeedsSignIn) {
		t.Fatal(err)
	}
	want(grant.Summary{
		State: grant.NeedsSignIn, Since: later.Add(time.Minute), Begun: noon, Renewed: later, Reason: "invalid_grant AADSTS50173; the connection has ended, the person has to sign in again",
	})
}
