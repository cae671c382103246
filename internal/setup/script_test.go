package setup

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// az stands for the Azure CLI: it writes down what it is asked for, one argument in a
// line, and answers as Azure would.
const az = `#!/usr/bin/env bash
{ printf '%s\n' "$@"; echo; } >>"$CALLS"
case "$1 $2 $3 $4" in
"account show "*) echo "$SIGNED_IN" ;;
"ad app create "*) echo a11d0e5a-7e57-4a44-8c3b-6f2d9b1e4c20 ;;
"ad app list "*) echo "$EXTENSION" ;;
"ad sp show "*) exit 3 ;;
"ad app credential reset") echo 'New8Q~made-by-azure' ;;
esac
`

type call []string

// after is the argument that comes after an option.
func (c call) after(option string) string {
	if i := slices.Index(c, option); i >= 0 && i+1 < len(c) {
		return c[i+1]
	}
	return ""
}

func runScript(t *testing.T, dir string, env ...string) (calls []call, said string) {
	t.Helper()
	record := filepath.Join(t.TempDir(), "calls")
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "az"), []byte(az), 0o755); err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), filepath.Join(dir, "azure-app.sh"))
	run.Env = append(append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "CALLS="+record), env...)
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	for one := range strings.SplitSeq(strings.TrimSpace(string(b)), "\n\n") {
		calls = append(calls, strings.Split(one, "\n"))
	}
	return calls, string(out)
}

func write(t *testing.T, a Answers) (dir string) {
	t.Helper()
	dir = t.TempDir()
	all, err := a.Files(gateway(), "the-service-token")
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, all, false); err != nil {
		t.Fatal(err)
	}
	return dir
}

func find(t *testing.T, calls []call, words ...string) call {
	t.Helper()
	for _, c := range calls {
		if len(c) >= len(words) && slices.Equal(c[:len(words)], words) {
			return c
		}
	}
	t.Fatalf("az %s was not asked for: %q", strings.Join(words, " "), calls)
	return nil
}

