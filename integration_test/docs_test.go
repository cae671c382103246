package integration_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// texts are what people read, but for the guides, which have tests of their own besides.
func texts(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("../docs/*.md")
	if err != nil || len(all) == 0 {
		t.Fatal(err, len(all))
	}
	return append(all, "../README.md")
}

// Parts of a Caddyfile that are whole.
const (
	aTenant   = "tenant_id 11111111-1111-4111-8111-111111111111\n"
	aClient   = "client_id 22222222-2222-4222-8222-222222222222\nclient_secret {env.ONES_CLIENT_SECRET}\n"
	aServer   = "server {\n" + aTenant + aClient + "}\n"
	aURL      = "public_url https://ones.contoso.com\n"
	aGateway  = "{\nones {\n" + aURL + "integration contoso {\n" + aServer + "}\n}\n}\n"
	inContoso = "ones {\n" + aURL + "integration contoso {\n" + aServer
)

// places are where the words of a Caddyfile can stand: around them goes what a whole one
// needs.
var places = []string{
	"%",
	aGateway + "%",
	"{\n" + "ones {\n" + aURL + "integration fabrikam {\n" + aServer + "}\n}\n%\n}",
	"{\nones {\n%\n}\n}",
	"{\nones {\n" + aURL + "integration fabrikam {\n" + aServer + "}\n%\n}\n}",
	"{\nones {\n" + aURL + "integration contoso {\nserver {\n%\n}\n}\n}\n}",
	"{\nones {\n" + aURL + "integration contoso {\nserver {\n" + aClient + "%\n}\n}\n}\n}",
	"{\nones {\n" + aURL + "integration contoso {\nserver {\n" + aTenant + aClient + "%\n}\n}\n}\n}",
	"{\nones {\n" + aURL + "integration contoso {\n%\n}\n}\n}",
	"{\n" + inContoso + "%\n}\n}\n}",
	"{\n" + inContoso + "rooms {\n%\n}\n}\n}\n}",
	"{\n" + inContoso + "rooms {\nroom boardroom boardroom@contoso.com {\n%\n}\n}\n}\n}\n}",
	"{\n" + inContoso + "users {\n%\n}\n}\n}\n}",
	aGateway + ":8080 {\n%\n}",
	aGateway + ":8080 {\nones_auth {\n%\n}\n}",
	aGateway + ":8080 {\nones_bookings {\nservice_token {env.ONES_SERVICE_TOKEN} ones\n%\n}\n}",
}

// foreign is what is said of the one module of somebody else's that the texts name.
const foreign = "module not registered: events.handlers.exec"

// Every Caddyfile in the texts, or part of one, is one.
func TestCaddyfilesInTexts(t *testing.T) {
	t.Parallel()
	for _, text := range texts(t) {
		for _, b := range readFenced(t, text) {
			if b.language != "caddyfile" {
				continue
			}
			var said []string
			fits := func(place string) bool {
				file := filepath.Join(t.TempDir(), "Caddyfile")
				if err := os.WriteFile(file, []byte(strings.Replace(place, "%", b.text, 1)), 0o600); err != nil {
					t.Fatal(err)
				}
				out, status := command(t, nil, "adapt", "--config", file)
				said = append(said, out)
				return status == 0 || strings.Contains(out, foreign)
			}
			if !slices.ContainsFunc(places, fits) {
				t.Errorf("%s:%d: nowhere in a Caddyfile can that stand:\n%s\n%s", text, b.line, b.text, strings.Join(said, ""))
			}
		}
	}
}

var (
	// ours is a command of the binary, in a line of a shell or between backquotes.
	ours = regexp.MustCompile("(?:^|[ `(]|bin/)(?:onesgate|caddy) ([a-z][^`#|]*)")
	word = regexp.MustCompile(`^[a-z][a-z-]*$`)
)

// Every command of ours in the texts is one that there is, with the flags that it takes.
func TestCommandsInTexts(t *testing.T) {
	t.Parallel()
	helps := map[string]string{}
	help := func(words string) string {
		if _, asked := helps[words]; !asked {
			out, status := command(t, nil, append(strings.Fields(words), "--help")...)
			if status != 0 {
				out = ""
			}
			helps[words] = out
		}
		return helps[words]
	}
	seen := 0
	for _, text := range texts(t) {
		for line, said := range commandsIn(t, text) {
			fields := strings.Fields(said)
			words, rest := fields[:1], fields[1:]
			for len(rest) > 0 && word.MatchString(rest[0]) && strings.Contains(help(strings.Join(words, " ")), "\n  "+rest[0]+" ") {
				words, rest = append(words, rest[0]), rest[1:]
			}
			usage := help(strings.Join(words, " "))
			if usage == "" || len(rest) > 0 && word.MatchString(rest[0]) && strings.Contains(usage, "Available Commands:") {
				t.Errorf("%s: there is no command %q", line, said)
				continue
			}
			seen++
			for _, flag := range rest {
				name, _, _ := strings.Cut(strings.Trim(flag, "[],;."), "=")
				if strings.HasPrefix(name, "-") && len(name) > 1 && !regexp.MustCompile(`(?m)(^|\s)`+regexp.QuoteMeta(name)+`\b`).MatchString(usage) {
					t.Errorf("%s: %s takes no %s", line, strings.Join(words, " "), name)
				}
			}
		}
	}
	if seen < 30 {
		t.Errorf("only %d commands were found", seen)
	}
}

// commandsIn returns the commands of a text, by where they stand.
func commandsIn(t *testing.T, text string) map[string]string {
	t.Helper()
	found := map[string]string{}
	add := func(at string, in string) {
		for i, m := range ours.FindAllStringSubmatch(in, -1) {
			found[at+strings.Repeat("+", i)] = m[1]
		}
	}
	b, err := os.ReadFile(text)
	if err != nil {
		t.Fatal(err)
	}
	shell := false
	for n, line := range strings.Split(string(b), "\n") {
		at := filepath.Base(text) + ":" + strconv.Itoa(n+1)
		switch {
		case strings.HasPrefix(line, "```"):
			shell = line == "```sh"
		case shell:
			add(at, line)
		default:
			for i, quoted := range strings.Split(line, "`") {
				if i%2 == 1 {
					add(at, "`"+quoted)
				}
			}
		}
	}
	return found
}

var (
	link    = regexp.MustCompile(`\]\(([^) ]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	unslug  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// Every link from one text to another, or to a heading of it, leads somewhere.
func TestLinksInTexts(t *testing.T) {
	t.Parallel()
	anchors := func(text []byte) (all []string) {
		for _, m := range heading.FindAllSubmatch(text, -1) {
			slug := unslug.ReplaceAllString(strings.ToLower(string(m[1])), "")
			all = append(all, strings.ReplaceAll(slug, " ", "-"))
		}
		return all
	}
	seen := 0
	for _, text := range texts(t) {
		b, err := os.ReadFile(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllSubmatch(b, -1) {
			to := string(m[1])
			if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
				continue
			}
			seen++
			path, anchor, _ := strings.Cut(to, "#")
			target, err := b, error(nil)
			if path != "" {
				path = filepath.Join(filepath.Dir(text), path)
				if target, err = os.ReadFile(path); err != nil {
					if info, statErr := os.Stat(path); statErr != nil || !info.IsDir() {
						t.Errorf("%s: %s leads nowhere", text, to)
					}
					continue
				}
			}
			if anchor != "" && !slices.Contains(anchors(target), anchor) {
				t.Errorf("%s: %s: there is no such heading", text, to)
			}
		}
	}
	if seen < 30 {
		t.Errorf("only %d links were found", seen)
	}
}
