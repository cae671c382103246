package caddymodule

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/seal"
)

func TestKeysetSource(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keyset.json")
	made, err := seal.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("ONES_TEST_KEYSET", string(content))
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	t.Setenv("ONES_TEST_QUOTED", "'"+string(content)+"'")
	t.Setenv("ONES_TEST_BASE64", base64.StdEncoding.EncodeToString(content))
	t.Setenv("ONES_TEST_BOM", "\ufeff"+string(content))
	for _, value := range []string{path, "{env.CREDENTIALS_DIRECTORY}/keyset.json", "{env.ONES_TEST_KEYSET}", "{file." + path + "}"} {
		src, err := keysetSource(value, "/srv/store")
		if err != nil {
			t.Errorf("%s: %v", value, err)
			continue
		}
		if keys, err := src.Load(); err != nil || keys.Primary() != made.Primary() {
			t.Errorf("%s: loaded %v, %v, want %v", value, keys, err, made)
		}
		if strings.Contains(src.String(), "primaryKeyId") {
			t.Errorf("%s: its name shows the keys: %s", value, src)
		}
	}
	for name, tt := range map[string]struct{ value, want string }{
		"the keys themselves":  {" {\n" + string(content[1:]), "stand in the configuration"},
		"an unset variable":    {"{env.ONES_TEST_UNSET}", "ONES_TEST_UNSET is not set"},
		"inside the store":     {"/srv/store/sub/keyset.json", "lies inside the store"},
		"in quotes":            {"{env.ONES_TEST_QUOTED}", "neither a keyset in JSON"},
		"in base64":            {"{env.ONES_TEST_BASE64}", "neither a keyset in JSON"},
		"behind a BOM":         {"{env.ONES_TEST_BOM}", "neither a keyset in JSON"},
		"no known placeholder": {"{ones.keyset}", "can't be resolved"},
	} {
		_, err := keysetSource(tt.value, "/srv/store")
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, tt.want)
		}
		if err != nil && (strings.Contains(err.Error(), "primaryKeyId") || strings.Contains(err.Error(), "eyJ")) {
			t.Errorf("%s: the error shows the keys", name)
		}
	}
}

// A running gateway takes a key that is added to the file, and what is sealed
// with one that it doesn't know is never lost.
func TestKeysetIsTakenWhileRunning(t *testing.T) {
	st := newStage(t)
	s := settingsOf("running")
	e := st.acquire(s)
	defer st.release(e, s)
	before := e.keys.Primary()
	src := seal.File(st.keyset)
	if _, err := src.Update((*seal.Keyset).Add); err != nil {
		t.Fatal(err)
	}
	next, err := src.Update(func(k *seal.Keyset) (*seal.Keyset, error) { return k.Promote(k.Newest()) })
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); e.keys.Primary() != next.Primary(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the changed keyset was not taken")
		}
	}
	if !e.keys.Enabled(before) {
		t.Error("the key from before opens nothing any more")
	}
}
