package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"testing"
)

// Every decision still stands in the code as the list has it.
func TestDecisions(t *testing.T) {
	seen := map[decision]bool{}
	for _, d := range decisions {
		if seen[d] {
			t.Errorf("%s: twice in the list", d)
		}
		seen[d] = true
		text, err := os.ReadFile(filepath.Join("..", "..", d.file))
		if err != nil {
			t.Error(err)
			continue
		}
		without, err := d.without(text)
		if err != nil {
			t.Errorf("%s: %v", d, err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), d.file, without, parser.SkipObjectResolution); err != nil {
			t.Errorf("%s: without it there is no Go: %v", d, err)
		}
		if d.line == "" || d.is == d.becomes {
			t.Errorf("%s: takes nothing away, or for no line", d)
		}
	}
}
