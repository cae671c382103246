package setup

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const (
	tenant = "c0970500-5c41-4b8e-9f6a-3d1c7e2a9b10"
	client = "a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c20"
	secret = "Abc8Q~not-a-real-one.0123456789"
)

var now = time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)

// gateway has few rules, so that what is seen here is this package's.
func gateway() Gateway {
	return Gateway{
		Now: now,
		Nearest: func(word string, known []string) string {
			if i := slices.IndexFunc(known, func(k string) bool { return k[:2] == word[:2] }); i >= 0 {
				return known[i]
			}
			return ""
		},
		Check: func(a *Answers, field string) error {
			switch {
			case field == "tenant_id" && a.TenantID == "common":
				return errors.New("tenant_id: every tenant there is")
			case field == "rooms" && len(a.Rooms) > 0 && a.Rooms[len(a.Rooms)-1].TimeZone == "Mars":
				return errors.New("time_zone is not known")
			case field == "public_url" && !strings.HasPrefix(a.PublicURL, "http"):
				return errors.New("no address")
			}
			return nil
		},
		Addresses: func(public string) Addresses {
			return Addresses{public + "/.ones/callback", public + "/.ones/rooms/callback", public + "/.ones/signed-out", public + "/.ones/frontchannel-logout"}
		},
		ConsentURL: func(a *Answers) string {
			if a.ClientID == "" {
				return ""
			}
			return "https://login.example/adminconsent?client_id=" + a.ClientID + "&scope=openid"
		},
		Cloud: func(operator string) (string, string, string) {
			if operator == "custom" {
				return "", "", ""
			}
			return "https://portal.example", "AzureUSGovernment", "https://graph.example"
		},
	}
}

func contoso() Answers {
	return Answers{
		PublicURL: "https://ones.contoso.com", Ones: "ones:8080",
		Integration: "contoso", Operator: "microsoft", TenantID: tenant, ClientID: client, Secret: secret, SecretExpires: "2027-05-01",
		Rooms: []Room{
			{"boardroom", "boardroom@contoso.com", "The Boardroom", "Asia/Hong_Kong", 12, "10th floor", "4h", "60d"},
			{"attic-2", "Attic.2@contoso.com", "Attic-2", "Asia/Hong_Kong", 0, "10th floor", "90m", "60d"},
			{"hut", "hut@contoso.com", "Hut", "Asia/Hong_Kong", 0, "", "90m", "60d"},
		},
		DefaultGroups: []string{"staff", "Room users"}, CardNumber: "pager", LoginButton: "Sign in with Microsoft 365",
		Admins: []string{"alice@contoso.com"},
	}
}

