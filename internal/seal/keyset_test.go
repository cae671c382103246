package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/onesgate/onesgate/internal/seal"
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

// TestShowsNoKey prints a keyset in every way that may happen by mistake.
func TestShowsNoKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyset.json")
	k, err := seal.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`"value":\s*"([^"]+)"`).FindSubmatch(file)
	if key == nil {
		t.Fatal("the keyset file holds no key")
	}

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		_, _ = fmt.Fprintf(&out, verb+"\n", k)
		_, _ = fmt.Fprintf(&out, verb+"\n", *k)
		_, _ = fmt.Fprintf(&out, verb+"\n", struct{ K *seal.Keyset }{k})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("text", "keyset", k, "value", *k)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "keyset", k, "value", *k)
	out.WriteString(k.String())

	line := regexp.MustCompile(`keyset of 1 keys, primary \d+`)
	if got, want := len(line.FindAllString(out.String(), -1)), 7*3+2*2+1; got != want {
		t.Errorf("described %d times, want %d:\n%s", got, want, out.String())
	}
	if bytes.Contains(out.Bytes(), key[1]) {
		t.Error("a key was printed")
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
