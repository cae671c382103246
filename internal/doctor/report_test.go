package doctor

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func report() Report {
	about := func(check, about string, f Finding) Finding {
		f.Check = check
		return f.about(about)
	}
	return NewReport("v1", "running", []Finding{
		about("configuration", "", Good("Caddyfile can be loaded")),
		about("tenant", "contoso", Good("tenant x is there")),
		about("credentials", "contoso client_secret 1", SecretWrong.Found("Microsoft refuses it")),
		about("rooms", "contoso", NotKnown(Nobody)),
		about("store", "", DiskLow.Found("600 MiB are free\nof much")),
		about("permissions", "fabrikam", ConsentMissing.Found("bob waits")),
	})
}

// read is what people read of a report.
func read(r Report, colour bool) string {
	var shown bytes.Buffer
	t := Terminal{To: &shown, Colour: colour}
	for _, f := range r.Findings {
		t.Found(f)
	}
	if err := t.Sum(r); err != nil {
		return err.Error()
	}
	return shown.String()
}

func TestTerminal(t *testing.T) {
	const want = `The gateway
  configuration     ok: Caddyfile can be loaded
  store             warning: 600 MiB are free
                    of much
                    to do: make room on the disk soon

Integration contoso
  tenant            ok: tenant x is there
  credentials       WRONG: client_secret 1: Microsoft refuses it
                    to do: ` + "copy" + `
  rooms             not checked: nobody has signed in

Integration fabrikam
  permissions       WRONG: bob waits
                    whose: the tenant's administrator's
                    to do: grant

2 ok, 1 warning, 2 wrong, 1 not checked
`
	short := regexp.MustCompile(`to do: (copy|grant).*`)
	plain, coloured := read(report(), false), read(report(), true)
	if got := short.ReplaceAllString(plain, "to do: $1"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if !strings.Contains(coloured, "\x1b[1;31mWRONG\x1b[0m") {
		t.Errorf("no colour in:\n%q", coloured)
	}
	if bare := regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(coloured, ""); bare != plain {
		t.Errorf("without its colours it differs:\n%s", bare)
	}
}

func TestErr(t *testing.T) {
	if err := report().Err(); err == nil || err.Error() != "2 things are wrong" {
		t.Errorf("Err = %v", err)
	}
	if err := NewReport("", "", []Finding{SecretWrong.Found("x")}).Err(); err == nil || err.Error() != "1 thing is wrong" {
		t.Errorf("Err = %v", err)
	}
	if err := NewReport("", "", []Finding{Good("x"), DiskLow.Found("x"), NotKnown("x")}).Err(); err != nil {
		t.Errorf("Err = %v", err)
	}
}

func TestProgress(t *testing.T) {
	var shown bytes.Buffer
	p := Progress{To: &shown}
	p.Began("asking \x1b[31mwho")
	p.Ended()
	if want := "\r\x1b[2Kasking  [31mwho …\r\x1b[2K"; shown.String() != want {
		t.Errorf("%q, want %q", shown.String(), want)
	}
	Progress{}.Began("nothing")
	Progress{}.Ended()
}

// What comes from outside is cut, and moves no cursor.
func TestBounded(t *testing.T) {
	if got := bounded("a\x1b]0;title\x07\u009bb\r\nc"); got != "a ]0;title  b  c" {
		t.Errorf("%q", got)
	}
	if got := bounded(strings.Repeat("é", 400)); len([]rune(got)) != 301 {
		t.Errorf("%d runes", len([]rune(got)))
	}
}

// Each kind has a row in the page about it, with how bad it is, and nothing else has.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (\\w+) \\| .+ \\| .+ \\|$").FindAllStringSubmatch(string(page), -1) {
		if _, twice := rows[m[1]]; twice {
			t.Errorf("%s is there twice", m[1])
		}
		rows[m[1]] = m[2]
	}
	var names []string
	for _, k := range Kinds {
		if rows[k.Name] != string(k.Result) {
			t.Errorf("%s: the page says %q, want %q", k.Name, rows[k.Name], k.Result)
		}
		names = append(names, k.Name)
	}
	for name := range rows {
		if !slices.Contains(names, name) {
			t.Errorf("%s is in the page, and nothing finds it", name)
		}
	}
	for _, check := range append(checkNames, "configuration", "gateway", "access_log", "service_listener", "proxy", "store", "keyset", "public_url", "ones", "integrations", "redirect_uris", "permissions", "rooms", "room_accounts") {
		if !strings.Contains(string(page), "\n## "+check+"\n") {
			t.Errorf("the check %s is not in the page", check)
		}
	}
}
