package integration_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	m365 "github.com/onesgate/onesgate/internal/m365sim/world"
)

// diagnosis is what "onesgate ones doctor --json" prints.
type diagnosis struct {
	Version  string         `json:"version"`
	Gateway  string         `json:"gateway"`
	Count    map[string]int `json:"count"`
	Findings []finding      `json:"findings"`
}

type finding struct {
	Check   string `json:"check"`
	About   string `json:"about"`
	Finding string `json:"finding"`
	Result  string `json:"result"`
	What    string `json:"what"`
	Whose   string `json:"whose"`
	Do      string `json:"do"`
}

// writeWell writes the Caddyfile as Caddy wants it to be formatted.
func (w *world) writeWell(change map[string]any) string {
	w.t.Helper()
	file := w.write(change)
	if out, status := command(w.t, w.env(), "fmt", "--overwrite", file); status != 0 {
		w.t.Fatalf("fmt: %s", out)
	}
	return file
}

// doctor runs the doctor, and demands that it tells no secret.
func (w *world) doctor(args ...string) (d diagnosis, status int) {
	w.t.Helper()
	cmd := exec.Command(binary, append([]string{"ones", "doctor", "--json", "--config", filepath.Join(w.dir, "Caddyfile")}, args...)...)
	cmd.Env = append(os.Environ(), w.env()...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		w.t.Fatal(err)
	}
	for _, secret := range []string{w.secret, serviceToken} {
		if secret != "" && strings.Contains(out.String()+errs.String(), secret) {
			w.t.Errorf("it tells a secret: %s%s", out.String(), errs.String())
		}
	}
	dec := json.NewDecoder(&out)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		w.t.Fatalf("%v; it wrote: %s", err, errs.String())
	}
	if _, err := dec.Token(); err != io.EOF {
		w.t.Errorf("something follows the object: %v", err)
	}
	sum := 0
	for _, n := range d.Count {
		sum += n
	}
	if sum != len(d.Findings) || d.Version == "" {
		w.t.Errorf("%d findings, counted %v, version %q", len(d.Findings), d.Count, d.Version)
	}
	if status = cmd.ProcessState.ExitCode(); status != min(d.Count["wrong"], 1) || (status != 0) != strings.Contains(errs.String(), "wrong") {
		w.t.Errorf("exit status %d with %v: %s", status, d.Count, errs.String())
	}
	return d, status
}

// of are the names of what a check has found.
func (d diagnosis) of(check, about string) (all []string) {
	for _, f := range d.Findings {
		if f.Check == check && f.About == about {
			all = append(all, f.Finding)
		}
	}
	return all
}

func (d diagnosis) wants(t *testing.T, check, about string, want ...string) {
	t.Helper()
	if got := d.of(check, about); !slices.Equal(got, want) {
		t.Errorf("%s %s: %q, want %q, in:\n%s", check, about, got, want, pretty(d))
	}
}

