package caddymodule

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// exported are the names of our metrics, and whether each is a histogram.
func exported() map[string]bool {
	name := regexp.MustCompile(`fqName: "(ones_[a-z_]+)"`)
	found := map[string]bool{}
	for _, d := range described {
		found[name.FindStringSubmatch(d.String())[1]] = false
	}
	for _, m := range newMeters().all() {
		descs := make(chan *prometheus.Desc, 1)
		m.Describe(descs)
		_, histogram := m.(*prometheus.HistogramVec)
		found[name.FindStringSubmatch((<-descs).String())[1]] = histogram
	}
	return found
}

// Every metric that we export is in the docs, and every one that the docs, the dashboard and the
// alerts name is exported.
func TestMetricsAreDocumented(t *testing.T) {
	known := exported()
	docs := read(t, "../docs/watching.md")
	for name := range known {
		if !strings.Contains(docs, "`"+name) {
			t.Errorf("docs/watching.md says nothing of %s", name)
		}
	}
	suffix := regexp.MustCompile(`_(bucket|sum|count)$`)
	for _, file := range []string{
		"../docs/watching.md", "../docs/operations.md", "../deploy/grafana/onesgate.json", "../deploy/prometheus/onesgate.rules.yml", "../deploy/prometheus/onesgate.rules_test.yml",
	} {
		for _, name := range regexp.MustCompile(`\bones_[a-z_]+`).FindAllString(read(t, file), -1) {
			base := suffix.ReplaceAllString(name, "")
			_, is := known[name]
			if !is && !known[base] && !slices.Contains([]string{"ones_auth", "ones_bookings"}, name) {
				t.Errorf("%s names %s, which is no metric", file, name)
			}
		}
	}
}

