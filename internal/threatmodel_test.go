package internal_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// testNames are the functions of all tests of ours, each with the strings that
// stand in it: names of subtests are among them.
func testNames(t *testing.T) map[string]map[string]bool {
	t.Helper()
	names := map[string]map[string]bool{}
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, "_test.go") || strings.Contains(path, "node_modules") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz") {
				continue
			}
			words := names[f.Name.Name] // two packages may have tests of one name
			if words == nil {
				words = map[string]bool{}
				names[f.Name.Name] = words
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if s, err := strconv.Unquote(lit.Value); err == nil {
						words[s] = true
					}
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

var (
	quoted    = regexp.MustCompile("`([^`]+)`")
	ofALine   = regexp.MustCompile(`^Test([XRV][0-9]+)[A-Z]`)
	ofAModule = regexp.MustCompile(`^oidcc-`)
)

// The threat model names tests that exist, says why where it names none, leaves
// out no line of its lists, and no test that is named after one.
func TestThreatModel(t *testing.T) {
	text, err := os.ReadFile("../docs/threat-model.md")
	if err != nil {
		t.Fatal(err)
	}
	names := testNames(t)
	named, lines := map[string]bool{}, map[string]bool{}
	_, rows, _ := strings.Cut(string(text), "\n## X: ")
	for row := range strings.SplitSeq(rows, "\n") {
		cells := strings.Split(row, " | ")
		if !strings.HasPrefix(row, "| ") || len(cells) != 3 || strings.HasPrefix(row, "| line") || strings.HasPrefix(row, "| module") {
			continue
		}
		line, does, tests := strings.Trim(cells[0], "| "), cells[1], strings.Trim(cells[2], "| ")
		for id := range strings.FieldsSeq(line) {
			lines[strings.Trim(id, "`")] = true
		}
		found := quoted.FindAllStringSubmatch(tests, -1)
		if len(found) == 0 && !strings.HasPrefix(does, "does not apply: ") && !strings.Contains(does+tests, "*open*: ") && !strings.HasPrefix(line, "V") {
			t.Errorf("%s: no test is named, and no reason", line)
		}
		for _, q := range found {
			name, sub, _ := strings.Cut(q[1], "/")
			named[name] = true
			switch {
			case names[name] == nil:
				t.Errorf("%s: there is no %s", line, name)
			case sub != "" && !names[name][sub]:
				t.Errorf("%s: %s has no subtest %q", line, name, sub)
			}
		}
	}
	for list, n := range map[string]int{"X": 24, "R": 16} {
		for i := range n {
			if id := fmt.Sprint(list, i+1); !lines[id] {
				t.Errorf("line %s is missing", id)
			}
		}
	}
	for name, words := range names {
		for w := range words {
			if ofAModule.MatchString(w) && !strings.Contains(string(text), "/"+w+"`") {
				t.Errorf("%s/%s: the module doesn't name it", name, w)
			}
		}
		if of := ofALine.FindStringSubmatch(name); of != nil && !named[name] {
			t.Errorf("%s proves line %s, which doesn't name it", name, of[1])
		}
	}
}