// The doctor before the first start, beside the gateway before and after the first
// sign-in, after an edit, and after the gateway has gone.
func TestDoctor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *m365.Config) {
		app := &c.Tenants[0].Apps[0]
		app.RedirectURIs = append(app.RedirectURIs, strings.Replace(app.RedirectURIs[0], "/.ones/callback", "/.ones/rooms/callback", 1))
		c.Tenants[0].Rooms[0].Account = "0b1ec700-0000-4000-8000-00000000b0a2"
	})
	w.writeWell(map[string]any{"Auth": "admins contoso/" + alice})

	before, status := w.doctor()
	if status != 0 || before.Gateway != "configuration" || before.Count["warning"] != 0 {
		t.Errorf("before the start: %d, %s", status, pretty(before))
	}
	for _, check := range []string{"cloud", "clock", "tenant", "issuer", "graph"} {
		before.wants(t, check, "contoso", "ok")
	}
	before.wants(t, "credentials", "contoso client_secret 1", "ok")
	for _, check := range []string{"configuration", "proxy", "access_log", "service_listener", "ones"} {
		before.wants(t, check, "", "ok")
	}
	if os.Geteuid() == 0 { // who can't know who will run it
		before.wants(t, "keyset", "", "not_checked")
	} else {
		before.wants(t, "keyset", "", "ok")
	}
	before.wants(t, "store", "", "ok", "ok")
	before.wants(t, "gateway", "", "not_checked")
	before.wants(t, "public_url", "", "not_checked")
	before.wants(t, "redirect_uris", "", "not_checked", "not_checked", "not_checked")
	before.wants(t, "rooms", "contoso", "not_checked")
	if _, err := os.Stat(filepath.Join(w.dir, "store")); err == nil {
		t.Error("the doctor has made the store")
	}

	p := w.gateway()
	quiet, status := w.doctor()
	if status != 0 || quiet.Gateway != "running" || quiet.Count["warning"] != 0 {
		t.Errorf("beside the gateway: %d, %s", status, pretty(quiet))
	}
	for _, check := range []string{"configuration", "gateway", "keyset", "public_url", "ones"} {
		quiet.wants(t, check, "", "ok")
	}
	quiet.wants(t, "credentials", "contoso client_secret 1", "ok")
	quiet.wants(t, "permissions", "contoso", "not_checked")

	v := newVisitor(t, w.home)
	v.signIn(alice)
	v.connect("boardroom", boardroom)
	whole, status := w.doctor("--as", alice)
	if status != 0 || whole.Count["warning"] != 0 {
		t.Errorf("after the sign-in: %d, %s", status, pretty(whole))
	}
	whole.wants(t, "redirect_uris", "", "ok", "ok", "not_checked")
	whole.wants(t, "permissions", "contoso", "ok")
	whole.wants(t, "rooms", "contoso boardroom", "ok")
	whole.wants(t, "rooms", "contoso harbour", "ok")
	whole.wants(t, "room_accounts", "contoso boardroom", "ok")
	whole.wants(t, "room_accounts", "contoso harbour", "not_checked")
	p.logs("the operator's doctor looks with a person's connection")

	// What a room has answered, it tells too.
	if a := w.serve(http.MethodPost, "/v1/bookings", meeting("harbour", 2, 10), "Ones-Act-As", alice, "Prefer", "wait=20"); a.StatusCode != http.StatusCreated {
		t.Fatalf("book: %d %s", a.StatusCode, a.body)
	}
	answered, _ := w.doctor()
	if !slices.ContainsFunc(answered.Findings, func(f finding) bool {
		return f.Check == "rooms" && f.About == "contoso harbour" && strings.Contains(f.What, "has answered bookings of late: 1,")
	}) {
		t.Errorf("the answer is not seen: %s", pretty(answered))
	}

	// As whom it looks nobody knows.
	stranger, status := w.doctor("--as", "mallory@contoso.example")
	if stranger.wants(t, "gateway", "", "ok", "gateway_fails"); status != 1 {
		t.Errorf("as a stranger: %d", status)
	}
	if strings.Contains(p.errors(), "mallory") {
		t.Errorf("the log names whom it was asked for:\n%s", p.errors())
	}

	// What the gateway knows of its environment, who asks need not.
	w.secret = ""
	elsewhere, status := w.doctor()
	if elsewhere.wants(t, "credentials", "contoso client_secret 1", "ok"); status != 0 {
		t.Errorf("without the gateway's environment: %d", status)
	}
	w.secret = m365.Sample().Tenants[0].Apps[0].Secrets[0].Value

	// Edited, and not yet loaded: the file is checked from here.
	w.writeWell(map[string]any{"Auth": "admins contoso/" + alice, "Rooms": "room nowhere nowhere@contoso.example {\ntime_zone UTC\n}", "Credentials": "client_secret nonsense~wrong 2099-01-01"})
	edited, status := w.doctor()
	if status != 1 || edited.Gateway != "running" {
		t.Errorf("after an edit: %d, %s", status, pretty(edited))
	}
	edited.wants(t, "configuration", "", "ok", "config_not_in_force")
	good := w.secret
	w.secret = ""
	w.writeWell(map[string]any{"Auth": "admins contoso/" + alice, "Label": "Sign in"})
	blind, status := w.doctor()
	if blind.wants(t, "credentials", "contoso client_secret 1", "ok"); status != 0 {
		t.Errorf("after an edit, without the service's environment: %d", status)
	}
	blind.wants(t, "configuration", "", "not_checked", "config_not_in_force")
	w.secret = good
	edited.wants(t, "credentials", "contoso client_secret 1", "secret_wrong")
	edited.wants(t, "store", "", "ok", "ok")
	edited.wants(t, "rooms", "contoso boardroom", "ok")

	w.writeWell(map[string]any{"Auth": "admins contoso/" + alice, "Rooms": "room nowhere nowhere@contoso.example {\ntime_zone UTC\n}"})
	if out, status := command(t, w.env(), "reload", "--config", filepath.Join(w.dir, "Caddyfile"), "--adapter", "caddyfile"); status != 0 {
		t.Fatalf("reload: %s", out)
	}
	reloaded, status := w.doctor()
	if reloaded.wants(t, "rooms", "contoso nowhere", "mailbox_missing"); status != 1 {
		t.Errorf("with a room that is not there: %d", status)
	}

	// The secret ends while it runs.
	w.sim(http.MethodPost, "/_sim/secrets", map[string]any{"client_id": m365.Sample().Tenants[0].Apps[0].ClientID, "expire": w.secret})
	w.ones.Close()
	expired, _ := w.doctor()
	expired.wants(t, "credentials", "contoso client_secret 1", "secret_expired")
	expired.wants(t, "ones", "", "ones_refused")

	p.kill()
	after, _ := w.doctor()
	after.wants(t, "gateway", "", "not_checked")
	after.wants(t, "keyset", "", "not_checked") // what it was sealed with, only who opens it sees
}

