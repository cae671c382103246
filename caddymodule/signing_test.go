package caddymodule

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/identity"
	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
)

// keyIDs are the names of the keys in a ring, the oldest first.
func keyIDs(r *identity.Ring) string {
	var ids []string
	for _, k := range r.Keys().Keys {
		ids = append(ids, k.KeyID)
	}
	return strings.Join(ids, " ")
}

// TestAssertionKeysOnOneStore: gateways on one store sign with the same keys, also
// where both find at once that one is due, and go on with them after a restart.
func TestAssertionKeysOnOneStore(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	ctx := t.Context()
	first := e.signing.Load()
	due := time.Now().Add(identity.KeyLife)
	var faster *identity.Ring
	raced := &racedStore{Store: e.store, before: func() {
		var err error
		if faster, err = keepAssertionKeys(ctx, e.store, e.keys, due); err != nil {
			t.Fatal(err)
		}
	}}
	slower, err := keepAssertionKeys(ctx, raced, e.keys, due)
	if err != nil || faster == nil || keyIDs(slower) != keyIDs(faster) {
		t.Fatalf("two gateways have %v and %v, %v", slower, faster, err)
	}
	if old, next, _ := strings.Cut(keyIDs(slower), " "); old != keyIDs(first) || next == "" || next == old {
		t.Errorf("keys %s, want %s and another one", keyIDs(slower), keyIDs(first))
	}
	st.release(e, s)
	e = st.acquire(s)
	defer st.release(e, s)
	if got := keyIDs(e.signing.Load()); got != keyIDs(slower) {
		t.Errorf("after a restart: %s, want %s", got, keyIDs(slower))
	}
}

// TestAssertionKeyOfBefore: a store that has a single key, as it was kept before
// there were several, goes on with it.
func TestAssertionKeyOfBefore(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	want, err := identity.ParseRing(der)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := e.keys.Seal(der, signingKey, signingKey)
	if err != nil {
		t.Fatal(err)
	}
	put(t, e.store, signingKey, string(sealed))
	if fate, err := restoreRule(e.keys)(store.Record{Key: signingKey, Value: sealed}); err != nil || fate.LeftOut {
		t.Errorf("it is not restored from a backup: %v", err)
	}
	now := time.Now()
	for after, keys := range []int{1, 1, 2} { // its life begins now
		ring, err := keepAssertionKeys(t.Context(), e.store, e.keys, now.Add(time.Duration(after)*identity.KeyLife/2))
		if err != nil || len(ring.Keys().Keys) != keys || !strings.HasPrefix(keyIDs(ring), keyIDs(want)) {
			t.Fatalf("after %d half lives: %v, %v; want %d keys that begin with %s", after, ring, err, keys, keyIDs(want))
		}
	}
}

// TestFollowAssertionKeys: what another gateway has put into the store is used
// here, and nothing is lost while the store or the keyset fails.
func TestFollowAssertionKeys(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	looks := &looked{Store: e.store, looks: make(chan struct{})}
	e.store = looks
	defer func() { e.store = looks.Store }()
	var log bytes.Buffer
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.followAssertionKeys(ctx, time.Millisecond, slog.New(slog.NewTextHandler(&log, nil)))
	}()
	// Two looks: what the first one has found is taken when the second begins.
	look := func() { <-looks.looks; <-looks.looks }

	before := keyIDs(e.signing.Load())
	look()
	if got := keyIDs(e.signing.Load()); got != before {
		t.Errorf("keys %s, want %s as long as nothing is due", got, before)
	}
	looks.fails.Store(true)
	look()
	if got := keyIDs(e.signing.Load()); got != before {
		t.Errorf("keys %s, want %s while the store is away", got, before)
	}
	looks.fails.Store(false)
	next, err := keepAssertionKeys(ctx, looks.Store, e.keys, time.Now().Add(identity.KeyLife))
	if err != nil {
		t.Fatal(err)
	}
	look()
	if got := keyIDs(e.signing.Load()); got != keyIDs(next) {
		t.Errorf("keys %s, want %s, which another gateway has made", got, keyIDs(next))
	}
	stop()
	<-ended
	if got := strings.Count(log.String(), "can't be looked at"); got != 1 {
		t.Errorf("the log tells %d times that it failed, want once:\n%s", got, &log)
	}
}

