package caddymodule

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	var l lines
	if got := l.last(); len(got) != 0 {
		t.Errorf("at first: %v", got)
	}
	for i := range maxLines + 3 {
		fmt.Fprintf(&l, "%d\n", i)
	}
	fmt.Fprint(&l, strings.Repeat("x", maxLineLength+1))
	got := l.last()
	if len(got) != maxLines || got[0] != "3" || got[maxLines-1] != fmt.Sprint(maxLines+2) {
		t.Errorf("%d lines, from %s to %s", len(got), got[0], got[len(got)-1])
	}
}

func TestDiagnostics(t *testing.T) {
	e, _ := populated(t)
	slog.New(&liveHandler{engine: e, name: "audit"}).With("user", "t.alice").WithGroup("more").Info("something has happened", "n", 1)
	slog.New(&liveHandler{engine: e}).Debug("which nobody wants to hear")
	var told diagnostics
	if err := adminServer(t, unchanged).ask(t.Context(), http.MethodGet, diagnosticsPath, &told); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(told.Log, "\n")
	if !strings.Contains(all, `"msg":"something has happened","logger":"audit","user":"t.alice","more":{"n":1}`) || strings.Contains(all, "nobody wants to hear") {
		t.Errorf("the log: %s", all)
	}
	if told.Version != version() || !strings.Contains(told.Goroutines, "serveDiagnostics") {
		t.Errorf("version %s, goroutines %.500s", told.Version, told.Goroutines)
	}
}
