package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/onesgate/onesgate/internal/seal"
	"github.com/onesgate/onesgate/internal/store"
)

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

// TestRewrapAssertionKey: a whole rotation leaves the key that signs assertions
// what it is.
func TestRewrapAssertionKey(t *testing.T) {
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
		if resealed, err := rewrapAssertionKey(ctx, e.store, e.keys); err != nil || resealed != want {
			t.Errorf("rewrapAssertionKey = %v, %v, want %v", resealed, err, want)
		}
	}
	wantCount(map[uint32]int{keys.Primary(): 1})
	if err := e.keys.Replace(must(keys.Retire(old, 0))); err != nil {
		t.Fatal(err)
	}
	if key, err := assertionKey(ctx, e.store, e.keys); err != nil || !key.Equal(e.signing) {
		t.Errorf("assertionKey after the rotation: %v, want the key from before", err)
	}
}

// TestRewrapAssertionKeyMeanwhile: another gateway that does the same is no harm.
func TestRewrapAssertionKeyMeanwhile(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	must, ctx := changed(t), t.Context()
	keys := must(e.keys.Add())
	keys = must(keys.Promote(keys.Newest()))
	raced := &racedStore{Store: e.store, before: func() {
		if resealed, err := rewrapAssertionKey(ctx, e.store, keys); err != nil || !resealed {
			t.Errorf("rewrapAssertionKey of the faster one = %v, %v", resealed, err)
		}
	}}
	if resealed, err := rewrapAssertionKey(ctx, raced, keys); err != nil || resealed {
		t.Errorf("rewrapAssertionKey = %v, %v, want that it was done already", resealed, err)
	}
	if key, err := assertionKey(ctx, e.store, keys); err != nil || !key.Equal(e.signing) {
		t.Errorf("assertionKey: %v, want the key from before", err)
	}
}

// TestRewrapAssertionKeyOfAnother: what the keyset can't open stays as it is.
func TestRewrapAssertionKeyOfAnother(t *testing.T) {
	st := newStage(t)
	s := settingsOf("")
	e := st.acquire(s)
	defer st.release(e, s)
	before, err := e.store.Get(t.Context(), signingKey)
	if err != nil {
		t.Fatal(err)
	}
	other := changed(t)(seal.New())
	if _, err := rewrapAssertionKey(t.Context(), e.store, other); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("rewrapAssertionKey = %v, want ErrWrongKey", err)
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
