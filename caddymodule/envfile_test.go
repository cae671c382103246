package caddymodule

import (
	"io"
	"os"
	"strings"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"pgregory.net/rapid"
)

// caddysEnv is what Caddy itself makes of a file of variables, those of names.
func caddysEnv(t *rapid.T, file string, names []string) (map[string]string, error) {
	t.Helper()
	for _, name := range names {
		os.Unsetenv(name)
		defer os.Unsetenv(name)
	}
	stdout := os.Stdout
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	os.Stdout = null // to which it shows all
	defer func() { os.Stdout = stdout }()
	cmd := &cobra.Command{SilenceUsage: true, SilenceErrors: true}
	caddycmd.Commands()["environ"].CobraFunc(cmd)
	cmd.SetArgs([]string{"--envfile", file})
	cmd.SetErr(io.Discard)
	if err := cmd.Execute(); err != nil {
		return nil, err
	}
	vars := map[string]string{}
	for _, name := range names {
		if value, set := os.LookupEnv(name); set {
			vars[name] = value
		}
	}
	return vars, nil
}

// A file of variables is to us what it is to the gateway.
func TestReadEnvAsCaddy(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	names := []string{"ONES_A", "ONES_B"}
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.OneOf(
			rapid.StringMatching(`(export )?ONES_[AB]=[ab #"'\\=\t]{0,8}`),
			rapid.StringMatching(`[ab #"'\\=\t]{0,6}`),
			rapid.SampledFrom([]string{"", "# a comment", "ONES_A", "=x", "ONES_A =x", `ONES_B="two`, `lines"`, `ONES_A='it\'s'`, "ONES_B=x # why"}),
		)
		text := strings.Join(rapid.SliceOfN(line, 0, 5).Draw(t, "lines"), "\n")
		file := dir + "/env"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want, wantErr := caddysEnv(t, file, names)
		got, err := readEnv(strings.NewReader(text))
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, Caddy says %v", text, err, wantErr)
		}
		for _, name := range names {
			if err == nil && got[name] != want[name] {
				t.Errorf("%q: %s is %q, to Caddy %q", text, name, got[name], want[name])
			}
		}
	})
}

// What is set stays, and nothing of a line that is wrong is told.
func TestLoadEnvFiles(t *testing.T) {
	t.Setenv("ONES_TEST_SET", "mine")
	t.Setenv("ONES_TEST_NEW", "") // put back afterwards
	os.Unsetenv("ONES_TEST_NEW")
	file := written(t, "env", "ONES_TEST_SET=its\nexport ONES_TEST_NEW=new # why\n")
	if err := loadEnvFiles([]string{file}); err != nil || os.Getenv("ONES_TEST_SET") != "mine" || os.Getenv("ONES_TEST_NEW") != "new" {
		t.Errorf("%v, %q, %q", err, os.Getenv("ONES_TEST_SET"), os.Getenv("ONES_TEST_NEW"))
	}
	if err := loadEnvFiles([]string{written(t, "bad", "ONES_TEST_SET=a\nONES_TEST_NEW= s3cret\n")}); err == nil || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v", err)
	}
	if err := loadEnvFiles([]string{file + ".missing"}); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("%v", err)
	}
}

// Each command that is about a configuration reads the file before anything else.
func TestEnvFileOfCommands(t *testing.T) {
	t.Setenv("ONES_TEST_SOCKET", "")
	for name, cmd := range onesCommands() {
		if cmd.Flags().Lookup("config") == nil {
			continue
		}
		os.Unsetenv("ONES_TEST_SOCKET")
		if err := cmd.Flags().Set("envfile", written(t, "env", "ONES_TEST_SOCKET=/nowhere\n")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if cmd.PreRunE == nil {
			t.Errorf("%s reads no file of variables", name)
		} else if err := cmd.PreRunE(cmd, nil); err != nil || os.Getenv("ONES_TEST_SOCKET") != "/nowhere" {
			t.Errorf("%s: %v, %q", name, err, os.Getenv("ONES_TEST_SOCKET"))
		}
	}
}
