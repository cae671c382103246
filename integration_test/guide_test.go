package integration_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// guide is what ONES' developers read.
const guide = "../docs/ones-developers.md"

// A fenced block of a text: shell and Go are run, and the block of JSON or text that
// comes next is what they have to print.
type fenced struct {
	line     int
	language string
	text     string
}

func readFenced(t testing.TB, file string) (blocks []fenced) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for n, line := range strings.Split(string(b), "\n") {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && !inside:
			blocks = append(blocks, fenced{line: n + 1, language: language})
			inside = true
		case fence:
			inside = false
		case inside:
			blocks[len(blocks)-1].text += line + "\n"
		}
	}
	if inside {
		t.Fatalf("%s: the last block has no end", file)
	}
	return blocks
}

// The examples of the guide do what it says, in its order, with a real curl and a real
// Go, against a gateway for which Alice and Bob have signed in.
func TestDevelopersGuide(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *m365.Config) {
		app := &c.Tenants[0].Apps[0]
		app.RedirectURIs = append(app.RedirectURIs, strings.Replace(app.RedirectURIs[0], "/.ones/callback", "/.ones/rooms/callback", 1))
		c.Tenants[0].Rooms[0].Account = "0b1ec700-0000-4000-8000-00000000b0a2"
	})
	w.write(map[string]any{"Auth": "admins contoso/" + alice})
	w.gateway()
	for _, mail := range []string{alice, bob} {
		newVisitor(t, w.home).signIn(mail)
	}
	admin := newVisitor(t, w.home)
	admin.signIn(alice)
	admin.connect("boardroom", boardroom)

	blocks := readFenced(t, guide)
	dir := t.TempDir()
	env := append(os.Environ(), fmt.Sprintf("ONES_GATEWAY=http://127.0.0.1:%d", w.service), "ONES_SERVICE_TOKEN="+serviceToken, "ONES_HOME="+w.home)

	// One shell for all: they use what those before have found out.
	var script strings.Builder
	script.WriteString("set -euo pipefail\n")
	printed := func(i int) string { return filepath.Join(dir, fmt.Sprint(i, ".printed")) }
	var shown []int
	for i, b := range blocks {
		switch b.language {
		case "sh":
			fmt.Fprintf(&script, "echo 'the example of line %d:' >&2\n{ %s\n} >%s\n", b.line, strings.TrimSpace(b.text), printed(i))
			shown = append(shown, i)
		case "go":
			main := filepath.Join(dir, fmt.Sprint(i, ".go"))
			if err := os.WriteFile(main, []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&script, "echo 'the example of line %d:' >&2\ngo run %s >%s\n", b.line, main, printed(i))
			shown = append(shown, i)
		}
	}
	if len(shown) < 10 {
		t.Errorf("only %d examples are run", len(shown))
	}
	run := exec.CommandContext(t.Context(), "bash", "-c", script.String())
	run.Env, run.Dir = env, dir
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v after %s", err, out)
	}
	for _, i := range shown {
		got, err := os.ReadFile(printed(i))
		if err != nil {
			t.Fatal(err)
		}
		if i+1 == len(blocks) || !slices.Contains([]string{"json", "text"}, blocks[i+1].language) {
			if len(got) > 0 {
				t.Errorf("line %d: it prints %s, and the guide does not show that", blocks[i].line, got)
			}
			continue
		}
		want := blocks[i+1]
		if want.language == "text" && !like(want.text, string(got)) {
			t.Errorf("line %d: it prints %s, want %s", want.line, got, want.text)
		}
		if want.language == "json" {
			var now, then any
			if err := json.Unmarshal(got, &now); err != nil {
				t.Errorf("line %d: it prints no JSON, but %s", blocks[i].line, got)
			}
			if err := json.Unmarshal([]byte(want.text), &then); err != nil {
				t.Errorf("line %d: %v", want.line, err)
			}
			if difference := differs("", then, now); difference != "" {
				t.Errorf("line %d: %s; it prints %s", want.line, difference, got)
			}
		}
	}
}

// like compares texts; an ellipsis stands for anything.
func like(want, got string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(want)), "…", "(?s:.*)")
	return regexp.MustCompile("^" + pattern + "$").MatchString(strings.TrimSpace(got))
}

// differs says where one JSON value is not like another: an ellipsis stands for any
// value, as a member for any others, and at the end of a list for what comes after.
func differs(at string, want, got any) string {
	switch want := want.(type) {
	case string:
		if want == "…" {
			return ""
		}
		if text, ok := got.(string); !ok || !like(want, text) {
			return fmt.Sprintf("%s is %v, want %q", at, got, want)
		}
	case map[string]any:
		members, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is %v, want an object", at, got)
		}
		for name, v := range want {
			if _, there := members[name]; !there && name != "…" {
				return fmt.Sprintf("%s has no %s", at, name)
			}
			if d := differs(at+"/"+name, v, members[name]); name != "…" && d != "" {
				return d
			}
		}
		if _, more := want["…"]; !more && len(members) > len(want) {
			return fmt.Sprintf("%s has more members than the guide shows", at)
		}
	case []any:
		list, ok := got.([]any)
		if n := len(want); n > 0 && want[n-1] == "…" && len(list) >= n-1 {
			want, list = want[:n-1], list[:n-1]
		}
		if !ok || len(list) != len(want) {
			return fmt.Sprintf("%s is %v, want %d in a list", at, got, len(want))
		}
		for i := range want {
			if d := differs(fmt.Sprint(at, "/", i), want[i], list[i]); d != "" {
				return d
			}
		}
	default:
		if want != got {
			return fmt.Sprintf("%s is %v, want %v", at, got, want)
		}
	}
	return ""
}