// The manual's fields in its order. Whatever is wrong is asked for again, and the secret
// shows nowhere.
func TestAsk(t *testing.T) {
	lines := []string{
		"ones.contoso.com", "https://ones.contoso.com", "", "", // The gateway
		"", "Microsoft", "common", tenant, client, secret, "2027-05-01", // Server settings
		"boardroom@contoso.com", "", "The Boardroom", "Mars", "Asia/Hong_Kong", "twelve", "12", "10th floor", "4h", "60d", // Room settings
		"Attic.2@contoso.com", "", "", "", "0", "", "90m", "",
		"hut@contoso.com", "", "", "", "", "-", "", "",
		"",
		"staff, Room users", "pager", "", "alice@contoso.com", // User settings
	}
	in := strings.Join(lines, "\n") + "\n"
	var out bytes.Buffer
	d := Dialogue{Gateway: gateway(), In: bufio.NewReader(strings.NewReader(in)), Out: &out, Again: true}
	hidden := 0
	d.Hidden = func(prompt string) (string, error) {
		hidden++
		fmt.Fprint(&out, prompt)
		line, err := d.In.ReadString('\n')
		return strings.TrimSuffix(line, "\n"), err
	}
	got, err := d.Ask()
	if err != nil {
		t.Fatalf("%v after\n%s", err, &out)
	}
	if d := cmp.Diff(contoso(), got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	said := out.String()
	if hidden != 1 || strings.Contains(said, secret) {
		t.Errorf("the secret was read %d times without being shown; all that was said:\n%s", hidden, said)
	}
	from := 0
	for _, want := range []string{
		"The gateway", "This can't be: no address.", "Server settings", "Integration name [contoso]", "Service operator [microsoft]", "https://portal.example",
		"Tenant ID", "every tenant there is", "Client ID", "Client secret", "It expires on", "Calendars.ReadWrite.Shared",
		"Room settings", "https://ones.contoso.com/.ones/rooms/callback", "time_zone is not known", "write a number",
		"name in addresses [attic-2]", "Asia/Hong_Kong [Asia/Hong_Kong]", "(-: none) [10th floor]",
		"User settings", "https://ones.contoso.com/.ones/callback", "Default user groups", "Card number", "login button", "Administrators",
	} {
		at := strings.Index(said[from:], want)
		if at < 0 {
			t.Fatalf("%q is not said, or too early:\n%s", want, said)
		}
		from += at
	}
}

// Where nobody can be asked again, the first wrong answer ends it, and so does the end of
// the input.
func TestAskInAPipe(t *testing.T) {
	for in, want := range map[string]string{
		"":                             ErrEnded.Error(),
		"nonsense\n":                   "public_url: no address",
		"https://x\n\n\n\n\ncommon\n":  "tenant_id: every tenant there is",
		"https://x\n\n\n\n\n" + tenant: ErrEnded.Error(),
		"https://x\nones {$HOME}\n":    "a brace",
		"https://x\n\n\n\n\n" + tenant + "\n\n" + client + "\n":         "the secret's id",
		"https://x\n\n\n\n\n" + tenant + "\n\nnot a secret of theirs\n": "no client secret",
		"https://x\n\n\n\n\n" + tenant + "\n\n\n\n\n":                   "at least one room",
		"https://x\n\n\n\n\n" + tenant + "\n\n\n\n會議室@b.c\n\n":          "a name is needed",
		"https://x\n\n\n\n\n" + tenant + "\nan id with spaces\n":        "no id",
		"https://x\n\n\n\n\n" + tenant + "\n\n\n\na@b.c\n\nThe `odd`\n": "backtick",
	} {
		var out bytes.Buffer
		d := Dialogue{Gateway: gateway(), In: bufio.NewReader(strings.NewReader(in)), Out: &out}
		if _, err := d.Ask(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		} else if strings.Contains(err.Error(), "of theirs") {
			t.Errorf("%q: the error shows what may be a secret: %v", in, err)
		}
	}
	d := Dialogue{Gateway: gateway(), In: bufio.NewReader(strings.NewReader("https://x\n\n\n\n\n" + tenant + "\n\n")), Out: io.Discard}
	d.Hidden = func(string) (string, error) { return "", io.EOF } // Ctrl-C
	if _, err := d.Ask(); !errors.Is(err, ErrEnded) {
		t.Errorf("Ctrl-C at the secret: %v", err)
	}
}

func TestRead(t *testing.T) {
	const good = `{"public_url": "https://x", "ones": "ones:1", "integration": "contoso", "tenant_id": "` + tenant + `", "rooms": [{"name": "a", "address": "a@b"}]}`
	a, err := Read(strings.NewReader(good), Answers{Secret: secret}, gateway())
	if err != nil || a.Rooms[0].Address != "a@b" || a.Secret != secret {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := Read(strings.NewReader(strings.Replace(good, "{", `{"operator": "21Vianet", `, 1)), Answers{}, gateway()); err != nil || a.Operator != "21vianet" {
		t.Errorf("the operator as the manual has it: %q, %v", a.Operator, err)
	}
	change := func(from, to string) string { return strings.Replace(good, from, to, 1) }
	for text, want := range map[string][]string{
		"":                   {"no JSON of answers"},
		"{\n\"ones\": ones}": {"in line 2: "},
		"[]":                 {"must be an object"},
		change("{", `{"default_groups": "staff", `):                        {"default_groups must be a list of texts"},
		change(`"contoso"`, "7"):                                           {"integration must be a text in quotes"},
		change(`[{"name": "a", "address": "a@b"}]`, `["a"]`):               {"rooms[0]: this must be an object"},
		change(`[{"name": "a", "address": "a@b"}]`, `{}`):                  {"rooms must be a list of objects"},
		change(`{"name": "a", "address": "a@b"}`, `{"time_zone": "Mars"}`): {"rooms[0]: its name is missing", "rooms[0]: its address is missing", "rooms[0]: time_zone"},
		change("{", `{"client_secret_expires": "2020-01-01", `):            {"client_secret_expires: 2020-01-01 is over"},
		change("{", `{"client_secret_expires": "2028-11-27", `):            {"more than two years ahead", "until 2028-11-26"},
		good + "{}": {"after the answers"},
		strings.NewReplacer(`"ones"`, `"client_secret": "x", "service_port": "8090", "onse"`, tenant, "common", `"a@b"`, `"a@b", "capacity": "12", "capcity": 3`).Replace(good): {`"onse" is no name here; did you mean ones?`, "client_secret stays out", "service_port must be a whole number without quotes", "rooms[0]: capacity must be a whole number", `rooms[0]: "capcity" is no name here; did you mean capacity?`, "tenant_id: every tenant"},
		change(`"ones"`, `"client_secret"`):               {"client_secret stays out of this file"},
		change("https://x", "{env.X}"):                    {"public_url: ", "a brace"},
		change(tenant, "common"):                          {"tenant_id: every tenant"},
		change(`"name": "a", `, ""):                       {"rooms[0]: its name is missing"},
		change(`, "address": "a@b"`, ""):                  {"rooms[0]: its address is missing"},
		change(`[{"name": "a", "address": "a@b"}]`, "[]"): {"rooms: at least one"},
		change(`"a@b"}`, `"a@b"}, {"name": "b", "address": "b@b", "time_zone": "Mars"}`): {"rooms[1]: time_zone"},
		change(`"a@b"`, `"a\n@b"`):                                     {"can't be written"},
		strings.Replace(change(tenant, "common"), "https://x", "x", 1): {"public_url: no address", "tenant_id: every tenant"},
		strings.Repeat(" ", maxFile+1):                                 {"too large"},
	} {
		_, err := Read(strings.NewReader(text), Answers{}, gateway())
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%.100q: %v, want %q", text, err, w)
			}
		}
	}
	if _, err := Read(strings.NewReader(good), Answers{Secret: client}, gateway()); err == nil || !strings.Contains(err.Error(), "secret's id") {
		t.Errorf("the secret's id: %v", err)
	}
	custom := change("{", `{"operator": "custom", "issuer": "https://i", "graph": "https://g", `)
	if _, err := Read(strings.NewReader(custom), Answers{Secret: client}, gateway()); err != nil {
		t.Errorf("a secret of another issuer that is a GUID, as the Caddyfile takes it: %v", err)
	}
	for _, day := range []string{"2026-11-27", "2028-11-26"} {
		if _, err := Read(strings.NewReader(change("{", `{"client_secret_expires": "`+day+`", `)), Answers{}, gateway()); err != nil {
			t.Errorf("a secret that ends on %s: %v", day, err)
		}
	}
	inPods := strings.Replace(change("{", `{"data": "data", `), "https:", "http:", 1)
	_, err = Read(strings.NewReader(inPods), Answers{Place: Kubernetes}, gateway())
	if err == nil || !strings.Contains(err.Error(), "public_url: ") || !strings.Contains(err.Error(), "data: in containers") {
		t.Errorf("to try, in containers: %v", err)
	}
}