// Each of our events is in the docs, and no other one.
func TestEventsAreDocumented(t *testing.T) {
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(ones\\.[a-z_]+)` \\|").FindAllStringSubmatch(read(t, "../docs/watching.md"), -1) {
		documented = append(documented, row[1])
	}
	known := []string{
		eventGrantLost, eventIntegrationRefused, eventIntegrationMended, eventCredentialRefused, eventSecretExpiring,
		eventBookingFailed, eventBookingDeclined, eventRoomNotSeen, eventRoomSeenAgain,
	}
	if !slices.Equal(documented, known) {
		t.Errorf("the docs have %v, there are %v", documented, known)
	}
}

// Each message of the audit log is in the docs, with all of its fields, and no other one.
func TestAuditLogIsDocumented(t *testing.T) {
	docs := read(t, "../docs/watching.md")
	_, docs, _ = strings.Cut(docs, "\n## Audit log\n")
	fields, messages, _ := strings.Cut(docs, "\n| `msg` | when |\n")
	found := map[string]bool{}
	for _, dir := range []string{"../internal", "."} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				message, keys, is := auditCall(n)
				if !is {
					return true
				}
				found[message] = true
				if !strings.Contains(messages, "\n| `"+message+"` |") {
					t.Errorf("%s: docs/watching.md has no message %q", path, message)
				}
				for _, key := range keys {
					if !strings.Contains(fields, "`"+key+"`") {
						t.Errorf("%s: docs/watching.md says nothing of the field %q of %q", path, key, message)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 20 {
		t.Errorf("only %d messages were found in the source", len(found))
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch("\n"+messages, -1) {
		if !found[row[1]] {
			t.Errorf("docs/watching.md has the message %q, which nothing writes", row[1])
		}
	}
}

// auditCall says whether a node writes a line of the audit log: its message and, as far as they
// stand there, the names of its fields.
func auditCall(n ast.Node) (message string, keys []string, is bool) {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return "", nil, false
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !slices.Contains([]string{"Info", "Warn", "Error", "InfoContext", "WarnContext", "ErrorContext"}, method.Sel.Name) {
		return "", nil, false
	}
	audit := false
	switch on := method.X.(type) {
	case *ast.SelectorExpr:
		audit = strings.EqualFold(on.Sel.Name, "audit")
	case *ast.Ident:
		audit = on.Name == "audit"
	case *ast.CallExpr: // slog.New(&liveHandler{…, name: "audit"})
		ast.Inspect(on, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			audit = audit || ok && lit.Value == `"audit"`
			return true
		})
	}
	if !audit {
		return "", nil, false
	}
	args := call.Args
	if strings.HasSuffix(method.Sel.Name, "Context") {
		args = args[1:]
	}
	for i, arg := range args {
		lit, ok := arg.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING || i > 0 && i%2 == 0 {
			continue
		}
		text, _ := strconv.Unquote(lit.Value)
		if i == 0 {
			message = text
		} else {
			keys = append(keys, text)
		}
	}
	return message, keys, true
}

// A panel of the dashboard, as far as it matters here.
type panel struct {
	Title, Type, Description string
	Targets                  []struct{ Expr string }
}

func dashboard(t *testing.T) (panels []panel) {
	t.Helper()
	var board struct{ Panels []panel }
	if err := json.Unmarshal([]byte(read(t, "../deploy/grafana/onesgate.json")), &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		if p.Type != "row" {
			panels = append(panels, p)
		}
	}
	return panels
}

// Each panel asks something and says what it shows; together they show all that we export.
func TestDashboard(t *testing.T) {
	panels, all := dashboard(t), ""
	for _, p := range panels {
		if len(p.Targets) == 0 || p.Description == "" {
			t.Errorf("the panel %q asks nothing, or doesn't say what it shows", p.Title)
		}
		for _, target := range p.Targets {
			all += target.Expr + "\n"
		}
	}
	for name := range exported() {
		if !strings.Contains(all, name) && !strings.Contains(name, "_counted_timestamp_") {
			t.Errorf("no panel shows %s", name)
		}
	}
}

// promtool is Debian's, from the path or where .ci/deps has put it.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		cache := os.Getenv("XDG_CACHE_HOME")
		if cache == "" {
			cache = filepath.Join(os.Getenv("HOME"), ".cache")
		}
		path = filepath.Join(cache, "onesgate", "promtool")
		if _, err := os.Stat(path); err != nil {
			t.Skip("there is no promtool; .ci/deps brings it")
		}
	}
	if out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// The alerts are ones that Prometheus takes, each fires when it has to, and is quiet else; and
// each says what it means, what to do, and is in the docs.
func TestAlerts(t *testing.T) {
	promtool(t, "check", "rules", "../deploy/prometheus/onesgate.rules.yml")
	promtool(t, "test", "rules", "../deploy/prometheus/onesgate.rules_test.yml")
	docs, tests := read(t, "../docs/watching.md"), read(t, "../deploy/prometheus/onesgate.rules_test.yml")
	rules := strings.Split(read(t, "../deploy/prometheus/onesgate.rules.yml"), "- alert: ")[1:]
	if len(rules) < 15 {
		t.Fatalf("%d alerts", len(rules))
	}
	for _, rule := range rules {
		name, _, _ := strings.Cut(rule, "\n")
		for _, part := range []string{"severity: ", "summary: ", "meaning: ", "action: "} {
			if !strings.Contains(rule, part) {
				t.Errorf("%s has no %s", name, part)
			}
		}
		for _, has := range []string{"- name: " + name + " fires\n", "- name: " + name + " is quiet\n"} {
			if !strings.Contains(tests, has) {
				t.Errorf("no test %q", has)
			}
		}
		if !strings.Contains(docs, "`"+name+"`") {
			t.Errorf("docs/watching.md doesn't name %s", name)
		}
	}
}

// What the dashboard asks is what Prometheus understands.
func TestQueriesOfTheDashboard(t *testing.T) {
	rules := "groups:\n  - name: dashboard\n    rules:\n"
	n := 0
	for _, p := range dashboard(t) {
		for _, target := range p.Targets {
			n++
			expr := strings.ReplaceAll(target.Expr, "$integration", ".*")
			rules += "      - {record: 'query:" + strconv.Itoa(n) + "', expr: " + strconv.Quote(expr) + "}\n"
		}
	}
	file := filepath.Join(t.TempDir(), "queries.yml")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", file)
}
