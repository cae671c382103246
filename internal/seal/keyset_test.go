package seal_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/seal"
	"pgregory.net/rapid"
)

func newKeyset(t testing.TB) *seal.Keyset {
	t.Helper()
	k, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustSeal(t testing.TB, k *seal.Keyset, plain, kind, id string) []byte {
	t.Helper()
	sealed, err := k.Seal([]byte(plain), kind, id)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestRoundTrip(t *testing.T) {
	k := newKeyset(t)
	for _, plain := range []string{"", "refresh token", strings.Repeat("x", 1<<16)} {
		sealed := mustSeal(t, k, plain, "grant", "alice")
		if plain != "" && bytes.Contains(sealed, []byte(plain)) {
			t.Errorf("Seal(%.20q) shows the plain text", plain)
		}
		if got, want := len(sealed), len(plain)+45; got != want {
			t.Errorf("Seal(%.20q) is %d bytes long, want %d", plain, got, want)
		}
		got, err := k.Open(sealed, "grant", "alice")
		if err != nil || string(got) != plain {
			t.Errorf("Open(Seal(%.20q)) = %.20q, %v", plain, got, err)
		}
	}
	if bytes.Equal(mustSeal(t, k, "a", "grant", "alice"), mustSeal(t, k, "a", "grant", "alice")) {
		t.Error("sealed twice, the same plain text gives the same bytes")
	}
}

// TestRoundTripProperty: open(seal(x)) == x, whatever x is and whosever.
func TestRoundTripProperty(t *testing.T) {
	k := newKeyset(t)
	rapid.Check(t, func(rt *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(rt, "plain")
		kind, id := rapid.String().Draw(rt, "kind"), rapid.String().Draw(rt, "id")
		sealed, err := k.Seal(plain, kind, id)
		if err != nil {
			rt.Fatal(err)
		}
		if by, ok := seal.KeyOf(sealed); !ok || by != k.Primary() {
			rt.Errorf("KeyOf = %d, %v, want the primary key %d", by, ok, k.Primary())
		}
		if got, err := k.Open(sealed, kind, id); err != nil || !bytes.Equal(got, plain) {
			rt.Errorf("Open(Seal(%x)) = %x, %v", plain, got, err)
		}
	})
}

// TestMovedRecord: what was sealed for one record opens as no other, also where
// kind and id joined are the same.
func TestMovedRecord(t *testing.T) {
	k := newKeyset(t)
	sealed := mustSeal(t, k, "secret", "grant", "alice")
	for _, to := range []struct{ kind, id string }{
		{"grant", "bob"},
		{"session", "alice"},
		{"granta", "lice"},
		{"", "grantalice"},
		{"grant", ""},
		{"alice", "grant"},
	} {
		if _, err := k.Open(sealed, to.kind, to.id); !errors.Is(err, seal.ErrTampered) {
			t.Errorf("Open as %q, %q = %v, want ErrTampered", to.kind, to.id, err)
		}
	}
}

func TestTampered(t *testing.T) {
	k := newKeyset(t)
	sealed := mustSeal(t, k, "secret", "grant", "alice")
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		want := seal.ErrTampered
		if 1 <= i && i <= 4 { // the key's id
			want = seal.ErrWrongKey
		}
		if _, err := k.Open(changed, "grant", "alice"); !errors.Is(err, want) {
			t.Errorf("Open with byte %d changed = %v, want %v", i, err, want)
		}
		if _, err := k.Open(sealed[:i], "grant", "alice"); !errors.Is(err, seal.ErrTampered) {
			t.Errorf("Open of the first %d bytes = %v, want ErrTampered", i, err)
		}
	}
}

func TestOtherKeyset(t *testing.T) {
	sealed := mustSeal(t, newKeyset(t), "secret", "grant", "alice")
	if _, err := newKeyset(t).Open(sealed, "grant", "alice"); !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("Open with another keyset = %v, want ErrWrongKey", err)
	}
}

func FuzzOpen(f *testing.F) {
	k := newKeyset(f)
	sealed := mustSeal(f, k, "secret", "grant", "alice")
	f.Add(sealed, "grant", "alice")
	f.Add(sealed[:5], "grant", "alice")
	f.Add(sealed[:4], "", "")
	f.Add([]byte{}, "grant", "bob")
	f.Fuzz(func(t *testing.T, b []byte, kind, id string) {
		plain, err := k.Open(b, kind, id)
		switch {
		case err == nil:
			if !bytes.Equal(b, sealed) || kind != "grant" || id != "alice" || string(plain) != "secret" {
				t.Errorf("Open(%x, %q, %q) = %q: a forgery", b, kind, id, plain)
			}
		case !errors.Is(err, seal.ErrTampered) && !errors.Is(err, seal.ErrWrongKey):
			t.Errorf("Open(%x, %q, %q) = %v, want ErrTampered or ErrWrongKey", b, kind, id, err)
		}
	})
}
