package caddymodule

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// onesCommands are all commands that do something, by what stands after "ones".
func onesCommands() map[string]*cobra.Command {
	root := &cobra.Command{Use: "ones"}
	caddycmd.Commands()["ones"].CobraFunc(root)
	all := map[string]*cobra.Command{}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if !cmd.HasSubCommands() {
			all[strings.TrimPrefix(cmd.CommandPath(), "ones ")] = cmd
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(root)
	return all
}

var flagName = regexp.MustCompile(`(?m)^ +(?:-\w, )?--([\w-]+)`)

// flagsOf are the flags of a command, as docs/commands.md has them.
func flagsOf(cmd *cobra.Command) string {
	var all, own []string
	for _, found := range flagName.FindAllStringSubmatch(cmd.Flags().FlagUsages(), -1) {
		all = append(all, found[1])
	}
	for _, name := range all {
		if !slices.Contains([]string{"help", "config", "adapter", "envfile", "address"}, name) {
			own = append(own, "`--"+name+"`")
		}
	}
	slices.Sort(own)
	switch {
	case slices.Contains(all, "address"):
		own = append([]string{"G"}, own...)
	case slices.Contains(all, "config"):
		own = append([]string{"C"}, own...)
	}
	return strings.Join(own, " ")
}

var ofCommands = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+) \\| ([^|]*) \\| [^|]*\\|$")

// docs/commands.md has each command with all of its flags, and none besides.
func TestCommandsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	var order []string
	for _, row := range ofCommands.FindAllStringSubmatch(string(text), -1) {
		var words []string
		for _, word := range strings.Fields(row[1]) {
			if strings.ToLower(word) == word {
				words = append(words, word)
			}
		}
		name := strings.Join(words, " ")
		flags := strings.Fields(row[3])
		if len(flags) > 1 {
			slices.Sort(flags[1:])
		}
		documented[name] = strings.Join(flags, " ")
		order = append(order, name)
	}
	all := onesCommands()
	for name, cmd := range all {
		is, there := documented[name]
		want := flagsOf(cmd)
		if !there {
			t.Errorf("docs/commands.md lacks a row:\n| `%s` | … | %s | |", name, want)
		} else if is != want {
			t.Errorf("%s has the flags %s, and in docs/commands.md %s", name, want, is)
		}
		if cmd.Short == "" || cmd.RunE == nil {
			t.Errorf("%s says nothing of itself, or does nothing", name)
		}
	}
	for name := range documented {
		if all[name] == nil {
			t.Errorf("docs/commands.md has %s, which is no command", name)
		}
	}
	if len(order) == 0 {
		t.Error("docs/commands.md has no table that can be read")
	}
}

// Whatever is asked of a gateway that does not run, or by a configuration that can't be
// read, the answer is one sentence that says so.
func TestEveryCommandWithoutAGateway(t *testing.T) {
	t.Chdir(t.TempDir())
	broken := written(t, "Caddyfile", "{\n\tnonsense\n}\n")
	keyset := filepath.Join(t.TempDir(), "keyset.json")
	args := map[string][]string{
		"backup": {"--passphrase-file", written(t, "passphrase", "correct horse")}, "bookings show": {"b"}, "bookings retry": {"b"}, "bookings cancel": {"b"},
		"rooms disconnect": {"boardroom"}, "sessions revoke": {"5ed2db0a566c"}, "users show": {"a"}, "users disconnect": {"a"}, "users erase": {"a"}, "users merge": {"a", "b"},
		"keys rewrap": {keyset},
	}
	for _, name := range []string{"keys init", "keys add"} { // the second makes a key that may be promoted, or retired
		var told bytes.Buffer
		if err := run(onesCommands()[name], &told, keyset); err != "" {
			t.Fatalf("%s: %s", name, err)
		}
		for _, id := range regexp.MustCompile(`(?m)^\d+`).FindAllString(told.String(), -1) {
			args["keys promote"], args["keys retire"] = []string{keyset, "--id", id}, []string{keyset, "--id", id}
		}
	}
	for want, flags := range map[string][]string{
		errNoGateway.Error() + " at ":     {"--address", "unix/" + filepath.Join(t.TempDir(), "nobody.sock")},
		"the configuration can't be read": {"--config", filepath.Join(t.TempDir(), "Caddyfile")},
		"the configuration " + broken:     {"--config", broken},
	} {
		for name, cmd := range onesCommands() {
			if !strings.HasPrefix(flagsOf(cmd), "G") || name == "support-bundle" || name == "doctor" {
				continue // they do what they can without
			}
			var told bytes.Buffer
			if got := run(cmd, &told, append(slices.Clone(flags), args[name]...)...); !strings.HasPrefix(got, want) || told.Len() > 0 {
				t.Errorf("%s %v: %q, and tells %q", name, flags, got, &told)
			}
		}
	}
}

// run runs a command by itself, and returns its error.
func run(cmd *cobra.Command, told *bytes.Buffer, args ...string) string {
	if parent := cmd.Parent(); parent != nil {
		parent.RemoveCommand(cmd)
	}
	cmd.SetArgs(args)
	cmd.SetOut(told)
	cmd.SetErr(told)
	cmd.SilenceErrors = true
	err := cmd.Execute()
	if err == nil {
		return ""
	}
	if !cmd.SilenceUsage {
		err = errors.New("usage is shown with: " + err.Error())
	}
	return err.Error()
}

// A word that is no command is told the one that is meant.
func TestNearCommands(t *testing.T) {
	ones := &cobra.Command{Use: "ones", Args: aCommand, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	ones.AddCommand(statusCommand(), bookingsCommand())
	ones.SilenceErrors, ones.SilenceUsage = true, true
	ones.SetOut(io.Discard)
	ones.SetErr(io.Discard)
	for args, want := range map[string]string{
		"":             "",
		"statsu":       `ones doesn't know "statsu"; did you mean status?`,
		"bookings lis": `ones bookings doesn't know "lis"; did you mean list?`,
		"nonsense":     `ones doesn't know "nonsense"; it knows bookings, `,
	} {
		ones.SetArgs(strings.Fields(args))
		got := ""
		if err := ones.Execute(); err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%q: %q, want %q", args, got, want)
		}
	}
}