// In containers no folder is asked for, and ONES is beside the gateway.
func TestAskInContainers(t *testing.T) {
	for place, want := range map[Place]string{Compose: "ones:8080", Kubernetes: "127.0.0.1:3000"} {
		in := "https://x\n\n\n\n" + tenant + "\n\n\n\na@b.c\n\n\n\n\n\n\n\n\n\n\n\n\n"
		d := Dialogue{Gateway: gateway(), In: bufio.NewReader(strings.NewReader(in)), Out: io.Discard, Place: place}
		if a, err := d.Ask(); err != nil || a.Ones != want || a.Place != place || a.TenantID != tenant {
			t.Errorf("%s: %+v, %v", place, a, err)
		}
	}
}

func files(t *testing.T, a Answers) map[string]File {
	t.Helper()
	all, err := a.Files(gateway(), "the-service-token")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]File{}
	for _, f := range all {
		named[f.Name] = f
	}
	return named
}

func TestFiles(t *testing.T) {
	a := contoso()
	a.Operator = "us_gov_dod"
	named := files(t, a)
	for name, f := range named {
		if has := strings.Contains(string(f.Content), secret); has != (name == "onesgate.env") {
			t.Errorf("%s has the secret: %v", name, has)
		}
		if strings.Contains(string(f.Content), "<no value>") {
			t.Errorf("%s has a hole:\n%s", name, f.Content)
		}
	}
	if f := named["onesgate.env"]; f.Mode != 0o600 || !strings.Contains(string(f.Content), "\nONES_CLIENT_SECRET="+secret+"\nONES_SERVICE_TOKEN=the-service-token\n") {
		t.Errorf("%v\n%s", f.Mode, f.Content)
	}
	if f := string(named["azure.txt"].Content); !strings.Contains(f, "https://login.example/adminconsent?client_id="+client) || !strings.Contains(f, "https://ones.contoso.com/.ones/frontchannel-logout") {
		t.Errorf("%s", f)
	}
	a.Operator, a.Issuer, a.Graph, a.TenantID, a.ClientID = "custom", "https://issuer.example", "https://graph.example", "", "gateway"
	named = files(t, a)
	if _, there := named["azure-app.sh"]; there || len(named) != 3 {
		t.Errorf("for an issuer that isn't Microsoft: %v", named)
	}
	if f := string(named["onesgate.env"].Content); strings.Contains(f, "TENANT") || strings.Contains(f, "DATABASE") {
		t.Errorf("without a tenant, and a database: %s", f)
	}
	a.Place = Compose
	if f := string(files(t, a)["onesgate.env"].Content); !strings.HasSuffix(f, "\nONES_DATABASE_URL=\n") {
		t.Errorf("with a database: %s", f)
	}
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	one := []File{{"a", []byte("1"), 0o600}, {"b", []byte("2"), 0o755}}
	if err := Write(dir, one, false); err != nil {
		t.Fatal(err)
	}
	for _, f := range one {
		info, err := os.Stat(filepath.Join(dir, f.Name))
		if err != nil || info.Mode().Perm() != f.Mode {
			t.Errorf("%s: %v, %v", f.Name, info, err)
		}
	}
	two := []File{{"c", []byte("3"), 0o600}, {"b", []byte("4"), 0o600}}
	if err := Write(dir, two, false); err == nil || !strings.Contains(err.Error(), "b is there already") {
		t.Errorf("over what is there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "c")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was refused, but something is written: %v", err)
	}
	if err := Write(dir, two, true); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "b"))
	info, _ := os.Stat(filepath.Join(dir, "b"))
	if err != nil || string(b) != "4" || info.Mode().Perm() != 0o600 {
		t.Errorf("overwritten: %q, %v, %v", b, info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Errorf("%v, %v; want a, b and c", entries, err)
	}
	if err := Write(filepath.Join(dir, "a"), one, false); err == nil {
		t.Error("a file was taken for a folder")
	}
}

// Whatever a word is, a shell has it as one word.
func TestShell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[\x01-\x7e\p{Han}]{0,12}`), 1, 5).Draw(t, "words")
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = shell(w)
		}
		out, err := exec.Command("bash", "-c", "printf '%s\\0' "+strings.Join(quoted, " ")).Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); !slices.Equal(got, words) {
			t.Errorf("%q has become %q", words, got)
		}
	})
}
