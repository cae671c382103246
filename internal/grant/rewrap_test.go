package grant_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/grant"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
)

// promoted returns the keyset of the world with one more key, which is primary.
func (w *world) promoted() *seal.Keyset {
	w.t.Helper()
	next, err := w.keys.Add()
	if err == nil {
		next, err = next.Promote(next.Newest())
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return next
}

// replaceKeys gives the gateways of the world another keyset.
func (w *world) replaceKeys(next *seal.Keyset) {
	w.t.Helper()
	if err := w.keys.Replace(next); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) wantRewrap(want grant.Rewrapped) {
	w.t.Helper()
	got, err := w.Rewrap(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	wantRewrapped(w.t, got, want)
}

func wantRewrapped(t *testing.T, got, want grant.Rewrapped) {
	t.Helper()
	if got.Resealed != want.Resealed || got.Damaged != want.Damaged ||
		!maps.Equal(got.Sealed, want.Sealed) || !maps.Equal(got.Unopened, want.Unopened) {
		t.Errorf("Rewrap = %+v, want %+v", got, want)
	}
}

func (w *world) wantCounts(want map[uint32]int) {
	w.t.Helper()
	if got, err := w.CountKeys(w.t.Context()); err != nil || !maps.Equal(got, want) {
		w.t.Errorf("CountKeys = %v, %v, want %v", got, err, want)
	}
}

// put writes a record past the keeper.
func (w *world) put(owner string, value []byte) store.Version {
	w.t.Helper()
	version, err := w.store.Commit(w.t.Context(), store.Write{Key: "grant/" + owner, Value: value})
	if err != nil {
		w.t.Fatal(err)
	}
	return version
}

func (w *world) value(owner string) []byte {
	w.t.Helper()
	rec, err := w.store.Get(w.t.Context(), "grant/"+owner)
	if err != nil {
		w.t.Fatal(err)
	}
	return rec.Value
}

// TestRewrap: all that the old key has sealed is sealed with the new one and
// otherwise as it was; what can't be opened stays as it is and is told.
func TestRewrap(t *testing.T) {
	w := newWorld(t)
	w.signIn("tenant.a", "a")
	w.save(w.Keeper, "tenant.b", "b", grant.NoMailbox)
	w.put("tenant.dead", []byte(`{"integration":"contoso","state":"needs_sign_in"}`))
	w.put("tenant.damaged", []byte("{"))
	w.put("tenant.moved", w.value("tenant.a"))
	stranger, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	mine := w.keys
	w.keys = stranger
	w.save(w.keeper(), "tenant.stranger", "stranger", grant.Connected)
	w.keys = mine
	untouched := map[string]store.Version{}
	for _, owner := range []string{"dead", "damaged", "moved", "stranger"} {
		rec, err := w.store.Get(t.Context(), "grant/tenant."+owner)
		if err != nil {
			t.Fatal(err)
		}
		untouched[rec.Key] = rec.Version
	}
	// Another kind of record is none of its business.
	if _, err := w.store.Commit(t.Context(), store.Write{Key: "grants", Value: []byte("x")}); err != nil {
		t.Fatal(err)
	}

	old := w.keys.Primary()
	w.wantRewrap(grant.Rewrapped{
		Sealed: map[uint32]int{old: 3, stranger.Primary(): 1}, Unopened: map[uint32]int{stranger.Primary(): 1},
		Damaged: 1,
	})
	w.replaceKeys(w.promoted())
	w.signIn("tenant.c", "c") // sealed with the new one already
	primary := w.keys.Primary()
	w.wantCounts(map[uint32]int{old: 3, primary: 1, stranger.Primary(): 1})

	rest := grant.Rewrapped{
		Sealed: map[uint32]int{primary: 3, stranger.Primary(): 1}, Unopened: map[uint32]int{stranger.Primary(): 1},
		Damaged: 2,
	}
	first := rest
	first.Resealed = 2
	w.wantRewrap(first)
	w.wantRewrap(rest)
	w.wantCounts(map[uint32]int{old: 1, primary: 3, stranger.Primary(): 1}) // with the damaged one
	w.wantStored("tenant.a", "connected", "refresh-a")
	w.wantStored("tenant.b", "no_mailbox", "refresh-b")
	w.wantStored("tenant.c", "connected", "refresh-c")
	for key, version := range untouched {
		if rec, err := w.store.Get(t.Context(), key); err != nil || rec.Version != version {
			t.Errorf("%s was touched (%v)", key, err)
		}
	}
	if _, err := w.keys.Retire(old, rest.Sealed[old]); err != nil {
		t.Errorf("Retire, where only a damaged grant is sealed with the key = %v", err)
	}
}

// TestRewrapInChunks: broken off and called again, it does the rest.
func TestRewrapInChunks(t *testing.T) {
	w := newWorld(t)
	const owners, few = 450, 100
	for i := range owners {
		w.signIn(fmt.Sprintf("tenant.%03d", i), "saved")
	}
	old := w.keys.Primary()
	w.replaceKeys(w.promoted())
	primary := w.keys.Primary()

	ctx, cancel := context.WithCancel(t.Context())
	commits := 0
	w.store.set(func(op string) error {
		if op == "committed" {
			if commits++; commits == few {
				cancel()
			}
		}
		return nil
	})
	first, err := w.Rewrap(ctx)
	if !errors.Is(err, context.Canceled) || first.Resealed != few || first.Sealed[primary] != few {
		t.Fatalf("Rewrap = %+v, %v, want a part and context.Canceled", first, err)
	}
	w.wantCounts(map[uint32]int{old: owners - few, primary: few})
	w.wantRewrap(grant.Rewrapped{Resealed: owners - few, Sealed: map[uint32]int{primary: owners}})
	w.wantCounts(map[uint32]int{primary: owners})
}

func TestRewrapStoreFails(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.replaceKeys(w.promoted())
	w.store.set(func(op string) error {
		if op == "commit" {
			return store.ErrFull
		}
		return nil
	})
	if r, err := w.Rewrap(t.Context()); !errors.Is(err, store.ErrFull) || r.Resealed != 0 {
		t.Errorf("Rewrap = %+v, %v, want ErrFull", r, err)
	}
}

// TestRewrapMeanwhile: whatever is done to a grant while it is sealed anew stands.
func TestRewrapMeanwhile(t *testing.T) {
	for name, tt := range map[string]struct {
		meanwhile    func(w *world, other *grant.Keeper)
		resealed     int
		state, token string
	}{
		"a sign-in on a gateway that has the old keyset": {
			func(w *world, other *grant.Keeper) { w.save(other, alice, "new", grant.NoMailbox) }, 1, "no_mailbox", "refresh-new",
		},
		"a refresh there": {
			func(w *world, other *grant.Keeper) { w.wantToken(other, alice, "", "access-1") }, 1, "connected", "refresh-1",
		},
		"a sign-in here": {
			func(w *world, _ *grant.Keeper) { w.signIn(alice, "new") }, 0, "connected", "refresh-new",
		},
		"it goes": {
			func(w *world, _ *grant.Keeper) {
				if _, err := w.store.Commit(w.t.Context(), store.Write{Key: "grant/" + alice, Op: store.Delete}); err != nil {
					w.t.Error(err)
				}
			}, 0, "", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.signIn(alice, "saved")
			w.advance(time.Hour)
			next := w.promoted()
			old := w.keys
			other := w.keeper()
			w.keys = next
			w.Keeper = w.keeper()
			w.store.set(func(op string) error {
				if op == "commit" {
					w.store.set(nil)
					tt.meanwhile(w, other)
				}
				return nil
			})
			r, err := w.Rewrap(t.Context())
			if err != nil || r.Resealed != tt.resealed {
				t.Errorf("Rewrap = %+v, %v, want %d resealed", r, err, tt.resealed)
			}
			if got := r.Sealed[old.Primary()]; got != 0 {
				t.Errorf("%d are left with the old key", got)
			}
			if tt.state != "" {
				w.wantStored(alice, tt.state, tt.token)
			}
		})
	}
}

// TestRefreshDuringRewrap: a new refresh token isn't dropped because the grant
// was sealed anew while Microsoft was asked for it.
func TestRefreshDuringRewrap(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	arrived, release := w.idp.holds()
	got := make(chan string, 1)
	go func() {
		token, err := w.Token(context.Background(), alice, grant.Ask{})
		if err != nil {
			t.Error(err)
		}
		got <- token
	}()
	<-arrived
	w.replaceKeys(w.promoted())
	w.wantRewrap(grant.Rewrapped{
		Resealed: 1, Sealed: map[uint32]int{w.keys.Primary(): 1},
	})
	close(release)
	if token := <-got; token != "access-1" {
		t.Errorf("Token = %q, want access-1", token)
	}
	w.wantStored(alice, "connected", "refresh-1")
}

// TestKeyMissing: a grant sealed with a key that the keyset doesn't have is the
// operator's matter. It is neither called dead nor touched, and works at once when
// the keyset is completed.
func TestKeyMissing(t *testing.T) {
	w := newWorld(t)
	complete := w.promoted()
	incomplete := w.keys
	w.keys = complete
	w.save(w.keeper(), alice, "saved", grant.Connected)
	_, _, before := w.stored(alice)
	w.advance(time.Hour)

	w.keys = incomplete
	k := w.keeper()
	c, err := k.Connection(t.Context(), alice)
	if err != nil || c.State() != grant.Unavailable {
		t.Errorf("Connection = %v, %v, want unavailable", c.State(), err)
	}
	for range 2 {
		_, err := k.Token(t.Context(), alice, grant.Ask{})
		if !errors.Is(err, grant.ErrIntegrationDown) || !errors.Is(err, seal.ErrWrongKey) || errors.Is(err, grant.ErrNeedsSignIn) {
			t.Errorf("Token = %v, want ErrIntegrationDown around ErrWrongKey", err)
		}
		if got := c.State(); got != grant.Unavailable {
			t.Errorf("State = %s, want unavailable", got)
		}
	}
	r, err := k.Rewrap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	missing := map[uint32]int{complete.Primary(): 1}
	wantRewrapped(t, r, grant.Rewrapped{Sealed: missing, Unopened: missing})
	w.wantCalls()

	if n := strings.Count(w.log.String(), "a grant can't be opened"); n != 1 {
		t.Errorf("told %d times that it can't be opened, want once", n)
	}

	w.replaceKeys(complete)
	k.KeysChanged()
	if _, _, after := w.stored(alice); after != before {
		t.Error("the record was written")
	}
	w.wantToken(k, alice, "", "access-1")
	if got := c.State(); got != grant.Connected {
		t.Errorf("State = %s, want connected", got)
	}
}

// TestKeyMissingIsLookedAtAgain: what was seen while a key was missing is not
// remembered.
func TestKeyMissingIsLookedAtAgain(t *testing.T) {
	w := newWorld(t)
	complete := w.promoted()
	incomplete := w.keys
	w.keys = complete
	w.save(w.keeper(), alice, "saved", grant.NoMailbox)
	w.keys = incomplete
	k := w.keeper()
	for _, want := range []grant.State{grant.Unavailable, grant.NoMailbox} {
		if c, err := k.Connection(t.Context(), alice); err != nil || c.State() != want {
			t.Errorf("Connection = %v, %v, want %s", c.State(), err, want)
		}
		w.replaceKeys(complete)
	}
}

// TestSealedAheadMeanwhile: what Microsoft gives while another gateway seals the
// grant with a key that this one doesn't have yet is not lost: it is used, and kept
// once the key is there.
func TestSealedAheadMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.signIn(alice, "saved")
	w.advance(time.Hour)
	mine, next := w.keys, w.promoted()
	w.idp.set(func(http.ResponseWriter, string) bool {
		w.keys = next
		defer func() { w.keys = mine }()
		if _, err := w.keeper().Rewrap(t.Context()); err != nil {
			t.Error(err)
		}
		return false
	})
	w.wantToken(w.Keeper, alice, "", "access-1")
	w.advance(time.Hour)
	if _, err := w.Token(t.Context(), alice, grant.Ask{}); !errors.Is(err, grant.ErrIntegrationDown) {
		t.Errorf("Token = %v, want ErrIntegrationDown: what is in the store may be used up", err)
	}
	w.replaceKeys(next)
	w.KeysChanged()
	w.idp.mended()
	w.wantToken(w.Keeper, alice, "", "access-2")
	w.wantCalls("refresh-saved", "refresh-1")
}
