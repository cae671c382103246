// Package internal_test holds the arrows of the house: who may import whom.
package internal_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/onesgate/onesgate/"

// arrows says which packages of ours each of our packages may import. What is
// not drawn here is not allowed; docs/architecture.md says why each one is.
var arrows = map[string][]string{
	"cmd/build":               {},
	"deploy/release":          {},
	"cmd/m365sim":             {"internal/m365sim", "internal/m365sim/world"},
	"cmd/onesgate":            {"caddymodule", "cmd/onesgate/demo"},
	"cmd/onesgate/demo":       {"cmd/onesgate/sampleones", "internal/m365sim", "internal/m365sim/world"},
	"cmd/onesgate/sampleones": {},
	"caddymodule": {
		"internal/backup", "internal/booking", "internal/doctor", "internal/entra", "internal/grant", "internal/graph", "internal/identity",
		"internal/offboard", "internal/peers", "internal/people", "internal/rooms", "internal/roomview", "internal/seal", "internal/session", "internal/signin",
		"internal/signin/pages", "internal/store", "internal/store/badgerstore", "internal/store/pgstore",
		"internal/passthrough", "internal/roompolicy", "internal/setup", "internal/status", "internal/support", "internal/trail",
	},
	"integration_test/bench": {
		"integration_test/freeport", "integration_test/seed", "internal/identity", "internal/m365sim", "internal/m365sim/world", "internal/seal", "internal/store", "internal/store/badgerstore",
	},
	"integration_test/freeport": {},
	"integration_test/seed": {
		"internal/entra", "internal/grant", "internal/identity", "internal/seal", "internal/session", "internal/store",
	},
	"internal/roompolicy": {},
	"internal/setup":      {},
	"internal/signin": {
		"internal/entra", "internal/grant", "internal/graph", "internal/identity", "internal/people",
		"internal/rooms", "internal/seal", "internal/session", "internal/signin/pages", "internal/status", "internal/store", "internal/trail",
	},
	"internal/signin/pages":      {"internal/status"},
	"internal/session":           {"internal/identity", "internal/store"},
	"internal/peers":             {"internal/store"},
	"internal/people":            {"internal/identity", "internal/store"},
	"internal/grant":             {"internal/entra", "internal/seal", "internal/store"},
	"internal/rooms":             {"internal/entra", "internal/grant", "internal/store"},
	"internal/roomview":          {"internal/graph"},
	"internal/backup":            {"internal/peers", "internal/store"},
	"internal/booking":           {"internal/booking/reference", "internal/grant", "internal/graph", "internal/identity", "internal/people", "internal/recurrence", "internal/rooms", "internal/roomview", "internal/store", "internal/trail"},
	"internal/booking/reference": {},
	"internal/offboard":          {"internal/booking", "internal/grant", "internal/people", "internal/rooms", "internal/session", "internal/store"},
	"internal/status":            {"internal/entra", "internal/grant", "internal/peers"},
	"internal/passthrough":       {"internal/grant", "internal/graph", "internal/identity"},
	"internal/doctor":            {"internal/entra", "internal/grant", "internal/graph", "internal/seal", "internal/status", "internal/store/badgerstore", "internal/store/pgstore"},
	"internal/entra":             {"internal/trail"},
	"internal/graph":             {"internal/trail"},
	"internal/identity":          {},
	"internal/recurrence":        {},
	"internal/seal":              {},
	"internal/trail":             {},
	"internal/store":             {},
	"internal/support":           {},
	"internal/store/badgerstore": {"internal/store"},
	"internal/store/memstore":    {"internal/store"},
	"internal/store/pgstore":     {"internal/store"},
	"internal/store/pgtest":      {},
	"internal/store/storetest":   {"internal/store"},
	"internal/mutate":            {},

	// The simulator stands alone.
	"internal/m365sim": {
		"internal/m365sim/exchange", "internal/m365sim/front", "internal/m365sim/login", "internal/m365sim/msgraph",
		"internal/m365sim/page", "internal/m365sim/table", "internal/m365sim/world",
	},
	"internal/m365sim/msgraph":  {"internal/m365sim/exchange", "internal/m365sim/front", "internal/m365sim/table", "internal/m365sim/world"},
	"internal/m365sim/login":    {"internal/m365sim/front", "internal/m365sim/page", "internal/m365sim/table", "internal/m365sim/world"},
	"internal/m365sim/page":     {"internal/m365sim/front"},
	"internal/m365sim/exchange": {"internal/m365sim/table", "internal/m365sim/world"},
	"internal/m365sim/front":    {"internal/m365sim/world"},
	"internal/m365sim/table":    {},
	"internal/m365sim/world":    {},
}

// caddyOnly may be imported by caddymodule and the commands alone.
var caddyOnly = []string{"github.com/caddyserver/caddy", "go.uber.org/zap"}

func TestArrows(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-pgo=off", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			t.Fatalf("go list: %s", failed.Stderr)
		}
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		if len(p.Imports) == 0 || name == "integration_test" || name == "internal" {
			continue // tests only
		}
		seen[name] = true
		allowed, drawn := arrows[name]
		if !drawn {
			t.Errorf("package %s is not drawn: say here what it may import", name)
		}
		for _, imported := range p.Imports {
			if ours, is := strings.CutPrefix(imported, module); is && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s; that arrow is not drawn", name, ours)
			}
			for _, foreign := range caddyOnly {
				if strings.HasPrefix(name, "internal/") && strings.HasPrefix(imported, foreign) {
					t.Errorf("%s imports %s; only caddymodule may", name, imported)
				}
			}
			if name != "internal/trail" && strings.HasPrefix(imported, "go.opentelemetry.io/") {
				t.Errorf("%s imports %s; only internal/trail may", name, imported)
			}
		}
	}
	for name := range arrows {
		if !seen[name] {
			t.Errorf("package %s is drawn but not there", name)
		}
	}
}

// What docs/architecture.md says of where a change belongs is there.
func TestPlaces(t *testing.T) {
	text, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Where a change belongs\n")
	section, _, _ = strings.Cut(section, "\n## ")
	places := regexp.MustCompile("`((?:internal|caddymodule|docs|deploy)(?:/[a-z0-9_./]+)?)`").FindAllStringSubmatch(section, -1)
	if len(places) < 20 {
		t.Errorf("%d places; the section, or this test, has changed", len(places))
	}
	for _, place := range places {
		if _, err := os.Stat(filepath.Join("..", place[1])); err != nil {
			t.Error(err)
		}
	}
}