// looked is a store that waits before each look at the keys that somebody takes
// notice, and can be away.
type looked struct {
	store.Store
	looks chan struct{}
	fails atomic.Bool
}

func (l *looked) Get(ctx context.Context, key string) (store.Record, error) {
	if key == signingKey {
		select {
		case l.looks <- struct{}{}:
		case <-ctx.Done():
		}
		if l.fails.Load() {
			return store.Record{}, errors.New("the store is away")
		}
	}
	return l.Store.Get(ctx, key)
}

// changed returns what one step of a rotation makes of a keyset.
func changed(t *testing.T) func(*seal.Keyset, error) *seal.Keyset {
	return func(k *seal.Keyset, err error) *seal.Keyset {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
}

// TestRewrapAssertionKeys: a whole rotation leaves the keys that sign assertions
// what they are.
func TestRewrapAssertionKeys(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	must, ctx := changed(t), t.Context()
	old := e.keys.Primary()

	keys := must(e.keys.Add())
	keys = must(keys.Promote(keys.Newest()))
	if err := e.keys.Replace(keys); err != nil {
		t.Fatal(err)
	}
	wantCount := func(want map[uint32]int) {
		t.Helper()
		got, err := countKeys(ctx, e.store, e.grants)
		if err != nil || len(got) != len(want) || got[old] != want[old] || got[keys.Primary()] != want[keys.Primary()] {
			t.Errorf("records by key = %v, %v, want %v", got, err, want)
		}
	}
	wantCount(map[uint32]int{old: 1})
	for _, want := range []bool{true, false} {
		if resealed, err := rewrapAssertionKeys(ctx, e.store, e.keys); err != nil || resealed != want {
			t.Errorf("rewrapAssertionKeys = %v, %v, want %v", resealed, err, want)
		}
	}
	wantCount(map[uint32]int{keys.Primary(): 1})
	if err := e.keys.Replace(must(keys.Retire(old, 0))); err != nil {
		t.Fatal(err)
	}
	if ring, err := keepAssertionKeys(ctx, e.store, e.keys, time.Now()); err != nil || keyIDs(ring) != keyIDs(e.signing.Load()) {
		t.Errorf("keepAssertionKeys after the rotation: %v, want the key from before", err)
	}
}

// TestRewrapAssertionKeysMeanwhile: another gateway that does the same is no harm.
func TestRewrapAssertionKeysMeanwhile(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	must, ctx := changed(t), t.Context()
	keys := must(e.keys.Add())
	keys = must(keys.Promote(keys.Newest()))
	raced := &racedStore{Store: e.store, before: func() {
		if resealed, err := rewrapAssertionKeys(ctx, e.store, keys); err != nil || !resealed {
			t.Errorf("rewrapAssertionKeys of the faster one = %v, %v", resealed, err)
		}
	}}
	if resealed, err := rewrapAssertionKeys(ctx, raced, keys); err != nil || resealed {
		t.Errorf("rewrapAssertionKeys = %v, %v, want that it was done already", resealed, err)
	}
	if ring, err := keepAssertionKeys(ctx, e.store, keys, time.Now()); err != nil || keyIDs(ring) != keyIDs(e.signing.Load()) {
		t.Errorf("keepAssertionKeys: %v, want the key from before", err)
	}
}

// TestRewrapAssertionKeysOfAnother: what the keyset can't open stays as it is.
func TestRewrapAssertionKeysOfAnother(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	before, err := e.store.Get(t.Context(), signingKey)
	if err != nil {
		t.Fatal(err)
	}
	other := changed(t)(seal.New())
	if _, err := rewrapAssertionKeys(t.Context(), e.store, other); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("rewrapAssertionKeys = %v, want ErrWrongKey", err)
	}
	if after, err := e.store.Get(t.Context(), signingKey); err != nil || after.Version != before.Version || !bytes.Equal(after.Value, before.Value) {
		t.Errorf("the record was changed (%v)", err)
	}
}

// racedStore lets somebody in before its first commit.
type racedStore struct {
	store.Store
	before func()
}

func (s *racedStore) Commit(ctx context.Context, writes ...store.Write) (store.Version, error) {
	if before := s.before; before != nil {
		s.before = nil
		before()
	}
	return s.Store.Commit(ctx, writes...)
}
