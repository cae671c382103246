package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Everything is measured once, as shortly as can be, and the table and the plot are
// written. What the figures are worth is not judged here.
func TestSmoke(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	docs := t.TempDir()
	page := filepath.Join(docs, "performance.md")
	if err := os.WriteFile(page, []byte("before\n"+sectionBegin+"the last table\n"+sectionEnd+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := measure(ctx, smoke(), docs, &out, t.Output()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", out.String())
	if want := "| the store after these | onesgate | unchanged |"; !strings.Contains(out.String(), want) {
		t.Errorf("visitors without a session leave something in the store: no row %q", want)
	}
	written, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"before\n", "\nafter\n", out.String()} {
		if !strings.Contains(string(written), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(string(written), "the last table") {
		t.Error("the page still has the old table")
	}
}
