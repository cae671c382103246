package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/onesgate/onesgate/internal/seal"
)

// newFile makes a keyset in a file.
func newFile(t *testing.T) (path string, source seal.Source, k *seal.Keyset) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "keyset.json")
	source = seal.File(path)
	k, err := source.Create()
	if err != nil {
		t.Fatal(err)
	}
	return path, source, k
}

// TestUpdate rotates in a file, as the commands do.
func TestUpdate(t *testing.T) {
	path, source, k := newFile(t)
	must := must(t)
	sealed := mustSeal(t, k, "secret", "grant", "alice")
	old := k.Primary()
	for _, step := range []func(*seal.Keyset) (*seal.Keyset, error){
		(*seal.Keyset).Add,
		func(k *seal.Keyset) (*seal.Keyset, error) { return k.Promote(k.Newest()) },
		func(k *seal.Keyset) (*seal.Keyset, error) { return k.Retire(old, 0) },
		func(k *seal.Keyset) (*seal.Keyset, error) { return k.Enable(old) },
	} {
		returned := must(source.Update(step))
		loaded := must(source.Load())
		if got, want := fmt.Sprint(loaded.List()), fmt.Sprint(returned.List()); got != want {
			t.Errorf("in the file: %s, want %s", got, want)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode = %v, %v, want 0600", info.Mode(), err)
		}
		wantAlone(t, path)
		if err := k.Replace(loaded); err != nil {
			t.Error(err)
		}
	}
	wantOpens(t, k, sealed, nil)
}

func TestUpdateRefused(t *testing.T) {
	path, source, _ := newFile(t)
	before := readFile(t, path)
	cause := errors.New("no")
	for _, tt := range []struct {
		name   string
		change func(*seal.Keyset) (*seal.Keyset, error)
		want   error
	}{
		{"by the change", func(*seal.Keyset) (*seal.Keyset, error) { return nil, cause }, cause},
		{"loses the key", func(*seal.Keyset) (*seal.Keyset, error) { return seal.New() }, seal.ErrLosesKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := source.Update(tt.change); !errors.Is(err, tt.want) {
				t.Errorf("Update = %v, want %v", err, tt.want)
			}
			if !bytes.Equal(readFile(t, path), before) {
				t.Error("the file was changed")
			}
			wantAlone(t, path)
		})
	}

	none := seal.File(filepath.Join(t.TempDir(), "none"))
	if _, err := none.Update((*seal.Keyset).Add); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Update of a missing file = %v, want fs.ErrNotExist", err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := source.Update((*seal.Keyset).Add); !errors.Is(err, seal.ErrExposed) {
		t.Errorf("Update of an exposed file = %v, want ErrExposed", err)
	}
}

// TestUpdatesAtOnce: no key of any of them is lost.
func TestUpdatesAtOnce(t *testing.T) {
	path, source, _ := newFile(t)
	const writers = 8
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			if _, err := seal.File(path).Update((*seal.Keyset).Add); err != nil {
				t.Error(err)
			}
			if _, err := source.Load(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := len(must(t)(source.Load()).List()); got != 1+writers {
		t.Errorf("%d keys, want %d", got, 1+writers)
	}
	wantAlone(t, path)
}

// TestUpdateAfterACrash: what a crash has left beside the file goes.
func TestUpdateAfterACrash(t *testing.T) {
	path, source, _ := newFile(t)
	if err := os.WriteFile(path+".new", []byte("half a keys"), 0o644); err != nil {
		t.Fatal(err)
	}
	must(t)(source.Update((*seal.Keyset).Add))
	wantAlone(t, path)
	if got := len(must(t)(source.Load()).List()); got != 2 {
		t.Errorf("%d keys, want 2", got)
	}
}

// TestUpdateThroughALink: the link stays one.
func TestUpdateThroughALink(t *testing.T) {
	path, _, _ := newFile(t)
	link := filepath.Join(t.TempDir(), "link.json")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	must(t)(seal.File(link).Update((*seal.Keyset).Add))
	if got := len(must(t)(seal.Load(path)).List()); got != 2 {
		t.Errorf("%d keys in the file that the link points to, want 2", got)
	}
	if to, err := os.Readlink(link); err != nil || to != path {
		t.Errorf("the link points to %q, %v, want %s", to, err, path)
	}
}

// TestCredential: a file of systemd's is taken as systemd makes it, and only read.
func TestCredential(t *testing.T) {
	path, _, k := newFile(t)
	sealed := mustSeal(t, k, "secret", "grant", "alice")
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(path))
	source := seal.File(path)
	wantOpens(t, must(t)(source.Load()), sealed, nil)
	_, create := source.Create()
	_, update := source.Update((*seal.Keyset).Add)
	for _, err := range []error{create, update} {
		if !errors.Is(err, seal.ErrReadOnly) || !strings.Contains(err.Error(), "LoadCredential=") {
			t.Errorf("got %v, want ErrReadOnly with what to do", err)
		}
	}
}

func TestText(t *testing.T) {
	path, _, k := newFile(t)
	content := readFile(t, path)
	sealed := mustSeal(t, k, "secret", "grant", "alice")
	source := seal.Text("{env.ONES_KEYSET}", content)
	first, second := must(t)(source.Load()), must(t)(source.Load())
	wantOpens(t, first, sealed, nil)
	if err := first.Replace(must(t)(first.Add())); err != nil {
		t.Fatal(err)
	}
	if got := len(second.List()); got != 1 {
		t.Errorf("what was loaded twice is one: %d keys, want 1", got)
	}
	for _, tt := range []struct{ name, text, says string }{
		{"empty", " ", "empty"},
		{"a path", "hunter2", "JSON"},
		{"cut short", string(content[:len(content)/2]), "JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := seal.Text("{env.ONES_KEYSET}", []byte(tt.text)).Load()
			if !errors.Is(err, seal.ErrNotKeyset) || !strings.Contains(err.Error(), "{env.ONES_KEYSET}") || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Load = %v, want ErrNotKeyset, the name and %q", err, tt.says)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Load = %q quotes the text", err)
			}
		})
	}
}
