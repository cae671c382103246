package caddymodule

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func written(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestGatewayAddress(t *testing.T) {
	t.Setenv("ONES_TEST_ADMIN", "localhost:2020")
	for _, tt := range []struct{ config, address, want, wrong string }{
		{config: "{\n\tadmin unix//run/ones.sock|0600\n}\n", want: "/run/ones.sock"},
		{config: "{\n\tadmin localhost:2021\n}\n", want: "localhost:2021"},
		{config: "{\n\tadmin {env.ONES_TEST_ADMIN}\n}\n", want: "localhost:2020"},
		{config: ":80\n", want: "localhost:2019"},
		{config: "{\n\tadmin off\n}\n", wrong: "switches Caddy's admin API off"},
		{config: "{\n\tnonsense\n}\n", wrong: "nonsense"},
		{config: "{\n\tnonsense\n}\n", wrong: "; so it is not known where the gateway answers: --address tells"},
		{config: "{\n\tadmin unix//run/ones.sock|0600\n\tnonsense\n}\n", want: "/run/ones.sock"},
		{config: "{\n\tadmin localhost:2021 {\n\t\torigins x\n\t}\n\tones {\n\t\tpublic_ulr x\n\t}\n}\n", want: "localhost:2021"},
		{config: "{\n\tadmin localhost:1-5\n\tnonsense\n}\n", wrong: "is no admin address"},
		{config: "{\n\tadmin off\n\tnonsense\n}\n", wrong: "--address tells"},
		{config: "localhost {\n\tadmin localhost:2021\n}\n", wrong: "--address tells"},
		{config: "{\n\tadmin localhost:2021\n", wrong: "--address tells"},
		{config: "{\n\tadmin off\n}\n", address: "localhost:2022", want: "localhost:2022"},
		{address: "localhost:1-5", wrong: "is no admin address"},
		{address: "{env.ONES_TEST_MISSING}", wrong: "ONES_TEST_MISSING"},
	} {
		f := adminFlags{address: tt.address, configFlags: configFlags{file: written(t, "Caddyfile", tt.config)}}
		c, err := f.client()
		switch {
		case tt.wrong != "":
			if err == nil || !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("%q %q: %v, want %q", tt.config, tt.address, err, tt.wrong)
			}
		case err != nil || c.address != tt.want:
			t.Errorf("%q %q: %v, %v; want %s", tt.config, tt.address, c, err, tt.want)
		}
	}
	t.Chdir(t.TempDir())
	if c, err := new(adminFlags).client(); err != nil || c.address != "localhost:2019" {
		t.Errorf("without a Caddyfile: %v, %v", c, err)
	}
}

func TestStoreOfAConfiguration(t *testing.T) {
	dir := t.TempDir()
	// The secret is not known on the machine where the store is restored.
	config := `{"apps": {"ones": {
		"public_url": "https://ones.example.com", "keyset": "` + dir + `/keyset.json",
		"store": {"module": "badger", "path": "` + dir + `/store"},
		"integrations": [{"name": "contoso", "server": {"credentials": [{"client_secret": "{env.ONES_TEST_MISSING}"}]}}]
	}}}`
	f := configFlags{file: written(t, "config.json", config)}
	b, file, err := f.load()
	if err != nil {
		t.Fatal(err)
	}
	a, err := storeOf(t.Context(), b, file)
	if err != nil {
		t.Fatal(err)
	}
	if a.store.identity() != dir+"/store" || a.keyset.String() != dir+"/keyset.json" {
		t.Errorf("store %s, keyset %s", a.store.identity(), a.keyset)
	}
	for config, want := range map[string]string{
		`{"apps": {"ones": {"integrations": [null]}}}`: "one of the integrations is null", `{"apps": {"ones": {"integrations": [{"name": "a", "rooms": [null]}]}}}`: "one of the rooms is null",
		`{}`: "has no ones block", `{"apps": 1}`: "can't be read", `{"apps": {"ones": {"store": {"module": "nothing"}}}}`: "nothing",
	} {
		if _, err := storeOf(t.Context(), []byte(config), "x"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", config, err, want)
		}
	}
	for f, want := range map[configFlags]string{
		{file: dir + "/missing"}:                     "can't be read",
		{file: f.file, adapter: "nothing"}:           "no config adapter",
		{file: written(t, "Caddyfile", "{\n\tx\n}")}: "can't be read",
	} {
		if _, _, err := f.load(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", f, err, want)
		}
	}
}

// A file that failed leaves nothing behind, and none is overwritten.
func TestWriteNew(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "backup.age")
	write := func(to io.Writer) (int64, error) {
		n, err := io.WriteString(to, "x")
		return int64(n), err
	}
	errFull := errors.New("disk full")
	if _, err := writeNew(name, func(to io.Writer) (int64, error) {
		n, _ := write(to)
		return n, errFull
	}); !errors.Is(err, errFull) {
		t.Errorf("failed: %v", err)
	}
	if n, err := writeNew(name, write); err != nil || n != 1 {
		t.Errorf("written: %d, %v", n, err)
	}
	if _, err := writeNew(name, write); err == nil {
		t.Error("overwritten")
	}
	other := filepath.Join(dir, "other.age")
	if _, err := writeNew(other, func(to io.Writer) (int64, error) {
		_ = os.WriteFile(other, []byte("another's"), 0o600)
		return write(to)
	}); err == nil {
		t.Error("what came meanwhile was overwritten")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v; want the two files", entries, err)
	}
}

func TestReadPassphrase(t *testing.T) {
	for content, want := range map[string]string{
		"correct horse\n": "correct horse", "correct horse": "correct horse", "a\r\nb\n": "a", "\nb": "", "": "",
	} {
		got, err := readPassphrase(written(t, "passphrase", content))
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", content, got, err)
		}
	}
}
