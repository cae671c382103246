package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// golden goes through the files of a folder of testdata/caddyfile: each a Caddyfile, a line
// of dashes, and what becomes of it. UPDATE_GOLDEN=1 writes that.
func golden(t *testing.T, folder string, becomes func(t *testing.T, text string) string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "caddyfile", folder, "*.caddyfiletest"))
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text, want, ok := strings.Cut(string(content), "----------\n")
			if !ok {
				t.Fatal("no line of dashes behind the Caddyfile")
			}
			if string(caddyfile.Format([]byte(text))) != text {
				t.Error("the Caddyfile is not as caddy fmt would have it")
			}
			got := becomes(t, text)
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(file, []byte(text+"----------\n"+got+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != strings.TrimSpace(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// What is wrong with a Caddyfile is said with file and line, and with what to write.
func TestCaddyfileErrors(t *testing.T) {
	golden(t, "errors", func(t *testing.T, text string) string {
		_, err := adapt(text)
		if err == nil {
			t.Fatal("it adapts")
		}
		if !strings.Contains(err.Error(), ", at Caddyfile:") {
			t.Error("the error does not say where")
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Error("the error shows a secret")
		}
		return err.Error()
	})
}

// What only Provision can find out is said with the integration, the room and the word.
func TestProvisionErrors(t *testing.T) {
	environment(t)
	golden(t, "provision", func(t *testing.T, text string) string {
		if _, err := adapt(text); err != nil {
			t.Fatal(err)
		}
		err := load(t, text)
		if err == nil {
			t.Fatal("it is taken")
		}
		return err.Error()
	})
}

// environment sets what the files in testdata/caddyfile/provision use.
func environment(t *testing.T) {
	t.Helper()
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	for name, value := range map[string]string{
		"ONES_CLIENT_SECRET": "s3cret-value", "ONES_EMPTY": "", "ONES_HTTP": "http://ones.example", "ONES_COMMON": "common",
		"ONES_TENANT": "11111111-2222-3333-4444-555555555555", "ONES_GUID": "7b0f6d2e-1111-4222-8333-0123456789ab",
		"ONES_WORD": "word", "ONES_WORD_TOO": "word", "ONES_SPACED": "two words", "ONES_DAY": "1d", "ONES_APP_SCOPE": "Calendars.ReadBasic.All",
		"ONES_BOARDROOM": "boardroom@contoso.example", "ONES_EVERYTHING": "/*", "ONES_ADMIN": "fabrikam/role:Ones.Admin",
	} {
		t.Setenv(name, value)
	}
}

// All words, and what becomes of them.
func TestCaddyfileWords(t *testing.T) {
	var all strings.Builder
	golden(t, "words", func(t *testing.T, text string) string {
		all.WriteString(text)
		config, err := adapt(text)
		if err != nil {
			t.Fatal(err)
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, []byte(config), "", "\t"); err != nil {
			t.Fatal(err)
		}
		return pretty.String()
	})
	for _, b := range language() {
		for _, w := range b.words {
			if !strings.Contains(all.String(), "\t"+w.name()+" ") && !strings.Contains(all.String(), "\t"+w.name()+"\n") {
				t.Errorf("%s: the word %s is in no file", b.name, w.name())
			}
		}
	}
}

// Every error that a Caddyfile can cause is in a file: what one meets is what somebody
// has read.
func TestEveryErrorIsGolden(t *testing.T) {
	var shown strings.Builder
	for _, folder := range []string{"errors", "provision", "warnings"} {
		files, err := filepath.Glob(filepath.Join("testdata", "caddyfile", folder, "*.caddyfiletest"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, result, _ := strings.Cut(string(content), "----------\n")
			shown.WriteString(result)
		}
	}
	verb := regexp.MustCompile(`%[a-z]`)
	for source, functions := range map[string]string{
		"caddyfile.go": "", "caddyfile_words.go": "", "caddyfile_handlers.go": "", "integration.go": "", "resolve.go": "", "routes.go": "",
		"store_badger.go": "", "store_postgres.go": "Provision check complete", "server.go": "", "users.go": "", "bookings.go": "Provision complete check",
		"app.go": "complete checkText publicURL checkShared", "auth.go": "check together provision", "keyset.go": "checkInline",
		"theme.go": "provisionTheme", "../internal/signin/public.go": "", "../internal/signin/admins.go": "ParseAdmins",
		"../internal/signin/site.go": "CheckPublicURL", "../internal/entra/clouds.go": "CheckTenant", "../internal/entra/scopes.go": "",
	} {
		for text, at := range errorTexts(t, source, strings.Fields(functions)) {
			all := shown.String()
			if cause, ok := onlyJSON[text]; ok {
				all = fmt.Sprint(cause())
			}
			pattern := verb.ReplaceAllString(regexp.QuoteMeta(text), ".*")
			if !regexp.MustCompile(pattern).MatchString(all) {
				t.Errorf("%s: no file in testdata/caddyfile shows %q", at, text)
			}
		}
	}
}

// onlyJSON has the errors that no Caddyfile causes, since it can't be written, and what does.
var onlyJSON = map[string]func() error{
	"the name of an integration": func() error { return new(Integration).complete() },
	"one of the integrations is null": func() error {
		return (&App{PublicURL: "https://ones.example", Integrations: []*Integration{nil}}).complete()
	},
	"integration %s: one of the rooms is null": func() error {
		return (&App{PublicURL: "https://ones.example", Integrations: []*Integration{{Name: "contoso", Rooms: []*Room{nil}}}}).complete()
	},
	"the name of a room":    func() error { return (&Room{Address: "a@b"}).complete() },
	"the address of a room": func() error { return (&Room{Name: "a"}).complete() },
	"capacity and durations can't be negative": func() error {
		return errors.Join((&Room{Capacity: -1}).check(), (&Room{CheckIn: -1}).check())
	},
	"allow_groups names nobody; leave it out to let everybody in the tenant enter": func() error {
		return (&Users{AllowGroups: []string{}}).complete()
	},
	"map_group %q leads to no group of ONES": func() error {
		return (&Users{MapGroups: map[string]string{"Staff": ""}}).check()
	},
	"issuer and graph belong to operator custom; operator %s has its own": func() error {
		return (&Server{Issuer: "https://idp.example"}).complete()
	},
	"a credential is one of client_secret (with expires), client_certificate (with key) and federated_token_file": func() error {
		return Credential{Secret: "x", TokenFile: "/token"}.complete()
	},
	"the token of a service_token": func() error {
		return (&Bookings{ServiceTokens: []ServiceToken{{Name: "ones"}}}).complete()
	},
	"mode %q is not known; write require or optional": func() error { return (&Auth{Mode: "open"}).check() },
	"max_conns and timeout can't be negative":         func() error { return (&Postgres{Timeout: -1}).check() },
}

// What may be wrong is said, and all goes on.
func TestCaddyfileWarnings(t *testing.T) {
	golden(t, "warnings", func(t *testing.T, text string) string {
		_, warnings, err := adaptWith(caddyconfig.GetAdapter("caddyfile"), []byte(text), "Caddyfile")
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, w := range warnings {
			told = append(told, w.String())
		}
		return strings.Join(told, "\n")
	})
}

// errorTexts returns the texts of all errors that some functions of a file make, "" for
// all functions, and where each is made.
func errorTexts(t *testing.T, source string, functions []string) map[string]string {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, source, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || len(functions) > 0 && !slices.Contains(functions, f.Name.Name) {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			name := ""
			switch fun := call.Fun.(type) {
			case *ast.Ident:
				name = fun.Name
			case *ast.SelectorExpr:
				name = fun.Sel.Name
			}
			lit, ok := call.Args[0].(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING || !slices.Contains([]string{"Errorf", "New", "fail", "Err", "Errf", "missing", "Sprintf"}, name) {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			texts[text] = files.Position(lit.Pos()).String()
			return true
		})
	}
	if len(texts) == 0 {
		t.Errorf("%s: no error is made in %q", source, functions)
	}
	return texts
}
