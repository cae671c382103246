package caddymodule

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The reference has every word, as the parser knows it, with what it is and what holds
// if it is left out.
func TestReferenceHasEveryWord(t *testing.T) {
	sections := map[string]string{}
	for _, s := range strings.Split(reference(t), "\n## ")[1:] {
		title, text, _ := strings.Cut(s, "\n")
		sections[strings.Trim(title, "`")] = text
	}
	for _, b := range language() {
		rows := 0
		for _, line := range strings.Split(sections[b.name], "\n") {
			if strings.HasPrefix(line, "| `") {
				rows++
			}
		}
		if rows != len(b.words) {
			t.Errorf("%s has %d words, and the reference has %d", b.name, len(b.words), rows)
		}
		for _, w := range b.words {
			_, after, found := strings.Cut(sections[b.name], "\n| `"+strings.ReplaceAll(w.syntax, "|", `\|`)+"` | ")
			row, _, _ := strings.Cut(after, "\n")
			what, otherwise, cut := strings.Cut(strings.TrimSuffix(row, " |"), " | ")
			if !found || !cut || len(what) < 10 || strings.TrimSpace(otherwise) == "" {
				t.Errorf("%s: the reference does not say what %q is, and its default", b.name, w.syntax)
			}
			if strings.Contains(what, "Any number of times") != w.several {
				t.Errorf("%s: the reference is wrong about how often %s may be there", b.name, w.name())
			}
		}
	}
}

// What "go doc" shows has every word, too.
func TestSyntaxHasEveryWord(t *testing.T) {
	var shown strings.Builder
	for _, source := range []string{"caddyfile.go", "caddyfile_handlers.go", "store_badger.go", "store_postgres.go"} {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if comment, ok := strings.CutPrefix(line, "//\t"); ok {
				shown.WriteString(strings.Join(strings.Fields(comment), " ") + " \n")
			}
		}
	}
	for _, b := range language() {
		for _, w := range b.words {
			if !strings.Contains("\n"+shown.String(), "\n"+w.name()+" ") && !strings.Contains(shown.String(), "| "+w.name()+" ") {
				t.Errorf("no comment with the syntax of %s has %s", b.name, w.name())
			}
		}
	}
}

// Every example of the reference adapts, and shows the word that it stands under.
func TestReferenceAdapts(t *testing.T) {
	examples := 0
	for i, s := range strings.Split(reference(t), "```caddyfile\n")[1:] {
		example, _, ended := strings.Cut(s, "```\n")
		if !ended {
			t.Fatalf("example %d has no end", i)
		}
		examples++
		if config, err := adapt(inPlace(t, example)); err != nil || !strings.Contains(config, "contoso") {
			t.Errorf("%v, from:\n%s", err, example)
		}
	}
	if examples < 10 {
		t.Errorf("only %d examples", examples)
	}
}

func reference(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/caddyfile.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// inPlace returns a whole Caddyfile with an example where it belongs.
func inPlace(t *testing.T, example string) string {
	t.Helper()
	if strings.HasPrefix(example, "{\n") {
		return example
	}
	first := strings.Fields(example)[0]
	switch first {
	case "ones_auth", "log":
		whole, _, _ := strings.Cut(with("", "", "", "", "", ""), "ones.example {\n")
		return whole + "ones.example {\n" + example + "}\n"
	case "ones_bookings":
		return with("", "", "", "", "", "") + "http://:8090 {\n" + example + "}\n"
	}
	for _, b := range language() {
		if !slices.ContainsFunc(b.words, func(w word) bool { return w.name() == first }) {
			continue
		}
		switch b.name {
		case "ones":
			return with(example, "", "", "", "", "")
		case "integration":
			whole := with("", "", "", "", "", "")
			start := strings.Index(whole, "\t\t\t"+first+" {")
			end := start + strings.Index(whole[start:], "\n\t\t\t}\n")
			return whole[:start] + example + whole[end+len("\n\t\t\t}\n"):]
		case "server":
			return with("", example, "", "", "", "")
		case "rooms":
			return strings.Replace(with("", "", "", "", "", ""), "room boardroom boardroom@contoso.example {\n\t\t\t\t\t\n\t\t\t\t}", example, 1)
		}
	}
	t.Fatalf("where does this belong?\n%s", example)
	return ""
}
