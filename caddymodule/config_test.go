package caddymodule

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"go/ast"
	"go/parser"
	"go/token"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// modules are the parts of the configuration that Caddy makes from JSON.
var modules = []any{App{}, Auth{}, Bookings{}, Badger{}, Postgres{}}

// configTypes returns all types of the configuration.
func configTypes() []reflect.Type {
	var all []reflect.Type
	seen := map[reflect.Type]bool{}
	var add func(t reflect.Type)
	add = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t] {
			return
		}
		seen[t] = true
		all = append(all, t)
		for i := range t.NumField() {
			if t.Field(i).IsExported() {
				add(t.Field(i).Type)
			}
		}
	}
	for _, m := range modules {
		add(reflect.TypeOf(m))
	}
	return all
}

// comments returns what is written above each field of each type of the package.
func comments(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range s.Fields.List {
					for _, name := range f.Names {
						all[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
					}
				}
			}
			return true
		})
	}
	return all
}

// The JSON is a language too: its reference is made of these comments, which say what a
// field is, in which unit, and what it is if it is left out.
func TestEveryFieldIsExplained(t *testing.T) {
	all, example := comments(t), regexp.MustCompile("`[0-9]+[smhd]`")
	fields := 0
	for _, typ := range configTypes() {
		for i := range typ.NumField() {
			f := typ.Field(i)
			if !f.IsExported() {
				continue
			}
			fields++
			name := typ.Name() + "." + f.Name
			comment := all[name]
			if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); !regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`).MatchString(key) {
				t.Errorf("%s: the key %q in its json tag is not in small letters and underscores", name, key)
			}
			switch {
			case len(comment) < 20:
				t.Errorf("%s: no comment says what it is", name)
			case !strings.Contains(comment, "Default: ") && !strings.Contains(comment, "Required"):
				t.Errorf("%s: the comment does not say what it is if it is left out", name)
			case f.Type == reflect.TypeFor[caddy.Duration]() && !example.MatchString(comment):
				t.Errorf("%s: the comment does not say how a time is written, such as `4h`", name)
			}
		}
	}
	if fields < 40 {
		t.Errorf("only %d fields are looked at", fields)
	}
}

// everyString is a configuration that has every string there is, with files in dir.
func everyString(dir, store string) string {
	return `{
	admin off
	log {
		output discard
	}
	ones {
		public_url https://ones.example
		` + store + `
		keyset ` + dir + `/keyset.json
		integration contoso {
			server {
				operator microsoft
				tenant_id contoso.example
				client_id 99999999-8888-7777-6666-555555555555
				client_secret s3cret 2099-05-01
				client_certificate ` + dir + `/app.crt ` + dir + `/app.key
				federated_token_file ` + dir + `/token
				scopes profile email
			}
			rooms {
				room boardroom boardroom@contoso.example {
					name "Boardroom"
					time_zone Asia/Hong_Kong
					group "10th floor"
					on_decline keep
				}
			}
			users {
				login_button "Sign in"
				default_groups staff
				allow_groups "Room users" role:Booker
				map_group "Room admins" admins
				card_number pager
				card_format hex
				forget_after 180d
			}
		}
		integration other {
			server {
				operator custom {
					issuer https://idp.example
					graph https://graph.example
				}
				tenant_id other
				client_id app
				client_secret s3cret
			}
		}
	}
}
ones.example {
	ones_auth {
		optional
		public /display/* /ping
		admins contoso/role:Ones.Admin
		assertion_audience https://upstream.example
		logo ` + dir + `/logo.svg
		color "#0b5fff"
	}
}
http://:8090 {
	ones_bookings {
		service_token 0123456789abcdef0123456789abcdef ones
	}
}
`
}

// Wherever a string may stand, so may a placeholder, and one that stands for nothing is an
// error that names it.
func TestEveryPlaceholderIsStrict(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_DATA_HOME", dir)
	writePair(t, dir)
	for name, content := range map[string]string{"token": "a.b.c", "logo.svg": `<svg xmlns="http://www.w3.org/2000/svg"/>`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	keys := map[string]bool{}
	for _, store := range []string{
		"store badger " + dir + "/store {\n min_free 1MiB\n}",
		"store postgres postgres://ones:secret@db.example/ones",
	} {
		text, err := adapt(everyString(dir, store))
		if err != nil {
			t.Fatal(err)
		}
		provision := func() error {
			t.Helper()
			var cfg caddy.Config
			if err := json.Unmarshal([]byte(text), &cfg); err != nil {
				t.Fatal(err)
			}
			return caddy.Validate(&cfg)
		}
		if err := provision(); err != nil {
			t.Fatalf("what the others are changed from: %v", err)
		}
		original := text
		for _, s := range stringsOf(t, original) {
			keys[s.key] = true
			for placeholder, why := range map[string]string{
				"{env.ONES_UNSET}": "the environment variable ONES_UNSET is not set", "{file./nowhere/x}": "the file /nowhere/x is missing",
				"{unknown}": "a placeholder in it can't be resolved", "{env.ONES_VALUE}": "",
			} {
				t.Setenv("ONES_VALUE", s.value)
				text = s.replaced(placeholder)
				err := provision()
				if why == "" && err != nil {
					t.Errorf("%s, %q: a placeholder for the same is refused: %v", s.key, s.value, err)
				}
				if why != "" && (err == nil || !strings.Contains(err.Error(), why)) {
					t.Errorf("%s, %s instead of %q: %v, want an error with %q", s.key, placeholder, s.value, err, why)
				}
			}
		}
	}
	for _, typ := range configTypes() {
		for i := range typ.NumField() {
			f := typ.Field(i)
			kind := f.Type
			if kind.Kind() == reflect.Slice || kind.Kind() == reflect.Map {
				kind = kind.Elem()
			}
			if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.IsExported() && kind.Kind() == reflect.String && !keys[key] {
				t.Errorf("%s.%s is not tried", typ.Name(), f.Name)
			}
		}
	}
}

// A jsonString is one string in the configuration of ours.
type jsonString struct {
	key, value string
	// replaced returns the whole configuration with something else in its place.
	replaced func(by string) string
}

// stringsOf returns all strings in the app and the handlers of ours, keys of maps too.
func stringsOf(t *testing.T, config string) (all []jsonString) {
	var root map[string]any
	if err := json.Unmarshal([]byte(config), &root); err != nil {
		t.Fatal(err)
	}
	whole := func() string {
		b, err := json.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var walk func(key string, v any, ours bool, set func(any))
	walk = func(key string, v any, ours bool, set func(any)) {
		switch v := v.(type) {
		case string:
			if ours && key != "handler" && key != "module" {
				all = append(all, jsonString{key, v, func(by string) string {
					set(by)
					defer set(v)
					return whole()
				}})
			}
		case []any:
			for i := range v {
				walk(key, v[i], ours, func(by any) { v[i] = by })
			}
		case map[string]any:
			name, _ := v["handler"].(string)
			inside := ours || strings.HasPrefix(name, "ones_")
			for k := range v {
				walk(k, v[k], inside, func(by any) { v[k] = by })
				if key == "map_groups" {
					all = append(all, jsonString{key, k, func(by string) string {
						v[by] = v[k]
						delete(v, k)
						defer func() { v[k] = v[by]; delete(v, by) }()
						return whole()
					}})
				}
			}
		}
	}
	apps := root["apps"].(map[string]any)
	walk("", apps["http"], false, nil)
	walk("", apps["ones"], true, nil)
	return all
}

// writePair writes a certificate, app.crt, and its key, app.key.
func writePair(t *testing.T, dir string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"app.crt": {Type: "CERTIFICATE", Bytes: der}, "app.key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
