package caddymodule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/onesgate/onesgate/internal/setup"
)

// exampleAnswers are those that make ./Caddyfile.
func exampleAnswers() setup.Answers {
	return setup.Answers{
		PublicURL: "https://ones.contoso.com", Ones: "ones:8080",
		Integration: "contoso", Operator: "microsoft", TenantID: "c0970500-5c41-4b8e-9f6a-3d1c7e2a9b10", ClientID: "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c20",
		Secret: "Abc8Q~not-a-real-one", SecretExpires: "2027-05-01",
		Rooms: []setup.Room{{
			Name: "boardroom", Address: "boardroom@contoso.com", Title: "Boardroom", TimeZone: "Asia/Hong_Kong", Capacity: 12, Group: "10th floor",
			MaxDuration: "4h", BookingWindow: "60d",
		}},
		DefaultGroups: []string{"staff"}, CardNumber: "pager", LoginButton: "Sign in with Microsoft 365", Admins: []string{"alice@contoso.com"},
	}
}

// setUpAt is before the secret of the example ends.
var setUpAt = time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)

func caddyfileOf(t interface {
	Helper()
	Fatal(...any)
}, a setup.Answers,
) []byte {
	t.Helper()
	files, err := a.Files(gatewaySetUp(setUpAt), "token")
	if err != nil {
		t.Fatal(err)
	}
	return files[0].Content
}