// For people: words alone in a pipe; on a terminal colours and what is being done, which
// NO_COLOR takes away.
func TestDoctorForPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.secret = m365.Sample().Tenants[0].Apps[0].Secrets[0].ID
	file := w.writeWell(nil)
	out, status := command(t, w.env(), "ones", "doctor", "--config", file)
	if status != 1 || !strings.Contains(out, "WRONG: client_secret 1: Microsoft refuses it (invalid_client AADSTS7000215; ") || !strings.Contains(out, "to do: copy the column Value") ||
		!strings.Contains(out, "not checked: no gateway answers") || !strings.Contains(out, "1 thing is wrong") || strings.Contains(out, "\x1b") || strings.Contains(out, w.secret) {
		t.Errorf("%d:\n%s", status, out)
	}
	if strings.Contains(out, `"level"`) {
		t.Errorf("lines of log stand in it:\n%s", out)
	}
	on := func(env ...string) string {
		shown, _ := onTerminal(t, "", append(w.env(), env...), "ones", "doctor", "--config", file).end()
		return shown
	}
	if shown := on(); !strings.Contains(shown, "\x1b[1;31mWRONG\x1b[0m") || !regexp.MustCompile(`\r\x1b\[2Kreaching .* …`).MatchString(shown) {
		t.Errorf("on a terminal:\n%q", shown)
	}
	if shown := on("NO_COLOR=1"); strings.Contains(shown, "\x1b[1;31m") || !strings.Contains(shown, "WRONG: ") {
		t.Errorf("with NO_COLOR:\n%q", shown)
	}
	if shown := on("TERM=dumb"); strings.Contains(shown, "\x1b") {
		t.Errorf("on a dumb terminal:\n%q", shown)
	}
}
