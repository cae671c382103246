package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
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

// material returns the keys that stand in a keyset file, each as it stands there
// and, being the last 32 bytes of that, in all the ways fmt may write it.
func material(t testing.TB, content []byte) [][]byte {
	t.Helper()
	var found [][]byte
	for _, match := range regexp.MustCompile(`"value":\s*"([^"]+)"`).FindAllSubmatch(content, -1) {
		decoded, err := base64.StdEncoding.DecodeString(string(match[1]))
		if err != nil || len(decoded) < 32 {
			t.Fatalf("the keyset file holds a key of %d bytes (%v)", len(decoded), err)
		}
		key := decoded[len(decoded)-32:]
		found = append(found, match[1], key)
		for _, format := range []string{"%x", "%X", "% x", "%d", "%o"} {
			found = append(found, bytes.Trim(fmt.Appendf(nil, format, key), "[]"))
		}
	}
	if len(found) == 0 {
		t.Fatal("the keyset file holds no key")
	}
	return found
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestShowsNoKey prints a keyset in every way that may happen by mistake.
func TestShowsNoKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyset.json")
	k, err := seal.Create(path)
	if err != nil {
		t.Fatal(err)
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
	for _, key := range material(t, readFile(t, path)) {
		if bytes.Contains(out.Bytes(), key) {
			t.Error("a key was printed")
		}
	}
}

// FuzzShowsNoKey prints everything that has to do with a keyset, in any format,
// and looks for the keys in it.
func FuzzShowsNoKey(f *testing.F) {
	path := filepath.Join(f.TempDir(), "keyset.json")
	source := seal.File(path)
	if _, err := source.Create(); err != nil {
		f.Fatal(err)
	}
	k, err := source.Update((*seal.Keyset).Add)
	if err != nil {
		f.Fatal(err)
	}
	content := readFile(f, path)
	secrets := material(f, content)
	cut := content[:len(content)-3]
	text, broken := seal.Text("{env.ONES_KEYSET}", content), seal.Text("{env.ONES_KEYSET}", cut)
	_, unreadable := broken.Load()
	_, readOnly := text.Update((*seal.Keyset).Add)
	_, inUse := k.Retire(k.Newest(), 3)
	lost := k.Replace(newKeyset(f))
	_, wrong := k.Open(mustSeal(f, newKeyset(f), "x", "grant", "alice"), "grant", "alice")
	for _, err := range []error{unreadable, readOnly, inUse, lost, wrong} {
		if err == nil {
			f.Fatal("want an error to print")
		}
	}
	type holder struct {
		keyset  *seal.Keyset
		value   seal.Keyset
		sources []seal.Source
	}
	things := []any{
		k, *k, k.List(), source, text, broken, unreadable, readOnly, inUse, lost, wrong,
		holder{k, *k, []seal.Source{source, text, broken}},
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%p", "%T", "%#x", "%+q", "% x"} {
		f.Add(format)
	}
	f.Fuzz(func(t *testing.T, format string) {
		if strings.ContainsAny(format, "*0123456789") {
			return // a width shows nothing more, but fills the memory
		}
		var out bytes.Buffer
		for _, thing := range things {
			_, _ = fmt.Fprintf(&out, format, thing)
			slog.New(slog.NewTextHandler(&out, nil)).Info(format, "thing", thing)
			slog.New(slog.NewJSONHandler(&out, nil)).Info(format, "thing", thing)
			encoded, err := json.Marshal(thing)
			if err != nil {
				t.Fatal(err)
			}
			out.Write(encoded)
		}
		for _, secret := range secrets {
			if bytes.Contains(out.Bytes(), secret) {
				t.Fatalf("a key was printed by %q", format)
			}
		}
	})
}

// TestTextKeepsNothing: the text of a keyset is gone once it was read.
func TestTextKeepsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyset.json")
	k, err := seal.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	content := readFile(t, path)
	source := seal.Text("{env.ONES_KEYSET}", content)
	clear(content)
	loaded, err := source.Load()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := loaded.Open(mustSeal(t, k, "secret", "grant", "alice"), "grant", "alice"); err != nil || string(got) != "secret" {
		t.Errorf("Open = %q, %v", got, err)
	}
	if _, err := source.Create(); !errors.Is(err, seal.ErrReadOnly) {
		t.Errorf("Create = %v, want ErrReadOnly", err)
	}
}