// The production example is what setup writes.
func TestSetupWritesTheExample(t *testing.T) {
	example, err := os.ReadFile("../Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(string(example), "\n{\n")
	_, got, _ := strings.Cut(string(caddyfileOf(t, exampleAnswers())), "\n{\n")
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("internal/setup/templates/Caddyfile and ./Caddyfile differ: -example +setup\n%s", d)
	}
}

// What setup writes is formatted, and is a whole configuration in each cloud.
func TestSetupMakesConfigurations(t *testing.T) {
	t.Setenv("ONES_TENANT_ID", exampleAnswers().TenantID)
	t.Setenv("ONES_CLIENT_ID", exampleAnswers().ClientID)
	t.Setenv("ONES_CLIENT_SECRET", "Abc8Q~not-a-real-one")
	t.Setenv("ONES_SERVICE_TOKEN", strings.Repeat("token", 10))
	t.Setenv("ONES_DATABASE_URL", "postgres://onesgate:password@database/onesgate")
	for name, change := range map[string]func(*setup.Answers){
		"microsoft": func(*setup.Answers) {},
		"21vianet":  func(a *setup.Answers) { a.Operator = "21vianet" },
		"us_gov":    func(a *setup.Answers) { a.Operator, a.SecretExpires = "us_gov", "" },
		"us_gov_dod": func(a *setup.Answers) {
			a.Operator, a.Admins, a.DefaultGroups, a.CardNumber, a.LoginButton = "us_gov_dod", nil, nil, "", ""
		},
		"custom": func(a *setup.Answers) {
			a.Operator, a.Issuer, a.Graph, a.TenantID, a.PublicURL = "custom", "http://localhost:8081/t/v2.0", "http://localhost:8081", "", "http://localhost:8080"
		},
		"compose":    func(a *setup.Answers) { a.Place = setup.Compose },
		"kubernetes": func(a *setup.Answers) { a.Place = setup.Kubernetes },
		"data":       func(a *setup.Answers) { a.Data, a.ServicePort = t.TempDir()+"/with a space", 8091 },
		"a port": func(a *setup.Answers) {
			a.PublicURL, a.Ones = "https://ones.contoso.com:8443", "https://ones.internal:443"
		},
		"rooms": func(a *setup.Answers) {
			a.Rooms = append(a.Rooms, setup.Room{Name: "two", Address: "two@contoso.com", Title: `The "odd" one \`, Group: "十樓"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := exampleAnswers()
			change(&a)
			config := caddyfileOf(t, a)
			adapted, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt(config, map[string]any{"filename": "Caddyfile"})
			if err != nil || len(warnings) > 0 {
				t.Fatalf("%v, %v:\n%s", err, warnings, config)
			}
			var cfg caddy.Config
			if err := json.Unmarshal(adapted, &cfg); err != nil {
				t.Fatal(err)
			}
			cfg.Logging = nil // what is said meanwhile is not the matter here
			if err := caddy.Validate(&cfg); err != nil {
				t.Errorf("%v:\n%s", err, config)
			}
		})
	}
}

// Whatever words are given: either they are refused, or the Caddyfile says exactly them.
func TestSetupKeepsWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.OneOf(rapid.StringMatching(`[ -~]{1,12}`), rapid.StringMatching(`[\\"#<$(){}]{1,5}`), rapid.StringMatching(`[a-z\p{Han} ]{1,8}`))
		a := exampleAnswers()
		a.Rooms[0].Title, a.Rooms[0].Group = word.Draw(t, "title"), word.Draw(t, "group")
		a.LoginButton, a.DefaultGroups = word.Draw(t, "button"), []string{word.Draw(t, "group of ONES")}
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if a, err = setup.Read(bytes.NewReader(b), setup.Answers{}, gatewaySetUp(setUpAt)); err != nil {
			return
		}
		config := caddyfileOf(t, a)
		adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(config, map[string]any{"filename": "Caddyfile"})
		if err != nil {
			t.Fatalf("%v:\n%s", err, config)
		}
		app, err := onesOf(adapted, "")
		if err != nil {
			t.Fatal(err)
		}
		i := app.Integrations[0]
		got := []string{i.Rooms[0].Title, i.Rooms[0].Group, i.Users.LoginButton, i.Users.DefaultGroups[0]}
		if d := cmp.Diff([]string{a.Rooms[0].Title, a.Rooms[0].Group, a.LoginButton, a.DefaultGroups[0]}, got); d != "" {
			t.Errorf("-answered +in the Caddyfile\n%s", d)
		}
	})
}

// Each answer is checked by the rules of the Caddyfile.
func TestSetupChecks(t *testing.T) {
	for _, tt := range []struct {
		field  string
		change func(*setup.Answers)
		want   string
	}{
		{"public_url", func(a *setup.Answers) { a.PublicURL = "http://ones.contoso.com" }, "must be https"},
		{"public_url", func(a *setup.Answers) { a.PublicURL = "https://ones.contoso.com/path" }, "no path"},
		{"public_url", func(a *setup.Answers) { a.PublicURL = "" }, "is missing"},
		{"ones", func(a *setup.Answers) { a.Ones = "ones" }, "not a host and a port"},
		{"ones", func(a *setup.Answers) { a.Ones = "ones:0" }, "not a host and a port"},
		{"ones", func(a *setup.Answers) { a.Ones = "a b:80" }, "not a host and a port"},
		{"ones", func(a *setup.Answers) { a.Ones = "https://ones/path" }, "no path"},
		{"integration", func(a *setup.Answers) { a.Integration = "Contoso Ltd" }, "small letters"},
		{"operator", func(a *setup.Answers) { a.Operator = "azure" }, "operator doesn't know"},
		{"issuer", func(a *setup.Answers) { a.Issuer = "https://x" }, "custom alone"},
		{"issuer", func(a *setup.Answers) { a.Operator, a.Issuer = "custom", "http://x" }, "must be https"},
		{"graph", func(a *setup.Answers) { a.Operator, a.Graph = "custom", "x" }, "https"},
		{"tenant_id", func(a *setup.Answers) { a.TenantID = "common" }, "every tenant"},
		{"tenant_id", func(a *setup.Answers) { a.TenantID = "" }, "is missing"},
		{"tenant_id", func(a *setup.Answers) { a.TenantID = "contoso" }, "portal.azure.com shows"},
		{"client_id", func(a *setup.Answers) { a.ClientID = "onesgate" }, "not a GUID"},
		{"client_id", func(a *setup.Answers) { a.Operator, a.ClientID = "custom", "" }, "is missing"},
		{"client_secret_expires", func(a *setup.Answers) { a.SecretExpires = "1 May" }, "not a date"},
		{"rooms", func(a *setup.Answers) { a.Rooms[0].Name = "Board Room" }, "small letters"},
		{"rooms", func(a *setup.Answers) { a.Rooms[0].Address = "boardroom" }, "address of a mailbox"},
		{"rooms", func(a *setup.Answers) { a.Rooms[0].TimeZone = "Hong Kong" }, "Asia/Hong_Kong"},
		{"rooms", func(a *setup.Answers) { a.Rooms[0].MaxDuration = "long" }, "not a duration"},
		{"rooms", func(a *setup.Answers) { a.Rooms[0].Capacity = -1 }, "negative"},
		{"rooms", func(a *setup.Answers) { a.Rooms = append(a.Rooms, a.Rooms[0]) }, "twice"},
		{"rooms", func(a *setup.Answers) {
			a.Rooms = append(a.Rooms, setup.Room{Name: "x", Address: "BOARDROOM@contoso.com"})
		}, "the same mailbox"},
		{"default_groups", func(a *setup.Answers) { a.DefaultGroups = []string{"staff", "staff"} }, "twice"},
		{"admins", func(a *setup.Answers) { a.Admins = []string{"alice"} }, "address of a mailbox"},
		{"service_port", func(a *setup.Answers) { a.ServicePort = 70000 }, "no port"},
	} {
		a := exampleAnswers()
		if err := checkAnswer(&a, tt.field); err != nil {
			t.Errorf("%s of the example: %v", tt.field, err)
		}
		tt.change(&a)
		if err := checkAnswer(&a, tt.field); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.field, err, tt.want)
		}
	}
	a := exampleAnswers()
	a.Rooms = []setup.Room{{}, {Name: "Board Room", Address: "boardroom", TimeZone: "Mars", Capacity: -1, MaxDuration: "long"}}
	if all := each(checkAnswer(&a, "rooms")); len(all) != 5 {
		t.Errorf("of a room with five mistakes: %q", all)
	}
	if a.Rooms = a.Rooms[:1]; checkAnswer(&a, "rooms") != nil {
		t.Errorf("of one that is empty: %v", checkAnswer(&a, "rooms"))
	}
	a = exampleAnswers()
	a.ClientID, a.SecretExpires, a.Rooms = "", "", append(a.Rooms, setup.Room{Address: "new@contoso.com"})
	for _, field := range []string{"client_id", "client_secret_expires", "rooms"} {
		if err := checkAnswer(&a, field); err != nil {
			t.Errorf("%s, which may still come: %v", field, err)
		}
	}
}

func TestSetupCommand(t *testing.T) {
	dir := t.TempDir()
	example := exampleAnswers()
	example.SecretExpires = time.Now().AddDate(1, 0, 0).Format(time.DateOnly)
	b, err := json.Marshal(example)
	if err != nil {
		t.Fatal(err)
	}
	stdin := ""
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		cmd := setupCommand()
		cmd.SetArgs(args)
		cmd.SetIn(strings.NewReader(stdin))
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		cmd.SilenceErrors = true
		err := cmd.Execute()
		return out.String(), err
	}
	from := written(t, "answers.json", string(b))
	t.Setenv("ONES_CLIENT_SECRET", "Abc8Q~not-a-real-one")
	said, err := run("--from", from, "--out", dir+"/new")
	if err != nil || strings.Contains(said, "8Q~") || !strings.Contains(said, "azure-app.sh") {
		t.Errorf("%v: %s", err, said)
	}
	env, err := os.ReadFile(dir + "/new/onesgate.env")
	if err != nil || !strings.Contains(string(env), "ONES_CLIENT_SECRET=Abc8Q~not-a-real-one\n") {
		t.Errorf("%s, %v", env, err)
	}
	if _, err := run("--from", from, "--out", dir+"/new"); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("a second time: %v", err)
	}
	if _, err := run("--from", from, "--out", dir+"/new", "--force"); err != nil {
		t.Errorf("overwriting: %v", err)
	}
	if second, err := os.ReadFile(dir + "/new/onesgate.env"); err != nil || bytes.Equal(env, second) {
		t.Errorf("the token of ONES' server is the same as before: %v", err)
	}
	for want, args := range map[string][]string{
		"can't be read":            {"--from", dir + "/missing"},
		"the answers end":          {"--out", dir + "/asked"},
		"no JSON":                  {"--from", dir + "/new/Caddyfile"},
		"unknown command":          {"now"},
		"did you mean kubernetes?": {"--from", from, "--out", dir + "/asked", "--for", "kubernets"},
	} {
		if said, err := run(args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v %s, want %q", args, err, said, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "asked")); err == nil {
		t.Error("something was written though the answers had no end")
	}
	// The same answers through a pipe make the same.
	stdin = strings.Join([]string{
		"https://ones.contoso.com", "", "", "", "", exampleAnswers().TenantID, exampleAnswers().ClientID, "Abc8Q~not-a-real-one", example.SecretExpires,
		"boardroom@contoso.com", "", "", "Asia/Hong_Kong", "12", "10th floor", "4h", "60d", "", "staff", "pager", "", "alice@contoso.com",
	}, "\n")
	if said, err := run("--out", dir+"/piped"); err != nil {
		t.Errorf("through a pipe: %v after %s", err, said)
	}
	for _, name := range []string{"Caddyfile", "azure.txt", "azure-app.sh"} {
		asked, err := os.ReadFile(filepath.Join(dir, "piped", name))
		given, other := os.ReadFile(filepath.Join(dir, "new", name))
		if err != nil || other != nil || !bytes.Equal(asked, given) {
			t.Errorf("%s: %v, %v; asked for\n%s\nfrom a file\n%s", name, err, other, asked, given)
		}
	}
	said, err = run("--from", from, "--out", dir+"/pods", "--for", "kubernetes")
	config, read := os.ReadFile(dir + "/pods/Caddyfile")
	if err != nil || read != nil || !strings.Contains(said, "ONES_DATABASE_URL") || !strings.Contains(said, "run by kubernetes") {
		t.Errorf("%v, %v: %s", err, read, said)
	}
	for _, want := range []string{"store postgres {env.ONES_DATABASE_URL}\n", "shutdown_delay 10s\n", "trusted_proxies ", "\nhttp://:8080 {\n"} {
		if !strings.Contains(string(config), want) {
			t.Errorf("for kubernetes it lacks %q:\n%s", want, config)
		}
	}
	a := example
	a.Data = "data"
	if b, err = json.Marshal(a); err != nil {
		t.Fatal(err)
	}
	if _, err := run("--from", written(t, "answers.json", string(b)), "--out", dir+"/data"); err != nil {
		t.Fatal(err)
	}
	if config, err := os.ReadFile(dir + "/data/Caddyfile"); err != nil || !strings.Contains(string(config), fmt.Sprintf("store badger %s/data/data/store {", dir)) {
		t.Errorf("%s, %v", config, err)
	}
}