// The script registers what the gateway needs, and has the environment know it.
func TestScriptRegisters(t *testing.T) {
	a := contoso()
	a.Operator, a.ClientID, a.Secret = "us_gov_dod", "", ""
	dir := write(t, a)
	calls, said := runScript(t, dir, "SIGNED_IN=another", "EXTENSION=0000aaaa-bbbb-cccc-dddd-eeeeffff0000")

	if c := find(t, calls, "cloud", "set"); c.after("--name") != "AzureUSGovernment" {
		t.Errorf("%q", c)
	}
	if c := find(t, calls, "cloud", "update"); c.after("--endpoint-microsoft-graph-resource-id") != "https://graph.example/" {
		t.Errorf("%q", c)
	}
	if c := find(t, calls, "login"); c.after("--tenant") != tenant {
		t.Errorf("%q", c)
	}
	create := find(t, calls, "ad", "app", "create")
	at := slices.Index(create, "--web-redirect-uris")
	if got := create[at+1 : at+4]; !slices.Equal(got, []string{"https://ones.contoso.com/.ones/rooms/callback", "https://ones.contoso.com/.ones/callback", "https://ones.contoso.com/.ones/signed-out"}) ||
		create.after("--sign-in-audience") != "AzureADMyOrg" || create.after("--display-name") != "ONES at ones.contoso.com" {
		t.Errorf("%q", create)
	}
	var access []struct {
		ResourceAppID  string `json:"resourceAppId"`
		ResourceAccess []struct{ ID, Type string }
	}
	if err := json.Unmarshal([]byte(create.after("--required-resource-accesses")), &access); err != nil || len(access) != 1 || access[0].ResourceAppID != microsoftGraph || len(access[0].ResourceAccess) != 3 {
		t.Errorf("%v, %v", access, err)
	}
	for i, p := range permissions {
		if got := access[0].ResourceAccess[i]; got.ID != p.ID || got.Type != "Scope" {
			t.Errorf("permission %s is %v", p.Name, got)
		}
	}
	patch := find(t, calls, "rest")
	var body struct {
		Web struct {
			LogoutURL    string   `json:"logoutUrl"`
			RedirectURIs []string `json:"redirectUris"`
		}
	}
	if err := json.Unmarshal([]byte(patch.after("--body")), &body); err != nil || body.Web.LogoutURL != "https://ones.contoso.com/.ones/frontchannel-logout" || len(body.Web.RedirectURIs) != 3 {
		t.Errorf("%v, %v in %q", body, err, patch)
	}
	if got := patch.after("--uri"); got != "https://graph.example/v1.0/applications(appId='"+client+"')" {
		t.Errorf("it changes %s", got)
	}
	find(t, calls, "ad", "sp", "create")
	var claims struct {
		IDToken []struct{ Name, Source string } `json:"idToken"`
	}
	if err := json.Unmarshal([]byte(find(t, calls, "ad", "app", "update").after("--optional-claims")), &claims); err != nil || len(claims.IDToken) != 4 ||
		claims.IDToken[3].Name != "extension_0000aaaabbbbccccddddeeeeffff0000_pager" || claims.IDToken[3].Source != "user" {
		t.Errorf("%v, %v", claims, err)
	}
	if c := find(t, calls, "ad", "app", "credential", "reset"); c.after("--end-date") != "2027-05-01" || !slices.Contains(c, "--append") {
		t.Errorf("%q", c)
	}

	env, err := os.ReadFile(filepath.Join(dir, "onesgate.env"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ONES_TENANT_ID=" + tenant + "\n", "ONES_CLIENT_ID=" + client + "\n", "ONES_CLIENT_SECRET=New8Q~made-by-azure\n", "ONES_SERVICE_TOKEN=the-service-token\n"} {
		if strings.Count(string(env), want) != 1 {
			t.Errorf("%q is not there, or twice:\n%s", want, env)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "onesgate.env")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if strings.Contains(said, "New8Q~") {
		t.Errorf("the secret is shown: %s", said)
	}
	if !strings.HasSuffix(strings.TrimSpace(said), "https://login.example/adminconsent?client_id="+client+"&scope=openid") {
		t.Errorf("it does not end with the consent link: %s", said)
	}

	// Run again, it makes no second secret.
	calls, _ = runScript(t, dir, "SIGNED_IN="+tenant, "EXTENSION=")
	for _, c := range calls {
		if c[0] == "login" || slices.Contains(c, "credential") || slices.Contains(c, "update") && c[0] == "ad" {
			t.Errorf("the second time: %q", c)
		}
	}
	again, err := os.ReadFile(filepath.Join(dir, "onesgate.env"))
	if err != nil || strings.Count(string(again), "ONES_CLIENT_SECRET=New8Q~made-by-azure\n") != 1 || strings.Count(string(again), "ONES_") != 4 {
		t.Errorf("the second time: %s, %v", again, err)
	}
}

// An app that is registered already is brought in line.
func TestScriptUpdates(t *testing.T) {
	a := contoso()
	a.Operator, a.CardNumber = "us_gov", ""
	calls, _ := runScript(t, write(t, a), "SIGNED_IN="+tenant)
	if c := find(t, calls, "ad", "app", "update"); c.after("--id") != client || c.after("--optional-claims") == "" {
		t.Errorf("%q", c)
	}
	for _, c := range calls {
		if slices.Contains(c, "create") && c[1] == "app" || slices.Contains(c, "credential") {
			t.Errorf("%q", c)
		}
	}
}

// shellcheck finds nothing.
func TestScriptIsWellWritten(t *testing.T) {
	for _, operator := range []string{"microsoft", "us_gov_dod"} {
		for _, id := range []string{"", client} {
			a := contoso()
			a.Operator, a.ClientID = operator, id
			script := filepath.Join(write(t, a), "azure-app.sh")
			if out, err := exec.CommandContext(t.Context(), "shellcheck", "--norc", script).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s; make deps installs what is missing", operator, err, out)
			}
		}
	}
}
